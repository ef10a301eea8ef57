"""The whole of a `send`: plan, compare, ask, log in, send, tell. `resend` and `demo` go the same way.

Rule: whatever happens after the plan was entered ends in a summary whose exit code is a function of the run's states.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from mailmerge_cli.campaign.again import take_again
from mailmerge_cli.campaign.changes import amendment_for
from mailmerge_cli.campaign.runs import Choice, choose_run, other_unfinished
from mailmerge_cli.campaign.trials import put_trial_aside, take_trial_back
from mailmerge_cli.cli.agreement import Agreement, where_mails_stay
from mailmerge_cli.cli.answers import finish_results, refuse_list
from mailmerge_cli.cli.boundary import Standing
from mailmerge_cli.cli.caution import refuse_mixture, refuse_moves, tell_notes
from mailmerge_cli.cli.closing import closing, mails
from mailmerge_cli.cli.launch import Landing, launch
from mailmerge_cli.cli.muster import Muster
from mailmerge_cli.cli.outfit import Outfit
from mailmerge_cli.cli.place import Place, spool_for
from mailmerge_cli.cli.prepare import Inputs, Preparation, open_inputs, prepare
from mailmerge_cli.cli.progress import Progress
from mailmerge_cli.cli.screen import Screen
from mailmerge_cli.cli.wishes import Wishes
from mailmerge_cli.engine.run import Ending
from mailmerge_cli.errors import ExitCode, MailmergeError, Refused, Unreachable
from mailmerge_cli.events import Event, Observer, Settled
from mailmerge_cli.ledger.ledger import Ledger
from mailmerge_cli.model.account import Account, Credentials
from mailmerge_cli.model.campaign import Unfinished
from mailmerge_cli.model.delivery import Counts, Delivery, Run, State
from mailmerge_cli.model.notice import NOTHING
from mailmerge_cli.report.result_log import ResultLog
from mailmerge_cli.report.steps import Typed, next_steps
from mailmerge_cli.report.summary import Summary, exit_code, worst

if TYPE_CHECKING:
    from mailmerge_cli.cli.logfile import LogFile


class Sending:
    """One call that sends, for one campaign and account."""

    def __init__(
        self,
        screen: Screen,
        place: Place,
        account: Account,
        credentials: Credentials,
        wishes: Wishes,
        typed: Typed,
        *,
        log_file: LogFile | None = None,
        from_ledger: bool = False,
    ) -> None:
        self._screen = screen
        self._place = place
        self._account = account
        self._credentials = credentials
        self._wishes = wishes
        self._typed = typed
        self._log_file = log_file
        self._from_ledger = from_ledger
        self._outfit = Outfit(screen, place, account, credentials)
        self._started = datetime.now(UTC)
        self._begun = self._sent_now = 0
        self._took = timedelta()
        self._given_up: list[Run] = []
        self._stand(Counts(), "")

    def send_all(self, ledger: Ledger, now: datetime, *, label: str = "", new_run: bool = False) -> Summary:
        """The run that is meant, after other unfinished ones if the campaign says so."""
        campaign = self._place.campaign
        if new_run:
            new_run = self._without_trial(ledger, choose_run(ledger, campaign, now, label=label).run)
        choice = choose_run(ledger, campaign, now, label=label, new_run=new_run)
        self._stand(ledger.counts(choice.run) if choice.run else Counts(), choice.label)
        for other in other_unfinished(ledger, campaign, choice, self._typed.found_by, self._typed.inputs):
            if campaign.unfinished is Unfinished.CANCEL:
                self._given_up.append(other)
                continue
            self._screen.note(f"Run {other.label} is finished first.")
            summary = self.send(ledger, Choice(other.label, other, other.opened))
            if summary.counts.left:
                return summary
            closing(self._screen, summary)
        return self.send(ledger, choice)

    def _without_trial(self, ledger: Ledger, run: Run | None) -> bool:
        """Whether `--new-run` still wants a new one, once what was only a trial stands in nobody's way."""
        if aside := put_trial_aside(ledger, run):
            self._screen.note(f"The trial is kept as run {aside}.")
        elif run is not None and self._account.kind != "outbox" and (again := take_trial_back(ledger, run)):
            mails = (
                "1 mail that was only tried is" if again == 1 else f"{again} mails that were only tried are"
            )
            self._screen.note(f"{mails} due again in run {run.label}; all others stay as they are.")
            return False
        return True

    def send(self, ledger: Ledger, choice: Choice) -> Summary:
        """Everything, for one run. Raises what refuses it before anything was sent; `standing` then tells of it."""
        self._stand(ledger.counts(choice.run) if choice.run else Counts(), choice.label)
        refuse_mixture(ledger, choice.run, self._account)
        spool = spool_for(self._place, choice.label)
        with ExitStack() as stack:
            stack.callback(self._forget_list, spool, ledger, choice.label)
            stdin = None if self._from_ledger else sys.stdin.buffer
            inputs = open_inputs(
                stack, self._place.campaign, choice, self._account,
                stdin=stdin, spool=spool, ask=self._screen.secret, lenient=True,
            )  # fmt: skip
            # A second mail, and a second try, take what the list makes of a row now: that is a new plan.
            going_on = not (self._wishes.again or self._wishes.acceptance.retry_failed)
            muster = stack.enter_context(self._muster(ledger, choice, inputs))
            preparation = prepare(
                stack, inputs, ledger if choice.run else None, going_on=going_on, bear=muster.hand
            )
            preparation.refuse_problems()
            if not self._wishes.again:
                preparation.look_back(ledger)
                refuse_moves(preparation.notices, self._wishes, self._account, self._typed)
            with ledger.tentatively() as keep:
                run = self._planned(ledger, choice, preparation)
                self._check_keys(ledger, run)
                due = self._due(ledger, run)
                if due and self._wishes.yes and ledger.nothing_begun(run):
                    self._refuse_guess(inputs)
                going = not due or self._wishes.yes or self._agreed(ledger, run, preparation, due)
                if going:
                    self._give_up_others(ledger)
                    keep()
            if not going:
                return self._not_sent(ledger, choice, preparation)
            self._stand(ledger.counts(run), run.label)
            if not due:
                return self._nothing_due(ledger, run, inputs)
            if self._wishes.yes:
                self._tell_notes(preparation)
            return self._sent(stack, ledger, run, preparation, due, muster)

    def _refuse_guess(self, inputs: Inputs) -> None:
        """A wrong letter in a name is worse than no mail (F02), and with --yes nobody looks at the names; of a run that has begun somebody did."""
        if inputs.guess and self._account.kind != "outbox":
            look = f"mailmerge preview {self._typed.inputs}".rstrip()
            key = f", or {inputs.campaign.said('encoding', inputs.guess)} under [recipients]"
            raise Refused(
                f"The characters of the list are read as {inputs.guess.upper()}, which is a guess, and with --yes nobody looks at the names.",
                hint=f"Look at some with `{look}`; if they are right, say so: --encoding {inputs.guess}"
                f"{key if inputs.campaign.file else ''}. Or save the list as “CSV UTF-8”.",
            )

    def _muster(self, ledger: Ledger, choice: Choice, inputs: Inputs) -> Muster:
        """Who helps to check, and sends then. Nobody is called for a few people."""
        wishes, run = self._wishes, choice.run
        most = [self._limit(), None if wishes.only is None else len(wishes.only)]
        if run is not None:
            most.append(ledger.counts(run).left)
        return self._outfit.muster(
            inputs.source, min((number for number in most if number is not None), default=None)
        )

    def _give_up_others(self, ledger: Ledger) -> None:
        """`unfinished = "cancel"`, once nothing stands in the way of this run any more."""
        while self._given_up:
            other = self._given_up.pop()
            left = ledger.cancel(other)
            self._screen.note(
                f"Run {other.label}: {mails(left)} that {'was left is' if left == 1 else 'were left are'} cancelled."
            )
            self._forget_list(spool_for(self._place, other.label), ledger, other.label)

    def _forget_list(self, spool: Path | None, ledger: Ledger, label: str) -> None:
        """A list from standard input is kept as long as its run has rows left, and no longer: it holds cells."""
        run = ledger.run(label)
        if spool is not None and (run is None or not ledger.counts(run).left):
            spool.unlink(missing_ok=True)

    def _stand(self, counts: Counts, label: str) -> None:
        campaign = self._place.campaign
        self.standing = Standing(campaign.name, label, counts, self._place.ledger, campaign.file)

    # -- before --------------------------------------------------------------------------------------------------

    def _planned(self, ledger: Ledger, choice: Choice, preparation: Preparation) -> Run:
        """The run as this call would have it: entered anew, or with what was accepted."""
        run, draft = choice.run, preparation.plan.draft
        if run is not None and preparation.unchanged:
            return run  # it stands in the ledger as it would be entered now
        if run is None or ledger.nothing_begun(run):
            zone = self._place.campaign.timezone
            return ledger.enter(choice.label, choice.opened, zone, draft, preparation.digest)
        said = self._wishes.acceptance
        if ledger.nobody_reached(run):
            said = replace(
                said, accept_changes=True
            )  # nobody has anything that could differ: a mended From just goes
        accepted = amendment_for(draft.compare(ledger, run), said)
        # Even where nothing differs: row numbers follow the list.
        run = ledger.amend(run, draft, accepted, preparation.digest)
        if self._wishes.again:
            keys = self._wishes.only or ()
            take_again(ledger, run, keys, draft.find(keys), self._wishes.again_to)
        return run

    def _check_keys(self, ledger: Ledger, run: Run) -> None:
        wanted = set(self._wishes.only or ())
        if missing := wanted - set(ledger.find(run, sorted(wanted))):
            raise Refused(f"--only: no such key in this run: {', '.join(sorted(missing))}.")

    def _due(self, ledger: Ledger, run: Run) -> int:
        """How many mails this call would send."""
        due = ledger.counts(run).left if self._wishes.only is None else len(self._chosen(ledger, run))
        limit = self._limit()
        return due if limit is None else min(due, limit)

    def _chosen(self, ledger: Ledger, run: Run) -> list[Delivery]:
        """Those of --only that are left to send, by row."""
        found = ledger.deliveries(run, (State.PENDING, State.DEFERRED), self._wishes.only)
        return list(islice(found, self._limit()))

    def _limit(self) -> int | None:
        """What is left of --limit: another run that was finished first took its share."""
        return None if self._wishes.limit is None else max(0, self._wishes.limit - self._begun)

    def _tell_notes(self, preparation: Preparation) -> None:
        tell_notes(self._screen, preparation, self._wishes, self._log_file)
        if self._wishes.yes and (stays := where_mails_stay(self._account)):
            self._screen.say(stays)
        if preparation.plan.problems_total:
            bad = preparation.plan.invalid
            self._screen.warn(f"{'1 row is' if bad == 1 else f'{bad} rows are'} invalid and left out:")
            self._screen.problems(preparation.plan.problems, preparation.plan.problems_total)

    def _agreed(self, ledger: Ledger, run: Run, preparation: Preparation, due: int) -> bool:
        self._tell_notes(preparation)
        if self._wishes.only is None:
            ends = ledger.ends(run, self._limit())
        else:
            chosen = self._chosen(ledger, run)
            ends = (chosen[0], chosen[-1])
        assert ends is not None
        sent = ledger.counts(run).sent
        agreement = Agreement(self._screen, preparation, self._account, self._credentials)
        return agreement.reached(
            due, ends, self._outfit.rates, have_theirs=sent, quota_left=self._outfit.quota_left()
        )

    # -- sending -------------------------------------------------------------------------------------------------

    def _sent(
        self,
        stack: ExitStack,
        ledger: Ledger,
        run: Run,
        preparation: Preparation,
        due: int,
        muster: Muster,
    ) -> Summary:
        results, inputs, yes = self._result_log(run), preparation.inputs, datetime.now(UTC)
        transport = self._outfit.transport()
        refuse_list(results.path, inputs.source)
        with results.open():
            self._place.claim(results.path)
            try:
                asyncio.run(transport.check())
            except MailmergeError as error:
                landing = Landing(Ending(0, 0, error.reason, error=error))
            else:
                wishes = self._wishes
                flight = self._outfit.flight(
                    stack, ledger, run, inputs, transport, due,
                    only=wishes.only, limit=self._limit(), max_wait=wishes.max_wait, muster=muster,
                )  # fmt: skip
                with Progress(self._screen, due, zone=self._zone()) as progress:
                    landing = launch(flight, self._observers(progress, results))
            if landing.ending.error is not None and landing.ending.error.reason == "changed":
                ledger.doubt(run)
            ledger.finish(run, datetime.now(UTC))
            finish_results(self._screen, results, inputs, ledger, run)
        self._took += datetime.now(UTC) - yes
        return self._summary(ledger, run, preparation, landing)

    def _observers(self, progress: Progress, results: ResultLog) -> list[Observer]:
        def log(event: Event) -> None:
            if isinstance(event, Settled):
                results.add(*[delivery for delivery, _ in event.attempts])

        return [log, progress, *([self._log_file] if self._log_file else [])]

    # -- after ---------------------------------------------------------------------------------------------------

    def _summary(self, ledger: Ledger, run: Run, preparation: Preparation, landing: Landing) -> Summary:
        ending, counts = landing.ending, ledger.counts(run)
        self._begun += ending.begun
        self._sent_now += ending.sent
        codes = [exit_code(counts)]
        if landing.signal:
            codes.append(ExitCode(128 + landing.signal))
        if (error := ending.error) is not None:
            self._screen.error(error)
            late = isinstance(error, Unreachable) and ending.begun
            codes.append(ExitCode.STOPPED if late else error.exit_code)
        reason = ending.reason or ("limit" if counts.left and self._wishes.only is not None else "")
        summary = self._plain_summary(run, counts, preparation)
        return replace(
            summary,
            exit_code=worst(codes),
            why=reason if worst(codes) is not ExitCode.OK else "",
            resume_at=ending.resume_at or ledger.next_due(run),
            message=error.message if error is not None else "",
            hint=error.hint if error is not None else "",
        )

    def _plain_summary(self, run: Run, counts: Counts, preparation: Preparation | None) -> Summary:
        plan = preparation.plan if preparation else None
        return Summary(
            self._place.campaign.name,
            run.label,
            exit_code(counts),
            counts,
            self._started,
            datetime.now(UTC),
            sent_now=self._sent_now,
            sending=self._took,
            problems=tuple(plan.problems) if plan else (),
            problems_total=plan.problems_total if plan else 0,
            notices=preparation.notices if preparation else NOTHING,
            results=self._results(run),
            ledger=self._place.ledger,
            campaign_file=self._place.campaign.file,
            zone=self._zone(),
        )

    def _nothing_due(self, ledger: Ledger, run: Run, inputs: Inputs) -> Summary:
        run, counts = ledger.finish(run, datetime.now(UTC)), ledger.counts(run)
        # What a person said meanwhile (resolve, cancel) belongs into the result log too.
        finish_results(self._screen, self._result_log(run), inputs, ledger, run)
        when = f" on {run.finished.astimezone(self._zone()):%Y-%m-%d %H:%M}" if run.finished else ""
        if counts.sent and not self._wishes.only:
            self._screen.say(
                f"Run {run.label}: {counts.sent} already sent{when}; there is nothing left to send."
            )
        else:
            self._screen.say(f"Run {run.label}: there is nothing to send.")
        why = "limit" if counts.left else ""  # --limit 0, or --only people who have theirs
        return replace(self._plain_summary(run, counts, None), why=why)

    def _not_sent(self, ledger: Ledger, choice: Choice, preparation: Preparation) -> Summary:
        counts = ledger.counts(choice.run) if choice.run else Counts(pending=preparation.plan.mails)
        name, now = self._place.campaign.name, datetime.now(UTC)
        code = ExitCode.INTERRUPTED
        return Summary(name, choice.label, code, counts, self._started, now, why="interrupted")

    def _result_log(self, run: Run) -> ResultLog:
        return ResultLog(self._results(run), run=run.label, zone=self._zone())

    def _results(self, run: Run) -> Path:
        return self._wishes.results or self._place.results(run.label)

    def _zone(self) -> ZoneInfo | None:
        name = self._place.campaign.timezone
        return ZoneInfo(name) if name else None


def tell_summary(screen: Screen, summary: Summary, typed: Typed) -> int:
    """The closing table and the next command, or the one object of `--json`; returns the exit code."""
    closing(screen, summary, next_steps(summary, typed))
    if screen.as_json:
        screen.json(summary.as_json())
    return summary.exit_code
