"""A cell: it prints as the sheet shows it, and compares, computes and tests as its value.

A text cell is a plain `str`, a blank one the empty string. Everything else is a subclass of the Python type that its value
has, so `net * 2 > limit` is arithmetic and `{{ net }}` is the look. The look is made when it is asked for, because most
cells of a wide sheet are never printed.

Rule: a text formatting (`str`, f-strings, Jinja's `{{ }}` and `~`, markupsafe) gives the look, and a text is compared with
it; what is computed from a cell is a plain value, but a moment that is moved (`due + days`) keeps its format.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, NoReturn, Self, SupportsIndex

from mailmerge_cli.display import show

_GENERAL = "General"


class CellFault(ValueError):
    """A cell was used that holds an error (`#N/A`) or a formula without a stored value."""


class _Look:  # noqa: PLW1641  the classes below have the hash of their values
    """The number format of a cell and the text that Excel makes with it."""

    code: str
    epoch1904: bool

    def __str__(self) -> str:
        return show(self, self.code, epoch1904=self.epoch1904)  # type: ignore[arg-type]  # the other base is a value

    def __format__(self, spec: str) -> str:
        if not spec:
            return str(self)
        try:
            return format(str(self), spec)  # `>12`: a place for the look
        except ValueError:
            return super().__format__(spec)  # `.2f`, `%Y`: the person formats the value

    def __html__(self) -> str:
        from html import escape

        return escape(str(self))

    # A text is compared with what the person sees: `staff_no == "00417"` of a number that the sheet shows so.
    def __eq__(self, other: object) -> bool:
        return str(self) == other if isinstance(other, str) else super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        return str(self) != other if isinstance(other, str) else super().__ne__(other)


class WholeCell(_Look, int):
    """A whole number (a truth value too: its code is then `BOOLEAN`, and it prints TRUE or FALSE)."""

    __hash__ = int.__hash__

    def __new__(cls, value: int, code: str = _GENERAL, epoch1904: bool = False) -> Self:
        """The value with its number format."""
        cell = int.__new__(cls, value)
        cell.code, cell.epoch1904 = code, epoch1904
        return cell

    def __reduce__(self) -> tuple[Any, ...]:
        return WholeCell, (int(self), self.code, self.epoch1904)


class RealCell(_Look, float):
    """A number with a fraction."""

    __hash__ = float.__hash__

    def __new__(cls, value: float, code: str = _GENERAL, epoch1904: bool = False) -> Self:
        """The value with its number format."""
        cell = float.__new__(cls, value)
        cell.code, cell.epoch1904 = code, epoch1904
        return cell

    def __reduce__(self) -> tuple[Any, ...]:
        return RealCell, (float(self), self.code, self.epoch1904)


class MomentCell(_Look, datetime):
    """A date with or without a time of day, as a sheet keeps it (no zone)."""

    def __new__(cls, value: datetime, code: str, epoch1904: bool = False) -> Self:
        """The value with its number format."""
        cell = datetime.__new__(
            cls, value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond
        )
        cell.code, cell.epoch1904 = code, epoch1904
        return cell

    def plain(self) -> datetime:
        """The moment without its look."""
        return datetime.combine(self.date(), self.time())

    # datetime pickles itself by __reduce_ex__, and makes the results of its arithmetic by calling the class.
    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        return MomentCell, (self.plain(), self.code, self.epoch1904)

    def __add__(self, other: timedelta) -> Self:
        return type(self)(self.plain() + other, self.code, self.epoch1904)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        if isinstance(other, timedelta):
            return self + -other
        return self.plain() - _moment(other)

    def __rsub__(self, other: Any) -> Any:
        return _moment(other) - self.plain()

    def replace(self, *args: Any, **changes: Any) -> Self:
        """The same with some parts changed; it keeps its format."""
        return type(self)(self.plain().replace(*args, **changes), self.code, self.epoch1904)

    def astimezone(self, tz: Any = None) -> Any:
        """The moment in a zone, a plain value."""
        return self.plain().astimezone(tz)

    # A cell of a date without time is compared with a date as often as with a moment.
    def __eq__(self, other: object) -> bool:
        return str(self) == other if isinstance(other, str) else datetime.__eq__(self, _moment(other))

    def __ne__(self, other: object) -> bool:
        return str(self) != other if isinstance(other, str) else datetime.__ne__(self, _moment(other))

    def __hash__(self) -> int:
        return datetime.__hash__(self)

    def __lt__(self, other: Any) -> bool:
        return datetime.__lt__(self, _moment(other))

    def __le__(self, other: Any) -> bool:
        return datetime.__le__(self, _moment(other))

    def __gt__(self, other: Any) -> bool:
        return datetime.__gt__(self, _moment(other))

    def __ge__(self, other: Any) -> bool:
        return datetime.__ge__(self, _moment(other))


class FaultCell:
    """A cell that must not be used; whatever touches it raises `CellFault` with the reason."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def _refuse(self, *_: object) -> NoReturn:
        raise CellFault(self.reason)

    __str__ = __html__ = __bool__ = __iter__ = __len__ = _refuse
    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __divmod__ = __rdivmod__ = (
        _refuse
    )
    __float__ = __int__ = __index__ = __neg__ = __pos__ = __abs__ = __round__ = __getitem__ = __contains__ = (
        _refuse
    )
    __ne__ = _refuse
    __hash__ = object.__hash__

    def __format__(self, spec: str) -> str:
        self._refuse(spec)

    def __repr__(self) -> str:
        return f"FaultCell({self.reason!r})"


@dataclass(frozen=True, slots=True)
class LinesCell:
    """The lines of the list that one mail is made of; the last cell of a row that stands for several.

    Attributes:
        numbers: of the lines, as `Row.number`.
        lines: the cells of each.
    """

    numbers: tuple[int, ...]
    lines: tuple[tuple[Cell, ...], ...]

    def __str__(self) -> str:
        return "1 line" if len(self.numbers) == 1 else f"{len(self.numbers)} lines"


Cell = str | WholeCell | RealCell | MomentCell | FaultCell | LinesCell
"""What a row is made of."""


def _moment(other: Any) -> Any:
    """A plain date as the moment of its midnight, a cell without its look; anything else as it is."""
    if isinstance(other, MomentCell):
        return other.plain()
    if isinstance(other, date) and not isinstance(other, datetime):
        return datetime.combine(other, time())
    return other
