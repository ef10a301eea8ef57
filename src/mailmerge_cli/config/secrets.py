"""Where a secret comes from: the first of the contract's ways that has one. Only the way's name is ever told.

Rule: a secret goes to its own server only. Standard input and plain variables serve an account of accounts.toml or a URL
typed on the command line; a URL that stands in a campaign.toml, which somebody else may have written, gets neither.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

from mailmerge_cli.config.account_table import variable_part
from mailmerge_cli.config.keychain import NoKeyring, forget_secret, keep_secret, kept_secret, other_ways
from mailmerge_cli.config.providers import provider_of, secret_word
from mailmerge_cli.errors import CredentialsFault
from mailmerge_cli.model.account import Account, Auth
from mailmerge_cli.secret import Secret

__all__ = [
    "SecretChain",
    "forget_secret",
    "keep_secret",
    "prompt_text",
    "read_secret",
    "secret_of_command",
    "secret_of_file",
]

COMMAND_TIMEOUT = 60.0
"""Seconds that a password or token command may take; a person may have to touch a key."""

_Result = TypeVar("_Result")
_LARGEST = 64 * 1024
_VARIABLE = "MAILMERGE_PASSWORD"


class SecretChain:
    """The credentials of one account (`model.account.Credentials`); safe to share between connections.

    Args:
        account: whose secret.
        stdin_secret: what `--password-stdin` read.
        prompt: asks a person without echo; it, or its answer, is None where nobody can be asked.
        environ: the environment.
    """

    def __init__(
        self,
        account: Account,
        *,
        stdin_secret: Secret | None = None,
        prompt: Callable[[str], Secret | str | None] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.account = account
        self.source = ""
        self._stdin_secret = stdin_secret
        self._prompt = prompt
        self._environ = os.environ if environ is None else environ
        self._secret: Secret | None = None
        self._searched = False
        self._notes: list[str] = []
        self._no_keyring = False
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"SecretChain({self.account.name!r}, source={self.source!r})"

    def find(self) -> Secret:
        """The secret, from the first way that has one; the same one every time. `source` tells the way.

        May run a command and ask a person, so call it before an event loop runs.

        Raises:
            CredentialsFault: no way has one, or a way that was set up does not work.
        """
        with self._lock:
            if self._secret is None:
                self._secret = self._search() or self._ask()
            return self._secret

    def look(self) -> str:
        """The name of the way that would be taken, or nothing. Runs no command, asks nobody, reveals nothing."""
        if self.source:
            return self.source
        try:
            for source, get in self._ways():
                if source.endswith("_command") or get():
                    return source
        except CredentialsFault:
            return ""
        return ""

    async def password(self) -> Secret:
        """The password; see `find`."""
        return await self._found()

    async def token(self, *, refresh: bool = False) -> Secret:
        """The access token; `refresh` runs the token command again, and raises where there is none."""
        return await _aside(self._renew) if refresh else await self._found()

    async def _found(self) -> Secret:
        """`find` without holding up the event loop: commands and the keyring are waited for in a thread.

        The prompt is not: a thread that waits for a key cannot be cancelled.
        """
        if self._secret is None and await _aside(self._search_locked) is None:
            with self._lock:
                if self._secret is None:
                    self._secret = self._ask()
        assert self._secret is not None
        return self._secret

    def _search_locked(self) -> Secret | None:
        with self._lock:
            if self._secret is None:
                self._secret = self._search()
            return self._secret

    def _search(self) -> Secret | None:
        """All ways but the prompt, once: ten connections must not wait ten times for a locked keyring."""
        if self._searched:
            return None
        self._notes.clear()
        for source, get in self._ways():
            secret = get()
            if secret:
                self.source = source
                return secret
        self._searched = True
        return None

    def _ways(self) -> list[tuple[str, Callable[[], Secret | None]]]:
        """All ways but the prompt, in their order; each gives a secret, None, or raises."""
        account = self.account
        ways: list[tuple[str, Callable[[], Secret | None]]] = []
        if account.in_file or account.typed:
            ways.append(("--password-stdin", lambda: self._stdin_secret))
            ways.extend(self._variables())
        folder = self._environ.get("CREDENTIALS_DIRECTORY", "")
        if account.in_file and folder:
            path = Path(folder) / account.name
            name = "$CREDENTIALS_DIRECTORY"
            ways.append((name, partial(secret_of_file, path, name, optional=True)))
        name = (
            "token_command" if account.auth is Auth.XOAUTH2 and account.token_command else "password_command"
        )
        argv: tuple[str, ...] = getattr(account, name)
        if argv:
            ways.append((name, partial(secret_of_command, argv, f'The {name} of "{account.name}"')))
        ways.append(("keyring", self._of_keyring))
        return ways

    def _variables(self) -> list[tuple[str, Callable[[], Secret | None]]]:
        names = [f"{_VARIABLE}_{variable_part(self.account.name)}"] if self.account.in_file else []
        ways: list[tuple[str, Callable[[], Secret | None]]] = []
        for name in (*names, _VARIABLE):
            ways.append((name, partial(self._of_variable, name)))
            ways.append((f"{name}_FILE", partial(self._of_variable_file, name)))
        return ways

    def _of_variable(self, name: str) -> Secret | None:
        text = self._environ.get(name, "")
        return Secret(text) if text else None

    def _of_variable_file(self, name: str) -> Secret | None:
        path = self._environ.get(f"{name}_FILE", "")
        return secret_of_file(Path(path), f"{name}_FILE", optional=False) if path else None

    def _of_keyring(self) -> Secret | None:
        try:
            return kept_secret(self.account)
        except NoKeyring as reason:
            self._notes.append(str(reason))
            self._no_keyring = reason.absent
            return None

    def _ask(self) -> Secret:
        typed = self._prompt(prompt_text(self.account)) if self._prompt is not None else None
        if not typed:
            raise self._nothing_found()
        self.source = "prompt"
        return typed if isinstance(typed, Secret) else Secret(typed)

    def _nothing_found(self) -> CredentialsFault:
        account = self.account
        text = f'There is no {secret_word(account)} for "{account.name}" ({_whom(account)}).'
        for note in self._notes:
            text += f" {note[:1].upper()}{note[1:]}"
        return CredentialsFault(text, hint=self.advice())

    def advice(self) -> str:
        """How to give the secret that was looked for: the keyring first, where there is one."""
        login = f"Type `mailmerge account login {self.account.name}` to keep it in the keyring. "
        return (login if self.account.in_file and not self._no_keyring else "") + other_ways(self.account)

    def _renew(self) -> Secret:
        account = self.account
        with self._lock:
            if not account.token_command:
                where = f" (from {self.source})" if self.source else ""
                raise CredentialsFault(
                    f'The access token of "{account.name}"{where} was refused and cannot be renewed.',
                    hint="Set token_command in accounts.toml to a program that prints a new one.",
                )
            self._secret = secret_of_command(account.token_command, f'The token_command of "{account.name}"')
            self.source = "token_command"
            return self._secret


def read_secret(stream: BinaryIO) -> Secret:
    """The first line of a stream, for `--password-stdin`; what follows is left there as far as the stream allows."""
    return _first_line(stream.readline(_LARGEST), "--password-stdin")


def prompt_text(account: Account) -> str:
    """What to ask: the right word, for whom, where it goes, and where to get it."""
    provider = provider_of(account)
    where = f" [{provider.where}]" if provider and provider.where else ""
    return f"{secret_word(account)} for {_whom(account)}{where}: "


def _whom(account: Account) -> str:
    return f"{account.user} at {account.server}" if account.user else account.server


def secret_of_file(path: Path, source: str, *, optional: bool) -> Secret | None:
    """The first line of a file that holds a secret and nothing else."""
    try:
        with path.open("rb") as file:
            return _first_line(file.readline(_LARGEST), source)
    except FileNotFoundError:
        if optional:
            return None
        reason = "does not exist"
    except OSError as error:
        reason = f"cannot be read ({error.strerror or type(error).__name__})"
    raise CredentialsFault(f"{path}, named by {source}, {reason}.")


def secret_of_command(argv: tuple[str, ...], whose: str) -> Secret:
    """The first line that a command prints; `whose` begins a sentence about it.

    Its arguments and what it says on standard error stay out of sight: both may hold a secret.
    """
    import subprocess

    told = f"{whose} ({argv[0]})"
    hint = "Run it in a terminal to see why."
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            timeout=COMMAND_TIMEOUT, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise CredentialsFault(f"{told} did not end within {COMMAND_TIMEOUT:g} s.", hint=hint) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise CredentialsFault(f"{told} cannot be run: {reason}.") from None
    if done.returncode:
        raise CredentialsFault(f"{told} ended with exit code {done.returncode}.", hint=hint)
    return _first_line(done.stdout.partition(b"\n")[0], f"{told}")


def _first_line(line: bytes, source: str) -> Secret:
    """A line without its end, as text; spaces count, a BOM does not."""
    try:
        text = line.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n").decode("utf-8")
    except UnicodeDecodeError:
        raise CredentialsFault(f"{source}: the secret is not UTF-8.") from None
    if not text:
        raise CredentialsFault(f"{source}: the first line is empty; a secret is expected there.")
    return Secret(text)


async def _aside(call: Callable[[], _Result]) -> _Result:
    """What `call` returns, run in a daemon thread: a cancelled run must not wait for a slow command."""
    import asyncio

    loop = asyncio.get_running_loop()
    answer: asyncio.Future[_Result] = loop.create_future()

    def tell(deliver: Callable[[], None]) -> None:
        if not answer.done():
            deliver()

    def run() -> None:
        try:
            deliver = partial(answer.set_result, call())
        except BaseException as error:  # noqa: BLE001 - it is raised where it was asked for
            deliver = partial(answer.set_exception, error)
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(tell, deliver)

    threading.Thread(target=run, name="credentials", daemon=True).start()
    return await answer
