"""campaign.toml, read strictly, with the options of the command line laid over it.

All faults of the file are told at once. Paths of the file stay as they are, relative to its folder; paths of options
become absolute. Both may be templates; nobody renders or opens them here.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from mailmerge_cli.config.account_url import has_password, is_url
from mailmerge_cli.config.keys import CAMPAIGN_KEYS, REST, SECRET_WORDS, Key
from mailmerge_cli.config.kinds import found
from mailmerge_cli.config.nearest import did_you_mean, sentence
from mailmerge_cli.config.options import CampaignOptions, Settings, lay_over
from mailmerge_cli.config.places import CAMPAIGN_FILE
from mailmerge_cli.config.toml_file import read_toml
from mailmerge_cli.errors import ConfigFault, FileMissing, Problem, UsageFault
from mailmerge_cli.model.campaign import Campaign, MessageSettings, RecipientSettings, SendingSettings

__all__ = ["RESERVED_NAMES", "CampaignOptions", "load_campaign"]

RESERVED_NAMES = frozenset(("today", "now", "month", "last_month", "campaign", "run", "row"))
"""Names that templates have of their own, so that no value may take them."""

_OTHERS = {
    **dict.fromkeys((".xlsx", ".xlsm", ".xls", ".ods"), "a workbook"),
    **dict.fromkeys((".csv", ".tsv", ".jsonl"), "a list"),
    **dict.fromkeys((".md", ".markdown", ".html", ".htm", ".txt"), "a message"),
}
_OLDER = ("mailmerge_template.txt", "mailmerge_database.csv")
_TABLES = {key.table for key in CAMPAIGN_KEYS if key.table} | {REST}
_KEYS = {(key.table, key.name): key for key in CAMPAIGN_KEYS}


def load_campaign(
    path: Path | None, options: CampaignOptions, cwd: Path, *, complete: bool = True
) -> Campaign:
    """The campaign at `path` (a folder with campaign.toml, or such a file; None: the current folder).

    Args:
        path: what was typed; relative to `cwd`.
        options: what the command line says beside it.
        cwd: the current folder.
        complete: a list and a message are needed (commands that only read a ledger do without).

    Raises:
        FileMissing: there is no campaign.
        ConfigFault: the file is wrong; all its faults are told.
        UsageFault: an option is wrong.
    """
    try:
        folder, file = _find(path, options, cwd.absolute())
    except OSError as error:  # a folder that may not be looked into, a name that no disk takes
        raise FileMissing(
            f"{cwd / (path or '')} cannot be looked at: {error.strerror}.",
            hint="Name a folder that you may read, or get the right to.",
        ) from error
    settings = _read(file) if file is not None else {}
    lay_over(settings, options, cwd, folder)
    _set_values(settings.setdefault(REST, {}), options)
    top = settings.get("", {})
    _check_account(top.get("account", ""), typed=options.account is not None, file=file)
    campaign = Campaign(
        name=top.get("name") or "",
        folder=folder,
        file=file,
        account_typed=bool(options.account),
        recipients=RecipientSettings(**settings.get("recipients", {})),
        message=MessageSettings(**settings.get("message", {})),
        sending=SendingSettings(**settings.get("sending", {})),
        values=settings[REST],
        **{
            name: top[name] for name in ("account", "run", "unfinished", "results", "timezone") if name in top
        },
    )
    if complete:
        _check_complete(campaign)
    return campaign if campaign.name else replace(campaign, name=_default_name(campaign))


def _find(path: Path | None, options: CampaignOptions, cwd: Path) -> tuple[Path, Path | None]:
    """The campaign's folder and file; no file where options alone are enough."""
    place = cwd / path if path is not None else cwd
    if place.is_file():
        _refuse_other_files(place)
        return place.parent.resolve(), place.parent.resolve() / place.name
    file = place / CAMPAIGN_FILE
    if file.exists():
        return place.resolve(), place.resolve() / CAMPAIGN_FILE
    if place.is_dir() and options.recipients and options.message:
        return place.resolve(), None
    if place.is_dir():
        raise FileMissing(
            f"There is no campaign.toml in {place}.",
            hint=f"Name the campaign's folder, make one with `mailmerge init`, or give --recipients and --message{_older(place, cwd)}.",
        )
    raise FileMissing(
        f"{place} does not exist.", hint="Name a folder that holds campaign.toml, or such a file."
    )


def _older(folder: Path, cwd: Path) -> str:
    """The options for the files of the older mailmerge (awdeorio/mailmerge), if they lie there under the names that it gave them."""
    if folder != cwd or not all((folder / name).is_file() for name in _OLDER):
        return ""
    return ": -m {} -r {}".format(*_OLDER)


def _refuse_other_files(place: Path) -> None:
    """A list or a message where a campaign is meant."""
    what = _OTHERS.get(place.suffix.lower())
    if what is not None:
        file = f'"{place.name}"' if " " in place.name else place.name
        typed = f"-r FILE -m {file}" if what == "a message" else f"-r {file} -m MESSAGE"
        raise ConfigFault(
            f"{place} is {what}, not a campaign.",
            hint=f"Use {typed}, or make a campaign with `mailmerge init`.",
        )


