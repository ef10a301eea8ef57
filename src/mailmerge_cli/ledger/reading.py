"""What can be asked of a ledger: runs, deliveries, counts, attempts. Nothing here changes a row.

Lists are read page by page, each a statement of its own: a long look never holds up the writer nor the journal's end, and the memory
that it takes does not grow with the list.
"""

# SQL is put together from this room's own constants only; values are always bound.
# ruff: noqa: S608

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from functools import partial
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from mailmerge_cli.ledger.faults import told
from mailmerge_cli.ledger.message_ids import first_id, seed
from mailmerge_cli.ledger.premises import Premises
from mailmerge_cli.ledger.records import AttemptLine
from mailmerge_cli.ledger.rows import (
    DELIVERY,
    RUN,
    SIZES,
    groups,
    marks,
    to_counts,
    to_delivery,
    to_micro,
    to_run,
    to_time,
)
from mailmerge_cli.ledger.states import quoted
from mailmerge_cli.model.delivery import Counts, Delivery, Run, State

Row = tuple[Any, ...]  # sqlite3 types no column
_PAGE: Final = 500
_SAID: Final = "started, ended, verdict, code, enhanced, reply, remote_id, account, message_id"
_NOW: Final = "last_attempt, ended, verdict, code, enhanced, reply, remote_id, account, message_id"


TRIALS: Final = ("written to %", "Kept as %")
"""How the replies of transports/outbox.py and mailbox/server.py begin."""
_TRIED: Final = "FROM deliveries WHERE run = ? AND state = 'sent' AND (reply LIKE ? OR reply LIKE ?)"


