"""Writes the tables of reference.md from the program itself: what stands between two markers is made here, the rest is prose.

Run it as `python docs/make_reference.py`. With `--check` it writes nothing and says whether anything would change.
"""

# ruff: noqa: INP001  a script, not a package

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_type_hints

from typer.main import get_command

from mailmerge_cli.cli.main import COMMANDS, build_app
from mailmerge_cli.cli.options import Everywhere, Inputs, InputsOnKeys, OnKeys, Where
from mailmerge_cli.config.keys import ACCOUNT_KEYS, CAMPAIGN_KEYS, Key
from mailmerge_cli.config.providers import PROVIDERS, Provider
from mailmerge_cli.errors import ExitCode
from mailmerge_cli.model.delivery import Counts, State
from mailmerge_cli.report.lines import ATTEMPT_COLUMNS, LOG_COLUMNS
from mailmerge_cli.report.summary import Summary

REFERENCE = Path(__file__).with_name("reference.md")
PROGRAM = "mailmerge"

GROUPS = (
    (Inputs, "[the options of a campaign](#options-of-a-campaign)"),
    (InputsOnKeys, "[the options of a campaign](#options-of-a-campaign)"),
    (Where, "[which run is meant](#which-run-is-meant)"),
    (OnKeys, "[which run is meant](#which-run-is-meant)"),
    (Everywhere, "[options of every command](#options-of-every-command)"),
)
"""Options that several commands share are told once; a command that has all of a group refers to it."""

CODES: dict[ExitCode, tuple[str, str]] = {
    ExitCode.OK: ("All that was due is sent, or knowingly skipped.", "Nothing."),
    ExitCode.SOME_FAILED: (
        "The run ended; some rows failed for good or were invalid.",
        "`mailmerge log --state failed --state invalid`, mend, then `send --retry-failed` or `--accept-changes`.",
    ),
    ExitCode.USAGE: (
        "The command line is wrong; or a question could not be asked: no terminal and no `--yes`.",
        "Read the sentence; type it again.",
    ),
    ExitCode.IN_DOUBT: ("The run ended; some deliveries are in doubt.", "`mailmerge resolve`."),
    ExitCode.REFUSED: (
        "Refused before anything was sent: bad rows, template, attachments, changed inputs, another unfinished run.",
        "Mend it, or say what you mean (`--accept-new`, `--accept-changes`, `--new-run`).",
    ),
    ExitCode.FILE_MISSING: (
        "A file that was named does not exist or cannot be read.",
        "Look at the name and its rights.",
    ),
    ExitCode.UNREACHABLE: ("The server cannot be reached or used; nothing was begun.", "Run it again later."),
    ExitCode.BUG: ("A bug in mailmerge.", "Run it again with `--debug` and report what it shows."),
    ExitCode.LEDGER: (
        "The ledger or the result log cannot be read or written; the disk is full; standard output cannot be written, or is closed though `--json` asks for it; the ledger is missing or a copy.",
        "Mend that; the same command goes on.",
    ),
    ExitCode.STOPPED: (
        "Stopped early, rows are left; `reason` says why.",
        "Run the same command again, at `resume_at` if there is one.",
    ),
    ExitCode.CREDENTIALS: (
        "Credentials are missing or were refused; all rows stay pending.",
        "`mailmerge account login NAME`.",
    ),
    ExitCode.CONFIG: (
        "campaign.toml, accounts.toml, an unknown account, TLS, a sender that the server does not take from this login.",
        "Mend the setting; `mailmerge account test NAME` tries it.",
    ),
    ExitCode.INTERRUPTED: (
        "Interrupted (Ctrl-C), or answered with `q`; what was in flight was settled first.",
        "Run the same command again.",
    ),
    ExitCode.TERMINATED: (
        "Ended by SIGTERM; what was in flight was settled first.",
        "Run the same command again.",
    ),
}

STATES: dict[State, str] = {
    State.PENDING: "Entered, not tried yet; or taken back to be tried.",
    State.SENDING: "Only inside the ledger: the intent is on disk, the outcome is not. Shown as `in_doubt` once its sender is gone, as `pending` while it works.",
    State.SENT: "The server took it (its reply to the end of data was 2xx).",
    State.DEFERRED: "The server said “not now” (4xx); it is tried again.",
    State.FAILED: "Refused for good (5xx), or given up after too many attempts or too long.",
    State.IN_DOUBT: "The content left, the answer never came. Nobody but you decides.",
    State.INVALID: "The row cannot be sent as it is, and the campaign sends the others.",
    State.SKIPPED: "Knowingly left out: excluded, without address, cancelled, or gone from the list.",
}

