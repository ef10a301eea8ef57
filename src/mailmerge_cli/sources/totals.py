"""Rows of totals at a list's end: nobody's, so they are told and get no mail.

Rule: only what is plain. Such a row has no address and no cell that could name a person, nothing but numbers beside a word
such as `合计`, or numbers that formulas add up from other rows; and no other kind of row follows it. Any doubt leaves the
row what it is, a row without an address. In a list where nobody has one, since a `To` makes them, formulas tell nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence

from mailmerge_cli.model.cell import Cell, MomentCell
from mailmerge_cli.model.table import Column, Row, template_name
from mailmerge_cli.sources.titles import Sense, fits


def _listed(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LABELS = _listed("""
    合计 总计 小计 共计 总额 总数 合計 總計 小計 共計 總額 計 总合计 本页合计 本月合计 部门合计 합계 총계 소계
    total totals subtotal subtotals grandtotal sum sums summe summen gesamt gesamtsumme insgesamt zwischensumme endsumme
    totalgénéral totalgeneral soustotal totale totalegenerale totaal suma sumatotal somme soma итого всего tổngcộng
""")
_NAMES = frozenset({"sum", "suma", "soma"})  # some people are called so
_NUMBER = re.compile(r"[-+(]?\s?[¥￥€$£]?\s?\d[\d.,'’\u00a0\u202f ]*\s?[%€¥元円]?\)?|[-–—]")
_ADDS_UP = re.compile(r"[=+]?\s*(?:SUM|SUBTOTAL|AGGREGATE)\s*\(", re.IGNORECASE)
_ROW_OF_CELL = re.compile(r"(?<![A-Za-z_.])\$?[A-Z]{1,3}\$?(\d{1,7})(?![\d(A-Za-z_])", re.IGNORECASE)
_SHORT = 60  # characters that a number may have
_MOST = 10  # rows of totals at an end


def adds_up(formula: str, row: int) -> bool:
    """Whether a formula adds up other rows, not cells of its own row: `SUM(C4:C301)`, `SUBTOTAL(109,[Net])`."""
    if not _ADDS_UP.match(formula):
        return False
    rows = {int(found) for found in _ROW_OF_CELL.findall(formula)}
    if not rows:
        return "[" in formula and "@" not in formula and "#this row" not in formula.casefold()
    return row not in rows and min(rows) < row


class Totals:
    """Finds the rows of totals in one pass.

    Args:
        columns: the list's.
        persons: columns that name somebody, as the person said, by title or name; those whose titles say so count too.

    Attributes:
        notes: what was left out, once the pass is over.
    """

    def __init__(self, columns: Sequence[Column], persons: Collection[str]) -> None:
        said = {each.strip().casefold() for each in persons if each}
        self._naming = tuple(column.index for column in columns if _names(column, said))
        self.notes: tuple[str, ...] = ()

    def without(self, rows: Iterator[Row]) -> Iterator[Row]:
        """The rows without those of totals at their end."""
        held: list[tuple[Row, str]] = []
        address = -1
        for row in rows:
            cells = row.cells
            # Nearly every row has its address where the last one had it.
            if address >= 0 and type(cell := cells[address]) is str and "@" in cell:
                if held:
                    yield from _rows(held)
                yield row
                continue
            if len(held) < _MOST and (label := self._label(row)) is not None:
                held.append((row, label))
                continue
            yield from _rows(held)
            address = next(
                (at for at, cell in enumerate(cells) if type(cell) is str and "@" in cell), address
            )
            yield row
        if address < 0 and (plain := _plain_from(held)):
            yield from _rows(held, plain)
        self.notes = tuple(_note(row, label) for row, label in held)

    def _label(self, row: Row) -> str | None:
        """The word of a row of totals, empty if formulas alone tell; None for any other row."""
        if any(problem.kind != "merged" for problem in row.problems):
            return None
        label, numbers = "", 0
        for at, cell in enumerate(row.cells):
            if isinstance(cell, str) and not cell.strip():
                continue
            if isinstance(cell, MomentCell):
                return None
            if not label and (word := _word(cell)) in _LABELS and not self._could_name(at, word, row):
                label = " ".join(str(cell).split()).rstrip(":：")
            elif at in self._naming or (isinstance(cell, str) and not _is_number(cell)):
                return None
            else:
                numbers += 1
        return label if numbers and (label or row.sums) else None

    def _could_name(self, column: int, word: str, row: Row) -> bool:
        return word in _NAMES and column in self._naming and not row.sums


def _is_number(text: str) -> bool:
    return len(text) <= _SHORT and _NUMBER.fullmatch(text.strip()) is not None


def _rows(held: list[tuple[Row, str]], count: int = _MOST) -> Iterator[Row]:
    """The first rows that were held back for nothing, since others follow."""
    for row, _ in held[:count]:
        yield row
    del held[:count]


def _plain_from(held: Sequence[tuple[Row, str]]) -> int:
    """Behind which of these rows there are only such with a word that names nobody: what a login is called is not known."""
    doubtful = [at for at, (_, label) in enumerate(held) if not label or _word(label) in _NAMES]
    return doubtful[-1] + 1 if doubtful else 0


def _names(column: Column, said: set[str]) -> bool:
    known = {column.title, column.name, *column.aliases, *map(template_name, column.aliases)}
    if said & {each.casefold() for each in known}:
        return True
    titles = (column.title, *column.aliases)
    return any(fits(title, sense) for title in titles for sense in (Sense.NAME, Sense.KEY, Sense.EMAIL))


def _word(cell: Cell) -> str:
    """A text as a label could be written: `合 计：`, `Grand Total`; empty for what is no text."""
    if not isinstance(cell, str) or len(cell) > 40:
        return ""
    return re.sub(r"[\s:：._-]+", "", unicodedata.normalize("NFC", cell).casefold())


def _note(row: Row, label: str) -> str:
    return f"row {row.number} looks like totals ({label or 'sums of other rows'}): not sent"
