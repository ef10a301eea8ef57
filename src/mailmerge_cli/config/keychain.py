"""The OS keyring: an entry an account, bound to its server; it never hangs a run and never takes plain text.

Rule 1: an entry is JSON with the server that it was made for; for another server it is refused.
Rule 2: every call has a time-out, because a locked keyring waits for a person (in cron: for ever).
Rule 3: a back end that keeps plain text (keyrings.alt) is as good as none.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from mailmerge_cli.config.providers import secret_word
from mailmerge_cli.errors import CredentialsFault
from mailmerge_cli.model.account import Account
from mailmerge_cli.secret import Secret

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "mailmerge-cli"
TIMEOUT = 5.0
"""Seconds for one call."""

_Result = TypeVar("_Result")


class NoKeyring(Exception):
    """The keyring cannot serve; its text is a sentence with the back end's name and the reason.

    `absent`: there is none on this machine, so nothing can be kept in it either.
    """

    def __init__(self, text: str, *, absent: bool = False) -> None:
        super().__init__(text)
        self.absent = absent


def keep_secret(account: Account, secret: Secret) -> str:
    """Keep the account's secret in the OS keyring, bound to its server; returns the back end's name.

    Raises:
        CredentialsFault: there is no keyring, it is locked, or it would keep plain text.
    """
    entry = json.dumps({"server": account.server, "secret": secret.reveal()}, ensure_ascii=False)

    def keep() -> str:
        ring = _ring()
        ring.set_password(SERVICE, account.name, entry)
        return _name(ring)

    try:
        return timed(keep)
    except NoKeyring as reason:
        raise CredentialsFault(
            f'The {secret_word(account)} of "{account.name}" was not kept: {reason}', hint=other_ways(account)
        ) from None


def forget_secret(account: Account) -> bool:
    """Take the account's entry out of the keyring; whether there was one. No keyring: there was none."""

    def forget() -> bool:
        ring = _ring()
        if ring.get_password(SERVICE, account.name) is None:
            return False
        ring.delete_password(SERVICE, account.name)
        return True

    try:
        return timed(forget)
    except NoKeyring:
        return False


def kept_secret(account: Account) -> Secret | None:
    """The account's secret; None if there is no entry.

    Raises:
        NoKeyring: there is no keyring, it does not answer, or the entry is for another server.
    """
    entry = timed(lambda: _ring().get_password(SERVICE, account.name))
    return None if entry is None else _bound(entry, account)


def entry_of(user: str) -> str | None:
    """The text of an entry that is no account's, such as a list's password; None if there is none.

    Raises:
        NoKeyring: there is no keyring, or it does not answer.
    """
    return timed(lambda: _ring().get_password(SERVICE, user))


def other_ways(account: Account) -> str:
    """How to give a secret without a keyring; the best for a server without anybody at it first."""
    from mailmerge_cli.config.account_table import variable_part

    if account.in_file:
        part = variable_part(account.name)
        ways = [
            f"a file that only you may read, named by MAILMERGE_PASSWORD_{part}_FILE",
            f"$CREDENTIALS_DIRECTORY/{account.name} (systemd: LoadCredential=)",
            "password_command in accounts.toml",
            f"the variable MAILMERGE_PASSWORD_{part}",
            "--password-stdin",
        ]
    elif account.typed:
        ways = [
            "a file that only you may read, named by MAILMERGE_PASSWORD_FILE",
            "the variable MAILMERGE_PASSWORD",
            "--password-stdin",
        ]
    else:
        return (
            "A URL in campaign.toml gets no password from standard input or variables, so that nobody else's file can "
            "send yours elsewhere: make an account with `mailmerge account add`."
        )
    return "Without a keyring: " + ", ".join(ways[:-1]) + f", or {ways[-1]}."


def timed(call: Callable[[], _Result]) -> _Result:
    """What `call` returns, or `NoKeyring` if it fails or takes too long.

    It runs in a daemon thread: one that hangs is left behind and does not keep the process from ending.
    """
    results: list[_Result] = []
    faults: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001 - back ends raise whatever their libraries raise
            faults.append(error)

    thread = threading.Thread(target=run, name="keyring", daemon=True)
    thread.start()
    thread.join(TIMEOUT)
    if results:
        return results[0]
    if not faults:
        raise NoKeyring(f"the keyring did not answer within {TIMEOUT:g} s; it may be locked.")
    if isinstance(faults[0], NoKeyring):
        raise faults[0] from None
    # A back end's own text is not repeated: it might hold what it was given.
    raise NoKeyring(f"the keyring failed ({type(faults[0]).__name__}).") from None


def _bound(entry: str, account: Account) -> Secret:
    try:
        content = json.loads(entry)
        server, secret = content["server"], content["secret"]
    except (ValueError, TypeError, KeyError):
        server = secret = None
    if not isinstance(server, str) or not isinstance(secret, str):
        raise NoKeyring(
            f'the keyring\'s entry of "{account.name}" was not made by mailmerge, so its server is not known.'
        )
    if server != account.server:
        raise NoKeyring(
            f'the keyring\'s entry of "{account.name}" belongs to {server}, and the account is at {account.server} now.'
        )
    return Secret(secret)


def _ring() -> KeyringBackend:
    """The back end to use; NoKeyring if there is none that can be trusted."""
    import keyring
    from keyring.backends.chainer import ChainerBackend

    chosen = keyring.get_keyring()
    members = list(chosen.backends) if isinstance(chosen, ChainerBackend) else [chosen]
    for ring in members:
        if not _distrusted(ring):
            return ring
    reason = _distrusted(members[0]) if members else "there is none"
    raise NoKeyring(f"no keyring can be used here: {reason}.", absent=True)


def _distrusted(ring: KeyringBackend) -> str:
    """Why a back end is not used; nothing if it is."""
    module = type(ring).__module__
    if module == "keyring.backends.fail":
        return f"no desktop keyring answers ({_name(ring)})"
    if module == "keyring.backends.null":
        return f"it is switched off ({_name(ring)})"
    if module.startswith("keyrings.alt"):
        return f"{_name(ring)} keeps plain text"
    # Merely installed it becomes the default and asks on standard input, where a list may be coming in.
    if module.startswith("keyrings.cryptfile") and "PYTHON_KEYRING_BACKEND" not in os.environ:
        return f"{_name(ring)} asks for a password of its own"
    return ""


def _name(ring: KeyringBackend) -> str:
    kind = type(ring)
    return f"{kind.__module__}.{kind.__qualname__}"