class Reading:
    """A ledger that is asked; a context manager. `Ledger` makes it.

    Attributes:
        path: its file.
        note: a sentence, if a person should know something of this ledger (it is a copy); empty else.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, *, orphans: bool, note: str = "") -> None:
        self.path = path
        self.note = note
        self._connection = connection
        self._orphans = orphans
        self._guard = threading.RLock()
        with told(path):
            self._secret = bytes(connection.execute("SELECT secret FROM ledger").fetchone()[0])
        self._seeds: dict[int, blake2b] = {}  # of the runs' Message-IDs

    def close(self) -> None:
        """Lets go of the file; a writer's journal is folded in."""
        with self._guard, told(self.path):
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # runs

    def runs(self) -> list[Run]:
        """All runs, the oldest first."""
        return [to_run(row) for row in self._all(f"SELECT {RUN} FROM runs ORDER BY id")]

    def run(self, label: str) -> Run | None:
        """The run of that label."""
        rows = self._all(f"SELECT {RUN} FROM runs WHERE label = ?", label)
        return to_run(rows[0]) if rows else None

    def premises(self, run: Run) -> Premises | None:
        """What the run's last plan followed from; None: not known, or an older version has written the ledger."""
        if not self._all("SELECT 1 FROM pragma_table_info('runs') WHERE name = 'premises'"):
            return None
        return Premises.parse(self._all("SELECT premises FROM runs WHERE id = ?", run.id)[0][0])

    def unfinished(self, except_label: str = "") -> list[tuple[Run, Counts]]:
        """The runs, but the named one, that have pending or deferred rows left."""
        found = [
            (run, self.counts(run)) for run in self.runs() if run.label != except_label and not run.finished
        ]
        return [(run, counts) for run, counts in found if counts.left]

    def counts(self, run: Run) -> Counts:
        """How many deliveries are in which state."""
        rows = self._all("SELECT state, count(*) FROM deliveries WHERE run = ? GROUP BY state", run.id)
        return to_counts(rows, orphans=self._orphans)

    def last_account(self, run: Run) -> str:
        """Through which account the run sent last; empty if it never did."""
        sql = "SELECT account, max(last_attempt) FROM deliveries WHERE run = ? AND account <> ''"
        return self._all(sql, run.id)[0][0] or ""

    def tried_out(self, run: Run, account: str = "") -> int:
        """How many sent mails of the run only became files, by an outbox or in the program's own mailbox; through another account than this one."""
        number: int = self._all(f"SELECT count(*) {_TRIED} AND account <> ?", run.id, *TRIALS, account)[0][0]
        return number

    def left_the_machine(self, run: Run, account: str = "") -> int:
        """How many mails of the run were shown to a server, whatever came of it, as far as is known; through another account than this one."""
        sql = (
            "SELECT count(*) FROM deliveries WHERE run = ? AND state IN ('sent', 'failed', 'deferred', 'in_doubt', 'sending')"
            " AND account <> ? AND NOT (state = 'sent' AND (reply LIKE ? OR reply LIKE ?))"
        )
        number: int = self._all(sql, run.id, account, *TRIALS)[0][0]
        return number

    def tried_keys(self, run: Run) -> list[str]:
        """Whose they are."""
        return [row[0] for row in self._all(f"SELECT key {_TRIED}", run.id, *TRIALS)]

    def nothing_begun(self, run: Run) -> bool:
        """Whether no mail of the run was ever begun; such a run is replaced freely."""
        return not self._all(
            "SELECT 1 FROM deliveries WHERE run = ?1 AND (last_attempt IS NOT NULL OR attempts > 0"
            " OR state IN ('sending', 'sent', 'failed', 'deferred', 'in_doubt'))"
            " UNION ALL SELECT 1 FROM attempts JOIN deliveries ON deliveries.id = attempts.delivery WHERE run = ?1 LIMIT 1",
            run.id,
        )

    def nobody_reached(self, run: Run) -> bool:
        """Whether nobody has a mail of the run, may have one, or was turned down: there were only refusals that were the sender's affair."""
        return not self._all(
            "SELECT 1 FROM deliveries WHERE run = ?1 AND state IN ('sending', 'sent', 'failed', 'deferred', 'in_doubt')"
            " UNION ALL SELECT 1 FROM attempts JOIN deliveries ON deliveries.id = attempts.delivery WHERE run = ?1"
            " AND attempts.verdict <> 'refused' LIMIT 1",
            run.id,
        )

    # deliveries

    def find(self, run: Run, keys: Sequence[str]) -> dict[str, Delivery]:
        """The deliveries of these keys, as far as there are any; made for a few hundred keys at a time."""
        found: dict[str, Delivery] = {}
        for chunk in groups(keys):
            for row in self._all(_FIND[len(chunk)], run.id, *chunk):
                delivery = to_delivery(row, orphans=self._orphans)
                found[delivery.key] = delivery
        return found

    def deliveries(
        self, run: Run, states: Collection[State] | None = None, keys: Collection[str] | None = None
    ) -> Iterator[Delivery]:
        """The run's deliveries in the order of their rows, or those in some states, or of some keys."""
        if keys is not None:
            found = sorted(
                self.find(run, list(dict.fromkeys(keys))).values(), key=lambda one: (one.row, one.id)
            )
            yield from (one for one in found if states is None or one.state in states)
            return
        for page in self._pages(run, self._asked(states)):
            yield from map(partial(to_delivery, orphans=self._orphans), page)

    def ends(self, run: Run, limit: int | None = None) -> tuple[Delivery, Delivery] | None:
        """The first and the last of the (first `limit`) deliveries that are left to send, by row; None if there is none."""
        left = f"SELECT {DELIVERY} FROM deliveries WHERE run = ? AND state IN ('pending', 'deferred') ORDER BY row"
        first = self._all(f"{left}, id LIMIT 1", run.id)
        last = self._all(f"{left} DESC, id DESC LIMIT 1", run.id)
        if limit is not None:
            last = self._all(f"{left}, id LIMIT 1 OFFSET ?", run.id, max(limit - 1, 0)) or last
        return (to_delivery(first[0]), to_delivery(last[0])) if first else None

    def deferred(self, run: Run, due: datetime | None = None, limit: int = _PAGE) -> list[Delivery]:
        """Deferred deliveries, the one that is due first first; only those due by then, if a time is given."""
        rows = self._all(
            f"SELECT {DELIVERY} FROM deliveries WHERE run = ? AND state = 'deferred' AND next_attempt <= ?"
            " ORDER BY next_attempt, id LIMIT ?",
            run.id, (1 << 62) if due is None else to_micro(due), limit,
        )  # fmt: skip
        return [to_delivery(row) for row in rows]

    def next_due(self, run: Run) -> datetime | None:
        """When the first deferred delivery may be tried again; None if none is deferred."""
        rows = self._all(
            "SELECT min(next_attempt) FROM deliveries WHERE run = ? AND state = 'deferred'", run.id
        )
        return to_time(rows[0][0])

    def message_id(self, delivery: Delivery, domain: str) -> str:
        """The Message-ID of the delivery's present intent: the one it has, else one in that domain."""
        if delivery.message_id:
            return delivery.message_id
        if delivery.run not in self._seeds:
            self._seeds = {run.id: seed(self._secret, run.label) for run in self.runs()}
        return first_id(self._seeds[delivery.run], delivery.key, domain)

    # attempts

    def attempts(self, run: Run, keys: Collection[str] | None = None) -> Iterator[AttemptLine]:
        """Every attempt of the run, in the order of the rows, each delivery's from the first to the last.

        One that was begun and not answered yet has an empty verdict.
        """
        wanted = None if keys is None else set(keys)
        for page in self._pages(run, None):
            yield from self._attempts_of([row for row in page if wanted is None or row[3] in wanted])

    def _attempts_of(self, page: list[Row]) -> Iterator[AttemptLine]:
        ids = ", ".join(str(row[0]) for row in page)
        said: dict[int, list[list[Any]]] = {}
        # The last attempt stands in the delivery itself; its number sorts behind those of all older ones.
        for number, *line in self._all(
            f"SELECT delivery, address, {_SAID} FROM (SELECT delivery, id, address, {_SAID} FROM attempts WHERE delivery IN ({ids})"
            f" UNION ALL SELECT id, 9223372036854775807, address, {_NOW} FROM deliveries WHERE id IN ({ids})"
            " AND (verdict <> '' OR state = 'sending')) ORDER BY delivery, id"
        ):
            said.setdefault(number, []).append(line)
        for row in page:
            for count, line in enumerate(said.get(row[0], ()), 1):
                yield _line(row, count, tuple(line))

    def _asked(self, states: Collection[State] | None) -> tuple[State, ...] | None:
        if states is None:
            return None
        asked = set(states)
        if self._orphans and State.IN_DOUBT in asked:
            asked.add(State.SENDING)
        elif self._orphans:
            asked.discard(State.SENDING)
        return tuple(asked)

    def _pages(self, run: Run, states: tuple[State, ...] | None) -> Iterator[list[Row]]:
        chosen = "" if states is None else f" AND state IN ({quoted(*states)})"
        sql = f"SELECT {DELIVERY} FROM deliveries WHERE run = ? AND (row, id) > (?, ?){chosen} ORDER BY row, id LIMIT {_PAGE}"
        row, number = -1, -1
        while page := self._all(sql, run.id, row, number):
            yield page
            row, number = page[-1][2], page[-1][0]

    def _all(self, sql: str, *values: object) -> list[Row]:
        with self._guard, told(self.path):
            return self._connection.execute(sql, values).fetchall()


_FIND: Final = {
    size: f"SELECT {DELIVERY} FROM deliveries WHERE run = ? AND key IN ({marks(size)})" for size in SIZES
}


def _line(row: Row, number: int, said: Row) -> AttemptLine:
    address, started, ended, *rest = said
    return AttemptLine(row[2], row[3] or "", address, number, to_time(started), to_time(ended), *rest)
