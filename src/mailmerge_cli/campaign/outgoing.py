"""The pass that sends: deliveries that are due become orders for a mail, one when its turn comes, and orders become mails.

An order names a row and holds nothing of it: whoever makes the mail reads the list itself, in this process or in another one.

Rule: what is made here must have the hash that the ledger promised; anything else stops the run before a byte leaves.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from mailmerge_cli.address import parse_address
from mailmerge_cli.campaign.kit import Kit
from mailmerge_cli.errors import Refused
from mailmerge_cli.ledger.ledger import Ledger
from mailmerge_cli.model.delivery import Delivery, Run, State
from mailmerge_cli.model.mail import Mail, Recipient
from mailmerge_cli.model.table import Row, Source
from mailmerge_cli.render.fault import RowFault

_LEFT = (State.PENDING, State.DEFERRED)
_KEPT = 512  # rows read last: more than are handed out ahead over all connections of a worker


class Order(NamedTuple):
    """What it takes, beside list and template, to make the mail of one delivery. A tuple, because that travels fast.

    Attributes:
        delivery, message_id, attempt: as in `Mail`.
        number: of its row.
        key: of its person, as the ledger has it.
        address: to which it goes: the recipient's, or the one of `resend --to`.
        content_hash: that the ledger promised.
        moment: of this pass; becomes Date.
    """

    delivery: int
    message_id: str
    attempt: int
    number: int
    key: str
    address: str
    content_hash: bytes
    moment: datetime


class Maker:
    """Makes the mails of orders; can be pickled, if its kit can travel (`kit.packed`)."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._list = _List(kit.source)

    def __reduce__(self) -> tuple[Any, ...]:
        return Maker, (self._kit,)

    def __call__(self, order: Order) -> Mail:
        """The mail; Refused (65, `changed`) if it is not what was checked."""
        template, number = self._kit.template, order.number
        row = self._list.row(number)
        person = None if row is None else self._kit.judge.judge(row)
        if row is None or not isinstance(person, Recipient) or person.key != order.key:
            raise _changed(number, "is not the row that was checked")
        try:
            letter = template.render(row, person, keep=True)
            if letter.content_hash != order.content_hash:
                raise _changed(number, "is not what was checked")
            if order.address != letter.envelope.recipients[0]:
                letter = template.redirected(letter, parse_address(order.address), "")
            content = template.compose(letter, order.message_id, order.moment)
        except RowFault as fault:
            raise _changed(number, "cannot be rendered any more") from fault
        return Mail(order.delivery, order.message_id, letter.envelope, content, order.attempt)


class _List:
    """The rows of a list by their numbers: quick as long as they are asked for about in the list's order."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._rows: Iterator[Row] = iter(())
        self._kept: deque[Row] = deque(maxlen=_KEPT)
        self._at: float = float("inf")  # the number read last

    def row(self, number: int) -> Row | None:
        """The row of that number; None if the list has none. Refused if the list changed."""
        if number <= self._at and (kept := self._behind(number)) is not None:
            return kept
        if number <= self._at:
            self._begin()
        for row in self._rows:
            self._kept.append(row)
            self._at = row.number
            if row.number >= number:
                return row if row.number == number else None
        return None

    def _behind(self, number: int) -> Row | None:
        return next((row for row in reversed(self._kept) if row.number == number), None)

    def _begin(self) -> None:
        self._kept.clear()
        self._rows, self._at = self._source.rows(), float("-inf")


class Outgoing:
    """What a run still has to send, asked of the ledger again at every pass, in the list's order.

    Args:
        ledger, run: what was promised.
        domain: of the Message-IDs.
        make: makes the mails here; None: the orders are handed out as they are.
        only: keys that this call is about; None for all.
    """

    def __init__(
        self,
        ledger: Ledger,
        run: Run,
        *,
        domain: str,
        make: Maker | None = None,
        only: Collection[str] | None = None,
    ) -> None:
        self._ledger = ledger
        self._run = run
        self._domain = domain
        self._make = make
        self._only = None if only is None else sorted(set(only))

    def due(self, now: datetime) -> Iterator[tuple[Delivery, Mail | Order]]:
        """One pass; Refused (65, `changed`) if a row is not what was checked."""
        for delivery in self._left():
            if _is_due(delivery, now):
                order = self._order(delivery, now)
                yield delivery, self._make(order) if self._make else order

    def next_due(self) -> datetime | None:
        """When the first deferred delivery of this choice may be tried again."""
        if self._only is None:
            return self._ledger.next_due(self._run)
        moments = [one.next_attempt for one in self._left() if one.state is State.DEFERRED]
        return min((moment for moment in moments if moment), default=None)

    def left(self) -> int:
        """How many of this choice are pending or deferred."""
        if self._only is None:
            return self._ledger.counts(self._run).left
        return sum(1 for _ in self._left())

    def _left(self) -> Iterable[Delivery]:
        return self._ledger.deliveries(self._run, _LEFT, self._only)

    def _order(self, delivery: Delivery, now: datetime) -> Order:
        return Order(
            delivery.id, self._ledger.message_id(delivery, self._domain), delivery.attempts + 1, delivery.row,
            delivery.key, delivery.address, delivery.content_hash, now,
        )  # fmt: skip


def _is_due(delivery: Delivery, now: datetime) -> bool:
    if delivery.state is State.DEFERRED:
        return delivery.next_attempt is None or delivery.next_attempt <= now
    return True


def _changed(row: int, what: str) -> Refused:
    return Refused(
        f"Row {row} {what}: the list, the template or an attachment changed while the run was under way. "
        "Nothing of this row was sent.",
        hint="Run the same command again; it tells what changed.",
        reason="changed",
    )
