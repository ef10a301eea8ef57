"""`mailmerge runs`: all runs of a campaign."""

from __future__ import annotations

from mailmerge_cli.cli.options import Where
from mailmerge_cli.cli.place import place_of
from mailmerge_cli.cli.screen import Screen
from mailmerge_cli.clock import in_zone
from mailmerge_cli.errors import ExitCode
from mailmerge_cli.report.lines import iso
from mailmerge_cli.report.summary import counts_json

_TOLD = ("sent", "failed", "invalid", "skipped", "deferred", "in_doubt", "pending")


def runs(*, where: Where, screen: Screen) -> int:
    """All runs of a campaign, the oldest first."""
    with place_of(where).reading() as ledger:
        lines = [(run, counts_json(ledger.counts(run))) for run in ledger.runs()]
    if screen.as_json:
        screen.json(
            {
                "schema": 1,
                "runs": [
                    {"run": run.label, "opened": iso(run.opened), "counts": counts} for run, counts in lines
                ],
            }
        )
        return ExitCode.OK
    told = [state for state in _TOLD if state == "sent" or any(counts[state] for _, counts in lines)]
    screen.table(
        ("run", "opened", "rows", *told),
        [
            (
                run.label,
                f"{in_zone(run.opened, run.timezone):%Y-%m-%d %H:%M}",
                counts["rows"],
                *(counts[state] for state in told),
            )
            for run, counts in lines
        ],
    )
    return ExitCode.OK
