"""Start-up is felt at every command: what a command does not need is not imported, and that shows in its time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from support.program import people, run_here, write_campaign, write_toml

HEAVY = (
    "jinja2", "rich", "openpyxl", "asyncio", "keyring", "email_validator", "html2text", "css_inline", "markdown_it",
    "charset_normalizer", "aiosmtpd", "zipfile", "ssl", "pydantic", "importlib.metadata", "email.message", "http", "unittest",
)  # fmt: skip
ROUNDS = 15


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    """A campaign with a run in its ledger."""
    folder = write_campaign(tmp_path / "c", people(20))
    write_toml(folder, "outbox:outbox")
    assert run_here("send", folder, "--yes").code == 0
    return folder


def imported(*words: object, cwd: Path) -> set[str]:
    """The modules that a command imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "mailmerge_cli", *map(str, words)], cwd=cwd, capture_output=True, text=True,
        check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return {
        line.rpartition("|")[2].strip()
        for line in done.stderr.splitlines()
        if line.startswith("import time:")
    }


@pytest.mark.parametrize(
    "words", [("status",), ("status", "--json"), ("runs",), ("log",), ("log", "--format", "csv")]
)
def test_a_command_on_a_ledger_imports_nothing_heavy(campaign: Path, words: tuple[str, ...]) -> None:
    """No template engine, no workbook, no keyring, no event loop, nothing that draws, where a ledger is told."""
    found = imported(*words, cwd=campaign)

    assert "mailmerge_cli.ledger.ledger" in found
    assert [name for name in HEAVY if any(one == name or one.startswith(name + ".") for one in found)] == []


def test_the_version_imports_nothing_at_all(campaign: Path) -> None:
    """`--version` is answered at the door."""
    found = imported("--version", cwd=campaign)

    assert "mailmerge_cli" in found
    assert {"mailmerge_cli", "mailmerge_cli.__main__"} >= {
        name for name in found if name.startswith("mailmerge_cli")
    }
    assert not {"typer", "click", "dataclasses", *HEAVY} & found


def test_a_check_of_a_text_needs_no_network_and_no_workbook(campaign: Path) -> None:
    """`check` of a CSV and a text opens no socket's worth of modules."""
    found = imported("check", cwd=campaign)

    assert not {"openpyxl", "keyring", "aiosmtpd", "css_inline", "html2text", "markdown_it", "rich"} & found


def fastest(ways: Sequence[Sequence[str]], cwd: Path) -> list[float]:
    """The shortest time of each way, in seconds; they take turns, so that a busy moment hits all of them."""
    times = [float("inf")] * len(ways)
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    for _ in range(ROUNDS):
        for place, way in enumerate(ways):
            began = time.perf_counter()
            subprocess.run(
                way, cwd=cwd, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True
            )
            times[place] = min(times[place], time.perf_counter() - began)
    return times


def test_start_up_stays_within_its_budget(campaign: Path) -> None:
    """`--version` at most 30 ms more than `python -c pass`, `status` at most 150 ms more; on a slow machine so many times typer.

    Typer's own import is the yardstick of the moment: 50 ms where the figures of the contract were taken.
    """
    script = Path(sys.executable).parent / "mailmerge"
    program = [str(script)] if script.exists() else [sys.executable, "-m", "mailmerge_cli"]
    python = [sys.executable, "-c"]
    bare, typer, version, status = fastest(
        [[*python, "pass"], [*python, "import typer.main"], [*program, "--version"], [*program, "status"]],
        campaign,
    )
    moment = max(1.0, (typer - bare) / 0.050)

    assert version - bare <= 0.030 * moment
    assert status - bare <= 0.150 * moment