COLUMNS: dict[str, str] = {
    "run": "The run's label.",
    "row": "The line that you see in the sheet.",
    "key": "What names the person in this campaign.",
    "address": "Where the mail went, or would go.",
    "state": "See [states](#states).",
    "attempts": "How often it was tried.",
    "first_attempt": "When it was first tried: ISO 8601 with offset.",
    "last_attempt": "When it was last tried.",
    "attempt": "The attempt's number.",
    "started": "When the intent was written down.",
    "ended": "When the outcome was written down; empty if it never was.",
    "verdict": "What came of it: accepted, deferred, refused, released (nothing had left), unknown.",
    "code": "The server's reply code, such as 250 or 550.",
    "enhanced_code": "Its enhanced code, such as 5.1.1 (RFC 3463).",
    "reply": "The text of the reply, in one line.",
    "message_id": "The mail's Message-ID; the same in all attempts of one intent.",
    "remote_id": "What the server calls the mail, where it says so.",
    "account": "The account that it went through.",
    "reason": "Why, where no server said anything: excluded, given up, invalid …",
}

OBJECT: dict[str, str] = {
    "schema": "1. Keys are only ever added.",
    "campaign": "Its name.",
    "run": "Its label; null when no run was reached.",
    "outcome": "`complete` (nothing is left to send: with `exit_code` 0 all went well; with 1 some failed or are invalid, with 3 some are in doubt), `incomplete` (the same command goes on), `refused` (nothing was sent), `interrupted`.",
    "reason": "null, or why it did not simply end well; see below.",
    "resume_at": "When the same command can go on; null if at once, or never.",
    "exit_code": "The same as the process's.",
    "counts": "Mails by state, and `rows`, their sum.",
    "sent_now": "Mails that were accepted during this call.",
    "problems": "At most 1000 of `{row, column, kind, message}`; `row` and `column` may be null.",
    "problems_total": "How many there are.",
    "started": "When this call began: ISO 8601 with offset.",
    "finished": "When it ended.",
    "elapsed_seconds": "The time between.",
    "results": "The result log's path, or null.",
    "ledger": "The ledger's path, or null.",
    "columns": "`check` alone (and `preview`): `{title, name, letter, role, why, example}` of each column of the list; examples are masked unless a terminal shows them.",
}

VARIABLES: dict[str, str] = {
    "MAILMERGE_HOME": "One folder for accounts.toml, quotas, and ledgers without a campaign file, in place of the platform's folders.",
    "MAILMERGE_PASSWORD_<NAME>": "The secret of the account NAME (upper case; other characters than letters and digits as `_`).",
    "MAILMERGE_PASSWORD_<NAME>_FILE": "A file that holds it in its first line.",
    "MAILMERGE_PASSWORD": "The secret of whichever account is used.",
    "MAILMERGE_PASSWORD_FILE": "A file that holds it in its first line.",
    "MAILMERGE_LIST_PASSWORD": "The password of an encrypted workbook.",
    "MAILMERGE_LIST_PASSWORD_FILE": "A file that holds it in its first line.",
    "CREDENTIALS_DIRECTORY": "Set by systemd; a file named like the account holds its secret, `list-password` that of an encrypted workbook.",
    "SSL_CERT_FILE": "Certificate authorities (PEM) to trust beside the system's; `ca_file` says it for one account.",
    "PYTHON_KEYRING_BACKEND": "Which keyring is used; see the keyring library.",
    "NO_COLOR": "Set to anything: no colour, no progress bar.",
    "TERM": "`dumb` or empty: plain lines.",
    "COLUMNS": "How wide the screen is.",
}


def commands() -> Iterator[tuple[str, Any]]:
    """Every command of the live program with its full name, groups opened: `account add`."""
    root = get_command(build_app())
    for name in COMMANDS:
        yield from _opened(name, root.commands[name])  # type: ignore[attr-defined]


