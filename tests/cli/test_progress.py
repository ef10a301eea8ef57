"""A person knows how a run is getting on, whatever they look at it through."""

from __future__ import annotations

import io
import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pytest

from mailmerge_cli.cli import sending
from mailmerge_cli.cli.progress import Progress, closing
from mailmerge_cli.cli.screen import Screen
from mailmerge_cli.errors import ExitCode
from mailmerge_cli.events import Connected, Event, Trouble, Waiting
from mailmerge_cli.model.delivery import Counts, State
from mailmerge_cli.report.summary import Summary
from support.deliveries import settled
from support.program import run_here
from support.terminal import Terminal

BEGAN = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
XTERM = {"TERM": "xterm-256color"}


class Watch:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.gone = 0.0

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self.gone)

    def monotonic(self) -> float:
        return self.gone

    async def sleep(self, seconds: float) -> None:
        self.gone += seconds


def plain(
    total: int, story: Callable[[Progress, Watch], None], **options: bool
) -> tuple[list[str], list[str]]:
    """What is told without a terminal: lines of standard output and of standard error."""
    out, err, watch = io.StringIO(), io.StringIO(), Watch()
    with Progress(Screen(out, err, None, **options), total, clock=watch, zone=UTC) as progress:  # type: ignore[arg-type]
        story(progress, watch)
    return out.getvalue().splitlines(), err.getvalue().splitlines()


def test_L05_plain_lines_for_a_short_run_are_two() -> None:
    """One at the start, one at the end; no control code, nothing in between that nobody reads."""

    def story(progress: Progress, watch: Watch) -> None:
        for number in range(300):
            progress(settled(number, State.SENT if number % 100 else State.FAILED))

    out, err = plain(300, story)

    assert out == ["Sending 300 mails.", "300 of 300: 297 sent, 3 failed"]
    assert err == []


def test_a_plain_line_comes_every_ten_seconds_or_ten_per_cent() -> None:
    """Eight mails a second, 2000 in all: a line every ten seconds, each with the rate and the time left."""

    def story(progress: Progress, watch: Watch) -> None:
        for number in range(480):
            watch.gone += 0.125
            progress(settled(number))

    out, _ = plain(2000, story)

    assert [line.split()[0] for line in out[1:]] == ["80", "160", "240", "320", "400", "480"]
    assert out[2] == "160 of 2000: 160 sent; 8.0/s, about 4 min left"


def test_a_long_run_does_not_fill_the_cron_mail() -> None:
    """Two hours at a mail a second: some 90 lines, not 720."""

    def story(progress: Progress, watch: Watch) -> None:
        for number in range(7200):
            watch.gone += 1
            progress(settled(number))

    out, _ = plain(100_000, story)

    assert 30 <= len(out) <= 100


def test_a_deferred_mail_is_deferred_until_it_has_ended() -> None:
    """It counts as deferred once however often it is tried, and no longer when it has gone."""

    def story(progress: Progress, watch: Watch) -> None:
        for state in (State.DEFERRED, State.DEFERRED, State.PENDING, State.DEFERRED):
            progress(settled(1, state))
        assert progress.status() == "0 of 2: 1 deferred"
        progress(settled(2, State.IN_DOUBT))
        progress(settled(1))
        assert progress.status() == "2 of 2: 1 sent, 1 in doubt"

    plain(2, story)


def test_waits_are_told_once_and_short_ones_never() -> None:
    """A throttle that waits before every mail is told once; a wait of a second is none; a day's quota is told with its end."""

    def story(progress: Progress, watch: Watch) -> None:
        for number in range(50):
            progress(Waiting("throttle", watch.now() + timedelta(seconds=1)))
            progress(settled(number))
            progress(Waiting("throttle", watch.now() + timedelta(seconds=6), "10/min"))
            watch.gone += 6
        progress(Waiting("quota", watch.now() + timedelta(days=1)))

    out, _ = plain(10_000, story)
    waits = [line for line in out if line.startswith("Waiting")]

    assert waits == [
        "Waiting for the throttle until 10:00:06 (6 s): 10/min.",
        "Waiting for the quota until tomorrow 10:05 (24 h).",
    ]


