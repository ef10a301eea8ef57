"""Plans written into the ledger: a run entered whole, and a run amended by what a person accepted of a new plan.

Each is one transaction of its caller's. The rows come from the draft, some hundred at a time.
"""

# SQL is put together from this room's own constants only; values are always bound.
# ruff: noqa: S608

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from itertools import chain, islice
from typing import Final

from mailmerge_cli.ledger.comparison import AGAIN, CANCELLED, QUIET
from mailmerge_cli.ledger.differences import Amendment, Kind
from mailmerge_cli.ledger.draft import Draft
from mailmerge_cli.ledger.rows import FRESH, REOPEN
from mailmerge_cli.ledger.schema import LIST_INDEXES
from mailmerge_cli.ledger.states import Event, origins, quoted, target
from mailmerge_cli.model.delivery import Run

_INSERT: Final = "INSERT INTO deliveries (run, row, key, address, content_hash, state, reason) VALUES"
_VALUES: Final = "(?1, ?, ?, ?, ?, ?, ?)"
_TOGETHER: Final = 50  # rows a statement: two thirds of the time that they take one by one
_OF_ENTRY: Final = "SELECT row, key, address, content_hash, state, reason FROM entry"
_LARGE: Final = 1000
_CONTENT: Final = "row = ?1, address = ?2, content_hash = ?3, told = NULL, reason = ''"


def enter(connection: sqlite3.Connection, old: Run | None, run: Run, draft: Draft) -> None:
    """A new run, or the same label anew where nothing was begun."""
    if old is None:
        number = connection.execute(
            "INSERT INTO runs (label, opened, timezone, inputs, premises) VALUES (?, ?, ?, ?, ?)",
            (run.label, run.opened.isoformat(), run.timezone, run.inputs, _premises(draft)),
        ).lastrowid
        assert number is not None
    else:
        number = old.id
        connection.execute("DELETE FROM deliveries WHERE run = ?", (number,))
        connection.execute(
            "UPDATE runs SET opened = ?, timezone = ?, inputs = ?, premises = ?, finished = NULL WHERE id = ?",
            (run.opened.isoformat(), run.timezone, run.inputs, _premises(draft), number),
        )
    # The whole is one transaction: until it is committed, readers and a crash find the indexes and the rows that were there.
    large = draft.count() > max(_LARGE, connection.execute("SELECT count(*) FROM deliveries").fetchone()[0])
    for name in LIST_INDEXES if large else ():
        connection.execute(f"DROP INDEX {name}")
    _insert(connection, number, draft, f"{_OF_ENTRY} ORDER BY rowid")
    for sql in LIST_INDEXES.values() if large else ():
        connection.execute(sql)


def amend(connection: sqlite3.Connection, run: Run, draft: Draft, amendment: Amendment, inputs: str) -> None:
    """Applies what `Draft.compare` left in the draft's tables, as far as it is accepted."""
    _silently(connection, run, draft)
    if amendment.new or amendment.changes:
        _insert(connection, run.id, draft, _OF_CHANGE, Kind.NEW)
    if amendment.changes:
        _accept(connection, draft)
    if amendment.failed:
        _retry(connection, draft)
    elif amendment.changes:
        _remember(connection, draft, "failed", Kind.CHANGED, Kind.WORSENED)
    if amendment.cancelled:
        _due(connection, draft, CANCELLED, Event.DUE)
    connection.execute(
        "UPDATE runs SET inputs = ?, premises = ? WHERE id = ?", (inputs, _premises(draft), run.id)
    )
    connection.execute(REOPEN)


def _premises(draft: Draft) -> str:
    return str(draft.premises) if draft.premises is not None else ""


_OF_CHANGE: Final = (
    "SELECT row, key, address, content_hash, plan, reason FROM change WHERE kind = ? ORDER BY rowid"
)


def _silently(connection: sqlite3.Connection, run: Run, draft: Draft) -> None:
    """What is no difference: moved rows, new skipped rows, rows that name nobody."""
    connection.executemany(
        "UPDATE deliveries SET row = ?, reason = ? WHERE id = ?",
        draft.changes("SELECT row, reason, id FROM moved"),
    )
    _insert(connection, run.id, draft, _OF_CHANGE, QUIET)
    connection.execute("DELETE FROM deliveries WHERE run = ? AND key IS NULL", (run.id,))
    _insert(
        connection,
        run.id,
        draft,
        f"{_OF_ENTRY} WHERE key IS NULL ORDER BY rowid",
    )


