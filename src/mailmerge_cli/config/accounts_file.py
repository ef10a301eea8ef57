"""accounts.toml: one table an account, no secrets; read strictly, written by atomic replacement, 0600 in a folder 0700."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

from mailmerge_cli.config.account_table import account_of_table, check_name, table_of_account, variable_part
from mailmerge_cli.config.account_url import account_of_url, is_url
from mailmerge_cli.config.nearest import did_you_mean, sentence
from mailmerge_cli.config.places import accounts_path
from mailmerge_cli.config.toml_file import decoded, parse_toml
from mailmerge_cli.config.toml_text import table_text, with_table
from mailmerge_cli.errors import ConfigFault, FileMissing, Problem
from mailmerge_cli.model.account import Account

_HEAD = "# Sending accounts of mailmerge, one table a name. No secrets: they are in the keyring.\n\n"


def load_accounts(environ: Mapping[str, str] = os.environ) -> dict[str, Account]:
    """All accounts by name; empty if there is no file yet.

    Raises:
        ConfigFault: the file is wrong, or others may write to it (it can name commands that run as you).
        FileMissing: it cannot be read.
    """
    path = accounts_path(environ)
    text = _read(path)
    return {} if text is None else _parse(text, path)


def find_account(
    name_or_url: str, typed: bool, *, folder: Path | None = None, environ: Mapping[str, str] = os.environ
) -> Account:
    """The account of that name, or that the URL describes.

    Args:
        name_or_url: what was typed or stands in campaign.toml.
        typed: it was typed on the command line.
        folder: what `outbox:DIR` is relative to: the campaign's folder for its own file, else the current one.
        environ: the environment, for the place of accounts.toml.

    Raises:
        ConfigFault: there is no such account, or the URL makes no sense.
    """
    if is_url(name_or_url):
        return account_of_url(name_or_url, typed=typed, folder=folder or Path.cwd())
    accounts = load_accounts(environ)
    if name_or_url in accounts:
        return accounts[name_or_url]
    known = f"Known: {', '.join(sorted(accounts))}. " if accounts else ""
    if not name_or_url:
        hint = f'{known}Write account = "NAME" in campaign.toml or use --account; `mailmerge account add` makes one.'
        raise ConfigFault("No account is named, so there is nothing to send with.", hint=hint)
    if "@" in name_or_url and not known:
        hint = f"Type: mailmerge account add NAME {name_or_url}"
    else:
        hint = f"{known}Type: mailmerge account add {name_or_url if is_name(name_or_url) else 'NAME'}"
    if not accounts:
        hint += ". If you have made it: HOME or MAILMERGE_HOME is another one here (cron, sudo)."
    raise ConfigFault(
        sentence(
            f'There is no account "{name_or_url}" in {accounts_path(environ)}{did_you_mean(name_or_url, accounts)}'
        ),
        hint=hint,
    )


def is_name(text: str) -> bool:
    """Whether an account could be called so."""
    try:
        check_name(text)
    except ConfigFault:
        return False
    return True


def save_account(account: Account, environ: Mapping[str, str] = os.environ) -> None:
    """Write one account, new or changed; the rest of the file stays as it is."""
    check_name(account.name)
    _change(environ, account.name, table_text(account.name, table_of_account(account)))


def remove_account(name: str, environ: Mapping[str, str] = os.environ) -> None:
    """Take one account out; ConfigFault if there is none of that name."""
    find_account(name, typed=False, environ=environ)
    _change(environ, name, "")


def _change(environ: Mapping[str, str], name: str, table: str) -> None:
    """Put a table into the file, or take it out; what was written is read again before it takes the old one's place."""
    from filelock import FileLock, Timeout

    path = Path(os.path.realpath(accounts_path(environ)))  # a link to a file elsewhere stays a link
    _make_folder(path.parent)
    try:
        with FileLock(path.with_name(".accounts.lock"), timeout=10):
            text = _read(path) or _HEAD
            tables = parse_toml(text, path)
            tables.pop(name, None)
            changed = with_table(text, name, table)
            after = _tables_or_none(changed, path)
            wanted = {**tables, **parse_toml(table, path)}
            if after != wanted:  # a header hid inside a text of several lines, or the table was an inline one
                raise ConfigFault(
                    f"{path}: [{name}] is written in a way that cannot be changed here; edit the file."
                )
            _parse(changed, path)
            _replace(path, changed)
    except Timeout:
        raise ConfigFault(f"{path} is being changed by another process.", hint="Try again.") from None
    except UnicodeEncodeError:
        raise ConfigFault(f'The account "{name}" holds characters that are no text.') from None
    except OSError as error:
        raise ConfigFault(f"{path} cannot be written: {error.strerror or type(error).__name__}.") from None


