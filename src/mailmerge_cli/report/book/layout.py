"""Where in a sheet the answers go: right of everything that is written there, or where earlier answers stand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mailmerge_cli.model.table import ANSWER_TITLES, Column
from mailmerge_cli.report.book.cut import PLACE, NoCopy, Piece, cells_of, cut, row_number
from mailmerge_cli.sources.ranges import WIDEST, Range, column_index
from mailmerge_cli.sources.xlsx.package import LARGEST_SHEET, Package
from mailmerge_cli.sources.xlsx.source import WorkbookSource
from mailmerge_cli.sources.xlsx.survey import survey

_VALUE = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?(?:v|is|f)[\s/>]")
_STYLE = re.compile(rb"\ss\s*=\s*[\"'](\d{1,6})[\"']")
_LETTERS = re.compile(r"[A-Z]{1,3}")


@dataclass(frozen=True, slots=True)
class SheetLayout:
    """What must be known of a sheet before it is copied.

    Attributes:
        part: its part.
        header: the lowest row of the titles.
        last: the last row.
        places: the columns from 0 of the state, the time and the reply.
        crowded: cells, perhaps empty ones with a format, stand in these columns or right of them.
        title_style: the format of the last title; None for none.
        prefix: of its elements, with the colon.
        merged: its merged ranges.
    """

    part: str
    header: int
    last: int
    places: tuple[int, int, int]
    crowded: bool
    title_style: int | None
    prefix: bytes
    merged: tuple[Range, ...]


def survey_sheet(package: Package, source: WorkbookSource) -> SheetLayout:
    """Look a sheet over.

    Args:
        package: the workbook.
        source: the list in it.

    Raises:
        NoCopy: there is no place for the answers, or the sheet is not written plainly.
    """
    part, header = source.part, source.header
    merged = tuple(survey(package, part).merged)
    width = max((_place(column) for column in source.columns if column.title), default=0) + 1
    look = _Look(header, width - 1)
    for piece, xml in cut(package.chunks(part, LARGEST_SHEET), b"sheetData", b"row"):
        if piece is Piece.ELEMENT:
            look.meet(xml)
    if not look.found:
        raise NoCopy("the row of its titles is not found")
    reach = max([width, look.reach, *(1 + one.right for one in merged if one.bottom >= header)])
    places = _places(source.texts_in(header), reach)
    if max(places) >= WIDEST:
        raise NoCopy("its sheet has no columns left for the answers")
    return SheetLayout(
        part, header, look.last, places, look.widest > min(places), look.title_style, look.prefix, merged
    )


def _places(titles: Mapping[int, str], reach: int) -> tuple[int, int, int]:
    """Where each answer goes; those of an earlier copy keep their places, also beside a table or below another title."""
    earlier: dict[str, int] = {}
    for place, title in titles.items():
        earlier.setdefault(title.strip().casefold(), place)
    found = []
    for title in ANSWER_TITLES:
        if title in earlier:
            found.append(earlier[title])
        else:
            found.append(reach)
            reach += 1
    return found[0], found[1], found[2]


def _place(column: Column) -> int:
    """Its column in the sheet; a table may begin right of A."""
    return column_index(column.letter) if _LETTERS.fullmatch(column.letter) else column.index


def _from_behind(row: bytes, prefix: bytes) -> Iterator[tuple[int, bytes]]:
    """The cells of a row's XML, the last one first: place and element."""
    opening, end = b"<" + prefix + b"c ", len(row)
    while (begin := row.rfind(opening, 0, end)) >= 0:
        said = PLACE.search(row, begin, row.index(b">", begin) + 1)
        if said is None:  # places are counted where they are not said
            yield from ((cell.place, row[cell.begin : cell.end]) for cell in reversed(cells_of(row)))
            return
        yield column_index(said[1].decode()), row[begin:end]
        end = begin


class _Look:
    """What a pass over the rows finds.

    Attributes:
        title_style, prefix: see `SheetLayout`.
        found: the row of the titles was met.
        last: the last row.
        reach: columns up to the last one with a value in any row from the titles on; `widest` counts empty cells too.
    """

    def __init__(self, header: int, titled: int) -> None:
        self.last = self.reach = self.widest = 0
        self.found = False
        self.title_style: int | None = None
        self.prefix = b""
        self._header, self._titled = header, titled

    def meet(self, row: bytes) -> None:
        """The next row."""
        self.last = number = row_number(row, self.last)
        if number < self._header:
            return
        if number == self._header:
            self._meet_header(row)
        for place, cell in _from_behind(row, self.prefix):
            self.widest = max(self.widest, place + 1)
            if _VALUE.search(cell):
                self.reach = max(self.reach, place + 1)
                return

    def _meet_header(self, row: bytes) -> None:
        self.found = True
        plain = row.lstrip()
        self.prefix = plain[1 : plain.index(b"row")]
        for cell in cells_of(row):
            if cell.place <= self._titled and (style := _STYLE.search(row, cell.begin, cell.inner)):
                self.title_style = int(style[1])
