"""`mailmerge preview`: one message on the screen or as a page for a browser, or all as files.

Rule: a mail may hold a salary, so no file is left anywhere unless it was asked for.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailmerge_cli.cli.options import Inputs
from mailmerge_cli.cli.screen import Screen
from mailmerge_cli.errors import ExitCode, LedgerFault

if TYPE_CHECKING:
    from mailmerge_cli.cli.prepare import Inputs as Opened
    from mailmerge_cli.render.letter import Letter


def preview(
    row: Annotated[int | None, typer.Option("--row", help="The mail of this row.")] = None,
    key: Annotated[str | None, typer.Option("--key", help="The mail of this key.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write all mails there, one .eml file each.")
    ] = None,
    html: Annotated[
        bool,
        typer.Option(
            "--html",
            help="Write the mail as a page for a browser, in a private folder; with --out, all, there.",
        ),
    ] = False,
    look: Annotated[bool, typer.Option("--open", help="--html, and open the page in your browser.")] = False,
    *,
    inputs: Inputs,
    screen: Screen,
) -> int:
    """Show one message, here or in a browser, or write all as files. No connection, nothing recorded."""
    from mailmerge_cli.cli.column_table import columns_json, tell_inputs
    from mailmerge_cli.cli.rehearsal import chosen, letters, open_looking
    from mailmerge_cli.cli.wishes import account_of, place_with

    place = place_with(inputs)
    account = account_of(place) if place.campaign.account else None
    with ExitStack() as stack:
        opened = open_looking(stack, place, account, inputs.run or "", screen)
        tell_inputs(screen, opened)
        told: dict[str, object]
        if out is not None:
            _make(out)
            told = _written(screen, opened, letters(opened, row, key), out, html=html or look, look=look)
        else:
            letter = chosen(opened, row, key, None)[0]
            if html or look:
                told = _as_page(screen, opened, letter, look=look)
            else:
                told = _shown(screen, opened, letter)
        columns = columns_json(screen, opened)
    if screen.as_json:
        screen.json({"schema": 1, **told, "columns": columns})
    return ExitCode.OK


def _shown(screen: Screen, opened: Opened, letter: Letter) -> dict[str, object]:
    from mailmerge_cli.cli.rehearsal import show, shown

    if screen.as_json:
        return {"row": letter.row, "mail": shown(opened, letter)}
    show(screen, opened, letter)
    if letter.html is not None:
        screen.say("To see it as it looks, in your browser: the same command with --open")
    return {}


def _as_page(screen: Screen, opened: Opened, letter: Letter, *, look: bool) -> dict[str, object]:
    """A page in a folder of its own, which does not stay if nobody is told of it."""
    import shutil

    folder = Path(tempfile.mkdtemp(prefix="mailmerge-preview-"))
    try:
        told = _written(screen, opened, [letter], folder, html=True, look=look)
        if screen.quiet and not screen.as_json:
            screen.deliver([f"{told['file']}\n".encode()])
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    screen.say("It stays there until you delete it.")
    return told


def _written(
    screen: Screen, opened: Opened, found: Iterable[Letter], folder: Path, *, html: bool, look: bool
) -> dict[str, object]:
    """Write each as a file of its own; the first one is opened, if that is wanted."""
    from mailmerge_cli.cli.closing import mails
    from mailmerge_cli.cli.rehearsal import composed, page, write_private

    number, first = 0, None
    for letter in found:
        number += 1
        file = folder / f"row-{letter.row:05d}{'.html' if html else '.eml'}"
        write_private(file, (page(opened, letter).encode(),) if html else composed(opened, letter))
        first = first or file
    screen.say(f"{mails(number)} written to {first if html and number == 1 else folder}.")
    if look and first is not None:
        _open(screen, first)
    return {"written": number, "folder": str(folder), "file": first and str(first)}


def _open(screen: Screen, file: Path) -> None:
    import webbrowser

    # A browser for the terminal needs it; elsewhere somebody reads our data there.
    with nullcontext() if screen.out.tty and not screen.as_json else _standard_output_elsewhere():
        found = webbrowser.open(file.absolute().as_uri())
    if not found:
        screen.note(f"No browser was found here. Open {file} with yours.")


@contextmanager
def _standard_output_elsewhere() -> Iterator[None]:
    """What is started here writes what it likes to its standard output, which is ours: that is standard error meanwhile."""
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerFault(f"{folder} cannot be made: {error.strerror}.") from error
