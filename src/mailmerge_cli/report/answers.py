"""What became of each row of a list: the rows as they stand now beside the deliveries of a run.

Rule: a delivery belongs to a row by its key, never by its place alone: a sorted list keeps its answers, and a row that names another
person now has none. Where it is not known that the key is made as in the run, key and place must agree. A delivery without a key belongs to the row of its number if that has no other key and the same address.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import islice

from mailmerge_cli.errors import Refused
from mailmerge_cli.ledger.reading import Reading
from mailmerge_cli.model.delivery import Delivery, Run, State

_PAGE = 500
_KEYLESS = (State.INVALID, State.SKIPPED)


@dataclass(frozen=True, slots=True)
class Person:
    """Whom some rows of the list (one, unless they were put together) name now: their numbers, the key and the address.

    Key and address are empty where the rows have none.
    """

    rows: tuple[int, ...]
    key: str
    address: str


class Answers:
    """The deliveries of a run beside the rows of a list; iterate once.

    Attributes:
        placed: so many deliveries have found their row; `named` of them by their key.

    Args:
        people: as the list has them, upwards by their first rows.
        ledger: what is asked, page by page.
        run: the run.
        in_place: a delivery must stand in the row that it had in the run.
    """

    def __init__(
        self, people: Iterable[Person], ledger: Reading, run: Run, *, in_place: bool = False
    ) -> None:
        self._in_place = in_place
        self.placed = self.named = 0
        self._people, self._ledger, self._run = iter(people), ledger, run
        self._keyless = {one.row: one for one in ledger.deliveries(run, _KEYLESS) if not one.key}
        self._skipped = 0
        self._seen: set[str] = set()

    def __iter__(self) -> Iterator[tuple[int, Delivery]]:
        """Row number and delivery, by row. Refused if two persons of the list have one key, or one is not in his place."""
        ahead: list[tuple[int, int, Delivery]] = []  # further rows of people whose first row has passed
        while page := list(islice(self._people, _PAGE)):
            found = self._ledger.find(self._run, [one.key for one in page if one.key])
            for person in page:
                while ahead and ahead[0][0] < person.rows[0]:
                    row, _, delivery = heappop(ahead)
                    yield row, delivery
                if (his := self._of(person, found)) is not None:
                    self.placed += 1
                    self._skipped += his.state is State.SKIPPED
                    for row in person.rows:
                        heappush(ahead, (row, his.id, his))
        while ahead:
            row, _, delivery = heappop(ahead)
            yield row, delivery

    def missing(self) -> int:
        """How many deliveries of the run have no row in the list, those that were left out not counted."""
        counts = self._ledger.counts(self._run)
        return max(0, counts.rows - counts.skipped - (self.placed - self._skipped))

    def _of(self, person: Person, found: dict[str, Delivery]) -> Delivery | None:
        keyless = self._keyless.get(person.rows[0])
        if keyless is not None and self._is_his(keyless, person):
            return keyless
        if not person.key or person.key not in found:
            return None
        if person.key in self._seen:
            raise Refused(f"two rows of the list have the key “{person.key}”; a key must name one person")
        if self._in_place and found[person.key].row not in person.rows:
            raise Refused(
                f"“{person.key}” stands in row {person.rows[0]}, and in the run it was row {found[person.key].row}: the rows were moved, or "
                "the address column is not the one that was sent to",
                hint="Say the key column (--key-column) or the address column (--email-column), or put the rows back as they were.",
            )
        self._seen.add(person.key)
        self.named += 1
        return found[person.key]

    @staticmethod
    def _is_his(keyless: Delivery, person: Person) -> bool:
        """A twin (one person written twice) has the other's key in the list, and none in the ledger."""
        same = keyless.address.casefold() == person.address.casefold()
        return same and (bool(person.address) or not person.key)
