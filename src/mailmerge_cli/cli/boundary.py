"""The one boundary where errors become sentences and exit codes.

Rule: what a person can cause or meet is a `MailmergeError`; anything else is our bug, and is told without any value.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from mailmerge_cli.cli.screen import Screen
from mailmerge_cli.errors import ExitCode, MailmergeError


def run_on_screen(screen: Screen, work: Callable[[Screen], int]) -> int:
    """Do the work of one command; returns its exit code, and never raises."""
    code = _guarded(screen, work)
    screen.close(code)
    _let_go_of_a_closed_pipe()
    return code


def _guarded(screen: Screen, work: Callable[[Screen], int]) -> int:
    try:
        return work(screen)
    except MailmergeError as error:
        screen.error(error)
        if screen.as_json:
            tell_refusal(screen, error)
        return error.exit_code
    except KeyboardInterrupt:
        screen.warn("Interrupted.")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        return ExitCode.OK
    except Exception as error:  # noqa: BLE001  the boundary
        screen.bug(error)
        return ExitCode.BUG


def tell_refusal(screen: Screen, error: MailmergeError, campaign: str = "", run: str = "") -> None:
    """The object of `--json` for a command that did not come to a run."""
    from mailmerge_cli.model.delivery import Counts
    from mailmerge_cli.report.summary import Summary

    now = datetime.now(UTC)
    summary = Summary(
        campaign, run, error.exit_code, Counts(), now, now, why=error.reason, problems=error.problems
    )
    screen.json({**summary.as_json(), "message": error.message})


def _let_go_of_a_closed_pipe() -> None:
    """The reader has gone (`| head`); Python must not complain about it once more when it ends."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except (OSError, ValueError):
        return
