"""The header of a table becomes its columns; titles that cannot be told apart are refused (F06)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from mailmerge_cli.errors import Problem, Refused
from mailmerge_cli.model.table import Column, template_name
from mailmerge_cli.sources.scruple import forbidden_problems

_BREAK = re.compile(r"\s*[\r\n]\s*")
BLANKS = " \t\r\n\f\v\xa0\u3000\ufeff"
"""What is cut off a title at both ends: blanks that a person does not see. A line break within becomes one blank."""


LEVELS = " / "
"""What stands between the titles of several rows."""


def columns_of(
    titles: Sequence[str | Sequence[str]], *, source: str, line: int, letter: Callable[[int], str]
) -> tuple[tuple[Column, ...], tuple[str, ...]]:
    """The columns, and notes about them.

    Args:
        titles: the header's cells as they look; several to a column, the upper one first, where titles take several rows.
        source: the file's name, for messages.
        line: the header's line.
        letter: what the person calls a column's place, from 0.

    Raises:
        Refused: two titles are the same but for blanks and case; or there is no title at all.
    """
    paths = [_path((raw,) if isinstance(raw, str) else raw) for raw in titles]
    aliases = _aliases(paths)
    columns = tuple(
        Column(index, title, template_name(title), letter(index), aliases[index])
        for index, title in enumerate(map(LEVELS.join, paths))
    )
    _refuse_twins(columns, source, line)
    if problems := forbidden_problems(line, [column.title for column in columns], columns):
        raise Refused(f"{source}, line {line}: a column title holds a control character", problems=problems)
    nameless = [column.letter for column in columns if not column.title]
    if len(nameless) == len(columns):
        raise Refused(f"{source}: line {line} has no column titles")
    notes: tuple[str, ...] = ()
    if nameless:
        notes = (
            f"{_listed(nameless)} without a title: the message cannot use {'it' if len(nameless) == 1 else 'them'}",
        )
    return columns, notes


def _path(titles: Sequence[str]) -> tuple[str, ...]:
    return tuple(filter(None, (_BREAK.sub(" ", raw.strip(BLANKS)) for raw in titles)))


def _aliases(paths: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The lowest title of each column that has several, unless it could be taken for another column's title or name."""
    taken: Counter[str] = Counter()
    for path in paths:
        taken.update({*_words(LEVELS.join(path)), *(_words(path[-1]) if len(path) > 1 else ())})
    return [
        (path[-1],) if len(path) > 1 and all(taken[word] == 1 for word in _words(path[-1])) else ()
        for path in paths
    ]


def _words(title: str) -> set[str]:
    """What a title can be called by, without case."""
    return {word.casefold() for word in (title, template_name(title)) if word}


def column_letter(index: int) -> str:
    """What a sheet calls a column: A, B and so on to Z, then AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def column_number(index: int) -> str:
    """What a person calls a column of a text file: 1, 2 and so on."""
    return str(index + 1)


def _refuse_twins(columns: tuple[Column, ...], source: str, line: int) -> None:
    seen: dict[str, Column] = {}
    problems = []
    for column in columns:
        twin = seen.setdefault(column.title.casefold(), column)
        if column.title and twin is not column:
            message = f"columns {twin.letter} and {column.letter} have the same title; rename or remove one"
            problems.append(Problem(line, column.title, "header", message))
    if problems:
        first = problems[0]
        raise Refused(f"{source}, line {line}: “{first.column}”: {first.message}", problems=tuple(problems))


def _listed(letters: list[str]) -> str:
    shown = ", ".join(letters[:5]) + (", …" if len(letters) > 5 else "")
    return f"column {shown} is" if len(letters) == 1 else f"columns {shown} are"