def _accept(connection: sqlite3.Connection, draft: Draft) -> None:
    """Everything but new keys and failed rows."""
    connection.executemany(
        f"UPDATE deliveries SET {_CONTENT} WHERE id = ?4 AND state IN ('pending', 'deferred')",
        draft.changes(
            "SELECT row, address, content_hash, id FROM change WHERE kind = ? AND state IN ('pending', 'deferred')",
            Kind.CHANGED,
        ),
    )
    _due(connection, draft, Kind.MENDED, Event.MENDED)
    _due(connection, draft, Kind.BACK, Event.DUE)
    _leave(
        connection,
        draft.changes(f"{_LEAVE} WHERE kind = ? AND state <> 'failed'", Kind.WORSENED),
        Event.WORSENED,
    )
    _leave(connection, draft.changes(f"{_LEAVE} WHERE kind = ?", Kind.LEFT_OUT), Event.GONE)
    _leave(
        connection,
        draft.changes(
            "SELECT CASE state WHEN 'failed' THEN 'no longer in the list; it had failed' ELSE 'no longer in the list' END, id"
            " FROM change WHERE kind = ? AND state NOT IN ('sent', 'in_doubt')",
            Kind.GONE,
        ),
        Event.GONE,
    )
    for state in ("sent", "in_doubt"):
        _remember(connection, draft, state, Kind.CHANGED, Kind.GONE)


_LEAVE: Final = (
    "SELECT CASE state WHEN 'failed' THEN reason || ' (it had failed)' ELSE reason END, id FROM change"
)


def _due(connection: sqlite3.Connection, draft: Draft, kind: str, event: Event) -> None:
    connection.executemany(
        f"UPDATE deliveries SET {FRESH}, state = '{target(event)}', row = ?1, address = ?2, content_hash = ?3"
        f" WHERE id = ?4 AND state IN ({quoted(*origins(event))})",
        draft.changes("SELECT row, address, content_hash, id FROM change WHERE kind = ?", kind),
    )


def _leave(connection: sqlite3.Connection, rows: Iterable[tuple[str, int]], event: Event) -> None:
    """Not to be sent any more; the empty hash says that a plan decided it, not a person who cancelled."""
    connection.executemany(
        f"UPDATE deliveries SET state = '{target(event)}', reason = ?, content_hash = x'', next_attempt = NULL"
        f" WHERE id = ? AND state IN ({quoted(*origins(event))})",
        rows,
    )


def _retry(connection: sqlite3.Connection, draft: Draft) -> None:
    """Failed rows as the plan has them now."""
    connection.executemany(
        f"UPDATE deliveries SET {FRESH}, state = '{target(Event.RETRY)}', row = ?1, address = ?2, content_hash = ?3"
        f" WHERE id = ?4 AND state IN ({quoted(*origins(Event.RETRY))})",
        draft.changes(
            "SELECT row, address, content_hash, id FROM change WHERE state = 'failed' AND plan = 'pending' AND kind IN (?, ?)",
            AGAIN,
            Kind.CHANGED,
        ),
    )
    _leave(
        connection,
        draft.changes(
            f"{_LEAVE} WHERE state = 'failed' AND plan = 'invalid' AND kind IN (?, ?)", AGAIN, Kind.WORSENED
        ),
        Event.WORSENED,
    )


def _remember(connection: sqlite3.Connection, draft: Draft, state: str, *kinds: Kind) -> None:
    """The person knows of the difference; the row stays as it is."""
    marks = ", ".join("?" * len(kinds))
    connection.executemany(
        f"UPDATE deliveries SET told = ? WHERE id = ? AND state IN ({_words(state)})",
        draft.changes(f"SELECT face, id FROM change WHERE state = ? AND kind IN ({marks})", state, *kinds),
    )


def _words(state: str) -> str:
    """What is being sent was compared as in doubt."""
    return "'in_doubt', 'sending'" if state == "in_doubt" else f"'{state}'"


def _insert(connection: sqlite3.Connection, run: int, draft: Draft, sql: str, *values: str) -> None:
    rows = draft.changes(sql, *values)
    while some := list(islice(rows, _TOGETHER)):
        connection.execute(f"{_INSERT} {', '.join([_VALUES] * len(some))}", [run, *chain.from_iterable(some)])
