"""A traceback that shows where, never what: the text of a foreign exception may hold a cell (`invalid literal … '12000.50'`)."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path

from mailmerge_cli.engine.worker import WorkerBug
from mailmerge_cli.errors import MailmergeError

# Their texts name files, names of code and types, not values.
_HARMLESS = (
    MailmergeError, WorkerBug, OSError, ImportError, AttributeError, NameError, RecursionError, MemoryError,
)  # fmt: skip


def trace_lines(error: BaseException) -> list[str]:
    """Frames and kinds of an exception and its causes, the outermost last; lines of source, no values."""
    lines: list[str] = []
    for link in reversed(list(_chain(error))):
        lines += [
            line for entry in traceback.format_tb(link.__traceback__) for line in entry.rstrip().split("\n")
        ]
        lines.append(f"{type(link).__name__}: {_text(link)}")
    return lines


def trace_place(error: BaseException) -> str:
    """Where it was raised: `file.py:12`."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _text(error: BaseException) -> str:
    return (
        str(error)
        if isinstance(error, _HARMLESS)
        else "(its text is left out, it may hold a value of the list)"
    )
