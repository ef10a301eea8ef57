"""Where the next mail comes from: handed-back ones first, then the pass over the list; and who is on his way now."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple, Protocol

from mailmerge_cli.model.delivery import Delivery


class Parcel(Protocol):
    """What is handed out for one delivery: a mail; or, where workers make the mails, what it takes to make it."""

    @property
    def delivery(self) -> int:
        """The ledger's number."""
        ...

    @property
    def message_id(self) -> str:
        """With angle brackets."""
        ...

    @property
    def attempt(self) -> int:
        """Which attempt this will be, from 1."""
        ...


class Tray(Protocol):
    """What is to be sent, made piece by piece when its turn comes."""

    def due(self, now: datetime) -> Iterator[tuple[Delivery, Parcel]]:
        """One pass over the list: every delivery that is pending, or deferred and due; raises Refused if the list changed."""
        ...

    def next_due(self) -> datetime | None:
        """When the earliest deferred delivery of this call's choice may be tried again; None if there is none."""
        ...

    def left(self) -> int:
        """How many deliveries of this call's choice are pending or deferred."""
        ...


class Carried(NamedTuple):
    """A parcel on its way and the ledger's line of it when it was handed out."""

    delivery: Delivery
    parcel: Parcel


class Desk:
    """Hands out parcels one by one; memory holds one ahead and those on their way."""

    def __init__(self, tray: Tray, limit: int | None) -> None:
        self._tray = tray
        self._limit = limit
        self._pass: Iterator[tuple[Delivery, Parcel]] = iter(())
        self._ahead: Parcel | None = None
        self._returned: deque[Parcel] = deque()
        self.on_the_way: dict[int, Carried] = {}
        self.handed_out = 0

    def open_pass(self, now: datetime) -> None:
        """Begin a pass over the list."""
        self._pass = self._tray.due(now)
        self._ahead = None

    def more(self) -> bool:
        """Whether there is one to hand out now."""
        if self._limit is not None and self.limit_reached:
            return False
        if self._returned or self._ahead is not None:
            return True
        for delivery, parcel in self._pass:
            # What was handed back in this pass must not come round a second time beside itself.
            if delivery.id not in self.on_the_way:
                self.on_the_way[delivery.id] = Carried(delivery, parcel)
                self._ahead = parcel
                return True
        return False

    def next(self) -> Parcel | None:
        """The next parcel; None if there is none for now."""
        if not self.more():
            return None
        self.handed_out += 1
        if self._returned:
            return self._returned.popleft()
        parcel, self._ahead = self._ahead, None
        return parcel

    def give_back(self, parcel: Parcel, now: Delivery | None = None) -> None:
        """It was not sent: it comes round again, before the others. `now`: the ledger's line of it, if it is no longer the same."""
        if now is not None:
            self.on_the_way[parcel.delivery] = Carried(now, parcel)
        self.handed_out -= 1
        self._returned.append(parcel)

    def done(self, delivery: int, *, keep: bool = False) -> Carried:
        """It is settled for this pass; `keep` where it comes round again."""
        return self.on_the_way[delivery] if keep else self.on_the_way.pop(delivery)

    @property
    def limit_reached(self) -> bool:
        """As many were handed out as this call may begin."""
        return self._limit is not None and self.handed_out >= self._limit
