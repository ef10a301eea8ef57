"""A plan against a run, in SQL: both stand side by side in the draft's connection, the ledger attached read-only.

What differs is written into the draft's table `change`, so that nothing reads the ledger any more when the changes are applied.

A row's *face* is what the plan makes of it: its content hash, or the words `invalid` and `skipped`. `told` in the ledger holds the face
that a person accepted for a row that will not change any more; empty stands for gone.
"""

# SQL is put together from this room's own constants only; values are always bound.
# ruff: noqa: S608

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mailmerge_cli.ledger.differences import Difference, Differences, Kind, Sample
from mailmerge_cli.model.delivery import Run, State

CANCELLED: Final = "cancelled"  # kinds of `change` that are no differences
AGAIN: Final = "again"
QUIET: Final = "quiet"  # new, but skipped

_CACHE: Final = 32_000  # KiB

_FACE: Final = "CASE e.state WHEN 'pending' THEN e.content_hash ELSE CAST(e.state AS BLOB) END"
_STATE: Final = "CASE d.state WHEN 'sending' THEN 'in_doubt' ELSE d.state END"

_KIND: Final = f"""
CASE
WHEN d.id IS NULL THEN CASE e.state WHEN 'skipped' THEN '{QUIET}' ELSE '{Kind.NEW}' END
WHEN d.state IN ('pending', 'deferred') THEN
    CASE e.state WHEN 'pending' THEN CASE WHEN e.content_hash <> d.content_hash THEN '{Kind.CHANGED}' END
    WHEN 'invalid' THEN '{Kind.WORSENED}' ELSE '{Kind.LEFT_OUT}' END
WHEN d.state = 'failed' THEN
    CASE WHEN {_FACE} IS d.told OR {_FACE} = d.content_hash THEN '{AGAIN}'
    WHEN e.state = 'pending' THEN '{Kind.CHANGED}' WHEN e.state = 'invalid' THEN '{Kind.WORSENED}' ELSE '{Kind.LEFT_OUT}' END
WHEN d.state = 'invalid' THEN
    CASE e.state WHEN 'pending' THEN '{Kind.MENDED}' WHEN 'skipped' THEN '{Kind.LEFT_OUT}' END
WHEN d.state = 'skipped' AND length(d.content_hash) > 0 THEN CASE e.state WHEN 'pending' THEN '{CANCELLED}' END
WHEN d.state = 'skipped' THEN
    CASE e.state WHEN 'pending' THEN '{Kind.BACK}' WHEN 'invalid' THEN '{Kind.WORSENED}' END
ELSE
    CASE WHEN {_FACE} <> d.content_hash AND {_FACE} IS NOT d.told THEN '{Kind.CHANGED}' END
END
"""

_TABLES: Final = """
DROP TABLE IF EXISTS change;
DROP TABLE IF EXISTS moved;
CREATE TABLE change (kind TEXT, state TEXT, id INTEGER, row INTEGER, key TEXT, address TEXT, content_hash BLOB, plan TEXT,
    reason TEXT, face BLOB, taken INTEGER NOT NULL DEFAULT 0);
CREATE TABLE moved (id INTEGER, row INTEGER, reason TEXT);
"""

_LISTED: Final = f"""
INSERT INTO change (kind, state, id, row, key, address, content_hash, plan, reason, face, taken)
SELECT * FROM (
    SELECT {_KIND} AS kind, coalesce({_STATE}, e.state), d.id, e.row, e.key, e.address, e.content_hash, e.state, e.reason, {_FACE},
        coalesce(d.address = e.address, 0)
    FROM entry e LEFT JOIN book.deliveries d ON d.run = ? AND d.key = e.key WHERE e.key IS NOT NULL)
WHERE kind IS NOT NULL
"""

_GONE: Final = f"""
INSERT INTO change (kind, state, id, row, key, address, face)
SELECT '{Kind.GONE}', {_STATE}, d.id, d.row, d.key, d.address, x''
FROM book.deliveries d
WHERE d.run = ? AND d.key IS NOT NULL AND d.state <> 'skipped'
    AND NOT (d.state IN ('sent', 'in_doubt', 'sending') AND d.told IS x'')
    AND NOT EXISTS (SELECT 1 FROM entry e WHERE e.key = d.key)
"""

# Rows that only moved, and reasons of rows that stay invalid or skipped: brought up to date without a word.
_MOVED: Final = """
INSERT INTO moved (id, row, reason)
SELECT d.id, e.row, CASE WHEN d.state = e.state AND length(d.content_hash) = 0 THEN e.reason ELSE d.reason END
FROM entry e JOIN book.deliveries d ON d.run = ? AND d.key = e.key
WHERE d.row <> e.row OR (d.state = e.state AND length(d.content_hash) = 0 AND d.reason <> e.reason)
"""

# `taken` of matched rows says for now whether the address is the same: such a row takes nobody's place. Who got an earlier mail of a
# row (a resend, to another address perhaps) stands among its attempts.
_TAKEN: Final = f"""
UPDATE change SET taken = kind IN ('{Kind.NEW}', '{Kind.BACK}', '{Kind.MENDED}', '{Kind.CHANGED}') AND plan = 'pending'
    AND state NOT IN ('sent', 'in_doubt') AND NOT (taken AND kind = '{Kind.CHANGED}');
CREATE TEMP TABLE wanted AS SELECT DISTINCT fold(address) AS folded FROM change WHERE taken;
CREATE TEMP TABLE mailed AS SELECT fold(d.address) AS folded, d.id FROM book.deliveries d
    WHERE d.run = {{run}} AND d.state IN ('sent', 'in_doubt', 'sending') AND EXISTS (SELECT 1 FROM wanted)
    AND fold(d.address) IN (SELECT folded FROM wanted)
    UNION SELECT fold(a.address), d.id FROM book.attempts a JOIN book.deliveries d ON d.id = a.delivery
    WHERE d.run = {{run}} AND a.verdict IN ('accepted', 'unknown') AND EXISTS (SELECT 1 FROM wanted)
    AND fold(a.address) IN (SELECT folded FROM wanted);
CREATE INDEX temp.mailed_by ON mailed (folded);
UPDATE change SET taken = 0 WHERE taken
    AND NOT EXISTS (SELECT 1 FROM mailed WHERE mailed.folded = fold(change.address) AND mailed.id IS NOT change.id);
DROP TABLE wanted;
DROP TABLE mailed;
"""

