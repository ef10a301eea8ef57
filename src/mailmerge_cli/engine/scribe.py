"""The one writer of the ledger: the records of all connections that wait at a moment become one durable transaction.

Rule: a record is on disk when its `put` returns; if the ledger fails, every waiting and later `put` raises, and nothing goes out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Self

from mailmerge_cli.errors import MailmergeError
from mailmerge_cli.ledger.records import Record
from mailmerge_cli.model.delivery import Delivery

Write = Callable[[Sequence[Record]], list[Delivery]]
"""Writes records in one transaction; returns the settled deliveries as they stand then, in the records' order."""


class Scribe:
    """Group commit: while one transaction is on its way to the disk, the next gathers."""

    def __init__(self, write: Write, settled: Callable[[list[Delivery], list[Record]], None]) -> None:
        self._write = write
        self._settled = settled
        self._waiting: list[Record] = []
        self._written: asyncio.Future[None] | None = None  # of those that wait now
        self._task: asyncio.Task[None] | None = None
        self._fault: MailmergeError | None = None
        self._hand = ThreadPoolExecutor(1, "ledger")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            await asyncio.wait([self._task])
        self._hand.shutdown()

    async def put(self, record: Record) -> None:
        """Write one record; returns when it is durable."""
        if self._fault is not None:
            raise self._fault
        if self._written is None:
            self._written = asyncio.get_running_loop().create_future()
        self._waiting.append(record)
        written = self._written
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        # A cancelled connection must not take the others' transaction with it.
        await asyncio.shield(written)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting, []
            written, self._written = self._written, None
            assert written is not None
            try:
                deliveries = await loop.run_in_executor(self._hand, self._write, batch)
            except MailmergeError as fault:
                self._fail(written, fault)
                return
            self._settled(deliveries, batch)
            written.set_result(None)

    def _fail(self, written: asyncio.Future[None], fault: MailmergeError) -> None:
        self._fault = fault
        for future in (written, self._written):
            if future is not None and not future.done():
                future.set_exception(fault)
                future.exception()  # whoever waited may be gone; this is not to be told twice
        self._waiting, self._written = [], None
