"""Broken files of settings, each with the words that a person gets: one folder a fault, `expected-error` beside the file.

Rewrite the expectations with `python tests/cli/test_bad_configs.py` and read the difference before you believe it.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from mailmerge_cli.cli.screen import Screen
from mailmerge_cli.config.accounts_file import load_accounts
from mailmerge_cli.config.campaign_file import CampaignOptions, load_campaign
from mailmerge_cli.errors import ExitCode, MailmergeError

FOLDER = Path(__file__).parent / "bad_configs"
CASES = sorted(path.name for path in FOLDER.iterdir())


def told(folder: Path) -> str:
    """What the screen says of the folder's file, with the exit code in the first line."""
    screen = Screen(io.StringIO(), err := io.StringIO(), None)
    try:
        if (folder / "accounts.toml").exists():
            load_accounts({"MAILMERGE_HOME": str(folder)})
        else:
            load_campaign(folder, CampaignOptions(), Path("/"))
    except MailmergeError as error:
        screen.error(error)
        return f"{int(error.exit_code)}\n" + err.getvalue().replace(f"{folder}/", "")
    return "0\n"


@pytest.fixture(autouse=True)
def _only_mine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout may be group-writable or another user's; that is not what is tried here."""
    monkeypatch.setattr("mailmerge_cli.config.accounts_file._refuse_open", lambda *_: None)


@pytest.mark.parametrize("case", CASES)
def test_each_broken_file_gets_its_words(case: str) -> None:
    """A fault is told with file, place and what to do, in exactly these words, with exit code 78."""
    expected = (FOLDER / case / "expected-error").read_text(encoding="utf-8")

    got = told(FOLDER / case)

    assert expected == got
    assert got.startswith(f"{int(ExitCode.CONFIG)}\n")


@pytest.mark.parametrize("case", CASES)
def test_C13_no_error_repeats_a_secret(case: str) -> None:
    """Whoever writes a password where it does not belong does not find it in the error."""
    assert "hunter2" not in told(FOLDER / case)


if __name__ == "__main__":
    for name in CASES if len(sys.argv) < 2 else sys.argv[1:]:
        (FOLDER / name / "expected-error").write_text(told(FOLDER / name), encoding="utf-8")
