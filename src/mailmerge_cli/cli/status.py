"""`mailmerge status`: how a run stands, and what to type next."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import typer

from mailmerge_cli.campaign.trials import note_of_trial
from mailmerge_cli.cli.options import Where
from mailmerge_cli.cli.place import Place, place_of, run_of
from mailmerge_cli.cli.screen import Screen
from mailmerge_cli.cli.typed import typed_of
from mailmerge_cli.errors import ExitCode
from mailmerge_cli.ledger.ledger import Ledger
from mailmerge_cli.ledger.lock import is_held
from mailmerge_cli.model.delivery import Run
from mailmerge_cli.report.lines import iso
from mailmerge_cli.report.steps import Typed, next_steps
from mailmerge_cli.report.summary import Summary, counts_json, exit_code


def status(
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with the run's exit code instead of 0.")
    ] = False,
    *,
    where: Where,
    screen: Screen,
) -> int:
    """How a run stands, and what to type next."""
    place = place_of(where)
    at_work = is_held(place.lock)
    with place.reading() as ledger:
        if ledger.note:
            screen.warn(ledger.note)
        run = run_of(ledger, where)
        summary = _summary(place, ledger, run, at_work=at_work)
        used, trial = ledger.last_account(run), note_of_trial(ledger, run)
        one_of_many = bool(place.campaign.run) or len(ledger.runs()) > 1
    if screen.as_json:
        screen.json({**summary.as_json(), "at_work": at_work})
    else:
        named = replace(where, run=run.label) if one_of_many else where
        _tell(screen, summary, run, typed_of(named, place.campaign.account, used=used))
    if trial:
        screen.note(trial)
    return summary.exit_code if exit_code else ExitCode.OK


def _summary(place: Place, ledger: Ledger, run: Run, *, at_work: bool) -> Summary:
    counts = ledger.counts(run)
    if at_work:  # what its sender has begun is on its way; nobody has to decide on it
        counts = replace(counts, pending=counts.pending + counts.sending, sending=0)
    now = datetime.now(UTC)
    return Summary(
        place.campaign.name,
        run.label,
        exit_code(counts),
        counts,
        run.opened,
        now,
        why="locked" if at_work else "",
        resume_at=ledger.next_due(run),
        results=place.results(run.label),
        ledger=place.ledger,
    )


def _tell(screen: Screen, summary: Summary, run: Run, typed: Typed) -> None:
    screen.say(f"{summary.campaign}, run {run.label}, opened {iso(run.opened)}")
    counts = counts_json(summary.counts)
    screen.table(
        ("state", "mails"),
        [(state, number) for state, number in counts.items() if number and state != "rows"],
    )
    if summary.why == "locked":
        screen.say("A send is at work on it now, so these counts change; nothing is to be done.")
        return
    for step in next_steps(summary, typed):
        screen.say(step)
