"""A ledger in a campaign's folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailmerge_cli.ledger.ledger import Ledger
from support.ledgers import Book


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "payslips"
    folder.mkdir()
    return folder


@pytest.fixture
def book(home: Path) -> Iterator[Book]:
    with Ledger.open(home / ".mailmerge" / "ledger.sqlite3", home=home) as ledger:
        yield Book(ledger, home)
