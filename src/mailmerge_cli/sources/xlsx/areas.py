"""Where in a workbook the list stands: a whole sheet, or from a start cell on, or an Excel table or a named range."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mailmerge_cli.errors import Problem, Refused
from mailmerge_cli.sources.ranges import TALLEST, WIDEST, Range, read_range
from mailmerge_cli.sources.xlsx.package import Attributes, Package, local
from mailmerge_cli.sources.xlsx.workbook import Sheet, Workbook, chosen_sheet

_EVERYTHING = Range(1, 0, TALLEST, WIDEST - 1, "")
_OF_EXCEL = "_xlnm."  # names that Excel makes for itself: print areas, filters
_PLACE = re.compile(r"(?:'((?:[^']|'')+)'|([^'!]+))!(.+)")


@dataclass(frozen=True, slots=True)
class Area:
    """Where the list stands.

    Attributes:
        sheet: the sheet.
        range: what is read of it.
        exact: the titles begin in its first row and first column.
        header_rows: rows of titles, where the workbook says it; else 0.
        notes: what a person should know.
        named: what a person calls it, and its last row with totals; None for a sheet.
    """

    sheet: Sheet
    range: Range
    exact: bool = False
    header_rows: int = 0
    notes: tuple[str, ...] = ()
    named: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class _Named:
    """An Excel table, or a named range.

    Attributes:
        sheet: where it stands; None where the workbook does not say it plainly.
        range: its cells; None if it is no single range.
        scope: the name counts on this sheet alone; None: in the whole book.
        header: rows of titles that an Excel table has; None for a named range.
        totals: rows at its end that an Excel table adds up in.
    """

    name: str
    sheet: Sheet | None
    range: Range | None
    scope: Sheet | None = None
    header: int | None = None
    totals: int = 0


def chosen_area(package: Package, workbook: Workbook, *, sheet: str, table: str, start: str) -> Area:
    """What a person means by the names of a sheet, a table (or named range) and a start cell; empty ones are not said.

    Raises:
        Refused: there is no such thing, or not one alone, or they contradict each other; names are listed.
    """
    if table and start:
        raise _refused(
            f'{package.name}: table = "{table}" says where the list stands, so start = "{start}" must go'
        )
    if not table:
        return _from(chosen_sheet(workbook, sheet, package.name), start)
    within = chosen_sheet(workbook, sheet, package.name) if sheet else None
    found = _found(list(_all_named(package, workbook)), table, within, package.name)
    return _of_table(found, package.name) if found.header is not None else _of_name(found, package.name)


def _from(sheet: Sheet, start: str) -> Area:
    begin = read_range(start) if start else None
    if begin is None:
        return Area(sheet, _EVERYTHING)
    return Area(sheet, Range(begin.top, begin.left, TALLEST, WIDEST - 1, start), exact=True)


def _of_table(found: _Named, name: str) -> Area:
    where = found.range
    if found.sheet is None or where is None:
        raise _refused(f"{name}: the table “{found.name}” says no range of cells")
    if not found.header:
        raise _refused(
            f"{name}: the table “{found.name}” has no row of titles",
            hint="turn on Header Row in Excel (Table Design)",
        )
    bottom = where.bottom - found.totals
    notes: tuple[str, ...] = ()
    if found.totals:
        rows = f"row {where.bottom}" if found.totals == 1 else f"rows {bottom + 1}–{where.bottom}"
        notes = (f"{rows}: totals of the table “{found.name}”, not sent",)
    area = Range(where.top, where.left, bottom, where.right, where.reference)
    named = f"the table “{found.name}”", where.bottom
    return Area(found.sheet, area, exact=True, header_rows=found.header, notes=notes, named=named)


def _of_name(found: _Named, name: str) -> Area:
    if found.sheet is None or found.range is None:
        raise _refused(f"{name}: the name “{found.name}” stands for no single range of cells on one sheet")
    where = found.range
    if (where.top, where.left) == (where.bottom, where.right):
        return _from(found.sheet, where.reference)
    return Area(found.sheet, where, named=(f"the range “{found.name}”", where.bottom))


def _found(named: list[_Named], wanted: str, within: Sheet | None, name: str) -> _Named:
    """The one that is meant; a name of the sheet itself comes before one of the whole book, as in Excel."""
    found = [each for each in named if each.name.casefold() == wanted.strip().casefold()]
    if not found:
        raise _refused(f"{name} has no table or named range “{wanted}”{_others(named, wanted)}")
    if within is not None:
        here = [each for each in found if each.sheet == within]
        if not here:
            place = f"the sheet “{found[0].sheet.name}”" if found[0].sheet else "no sheet"
            raise _refused(f"{name}: “{found[0].name}” stands on {place}, not on “{within.name}”")
        found = [each for each in here if each.scope == within] or here
    found = [each for each in found if each.scope is None] or found
    if len(found) > 1:
        sheets = ", ".join(f"“{each.sheet.name}”" for each in found if each.sheet)
        raise _refused(f"{name} has several ranges “{wanted}”, on {sheets}", hint="say the sheet too")
    return found[0]


def _others(named: list[_Named], wanted: str) -> str:
    from difflib import get_close_matches

    names = {each.name.casefold(): each.name for each in named}
    if not names:
        return "; it has none at all"
    near = get_close_matches(wanted.casefold(), names, n=1, cutoff=0.6)
    meant = f"; did you mean “{names[near[0]]}”?" if near else ";"
    shown = list(dict.fromkeys(names.values()))
    return f"{meant} It has {', '.join(f'“{each}”' for each in shown[:20])}{', …' if len(shown) > 20 else ''}"


def _all_named(package: Package, workbook: Workbook) -> Iterator[_Named]:
    for sheet in workbook.sheets:
        for kind, part in package.related(sheet.part).values():
            if kind == "table" and part in package:
                yield from _table(package, part, sheet)
    yield from _names(package, workbook)


def _table(package: Package, part: str, sheet: Sheet) -> Iterator[_Named]:
    found: list[_Named] = []

    def start(name: str, attributes: Attributes) -> None:
        if name == "table":
            title = attributes.get("displayName") or attributes.get("name", "")
            header = _count(attributes.get("headerRowCount"), 1)
            totals = _count(attributes.get("totalsRowCount"), 0)
            found.append(_Named(title, sheet, read_range(attributes.get("ref", "")), None, header, totals))

    package.parse(part, start)
    yield from found


def _count(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 5 else default


def _names(package: Package, workbook: Workbook) -> Iterator[_Named]:
    for attributes, text in _defined(package, workbook.part):
        name = attributes.get("name", "")
        if not name or name.startswith(_OF_EXCEL) or attributes.get("hidden") in {"1", "true"}:
            continue
        said = _PLACE.fullmatch(text.strip())
        title = (said[1].replace("''", "'") if said[1] else said[2]) if said else ""
        sheet = next((each for each in workbook.sheets if each.name.casefold() == title.casefold()), None)
        local_to = attributes.get("localSheetId", "")
        scope = workbook.tab(int(local_to)) if local_to.isdecimal() and len(local_to) < 6 else None
        yield _Named(name, sheet, read_range(said[3]) if said else None, scope)


def _defined(package: Package, part: str) -> list[tuple[Attributes, str]]:
    """The names that the book defines, with what they stand for."""
    found: list[tuple[Attributes, str]] = []
    pieces: list[str] | None = None

    def start(name: str, attributes: Attributes) -> None:
        nonlocal pieces
        if local(name) == "definedName":
            found.append((attributes, ""))
            pieces = []

    def end(name: str) -> None:
        nonlocal pieces
        if local(name) == "definedName" and pieces is not None:
            found[-1] = (found[-1][0], "".join(pieces))
            pieces = None

    def characters(text: str) -> None:
        if pieces is not None:
            pieces.append(text)

    _parse(package, part, start, end, characters)
    return found


def _parse(
    package: Package,
    part: str,
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None],
    characters: Callable[[str], None],
) -> None:
    parser = package.parser(part)
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = characters
    for _ in package.feed(part, parser, 32 << 20):
        pass


def _refused(message: str, hint: str = "") -> Refused:
    return Refused(message, hint=hint, problems=(Problem(None, None, "table", message),))
