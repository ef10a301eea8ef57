"""The options that several commands share, each said once: a command takes them as one value, the command line as single words."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from mailmerge_cli.cli.boundary import run_on_screen
from mailmerge_cli.cli.screen import Screen


@dataclass(frozen=True)
class Everywhere:
    """Options of every command."""

    json: Annotated[
        bool, typer.Option("--json", help="Print exactly one JSON object on standard output.")
    ] = False
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Print nothing at exit code 0, unless something needs a look."),
    ] = False
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Tell more.")] = False
    debug: Annotated[
        bool,
        typer.Option(
            "--debug", help="Show tracebacks and the conversation with the server, without secrets."
        ),
    ] = False
    plain: Annotated[bool, typer.Option("--plain", help="Plain lines: no colour, no progress bar.")] = False
    no_input: Annotated[bool, typer.Option("--no-input", help="Never ask.")] = False
    log_file: Annotated[Path | None, typer.Option("--log-file", help="Append what happens to this file.")] = (
        None
    )

    def screen(self) -> Screen:
        """The screen that these options make of this process's streams."""
        return Screen.standard(
            json=self.json,
            quiet=self.quiet,
            verbose=self.verbose,
            debug=self.debug,
            plain=self.plain,
            no_input=self.no_input,
        )


_CAMPAIGN_HELP = "Folder with campaign.toml, or such a file; default: this folder."
_CampaignWord = Annotated[Path | None, typer.Argument(help=_CAMPAIGN_HELP, show_default=False)]
_CampaignOption = Annotated[Path | None, typer.Option("--campaign", "-c", help=_CAMPAIGN_HELP)]
_StateDir = Annotated[
    Path | None,
    typer.Option("--state-dir", help="Folder of the ledger; default: .mailmerge in the campaign."),
]


class _WordsAreKeys:
    @property
    def campaign(self) -> Path | None:
        """The campaign can be named by the option alone, because the words are keys."""
        return None


@dataclass(frozen=True)
class WhereOptions:
    """Which campaign and run, for commands on what it has become."""

    campaign_option: _CampaignOption = None
    recipients: Annotated[
        str | None, typer.Option("--recipients", "-r", help="The list, where there is no campaign file.")
    ] = None
    message: Annotated[
        str | None, typer.Option("--message", "-m", help="The template, where there is no campaign file.")
    ] = None
    state_dir: _StateDir = None
    account: Annotated[
        str | None,
        typer.Option("--account", "-a", help="Not needed here; taken, so that the words of a `send` fit."),
    ] = None
    run: Annotated[str | None, typer.Option("--run", help="The run's label; default: the latest.")] = None


@dataclass(frozen=True)
class Where(WhereOptions):
    """The same, and the campaign as a word."""

    campaign: _CampaignWord = None


@dataclass(frozen=True)
class OnKeys(_WordsAreKeys, WhereOptions):
    """The same, for commands whose words are keys."""


@dataclass(frozen=True)
class HowRead:
    """How the list was read, as it was typed to `send`, for commands on what has become of it."""

    sheet: Annotated[
        str | None, typer.Option("--sheet", help="The sheet of the list, where there is no campaign file.")
    ] = None
    table: Annotated[
        str | None,
        typer.Option(
            "--table", metavar="NAME", help="The table or named range, where there is no campaign file."
        ),
    ] = None
    start: Annotated[
        str | None,
        typer.Option(
            "--start", metavar="CELL", help="Where the titles begin, where there is no campaign file."
        ),
    ] = None
    header_rows: Annotated[
        int | None,
        typer.Option(
            "--header-rows",
            min=1,
            max=5,
            help="How many rows the titles take, where there is no campaign file.",
        ),
    ] = None
    hidden: Annotated[
        str | None,
        typer.Option(
            "--hidden",
            metavar="refuse|skip|send",
            help="What rows are that the sheet hides, where there is no campaign file.",
        ),
    ] = None
    encoding: Annotated[
        str | None,
        typer.Option("--encoding", help="Encoding of a text list, where there is no campaign file."),
    ] = None
    delimiter: Annotated[
        str | None,
        typer.Option("--delimiter", help="Delimiter of a text list, where there is no campaign file."),
    ] = None
    email_column: Annotated[
        str | None,
        typer.Option("--email-column", help="The list's address column, where there is no campaign file."),
    ] = None
    key_column: Annotated[
        str | None,
        typer.Option("--key-column", help="The list's key column, where there is no campaign file."),
    ] = None
    group_by: Annotated[
        str | None,
        typer.Option(
            "--group-by", help="The column whose rows were one mail, where there is no campaign file."
        ),
    ] = None


