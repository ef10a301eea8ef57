"""An .eml file as people see it: decoded headers, the text, what is attached.

Whatever a client sent can be read: a header or a charset that is wrong is shown as it stands. So the parser is the old,
patient one of the standard library; its successor raises on some broken headers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from email.message import Message

_FOLD = re.compile(r"\r?\n(?=[ \t])")
_UNSEEN = re.compile(r"<(style|script|title)\b.*?</\1\s*>|<!--.*?-->", re.DOTALL | re.IGNORECASE)
_BLOCK = re.compile(r"</?(?:p|div|br|tr|li|ul|ol|table|h[1-6]|blockquote|hr)\b[^>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")


class Parsed:
    """One mail, read from its file. OSError if the file cannot be read."""

    def __init__(self, path: Path) -> None:
        from email.parser import BytesParser

        with path.open("rb") as file:
            self._mail: Message = BytesParser().parse(file)

    def headers(self, name: str, *, before: str = "") -> list[str]:
        """The values of all headers of that name, decoded and unfolded; only those above the first one named `before`."""
        found: list[str] = []
        for title, value in self._mail.raw_items():
            if title.lower() == before.lower():
                break
            if title.lower() == name.lower():
                found.append(_decoded(value))
        return found

    def header(self, name: str) -> str:
        """The first of them; empty if there is none."""
        return next(iter(self.headers(name)), "")

    @cached_property
    def attachments(self) -> tuple[tuple[str, int], ...]:
        """Name (or content type) and size in octets of each attachment; inline images are none."""
        found = (part for part in self._leaves if part.get_content_disposition() == "attachment")
        return tuple((_name(part), len(_octets(part))) for part in found)

    @cached_property
    def text(self) -> str:
        """The text part; without one, the HTML part as text; empty if there is neither."""
        if (plain := self._bodies.get("text/plain")) is not None:
            return _text(plain)
        return _bare(self.html)

    @property
    def has_text(self) -> bool:
        """Whether there is a text part."""
        return "text/plain" in self._bodies

    @cached_property
    def html(self) -> str:
        """The HTML part as it was sent; empty if there is none."""
        return _text(self._bodies["text/html"]) if "text/html" in self._bodies else ""

    @cached_property
    def pictures(self) -> Mapping[str, Message]:
        """What the HTML part may show, by content id (RFC 2392)."""
        found = ((part.get("Content-ID", "").strip().strip("<>"), part) for part in self._leaves)
        return {name: part for name, part in found if name and part.get_content_maintype() == "image"}

    def picture_url(self, content_id: str) -> str | None:
        """One of them as a `data:` URL (RFC 2397); None if there is none."""
        from base64 import b64encode

        if (part := self.pictures.get(content_id)) is None:
            return None
        return f"data:{part.get_content_type()};base64,{b64encode(_octets(part)).decode('ascii')}"

    @cached_property
    def _bodies(self) -> dict[str, Message]:
        return {
            part.get_content_type(): part
            for part in reversed(self._leaves)
            if not part.get_content_disposition()
        }

    @cached_property
    def _leaves(self) -> list[Message]:
        return [part for part in self._mail.walk() if not part.is_multipart()]


def _bare(html: str) -> str:
    """The words of an HTML body, a line for each block; good enough to look at, for mails without a text part."""
    from html import unescape

    words = _UNSEEN.sub("", html)
    words = _TAG.sub("", _BLOCK.sub("\n", words))
    lines = (" ".join(unescape(line).split()) for line in words.splitlines())
    return "\n".join(line for line in lines if line)


def _octets(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _text(part: Message) -> str:
    octets = _octets(part)
    try:
        text = octets.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        text = octets.decode("utf-8", "replace")
    return text.replace("\r\n", "\n")


def _name(part: Message) -> str:
    return _decoded(part.get_filename() or part.get_content_type())


def _decoded(value: object) -> str:
    """Unfolded; raw UTF-8 (RFC 6532) and encoded words (RFC 2047) decoded, what is broken left as it is."""
    from email.errors import MessageError
    from email.header import decode_header, make_header

    text = _FOLD.sub("", str(value)).strip().encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if "=?" not in text:
        return text
    try:
        return str(make_header(decode_header(text)))
    except (LookupError, ValueError, MessageError):
        return text
