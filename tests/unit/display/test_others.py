"""Thousands of values under hundreds of codes against numfmt and LibreOffice (`tests/data/display`, made by `support/make_display_pairs.py`)."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from mailmerge_cli.display import show
from mailmerge_cli.model.cell import RealCell, WholeCell
from mailmerge_cli.sources.xlsx.cells import CellMaker
from mailmerge_cli.sources.xlsx.strings import Texts

DATA = Path(__file__).parents[2] / "data/display"
LINES = [json.loads(line) for line in (DATA / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]
CLASSES = tomllib.loads((DATA / "differences.toml").read_text(encoding="utf-8"))["class"]
SHOWN = {
    (code, type(value), value): (found["name"], text)
    for found in CLASSES
    for code, value, text in found.get("shown", [])
}


def forms(text):
    """A text as it is, without its blanks at both ends, and without those behind its minus."""
    if text is None:
        return {None}
    bare = text.strip(" ")
    return {text, bare, re.sub("^- +", "-", bare)}


def holds(found, code, value):
    """Whether a class with a side speaks of this pair."""
    if code not in found.get("codes", ()) or (found.get("only") == "truths") != isinstance(value, bool):
        return False
    return value < found.get("below", math.inf) and value in found.get("values", [value])


def expected(code, value, numfmt, libreoffice):
    """The class that speaks of a pair, empty where the two agree; and what we may show then."""
    if own := SHOWN.get((code, type(value), value)):
        return own[0], {own[1]}
    if forms(numfmt) & forms(libreoffice):
        return "", forms(numfmt) | forms(libreoffice)
    found = next((found for found in CLASSES if holds(found, code, value)), None)
    if found is None:
        return "not listed", set()
    return found["name"], forms({"numfmt": numfmt, "libreoffice": libreoffice}[found["side"]])


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line['code']}-{line['epoch']}")
def test_F13_shows_what_the_others_show(line):
    """Ours is what both show; where they differ, what the list of differences says."""
    code, epoch = line["code"], line["epoch"]
    wrong = []
    for value, numfmt, libreoffice in line["pairs"]:
        name, allowed = expected(code, value, numfmt, libreoffice)
        ours = show(value, code, epoch1904=epoch == 1904)
        if ours not in allowed:
            wrong.append(f"{value!r}: {ours!r}; {name}: {numfmt!r} (numfmt), {libreoffice!r} (LibreOffice)")
    assert wrong == []


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line['code']}-{line['epoch']}")
def test_F13_F14_a_cell_of_a_workbook_shows_the_same(line):
    """The source's cell, a moment under a date's code, prints what its number prints."""
    code, epoch1904 = line["code"], line["epoch"] == 1904
    maker = CellMaker(Texts(), (code,), epoch1904, uncalculated=False)
    for value, *_ in line["pairs"]:
        if not isinstance(value, str | bool):
            cell = maker.make("n", "0", repr(value), formula=False, where=(0, 1))
            plain = (
                WholeCell(value, code, epoch1904)
                if isinstance(value, int)
                else RealCell(value, code, epoch1904)
            )
            assert str(cell) == str(plain), value


def test_pairs_are_many():
    """There are at least five thousand pairs, and in more than three quarters of them the two agree."""
    names = Counter(expected(line["code"], *pair)[0] for line in LINES for pair in line["pairs"])
    assert names.total() >= 5000
    assert names[""] > 0.75 * names.total()


def test_every_difference_has_a_reason_and_a_use():
    """Each class says why, and none has outlived its pairs."""
    names = {expected(line["code"], *pair)[0] for line in LINES for pair in line["pairs"]}
    assert {found["name"] for found in CLASSES} | {""} == names
    assert all(len(found["reason"]) > 20 for found in CLASSES)
    keys = {(line["code"], type(pair[0]), pair[0]) for line in LINES for pair in line["pairs"]}
    assert set(SHOWN) <= keys
    codes = {line["code"] for line in LINES}
    assert all(set(found.get("codes", [])) <= codes for found in CLASSES)
