"""Begins and settlements on the hot path: two statements a message, in groups, in an order in which no step is illegal."""

# SQL is put together from this room's own constants only; values are always bound.
# ruff: noqa: S608

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from mailmerge_cli.ledger.records import Answer, Intent, Record
from mailmerge_cli.ledger.rows import DELIVERY, SIZES, groups, marks, to_delivery, to_micro, to_time
from mailmerge_cli.ledger.states import Event, Illegal, event_of, origins, quoted, target
from mailmerge_cli.model.delivery import Delivery, State
from mailmerge_cli.model.mail import Blame, Outcome, Verdict

_SAID: Final = "ended, verdict, code, enhanced, reply, remote_id, account, message_id"

# What an earlier attempt left in the row moves to the table of attempts before it is written over.
_KEEP: Final = {
    size: f"INSERT INTO attempts (delivery, address, started, {_SAID}) SELECT id, address, last_attempt, {_SAID}"
    f" FROM deliveries WHERE id IN ({marks(size)}) AND verdict <> ''"
    for size in SIZES
}
_BEGIN: Final = (
    f"UPDATE deliveries SET state = '{target(Event.BEGIN)}', attempts = attempts + 1, message_id = ?1, account = ?2,"
    " first_attempt = coalesce(first_attempt, ?3), last_attempt = ?3, ended = NULL, next_attempt = NULL, verdict = '',"
    f" reason = '' WHERE id = ?4 AND state IN ({quoted(*origins(Event.BEGIN))})"
)
# What `_SETTLE` does for an accepted one, which nearly all are, with less to bind.
_SENT: Final = (
    f"UPDATE deliveries SET state = '{target(Event.ACCEPTED)}', verdict = '{Verdict.ACCEPTED}', ended = ?, code = ?, enhanced = ?,"
    " reply = ?, remote_id = ?, next_attempt = NULL, reason = '' WHERE id = ?"
    f" AND state IN ({quoted(*origins(Event.ACCEPTED))})"
)
_SETTLE: Final = (
    "UPDATE deliveries SET state = ?, verdict = ?, ended = ?, code = ?, enhanced = ?, reply = ?, remote_id = ?,"
    " next_attempt = ?, attempts = attempts - ?, reason = ? WHERE id = ?"
    f" AND state IN ({quoted(*origins(Event.ACCEPTED))})"
)
# As if nothing had happened: the attempt is neither counted nor told. What an older attempt said stays.
_RELEASE: Final = (
    f"UPDATE deliveries SET state = '{target(Event.RELEASED)}', attempts = attempts - 1,"
    " first_attempt = CASE WHEN first_attempt <> last_attempt THEN first_attempt END,"
    " last_attempt = CASE WHEN first_attempt <> last_attempt THEN last_attempt END"
    f" WHERE id = ? AND state IN ({quoted(*origins(Event.RELEASED))})"
)
_GIVE_UP: Final = (
    f"UPDATE deliveries SET state = '{target(Event.GIVE_UP)}', next_attempt = NULL, reason = ? WHERE id = ?"
    f" AND state IN ({quoted(*origins(Event.GIVE_UP))})"
)
_READ: Final = {size: f"SELECT {DELIVERY} FROM deliveries WHERE id IN ({marks(size)})" for size in SIZES}


class _Way(NamedTuple):
    """What a verdict does to the row; plain words, because sqlite3 binds an enum's member four times slower."""

    state: str
    verdict: str
    uncounted: int
    deferred: bool


def _way(verdict: Verdict, *, transport: bool) -> _Way:
    state = target(event_of(Outcome(verdict, Blame.TRANSPORT if transport else Blame.NOBODY)))
    # A fault of account or server does not count against the row's limit (law 5).
    uncounted = int(transport and state in (State.DEFERRED, State.PENDING))
    return _Way(state.value, verdict.value, uncounted, state is State.DEFERRED)


_WAYS: Final = {
    (verdict, transport): _way(verdict, transport=transport)
    for verdict in Verdict
    for transport in (False, True)
}


