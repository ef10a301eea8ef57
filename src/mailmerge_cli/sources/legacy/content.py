"""content.xml of an OpenDocument sheet as a stream of rows."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mailmerge_cli.errors import Refused
from mailmerge_cli.model.cell import Cell, FaultCell, MomentCell, RealCell, WholeCell
from mailmerge_cli.sources.header import column_letter
from mailmerge_cli.sources.legacy.plain import plain_cell
from mailmerge_cli.sources.ranges import TALLEST, WIDEST, Range
from mailmerge_cli.sources.xlsx.package import LARGEST_SHEET, Attributes, Package, local

_MOST_RANGES = 100_000
_LONGEST = 1 << 20  # characters of one cell
_HIDDEN = {"collapse", "filter"}
_NUMBERS = {"float", "percentage", "currency"}
# Texts that stand in a cell and are not its own: comments, drawings, phonetic guides.
_APART = {
    "annotation", "shapes", "frame", "ruby-text", "custom-shape", "control", "g", "event-listeners", "tracked-changes", "dde-links",
}  # fmt: skip
_NOTHING: Attributes = {}
_LIBREOFFICE = "calcext:value-type"
_DURATION = re.compile(r"(-?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:[.,]\d+)?)S)?)?")


@dataclass(slots=True)
class OdsRow:
    """A row and how often it follows itself; `number` from 1 is the first one's."""

    number: int
    times: int
    hidden: bool
    cells: list[Cell]


@dataclass(slots=True)
class TableSight:
    """What was met in a sheet beside values; rows from 1, columns from 0.

    Attributes:
        unshown: a number or a moment has no text beside its value.
    """

    merged: list[Range] = field(default_factory=list)
    hidden_columns: list[tuple[int, int]] = field(default_factory=list)
    hides: bool = False
    filtered: bool = False
    unshown: bool = False


class ContentReader:
    """Reads one sheet, or looks all over.

    Attributes:
        sheets: their names.
        unseen: places of those whose tab is hidden.
        found: what was met in each.

    Args:
        package: the file.
        part: content.xml.
        only: the place of the one sheet whose rows are wanted; None: none are, all sheets are looked over.
    """

    def __init__(self, package: Package, part: str, only: int | None = None) -> None:
        self.sheets: list[str] = []
        self.unseen: set[int] = set()
        self.found: list[TableSight] = []
        self._package, self._part, self._only = package, part, only
        self._hidden_styles: set[str] = set()
        self._style = ""
        self._apart = 0
        self._names: dict[str, str] = {}
        self._ready: list[OdsRow] = []
        # Of the row at hand:
        self._number, self._times, self._hidden = 0, 1, False
        self._cells: list[Cell] = []
        self._blank = 0  # cells that are blank so far, not made yet
        self._column = 0
        # Of the cell at hand:
        self._attributes: Attributes = {}
        self._text: list[str] = []
        self._length = 0
        self._paragraphs = 0
        self._in_cell = self._in_paragraph = False

    def rows(self) -> Iterator[OdsRow]:
        """The rows that hold a value. Refused if the part is damaged."""
        parser = self._package.parser(self._part)
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        for _ in self._package.feed(self._part, parser, LARGEST_SHEET):
            ready, self._ready = self._ready, []
            yield from ready

    def _start(self, name: str, attributes: Attributes) -> None:
        name = self._names.get(name) or self._local(name)
        if self._apart or name in _APART:
            self._apart += 1
        elif self._in_cell:
            self._start_text(name, attributes)
        elif name in {"table-cell", "covered-table-cell"}:
            self._attributes = self._without_prefixes(attributes) if attributes else _NOTHING
            self._in_cell = True
            self._text, self._length, self._paragraphs = [], 0, 0
        else:
            self._start_table(name, self._without_prefixes(attributes))

    def _start_table(self, name: str, attributes: Attributes) -> None:
        match name:
            case "table-row":
                self._start_row(attributes)
            case "table-column":
                count = _count(attributes, "number-columns-repeated")
                if attributes.get("visibility") in _HIDDEN and self.found:
                    self.found[-1].hidden_columns.append((self._column, self._column + count - 1))
                self._column += count
            case "table":
                self._start_sheet(attributes)
            case "style":
                self._style = attributes.get("name", "")
            case "table-properties" if attributes.get("display") == "false":
                self._hidden_styles.add(self._style)

    def _start_sheet(self, attributes: Attributes) -> None:
        if attributes.get("style-name", "") in self._hidden_styles:
            self.unseen.add(len(self.sheets))
        self.sheets.append(attributes.get("name", ""))
        self.found.append(TableSight())
        self._number, self._times, self._column = 0, 1, 0

    def _start_row(self, attributes: Attributes) -> None:
        self._number += self._times
        self._times = _count(attributes, "number-rows-repeated")
        visibility = attributes.get("visibility", "")
        self._hidden = visibility in _HIDDEN
        self._cells, self._blank = [], 0
        if self._hidden and self.found:
            self.found[-1].hides = True
            self.found[-1].filtered |= visibility == "filter"

    def _start_text(self, name: str, attributes: Attributes) -> None:
        if name == "p":
            self._in_paragraph = True
            self._paragraphs += 1
            if self._paragraphs > 1:
                self._text.append("\n")
        elif name == "s":
            self._characters(" " * min(_count(self._without_prefixes(attributes), "c"), _LONGEST))
        elif name in {"tab", "line-break"}:
            self._characters("\t" if name == "tab" else "\n")
        elif name == "table":
            raise Refused(f"{self._package.name}: a table stands in a cell of row {self._number}")

    def _characters(self, text: str) -> None:
        if self._in_paragraph and not self._apart:
            self._length += len(text)
            if self._length > _LONGEST:
                raise self._package.bomb(f"a cell of row {self._number} does not end")
            self._text.append(text)

    def _end(self, name: str) -> None:
        if self._apart:
            self._apart -= 1
            return
        name = self._names.get(name) or self._local(name)
        if name == "p":
            self._in_paragraph = False
        elif name in {"table-cell", "covered-table-cell"}:
            self._in_cell = self._in_paragraph = False
            self._end_cell()
        elif name == "table-row" and self._cells and self._only == len(self.sheets) - 1:
            if self._number + self._times - 1 > TALLEST:
                raise self._package.damaged("it has more rows than a sheet can hold")
            self._ready.append(OdsRow(self._number, self._times, self._hidden, self._cells))

    def _end_cell(self) -> None:
        attributes = self._attributes
        count = _count(attributes, "number-columns-repeated")
        place = len(self._cells) + self._blank
        if self._only is None:
            self._look_over(place, attributes)
            self._blank += count
            return
        if (
            not attributes.get("value-type")
            and "formula" not in attributes
            and not "".join(self._text).strip()
        ):
            self._blank += count
            return
        if place + count > WIDEST:
            raise self._package.damaged(f"row {self._number} has a cell in no column")
        try:
            cell = self._cell(place)
        except (ValueError, OverflowError) as fault:
            raise self._package.damaged(f"cell {self._where(place)} holds no value of its type") from fault
        self._cells += [""] * self._blank + [cell] * count
        self._blank = 0

    def _look_over(self, left: int, attributes: Attributes) -> None:
        """What is to be told of a cell, beside its value."""
        if not self._paragraphs and attributes.get("value-type", "string") not in {"string", "boolean"}:
            self.found[-1].unshown = True
        wide, high = _count(attributes, "number-columns-spanned"), _count(attributes, "number-rows-spanned")
        if (wide > 1 or high > 1) and self.found:
            right, bottom = left + wide - 1, self._number + high - 1
            name = f"{column_letter(left)}{self._number}:{column_letter(right)}{bottom}"
            merged = self.found[-1].merged
            merged.append(Range(self._number, left, bottom, right, name))
            if len(merged) > _MOST_RANGES:
                raise Refused(f"{self._package.name}: the sheet has more than {_MOST_RANGES:,} merged ranges")

    def _where(self, place: int) -> str:
        return f"{column_letter(place)}{self._number}"

    def _cell(self, place: int) -> Cell:
        attributes = self._attributes
        shown = "".join(self._text)
        kind = attributes.get("value-type", "")
        if attributes.get(_LIBREOFFICE) == "error" or (
            "formula" in attributes and _is_error(shown, attributes)
        ):
            return FaultCell(f"cell {self._where(place)} holds the error {shown[:20]}; mend the sheet")
        if not kind and "formula" in attributes:
            return FaultCell(
                f"cell {self._where(place)}: its formula has no stored value; open the file in LibreOffice and save it"
            )
        if kind in {"string", ""}:
            return shown if self._paragraphs else attributes.get("string-value", "")
        if kind == "boolean":
            return WholeCell(attributes.get("boolean-value") == "true", "BOOLEAN")
        value = _value(kind, attributes)
        return _as_shown(value, shown) if self._paragraphs else plain_cell(value)

    def _local(self, name: str) -> str:
        """A name without its prefix; asked once for each name."""
        # LibreOffice says the type of a value a second time, and better, under a prefix of its own.
        self._names[name] = known = name if name == _LIBREOFFICE else local(name)
        return known

    def _without_prefixes(self, attributes: Attributes) -> Attributes:
        names = self._names
        return {names.get(key) or self._local(key): value for key, value in attributes.items()}