_DIFFERENCES: Final = tuple(str(kind) for kind in Kind)


def compare(draft: sqlite3.Connection, path: Path, run: Run, samples: int, *, moved: bool) -> Differences:
    """Fills the draft's table `change`, and `moved` if that is wanted too; tells what differs."""
    with beside(draft, path):
        draft.executescript(_TABLES)
        draft.execute("BEGIN")
        draft.execute(_LISTED, (run.id,))
        if _some_are_gone(draft, run):
            draft.execute(_GONE, (run.id,))
        if moved:
            draft.execute(_MOVED, (run.id,))
        draft.execute("COMMIT")
        draft.executescript(_TAKEN.format(run=run.id))
    return _tell(draft, samples)


def _some_are_gone(draft: sqlite3.Connection, run: Run) -> bool:
    """Counting is quicker than looking each of the ledger's keys up; keys are unique on both sides."""
    promised, listed, new = (
        draft.execute(sql, values).fetchone()[0]
        for sql, values in (
            ("SELECT count(*) FROM book.deliveries WHERE run = ? AND key IS NOT NULL", (run.id,)),
            ("SELECT count(*) FROM entry WHERE key IS NOT NULL", ()),
            ("SELECT count(*) FROM change WHERE kind IN (?, ?)", (str(Kind.NEW), QUIET)),
        )
    )
    return bool(promised != listed - new)


def skip_twins(draft: sqlite3.Connection, reason: str, path: Path | None, run: Run | None) -> int:
    """See `Draft.skip_twin_addresses`."""
    promised = "0"
    if path is not None and run is not None:
        promised = (
            "EXISTS (SELECT 1 FROM book.deliveries d WHERE d.run = "
            f"{run.id} AND d.key = entry.key AND d.state NOT IN ('skipped', 'invalid'))"
        )
    with beside(draft, path):
        draft.executescript(
            "CREATE TEMP TABLE twin AS SELECT rowid AS place, folded, row, key, row_number() OVER"
            f" (PARTITION BY folded ORDER BY {promised} DESC, row, rowid) AS rank FROM entry WHERE state = 'pending' AND folded IN"
            " (SELECT folded FROM entry WHERE state = 'pending' GROUP BY folded HAVING count(*) > 1);"
            "CREATE INDEX temp.twin_by ON twin (place);"
            "CREATE INDEX temp.first_by ON twin (folded) WHERE rank = 1;"
        )
    number = draft.execute(
        # One person written twice (the address is the key): the second line names nobody else, and is no twin key.
        "UPDATE entry SET state = 'skipped', content_hash = x'', reason = replace(?, '{row}',"
        " (SELECT row FROM twin WHERE twin.folded = entry.folded AND rank = 1)),"
        " key = nullif(key, (SELECT key FROM twin WHERE twin.folded = entry.folded AND rank = 1))"
        " WHERE rowid IN (SELECT place FROM twin WHERE rank > 1)",
        (reason,),
    ).rowcount
    draft.execute("DROP TABLE twin")
    return number


def _tell(draft: sqlite3.Connection, samples: int) -> Differences:
    counts = draft.execute(
        "SELECT kind, state, count(*), sum(taken) FROM change GROUP BY kind, state"
    ).fetchall()
    groups = []
    for kind, state, count, _ in counts:
        if kind in _DIFFERENCES:
            found = _samples(draft, "kind = ? AND state = ?", samples, kind, state)
            groups.append(Difference(Kind(kind), State(state), count, found))
    taken = sum(number for *_, number in counts)
    failed = draft.execute(
        "SELECT count(*) FROM change WHERE state = 'failed' AND plan = 'pending'"
    ).fetchone()[0]
    return Differences(
        groups=tuple(
            sorted(groups, key=lambda one: (list(Kind).index(one.kind), list(State).index(one.state)))
        ),
        taken=Difference(Kind.NEW, State.PENDING, taken, _samples(draft, "taken", samples)),
        cancelled=sum(number for kind, _, number, _ in counts if kind == CANCELLED),
        failed=failed,
    )


def _samples(draft: sqlite3.Connection, where: str, number: int, *values: str) -> tuple[Sample, ...]:
    if not number:
        return ()
    rows = draft.execute(
        f"SELECT row, key, address FROM change WHERE {where} ORDER BY row LIMIT ?", (*values, number)
    )
    return tuple(Sample(*row) for row in rows)


@contextmanager
def beside(draft: sqlite3.Connection, path: Path | None) -> Iterator[None]:
    """The ledger as `book`, read-only, for a while."""
    if path is None:
        yield
        return
    from mailmerge_cli.ledger.schema import read_only_uri

    draft.create_function("fold", 1, str.casefold, deterministic=True)
    draft.execute("ATTACH ? AS book", (read_only_uri(path),))
    draft.execute(f"PRAGMA book.cache_size = -{_CACHE}")
    try:
        yield
    finally:
        if draft.in_transaction:
            draft.execute("COMMIT")
        draft.execute("DETACH book")
