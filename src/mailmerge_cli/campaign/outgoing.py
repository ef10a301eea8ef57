"""The pass that sends: rows whose delivery is due become mails, one when its turn comes.

Rule: what is made here must have the hash that the ledger promised; anything else stops the run before a byte leaves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from itertools import islice

from mailmerge_cli.address import parse_address
from mailmerge_cli.campaign.judge import Judge
from mailmerge_cli.errors import Refused
from mailmerge_cli.ledger.ledger import Ledger
from mailmerge_cli.model.delivery import Delivery, Run, State
from mailmerge_cli.model.mail import Mail, Recipient
from mailmerge_cli.model.table import Row, Source
from mailmerge_cli.render.fault import RowFault
from mailmerge_cli.render.letter import Letter
from mailmerge_cli.render.template import Template

_CHUNK = 200  # rows looked up at once


class Outgoing:
    """What a run still has to send, read from the list again at every pass.

    Args:
        source: the list; it must still be what was checked.
        judge, template: the same that made the plan.
        ledger, run: what was promised.
        domain: of the Message-IDs.
        only: keys that this call is about; None for all.
    """

    def __init__(
        self,
        source: Source,
        judge: Judge,
        template: Template,
        ledger: Ledger,
        run: Run,
        *,
        domain: str,
        only: Collection[str] | None = None,
    ) -> None:
        self._source = source
        self._judge = judge
        self._template = template
        self._ledger = ledger
        self._run = run
        self._domain = domain
        self._only = None if only is None else frozenset(only)

    def due(self, now: datetime) -> Iterator[tuple[Delivery, Mail]]:
        """One pass; Refused (65, `changed`) if a row is not what was checked."""
        for chunk in _chunks(self._source.rows()):
            people = [(row, person) for row in chunk if (person := self._person(row)) is not None]
            known = self._ledger.find(self._run, [person.key for _, person in people])
            for row, person in people:
                delivery = known.get(person.key)
                if delivery is not None and _is_due(delivery, now):
                    yield delivery, self._mail(row, person, delivery, now)

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

    def _mail(self, row: Row, person: Recipient, delivery: Delivery, now: datetime) -> Mail:
        message_id = self._ledger.message_id(delivery, self._domain)
        try:
            letter = self._template.render(row, person)
            if letter.content_hash != delivery.content_hash:
                raise _changed(row, "is not what was checked")
            letter = self._redirected(letter, delivery)
            content = self._template.compose(letter, message_id, now)
        except RowFault as fault:
            raise _changed(row, "cannot be rendered any more") from fault
        return Mail(delivery.id, message_id, letter.envelope, content, delivery.attempts + 1)

    def _redirected(self, letter: Letter, delivery: Delivery) -> Letter:
        """A resend may go to another address than the list has (`resend --to`)."""
        if delivery.address == letter.envelope.recipients[0]:
            return letter
        return self._template.redirected(letter, parse_address(delivery.address), "")


def _is_due(delivery: Delivery, now: datetime) -> bool:
    if delivery.state is State.DEFERRED:
        return delivery.next_attempt is None or delivery.next_attempt <= now
    return delivery.state is State.PENDING


def _chunks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while chunk := list(islice(rows, _CHUNK)):
        yield chunk


def _changed(row: Row, what: str) -> Refused:
    return Refused(
        f"Row {row.number} {what}: the list, the template or an attachment changed while the run was under way. "
        "Nothing of this row was sent.",
        hint="Run the same command again; it tells what changed.",
        reason="changed",
    )
