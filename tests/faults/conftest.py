"""The campaign and the server of a test of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.trial import Trial
from mailmerge_cli.engine.patience import Patience
from support.scripted_smtp import ScriptedServer


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def trial(tmp_path: Path, server: ScriptedServer) -> Trial:
    """A campaign of three people; a test writes what it needs."""
    return Trial(tmp_path / "campaign", server).write()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The back-off of the run begins with a fraction of a second, and doubles as ever."""
    monkeypatch.setattr(Patience.__init__, "__defaults__", (0.05,))
