"""The work of `check`: plan all rows, hold the plan against the ledger, tell what `send` would do."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

from mailmerge_cli.campaign.changes import Acceptance, amendment_for
from mailmerge_cli.campaign.runs import Choice, choose_run, other_unfinished
from mailmerge_cli.campaign.trials import note_of_trial
from mailmerge_cli.cli.column_table import columns_json, tell_inputs
from mailmerge_cli.cli.options import Inputs
from mailmerge_cli.cli.place import Place
from mailmerge_cli.cli.prepare import Preparation, open_inputs, prepare
from mailmerge_cli.cli.screen import Screen
from mailmerge_cli.cli.typed import typed_of
from mailmerge_cli.cli.wishes import account_of, credentials_for, place_with, tell_settings
from mailmerge_cli.errors import ExitCode, MailmergeError, Problem
from mailmerge_cli.ledger.ledger import Ledger
from mailmerge_cli.ledger.lock import is_held
from mailmerge_cli.model.account import Account
from mailmerge_cli.model.campaign import Duplicates, Unfinished
from mailmerge_cli.model.delivery import Counts
from mailmerge_cli.model.notice import NOTHING
from mailmerge_cli.report.summary import Summary
from mailmerge_cli.transports.registry import open_transport


class Checking:
    """One check of one campaign."""

    def __init__(self, screen: Screen, inputs: Inputs, acceptance: Acceptance, *, new_run: bool) -> None:
        self._screen = screen
        self._options = inputs
        self._acceptance = acceptance
        self._new_run = new_run
        self._started = datetime.now(UTC)
        self._counts = Counts()
        self._label = ""
        self._preparation: Preparation | None = None
        self._columns: list[dict[str, str]] = []

    def run(self, *, online: bool = False, password_stdin: bool = False) -> int:
        """Check, tell, and return the exit code."""
        place = place_with(self._options)
        tell_settings(self._screen, self._options, place)
        account = account_of(place) if place.campaign.account or online else None
        code, fault = ExitCode.OK, None
        try:
            self._check(place, account)
            if account is None:
                self._screen.note("No account is named; `send` needs one: --account NAME or URL.")
            elif online:
                credentials = credentials_for(account, self._screen, password_stdin=password_stdin)
                asyncio.run(open_transport(account, credentials, self._screen.trace).check())
                self._screen.say(f"Logged in at {account.server}.")
        except MailmergeError as error:
            self._screen.error(error)
            code, fault = error.exit_code, error
            problems, total = error.problems, error.problems_total
        else:
            plan = self._preparation.plan if self._preparation else None
            problems, total = (tuple(plan.problems), plan.problems_total) if plan else ((), 0)
            code = ExitCode.SOME_FAILED if self._counts.invalid else ExitCode.OK
        summary = self._summary(place, code, fault, problems, total)
        if self._screen.as_json:
            self._screen.json({**summary.as_json(), "columns": self._columns})
        return code

    def _check(self, place: Place, account: Account | None) -> None:
        with ExitStack() as stack:
            ledger = stack.enter_context(_looking(place))
            choice = choose_run(
                ledger, place.campaign, self._started, label=self._options.run or "", new_run=self._new_run
            )
            self._label = choice.label
            if ledger is None:
                place.refuse_lost_ledger()
            inputs = open_inputs(
                stack, place.campaign, choice, account,
                stdin=sys.stdin.buffer, ask=self._screen.secret, lenient=True,
            )  # fmt: skip
            self._columns = columns_json(self._screen, inputs)
            preparation = prepare(stack, inputs, ledger if choice.run else None)
            self._preparation = preparation
            if ledger is not None:
                preparation.look_back(ledger)
            tell_inputs(self._screen, inputs)
            if preparation.notices.moved_addresses and not self._acceptance.accept_changes:
                self._screen.note(
                    "Because of that `send --yes` will refuse (65), unless you say --accept-changes."
                )
            preparation.refuse_problems()
            self._counts = _counts(preparation)
            self._compare(place, ledger, choice, preparation)
            self._tell(preparation)
            if ledger is not None and (note := note_of_trial(ledger, choice.run)):
                self._screen.note(note)

    def _compare(self, place: Place, ledger: Ledger | None, choice: Choice, preparation: Preparation) -> None:
        if ledger is None:
            return
        typed = typed_of(self._options)
        others = other_unfinished(ledger, place.campaign, choice, typed.found_by, typed.inputs)
        for other in others:
            word = "cancelled" if place.campaign.unfinished is Unfinished.CANCEL else "finished first"
            self._screen.note(f"Run {other.label} is unfinished; `send` has it {word}.")
        if choice.run is not None and not ledger.nobody_reached(choice.run):
            said = self._said(place)
            amendment_for(preparation.plan.draft.compare(ledger, choice.run), said)
            self._counts = ledger.counts(choice.run)

    def _said(self, place: Place) -> Acceptance:
        settings = place.campaign.recipients
        return Acceptance(
            self._acceptance.accept_new or settings.grows,
            self._acceptance.accept_changes,
            self._acceptance.retry_failed,
            settings.duplicates is Duplicates.SEND,
        )

    def _tell(self, preparation: Preparation) -> None:
        plan = preparation.plan
        if plan.problems_total:
            rows = "1 row is invalid; `send` would leave it out:"
            if plan.invalid != 1:
                rows = f"{plan.invalid} rows are invalid; `send` would leave them out:"
            self._screen.warn(rows)
            self._screen.problems(plan.problems, plan.problems_total)
        skipped = f", {plan.skipped} skipped" if plan.skipped else ""
        unselected = f", {plan.unselected} not selected by where" if plan.unselected else ""
        state = self._counts
        if state.sent or state.failed or state.in_doubt:
            self._screen.say(
                f"Run {self._label}: {state.sent} sent, {state.left} left{skipped}. Nothing differs from the ledger."
            )
        else:
            mails = "1 mail" if plan.mails == 1 else f"{plan.mails} mails"
            self._screen.say(f"All is well: {mails} would be sent{skipped}{unselected}.")

    def _summary(
        self,
        place: Place,
        code: ExitCode,
        fault: MailmergeError | None,
        problems: tuple[Problem, ...],
        total: int,
    ) -> Summary:
        return Summary(
            place.campaign.name,
            self._label,
            code,
            self._counts,
            self._started,
            datetime.now(UTC),
            why=fault.reason if fault else "",
            problems=problems,
            problems_total=total,
            ledger=place.ledger,
            notices=self._preparation.notices if self._preparation else NOTHING,
            campaign_file=place.campaign.file,
            message=fault.message if fault else "",
            hint=fault.hint if fault else "",
        )


@contextmanager
def _looking(place: Place) -> Iterator[Ledger | None]:
    ledger = Ledger.read(place.ledger, sender_alive=is_held(place.lock))
    if ledger is None:
        yield None
        return
    with ledger:
        yield ledger


def _counts(preparation: Preparation) -> Counts:
    plan = preparation.plan
    return Counts(pending=plan.mails, invalid=plan.invalid, skipped=plan.skipped)
