"""The pass that sends: rows whose delivery is due become orders for a mail, one when its turn comes, and orders become mails.

A mail may be made in another process: an order holds all that it takes, and a maker is made of the template alone.

Rule: what is made here must have the hash that the ledger promised; anything else stops the run before a byte leaves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from mailmerge_cli.address import parse_address
from mailmerge_cli.campaign.judge import Judge
from mailmerge_cli.errors import Refused
from mailmerge_cli.ledger.ledger import Ledger
from mailmerge_cli.model.cell import Cell
from mailmerge_cli.model.delivery import Delivery, Run, State
from mailmerge_cli.model.mail import Mail, Recipient
from mailmerge_cli.model.table import Row, Source
from mailmerge_cli.render.fault import RowFault
from mailmerge_cli.render.template import Template

_CHUNK = 200  # rows looked up at once


class Order(NamedTuple):
    """What it takes, beside the template, to make the mail of one delivery. A tuple, because that travels fast.

    Attributes:
        delivery, message_id, attempt: as in `Mail`.
        row: number and cells.
        address: to which it goes: the recipient's, or the one of `resend --to`.
        content_hash: that the ledger promised.
        moment: of this pass; becomes Date.
    """

    delivery: int
    message_id: str
    attempt: int
    number: int
    cells: tuple[Cell, ...]
    key: str
    to: str
    name: str
    address: str
    content_hash: bytes
    moment: datetime


class Maker:
    """Makes the mails of orders; can be pickled."""

    def __init__(self, template: Template) -> None:
        self._template = template

    def __call__(self, order: Order) -> Mail:
        """The mail; Refused (65, `changed`) if it is not what was checked."""
        template, number = self._template, order.number
        try:
            letter = template.render(
                Row(number, order.cells), Recipient(number, order.key, order.to, order.name)
            )
            if letter.content_hash != order.content_hash:
                raise _changed(number, "is not what was checked")
            if order.address != letter.envelope.recipients[0]:
                letter = template.redirected(letter, parse_address(order.address), "")
            content = template.compose(letter, order.message_id, order.moment)
        except RowFault as fault:
            raise _changed(number, "cannot be rendered any more") from fault
        return Mail(order.delivery, order.message_id, letter.envelope, content, order.attempt)


class Outgoing:
    """What a run still has to send, read from the list again at every pass.

    Args:
        source: the list; it must still be what was checked.
        judge: the same that made the plan.
        ledger, run: what was promised.
        domain: of the Message-IDs.
        make: makes the mails here; None: the orders are handed out as they are.
        only: keys that this call is about; None for all.
    """

    def __init__(
        self,
        source: Source,
        judge: Judge,
        ledger: Ledger,
        run: Run,
        *,
        domain: str,
        make: Maker | None = None,
        only: Collection[str] | None = None,
    ) -> None:
        self._source = source
        self._judge = judge
        self._ledger = ledger
        self._run = run
        self._domain = domain
        self._make = make
        self._only = None if only is None else frozenset(only)

    def due(self, now: datetime) -> Iterator[tuple[Delivery, Mail | Order]]:
        """One pass; Refused (65, `changed`) if a row is not what was checked."""
        for chunk in _chunks(self._source.rows()):
            people = [(row, person) for row in chunk if (person := self._person(row)) is not None]
            known = self._ledger.find(self._run, [person.key for _, person in people])
            for row, person in people:
                delivery = known.get(person.key)
                # A person who stands in the list twice was promised one mail, and that is the one of the promised row.
                if delivery is not None and delivery.row == row.number and _is_due(delivery, now):
                    order = self._order(row, person, delivery, now)
                    yield delivery, self._make(order) if self._make else order

    def next_due(self) -> datetime | None:
        """When the first deferred delivery of this choice may be tried again."""
        if self._only is None:
            return self._ledger.next_due(self._run)
        moments = [one.next_attempt for one in self._chosen() if one.state is State.DEFERRED]
        return min((moment for moment in moments if moment), default=None)

    def left(self) -> int:
        """How many of this choice are pending or deferred."""
        if self._only is None:
            return self._ledger.counts(self._run).left
        return sum(one.state in (State.PENDING, State.DEFERRED) for one in self._chosen())

    def _chosen(self) -> Iterable[Delivery]:
        return self._ledger.find(self._run, sorted(self._only or ())).values()

    def _person(self, row: Row) -> Recipient | None:
        person = self._judge.judge(row)
        if not isinstance(person, Recipient) or (self._only is not None and person.key not in self._only):
            return None
        return person

    def _order(self, row: Row, person: Recipient, delivery: Delivery, now: datetime) -> Order:
        return Order(
            delivery.id, self._ledger.message_id(delivery, self._domain), delivery.attempts + 1, row.number, row.cells,
            person.key, person.address, person.name, delivery.address, delivery.content_hash, now,
        )  # fmt: skip


def _is_due(delivery: Delivery, now: datetime) -> bool:
    if delivery.state is State.DEFERRED:
        return delivery.next_attempt is None or delivery.next_attempt <= now
    return delivery.state is State.PENDING


def _chunks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while chunk := list(islice(rows, _CHUNK)):
        yield chunk


def _changed(row: int, what: str) -> Refused:
    return Refused(
        f"Row {row} {what}: the list, the template or an attachment changed while the run was under way. "
        "Nothing of this row was sent.",
        hint="Run the same command again; it tells what changed.",
        reason="changed",
    )