def _opened(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    if hasattr(command, "commands"):
        for below, each in command.commands.items():
            yield from _opened(f"{name} {below}", each)
    else:
        yield name, command


def options_of(group: type) -> dict[str, Any]:
    """The options of a shared group by the field's name: typer's description of each."""
    hints = get_type_hints(group, include_extras=True)
    return {field.name: hints[field.name].__metadata__[0] for field in fields(group)}


def options() -> Iterator[tuple[str, Any]]:
    """Every option and argument of every command."""
    for name, command in commands():
        for param in command.params:
            yield name, param


def _commands() -> str:
    return "\n".join(line for name, command in commands() for line in _command(name, command))


def _command(name: str, command: Any) -> list[str]:
    own, groups = _own(command.params)
    words = [_word(param) for param in command.params if param.param_type_name == "argument"]
    text = COMMANDS.get(name) or str(command.help)
    lines = [
        f"### {name}",
        "",
        f"`{' '.join((PROGRAM, name, *words, '…'))}`",
        "",
        text.strip().splitlines()[0],
        "",
    ]
    if own:
        lines += _table(("option", "value", "meaning"), [_option(param) for param in own])
    return [*lines, f"Also: {', '.join(groups)}.", ""]


def _own(params: Sequence[Any]) -> tuple[list[Any], list[str]]:
    """What a command has for itself, and where the rest is told."""
    left = {param.name: param for param in params}
    told: list[str] = []
    for group, link in GROUPS:
        names = options_of(group)
        if link not in told and set(names) <= set(left):
            left = {name: param for name, param in left.items() if name not in names}
            told.append(link)
    return list(left.values()), told


def _word(param: Any) -> str:
    word = (param.metavar or param.name).upper().strip("[]")
    return word if param.required else f"[{word}]" if not word.startswith("[") else word


def _option(param: Any) -> tuple[str, str, str]:
    if param.param_type_name == "argument":
        return f"`{_word(param)}`", "", param.help or ""
    names = ", ".join(f"`{word}`" for word in sorted(param.opts, key=len, reverse=True))
    return names, _value(param), _sentence(param.help)


def _value(param: Any) -> str:
    if param.is_flag:
        return ""
    words = {
        "str": "text",
        "path": "path",
        "int": "number",
        "int range": "number",
        "integer": "number",
        "text": "text",
    }
    told = param.metavar or words.get(param.type.name, param.type.name)
    default = (
        ""
        if param.default in (None, "", Path()) or callable(param.default)
        else f"; default `{param.default}`"
    )
    return told.replace("|", " / ") + default


def _sentence(text: str | None) -> str:
    return (text or "").replace("|", "\\|")


def _group(group: type) -> str:
    """The table of a shared group, read from a command that has it."""
    names = options_of(group)
    for _, command in commands():
        params = {param.name: param for param in command.params}
        if set(names) <= set(params):
            rows = [_option(params[name]) for name in names]
            return "\n".join(_table(("option", "value", "meaning"), rows))
    raise LookupError(group.__name__)


def _keys(keys: Iterable[Key]) -> str:
    rows = []
    for key in keys:
        option = f"`{key.option}`" if key.option else ""
        rows.append((f"`{key.place}`", key.kind.name, key.default, option, _sentence(key.meaning)))
    return "\n".join(_table(("key", "value", "default", "option", "meaning"), rows))


def _providers() -> str:
    rows = [_provider(provider) for provider in PROVIDERS]
    return "\n".join(
        _table(("name", "who", "server", "limits that hold by default", "the secret is called"), rows)
    )


def _provider(provider: Provider) -> tuple[str, ...]:
    host = provider.host or provider.host_hint
    server = f"`{host}:{provider.port}` {provider.security}"
    return f"`{provider.name}`", provider.title, server, " and ".join(map(str, provider.rates)), provider.word


def _codes() -> str:
    return "\n".join(
        _table(("code", "when", "what to do"), [(f"`{int(code)}`", *CODES[code]) for code in ExitCode])
    )


def _states() -> str:
    return "\n".join(_table(("state", "meaning"), [(f"`{state}`", STATES[state]) for state in State]))


def _columns(names: Iterable[str]) -> str:
    return "\n".join(_table(("column", "meaning"), [(f"`{name}`", COLUMNS[name]) for name in names]))


def _object() -> str:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    sample = Summary("name", "run", ExitCode.OK, Counts(), now, now).as_json()
    return "\n".join(_table(("key", "meaning"), [(f"`{key}`", OBJECT[key]) for key in (*sample, "columns")]))


def _variables() -> str:
    return "\n".join(
        _table(("variable", "meaning"), [(f"`{name}`", text) for name, text in VARIABLES.items()])
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]


def tables() -> dict[str, str]:
    """What stands between the markers, by the marker's name."""
    return {
        "commands": _commands(),
        "inputs": _group(Inputs),
        "where": _group(Where),
        "everywhere": _group(Everywhere),
        "campaign-keys": _keys(CAMPAIGN_KEYS),
        "account-keys": _keys(ACCOUNT_KEYS),
        "providers": _providers(),
        "exit-codes": _codes(),
        "states": _states(),
        "log-columns": _columns(LOG_COLUMNS),
        "attempt-columns": _columns(ATTEMPT_COLUMNS),
        "json": _object(),
        "variables": _variables(),
    }


def made(text: str) -> str:
    """The page with all its tables as the program has them now."""
    for name, table in tables().items():
        pattern = re.compile(rf"(<!-- begin: {name} -->\n).*?(<!-- end: {name} -->)", re.DOTALL)
        text, count = pattern.subn(lambda found, table=table: found[1] + table + "\n" + found[2], text)
        if count != 1:
            raise LookupError(f"{REFERENCE.name}: the markers of {name} stand there {count} times")
    return text


def main(argv: Sequence[str] | None = None) -> int:
    """Write reference.md anew, or with `--check` say whether that would change it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 if something would change"
    )
    check = parser.parse_args(argv).check
    old = REFERENCE.read_text(encoding="utf-8")
    new = made(old)
    if check:
        return int(new != old)
    if new != old:
        REFERENCE.write_text(new, encoding="utf-8")
        sys.stdout.write(f"{REFERENCE.name} is written anew\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
