"""`mailmerge log`: what became of each recipient, from the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from mailmerge_cli.cli.layout import short_time
from mailmerge_cli.cli.opened_list import OpenedList
from mailmerge_cli.cli.options import HowRead, Where
from mailmerge_cli.cli.place import Place, place_of, run_of
from mailmerge_cli.cli.screen import Screen
from mailmerge_cli.clock import in_zone
from mailmerge_cli.errors import ExitCode, FileMissing, UsageFault
from mailmerge_cli.ledger.lock import is_held
from mailmerge_cli.ledger.reading import Reading
from mailmerge_cli.model.delivery import Run, State
from mailmerge_cli.report.escape import json_text
from mailmerge_cli.report.formats import LogFormat, json_line, log_chunks
from mailmerge_cli.report.lines import ATTEMPT_COLUMNS, LOG_COLUMNS, LogLines, Value
from mailmerge_cli.report.log_file import write_log_file

_SHOWN = ("row", "key", "address", "state", "attempts", "last_attempt", "reply", "reason")
_SHOWN_ATTEMPTS = ("row", "key", "address", "attempt", "started", "verdict", "reply")
_TIMES = ("last_attempt", "started")
_FORMATS = ("table", "csv", "jsonl", "xlsx")


def log(
    state: Annotated[list[str] | None, typer.Option("--state", help="Only these states. Repeatable.")] = None,
    attempts: Annotated[bool, typer.Option("--attempts", help="One line for each attempt.")] = False,
    format_: Annotated[
        str | None, typer.Option("--format", metavar="table|csv|jsonl|xlsx", help="How to write it down.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write to this file; an .xlsx is a copy of the list with the answers."),
    ] = None,
    failed_rows: Annotated[
        Path | None,
        typer.Option(
            "--failed-rows",
            metavar="PATH",
            help="Write the list's rows that failed or are invalid (or --state) to this file, as a list.",
        ),
    ] = None,
    *,
    where: Where,
    read: HowRead,
    screen: Screen,
) -> int:
    """What became of each recipient, from the ledger."""
    states = _states(state)
    if failed_rows is not None:
        _check_alone(format_, out, attempts=attempts)
    form = _form(format_, out, screen)
    if out is not None and not out.parent.is_dir():
        raise FileMissing(
            f"--out {out}: there is no folder {out.parent}.", hint="Make it first, or name another."
        )
    place = place_of(where)
    with place.reading() as ledger:
        run = run_of(ledger, where)
        if failed_rows is not None:
            from mailmerge_cli.cli.failed_rows import write_failed_rows

            opened = OpenedList(place, run, where, read)
            return write_failed_rows(screen, failed_rows, opened, ledger, states)
        columns, lines = _lines(place, ledger, run, states, attempts=attempts)
        if out is not None:
            _refuse_list(out, place)
            note = ""
            if form == "xlsx" and states is None and not attempts:
                opened = OpenedList(place, run, where, read)
                note = _write_copy(out, opened, ledger)
            else:
                write_log_file(out, columns, lines)
            _tell_written(screen, run, out, note)
        elif form == "json":
            screen.deliver(_one_object(place, run, columns, lines))
        elif form == "table":
            _show(screen, run, columns, lines)
        else:
            screen.deliver(log_chunks(LogFormat(form), columns, lines, mark=False))
    return ExitCode.OK


def _refuse_list(out: Path, place: Place) -> None:
    """UsageFault if the list itself would be written over; also where it cannot be opened any more."""
    file = place.campaign.folder / place.campaign.recipients.file
    if file.is_file() and out.exists() and out.samefile(file):
        raise UsageFault(f"{out} is the list itself, and is never written over; name another file.")


def _check_alone(format_: str | None, out: Path | None, *, attempts: bool) -> None:
    for option, given in (("--format", format_), ("--out", out), ("--attempts", attempts)):
        if given:
            raise UsageFault(f"--failed-rows writes rows of the list, so {option} does not go with it.")


def _write_copy(out: Path, opened: OpenedList, ledger: Reading) -> str:
    """A copy of the list with the answers, or the log's table; returns what a person should know."""
    from mailmerge_cli.cli.answers import write_answers

    with opened as inputs:
        why = opened.fault.message if opened.fault else ""
        lines = lines_of(opened.place, opened.run)
        return write_answers(out, inputs, ledger, opened.run, lines, why, in_place=opened.guessed)


