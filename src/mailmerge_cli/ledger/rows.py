"""From the ledger's rows to the values that other rooms see, and back: times are microseconds since 1970 in UTC."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, TypeVar

from mailmerge_cli.model.delivery import Counts, Delivery, Run, State

DELIVERY: Final = (
    "id, run, row, key, address, content_hash, state, attempts, message_id, first_attempt, last_attempt, next_attempt,"
    " code, enhanced, reply, remote_id, account, reason"
)
T = TypeVar("T")
FRESH: Final = (
    "intent = intent + 1, attempts = 0, first_attempt = NULL, last_attempt = NULL, ended = NULL, next_attempt = NULL, verdict = '', code = 0,"
    " enhanced = '', reply = '', remote_id = '', account = '', told = NULL, reason = ''"
)
"""SQL of a new intent: the limits count anew; the schema's trigger keeps the last attempt."""
REOPEN: Final = (
    "UPDATE runs SET finished = NULL WHERE finished IS NOT NULL"
    " AND EXISTS (SELECT 1 FROM deliveries WHERE run = runs.id AND state = 'pending')"
)
"""SQL: what has become due opens its run again."""
RUN: Final = "id, label, opened, timezone, inputs, finished"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO: Final = timedelta(microseconds=1)
_STATES: Final = {str(state): state for state in State}
_AS_DOUBT: Final = _STATES | {str(State.SENDING): State.IN_DOUBT}


def to_micro(time: datetime) -> int:
    """An aware time as the ledger keeps it."""
    return (time - _EPOCH) // _MICRO


@lru_cache(maxsize=4096)  # one commit's rows share their times
def to_time(micro: int | None) -> datetime | None:
    """A time of the ledger, in UTC."""
    return None if micro is None else _EPOCH + timedelta(microseconds=micro)


def to_delivery(row: Any, *, orphans: bool = False) -> Delivery:  # sqlite3 types no row
    """A delivery from a row of `DELIVERY`; `orphans`: what is being sent has lost its sender, so it is in doubt."""
    (
        number, run, line, key, address, content_hash, state, attempts, message_id, first, last, due,
        code, enhanced, reply, remote_id, account, reason,
    ) = row  # fmt: skip
    # Every row comes by here twice: the tuple is made without the function of its class, in half the time.
    return tuple.__new__(Delivery, (
        number, run, line, key or "", address, content_hash, (_AS_DOUBT if orphans else _STATES)[state], attempts, message_id,
        None if first is None else to_time(first), None if last is None else to_time(last), None if due is None else to_time(due),
        code, enhanced, reply, remote_id, account, reason,
    ))  # fmt: skip


def to_run(row: tuple[int, str, str, str, str, int | None]) -> Run:
    """A run from a row of `RUN`."""
    number, label, opened, timezone, inputs, finished = row
    return Run(number, label, datetime.fromisoformat(opened), timezone, inputs, to_time(finished))


def to_counts(rows: list[tuple[str, int]], *, orphans: bool = False) -> Counts:
    """Counts from (state, number) rows."""
    numbers = {str(state): 0 for state in State} | dict(rows)
    if orphans:
        numbers["in_doubt"] += numbers["sending"]
        numbers["sending"] = 0
    return Counts(**numbers)


SIZES: Final = (16, 64, 200, 500)
"""Statements with a list of values come in these lengths only, so that each is prepared once."""


def marks(size: int) -> str:
    """So many question marks."""
    return ", ".join("?" * size)


def groups(values: Sequence[T]) -> Iterator[list[T | None]]:
    """The values in lists of these lengths, filled up with NULL, which equals nothing."""
    longest = SIZES[-1]
    for start in range(0, len(values), longest):
        chunk = values[start : start + longest]
        size = next(size for size in SIZES if size >= len(chunk))
        yield [*chunk, *[None] * (size - len(chunk))]
