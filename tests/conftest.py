"""What all tests share: a home of their own, so that nothing of the machine's accounts, quotas or keyring is touched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.witness import Witness


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
