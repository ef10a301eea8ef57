"""Keyrings for tests: one in memory, one that is locked for ever, one that keeps plain text; and how to put one in place."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import keyring
import keyring.backend
import keyring.core


class MemoryKeyring(keyring.backend.KeyringBackend):
    """Keeps its entries in `entries`: (service, user) → text."""

    priority = 0.1  # type: ignore[assignment]  # never the default of anything

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.entries[service, username]


class LockedKeyring(MemoryKeyring):
    """Waits for a person who does not come, until `unlock` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.unlock = threading.Event()

    def get_password(self, service: str, username: str) -> str | None:
        self.unlock.wait(60)
        return super().get_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self.unlock.wait(60)


class BrokenKeyring(MemoryKeyring):
    """Fails with a text that holds what it was given."""

    def get_password(self, service: str, username: str) -> str | None:
        raise RuntimeError(f"no {service}/{username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise RuntimeError(f"cannot keep {password}")


class PlainTextKeyring(MemoryKeyring):
    """Looks like the one of keyrings.alt, which keeps plain text."""


PlainTextKeyring.__module__ = "keyrings.alt.file"


class AskingKeyring(MemoryKeyring):
    """Looks like the one of keyrings.cryptfile, which asks on standard input."""


AskingKeyring.__module__ = "keyrings.cryptfile.cryptfile"


@contextmanager
def keyring_in_place(ring: keyring.backend.KeyringBackend) -> Iterator[keyring.backend.KeyringBackend]:
    """`ring` is the process's keyring for as long as this lasts."""
    before = keyring.core._keyring_backend
    keyring.set_keyring(ring)
    try:
        yield ring
    finally:
        keyring.core._keyring_backend = before
        if isinstance(ring, LockedKeyring):
            ring.unlock.set()
