"""A campaign with every kind of file that decides what its mails are, and how a person changes one of them."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

Change = Callable[[Path], object]
"""What is done to the campaign's folder."""


def write_parts(folder: Path, letter: str, *, text: str = "Text {{ id }}") -> None:
    """`letter` as HTML, which may include foot.html and show logo.png; the text beside it, an exclusion, an attachment."""
    for name, content in {
        "letter.html": letter, "foot.html": "<b>{{ id }}</b>", "letter.txt": text, "gone.txt": "a@example.org\n",
        "terms.txt": "terms",
    }.items():  # fmt: skip
        (folder / name).write_text(content, encoding="utf-8")
    (folder / "logo.png").write_bytes(png(1))


def png(colour: int) -> bytes:
    """One pixel, as small as PNG allows (RFC 2083)."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixel = zlib.compress(bytes([0, colour]))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")


def edit(name: str, old: str, new: str) -> Change:
    """Another text in this file (accounts.toml: of the person), so that neither size (where they are as long) nor time shows it."""

    def change(folder: Path) -> None:
        file = folder / name if name != "accounts.toml" else Path(os.environ["MAILMERGE_HOME"]) / name
        before, text = file.stat(), file.read_text(encoding="utf-8")
        assert old in text
        with file.open("r+", encoding="utf-8", newline="") as opened:
            opened.write(text.replace(old, new))
            opened.truncate()
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    return change


def repaint(folder: Path) -> None:
    """Another logo.png of the same size."""
    (folder / "logo.png").write_bytes(png(2))


def turn_round(folder: Path) -> None:
    """The same rows, the last first."""
    header, *rows = (folder / "people.csv").read_text().splitlines()
    (folder / "people.csv").write_text("\n".join([header, *reversed(rows)]) + "\n")
