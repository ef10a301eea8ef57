"""A copy of a person's workbook with the answers beside its rows; every other part, and every other cell, is as it was.

Rule: a state stands beside a row only if the caller said so for that row's number; nothing is guessed here.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from mailmerge_cli.errors import Refused
from mailmerge_cli.model.table import ANSWER_TITLES
from mailmerge_cli.report.book.cut import NoCopy, Piece, cells_of, cut, row_number
from mailmerge_cli.report.book.layout import SheetLayout, survey_sheet
from mailmerge_cli.report.book.paint import painted
from mailmerge_cli.report.book.text import text_cell
from mailmerge_cli.report.book.widths import widened
from mailmerge_cli.sources.header import column_letter
from mailmerge_cli.sources.xlsx.package import LARGEST_SHEET, Package
from mailmerge_cli.sources.xlsx.source import WorkbookSource
from mailmerge_cli.sources.xlsx.workbook import read_workbook

_WIDTHS = (12, 25, 60)
_SPANS = re.compile(rb"(\sspans\s*=\s*[\"']\d+:)(\d+)([\"'])")
_FORMULA = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?f[\s/>]")
_ZIP = b"PK"
_SIGNATURES = "_xmlsignatures/"
_TYPES = "[content_types].xml"
_WITH_MACROS = b"macroEnabled.main+xml"
_TEMPLATE = b"spreadsheetml.template.main+xml"


@dataclass(frozen=True, slots=True)
class Mark:
    """What became of the recipient of one row.

    Attributes:
        row: the row's number.
        state: in a word.
        time: of the last attempt; empty for none.
        reply: the server's last words, or why nothing was sent.
    """

    row: int
    state: str
    time: str
    reply: str


def write_marked(
    out: BinaryIO, source: WorkbookSource, marks: Iterable[Mark], *, macros: bool = False
) -> str:
    """Write the copy; returns what a person should know of it, empty if nothing.

    Args:
        out: an empty binary file.
        source: the list.
        marks: by row, upwards; taken one by one, so memory does not grow with them.
        macros: the copy's name says that it holds macros (.xlsm); Excel opens no file whose name lies about that.

    Raises:
        NoCopy: this workbook cannot be copied so; the text says why. What was written is worth nothing then.
        Refused: the file changed, or is damaged.
    """
    with source.path.open("rb") as stream:
        if stream.read(2) != _ZIP:
            raise NoCopy("it is protected by a password, and a copy would not be")
        package = Package(stream, str(source.path))
        _check_kind(package, macros)
        layout = survey_sheet(package, source)
        styles = read_workbook(package).styles
        edited, numbers = painted(b"".join(package.chunks(styles))) if styles in package else (b"", {})
        sheet = _Marking(layout, numbers, marks).pieces(package)
        replaced: dict[str, Iterable[bytes]] = {source.part.lower(): sheet}
        if styles and numbers:
            replaced[styles.lower()] = (edited,)
        signed = copy_package(out, stream, package, replaced)
    return (
        "The list is signed; the copy is not what was signed, so its signature does not hold."
        if signed
        else ""
    )


def _check_kind(package: Package, macros: bool) -> None:
    types = b"".join(package.chunks(_TYPES))
    if not macros and _WITH_MACROS in types:
        raise NoCopy("it holds macros; name the copy .xlsm")
    if macros and _WITH_MACROS not in types:
        raise NoCopy("it holds no macros; name the copy .xlsx")
    if _TEMPLATE in types:
        raise NoCopy("it is a template (.xltx)")


def copy_package(
    out: BinaryIO, stream: BinaryIO, package: Package, replaced: Mapping[str, Iterable[bytes]]
) -> bool:
    """All parts in their order, those of `replaced` (by their names in lower case) with other content; whether signatures are among them."""
    with zipfile.ZipFile(stream) as old, zipfile.ZipFile(out, "w", allowZip64=True) as new:
        seen: set[str] = set()
        for entry in old.infolist():
            name = posixpath.normpath(entry.filename.replace("\\", "/")).lstrip("/").lower()
            if name in seen or entry.is_dir():
                continue
            seen.add(name)
            same = zipfile.ZipInfo(entry.filename, entry.date_time)
            same.compress_type, same.external_attr = entry.compress_type, entry.external_attr
            content = replaced.get(name) or package.chunks(name, LARGEST_SHEET)
            with new.open(same, "w", force_zip64=entry.file_size > 1 << 30) as part:
                for chunk in content:
                    part.write(chunk)
        if missing := set(replaced) - seen:
            raise NoCopy(f"its part {min(missing)} is missing")
        return any(name.startswith(_SIGNATURES) and name.endswith(".xml") for name in seen)


class _Marking:
    """Edits one sheet's XML as it passes."""

    def __init__(self, layout: SheetLayout, styles: Mapping[str, int], marks: Iterable[Mark]) -> None:
        self._layout, self._styles = layout, styles
        self._marks = iter(marks)
        self._next = next(self._marks, None)
        self._letters = [column_letter(place) for place in layout.places]
        self._beyond = max(layout.places) + 1

    def pieces(self, package: Package) -> Iterator[bytes]:
        """The sheet with the answers."""
        number = 0
        pending: list[bytes] = []
        size = 0
        for piece, xml in cut(package.chunks(self._layout.part, LARGEST_SHEET), b"sheetData", b"row"):
            if piece is Piece.HEAD:
                xml = widened(xml, dict(zip(self._layout.places, _WIDTHS, strict=True)), self._layout.last)
            elif piece is Piece.ELEMENT:
                number = row_number(xml, number)
                xml = self._row(number, xml)
            pending.append(xml)
            size += len(xml)
            if size > 1 << 16:
                yield b"".join(pending)
                pending, size = [], 0
        yield b"".join(pending)
        if self._next is not None:
            raise Refused(f"row {self._next.row} is not in the sheet any more", reason="changed")

    def _row(self, number: int, xml: bytes) -> bytes:
        if number == self._layout.header:
            style = self._layout.title_style
            return self._with(xml, number, [(title, style) for title in ANSWER_TITLES])
        if self._next is not None and self._next.row == number:
            mark, self._next = self._next, next(self._marks, None)
            plain = self._styles.get("")
            state = self._styles.get(mark.state, plain)
            return self._with(xml, number, [(mark.state, state), (mark.time, plain), (mark.reply, plain)])
        return self._with(xml, number, []) if self._layout.crowded and number > self._layout.header else xml

    def _with(self, xml: bytes, number: int, texts: list[tuple[str, int | None]]) -> bytes:
        """The row with these cells in the answers' columns, and nothing else there."""
        new = {
            place: text_cell(self._layout.prefix, f"{letter}{number}", style, text)
            for place, letter, (text, style) in zip(
                self._layout.places, self._letters, texts or [("", None)] * 3, strict=True
            )
            if text
        }
        xml = self._opened(xml) if new else xml
        if not self._layout.crowded:
            close = xml.rindex(b"</")
            return b"".join((xml[:close], *(new[place] for place in sorted(new)), xml[close:]))
        return self._among(xml, new)

    def _opened(self, xml: bytes) -> bytes:
        """The row with an end tag of its own, and with its `spans` wide enough."""
        inner = xml.index(b">") + 1
        tag = _SPANS.sub(
            lambda said: said[1] + b"%d" % max(int(said[2]), self._beyond) + said[3], xml[:inner]
        )
        if tag.endswith(b"/>"):
            return tag[:-2] + b"></" + self._layout.prefix + b"row>"
        return tag + xml[inner:]

    def _among(self, xml: bytes, new: dict[int, bytes]) -> bytes:
        """The cells in their order; those that stood in the answers' columns are gone."""
        parts: list[bytes] = []
        left = sorted(new)
        at = 0
        for cell in cells_of(xml):
            while left and left[0] < cell.place:
                parts += [xml[at : cell.begin], new[left.pop(0)]]
                at = cell.begin
            if cell.place in self._layout.places:
                if _FORMULA.search(xml, cell.inner, cell.end):
                    raise NoCopy("formulas stand where the answers go")
                parts.append(xml[at : cell.begin])
                at = cell.end
                if left and left[0] == cell.place:
                    parts.append(new[left.pop(0)])
        close = xml.rindex(b"</") if left else len(xml)
        return b"".join((*parts, xml[at:close], *(new[place] for place in left), xml[close:]))
