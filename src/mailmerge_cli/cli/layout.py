"""Plain text in columns for pipes, cron mails and terminals without abilities: no control codes, no borders.

Widths are of the terminal's cells: a Chinese character takes two, a combining mark none.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from mailmerge_cli.report.escape import visible

_GAP = "  "
_WORD = 16  # a longer word of a sentence, such as a link in a reply, may be broken


def column_lines(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A table as lines: a heading and one line a row, numbers to the right. Every value is escaped."""
    values = [tuple(row) for row in rows]
    right = [is_number_column(index, values) for index in range(len(columns))]
    titled = [list(map(visible, columns)), *([cell_text(value) for value in row] for row in values)]
    widths = [max(map(cells, column)) for column in zip(*titled, strict=True)]
    return [_GAP.join(map(_padded, line, widths, right)).rstrip() for line in titled]


def record_lines(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """The same for a narrow terminal: a block for each row, a line for each value that is not empty."""
    lines: list[str] = []
    for row in rows:
        told = [(visible(column), cell_text(value)) for column, value in zip(columns, row, strict=True)]
        lines += [*([""] if lines else []), *(f"{column}: {value}" for column, value in told if value)]
    return lines


def least_width(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> int:
    """Cells that a table needs so that no word is broken: blanks may become line ends, and a very long word may break."""
    width = 1
    for index, column in enumerate(columns):
        texts = [visible(column), *(cell_text(row[index]) for row in rows)]
        words = max((cells(word) for text in texts for word in text.split()), default=0)
        width += (min(words, _WORD) if is_prose(texts) else words) + 3  # a blank on either side, and a gap
    return width


def column_manner(index: int, rows: Sequence[Sequence[object]]) -> tuple[bool, bool]:
    """Whether a column's values stand to the right, and whether they are never cut: an address or a state is not."""
    return is_number_column(index, rows), not is_prose(cell_text(row[index]) for row in rows)


def is_prose(texts: Iterable[str]) -> bool:
    """Whether a column holds sentences, so that its lines can be broken."""
    return any(text.count(" ") > 1 for text in texts)


def cell_text(value: object) -> str:
    """What a table shows of a value: nothing for None, and no line break or control character."""
    return "" if value is None else visible(str(value))


def is_number_column(index: int, rows: Sequence[Sequence[object]]) -> bool:
    """Whether a column holds numbers and blanks only."""
    return all(row[index] is None or isinstance(row[index], int | float) for row in rows)


def cells(text: str) -> int:
    """How many cells of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(_width(character) for character in text)


def cut(text: str, width: int) -> str:
    """`text`, escaped, in at most `width` cells; what is missing is an ellipsis."""
    text = visible(text)
    if cells(text) <= width:
        return text
    while text and cells(text) > width - 1:
        text = text[:-1]
    return text + "…"


def clock_time(moment: datetime, now: datetime) -> str:
    """`10:32`, `tomorrow 10:32` or `2026-11-23 10:32`, as seen at `now`; seconds only for the next two minutes. In `now`'s zone."""
    there = moment.astimezone(now.tzinfo)
    days = (there.date() - now.date()).days
    if not days:
        return there.strftime("%H:%M:%S" if abs(there - now) < timedelta(minutes=2) else "%H:%M")
    return there.strftime("tomorrow %H:%M" if days == 1 else "%Y-%m-%d %H:%M")


def short_time(moment: datetime, now: datetime) -> str:
    """`10:32`, or `2026-11-20 10:32` for another day than `now`'s; in `now`'s zone."""
    there = moment.astimezone(now.tzinfo)
    return there.strftime("%H:%M" if there.date() == now.date() else "%Y-%m-%d %H:%M")


def span(seconds: float) -> str:
    """A time span as people say it: `8 s`, `12 min`, `1 h 5 min`, `2 d 3 h`."""
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def _padded(text: str, width: int, right: bool) -> str:
    blanks = " " * (width - cells(text))
    return blanks + text if right else text + blanks


def _width(character: str) -> int:
    if unicodedata.combining(character) or character in "\u200c\u200d":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