def test_troubles_are_told_once_each() -> None:
    """The same trouble a thousand times is one warning, on standard error."""

    def story(progress: Progress, watch: Watch) -> None:
        for _ in range(1000):
            progress(Trouble("connection lost; going on"))
            progress(Trouble("greylisted"))

    assert plain(5, story)[1] == ["Warning: connection lost; going on", "Warning: greylisted"]


def test_quiet_tells_nothing_of_progress() -> None:
    """Not even held back: nobody wants old progress with an error."""
    out, err = io.StringIO(), io.StringIO()
    screen = Screen(out, err, None, quiet=True)
    with Progress(screen, 3, clock=Watch(), zone=UTC) as progress:
        progress(settled(1))
        progress(Waiting("quota", BEGAN + timedelta(days=1)))
        progress(Trouble("connection lost"))
    screen.close(ExitCode.STOPPED)

    assert (out.getvalue(), err.getvalue()) == ("", "Warning: connection lost\n")


def test_L05_json_keeps_progress_off_standard_output() -> None:
    """The lines go to standard error."""
    out, err = plain(1, lambda progress, watch: progress(settled(1)), json=True)

    assert out == []
    assert err[0] == "Sending 1 mail."


@pytest.fixture
def live() -> Iterator[tuple[Terminal, Screen]]:
    with Terminal(60) as terminal:
        yield terminal, Screen(terminal.stream, terminal.stream, None, environ=XTERM)


def seen(terminal: Terminal, what: str) -> None:
    """Wait until the terminal has shown something."""
    deadline = time.monotonic() + 60
    while what not in terminal.so_far():
        assert time.monotonic() < deadline, f"{what!r} was never shown: {terminal.so_far()!r}"
        time.sleep(0.01)


def test_a_terminal_has_a_bar_that_moves_by_itself(live: tuple[Terminal, Screen]) -> None:
    """Numbers, share, connections and the reason of a wait with its countdown, drawn though no event comes."""
    terminal, screen = live
    watch = Watch()
    with Progress(screen, 4, clock=watch, zone=UTC) as progress:
        seen(terminal, "0 of 4")
        progress(Connected(3))
        progress(settled(1))
        seen(terminal, "1 of 4: 1 sent, 3 connections")
        seen(terminal, "25%")
        progress(Waiting("throttle", BEGAN + timedelta(seconds=30)))
        seen(terminal, "Waiting for the throttle until 10:00:30 (30 s)")
        watch.gone = 10
        seen(terminal, "(20 s)")
        progress(settled(2))
        seen(terminal, "2 of 4: 2 sent")
    shown = terminal.shown()

    assert "Sending" not in shown
    assert shown.rstrip().endswith("\x1b[2K")  # the bar is taken away; the closing table follows


def test_talk_stands_above_the_bar(live: tuple[Terminal, Screen]) -> None:
    """A warning in the middle is a line of its own, and the bar is drawn again below it."""
    terminal, screen = live
    with Progress(screen, 2, clock=Watch(), zone=UTC) as progress:
        seen(terminal, "0 of 2")
        progress(Trouble("[b]connection lost[/b] \x1b[2J"))
        screen.say("said")
        progress(settled(1))
        seen(terminal, "1 of 2")
    assert left_on_screen(terminal.shown()) == ["Warning: [b]connection lost[/b] \\x1b[2J", "said"]


def left_on_screen(shown: str) -> list[str]:
    """What stands on the terminal at the end: as much of an emulator as the bar needs."""
    lines, at = [""], 0
    for code, text in re.findall(r"(\x1b\[[0-9;?]*[A-Za-z]|\r|\n)|([^\x1b\r\n]+)", shown):
        if text:
            lines[at] += text
        elif code == "\n":
            at += 1
            lines += [""] * (at == len(lines))
        elif code.endswith("A"):
            at -= int(code[2:-1])
        elif code == "\x1b[2K":
            lines[at] = ""
    return [line for line in lines if line]


def test_K05_the_cursor_is_never_hidden_for_good(live: tuple[Terminal, Screen]) -> None:
    """A second Ctrl-C leaves at once: whatever was drawn so far leaves the cursor visible."""
    terminal, screen = live
    with Progress(screen, 2, clock=Watch(), zone=UTC):
        seen(terminal, "0 of 2")
        shown = terminal.so_far()
        assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l")


