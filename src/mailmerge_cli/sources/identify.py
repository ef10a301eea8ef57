"""What a file is, by its first bytes; its name is asked last."""

from __future__ import annotations

import zipfile
from enum import StrEnum
from typing import BinaryIO

from mailmerge_cli.sources.compound import SIGNATURE, Compound, TornCompound

HEAD = 4096
"""So many bytes of the beginning are enough."""

LARGEST_DIRECTORY = 4 << 20
"""Bytes of a zip archive's directory; a workbook's part takes about a hundred."""


class Content(StrEnum):
    """What a file can be, for the purposes of this room."""

    WORKBOOK = "workbook"  # xlsx, xlsm
    OLD = "old"  # xls, xlsb
    OPEN_DOCUMENT = "open document"  # ods
    SEALED = "sealed"  # an Office file of today that is encrypted with a password
    TEXT = "text"  # CSV, JSON Lines, or any other text
    OTHER = "other"  # refused, unless a third party claims its ending


_MAGIC = (
    (b"%PDF-", "a PDF document"),
    (b"{\\rtf", "an RTF document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
    (b"\x89PNG\r\n", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GIF8", "a picture (GIF)"),
    (b"\x7fELF", "a program"),
)
_SAVE_AS = "open it in Excel and save it as an Excel workbook (.xlsx) or as CSV UTF-8"
_ZIPS = (
    ("encrypted-package", "protected by a password of LibreOffice's own kind"),
    ("word/document.xml", "a Word document"),
    ("ppt/presentation.xml", "a PowerPoint presentation"),
    ("Index/Document.iwa", "an Apple Numbers or Pages document"),
)


def identify(stream: BinaryIO) -> tuple[Content, str]:
    """What a file is, and for `OTHER` a name for it and what to do, in words. The stream is read from where it stands."""
    head = stream.read(HEAD)
    if head.startswith(b"PK"):
        return _zip(stream)
    if head.startswith(SIGNATURE):
        return _compound(stream)
    for magic, words in _MAGIC:
        if head.startswith(magic):
            return Content.OTHER, words
    return _text(head)


def _text(head: bytes) -> tuple[Content, str]:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:200].lower()
    if start.startswith((b"<!doctype html", b"<html", b"<table", b"<meta")):
        return Content.OTHER, f"a web page (some programs export those as .xls); {_SAVE_AS}"
    if start.startswith(b"<?xml"):
        return Content.OTHER, f"an XML file; {_SAVE_AS}"
    return Content.TEXT, ""


def _compound(stream: BinaryIO) -> tuple[Content, str]:
    """Excel before 2007, and any Office file that is encrypted with a password, come in the same wrapping."""
    try:
        names = set(Compound(stream).names())
    except TornCompound:
        return Content.OTHER, "a damaged or incomplete Office document; copy or download it again"
    if "EncryptedPackage" in names:
        return Content.SEALED, ""
    if names & {"Workbook", "Book"}:
        return Content.OLD, ""
    return Content.OTHER, f"an old Office document; {_SAVE_AS}"


def directory_size(stream: BinaryIO) -> int:
    """Bytes that a zip archive's directory takes, as the archive says (APPNOTE §4.3.16); 0 if it says nothing.

    All of it is read before the first part, so it is looked at before.
    """
    stream.seek(0, 2)
    end = stream.tell()
    stream.seek(max(0, end - 22 - 0xFFFF))
    tail = stream.read()
    at = tail.rfind(b"PK\x05\x06")
    stream.seek(0)
    return int.from_bytes(tail[at + 12 : at + 16], "little") if at >= 0 else 0


def _zip(stream: BinaryIO) -> tuple[Content, str]:
    if directory_size(stream) > LARGEST_DIRECTORY:
        return Content.OTHER, "an archive of too many parts"
    try:
        with zipfile.ZipFile(stream) as archive:
            names = {name.replace("\\", "/").lower() for name in archive.namelist()[:10_000]}
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError):
        return (
            Content.OTHER,
            "a damaged or incomplete workbook (its end is missing); copy or download it again",
        )
    for name, words in _ZIPS:
        if name.lower() in names:
            return Content.OTHER, f"{words}; {_SAVE_AS}"
    if "content.xml" in names:
        return Content.OPEN_DOCUMENT, ""
    if "[content_types].xml" in names:
        return Content.OLD if "xl/workbook.bin" in names else Content.WORKBOOK, ""
    return Content.OTHER, "a zip archive; unpack it first"