def _sent(was: Delivery, answer: Answer, begun: int) -> Delivery:
    """What the row of an accepted mail holds, without asking: nearly all are accepted, and a question costs as much as the answer's writing."""
    number, run, row, key, address, content_hash, _, attempts, _, first, *_ = was
    _, _, _, code, enhanced, text, _, remote_id, _, _ = answer.outcome
    at = to_time(begun)
    return tuple.__new__(Delivery, (  # as in `to_delivery`
        number, run, row, key, address, content_hash, State.SENT, attempts + 1, answer.message_id,
        first or at, at, None, code, enhanced, text, remote_id, answer.account, "",
    ))  # fmt: skip


class Batch:
    """One transaction's work.

    Attributes:
        in_flight: what is begun and not settled once the transaction is committed, and when it was begun.
    """

    def __init__(self, records: Sequence[Record], at: int, in_flight: Mapping[int, int]) -> None:
        self.in_flight = dict(in_flight)
        self._settled: list[int] = []
        self._known: dict[int, Delivery] = {}
        self._records = records
        self._at = at
        self._begins: list[tuple[object, ...]] = []
        self._sents: list[tuple[object, ...]] = []
        self._settles: list[tuple[object, ...]] = []
        self._releases: list[tuple[object, ...]] = []
        self._give_ups: list[tuple[object, ...]] = []
        self._touched: set[int] = set()
        self._again: list[int] = []  # begun, and maybe not for the first time

    def write(self, connection: sqlite3.Connection) -> list[Delivery]:
        """Runs the statements; what was settled, as it stands then. Raises `Illegal` when a row is not as this process left it."""
        for begun, settled in self._records:
            if settled is not None:
                self._settle(connection, settled)
            if begun is not None:
                self._begin(connection, begun)
        self._flush(connection)
        known = self._known
        asked = [number for number in dict.fromkeys(self._settled) if number not in known]
        for chunk in groups(asked):
            for row in connection.execute(_READ[len(chunk)], chunk):
                known[row[0]] = to_delivery(row)
        return [known[number] for number in self._settled]

    def _begin(self, connection: sqlite3.Connection, intent: Intent) -> None:
        number, message_id, account, first = intent
        if number in self._touched:
            self._flush(connection)  # it was settled in this very batch: that comes first
        self._begins.append((message_id, account, self._at, number))
        if not first:
            self._again.append(number)
        self._touched.add(number)
        self.in_flight[number] = self._at

    def _settle(self, connection: sqlite3.Connection, answer: Answer) -> None:
        number, outcome = answer.delivery, answer.outcome
        self._settled.append(number)
        if number not in self.in_flight:
            if outcome.verdict is Verdict.RELEASED:
                return  # taken, but never begun: nothing to record
            self._begin(connection, Intent(number, answer.message_id, answer.account))
        begun = self.in_flight.pop(number)
        self._touched.add(number)
        if outcome.verdict is Verdict.ACCEPTED:
            if answer.of is not None:
                self._known[number] = _sent(answer.of, answer, begun)
            self._sents.append(
                (self._at, outcome.code, outcome.enhanced, outcome.text, outcome.remote_id, number)
            )
            return
        if outcome.verdict is Verdict.RELEASED:
            self._releases.append((number,))
            return
        way = _WAYS[outcome.verdict, outcome.blame is Blame.TRANSPORT]
        due = (to_micro(answer.next_attempt) if answer.next_attempt else self._at) if way.deferred else None
        self._settles.append((
            way.state, way.verdict, self._at, outcome.code, outcome.enhanced, outcome.text, outcome.remote_id, due,
            way.uncounted, outcome.hint, number,
        ))  # fmt: skip
        if way.deferred and answer.give_up:
            self._give_ups.append((answer.give_up, number))

    def _flush(self, connection: sqlite3.Connection) -> None:
        for chunk in groups(self._again):
            connection.execute(_KEEP[len(chunk)], chunk)
        self._again.clear()
        for sql, rows in (
            (_BEGIN, self._begins),
            (_SENT, self._sents),
            (_SETTLE, self._settles),
            (_RELEASE, self._releases),
            (_GIVE_UP, self._give_ups),
        ):
            if rows and connection.executemany(sql, rows).rowcount != len(rows):
                raise Illegal("a delivery is not in the state in which this process left it")
            rows.clear()
        self._touched.clear()
