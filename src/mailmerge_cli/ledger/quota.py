"""What an account may still send: one book for all campaigns and processes, so that tomorrow's cron run knows what today's sent.

Rule: never more than a rate in any window, whatever crashes. A permit that is granted counts as used at the end of its hold, durably and
before the mail goes; its user promises to use it before then, or not at all. So a permit never counts as older than its use was, and in
any window the last one granted saw all the others. What this costs: a permit comes free up to one hold later than it might.

Permits are counts in slices of time, not rows of their own: old slices are merged into later ones, which again only errs on the safe side,
so a day of any number of mails is some thousand rows.

Times are the caller's clock, aware. Within a process let it run on the monotonic clock from one look at the wall, so that a jump of
the wall is none of the quota's (fault O05); a clock that was set back between two runs moves what lies in the future to now.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from mailmerge_cli.ledger import schema
from mailmerge_cli.ledger.faults import told
from mailmerge_cli.ledger.files import look_at, private_folder
from mailmerge_cli.ledger.rows import to_micro, to_time
from mailmerge_cli.model.account import Account
from mailmerge_cli.model.rate import Rate

_SECOND: Final = 1_000_000
_LONGEST_HOLD: Final = 30 * _SECOND
_SHORTEST_HOLD: Final = 20_000
_SHARE: Final = 50
"""A hold is so small a part of the shortest window: two in a hundred of the rate at most are given up for it."""
_MERGES: Final = ((3600 * _SECOND, 60 * _SECOND), (60 * _SECOND, _SECOND))
"""Older than this: merged into slices of that width (about the same share)."""
_KEPT: Final = 86_400 * _SECOND
_TIDY: Final = 200
"""So many slices are written between two tidyings."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What was granted.

    Attributes:
        count: permits; 0 if there are none now.
        until: use them before this time, or give them back; they count as used then.
        free_at: with 0 permits: when the first one comes free; else the same as `until`.
    """

    count: int
    until: datetime
    free_at: datetime


@dataclass(frozen=True, slots=True)
class Slice:
    """Permits that count as used at one time."""

    at: datetime
    count: int


def quota_name(account: Account) -> str:
    """Who is counted: login and server, so that another name in accounts.toml starts no new quota."""
    return f"{account.user}@{account.server.lower()}"


class QuotaBook:
    """The book of all accounts' permits; a context manager. Open and closed freely; one thread at a time.

    Args:
        path: `quota.sqlite3` in the platform's state folder. Raises LedgerFault.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        private_folder(path, home=path.parent)
        if look_at(path, home=path.parent) is None:
            schema.create(path, schema.QUOTA_ID, _nothing)
        with told(path):
            self._connection = schema.connect(path)
            try:
                schema.look_over(self._connection, path, schema.QUOTA_ID, migrate=True)
            except BaseException:
                self._connection.close()
                raise
        self._written = 0

    def close(self) -> None:
        """Lets go of the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def reserve(self, account: str, rates: Sequence[Rate], want: int, now: datetime) -> Grant:
        """Up to `want` permits, as many as all rates allow now; durable when it returns, and no other process gets the same.

        Ask for what is used within the hold (`hold_of`), not for more: the rest must be given back.
        """
        time = to_micro(now)
        end = time + hold_of(rates)
        with self._change() as connection:
            self._come_back(connection, account, time)
            room = min((_room(connection, account, rate, time) for rate in rates), default=want)
            count = max(0, min(want, room))
            if count:
                _stamp(connection, account, end, count)
                self._tidy(connection, account, time)
                return Grant(count, _time(end), _time(end))
            return Grant(0, now, _time(max(_free(connection, account, rate, time) for rate in rates)))

    def give_back(self, account: str, grant: Grant, unused: int) -> None:
        """Permits of a grant that were not used and never will be."""
        if not unused:
            return
        if not 0 < unused <= grant.count:
            raise ValueError(f"{unused} of {grant.count} permits cannot be given back")
        with self._change() as connection:
            # Merged meanwhile (a long pause): then they stay counted, on the safe side.
            connection.execute(
                "UPDATE permits SET count = count - ? WHERE account = ? AND at = ? AND count >= ?",
                (unused, account, to_micro(grant.until), unused),
            )
            connection.execute("DELETE FROM permits WHERE account = ? AND count = 0", (account,))

    def stamp(self, account: str, when: datetime, count: int = 1) -> None:
        """Mails that go whatever the quota says (a test mail, a server's own count): they count as used then."""
        with self._change() as connection:
            _stamp(connection, account, to_micro(when), count)

    def taken(self, account: str, seconds: float, now: datetime) -> list[Slice]:
        """What counts in the window of so many seconds that ends now, the oldest first."""
        with told(self.path):
            rows = self._connection.execute(
                "SELECT at, count FROM permits WHERE account = ? AND at > ? ORDER BY at",
                (account, to_micro(now) - round(seconds * _SECOND)),
            ).fetchall()
        return [Slice(_time(at), count) for at, count in rows]

    def left(self, account: str, rates: Sequence[Rate], now: datetime) -> int | None:
        """How many mails all rates allow at this moment; None without a rate."""
        with told(self.path):
            rooms = [_room(self._connection, account, rate, to_micro(now)) for rate in rates]
        return max(0, min(rooms)) if rooms else None

    def _come_back(self, connection: sqlite3.Connection, account: str, now: int) -> None:
        """A clock that was set back must not lock an account for as long: what lies in the future was used by now."""
        number = connection.execute(
            "SELECT sum(count) FROM permits WHERE account = ? AND at > ?", (account, now + 2 * _LONGEST_HOLD)
        ).fetchone()[0]
        if number:
            connection.execute(
                "DELETE FROM permits WHERE account = ? AND at > ?", (account, now + 2 * _LONGEST_HOLD)
            )
            _stamp(connection, account, now, number)

    def _tidy(self, connection: sqlite3.Connection, account: str, now: int) -> None:
        self._written += 1
        if self._written % _TIDY != 1:
            return
        connection.execute("DELETE FROM permits WHERE at <= ?", (now - _KEPT,))
        for age, width in _MERGES:
            _merge(connection, account, now - age, width)

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        with told(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.ProgrammingError):  # closed meanwhile: then nothing of it stands anyway
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                raise


def hold_of(rates: Sequence[Rate]) -> int:
    """How long a permit may wait for its use, in microseconds: a small part of the shortest window."""
    shortest = min((rate.seconds for rate in rates), default=60) * _SECOND
    return max(_SHORTEST_HOLD, min(_LONGEST_HOLD, shortest // _SHARE))


def _room(connection: sqlite3.Connection, account: str, rate: Rate, now: int) -> int:
    taken = connection.execute(
        "SELECT coalesce(sum(count), 0) FROM permits WHERE account = ? AND at > ?",
        (account, now - rate.seconds * _SECOND),
    ).fetchone()[0]
    return rate.count - int(taken)


def _free(connection: sqlite3.Connection, account: str, rate: Rate, now: int) -> int:
    """When this rate allows one more."""
    excess = 1 - _room(connection, account, rate, now)
    if excess <= 0:
        return now
    window = rate.seconds * _SECOND
    for at, count in connection.execute(
        "SELECT at, count FROM permits WHERE account = ? AND at > ? ORDER BY at", (account, now - window)
    ):
        excess -= count
        if excess <= 0:
            return int(at) + window
    return now  # cannot be: a rate is at least 1


def _stamp(connection: sqlite3.Connection, account: str, at: int, count: int) -> None:
    connection.execute(
        "INSERT INTO permits (account, at, count) VALUES (?, ?, ?)"
        " ON CONFLICT (account, at) DO UPDATE SET count = count + excluded.count",
        (account, at, count),
    )


def _merge(connection: sqlite3.Connection, account: str, before: int, width: int) -> None:
    """Slices older than `before` become one at the end of each width."""
    rows = connection.execute(
        "SELECT (at + ?1 - 1) / ?1 * ?1, sum(count) FROM permits WHERE account = ?2 AND at <= ?3"
        " GROUP BY 1 HAVING count(*) > 1 AND (at + ?1 - 1) / ?1 * ?1 <= ?3",
        (width, account, before),
    ).fetchall()
    for end, count in rows:
        connection.execute(
            "DELETE FROM permits WHERE account = ? AND at > ? AND at <= ?", (account, end - width, end)
        )
        _stamp(connection, account, end, count)


def _time(micro: int) -> datetime:
    time = to_time(micro)
    assert time is not None
    return time


def _nothing(connection: sqlite3.Connection, file: Path) -> None:
    """A new book is empty."""
