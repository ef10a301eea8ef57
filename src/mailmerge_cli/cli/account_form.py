"""A new account from what was typed, what its provider is known for, and what a person answers on a terminal."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mailmerge_cli.config.account_table import account_faults, check_name, complete_account
from mailmerge_cli.config.account_url import account_of_url, is_url
from mailmerge_cli.config.keys import ACCOUNT_KEYS
from mailmerge_cli.config.nearest import did_you_mean, sentence
from mailmerge_cli.config.places import config_folder
from mailmerge_cli.config.providers import PROVIDERS, Provider, provider_for, provider_named
from mailmerge_cli.errors import ConfigFault, Problem, UsageFault
from mailmerge_cli.model.account import Account, Security

if TYPE_CHECKING:
    from mailmerge_cli.cli.screen import Screen

_ARGV = ("password_command", "token_command")
_PATHS = ("ca_file", "folder")
_PORTS = {Security.TLS: 465, Security.STARTTLS: 587, Security.NONE: 25}


def read_options(options: Mapping[str, object]) -> dict[str, Any]:
    """What the options say, by attribute of `Account`; UsageFault names the option that makes no sense."""
    given: dict[str, Any] = {}
    for key in ACCOUNT_KEYS:
        value = options.get(key.name)
        if value is None or value is False:
            continue
        try:
            given[key.attribute] = key.kind.read(_words(key.name, value))
        except ValueError as error:
            raise UsageFault(sentence(f"{key.option}: {error}")) from None
    for name in _PATHS:
        if given.get(name):
            given[name] = str(Path(given[name]).expanduser().absolute())
    return given


def fill_in(name: str | None, address: str | None, given: dict[str, Any], screen: Screen) -> Account:
    """The account, complete and checked.

    Args:
        name: what to call it; an address or URL alone may stand here too.
        address: the sender's address, or a URL with server and user.
        given: what `read_options` made.
        screen: asks for what is missing.

    Raises:
        UsageFault: something is missing and nobody can be asked.
        ConfigFault: what was given does not fit together.
    """
    if name and address is None and ("@" in name or is_url(name)):
        name, address = None, name
    if name:
        check_name(name)
    if address and is_url(address):
        given = {**_of_url(address), **given}
    elif given.get("kind", "smtp") == "smtp":
        _address(address or given.get("sender") or given.get("user") or "", given, screen)
        _server(given, screen)
    name = name or _ask_name(given, screen)
    check_name(name)
    account = complete_account(name, given, config_folder())
    faults = account_faults(account)
    if faults:
        text = f'The account "{name}" {faults[0]}'
        problems = tuple(Problem(None, name, "config", fault) for fault in faults) if len(faults) > 1 else ()
        raise ConfigFault(text, problems=problems)
    return account


def _words(name: str, value: object) -> object:
    """A command is typed as one text; it is taken apart here and run without a shell."""
    if name in _ARGV and isinstance(value, str):
        try:
            return shlex.split(value)
        except ValueError as error:
            raise ValueError(f"the quotes do not match ({error})") from None
    return value


def _of_url(url: str) -> dict[str, Any]:
    """What a URL says about an account that is to get a name."""
    account = account_of_url(url, typed=True, folder=Path.cwd())
    said = ("provider", "host", "port", "security", "user", "sender")
    given = {name: value for name in said if (value := getattr(account, name))}
    if account.kind != "smtp":
        given = {"kind": account.kind, "folder": str(account.folder)}
    return given


def _address(address: str, given: dict[str, Any], screen: Screen) -> None:
    """Sender and login name from the address."""
    if not address and screen.can_ask:
        address = _ask(screen, "Your e-mail address")
    if not address:
        raise UsageFault(
            "The sender's address is missing.",
            hint="Type: mailmerge account add NAME ADDRESS, or give --sender.",
        )
    plain = address.rpartition("<")[2].rstrip("> ")
    if plain.count("@") != 1 or any(char.isspace() for char in plain):
        raise UsageFault(
            f'"{address}" is not an e-mail address.', hint="Type: mailmerge account add NAME ADDRESS"
        )
    given.setdefault("sender", address)
    _provider(plain, given, screen)
    preset = provider_named(given.get("provider", ""))
    if not (preset and preset.user):
        given.setdefault("user", plain)


def _provider(address: str, given: dict[str, Any], screen: Screen) -> None:
    """The preset: the one that was named, or the address's own; a company's domain is asked for."""
    named = given.get("provider")
    if named:
        if not provider_named(named):
            near = did_you_mean(named, (known.name for known in PROVIDERS))
            hint = f"Known: {', '.join(known.name for known in PROVIDERS)}."
            raise UsageFault(sentence(f'There is no provider "{named}"{near}'), hint=hint)
        return
    if given.get("host"):
        return
    preset = provider_for(address)
    if preset is None and screen.can_ask:
        preset = _ask_provider(screen)
    if preset is not None:
        given["provider"] = preset.name


def _ask_provider(screen: Screen) -> Provider | None:
    told = ", ".join(known.name for known in PROVIDERS)
    while answer := _ask(
        screen, f"Who runs this mailbox? One of: {told}; empty for another server\nProvider"
    ):
        preset = provider_named(answer)
        if preset:
            return preset
        screen.say(
            sentence(f'"{answer}" is not known{did_you_mean(answer, (known.name for known in PROVIDERS))}')
        )
    return None


def _server(given: dict[str, Any], screen: Screen) -> None:
    """Host, protection and port, as far as no preset has them."""
    preset = provider_named(given.get("provider", ""))
    if given.get("host") or (preset and preset.host):
        return
    if not screen.can_ask:
        what = f"The server of {preset.title}" if preset else "Who runs this mailbox"
        names = f"--host {preset.host_hint}" if preset else "--provider NAME or --host SERVER"
        raise UsageFault(f"{what} cannot be told from the address.", hint=f"Give {names}.")
    given["host"] = _ask(screen, "Mail server", preset.host_hint if preset else "")
    if preset is None and "security" not in given and "port" not in given:
        word = _ask(screen, "Protection (tls or starttls)", "tls").lower()
        given["security"] = Security.STARTTLS if word == "starttls" else Security.TLS
        port = _ask(screen, "Port", str(_PORTS[given["security"]]))
        given["port"] = int(port) if port.isascii() and port.isdecimal() and 0 < int(port[:6]) < 65536 else 0


def _ask_name(given: Mapping[str, Any], screen: Screen) -> str:
    if not screen.can_ask:
        raise UsageFault("The account's name is missing.", hint="Type: mailmerge account add NAME ADDRESS")
    local = str(given.get("user") or given.get("kind") or "main").partition("@")[0]
    return _ask(
        screen,
        "A short name for this account",
        "".join(c if c.isalnum() or c in "_-" else "-" for c in local),
    )


def _ask(screen: Screen, text: str, default: str = "") -> str:
    """A line; the default for an empty one."""
    answer = screen.ask(f"{text} [{default}]: " if default else f"{text}: ")
    if answer is None:
        raise UsageFault("The input ended before all screen were answered; nothing was changed.")
    return answer or default
