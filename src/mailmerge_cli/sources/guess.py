"""Which column is the address, which the name, which the key: guessed from titles and from a sample of the rows.

Rule 1: an address column is guessed only where it is plain. Two that could be it, or somebody else's, are none.
Rule 2: a reason names titles, never what a cell holds.
Rule 3: a cell that cannot be read now, a formula that nobody computed yet, speaks neither for nor against its column.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mailmerge_cli.model.cell import Cell, CellFault, FaultCell, RealCell, WholeCell
from mailmerge_cli.model.guess import Guess
from mailmerge_cli.model.table import Column, Row
from mailmerge_cli.sources.titles import Sense, Standing, fits

_ADDRESS = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;.]+")
_AMOUNT = re.compile(r"[-+(]?\s?[^\W\d_]{0,3}[¥￥€$£]?\s?\d[\d.,'’\u00a0\u202f ]*\s?[%€¥元円]?\)?")
_FRACTION = re.compile(r"\d[.,]\d{1,2}(?!\d)")
_MOST = 0.5


def guess_columns(columns: tuple[Column, ...], sample: Sequence[Row]) -> Guess:
    """What the columns are, by their titles and by the rows of `sample` (the more rows, the surer the key; none is allowed)."""
    filled = {column.index: _filled(column, sample) for column in columns}
    cells: dict[int, list[Cell]] = {
        at: [cell for cell in found if not isinstance(cell, FaultCell)] for at, found in filled.items()
    }
    faulty = tuple(column for column in columns if len(cells[column.index]) < len(filled[column.index]))
    email, of_email = _email(columns, cells)
    left = [column for column in columns if column is not email]
    key, of_key = _key(left, sample)
    left = [column for column in left if column is not key]
    name, given, family = _names(left, cells, sample)
    taken = {column.index for column in (email, key, name, given, family) if column is not None}
    figures = tuple(
        c for c in columns if c.index not in taken and _holds_figures(c, cells[c.index], c in faulty)
    )
    gaps = tuple(c for c in (key, name, *figures) if c is not None and not _is_full(c, sample))
    reasons = (of_email, _of_name(name, given, family), of_key)
    return Guess(email, name, key, reasons, given, family, figures, gaps, faulty)


def _fit(column: Column, sense: Sense) -> Standing:
    """How well a column fits a sense by the best of its titles; a group's title may say that it is somebody else's."""
    if not column.aliases or sense is Sense.SOMEBODY_ELSE:
        return max(fits(title, sense) for title in (column.title, *column.aliases))
    if fits(column.title, Sense.SOMEBODY_ELSE):
        return Standing.NONE
    return max(fits(title, sense) for title in (column.title, *column.aliases))


def _filled(column: Column, sample: Sequence[Row]) -> list[Cell]:
    """What stands in that column, without its blank cells."""
    found = (row.cells[column.index] for row in sample if column.index < len(row.cells))
    return [cell for cell in found if not isinstance(cell, str) or cell.strip()]


def _is_full(column: Column, sample: Sequence[Row]) -> bool:
    """Whether something is to be seen in each of its cells; a number can be formatted to show nothing, a fault is no gap."""
    return all(column.index < len(row.cells) and _is_seen(row.cells[column.index]) for row in sample)


def _is_seen(cell: Cell) -> bool:
    return isinstance(cell, FaultCell) or bool(str(cell).strip())


def _share(cells: Sequence[Cell], wanted: re.Pattern[str]) -> float | None:
    """How many of the cells are text of that shape; None where nothing is known."""
    if not cells:
        return None
    return sum(isinstance(cell, str) and bool(wanted.fullmatch(cell.strip())) for cell in cells) / len(cells)


def _email(columns: Sequence[Column], cells: dict[int, list[Cell]]) -> tuple[Column | None, str]:
    ranks = {c.index: _email_rank(c, _share(cells[c.index], _ADDRESS)) for c in columns}
    best = max(ranks.values(), default=0)
    found = [column for column in columns if best and ranks[column.index] == best]
    if len(found) == 1:
        how = {3: "by its title and its cells", 2: "by its cells", 1: "by its title"}[best]
        return found[0], f"Address: column {_told(found[0])}, {how}."
    if found:
        return None, f"Address: not plain, because {' and '.join(map(_told, found))} could each be it."
    others = [
        c
        for c in columns
        if _fit(c, Sense.SOMEBODY_ELSE) and (_share(cells[c.index], _ADDRESS) or 0) >= _MOST
    ]
    if others:
        return None, f"Address: none found; {' and '.join(map(_told, others))} seems to be somebody else's."
    return None, "Address: no column looks like it."


def _email_rank(column: Column, share: float | None) -> int:
    """3: title and cells; 2: cells; 1: title; 0: neither."""
    # A plain title stands even over cells that are no addresses: the check then names each of them, which helps more than
    # "no address column". `E-mail sent?` over yes and no does not.
    standing = _fit(column, Sense.EMAIL)
    if share is not None and share >= _MOST:
        return 0 if _fit(column, Sense.SOMEBODY_ELSE) else 3 if standing else 2
    if standing is Standing.PLAIN or (standing and share is None):
        return 1
    return 0


def _key(columns: Sequence[Column], sample: Sequence[Row]) -> tuple[Column | None, str]:
    titled = sorted((c for c in columns if _fit(c, Sense.KEY)), key=lambda c: -_fit(c, Sense.KEY))
    for column in titled:
        if (_fit(column, Sense.KEY) is Standing.PLAIN or sample) and _tells_apart(column, sample):
            return column, f"Key: column {_told(column)}, by its title; no value stands there twice."
    if titled:
        unread = any(
            isinstance(cell, FaultCell) for row in sample for cell in row.cells[titled[0].index :][:1]
        )
        lack = "cells that cannot be read now" if unread else "blank or repeated cells"
        return None, f"Key: the address, because {_told(titled[0])} has {lack}."
    return None, "Key: the address."


def _tells_apart(column: Column, sample: Sequence[Row]) -> bool:
    """Whether every row has a value there, and each its own."""
    seen: set[str] = set()
    for row in sample:
        try:
            text = str(row.cells[column.index]).strip().casefold() if column.index < len(row.cells) else ""
        except CellFault:
            return False
        if not text or text in seen:
            return False
        seen.add(text)
    return True


def _names(
    columns: Sequence[Column], cells: dict[int, list[Cell]], sample: Sequence[Row]
) -> tuple[Column | None, Column | None, Column | None]:
    """Whole, given and family name. `Name` beside `Vorname` is the family's unless it holds the given name too."""
    wordy = [c for c in columns if _holds_words(cells[c.index])]
    given = next((c for c in wordy if _fit(c, Sense.GIVEN)), None)
    family = next((c for c in wordy if _fit(c, Sense.FAMILY)), None)
    titled = [c for c in wordy if c is not given and c is not family and _fit(c, Sense.NAME)]
    whole = max(titled, key=lambda c: _fit(c, Sense.NAME), default=None)
    part = given if family is None else family if given is None else None
    if (
        whole is None
        or part is None
        or _fit(whole, Sense.NAME) is not Standing.PLAIN
        or _contains(whole, part, sample)
    ):
        return whole, given, family
    return None, given or whole, family or whole