@dataclass(frozen=True)
class InputOptions:
    """Options of `send`, `check`, `preview` and `resend`; each has a key in campaign.toml."""

    campaign_option: _CampaignOption = None
    state_dir: _StateDir = None
    recipients: Annotated[
        str | None,
        typer.Option(
            "--recipients",
            "-r",
            help="The list: .xlsx, .ods, .xls, .xlsb, .csv, .tsv, .jsonl; - for standard input.",
        ),
    ] = None
    message: Annotated[
        str | None, typer.Option("--message", "-m", help="The template: .md, .html or .txt.")
    ] = None
    account: Annotated[
        str | None,
        typer.Option("--account", "-a", help="A sending account's name, or a URL without password."),
    ] = None
    sender: Annotated[str | None, typer.Option("--from", help="From; wins over the template's.")] = None
    subject: Annotated[str | None, typer.Option("--subject", help="Subject; wins over the template's.")] = (
        None
    )
    attach: Annotated[
        list[str] | None,
        typer.Option("--attach", help="Attach this file; may hold {{ columns }}. Repeatable."),
    ] = None
    sheet: Annotated[str | None, typer.Option("--sheet", help="The sheet of the workbook.")] = None
    table: Annotated[
        str | None,
        typer.Option("--table", metavar="NAME", help="A table or a named range of the workbook."),
    ] = None
    start: Annotated[
        str | None,
        typer.Option("--start", metavar="CELL", help="The cell where the titles begin, such as B3."),
    ] = None
    header_rows: Annotated[
        int | None,
        typer.Option(
            "--header-rows", min=1, max=5, help="How many rows the titles take; default: found out."
        ),
    ] = None
    hidden: Annotated[
        str | None,
        typer.Option("--hidden", metavar="refuse|skip|send", help="What rows are that the sheet hides."),
    ] = None
    encoding: Annotated[
        str | None, typer.Option("--encoding", help="Encoding of a text list; default: found out.")
    ] = None
    delimiter: Annotated[
        str | None, typer.Option("--delimiter", help="Delimiter of a text list; default: found out.")
    ] = None
    email_column: Annotated[
        str | None, typer.Option("--email-column", help="The column with the addresses.")
    ] = None
    name_column: Annotated[
        str | None, typer.Option("--name-column", help="The column with the names for To.")
    ] = None
    key_column: Annotated[
        str | None, typer.Option("--key-column", help="The column that names a person; default: the address.")
    ] = None
    group_by: Annotated[
        str | None,
        typer.Option(
            "--group-by", help="Rows with the same value in this column are one mail, and its `rows`."
        ),
    ] = None
    require: Annotated[
        list[str] | None, typer.Option("--require", help="A column that must not be empty. Repeatable.")
    ] = None
    where: Annotated[
        str | None, typer.Option("--where", help="Only rows for which this is true, such as 'net > 0'.")
    ] = None
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", help="A list of addresses or @domains to leave out. Repeatable."),
    ] = None
    only_domain: Annotated[
        list[str] | None,
        typer.Option("--only-domain", help="Refuse addresses outside this domain. Repeatable."),
    ] = None
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A constant for the template. Repeatable."),
    ] = None
    rate: Annotated[
        list[str] | None,
        typer.Option("--rate", help="At most N/UNIT (s, min, h, day). Repeatable; all hold."),
    ] = None
    connections: Annotated[
        int | None, typer.Option("--connections", min=1, help="Connections at a time.")
    ] = None
    workers: Annotated[
        str | None, typer.Option("--workers", metavar="N|auto", help="Processes that check, render and send.")
    ] = None
    on_invalid: Annotated[
        str | None,
        typer.Option("--on-invalid", metavar="refuse|send-others", help="What bad rows do to the others."),
    ] = None
    no_address: Annotated[
        str | None, typer.Option("--no-address", metavar="refuse|skip", help="What a row without address is.")
    ] = None
    duplicates: Annotated[
        str | None,
        typer.Option(
            "--duplicates", metavar="refuse|skip|send", help="What one address behind several keys does."
        ),
    ] = None
    run: Annotated[
        str | None,
        typer.Option("--run", help="The run's label; default: the campaign's own rule, or the latest run."),
    ] = None


@dataclass(frozen=True)
class Inputs(InputOptions):
    """The same where the campaign may be a word."""

    campaign: _CampaignWord = None


@dataclass(frozen=True)
class InputsOnKeys(_WordsAreKeys, InputOptions):
    """The same where the words are keys."""


def spread(command: Callable[..., int]) -> Callable[..., Any]:
    """Make a command fit for typer.

    A parameter whose type is a dataclass of this file is replaced by that class's fields, so that typer sees every option
    by itself. The options of every command are added; the command gets a `screen` made from them. What it returns is the
    exit code; errors are told on that screen.
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {name: kind for name, kind in hints.items() if kind in _GROUPS}
    groups.setdefault("everywhere", Everywhere)

    def spread_out(**words: Any) -> int:
        grouped = {
            name: kind(**{field.name: words.pop(field.name) for field in fields(kind)})
            for name, kind in groups.items()
        }
        everywhere = grouped["everywhere"] if "everywhere" in hints else grouped.pop("everywhere")
        return run_on_screen(
            everywhere.screen(),
            lambda screen: command(**words, **grouped, screen=screen),
            everywhere.log_file,
        )

    _take_signature(spread_out, command, hints, groups)
    return spread_out


_GROUPS = (Everywhere, Where, OnKeys, HowRead, Inputs, InputsOnKeys)


def _take_signature(
    spread_out: Callable[..., int], command: Callable[..., int], hints: dict[str, Any], groups: dict[str, Any]
) -> None:
    own = [
        p.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[p.name])
        for p in inspect.signature(command, eval_str=True).parameters.values()
        if p.name not in groups and p.name != "screen"
    ]
    shared = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=kinds[field.name]
        )
        for kind in groups.values()
        for kinds in (get_type_hints(kind, include_extras=True),)
        for field in fields(kind)
    ]
    spread_out.__name__ = command.__name__
    spread_out.__doc__ = command.__doc__
    spread_out.__signature__ = inspect.Signature(own + shared)  # type: ignore[attr-defined]
    spread_out.__annotations__ = {p.name: p.annotation for p in own + shared}