def _value(kind: str, attributes: Attributes) -> float | datetime | timedelta:
    """The value of a cell that holds no text. ValueError if it is none."""
    if kind in _NUMBERS:
        number = float(attributes["value"]) if "value" in attributes else float("nan")
        if not math.isfinite(number):
            raise ValueError("no number")
        return number
    if kind == "date":
        return datetime.fromisoformat(attributes.get("date-value", "").rstrip("Z")).replace(tzinfo=None)
    if kind == "time":
        match = _DURATION.fullmatch(attributes.get("time-value", ""))
        if match:
            days, hours, minutes = (int(part or 0) for part in match.group(2, 3, 4))
            seconds = float((match[5] or "0").replace(",", "."))
            span = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
            return -span if match[1] else span
    raise ValueError(f"no cell has the type {kind[:20]!r}")


def _as_shown(value: float | datetime | timedelta, shown: str) -> Cell:
    """The cell with the look that the sheet gave it: a format of that very text, whatever the value's sign."""
    if '"' in shown or "\\" in shown:
        literal = "".join(f"\\{character}" for character in shown)
    else:
        literal = f'"{shown}"'
    if isinstance(value, datetime):
        return MomentCell(value, literal)
    number = value.total_seconds() / 86_400 if isinstance(value, timedelta) else value
    code = f"{literal};{literal};{literal}"
    return WholeCell(int(number), code) if number.is_integer() else RealCell(number, code)


def _is_error(shown: str, attributes: Attributes) -> bool:
    """LibreOffice keeps an error as a text that is empty, and shows `#N/A`, `Err:502` and the like."""
    return (
        attributes.get("value-type") in {"string", "float"}
        and (attributes.get("string-value", shown) == "" or attributes.get("value") == "0")
        and shown.startswith(("#", "Err:"))
    )


def _count(attributes: Attributes, name: str) -> int:
    """How often something repeats itself; once, if nothing is said."""
    text = attributes.get(name, "")
    return max(1, int(text)) if text.isdecimal() and len(text) < 9 else 1
