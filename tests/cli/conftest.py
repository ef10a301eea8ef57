"""A small campaign and a server that takes everything, for tests of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.arrivals import url
from support.program import people, write_campaign, write_toml
from support.scripted_smtp import ScriptedServer


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a list of five, a letter and no campaign.toml."""
    folder = write_campaign(tmp_path / "c", people(5))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def campaign(here: Path, server: ScriptedServer) -> Path:
    """The same with a campaign.toml and a server that takes everything."""
    write_toml(here, url(server))
    return here
