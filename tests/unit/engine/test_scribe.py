"""Group commit: what waits at a moment is one transaction, and nobody waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from mailmerge_cli.engine.scribe import Scribe
from mailmerge_cli.errors import LedgerFault
from mailmerge_cli.ledger.records import Intent, Record
from mailmerge_cli.model.delivery import Delivery


class Disk:
    """Keeps the batches."""

    def __init__(self) -> None:
        self.batches: list[list[Record]] = []
        self.fault: Exception | None = None

    def write(self, batch: Sequence[Record]) -> list[Delivery]:
        if self.fault is not None:
            raise self.fault
        self.batches.append(list(batch))
        return []


def record(number: int) -> Record:
    return Record(Intent(number, "<x@example.org>", "test"))


def scribe_of(disk: Disk, connections: int = 1) -> Scribe:
    return Scribe(disk.write, lambda deliveries, batch: None, lambda: connections)


def test_what_comes_in_one_turn_is_one_transaction() -> None:
    """Ten connections that come at once share one commit, in their order."""
    disk = Disk()

    async def go() -> None:
        scribe = scribe_of(disk, 10)
        await asyncio.gather(*(scribe.put(record(n)) for n in range(10)))

    asyncio.run(go())
    assert [[one.begun.delivery for one in batch] for batch in disk.batches] == [list(range(10))]


def test_a_few_of_many_wait_a_moment_for_the_others() -> None:
    """Two of ten connections, and three more a turn later: one commit."""
    disk = Disk()

    async def late(scribe: Scribe, number: int) -> None:
        await asyncio.sleep(0)
        await scribe.put(record(number))

    async def go() -> None:
        scribe = scribe_of(disk, 10)
        first = (scribe.put(record(n)) for n in (1, 2))
        await asyncio.gather(*first, *(late(scribe, n) for n in (3, 4, 5)))

    asyncio.run(go())
    assert [len(batch) for batch in disk.batches] == [5]


def test_a_cancelled_connection_takes_no_other_with_it() -> None:
    """Its record is written all the same, and so are the others."""
    disk = Disk()

    async def go() -> None:
        scribe = scribe_of(disk, 2)
        one, other = (asyncio.create_task(scribe.put(record(n))) for n in (1, 2))
        await asyncio.sleep(0)
        one.cancel()
        await other

    asyncio.run(go())
    assert sorted(one.begun.delivery for batch in disk.batches for one in batch) == [1, 2]


@pytest.mark.parametrize("fault", [LedgerFault("disk full"), ZeroDivisionError("a bug")])
def test_K08_everybody_who_waits_hears_of_a_fault_and_all_later_ones_too(fault: Exception) -> None:
    """No put returns after the ledger has failed once, whatever failed."""
    disk = Disk()

    async def go() -> list[object]:
        scribe = scribe_of(disk, 4)
        disk.fault = fault
        first = await asyncio.gather(*(scribe.put(record(n)) for n in (1, 2)), return_exceptions=True)
        disk.fault = None
        return [*first, *await asyncio.gather(scribe.put(record(3)), return_exceptions=True)]

    assert asyncio.run(go()) == [fault] * 3
    assert disk.batches == []


def test_workers_are_told_before_the_run_hears_of_outcomes() -> None:
    """The order: durable, each listener told once of all its records, then the digest."""
    disk = Disk()
    story: list[tuple[str, list[int]]] = []

    async def go() -> None:
        scribe = Scribe(disk.write, lambda deliveries, batch: story.append(("digest", [])), lambda: 1)

        def one(marks: list[int], fault: Exception | None) -> None:
            story.append((f"one {fault}", marks))

        def other(marks: list[int], fault: Exception | None) -> None:
            story.append((f"other {fault}", marks))

        for number in (1, 2, 3):
            scribe.add(record(number), other if number == 2 else one, number)
        scribe.work()

    asyncio.run(go())
    assert story == [("one None", [1, 3]), ("other None", [2]), ("digest", [])]
