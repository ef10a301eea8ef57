"""`mailmerge init`: a new campaign folder that `check` accepts as it is."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from mailmerge_cli.cli.screen import Screen
from mailmerge_cli.errors import ExitCode, Refused, UsageFault
from mailmerge_cli.model.table import Column, Source
from mailmerge_cli.starter import How, Kind, OwnList, write_campaign

_SAMPLE = 200


def init(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="The new campaign's folder.", show_default=False)
    ] = None,
    kind: Annotated[
        str, typer.Option("--kind", metavar="payslip|newsletter|letter", help="What to begin with.")
    ] = "payslip",
    recipients: Annotated[
        Path | None,
        typer.Option("--recipients", "-r", help="Your own list; its columns are read and guessed."),
    ] = None,
    sheet: Annotated[str, typer.Option("--sheet", help="The sheet of your workbook.")] = "",
    encoding: Annotated[str, typer.Option("--encoding", help="Encoding of your text list.")] = "",
    delimiter: Annotated[str, typer.Option("--delimiter", help="Delimiter of your text list.")] = "",
    table: Annotated[
        str, typer.Option("--table", metavar="NAME", help="A table or a named range of your workbook.")
    ] = "",
    start: Annotated[
        str,
        typer.Option(
            "--start", metavar="CELL", help="The cell where the titles of your list begin, such as B3."
        ),
    ] = "",
    header_rows: Annotated[
        int | None,
        typer.Option("--header-rows", min=1, max=5, help="How many rows the titles of your list take."),
    ] = None,
    hidden: Annotated[
        str,
        typer.Option(
            "--hidden", metavar="refuse|skip|send", help="What rows are that the sheet of your list hides."
        ),
    ] = "",
    *,
    screen: Screen,
) -> int:
    """A new campaign folder to begin with."""
    if folder is None:
        folder = Path()
        if recipients is None:
            _refuse_full(folder, kind)
    how = How(sheet, encoding, delimiter, table, _cell(start), header_rows or 0, _policy(hidden))
    own = _own_list(recipients, how, screen) if recipients else None
    written = write_campaign(kind, folder, own=own)
    for path in written:
        screen.say(f"  {path}")
    if own is not None:
        _tell_guess(own, kind, screen)
    place = "" if folder == Path() else f" {folder}"
    screen.say(f"Look at it, then: mailmerge check{place}")
    if screen.as_json:
        screen.json(
            {
                "schema": 1,
                "kind": Kind(kind).value,
                "folder": str(folder),
                "written": [str(path) for path in written],
            }
        )
    return ExitCode.OK


def _tell_guess(own: OwnList, kind: str, screen: Screen) -> None:
    for reason in own.guess.reasons:
        screen.note(reason)
    if (gaps := _quoted(own.guess.gaps)) and kind == Kind.PAYSLIP:
        screen.note(f"Empty cells stand in {gaps}: not required, so an empty one is sent as it is.")
    if faulty := _quoted(own.guess.faulty):
        screen.note(
            f"Cells that cannot be read now stand in {faulty}: errors, or formulas without a stored value. "
            "Open the list in Excel, mend the errors, and save it; a row whose mail needs such a cell is refused."
        )


def _quoted(columns: tuple[Column, ...]) -> str:
    return ", ".join(f"“{column.title or column.letter}”" for column in columns)


def _refuse_full(folder: Path, kind: str) -> None:
    """An example is not strewn among a person's files; around his own list, and where he names the folder, it may be."""
    if any(not path.name.startswith(".") for path in folder.iterdir()):
        name = "payslips" if kind == Kind.PAYSLIP else kind
        raise Refused(
            "This folder is not empty. Nothing was written.",
            hint=f"Name a new one: mailmerge init {name} --kind {kind}; or `.` for this one.",
        )


def _cell(start: str) -> str:
    from mailmerge_cli.config.kinds import read_cell

    try:
        return read_cell(start)
    except ValueError as error:
        raise UsageFault(f"--start: {error}.") from None


def _policy(hidden: str) -> str:
    from mailmerge_cli.config.kinds import HIDDEN

    try:
        return str(HIDDEN.read(hidden)) if hidden else ""
    except ValueError as error:
        raise UsageFault(f"--hidden: {error}.") from None


def _own_list(path: Path, how: How, screen: Screen) -> OwnList:
    from mailmerge_cli.sources.guess import guess_columns

    with _opened(path, how, screen) as source:
        guess = guess_columns(source.columns, list(islice(source.rows(), _SAMPLE)))
        return OwnList(path.absolute(), source.columns, guess, how)


def _opened(path: Path, how: How, screen: Screen) -> Source:
    """The list; where rows are hidden, there is no campaign.toml yet that could say what is meant."""
    from mailmerge_cli.config.list_password import ListPasswords
    from mailmerge_cli.sources import open_source

    passwords = ListPasswords(prompt=screen.secret)
    try:
        return open_source(
            path, sheet=how.sheet, encoding=how.encoding, delimiter=how.delimiter, passwords=passwords,
            table=how.table, start=how.start, header_rows=how.header_rows, hidden=how.hidden or "refuse",
        )  # fmt: skip
    except Refused as error:
        if any(problem.kind == "hidden" for problem in error.problems):
            hint = (
                "Unhide these rows, or delete them, save, and type the same command again; or type it with "
                "--hidden skip (they get no mail), or --hidden send (they get one like the others)."
            )
            raise Refused(error.message, hint=hint, problems=error.problems) from None
        raise