def _tables_or_none(text: str, path: Path) -> dict[str, object] | None:
    try:
        return parse_toml(text, path)
    except ConfigFault:
        return None


def _parse(text: str, path: Path) -> dict[str, Account]:
    """All accounts of a text, or one error with all its faults."""
    accounts: dict[str, Account] = {}
    problems: list[Problem] = []
    for name, table in parse_toml(text, path).items():
        try:
            accounts[name] = account_of_table(name, table, path.parent)
        except ConfigFault as fault:
            problems.extend(fault.problems or (Problem(None, f"[{name}]", "config", fault.message),))
    if not problems:
        problems = _same_variables(accounts)
    if len(problems) == 1:
        raise ConfigFault(f"{path}: {problems[0].column}: {problems[0].message}")
    if problems:
        raise ConfigFault(f"{path} has {len(problems)} faults.", problems=tuple(problems))
    return accounts


def _same_variables(accounts: Mapping[str, Account]) -> list[Problem]:
    """Two names that share one environment variable would share a secret: `hr-1` and `hr_1`."""
    seen: dict[str, str] = {}
    problems = []
    for name in accounts:
        first = seen.setdefault(variable_part(name), name)
        if first != name:
            text = f'"{first}" and "{name}" would share MAILMERGE_PASSWORD_{variable_part(name)}; rename one.'
            problems.append(Problem(None, f"[{name}]", "config", text))
    return problems


def _read(path: Path) -> str | None:
    """The file's text; None if there is no file. Refuses a file that others may write to."""
    try:
        status = path.stat()
        _refuse_open(path, status)
        _refuse_open(path.parent, path.parent.stat())
        if not stat.S_ISREG(status.st_mode):
            raise FileMissing(f"{path} is not a file.")
        return decoded(path.read_bytes(), path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileMissing(f"{path} cannot be read: {error.strerror or type(error).__name__}.") from None


def _refuse_open(path: Path, status: os.stat_result) -> None:
    """Nobody but this user and root may change what a password command is."""
    if sys.platform == "win32":  # modes say nothing there; the profile's folder is the user's own
        return
    mode = stat.S_IMODE(status.st_mode)
    sticky_folder = stat.S_ISDIR(status.st_mode) and mode & stat.S_ISVTX  # others cannot replace a file there
    if mode & 0o022 and not sticky_folder:
        right = "700" if stat.S_ISDIR(status.st_mode) else "600"
        text = f"{path} can be written by others (mode {mode:04o}), so it cannot be trusted."
        raise ConfigFault(text, hint=f"Type: chmod {right} {path}")
    if status.st_uid not in (0, os.geteuid()):
        raise ConfigFault(
            f"{path} belongs to another user, so it cannot be trusted.",
            hint=f"Type: chown {os.geteuid()} {path}",
        )


def _make_folder(folder: Path) -> None:
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)


def _replace(path: Path, text: str) -> None:
    """Write beside and rename, so that no reader ever sees half a file."""
    from tempfile import mkstemp  # makes the file 0600, whatever the umask

    number, beside = mkstemp(prefix=".accounts-", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if sys.platform != "win32":  # a folder cannot be opened there
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
