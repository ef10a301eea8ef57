"""Local images of HTML and Markdown: read once, sent along inline, shown by `cid:` (RFC 2387, RFC 2392)."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

from mailmerge_cli.render.attachment import AttachmentFault, checked_name, image_entity, media_type, read_file
from mailmerge_cli.render.letter import Attachment


class Images:
    """The images of one template.

    Args:
        folder: what paths are relative to: the template's own.
        root: the folder that no image may lie outside of.
        domain: the right side of content ids.
    """

    def __init__(self, folder: Path, root: Path, domain: str) -> None:
        self.folder = folder
        self.root = root
        self.domain = domain
        self._found: dict[Path, tuple[str, Attachment]] = {}

    @property
    def all(self) -> tuple[Attachment, ...]:
        """In the order of their first use."""
        return tuple(image for _, image in self._found.values())

    def link(self, path: str) -> str:
        """The `cid:` link of an image, which is read when it is met first.

        Raises:
            AttachmentFault: it is missing, outside the folder, or no image.
        """
        plain = path.replace("\\", "/")
        if plain.startswith(("/", "~")) or "\0" in plain:
            raise AttachmentFault(f"the image {path!r} is not relative to the template's folder")
        real = Path(os.path.realpath(self.folder / plain))
        if not real.is_relative_to(os.path.realpath(self.root)):
            raise AttachmentFault(f"the image {path!r} leads out of the folder")
        known = self._found.get(real)
        if known is None:
            known = self._found[real] = self._read(real, path)
        return "cid:" + known[0]

    def _read(self, real: Path, path: str) -> tuple[str, Attachment]:
        content = read_file(real, path)
        name = checked_name(real.name)
        kind = media_type(name, content)
        if not kind.startswith("image/"):
            raise AttachmentFault(f"{path!r} is not an image")
        digest = hashlib.sha256(content).digest()
        content_id = f"{digest.hex()[:24]}@{self.domain}"
        image = Attachment(name, kind, path, str(real), digest, len(content))
        return content_id, replace(image, entity=image_entity(image, content, content_id))
