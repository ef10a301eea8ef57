"""Whose address is another one than in the run before: the draft beside the ledger, in SQL, as in `comparison.py`.

The run before is, for each key, the latest earlier one in which its mail was accepted; a trial counts for those alone who never had a
real mail. Who was written to twice in that run (`resend --to`) has two addresses there, and neither is new. An address that in that run
was another key's is told apart: rows that have shifted look like that.
"""

# SQL is put together from this room's own constants only; values are always bound.
# ruff: noqa: S608

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from mailmerge_cli.ledger.draft import Draft
from mailmerge_cli.ledger.reading import TRIALS, Reading
from mailmerge_cli.model.delivery import Run
from mailmerge_cli.model.notice import FIRST, NewAddress, Notices

_TRIED: Final = "({0}.reply LIKE :outbox OR {0}.reply LIKE :mailbox)"
_SENT: Final = "d.state = 'sent'"
_EARLIER: Final = "FROM book.attempts a WHERE a.delivery = d.id AND a.verdict = 'accepted'"
_REALLY_SENT: Final = f"{_SENT} AND NOT {_TRIED.format('d')}"
_REALLY_EARLIER: Final = f"{_EARLIER} AND NOT {_TRIED.format('a')}"
_ACCEPTED: Final = f"({_SENT} OR EXISTS (SELECT 1 {_EARLIER}))"
_REALLY: Final = f"({_REALLY_SENT} OR EXISTS (SELECT 1 {_REALLY_EARLIER}))"

_BEFORE: Final = """
SELECT d.id FROM book.runs r CROSS JOIN book.deliveries d ON d.run = r.id AND d.key = e.key
WHERE r.id < :run AND {} ORDER BY r.id DESC LIMIT 1
"""
_LAST: Final = "(SELECT a.address {} ORDER BY a.id DESC LIMIT 1)"

_TABLES: Final = (
    "CREATE TEMP TABLE new_address (row, key, address, folded, was, run, label)",
    "CREATE TEMP TABLE had (number INTEGER PRIMARY KEY, key)",  # by rowid, whose address it was
)
_FOUND: Final = f"""
INSERT INTO temp.new_address (row, key, address, folded, was, run, label)
SELECT e.row, e.key, e.address, e.folded, coalesce(
    CASE WHEN {_REALLY_SENT} THEN d.address END, {_LAST.format(_REALLY_EARLIER)},
    CASE WHEN {_SENT} THEN d.address END, {_LAST.format(_EARLIER)}) AS was, CASE WHEN {_REALLY} THEN r.id END, r.label
FROM entry e
JOIN book.deliveries d ON d.id = coalesce(({_BEFORE.format(_REALLY)}), ({_BEFORE.format(_ACCEPTED)}))
JOIN book.runs r ON r.id = d.run
WHERE e.state = 'pending' AND was <> e.address AND fold(was) <> e.folded
    AND NOT EXISTS (SELECT 1 {_REALLY_EARLIER} AND fold(a.address) = e.folded)
    AND NOT EXISTS (SELECT 1 FROM book.deliveries own WHERE own.run = :run AND own.key = e.key
        AND own.state IN ('sent', 'in_doubt', 'sending'))
ORDER BY e.rowid
"""
# Whoever had, or would have had, a mail of that run at the address; what was only tried there is nobody's, and from a trial nobody moved.
_OTHERS: Final = f"""
INSERT INTO temp.had
SELECT n.rowid, min(h.key) FROM (
    SELECT d.run, d.key, fold(d.address) AS folded FROM book.deliveries d
    WHERE d.run IN (SELECT run FROM temp.new_address) AND d.key IS NOT NULL AND NOT ({_SENT} AND {_TRIED.format("d")})
    UNION ALL
    SELECT d.run, d.key, fold(a.address) FROM book.deliveries d JOIN book.attempts a ON a.delivery = d.id
    WHERE d.run IN (SELECT run FROM temp.new_address) AND d.key IS NOT NULL AND a.verdict = 'accepted' AND NOT {_TRIED.format("a")}
) h CROSS JOIN temp.new_address n ON n.run = h.run AND n.folded = h.folded AND n.key <> h.key
GROUP BY n.rowid
"""
_WHERE: Final = "FROM temp.new_address n LEFT JOIN temp.had ON had.number = n.rowid WHERE had.key IS"
_TOLD: Final = "SELECT n.row, n.key, n.address, n.was, n.label, coalesce(had.key, '')"
_NONE_YET: Final = (1 << 63) - 1  # the run that is not entered yet comes after all others


def new_addresses(draft: Draft, ledger: Reading, run: Run | None) -> Notices:
    """The first of those who would get a mail at an address that they had none at the last time, in the list's order; and how many.

    Args:
        draft: the plan; its keys are no addresses.
        ledger: of the same campaign.
        run: whose plan it is, if the ledger has it; who has a mail of this run already is not told of again.
    """
    if not any(run is None or one.id < run.id for one in ledger.runs()):
        return Notices()
    values = {
        "run": run.id if run else _NONE_YET,
        "outbox": TRIALS[0],
        "mailbox": TRIALS[1],
    }
    with draft.beside(ledger) as connection, _tables(connection):
        if connection.execute(_FOUND, values).rowcount:
            connection.execute("CREATE INDEX temp.new_address_by ON new_address (run, folded)")
            connection.execute(_OTHERS, values)
        new, news = _told(connection, "NULL")
        moved, moves = _told(connection, "NOT NULL")
    return Notices(moved, moves, new, news)


@contextmanager
def _tables(connection: sqlite3.Connection) -> Iterator[None]:
    for table in _TABLES:
        connection.execute(table)
    try:
        yield
    finally:
        connection.execute("DROP TABLE temp.new_address")
        connection.execute("DROP TABLE temp.had")


def _told(connection: sqlite3.Connection, which: str) -> tuple[tuple[NewAddress, ...], int]:
    """The first of them, and how many there are."""
    found = connection.execute(f"{_TOLD} {_WHERE} {which} ORDER BY n.rowid LIMIT ?", (FIRST,))
    first = tuple(NewAddress(*one) for one in found)
    (total,) = connection.execute(f"SELECT count(*) {_WHERE} {which}").fetchone()
    return first, total
