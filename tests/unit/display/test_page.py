"""`docs/cells.md` says what is so."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from mailmerge_cli.display import show

TESTS = Path(__file__).parents[2]
PAGE = (TESTS.parent / "docs/cells.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(.+)` \| (\S+) \| `(.*)` \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("code", "value", "look"), ROWS)
def test_F13_the_page_shows_what_a_mail_shows(code, value, look):
    """Each row of its table is right."""
    number = float(value) if re.fullmatch(r"-?[\d.]+", value) else value
    assert show(int(number) if isinstance(number, float) and number.is_integer() else number, code) == look


def test_the_page_counts_right():
    """Its figures are those of the data."""
    assert len(ROWS) > 20
    lines = (TESTS / "data/display/pairs.jsonl").read_text(encoding="utf-8").splitlines()
    pairs = sum(len(json.loads(line)["pairs"]) for line in lines)
    books = sorted((TESTS / "data/workbooks").glob("*.csv"))
    cells = 0
    for book in books:
        with book.open(encoding="utf-8", newline="") as file:
            cells += sum(len(row) for row in list(csv.reader(file))[1:])
    listed = len((TESTS / "data/workbooks/exceptions.tsv").read_text(encoding="utf-8").splitlines()) - 1
    plain = PAGE.replace(" ", "").replace("\n", "")
    assert f"-{pairs}pairs" in plain
    assert f"-{len(books)}workbooks" in plain
    assert f",{cells}cells" in plain
    assert f"The{listed}cells" in plain
