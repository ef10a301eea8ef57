"""What a run came to: its exit code, the one object of `--json`, and how the run ended in a word."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from pathlib import Path

from mailmerge_cli.errors import ExitCode, Problem
from mailmerge_cli.model.delivery import Counts
from mailmerge_cli.model.notice import NOTHING, Notices
from mailmerge_cli.report.lines import iso

PROBLEMS_TOLD = 1000
"""So many problems `--json` holds at most; `problems_total` counts all."""

# Where several hold, the first of this order (CONTRACT: Exit codes). That table leaves out the three that stop a command before a run;
# they stand before 75, because what a person has to mend matters more than what is left.
_ORDER = (
    ExitCode.BUG, ExitCode.INTERRUPTED, ExitCode.TERMINATED, ExitCode.LEDGER, ExitCode.CONFIG, ExitCode.CREDENTIALS,
    ExitCode.UNREACHABLE, ExitCode.USAGE, ExitCode.FILE_MISSING, ExitCode.REFUSED, ExitCode.STOPPED, ExitCode.IN_DOUBT,
    ExitCode.SOME_FAILED, ExitCode.OK,
)  # fmt: skip

_REASONS = {
    ExitCode.USAGE: "config",
    ExitCode.IN_DOUBT: "in_doubt",
    ExitCode.REFUSED: "invalid",
    ExitCode.FILE_MISSING: "invalid",
    ExitCode.UNREACHABLE: "unreachable",
    ExitCode.BUG: "failed",
    ExitCode.LEDGER: "failed",
    ExitCode.STOPPED: "deferred",
    ExitCode.CREDENTIALS: "credentials",
    ExitCode.CONFIG: "config",
    ExitCode.INTERRUPTED: "interrupted",
    ExitCode.TERMINATED: "interrupted",
}


class RunOutcome(StrEnum):
    """How a run, or an attempt at one, ended; the `outcome` of `--json`."""

    COMPLETE = "complete"  # the run ended: nothing is left for a later `send`, though some may have failed or be in doubt
    INCOMPLETE = "incomplete"  # rows are left, the same command goes on
    REFUSED = "refused"  # nothing was sent, something has to be mended first
    INTERRUPTED = "interrupted"  # by a signal


def exit_code(counts: Counts) -> ExitCode:
    """What the states of a run say: rows left 75, else in doubt 3, else failed or invalid 1, else 0.

    A begun row without an outcome (`sending`) counts as in doubt: its sender is gone when this is asked.
    """
    if counts.pending or counts.deferred:
        return ExitCode.STOPPED
    if counts.in_doubt or counts.sending:
        return ExitCode.IN_DOUBT
    if counts.failed or counts.invalid:
        return ExitCode.SOME_FAILED
    return ExitCode.OK


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """The one that a process ends with where several hold; OK for none."""
    return min(codes, key=_ORDER.index, default=ExitCode.OK)


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything that `send` and `check` have to say at the end.

    Attributes:
        campaign: its name.
        run: its label; empty when no run was reached.
        exit_code: what the process will end with; for `check` 0 when all is well, though rows are pending.
        counts: the run's states now (for `check`: as they would be entered).
        started, finished: of this call; aware.
        sending: how long mails went out, from the yes on; zero if none did.
        why: the `reason` of `--json`; empty for the exit code's own.
        resume_at: when the same command can go on; None if at once, or never.
        sent_now: mails accepted during this call.
        problems: what is wrong with the inputs; any number, `as_json` holds the first 1000.
        problems_total: how many there are when `problems` does not hold all; 0: as many as it holds.
        results: the result log.
        ledger: the ledger's file.
        notices: what is no fault but should be looked at.
        zone: in which times are told; None for the machine's own.
        message: the sentence of the error that ended it; empty if none did.
        hint: what that error advises; may be empty.
        campaign_file: the campaign.toml whose settings count; None where options alone make the campaign.
    """

    campaign: str
    run: str
    exit_code: ExitCode
    counts: Counts
    started: datetime
    finished: datetime
    why: str = ""
    resume_at: datetime | None = None
    sent_now: int = 0
    problems: tuple[Problem, ...] = ()
    problems_total: int = 0
    results: Path | None = None
    ledger: Path | None = None
    notices: Notices = NOTHING
    zone: tzinfo | None = None
    message: str = ""
    hint: str = ""
    campaign_file: Path | None = None
    sending: timedelta = timedelta()

    @property
    def reason(self) -> str | None:
        """Why it did not simply end well; None where it did."""
        if self.exit_code is ExitCode.OK:
            return None
        if self.why:
            return self.why
        if self.exit_code is ExitCode.STOPPED and not self.counts.deferred:
            return None  # rows are simply left
        if self.exit_code is ExitCode.SOME_FAILED:
            return "failed" if self.counts.failed else "invalid"
        return _REASONS[self.exit_code]

    @property
    def untouched(self) -> bool:
        """Whether rows are left and none of the run was ever on its way."""
        return bool(self.counts.left) and not _begun(self.counts)

    @property
    def outcome(self) -> RunOutcome:
        """How it ended, in a word."""
        code = self.exit_code
        if code in (ExitCode.OK, ExitCode.SOME_FAILED, ExitCode.IN_DOUBT):
            return RunOutcome.COMPLETE
        if code in (ExitCode.INTERRUPTED, ExitCode.TERMINATED):
            return RunOutcome.INTERRUPTED
        if code in (ExitCode.USAGE, ExitCode.FILE_MISSING, ExitCode.REFUSED) and not self.sent_now:
            return RunOutcome.REFUSED
        if code in (ExitCode.CREDENTIALS, ExitCode.CONFIG) and not _begun(self.counts):
            return RunOutcome.REFUSED
        return RunOutcome.INCOMPLETE

    def as_json(self) -> dict[str, object]:
        """The object of `--json`, schema 1. Keys are only ever added."""
        told: dict[str, object] = {
            "schema": 1,
            "campaign": self.campaign,
            "run": self.run or None,
            "outcome": self.outcome.value,
            "reason": self.reason,
            "resume_at": iso(self.resume_at, self.zone) if self.resume_at else None,
            "exit_code": int(self.exit_code),
            "counts": counts_json(self.counts),
            "sent_now": self.sent_now,
            "problems": [_problem_json(problem) for problem in self.problems[:PROBLEMS_TOLD]],
            "problems_total": max(self.problems_total, len(self.problems)),
            "started": iso(self.started, self.zone),
            "finished": iso(self.finished, self.zone),
            "elapsed_seconds": max(0.0, round((self.finished - self.started).total_seconds(), 3)),
            "results": str(self.results) if self.results else None,
            "ledger": str(self.ledger) if self.ledger else None,
        }
        notices = asdict(self.notices)
        file = str(self.campaign_file) if self.campaign_file else ""
        said = {"campaign_file": file, "message": self.message, "hint": self.hint, **notices}
        return {**told, **{key: text for key, text in said.items() if text}}


def counts_json(counts: Counts) -> dict[str, int]:
    """The `counts` of `--json`; `rows` is the sum of all the others."""
    return {
        "rows": counts.rows,
        "sent": counts.sent,
        "failed": counts.failed,
        "invalid": counts.invalid,
        "skipped": counts.skipped,
        "deferred": counts.deferred,
        "in_doubt": counts.in_doubt + counts.sending,
        "pending": counts.pending,
    }


def _begun(counts: Counts) -> bool:
    """Whether any mail of the run was ever on its way."""
    return bool(counts.sent or counts.failed or counts.deferred or counts.in_doubt or counts.sending)


def _problem_json(problem: Problem) -> dict[str, object]:
    return {"row": problem.row, "column": problem.column, "kind": problem.kind, "message": problem.message}
