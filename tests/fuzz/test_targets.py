"""The fuzz targets exist, run, and notice a fault; their laws themselves run in the ordinary suite."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

RUN = Path(__file__).with_name("run.py")


@pytest.fixture(scope="module")
def run() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz_run", RUN)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_target_is_a_law_that_runs_by_itself(run: ModuleType) -> None:
    """A law that was renamed, or wants a fixture, would be fuzzed by nobody."""
    assert run.TARGETS
    for names in run.TARGETS.values():
        assert names
        for name in names:
            assert callable(run.law(name)), name


def test_a_law_that_is_broken_ends_the_fuzzing(
    run: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """1, with the law's name and its example."""

    @given(st.integers())
    def small(number: int) -> None:
        assert number < 1000

    monkeypatch.setattr(run, "law", lambda name: small)
    assert run.fuzz(["replies"], 30) == 1
    said = capfd.readouterr().err
    assert "test_any_cut_gives_the_same is broken" in said
    assert "number=1000" in said


def test_the_time_is_kept(
    run: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whole rounds, one at least; none begins after the end."""
    called: list[str] = []
    monkeypatch.setattr(run, "law", lambda name: lambda: called.append(name))
    monkeypatch.setattr(run.time, "monotonic", iter([0.0, 9.0, 10.0]).__next__)
    assert run.fuzz(["names", "rows"], 10) == 0
    assert called == [*run.TARGETS["names"], *run.TARGETS["rows"]] * 2
    assert "2 laws hold, 2 rounds" in capsys.readouterr().out


@pytest.mark.slow
def test_the_command_runs_every_target(tmp_path: Path) -> None:
    """As a person calls it; without any time each target has one round."""
    done = subprocess.run(
        [sys.executable, RUN, "--minutes", "0"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (0, "") == (done.returncode, done.stderr)
    assert "1 rounds" in done.stdout


def test_a_target_that_does_not_exist_is_told(tmp_path: Path) -> None:
    """2, with those that do."""
    done = subprocess.run(
        [sys.executable, RUN, "nothing"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "workbooks" in done.stderr