def _tell_written(screen: Screen, run: Run, out: Path, note: str) -> None:
    if note:
        screen.note(note)
    screen.say(f"Written to {out}.")
    if screen.as_json:
        told: dict[str, object] = {"schema": 1, "run": run.label, "written": str(out)}
        screen.json({**told, "note": note} if note else told)


def _form(format_: str | None, out: Path | None, screen: Screen) -> str:
    if format_ is not None and format_ not in _FORMATS:
        raise UsageFault(f"--format {format_}: there is no such format; it is one of {', '.join(_FORMATS)}.")
    if out is not None:
        ending = "xlsx" if out.suffix.lower() == ".xlsm" else LogFormat.of(out).value
        if format_ not in (None, ending):
            raise UsageFault(
                f"--format {format_} does not fit the name {out.name}; give the file the ending .{format_}."
            )
        return ending
    if format_ == "xlsx":
        raise UsageFault("A workbook is not written to the screen; name a file with --out.")
    return format_ or ("json" if screen.as_json else "table")


def _one_object(
    place: Place, run: Run, columns: Sequence[str], lines: Iterable[Sequence[Value]]
) -> Iterator[bytes]:
    """`--json`: one object whose `lines` are what `--format jsonl` writes; lazily, so memory does not grow with it."""
    head = json_text({"schema": 1, "campaign": place.campaign.name, "run": run.label})
    yield head[:-1].encode() + b', "lines": ['
    comma = b""
    for line in lines:
        yield comma + json_line(columns, line).rstrip()
        comma = b", "
    yield b"]}\n"


def _states(words: Sequence[str] | None) -> tuple[State, ...] | None:
    known = [state.value for state in State if state is not State.SENDING]
    for word in words or ():
        if word not in known:
            raise UsageFault(f"--state {word}: there is no such state; it is one of {', '.join(known)}.")
    return tuple(State(word) for word in words) if words else None


def _lines(
    place: Place, ledger: Reading, run: Run, states: tuple[State, ...] | None, *, attempts: bool
) -> tuple[Sequence[str], Iterable[Sequence[Value]]]:
    form = lines_of(place, run)
    if not attempts:
        return LOG_COLUMNS, map(form.cells, ledger.deliveries(run, states))
    keys = None if states is None else [one.key for one in ledger.deliveries(run, states)]
    return ATTEMPT_COLUMNS, map(form.attempt_cells, ledger.attempts(run, keys))


def lines_of(place: Place, run: Run) -> LogLines:
    """How the run's log tells times and what is being sent."""
    sending = State.PENDING if is_held(place.lock) else State.IN_DOUBT
    return LogLines(run.label, ZoneInfo(run.timezone) if run.timezone else None, sending)


def _show(screen: Screen, run: Run, columns: Sequence[str], lines: Iterable[Sequence[Value]]) -> None:
    """As a table for people: what differs from line to line, and the time as a clock shows it; the rest is in the files."""
    shown = _SHOWN_ATTEMPTS if columns is ATTEMPT_COLUMNS else _SHOWN
    places = [columns.index(column) for column in shown]
    rows = [dict(zip(shown, (line[place] for place in places), strict=True)) for line in lines]
    if not rows:
        screen.say("No such deliveries.")
        return
    now = in_zone(datetime.now(UTC), run.timezone)
    for row in rows:
        for name in _TIMES:
            if text := row.get(name):
                row[name] = short_time(datetime.fromisoformat(str(text)), now)
    kept = [name for name in shown if _worth(name, rows)]
    heads = ["time" if name in _TIMES else name for name in kept]
    screen.table(heads, [[row[name] for name in kept] for row in rows])


def _worth(name: str, rows: Sequence[Mapping[str, Value]]) -> bool:
    """Whether a column tells anything: some value, more than one attempt, a key that is not the address itself."""
    if name == "attempts":
        return any(isinstance(row[name], int) and row[name] != 0 and row[name] != 1 for row in rows)
    if name == "key":
        return any(row["key"] != row["address"] for row in rows)
    return any(row[name] not in (None, "") for row in rows)
