"""The one boundary where errors become sentences and exit codes.

Rule: what a person can cause or meet is a `MailmergeError`; anything else is our bug, and is told without any value.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from mailmerge_cli.cli.screen import Screen
from mailmerge_cli.errors import ExitCode, MailmergeError, UsageFault
from mailmerge_cli.model.delivery import Counts

_AT_ONCE = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class Standing:
    """What was known of campaign and run when something refused them; for the object of `--json`."""

    campaign: str = ""
    run: str = ""
    counts: Counts = field(default_factory=Counts)
    ledger: Path | None = None
    campaign_file: Path | None = None


class Terminated(KeyboardInterrupt):
    """SIGTERM, taken like Ctrl-C: what is open is closed in order."""


def run_on_screen(screen: Screen, work: Callable[[Screen], int], log_file: Path | None = None) -> int:
    """Do the work of one command; returns its exit code, and never raises. `log_file` hears of warnings and errors."""
    with ExitStack() as stack:
        code = _guarded(screen, lambda: _listened(stack, screen, work, log_file))
        screen.close(code)
    _let_go_of_a_closed_pipe()
    return code if screen.out.fault is None else _unwritten(screen, code, screen.out.fault)


def refuse(
    screen: Screen, error: MailmergeError | KeyboardInterrupt, standing: Standing | None = None
) -> ExitCode:
    """Tell why a command did not come to the end of a run, and give its exit code."""
    if isinstance(error, MailmergeError):
        screen.error(error)
        _tell(screen, error.exit_code, error.message, standing, error)
        return error.exit_code
    code = ExitCode.TERMINATED if isinstance(error, Terminated) else ExitCode.INTERRUPTED
    screen.warn("Interrupted.")
    _tell(screen, code, "Interrupted.", standing)
    return code


def refuse_words(text: str) -> int:
    """The object of `--json` for a command line that nobody understands; the sentence has been told."""
    screen = Screen.standard(json=True)
    return _guarded(screen, lambda: _tell(screen, ExitCode.USAGE, text, None, UsageFault(text)))


def _unwritten(screen: Screen, code: int, fault: MailmergeError) -> int:
    """What the command had to say could not be written: whatever came of its work, nobody may take that for a 0."""
    from mailmerge_cli.report.summary import worst

    screen.error(fault)
    screen.release()
    return worst((ExitCode(code), fault.exit_code))


def _listened(stack: ExitStack, screen: Screen, work: Callable[[Screen], int], log_file: Path | None) -> int:
    stack.enter_context(_terminated())
    if screen.as_json:
        screen.out.demand()
    if log_file is not None:
        from mailmerge_cli.cli.logfile import LogFile

        screen.listen(stack.enter_context(LogFile(log_file)).talk)
    return work(screen)


def _guarded(screen: Screen, work: Callable[[], int]) -> int:
    try:
        try:
            return work()
        except (MailmergeError, KeyboardInterrupt) as error:
            return refuse(screen, error)
        except BrokenPipeError:
            return ExitCode.OK
        except Exception as error:  # noqa: BLE001  the boundary
            screen.bug(error)
            return _tell(screen, ExitCode.BUG, f"a bug in mailmerge: {type(error).__name__}", None)
    except MailmergeError as error:  # not even that could be told: standard output is full
        screen.error(error)
        return error.exit_code


def _tell(
    screen: Screen, code: ExitCode, text: str, standing: Standing | None, error: MailmergeError | None = None
) -> ExitCode:
    """The object of `--json`, where it is wanted."""
    if not screen.as_json:
        return code
    from mailmerge_cli.report.summary import Summary

    now, about = datetime.now(UTC), standing or Standing()
    summary = Summary(
        about.campaign,
        about.run,
        code,
        about.counts,
        now,
        now,
        why=error.reason if error else "",
        problems=error.problems if error else (),
        problems_total=error.problems_total if error else 0,
        ledger=about.ledger,
        campaign_file=about.campaign_file,
        message=text,
        hint=error.hint if error else "",
    )
    screen.json(summary.as_json())
    return code


@contextmanager
def _terminated() -> Iterator[None]:
    """Ctrl-C and SIGTERM, as long as nobody else takes them: the first one closes what is open, in order.

    One that follows at once (a terminal and a wrapper both send one) changes nothing; one that comes later ends the process there and then.
    """
    first: list[float] = []

    def on_signal(number: int, _: object) -> None:
        if not first:
            first.append(monotonic())
            raise Terminated if number == signal.SIGTERM else KeyboardInterrupt
        if monotonic() - first[0] > _AT_ONCE:
            os._exit(128 + number)

    before = {}
    with suppress(ValueError):  # only the main thread may
        before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        with suppress(ValueError):
            for number, handler in before.items():
                signal.signal(number, handler or signal.SIG_DFL)


def _let_go_of_a_closed_pipe() -> None:
    """The reader has gone (`| head`); Python must not complain about it once more when it ends."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except (OSError, ValueError):
        return
