"""Which run a command works on: the one that is named, else the one that the campaign's rule names, else the latest, else a new one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mailmerge_cli.clock import in_zone
from mailmerge_cli.errors import Problem, Refused
from mailmerge_cli.model.campaign import Campaign, Unfinished
from mailmerge_cli.model.delivery import Counts, Run

_LABEL = re.compile(r"(?!\.)[\w.-]{1,64}")


class Past(Protocol):
    """What the ledger tells of runs."""

    def runs(self) -> list[Run]:
        """All runs, oldest first."""
        ...

    def unfinished(self, except_label: str) -> list[tuple[Run, Counts]]:
        """Other runs that have pending or deferred rows."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """The run to work on.

    Attributes:
        label: its label.
        run: the run as the ledger has it; None: it is a new one.
        opened: its moment: when it was entered, or now.
    """

    label: str
    run: Run | None
    opened: datetime


def choose_run(
    past: Past | None, campaign: Campaign, now: datetime, *, label: str = "", new_run: bool = False
) -> Choice:
    """The run that `send` and `check` work on. Refused (65) for a bad label."""
    runs = past.runs() if past else []
    wanted = label or _by_rule(campaign, now)
    if wanted:
        _check_label(wanted)
        known = next((run for run in runs if run.label == wanted), None)
        if known and new_run:
            named = "" if label else " (run = … in campaign.toml calls it so)"
            raise Refused(
                f"--new-run: there is a run “{wanted}” already{named}; give the new one another label with --run."
            )
        return Choice(wanted, known, known.opened if known else now)
    if runs and not new_run:
        return Choice(runs[-1].label, runs[-1], runs[-1].opened)
    return Choice(_by_date(campaign, runs, now), None, now)


def find_run(past: Past, label: str) -> Run:
    """The run with that label, or the latest; Refused with the labels that there are."""
    runs = past.runs()
    if not label and runs:
        return runs[-1]
    if not runs:
        raise Refused("There is no run of this campaign yet; `mailmerge send` begins one.")
    for run in runs:
        if run.label == label:
            return run
    labels = ", ".join(run.label for run in runs)
    raise Refused(f"There is no run “{label}”. Runs of this campaign: {labels}.")


def other_unfinished(
    past: Past, campaign: Campaign, choice: Choice, where: str = "", inputs: str = ""
) -> list[Run]:
    """Other runs with rows left, when the campaign says to finish or cancel them first; Refused where it says refuse.

    Both quoted for a shell, for the commands of the hint, empty for the current folder:
    `where`: the words that name the campaign; `inputs`: these, and how it is read and through which account it is sent.
    """
    others = past.unfinished(choice.label)
    if others and campaign.unfinished is Unfinished.REFUSE:
        told = "; ".join(f"“{run.label}” has {_rows(counts.left)} left" for run, counts in others)
        always = '; unfinished = "finish" or "cancel" in campaign.toml says it for always'
        run = f"--run {others[0][0].label}"
        send, cancel = (" ".join(filter(None, (words, run))) for words in (inputs, where))
        raise Refused(
            f"Another run is unfinished: {told}.",
            hint=f"Finish it with `mailmerge send {send}`, or give it up with `mailmerge cancel {cancel}`"
            f"{always if campaign.file else ''}.",
            problems=tuple(
                Problem(None, None, "unfinished", f"run {run.label}: {_rows(counts.left)} left")
                for run, counts in others
            ),
        )
    return [run for run, _ in others]


def _by_rule(campaign: Campaign, now: datetime) -> str:
    if not campaign.run:
        return ""
    # Jinja2 costs a command like `status` a tenth of a second.
    from mailmerge_cli.campaign.moment import constants
    from mailmerge_cli.render.phrase import Phrase

    names = constants(campaign.name, campaign.values, None, now, campaign.timezone)
    return Phrase(campaign.run, constants=names, what="run")()


def _by_date(campaign: Campaign, runs: Sequence[Run], now: datetime) -> str:
    date = f"{in_zone(now, campaign.timezone):%Y-%m-%d}"
    taken = {run.label for run in runs}
    return next(label for label in (date, *(f"{date}-{n}" for n in range(2, 10_000))) if label not in taken)


def _check_label(label: str) -> None:
    if not _LABEL.fullmatch(label):
        raise Refused(
            f"“{label}” cannot be the label of a run; use up to 64 letters, digits, `_`, `-` and `.`, no dot at the beginning.",
            problems=(Problem(None, None, "run", "bad label"),),
        )


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"
