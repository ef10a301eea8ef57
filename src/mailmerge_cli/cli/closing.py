"""The end of a run on the screen: where everybody stands, and what to type next."""

from __future__ import annotations

from collections.abc import Sequence

from mailmerge_cli.cli.layout import span
from mailmerge_cli.cli.screen import Screen
from mailmerge_cli.report.summary import RunOutcome, Summary, counts_json


def closing(screen: Screen, summary: Summary, steps: Sequence[str] = ()) -> None:
    """How the run stands at the end: the states in a table, where the result log is, and what to type next."""
    screen.say(_headline(summary))
    counts = counts_json(summary.counts)
    rows = [(state, count) for state, count in counts.items() if state != "rows" and count]
    if rows:
        screen.table(("state", "mails"), [*rows, ("together", counts["rows"])])
    if summary.results is not None:
        screen.say(f"Result log: {summary.results}")
    for step in steps:
        screen.say(step)


def _headline(summary: Summary) -> str:
    run = f"Run {summary.run}: " if summary.run else ""
    seconds = max(0.0, summary.sending.total_seconds())
    now = f" {mails(summary.sent_now)} sent in {span(seconds)}." if summary.sent_now else ""
    word = {
        RunOutcome.COMPLETE: "complete" if summary.reason is None else "ended, but not all went well",
        RunOutcome.INCOMPLETE: "stopped early, mails are left",
        RunOutcome.REFUSED: "stopped early, something has to be mended first"
        if summary.sent_now
        else "refused, nothing was sent",
        RunOutcome.INTERRUPTED: "not begun" if summary.untouched else "interrupted",
    }[summary.outcome]
    return f"{run}{word}.{now}" if run else f"{word.capitalize()}.{now}"


def mails(count: int) -> str:
    """`1 mail`, `298 mails`."""
    return "1 mail" if count == 1 else f"{count} mails"
