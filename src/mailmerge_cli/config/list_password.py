"""Where the password of a workbook comes from: the first way that has one, as with the accounts' secrets.

Rule 1: it opens a file on this machine and goes nowhere else, so it is bound to no server; the keyring's entry is bound to the
file's real path.
Rule 2: no program that a campaign.toml names is run for it: folders are unpacked from mails and archives.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from mailmerge_cli.config.keychain import SERVICE, NoKeyring, entry_of
from mailmerge_cli.config.secrets import secret_of_file
from mailmerge_cli.errors import CredentialsFault
from mailmerge_cli.secret import Secret

VARIABLE = "MAILMERGE_LIST_PASSWORD"
CREDENTIAL = "list-password"
"""Its name in systemd's `$CREDENTIALS_DIRECTORY`."""

_TRIES = 3


class ListPasswords:
    """What may open an encrypted list (`sources.sealed.Passwords`).

    Args:
        prompt: asks a person without echo; it, or its answer, is None where nobody can be asked.
        environ: the environment.
    """

    def __init__(
        self,
        *,
        prompt: Callable[[str], Secret | None] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._prompt = prompt
        self._environ = os.environ if environ is None else environ
        self._note = ""

    def __repr__(self) -> str:
        return "ListPasswords()"

    def __call__(self, path: Path, name: str) -> Iterator[Secret]:
        """The password of a file, and after a wrong one the end; a person at the prompt may try three times.

        Args:
            path: the file.
            name: what it is called in messages.

        Raises:
            CredentialsFault: no way has a password, the one that it has is wrong, or a way that was set up does not work.
        """
        for source, get in self._ways(path):
            if secret := get():
                yield secret
                raise CredentialsFault(
                    f"The password from {source} does not open {name}.",
                    hint="The case of letters counts. Nothing else was tried; nothing was sent.",
                )
        yield from self._asked(path, name)

    def _asked(self, path: Path, name: str) -> Iterator[Secret]:
        question = f"Password of {name}: "
        for _ in range(_TRIES):
            typed = self._prompt(question) if self._prompt is not None else None
            if not typed:
                raise self._nothing_found(path, name, asked=question.startswith("That"))
            yield typed
            question = f"That does not open it. Password of {name}: "
        raise CredentialsFault(f"The password does not open {name}.")

    def _ways(self, path: Path) -> list[tuple[str, Callable[[], Secret | None]]]:
        ways: list[tuple[str, Callable[[], Secret | None]]] = [
            (VARIABLE, self._of_variable),
            (f"{VARIABLE}_FILE", self._of_variable_file),
        ]
        if folder := self._environ.get("CREDENTIALS_DIRECTORY", ""):
            source = f"$CREDENTIALS_DIRECTORY/{CREDENTIAL}"
            ways.append((source, partial(secret_of_file, Path(folder) / CREDENTIAL, source, optional=True)))
        ways.append(("the keyring", partial(self._of_keyring, path)))
        return ways

    def _of_variable(self) -> Secret | None:
        text = self._environ.get(VARIABLE, "")
        return Secret(text) if text else None

    def _of_variable_file(self) -> Secret | None:
        path = self._environ.get(f"{VARIABLE}_FILE", "")
        return secret_of_file(Path(path), f"{VARIABLE}_FILE", optional=False) if path else None

    def _of_keyring(self, path: Path) -> Secret | None:
        try:
            text = entry_of(entry_name(path))
        except NoKeyring as reason:
            self._note = str(reason)
            return None
        return Secret(text) if text else None

    def _nothing_found(self, path: Path, name: str, *, asked: bool) -> CredentialsFault:
        if asked:
            return CredentialsFault(f"No password was given that opens {name}.")
        note = f" {self._note[:1].upper()}{self._note[1:]}" if self._note else ""
        return CredentialsFault(
            f"{name} is protected by a password, and none was found.{note}",
            hint=(
                f"Ways to give it: the variable {VARIABLE} or {VARIABLE}_FILE, $CREDENTIALS_DIRECTORY/{CREDENTIAL} (systemd), "
                f"the keyring (service {SERVICE}, user {entry_name(path)}), or a terminal, where you are asked."
            ),
        )


def entry_name(path: Path) -> str:
    """The user name of a list's entry in the keyring."""
    return f"list:{path.resolve()}"
