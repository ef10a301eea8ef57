"""Writing a starter campaign into a folder: all of it or nothing, and never over a file that is there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mailmerge_cli.errors import LedgerFault, Refused, UsageFault
from mailmerge_cli.starter.kind import Kind
from mailmerge_cli.starter.own import OwnList, own_files

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


def write_campaign(kind: Kind | str, folder: Path, *, own: OwnList | None = None) -> list[Path]:
    """Write a campaign into `folder`, which is made if it is not there; what was written, campaign.toml first.

    Args:
        kind: which campaign.
        folder: where to; files of other names in it are let be.
        own: the person's own list, to which campaign.toml and the message are made to fit. The list itself is neither
            copied nor touched. None: the example as it is, with its example list.

    Raises:
        UsageFault: there is no such kind.
        Refused: a file that would be written is there already. Nothing was written.
        LedgerFault: the disk will not have them. What had been written is taken away again.
    """
    files = campaign_files(kind) if own is None else own_files(_known(kind), own, folder)
    targets = {folder / name: content for name, content in files.items()}
    if there := [path for path in targets if os.path.lexists(path)]:
        names = ", ".join(path.relative_to(folder).as_posix() for path in there)
        raise Refused(
            f"{folder} already has {names}. Nothing was written.",
            hint="Name another folder, or move what is there out of the way.",
        )
    _write_all(targets, folder)
    return list(targets)


def campaign_files(kind: Kind | str) -> dict[str, bytes]:
    """The example campaign of a kind: path below its folder, with `/`, and content; campaign.toml first."""
    from importlib import resources

    root = resources.files("mailmerge_cli.starter") / "campaigns" / _known(kind).value
    files = dict(_below(root, ""))
    return {name: files[name] for name in sorted(files, key=lambda name: (name != "campaign.toml", name))}


def _known(kind: Kind | str) -> Kind:
    try:
        return Kind(kind)
    except ValueError as error:
        raise UsageFault(f"There is no starter campaign {kind!r}; there are {', '.join(Kind)}.") from error


def _below(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for entry in folder.iterdir():
        name = prefix + entry.name
        if entry.is_dir():
            found += _below(entry, name + "/")
        else:
            found.append((name, entry.read_bytes()))
    return found


def _write_all(targets: Mapping[Path, bytes], folder: Path) -> None:
    written: list[Path] = []
    made: list[Path] = []
    try:
        for path, content in targets.items():
            _make(path.parent, made)
            with path.open("xb") as file:
                written.append(path)
                file.write(content)
    except OSError as error:
        _take_back(written, made)
        raise LedgerFault(
            f"The campaign cannot be written to {folder}: {error.strerror or error}."
        ) from error


def _make(folder: Path, made: list[Path]) -> None:
    """Make a folder and those above it, and remember which were not there."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir()
        made.append(each)


def _take_back(written: list[Path], made: list[Path]) -> None:
    for path in written:
        with contextlib.suppress(OSError):
            path.unlink()
    for path in reversed(made):
        with contextlib.suppress(OSError):
            path.rmdir()  # refuses where something else has come in meanwhile
