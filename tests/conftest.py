"""What all tests share: a home of their own, so that nothing of the machine's accounts, quotas or keyring is touched; and what many ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.scripted_smtp import ScriptedServer
from support.witness import Witness

if TYPE_CHECKING:
    from support.keyrings import MemoryKeyring


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty MAILMERGE_HOME, no password in the environment, no keyring."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("MAILMERGE_HOME", str(home))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    for name in (
        "MAILMERGE_PASSWORD",
        "MAILMERGE_PASSWORD_FILE",
        "MAILMERGE_LIST_PASSWORD",
        "MAILMERGE_LIST_PASSWORD_FILE",
        "CREDENTIALS_DIRECTORY",
        "SSL_CERT_FILE",
        "NO_COLOR",
    ):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture
def witness() -> Iterator[Witness]:
    """How exactly a rate can be seen at this moment."""
    with Witness() as witness:
        yield witness


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Takes everything until its `replies` say otherwise."""
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def ring() -> Iterator[MemoryKeyring]:
    """The process's keyring is one in memory, empty."""
    from support.keyrings import MemoryKeyring, keyring_in_place

    ring = MemoryKeyring()
    with keyring_in_place(ring):
        yield ring


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The back-off of the run begins with a fraction of a second, and doubles as ever."""
    from mailmerge_cli.engine.patience import Patience

    monkeypatch.setattr(Patience.__init__, "__defaults__", (0.05,))
