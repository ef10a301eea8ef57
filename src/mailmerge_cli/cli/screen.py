"""What a person sees: the only place that prints and asks.

Rule 1: `--json` puts exactly one object on standard output; everything else then goes to standard error.
Rule 2: `--quiet` holds all talk back until the exit code is known: nothing at 0 but what `insist` says, everything at any other.
Rule 3: every value is escaped here (no control code of a cell or a server's reply reaches the terminal), and markup in it
means nothing. Control codes are written to a terminal that has them, and only there: not with NO_COLOR, TERM=dumb, `--plain`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, TextIO

from mailmerge_cli.cli.error_lines import continued, place_of
from mailmerge_cli.cli.layout import cell_text, cells, column_lines, column_manner, least_width, record_lines
from mailmerge_cli.cli.outlet import Outlet
from mailmerge_cli.errors import ExitCode, MailmergeError, Problem, UsageFault
from mailmerge_cli.report.escape import json_text, visible
from mailmerge_cli.secret import Secret

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_PROBLEMS_SHOWN = 50
_NARROW = 60  # below this many columns a table that does not fit is told as records
_STYLES = {
    "sent": "green", "failed": "red", "invalid": "red", "in_doubt": "magenta", "deferred": "yellow", "skipped": "dim",
}  # fmt: skip


class Screen:
    """Standard output, standard error and standard input of one command.

    Args:
        out, err, stdin: the streams; None for one that was closed before we began.
        json, quiet, verbose, debug, plain, no_input: the options of that name.
        environ: for NO_COLOR, TERM and COLUMNS.
    """

    def __init__(
        self,
        out: TextIO | None,
        err: TextIO | None,
        stdin: TextIO | None,
        *,
        json: bool = False,
        quiet: bool = False,
        verbose: bool = False,
        debug: bool = False,
        plain: bool = False,
        no_input: bool = False,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.out, self.err = Outlet(out), Outlet(err)
        self.talk = self.err if json else self.out
        self.as_json, self.quiet, self.verbose, self.debug = json, quiet, verbose, debug
        self._stdin = stdin
        self._no_input = no_input
        self._environ = environ
        dumb = environ.get("TERM", "" if os.name != "nt" else "windows") in ("", "dumb", "unknown")
        self._plain = plain or dumb or bool(environ.get("NO_COLOR"))
        self._held: list[tuple[Outlet, str]] | None = [] if quiet else None
        self._live: Console | None = None
        self._listener: Callable[[str, str], None] | None = None
        self._json_done = False

    @classmethod
    def standard(
        cls,
        *,
        json: bool = False,
        quiet: bool = False,
        verbose: bool = False,
        debug: bool = False,
        plain: bool = False,
        no_input: bool = False,
    ) -> Screen:
        """The one of this process."""
        return cls(
            sys.stdout, sys.stderr, sys.stdin,
            json=json, quiet=quiet, verbose=verbose, debug=debug, plain=plain, no_input=no_input,
        )  # fmt: skip

    # Talk

    def say(self, text: str = "") -> None:
        """One or more lines of what this command has to tell."""
        self._line(self.talk, text)

    def trace(self, text: str) -> None:
        """The conversation with a server and the like, with `--debug` only."""
        if self.debug:
            self._line(self.err, text, "dim")

    def note(self, text: str) -> None:
        """Something a person should know that is no fault: the encoding that was guessed, rows that were skipped."""
        self._line(self.err, f"Note: {text}")

    def warn(self, text: str) -> None:
        """Something that may turn out badly, though work goes on."""
        self._line(self.err, f"Warning: {text}", "yellow")
        self._record("warning", text)

    def insist(self, text: str) -> None:
        """A warning that `--quiet` does not hold back. A log does not hear of it: it may hold a path."""
        held, self._held = self._held, None
        self._line(self.err, f"Warning: {text}", "yellow")
        self._held = held

    def error(self, error: MailmergeError) -> None:
        """What is wrong, every problem with its row and column, and what to do."""
        self._line(self.err, f"Error: {continued(error.message)}", "bold red")
        self._record("error", error.message)
        alone = error.problems[0].message if len(error.problems) == 1 else ""
        if not alone or not f": {error.message}".rstrip(".").endswith(
            f": {alone}"
        ):  # else it has just been said
            self.problems(error.problems)
        if error.hint:
            self._line(self.err, continued(error.hint))
        if self.debug:
            self._cause(error)

    def bug(self, error: BaseException) -> None:
        """An error that is ours: one sentence; with `--debug` where it happened, without any value."""
        from mailmerge_cli.cli.traces import trace_lines, trace_place

        kind, place = type(error).__name__, trace_place(error)
        self._line(self.err, f"Error: a bug in mailmerge: {kind} in {place}", "bold red")
        self._record("bug", f"{kind} in {place}")
        if self.debug:
            self._line(self.err, "\n".join(trace_lines(error)))
        else:
            self._line(
                self.err,
                "Nothing is lost: the ledger has what was sent. Run it again with --debug to see more.",
            )

    def problems(self, problems: Sequence[Problem], total: int = 0) -> None:
        """What is wrong with the inputs, row by row; the first 50, all with `--verbose`."""
        shown = problems if self.verbose else problems[:_PROBLEMS_SHOWN]
        if shown and self._fancy(self.err) and (self.width(self.err) or 0) >= _NARROW:
            rows = [(problem.row, problem.column, problem.message) for problem in shown]
            self._render(self.err, self._rich_table(("row", "column", "problem"), rows, ""))
        else:
            for problem in shown:
                self._line(self.err, f"  {place_of(problem)}{visible(problem.message)}")
        left = max(total, len(problems)) - len(shown)
        if left > 0:
            self._line(self.err, f"  … and {left} more")

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
        """A table; numbers to the right, a column `state` in colour where there is colour."""
        rows = [tuple(row) for row in rows]
        width = self.width(self.talk)
        lines = column_lines(columns, rows)
        fits = width is None or max(map(cells, lines)) <= width
        if self._fancy(self.talk) and (fits or least_width(columns, rows) <= (width or 0)):
            self._render(self.talk, self._rich_table(columns, rows, title))
            return
        if not fits:
            lines = record_lines(columns, rows)
        self._line(self.talk, "\n".join([title, *lines] if title else lines))

    def panel(self, text: str, title: str = "") -> None:
        """A few lines that belong together, framed where there is a terminal."""
        if not self._fancy(self.talk):
            self._line(self.talk, f"{title}\n{text}" if title else text)
            return
        from rich.panel import Panel
        from rich.text import Text

        frame = Panel(
            Text(visible(text, lines=True)), title=Text(visible(title)) if title else None, expand=False
        )
        self._render(self.talk, frame)

    # Data

    def json(self, value: object) -> None:
        """The one object of `--json`.

        Raises:
            LedgerFault: it could not be written.
        """
        assert not self._json_done, "--json prints one object"
        self.out.deliver(json_text(value) + "\n")
        self._json_done = True

    def deliver(self, chunks: Iterable[bytes]) -> None:
        """Data that was asked for, such as `log --format csv`, to standard output; ends quietly with its reader.

        Raises:
            LedgerFault: it could not be written.
        """
        self.out.deliver_octets(chunks)

    # Questions

    @property
    def can_ask(self) -> bool:
        """Whether somebody is there to answer."""
        try:
            tty = self._stdin is not None and self._stdin.isatty()
        except ValueError:
            tty = False
        return tty and not self._no_input and (self.out.tty or self.err.tty)

    def ask(self, prompt: str) -> str | None:
        """A line that the person types, trimmed; None when nobody is there or the input has ended."""
        if not self.can_ask or self._stdin is None:
            return None
        self.release()
        self._asking.write(visible(prompt, lines=True))
        line = self._stdin.readline()
        if not line:
            self._asking.write("\n")
            return None
        return line.strip()

    def confirm(self, question: str, *, yes: bool = False) -> bool:
        """Whether the person types y or yes; Enter alone is no answer. `yes`: `--yes` was given.

        Raises:
            UsageFault: nobody is there to ask, and no `--yes`.
        """
        if yes:
            return True
        self.must_ask(question)
        while (answer := self.ask(f"{question} [y/n] ")) is not None:
            if answer.lower() in ("y", "yes"):
                return True
            if answer.lower() in ("n", "no", "q", "quit"):
                return False
        return False

    def must_ask(self, question: str = "") -> None:
        """Make sure that somebody is there to answer.

        Args:
            question: what is going to be asked, if that is one line.

        Raises:
            UsageFault: nobody is.
        """
        if not self.can_ask:
            why = "--no-input forbids to ask" if self._no_input else "there is no terminal to ask on"
            asked = f" to “{question}”" if question and "\n" not in question else ""
            raise UsageFault(
                f"Nothing was done: this needs a person's yes{asked}, and {why}.",
                hint="Add --yes to go ahead.",
            )

    def secret(self, prompt: str) -> Secret | None:
        """A secret, typed without being shown; None when nobody is there or nothing was typed."""
        if not self.can_ask:
            return None
        import warnings
        from getpass import GetPassWarning, getpass

        self.release()
        with warnings.catch_warnings():
            warnings.simplefilter("error", GetPassWarning)  # never type a secret that everybody can read
            try:
                typed = getpass(visible(prompt))
            except (GetPassWarning, EOFError):
                return None
        return Secret(typed) if typed else None

    # The end

    def release(self) -> None:
        """Say now what `--quiet` held back, and hold nothing back any more."""
        held, self._held = self._held, None
        for outlet, text in held or ():
            outlet.write(text)

    def close(self, code: int) -> None:
        """The exit code is known: with `--quiet` all is said now, or never."""
        if self._held is not None:
            if code != ExitCode.OK:
                self.release()
            self._held = [] if self.quiet else None

    # For the live display

    def console(self) -> Console | None:
        """Rich's console on the talk stream, if that is a terminal that can have a live display."""
        if self.quiet or not self._fancy(self.talk):
            return None
        return self._console(self.talk)

    def attach(self, live: Console | None) -> None:
        """While a live display runs, talk goes above it."""
        self._live = live

    def width(self, outlet: Outlet) -> int | None:
        """Columns of the terminal; None where there is none, and lines may be as long as they want."""
        if not outlet.tty:
            return None
        given = self._environ.get("COLUMNS", "")
        if given.isascii() and given.isdigit() and int(given):
            return int(given)
        with suppress(OSError, ValueError):
            return os.get_terminal_size(outlet.fileno()).columns or 80
        return 80

    def listen(self, record: Callable[[str, str], None] | None) -> None:
        """Let a log hear of warnings and errors too: it is called with `warning`, `error` or `bug`, and the text."""
        self._listener = record

    def _record(self, kind: str, text: str) -> None:
        if self._listener is not None:
            self._listener(kind, text)

    @property
    def _asking(self) -> Outlet:
        return self.out if self.out.tty and not self.as_json else self.err

    def _fancy(self, outlet: Outlet) -> bool:
        return outlet.tty and not self._plain

    def _line(self, outlet: Outlet, text: str, style: str = "") -> None:
        text = visible(text, lines=True)
        if self._fancy(outlet) and (style or self._live is not None):
            from rich.text import Text

            self._render(outlet, Text(text, style))
        else:
            self._put(outlet, text + "\n")

    def _put(self, outlet: Outlet, text: str) -> None:
        if self._held is not None:
            self._held.append((outlet, text))
        else:
            outlet.write(text)

    def _render(self, outlet: Outlet, what: RenderableType) -> None:
        """Draw with rich; above the live display while one runs, whichever of the two streams is meant."""
        soft = type(what).__name__ == "Text"  # a long command must come out of a terminal as one line
        if self._live is not None:
            self._live.print(what, soft_wrap=soft)
            return
        console = self._console(outlet)
        with console.capture() as capture:
            console.print(what, soft_wrap=soft)
        self._put(outlet, capture.get())

    def _console(self, outlet: Outlet) -> Console:
        from typing import IO, cast

        from rich.console import Console

        return Console(
            file=cast(IO[str], outlet),
            force_terminal=True,
            width=self.width(outlet),
            markup=False,
            highlight=False,
            emoji=False,
            _environ=self._environ,
        )

    def _rich_table(
        self, columns: Sequence[str], rows: Sequence[Sequence[object]], title: str
    ) -> RenderableType:
        from rich.box import SIMPLE_HEAD
        from rich.table import Table
        from rich.text import Text

        table = Table(box=SIMPLE_HEAD, title=Text(visible(title)) if title else None, title_justify="left")
        for index, column in enumerate(columns):
            right, whole = column_manner(index, rows)
            justify: Literal["right", "left"] = "right" if right else "left"
            table.add_column(Text(visible(column)), justify=justify, overflow="fold", no_wrap=whole)
        for row in rows:
            table.add_row(*(_styled(column, value) for column, value in zip(columns, row, strict=True)))
        return table

    def _cause(self, error: MailmergeError) -> None:
        """With `--debug`: what stood behind an error that has a sentence of its own."""
        if error.__cause__ is not None:
            from mailmerge_cli.cli.traces import trace_lines

            self._line(self.err, "\n".join(trace_lines(error)), "dim")


def _styled(column: str, value: object) -> RenderableType:
    from rich.text import Text

    text = cell_text(value)
    return Text(text, _STYLES.get(text, "") if column == "state" else "")
