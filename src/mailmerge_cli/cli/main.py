"""The command line as a whole: which commands there are.

Rule: a command's module is imported when the command is named, because start-up is felt at every command.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mailmerge_cli import __version__
from mailmerge_cli.errors import ExitCode

if TYPE_CHECKING:
    from typer._click.exceptions import NoSuchOption

COMMANDS = {
    "demo": "Send an example company's payslips on this machine alone, and show what happened.",
    "init": "Write a new campaign folder to begin with.",
    "account": "Sending accounts: add, list, show, test, login, remove.",
    "check": "Check everything that `send` would check, for all rows; send nothing.",
    "preview": "Show one message, here or in a browser, or write all as files.",
    "send": "Check, ask, send, log; the same command again goes on.",
    "resend": "Send a second mail, on purpose, to people who have theirs.",
    "resolve": "Say what became of deliveries in doubt.",
    "cancel": "What is left of a run will not be sent.",
    "status": "How a run stands, and what to type next.",
    "runs": "All runs of a campaign.",
    "log": "What became of each recipient.",
    "mailbox": "A mail server for trials on this machine; keeps what it gets as files.",
}
"""Every command and its one line of help, in the order in which they are told."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit code (see errors.ExitCode)."""
    words = list(sys.argv[1:] if argv is None else argv)
    from typer._click.exceptions import ClickException, NoSuchOption
    from typer.main import get_command

    app = build_app(_named(words))
    try:
        code = get_command(app).main(args=words, prog_name="mailmerge", standalone_mode=False, obj=words)
    except ClickException as error:
        if isinstance(error, NoSuchOption):
            _translate(error)
        error.show()
        if "--json" in words:
            from mailmerge_cli.cli.boundary import refuse_words

            return refuse_words(error.format_message())
        return ExitCode.USAGE
    return int(code or 0)


def _translate(error: NoSuchOption) -> None:
    """Say what an option of another program is called here, in place of a guess by its letters."""
    from mailmerge_cli.cli.other_words import OURS

    if ours := OURS.get(error.option_name):
        error.message, error.possibilities = (
            f"{error.message}. If you mean that of awdeorio/mailmerge: {ours}",
            None,
        )


def build_app(only: str | None = None):  # type: ignore[no-untyped-def]
    """The Typer application: with all commands, or with one alone."""
    import typer

    app = typer.Typer(
        name="mailmerge",
        help="Mail merge from Excel or CSV: checks everything first, never sends twice, says what became of every mail.",
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback(invoke_without_command=True)
    def door(version: bool = typer.Option(False, "--version", help="Print the version.")) -> None:
        if version:
            typer.echo(f"mailmerge-cli {__version__}")
            raise typer.Exit

    for name in COMMANDS:
        if only in (None, name):
            _register(app, name)
    return app


def _register(app, name: str) -> None:  # type: ignore[no-untyped-def]
    from mailmerge_cli.cli.options import spread

    module = importlib.import_module(f"mailmerge_cli.cli.{name}")
    if name == "account":
        app.add_typer(module.app, name=name, help=COMMANDS[name])
    else:
        app.command(name, help=COMMANDS[name])(spread(getattr(module, name)))


def _named(words: Sequence[str]) -> str | None:
    """The command, when it is plain from the first word; completion and general help need all."""
    return words[0] if words and words[0] in COMMANDS and "_MAILMERGE_COMPLETE" not in os.environ else None
