"""A sheet's XML as a stream of rows; memory holds one chunk of them at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mailmerge_cli.model.cell import Cell
from mailmerge_cli.sources.ranges import TALLEST, WIDEST, column_index
from mailmerge_cli.sources.totals import adds_up
from mailmerge_cli.sources.xlsx.cells import CellMaker, reference
from mailmerge_cli.sources.xlsx.package import CHUNK, LARGEST_SHEET, Attributes, Package, local

_LONGEST_SUM = 400  # characters of a formula that is looked at
_LONGEST_ROW = (8 << 20) // CHUNK
_DIGITS = "0123456789"
_TRUE = {"1", "true", "on"}


@dataclass(slots=True)
class SheetRow:
    """One row of the sheet.

    Attributes:
        number: as Excel counts.
        hidden: by hand or by a filter.
        cells: from column A to the last one that holds a value, at most as many as were asked for.
        suspect: a text in it holds a character that no mail may carry.
        beyond: reference of a cell with a value right of those asked for; empty for none.
        sums: a formula in it adds up other rows.
    """

    number: int
    hidden: bool
    cells: list[Cell]
    suspect: bool = False
    beyond: str = ""
    sums: bool = False

    @property
    def blank(self) -> bool:
        """Whether no cell holds a value; spaces are none."""
        for cell in self.cells:  # noqa: SIM110  a generator costs more than the row
            if type(cell) is not str or (cell and not cell.isspace()):
                return False
        return True


class SheetReader:
    """Reads the rows of one sheet, once; most of its methods are what the XML parser calls.

    Attributes:
        hidden_columns: first and last place of each run of hidden columns, from 0; complete when the first row comes.
    """

    __slots__ = (
        "_cells", "_formula", "_hidden", "_inline", "_kind", "_maker", "_number", "_package", "_part", "_phonetic",
        "_place", "_places", "_prefix", "_reach", "_ready", "_style", "_sums", "_text", "_value", "_width", "hidden_columns",
    )  # fmt: skip

    def __init__(self, package: Package, part: str, maker: CellMaker, width: int = WIDEST) -> None:
        self.hidden_columns: list[tuple[int, int]] = []
        self._package, self._part = package, part
        self._maker, self._width = maker, width
        self._prefix = ""
        self._places: dict[str, int] = {}
        self._ready: list[SheetRow] = []
        # Of the row at hand:
        self._number, self._hidden, self._reach, self._sums = 0, False, "", False
        self._cells: list[Cell] = []
        # Of the cell at hand:
        self._place = -1
        self._kind, self._style = "n", "0"
        self._value: str | None = None
        self._text = ""
        self._formula = False
        self._inline: list[str] = []
        self._phonetic = 0

    def rows(self) -> Iterator[SheetRow]:
        """All rows that hold a value, in their order. Refused if the sheet is damaged."""
        parser = self._package.parser(self._part)
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        last, chunks = 0, 0
        for _ in self._package.feed(self._part, parser, LARGEST_SHEET):
            # A chunk's rows are few; one row of many chunks is an attack on the memory.
            chunks = chunks + 1 if self._number == last else 0
            if chunks > _LONGEST_ROW:
                raise self._package.bomb(f"row {last} of its part {self._part} does not end")
            last = self._number
            ready, self._ready = self._ready, []
            yield from ready

    def _start(self, name: str, attributes: Attributes) -> None:
        if name == "c":
            said = attributes.get("r")
            if said:
                letters = said.rstrip(_DIGITS)
                place = self._places.get(letters)
                self._place = self._new_place(letters) if place is None else place
            else:
                self._place += 1
            self._kind = attributes.get("t", "n")
            self._style = attributes.get("s", "0")
            self._value = None
            self._formula = False
        elif name == "v":
            self._text = ""
        elif name == "row":
            self._start_row(attributes)
        elif name == "f":
            self._formula = True
            self._text = ""
        else:
            self._start_other(name, attributes)

    def _start_row(self, attributes: Attributes) -> None:
        number = attributes.get("r")
        last = self._number
        self._number = int(number) if number and number.isdecimal() and len(number) < 9 else last + 1
        if not last < self._number <= TALLEST:
            raise self._package.damaged(f"row {self._number} follows row {last}")
        self._hidden = attributes.get("hidden", "0") in _TRUE
        self._cells, self._place, self._reach, self._sums = [], -1, "", False
        self._text = ""  # blanks between the rows of an indented file would pile up

    def _start_other(self, name: str, attributes: Attributes) -> None:
        match name:
            case "is":
                self._inline = []
            case "t":
                self._text = ""
            case "rPh":
                self._phonetic += 1
            case "col":
                if attributes.get("hidden", "0") in _TRUE:
                    self.hidden_columns.append((_place(attributes, "min"), _place(attributes, "max")))
            case _ if ":" in name and self._known(local(name)):
                # A writer with prefixes: the same again without them.
                self._start(local(name), attributes)

    def _end(self, name: str) -> None:
        if name == "v":
            self._value = self._text
        elif name == "c":
            if self._value is not None or self._formula:
                self._take()
        elif name == "row":
            self._end_row()
        else:
            self._end_other(name)

    def _end_other(self, name: str) -> None:
        if name == "f":
            self._sums = self._sums or (len(self._text) < _LONGEST_SUM and adds_up(self._text, self._number))
        elif name == "t":
            if not self._phonetic:
                self._inline.append(self._text)
        elif name == "is":
            self._value = "".join(self._inline)
        elif name == "rPh":
            self._phonetic -= 1
        elif ":" in name and self._known(local(name)):
            self._end(local(name))

    def _characters(self, text: str) -> None:
        self._text += text

    def _take(self) -> None:
        """The cell at hand into the row."""
        place = self._place
        if place >= self._width:
            self._reach = self._reach or reference(place, self._number)
            return
        where = (place, self._number)
        try:
            cell = self._maker.make(self._kind, self._style, self._value, self._formula, where)
        except (ValueError, IndexError, OverflowError) as fault:
            raise self._package.damaged(f"cell {reference(*where)} holds no value of its type") from fault
        cells = self._cells
        if place == len(cells):
            cells.append(cell)
        elif place > len(cells):
            cells += [""] * (place - len(cells))
            cells.append(cell)
        else:
            cells[place] = cell

    def _end_row(self) -> None:
        maker = self._maker
        if self._cells or self._reach:
            self._ready.append(
                SheetRow(self._number, self._hidden, self._cells, maker.suspect, self._reach, self._sums)
            )
            maker.suspect = False

    def _new_place(self, letters: str) -> int:
        if (
            not (letters.isascii() and letters.isalpha() and len(letters) < 4)
            or column_index(letters.upper()) >= WIDEST
        ):
            raise self._package.damaged(f"row {self._number} has a cell in no column")
        place = self._places[letters] = column_index(letters.upper())
        return place

    @staticmethod
    def _known(name: str) -> bool:
        return name in {"c", "v", "row", "f", "is", "t", "rPh", "col"}


def _place(attributes: Attributes, name: str) -> int:
    """A column's place from 0, of an attribute that counts from 1; -1 if it says none."""
    text = attributes.get(name, "")
    return int(text) - 1 if text.isdecimal() and len(text) < 9 else -1
