"""The one writer of the ledger: the records of all connections that wait at a moment become one durable transaction.

Rule: a record is on disk when its `put` returns; if the ledger fails, every waiting and later `put` raises, and nothing goes out.

It writes in the event loop's own thread. A thread of its own was tried: the two fight for the interpreter at every statement, and
while one half of the connections waits for the disk the other half gathers, so that each waits for two transactions instead of one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from mailmerge_cli.ledger.records import Record
from mailmerge_cli.model.delivery import Delivery

Write = Callable[[Sequence[Record]], list[Delivery]]
"""Writes records in one transaction; returns the settled deliveries as they stand then, in the records' order."""

Written = Callable[[Exception | None], None]
"""Told when a record is durable, or why it is not and never will be."""

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
        self._told: list[Written] = []
        self._last: dict[Callable[[], None], None] = {}
        self._fault: Exception | None = None

    async def put(self, record: Record) -> None:
        """Write one record; returns when it is durable."""
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def written(fault: Exception | None) -> None:
            if durable.done():
                return  # whoever waited was cancelled; the record is written all the same
            if fault is None:
                durable.set_result(None)
            else:
                durable.set_exception(fault)

        self.add(record, written)
        await durable

    def add(self, record: Record, written: Written, last: Callable[[], None] | None = None) -> None:
        """Write one record soon, and say so.

        `last` is called once when all of the transaction were told, before `settled`: workers need not wait for that.
        """
        if self._fault is not None:
            written(self._fault)
            if last is not None:
                last()
            return
        if last is not None:
            self._last[last] = None
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._gather, _TURNS)
        self._waiting.append(record)
        self._told.append(written)

    def _gather(self, turns: int) -> None:
        """Write when half of the connections wait, or after some turns of the loop: the others may be there in a moment."""
        if turns and 2 * len(self._waiting) < self._connections():
            asyncio.get_running_loop().call_soon(self._gather, turns - 1)
        else:
            self.work()

    def work(self) -> None:
        """Write what waits, now."""
        batch, self._waiting = self._waiting, []
        told, self._told = self._told, []
        last, self._last = self._last, {}
        deliveries: list[Delivery] = []
        if not batch:
            return
        try:
            deliveries = self._write(batch)
        except Exception as fault:  # noqa: BLE001  whatever it is: whoever waits must hear of it, or the run hangs
            self._fault = fault
        for written in told:
            written(self._fault)
        for all_told in last:
            all_told()
        if self._fault is None:
            self._settled(deliveries, batch)
