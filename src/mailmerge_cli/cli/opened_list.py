"""The list of a run that was begun, opened again to look at its rows; heavy parts are loaded only when that is asked for."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from mailmerge_cli.cli.options import HowRead, Where
from mailmerge_cli.cli.place import Place, campaign_path, spool_for
from mailmerge_cli.config.campaign_file import load_campaign
from mailmerge_cli.config.options import CampaignOptions
from mailmerge_cli.errors import MailmergeError
from mailmerge_cli.model.delivery import Run

if TYPE_CHECKING:
    from mailmerge_cli.cli.prepare import Inputs
    from mailmerge_cli.model.account import Account


class OpenedList:
    """A context manager that gives the inputs; None where they cannot be opened any more, and `fault` says why.

    Args:
        place: the campaign.
        run: the run.
        where: as it was typed.
        read: how the list was read, as it was typed to `send`, where no campaign file says it.

    Raises:
        UsageFault: an option makes no sense.
    """

    def __init__(self, place: Place, run: Run, where: Where, read: HowRead) -> None:
        self.place, self.run, self.where = place, run, where
        self.fault: MailmergeError | None = None
        self._stack = ExitStack()
        options = CampaignOptions(where.recipients, where.message, where.account, **asdict(read))
        self._campaign = load_campaign(campaign_path(where), options, Path.cwd(), complete=False)

    @property
    def guessed(self) -> bool:
        """Nothing says how the run named its people: no campaign file, no key column, and what was typed to `send` is not known."""
        return self._campaign.file is None and not self._campaign.recipients.key

    def __enter__(self) -> Inputs | None:
        from mailmerge_cli.campaign.runs import Choice
        from mailmerge_cli.cli.prepare import open_inputs

        choice = Choice(self.run.label, self.run, self.run.opened)
        spool = spool_for(self.place, self.run.label)
        try:
            return open_inputs(
                self._stack, self._campaign, choice, self._account(), stdin=None, spool=spool
            )  # fmt: skip
        except MailmergeError as fault:
            self.fault = fault
            return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _account(self) -> Account | None:
        """The account, for the From of a template without one; a list can be looked at without it."""
        from mailmerge_cli.cli.wishes import account_of

        if not self._campaign.account:
            return None
        try:
            return account_of(Place(self._campaign, self.place.state))
        except MailmergeError:
            return None