def test_no_thread_is_left_behind(live: tuple[Terminal, Screen]) -> None:
    """Also when the run ends in an error."""
    _, screen = live
    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt), Progress(screen, 2, clock=Watch(), zone=UTC):
        raise KeyboardInterrupt

    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("columns", [1, 20])
def test_L05_a_narrow_terminal_has_a_narrow_bar(columns: int) -> None:
    """No line of the bar is wider than the terminal, or it would scroll."""
    with Terminal(columns) as terminal:
        screen = Screen(terminal.stream, terminal.stream, None, environ=XTERM)
        with Progress(screen, 1000, clock=Watch(), zone=UTC) as progress:
            for number in range(500):
                progress(settled(number))
            seen(terminal, "500"[:columns])
        lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\n", terminal.shown()).splitlines()

    assert all(len(line) <= columns for line in lines)


def test_an_event_costs_next_to_nothing() -> None:
    """30 000 events a second must not slow a run: an event costs less than fifty times an empty call, on any machine."""
    events: list[Event] = [settled(number) for number in range(2000)]

    def measure(observer: Callable[[Event], None]) -> float:
        def once() -> float:
            began = time.perf_counter()
            for event in events:
                observer(event)
            return time.perf_counter() - began

        return min(once() for _ in range(7))

    with Progress(Screen(io.StringIO(), io.StringIO(), None), 10**6, clock=None) as progress:
        assert measure(progress) < 50 * measure(lambda event: None)


# The end


def summary(code: ExitCode, counts: Counts, **fields: object) -> Summary:
    return Summary("payslips", "2026-10", code, counts, BEGAN, BEGAN + timedelta(seconds=30), **fields)  # type: ignore[arg-type]


def test_the_closing_table_says_where_everybody_stands() -> None:
    """States that have somebody, their sum, the result log, and what to type next."""
    out = io.StringIO()
    told = summary(
        ExitCode.SOME_FAILED,
        Counts(sent=297, failed=1, skipped=3),
        sent_now=297,
        results="results/r.csv",
        sending=timedelta(seconds=30),
    )

    closing(Screen(out, io.StringIO(), None), told, ["See which and why: mailmerge log"])

    assert out.getvalue().splitlines() == [
        "Run 2026-10: ended, but not all went well. 297 mails sent in 30 s.",
        "state     mails",
        "sent        297",
        "failed        1",
        "skipped       3",
        "together    301",
        "Result log: results/r.csv",
        "See which and why: mailmerge log",
    ]


@pytest.mark.parametrize(
    ("code", "counts", "words"),
    [
        (ExitCode.OK, Counts(sent=1), "complete."),
        (ExitCode.STOPPED, Counts(sent=1, pending=1), "stopped early, mails are left."),
        (ExitCode.REFUSED, Counts(), "refused, nothing was sent."),
        (ExitCode.INTERRUPTED, Counts(sent=1, pending=1), "interrupted."),
        (ExitCode.INTERRUPTED, Counts(pending=1), "not begun."),
        (ExitCode.IN_DOUBT, Counts(in_doubt=1), "ended, but not all went well."),
    ],
)
def test_each_ending_has_its_headline(code: ExitCode, counts: Counts, words: str) -> None:
    """The first line says how it went."""
    out = io.StringIO()

    closing(Screen(out, io.StringIO(), None), summary(code, counts))

    assert out.getvalue().splitlines()[0] == f"Run 2026-10: {words}"


def test_the_time_at_the_question_is_not_time_of_sending(
    campaign: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody thinks for two hours before he says yes; --json has the whole call as ever."""
    late = timedelta()

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + late

    def reached(*_: object, **__: object) -> bool:
        nonlocal late
        late = timedelta(hours=2)
        return True

    monkeypatch.setattr(sending, "datetime", Clock)
    monkeypatch.setattr(sending.Agreement, "reached", reached)
    monkeypatch.setattr(Screen, "must_ask", lambda _: None)
    ran = run_here("send", "--run", "r")
    assert "5 mails sent in " in ran.out
    assert " h" not in ran.out.split(" sent in ")[1].splitlines()[0], ran.out
