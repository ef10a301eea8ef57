"""One table of accounts.toml as an `Account`, and back: `account_of_table(name, table_of_account(a)) == a`."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from mailmerge_cli.config.account_url import is_loopback
from mailmerge_cli.config.keys import ACCOUNT_KEYS, SECRET_WORDS
from mailmerge_cli.config.nearest import did_you_mean, sentence
from mailmerge_cli.config.providers import PROVIDERS, provider_named
from mailmerge_cli.config.toml_text import Value
from mailmerge_cli.errors import ConfigFault, Problem
from mailmerge_cli.model.account import Account, Auth, Security

_NAME = re.compile(r"\w[\w.-]{0,63}")
_KEYS = {key.name: key for key in ACCOUNT_KEYS}
_PORTS = {Security.TLS: 465, Security.STARTTLS: 587, Security.NONE: 25}
_SPOKEN = ("provider", "host", "port", "security", "user", "sender")
"""Written even where a preset says the same, so that a person sees where the mail goes."""


def check_name(name: str) -> None:
    """ConfigFault unless an account may be called so: its name is a file's, a variable's and a keyring's too."""
    if not _NAME.fullmatch(name):
        text = f'"{name}" cannot be an account\'s name; take letters, digits, "_", "-" and ".", at most 64.'
        raise ConfigFault(text if ":" not in name else "An account's name holds no colon.")
    part = variable_part(name)
    if part == "FILE" or part.endswith("_FILE"):
        text = f'"{name}" cannot be an account\'s name: MAILMERGE_PASSWORD_{part} would mean two things.'
        raise ConfigFault(text)


def variable_part(name: str) -> str:
    """How the name stands in an environment variable: upper case, other characters as `_`."""
    return re.sub(r"\W", "_", name.upper())


def account_of_table(name: str, table: object, folder: Path) -> Account:
    """The account that a table describes; what it leaves out comes from its provider.

    Args:
        name: the table's name.
        table: its keys.
        folder: what its paths are relative to.

    Raises:
        ConfigFault: with a problem for each fault.
    """
    check_name(name)
    if not isinstance(table, dict):
        raise ConfigFault(f'"{name}" does not stand in a table; write [NAME] above the keys of an account.')
    given, problems = _read(name, table)
    if not problems:
        account = complete_account(name, given, folder)
        problems = [Problem(None, f"[{name}]", "config", text) for text in account_faults(account)]
    if problems:
        raise ConfigFault(problems[0].message, problems=tuple(problems))
    return account


def complete_account(name: str, given: dict[str, Any], folder: Path) -> Account:
    """What was said, and what its provider and the defaults add. `given` has the attributes of `Account`."""
    said = dict(given)
    for key in ("ca_file", "folder"):
        if said.get(key):
            said[key] = folder / Path(said[key]).expanduser()
        else:
            said.pop(key, None)
    account = replace(Account(name=name, in_file=True), **{**_preset(said), **said})
    if account.kind == "smtp" and not account.port:
        account = replace(account, port=_PORTS[account.security])
    if account.auth is Auth.AUTO and not account.user:
        account = replace(account, auth=Auth.NONE)
    if not account.sender and "@" in account.user:
        account = replace(account, sender=account.user)
    return account


def account_faults(account: Account) -> list[str]:
    """What speaks against an account as a whole, one sentence each."""
    if account.kind == "outbox":
        return [] if account.folder else ["needs folder, where the .eml files go."]
    if account.kind != "smtp":
        return []
    faults = []
    if not account.host:
        faults.append(f"needs host{_host_hint(account)}.")
    elif not re.fullmatch(r"[^\s/@\[\]]+", account.host):
        faults.append("host is a server's name, without port, user and slashes.")
    if account.security is Security.NONE and not (account.allow_insecure or is_loopback(account.host)):
        faults.append(
            'security = "none" sends mail and password in the clear; use "tls" or "starttls", '
            "or allow_insecure = true if you must."
        )
    if account.auth not in (Auth.NONE, Auth.AUTO) and not account.user:
        faults.append(f'auth = "{account.auth}" needs user.')
    if account.password_command and account.token_command:
        faults.append("has password_command and token_command; one of them is enough.")
    return faults


def table_of_account(account: Account) -> dict[str, Value]:
    """The keys to write: what tells where the mail goes, and what a load would not fill in by itself."""
    given: dict[str, Any] = {key: value for key in _SPOKEN if (value := getattr(account, key))}
    if account.kind != "smtp":
        given = {
            "kind": account.kind,
            **{key: value for key, value in given.items() if key not in ("port", "security")},
        }
    for _ in ACCOUNT_KEYS:  # one key may bring in another's default; each turn settles at least one
        loaded = complete_account(account.name, given, Path())
        missing = [
            key.attribute for key in ACCOUNT_KEYS
            if getattr(loaded, key.attribute) != getattr(account, key.attribute) and key.attribute not in given
        ]  # fmt: skip
        if not missing:
            break
        given.update((attribute, getattr(account, attribute)) for attribute in missing)
    return {key.name: _value(given[key.attribute]) for key in ACCOUNT_KEYS if key.attribute in given}


def _read(name: str, table: dict[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    given: dict[str, Any] = {}
    problems = []
    for word, value in table.items():
        key = _KEYS.get(word)
        try:
            if key is None:
                raise ValueError(_unknown(word))
            given[key.attribute] = key.kind.read(value)
        except ValueError as error:
            problems.append(Problem(None, f"[{name}] {word}", "config", sentence(str(error))))
    provider = given.get("provider")
    if provider and not provider_named(provider):
        near = did_you_mean(provider, (known.name for known in PROVIDERS))
        problems.append(
            Problem(None, f"[{name}] provider", "config", sentence(f'"{provider}" is not known{near}'))
        )
    return given, problems


def _unknown(word: str) -> str:
    if word.lower() in SECRET_WORDS:
        return "a secret does not belong in this file; take it out and type: mailmerge account login NAME"
    return f"there is no such key{did_you_mean(word, _KEYS)}"


def _preset(said: dict[str, Any]) -> dict[str, Any]:
    """What the account's provider adds; its port and protection belong together, so a change of one drops the other."""
    provider = provider_named(said.get("provider", ""))
    if provider is None:
        return {}
    copied = ("host", "port", "security", "auth", "rates", "connections", "max_per_connection", "user")
    preset: dict[str, Any] = {key: getattr(provider, key) for key in copied}
    if said.get("security", provider.security) is not provider.security:
        preset["port"] = 0
    elif "port" in said and "security" not in said:
        preset["security"] = {587: Security.STARTTLS, 465: Security.TLS}.get(said["port"], provider.security)
    if said.get("token_command"):
        preset["auth"] = Auth.XOAUTH2
    return preset


def _host_hint(account: Account) -> str:
    provider = provider_named(account.provider)
    return f", such as {provider.host_hint}" if provider and provider.host_hint else ""


def _value(value: Any) -> Value:
    """An attribute as TOML writes it."""
    if isinstance(value, tuple):
        return tuple(map(str, value))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value if isinstance(value, bool) else str(value or "")
    return int(value) if value == int(value) else value
