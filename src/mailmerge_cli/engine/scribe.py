"""The one writer of the ledger: the records of all connections that wait at a moment become one durable transaction.

Rule: a record is on disk when its `put` returns; if the ledger fails, every waiting and later `put` raises, and nothing goes out.

It writes in the event loop's own thread. A thread of its own was tried: the two fight for the interpreter at every statement, and
while one half of the connections waits for the disk the other half gathers, so that each waits for two transactions instead of one.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from mailmerge_cli.ledger.records import Record
from mailmerge_cli.model.delivery import Delivery

Write = Callable[[Sequence[Record]], list[Delivery]]
"""Writes records in one transaction; returns the settled deliveries as they stand then, in the records' order."""

Told = Callable[[list[Any], Exception | None], None]
"""Told once a transaction which of its records are durable, by the marks that they were given; or why they are not and never will be."""

_TURNS = 3  # of the event loop, for which a transaction may wait for more


class Scribe:
    """Group commit: what comes within one turn of the event loop is one transaction.

    Args:
        write: writes it.
        settled: hears of it, before anybody who waited goes on.
        connections: how many may have something to write now.
    """

    def __init__(
        self,
        write: Write,
        settled: Callable[[list[Delivery], list[Record]], None],
        connections: Callable[[], int],
    ) -> None:
        self._connections = connections
        self._write = write
        self._settled = settled
        self._waiting: list[Record] = []
        self._told: defaultdict[Told, list[Any]] = defaultdict(list)
        self._fault: Exception | None = None

    async def put(self, record: Record) -> None:
        """Write one record; returns when it is durable."""
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.add(record, _wake, durable)
        await durable

    def add(self, record: Record, told: Told, mark: object) -> None:
        """Write one record soon, and tell this mark of it; before `settled`, because workers need not wait for that."""
        if self._fault is not None:
            told([mark], self._fault)
            return
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._gather, _TURNS)
        self._waiting.append(record)
        self._told[told].append(mark)

    def _gather(self, turns: int) -> None:
        """Write when half of the connections wait, or after some turns of the loop: the others may be there in a moment."""
        if turns and 2 * len(self._waiting) < self._connections():
            asyncio.get_running_loop().call_soon(self._gather, turns - 1)
        else:
            self.work()

    def work(self) -> None:
        """Write what waits, now."""
        batch, self._waiting = self._waiting, []
        everybody, self._told = self._told, defaultdict(list)
        deliveries: list[Delivery] = []
        if not batch:
            return
        try:
            deliveries = self._write(batch)
        except Exception as fault:  # noqa: BLE001  whatever it is: whoever waits must hear of it, or the run hangs
            self._fault = fault
        for told, marks in everybody.items():
            told(marks, self._fault)
        if self._fault is None:
            self._settled(deliveries, batch)


def _wake(waiting: list[asyncio.Future[None]], fault: Exception | None) -> None:
    for durable in waiting:
        if durable.done():
            continue  # whoever waited was cancelled; the record is written all the same
        if fault is None:
            durable.set_result(None)
        else:
            durable.set_exception(fault)
