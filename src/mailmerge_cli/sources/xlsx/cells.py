"""What a cell of the XML means: its type, its style and its text become a value that knows its look.

Rule: a number under a date format is a moment. It stays a number of days where Python's calendar and Excel's differ (before
1 March 1900), under a time of day alone, and under elapsed time such as `[h]:mm`, which may be longer than a day. A text is
what its cell shows: under `"Dear "@` the words around it are a part of it.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from mailmerge_cli.display import Measure, measures, rewords, show
from mailmerge_cli.model.cell import Cell, FaultCell, MomentCell, RealCell, WholeCell
from mailmerge_cli.sources.header import column_letter
from mailmerge_cli.sources.scruple import FORBIDDEN
from mailmerge_cli.sources.xlsx.strings import Texts, unescaped

EXACT = 10**15
"""From here on a sheet's numbers have lost figures: Excel keeps fifteen."""

Where = tuple[int, int]
_SHOWN = 11  # figures that `General` shows
_TRUTH = "BOOLEAN"
_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001  a sheet has no zones
_EPOCH_1904 = datetime(1904, 1, 1)  # noqa: DTZ001
_LAST_DAY = 2_958_466
_MILLISECONDS = 86_400_000


class CellMaker:
    """Makes cells, and remembers what it met on the way.

    Attributes:
        long_number: reference of the first number with more figures than Excel keeps; empty for none.
        wide_number: reference of the first number without a format that Excel abbreviates; empty for none.
        suspect: a text was made that holds a character no mail may carry; the caller sets it back.

    Args:
        strings: the shared texts.
        codes: the number format of each style.
        epoch1904: see `Workbook`.
        uncalculated: see `Workbook`.
    """

    def __init__(self, strings: Texts, codes: tuple[str, ...], epoch1904: bool, uncalculated: bool) -> None:
        self.long_number = ""
        self.wide_number = ""
        self.suspect = False
        self._strings = strings
        self._dirty = strings.suspect
        # Keyed by the attribute's text, which saves a conversion for each cell; cells without one have style 0.
        self._formats = {str(at): (code, measures(code) is Measure.DATE) for at, code in enumerate(codes)}
        self._default = self._formats["0"]
        self._wordings = {str(at): code for at, code in enumerate(codes) if rewords(code)}
        self._epoch1904 = epoch1904
        self._uncalculated = uncalculated

    def make(self, kind: str, style: str, text: str | None, formula: bool, where: Where) -> Cell:
        """One cell.

        Args:
            kind: its `t` attribute, `n` by default.
            style: its `s` attribute.
            text: what its value says; None if it has none.
            formula: it has one.
            where: its column from 0 and its row from 1.

        Raises:
            ValueError: what stands there is no value of that type.
        """
        if kind == "s" and text:
            place = int(text)
            if place in self._dirty:
                self.suspect = True
            if place < 0:
                raise ValueError("texts are counted from 0")
            return self._worded(self._strings[place], style) if self._wordings else self._strings[place]
        if kind in {"str", "inlineStr"} and text is not None:
            return self._worded(self._text(unescaped(text)), style)
        if text is None or not text.strip():
            return _missing(where) if formula else ""
        if kind == "n":
            return self._number(text, style, formula, where)
        return self._other(kind, style, text, where)

    def _worded(self, text: str, style: str) -> str:
        code = self._wordings.get(style) if text else None
        return text if code is None else show(text, code)

    def _text(self, text: str) -> str:
        if FORBIDDEN.search(text):
            self.suspect = True
        return text

    def _number(self, text: str, style: str, formula: bool, where: Where) -> Cell:
        code, dated = self._formats.get(style, self._default)
        if formula and self._uncalculated and text == "0":
            return _missing(where)
        if dated:
            return self._moment(float(text), code)
        if text.isdecimal() and len(text) < 16:
            cell = WholeCell(int(text), code, self._epoch1904)
            if len(text) > _SHOWN and code == "General" and not self.wide_number:
                self.wide_number = reference(*where)
            return cell
        number = float(text)
        if not math.isfinite(number):
            raise ValueError("not a finite number")
        if abs(number) >= EXACT and not self.long_number:
            self.long_number = reference(*where)
        if number.is_integer() and abs(number) < EXACT * 1000:
            return WholeCell(int(number), code, self._epoch1904)
        return RealCell(number, code, self._epoch1904)

    def _moment(self, serial: float, code: str) -> Cell:
        if self._epoch1904:
            epoch, first, last = _EPOCH_1904, 0, _LAST_DAY - 1462
        else:
            epoch, first, last = _EPOCH, 61, _LAST_DAY
        if not first <= serial < last:
            return RealCell(serial, code, self._epoch1904)
        # Excel keeps milliseconds; what lies below is noise of the binary fraction.
        moment = epoch + timedelta(milliseconds=round(serial * _MILLISECONDS))
        return MomentCell(moment, code, self._epoch1904)

    def _other(self, kind: str, style: str, text: str, where: Where) -> Cell:
        match kind:
            case "b":
                return WholeCell(text.strip() in {"1", "true"}, _TRUTH)
            case "e":
                return FaultCell(f"cell {reference(*where)} holds the error {text[:20]}; mend the sheet")
            case "d":
                code, dated = self._formats.get(style, self._default)
                moment = datetime.fromisoformat(text).replace(tzinfo=None)
                return MomentCell(moment, code if dated else "yyyy-mm-dd", self._epoch1904)
            case _:
                raise ValueError(f"no cell has the type {kind[:20]!r}")


def reference(place: int, row: int) -> str:
    """What Excel calls a cell: `B7`."""
    return f"{column_letter(place)}{row}"


def _missing(where: Where) -> FaultCell:
    return FaultCell(
        f"cell {reference(*where)}: its formula has no stored value; open the file in Excel and save it"
    )
