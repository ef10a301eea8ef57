"""The campaign and the server of a test of the catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from faults.trial import Trial
from support.scripted_smtp import ScriptedServer


@pytest.fixture
def trial(tmp_path: Path, server: ScriptedServer) -> Trial:
    """A campaign of three people; a test writes what it needs."""
    return Trial(tmp_path / "campaign", server).write()