def _default_name(campaign: Campaign) -> str:
    if campaign.file is None:
        return Path(campaign.message.file).stem
    return campaign.folder.name if campaign.file.name == CAMPAIGN_FILE else campaign.file.stem


def _read(file: Path) -> Settings:
    """All tables of the file; ConfigFault with every fault that it has."""
    document = read_toml(file)
    problems: list[Problem] = []
    settings: Settings = {"": {}}
    for name, value in document.items():
        if name in _TABLES and isinstance(value, dict):
            settings[name] = _values(value, problems) if name == REST else _table(name, value, problems)
        elif name in _TABLES:
            text = (
                f"this is a table: write [{name}] on a line of its own and its keys below it, not {name} = …"
            )
            problems.append(_problem(f"[{name}]", text))
        else:
            _key("", name, value, settings[""], problems)
    if problems:
        raise _told_together(file, problems)
    return settings


def _told_together(file: Path, problems: list[Problem]) -> ConfigFault:
    """One error for all faults of a file; a single fault is its own sentence."""
    if len(problems) == 1:
        only = problems[0]
        return ConfigFault(
            f"{file}: {only.column}: {only.message}" if only.column else f"{file}: {only.message}"
        )
    return ConfigFault(f"{file} has {len(problems)} faults.", problems=tuple(problems))


def _table(table: str, content: dict[str, Any], problems: list[Problem]) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for name, value in content.items():
        _key(table, name, value, read, problems)
    return read


def _key(table: str, name: str, value: object, into: dict[str, Any], problems: list[Problem]) -> None:
    """Read one key into its table, or tell what is wrong with it."""
    key = _KEYS.get((table, name))
    if key is None:
        problems.append(_problem(f"[{table}] {name}" if table else name, _unknown(table, name, value)))
        return
    try:
        into[key.attribute] = key.kind.read(value)
    except ValueError as error:
        problems.append(_problem(key.place, str(error)))


def _problem(place: str, text: str) -> Problem:
    return Problem(None, place, "config", sentence(text))


def _unknown(table: str, name: str, value: object) -> str:
    """What to say of a key that nobody knows: a slip of the pen, another table's key, or a secret."""
    if isinstance(value, dict) and not table:
        return f"there is no table of this name{did_you_mean(name, _TABLES)}"
    if name.lower() in SECRET_WORDS:
        return "a secret does not belong in this file; type: mailmerge account login NAME"
    elsewhere = [key for key in CAMPAIGN_KEYS if key.name == name]
    if elsewhere:
        return f"this key does not belong {f'in [{table}]' if table else 'at the top'}{_there(elsewhere[0])}"
    near = did_you_mean(name, (key.name for key in CAMPAIGN_KEYS if key.table == table))
    return f"there is no such key {'here' if table else 'at the top of the file'}{near}"


def _there(key: Key) -> str:
    return f"; write it under [{key.table}]" if key.table else "; write it above the first [table]"


def _values(content: dict[str, Any], problems: list[Problem]) -> dict[str, Any]:
    for name, value in content.items():
        wrong = _wrong_name(name)
        if not wrong and not isinstance(value, (str, int, float)):
            wrong = f"a text, a number, true or false is expected here, not {found(value)}"
        if wrong:
            problems.append(_problem(f"[{REST}] {name}", wrong))
    return content


def _wrong_name(name: str) -> str:
    """What speaks against a value of this name; nothing if all is well."""
    if not name.isidentifier():
        return "a name of letters, digits and _ is expected, so that templates can use it"
    if name in RESERVED_NAMES:
        return "templates have this name already; take another one"
    return ""


def _set_values(values: dict[str, Any], options: CampaignOptions) -> None:
    """`--set NAME=VALUE`: VALUE is a text, whatever it looks like."""
    for typed in options.set_:
        name, equals, value = typed.partition("=")
        name = name.strip()
        wrong = _wrong_name(name) if equals else "NAME=VALUE is expected"
        if wrong:
            raise UsageFault(f"--set {name}: {wrong}.")
        values[name] = value


def _check_account(account: str, *, typed: bool, file: Path | None) -> None:
    """A URL with a password goes no further than here."""
    if is_url(account) and has_password(account):
        text = "a password does not belong in an account's URL"
        if typed:
            raise UsageFault(
                f"--account: {text}.", hint="Leave it out; you are asked for it, or use --password-stdin."
            )
        raise ConfigFault(f"{file}: account: {text}.", hint="Take it out; type: mailmerge account add")


def _check_complete(campaign: Campaign) -> None:
    where = campaign.file or campaign.folder
    for table, option, what, value in (
        ("recipients", "--recipients", "list of recipients", campaign.recipients.file),
        ("message", "--message", "message", campaign.message.file),
    ):
        if not value:
            hint = f'Write file = "…" under [{table}], or give {option}.'
            raise ConfigFault(f"{where} names no {what}.", hint=hint)
