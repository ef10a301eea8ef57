"""What SQLite and the disk say, once turned into sentences for people: every error of sqlite3 becomes a `LedgerFault` here."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mailmerge_cli.errors import LedgerFault

_DAMAGED = (
    "Nothing was changed. Keep the file; restore it from a backup that is not older than the last send, "
    "or look at the result log to see who has mail."
)
# What the sentence is, and what to do, by the first words of SQLite's error name.
_SENTENCES: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("SQLITE_FULL",),
        "{path}: the disk is full, so nothing more can be recorded and nothing more is sent",
        "Make room on that disk, then run the same command again.",
    ),
    (
        ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT"),
        "{path}: this file is damaged or not what it should be",
        _DAMAGED,
    ),
    (
        ("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH"),
        "{path}: this file cannot be written (read-only file, folder or disk)",
        "Give yourself the right to write there, or name another folder with --state-dir.",
    ),
    (
        ("SQLITE_CANTOPEN",),
        "{path}: this file cannot be opened",
        "Look whether the folder is there and whether you may read and write in it.",
    ),
    (
        ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL"),
        "{path}: another program keeps this file locked",
        "Close what has it open (a backup, a database browser), then run the same command again.",
    ),
    (
        ("SQLITE_IOERR",),
        "{path}: the disk reports an error ({error})",
        "Look whether that disk is full or fails; then run the same command again.",
    ),
)


def fault_of(error: sqlite3.Error, path: Path) -> LedgerFault:
    """The fault that a person reads, for an error that SQLite raised about `path`."""
    name = getattr(error, "sqlite_errorname", "") or ""
    for names, sentence, hint in _SENTENCES:
        if name.startswith(names):
            return LedgerFault(sentence.format(path=path, error=error), hint=hint)
    return LedgerFault(f"{path}: {error}", hint=_DAMAGED)


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Maps what sqlite3 and the disk raise; bugs of ours (wrong SQL, broken constraints) pass as they are."""
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.IntegrityError, sqlite3.InterfaceError):
        raise
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorname", "") == "SQLITE_ERROR":
            # No such table, a syntax error: our own SQL, or a file of ours that someone has altered.
            raise LedgerFault(f"{path}: {error}", hint=_DAMAGED) from error
        raise fault_of(error, path) from error
    except OSError as error:
        raise LedgerFault(
            f"{path}: {error.strerror or error}", hint="Look at that file's folder and disk."
        ) from error
