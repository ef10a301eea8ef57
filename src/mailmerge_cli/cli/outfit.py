"""What a campaign and an account need to send: how fast, over how many connections, in how many processes, by which rules."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mailmerge_cli.campaign.kit import Kit, packed
from mailmerge_cli.campaign.outgoing import Maker, Order, Outgoing
from mailmerge_cli.cli.launch import BOOKED, Flight, workers_for
from mailmerge_cli.cli.muster import Muster
from mailmerge_cli.cli.place import Place
from mailmerge_cli.cli.prepare import Inputs
from mailmerge_cli.cli.screen import Screen
from mailmerge_cli.config.places import quota_path
from mailmerge_cli.engine.crew import Crew
from mailmerge_cli.engine.line import Carrier
from mailmerge_cli.engine.patience import Rules
from mailmerge_cli.engine.worker import Recipe
from mailmerge_cli.ledger.ledger import Ledger
from mailmerge_cli.ledger.lock import descriptor_of
from mailmerge_cli.ledger.quota import QuotaBook, quota_name
from mailmerge_cli.model.account import Account, Credentials
from mailmerge_cli.model.delivery import Run
from mailmerge_cli.model.rate import Rate
from mailmerge_cli.model.table import Source
from mailmerge_cli.model.transport import Transport
from mailmerge_cli.transports.registry import open_transport

_LINE = 50  # octets of a row, or a little less


class Outfit:
    """The parts of the engine, for one campaign and account."""

    def __init__(self, screen: Screen, place: Place, account: Account, credentials: Credentials) -> None:
        self._place = place
        self._credentials = credentials
        self._trace = screen.trace if screen.debug else None
        self.connections = place.campaign.sending.connections or account.connections
        self._account = replace(account, connections=self.connections)

    @property
    def rates(self) -> tuple[Rate, ...]:
        """All limits hold together: the account's, the campaign's and the command line's."""
        return tuple(dict.fromkeys((*self._account.rates, *self._place.campaign.sending.rates)))

    def quota_left(self) -> int | None:
        """How many the long windows have room for now; None where there is none."""
        if not (long := self._long_rates()):
            return None
        with QuotaBook(quota_path()) as book:
            return book.left(quota_name(self._account), long, datetime.now(UTC))

    def muster(self, source: Source, most: int | None) -> Muster:
        """The processes that this call will want, as far as the length of the list tells; for at most so many mails (None: not known)."""
        mails = source.size // _LINE
        if most is not None:
            mails = min(mails, most)
        number = workers_for(self._place.campaign.sending.workers, mails, self.connections, self.rates)
        return Muster(number, descriptor_of(self._place.lock))

    def transport(self) -> Transport:
        """The account's, in this process."""
        return open_transport(self._account, self._credentials, self._trace)

    def flight(
        self,
        stack: ExitStack,
        ledger: Ledger,
        run: Run,
        inputs: Inputs,
        transport: Transport,
        due: int,
        *,
        only: Collection[str] | None,
        limit: int | None,
        max_wait: timedelta | None,
        muster: Muster,
    ) -> Flight:
        """All that `launch` takes; what the stack closes stays open until then.

        Workers come from the muster. `transport` sends where this process does it itself, and `due` mails are going to be sent: of these keys (`only`; None for all), at
        most `limit` (None for all). The run may stand still for `max_wait` (None for as long as it takes).
        """
        sending, rates = self._place.campaign.sending, self.rates
        connections = min(self.connections, transport.limits.connections or self.connections)
        kit = Kit(inputs.source, inputs.judge, inputs.template)
        make, workers = Maker(kit), workers_for(sending.workers, due, connections, rates)
        if workers and packed(kit) is None:
            workers = 0
        muster.keep(workers)
        domain = inputs.template.sender[1].domain
        quota = None
        if self._long_rates():
            quota = (stack.enter_context(QuotaBook(quota_path())), quota_name(self._account))
        return Flight(
            self._crew(make, workers, muster) if workers else transport,
            Outgoing(ledger, run, domain=domain, make=None if workers else make, only=only),
            ledger,
            run,
            Rules(
                attempts=sending.attempts,
                give_up_after=sending.give_up_after,
                retry_after=sending.retry_after,
                stop_after=sending.stop_after,
                max_wait=max_wait,
                limit=limit,
                connections=connections,
            ),
            rates,
            self._account.name,
            quota,
            resumed=not ledger.nothing_begun(run),
        )

    def _long_rates(self) -> Sequence[Rate]:
        return [rate for rate in self.rates if rate.seconds >= BOOKED]

    def _crew(self, make: Maker, workers: int, muster: Muster) -> Carrier:
        return Crew(
            Recipe(make, open_transport, self._account, Order._make),
            self._credentials,
            workers,
            throttled=bool(self.rates),
            trace=self._trace,
            bear=muster.worker,
        )