def _contains(whole: Column, part: Column, sample: Sequence[Row]) -> bool:
    """Whether one column's text stands in the other's, in most rows."""
    pairs = [
        (row.cells[whole.index], row.cells[part.index])
        for row in sample
        if len(row.cells) > max(whole.index, part.index)
    ]
    texts = [
        (a.casefold(), b.strip().casefold())
        for a, b in pairs
        if isinstance(a, str) and isinstance(b, str) and b.strip()
    ]
    return sum(b in a for a, b in texts) > len(texts) * _MOST


def _holds_words(cells: Sequence[Cell]) -> bool:
    if not cells:
        return True
    texts = [cell for cell in cells if isinstance(cell, str)]
    named = [text for text in texts if not _ADDRESS.fullmatch(text.strip()) and any(map(str.isalpha, text))]
    return len(named) > len(cells) * _MOST


def _holds_figures(column: Column, cells: Sequence[Cell], faulty: bool) -> bool:
    """Whether figures stand there; of cells none of which can be read now, the title tells: a salary must not be left out."""
    if not _fit(column, Sense.AMOUNT):
        return False
    if not cells:
        return faulty
    numbers = sum(isinstance(c, (WholeCell, RealCell)) and c.code != "BOOLEAN" for c in cells)
    if numbers > len(cells) * _MOST:
        return True
    texts = [cell for cell in cells if isinstance(cell, str)]
    # In a text file 10115 may be a post code and 0171… a telephone; cents make it an amount.
    return (_share(cells, _AMOUNT) or 0) > _MOST and any(_FRACTION.search(text) for text in texts)


def _of_name(name: Column | None, given: Column | None, family: Column | None) -> str:
    if name is not None:
        return f"Name: column {_told(name)}, by its title."
    parts = [column for column in (given, family) if column is not None]
    if parts:
        return f"Name: no column holds the whole name; {' and '.join(map(_told, parts))} hold parts of it."
    return "Name: no column looks like it."


def _told(column: Column) -> str:
    return f"{column.letter} “{column.title}”" if column.title else column.letter
