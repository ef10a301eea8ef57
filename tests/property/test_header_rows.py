"""Titles of one to three rows, with groups, headings and totals at random: found as they were meant, or refused; nobody lost."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mailmerge_cli.errors import Refused
from mailmerge_cli.model.cell import FaultCell, MomentCell, RealCell, WholeCell
from mailmerge_cli.sources import open_source
from mailmerge_cli.sources.levels import find_titles
from mailmerge_cli.sources.line import Line
from mailmerge_cli.sources.ranges import Range
from support.tables import write_workbook


@dataclass
class Sheet:
    """A sheet, what was meant by it, and the ranges that a careful person merges."""

    table: list[list[Any]]
    merged: list[str]
    titles: list[str]
    people: list[str]


@st.composite
def sheets(draw: st.DrawFn) -> Sheet:  # noqa: C901  one payroll is made in one go
    """A payroll as people make them."""
    levels = draw(st.integers(1, 3))
    tree = [("name",), ("e-mail",)]
    for group in range(draw(st.integers(0, 3)) if levels > 1 else 0):
        for lower in range(draw(st.integers(2, 3))):
            path = (f"group {group}", f"part {group} {lower}")
            if levels == 3 and draw(st.booleans()):
                tree += [(*path, f"low {group} {lower} {at}") for at in range(2)]
            else:
                tree.append(path)
    tree += [(f"single {at}",) for at in range(draw(st.integers(1, 2)))]
    depth = max(map(len, tree))
    left, top = 0, 1
    table: list[list[Any]] = []
    merged: list[str] = []
    if draw(st.booleans()):
        table.append(["Payroll of November"])
        merged.append(_range(1, 0, 1, len(tree) - 1))
        table += [[]] * draw(st.integers(0, 1))
        top = len(table) + 1
    rows: list[list[Any]] = [[None] * len(tree) for _ in range(depth)]
    for at, path in enumerate(tree):
        for level, title in enumerate(path):
            first = at == 0 or tree[at - 1][: level + 1] != path[: level + 1]
            last = level == len(path) - 1
            if first:
                rows[level][at] = title
                right = at
                while (
                    right + 1 < len(tree) and tree[right + 1][: level + 1] == path[: level + 1] and not last
                ):
                    right += 1
                bottom = depth - 1 if last else level
                if right > at or bottom > level:
                    merged.append(_range(top + level, at + left, top + bottom, right + left))
    table += rows
    people = [f"p{at}@example.com" for at in range(draw(st.integers(2, 5)))]
    numbers = draw(st.booleans())
    for at, address in enumerate(people):
        cells = [at * 10 + place if numbers or place % 2 else f"word {at}" for place in range(len(tree) - 2)]
        table.append([f"Person {at}", address, *cells])
    return Sheet(table, merged, [" / ".join(path) for path in tree], people)


def _range(top: int, left: int, bottom: int, right: int) -> str:
    return f"{chr(65 + left)}{top}:{chr(65 + right)}{bottom}"


@given(sheet=sheets())
@settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.too_slow])
def test_merged_titles_are_found(sheet):
    """With the ranges merged, the titles are what was meant, and every person is a row."""
    with (
        tempfile.TemporaryDirectory() as folder,
        open_source(_written(folder, sheet, sheet.merged)) as source,
    ):
        assert [column.title for column in source.columns] == sheet.titles
        assert [row.cells[1] for row in source.rows()] == sheet.people


@given(sheet=sheets(), dropped=st.sets(st.integers(0, 20)), wanted=st.sampled_from([0, 0, 1, 2, 3]))
@settings(deadline=None, max_examples=250, suppress_health_check=[HealthCheck.too_slow])
def test_nobody_is_lost(sheet, dropped, wanted):
    """Some ranges left unmerged, a wrong number of rows said: refused, or every person is a row of the list."""
    merged = [each for at, each in enumerate(sheet.merged) if at not in dropped]
    with tempfile.TemporaryDirectory() as folder:
        try:
            with open_source(_written(folder, sheet, merged), header_rows=wanted) as source:
                found = [
                    cell
                    for row in source.rows()
                    for cell in row.cells
                    if isinstance(cell, str) and "@" in cell
                ]
        except Refused:
            return
        assert found == sheet.people


@given(
    table=st.lists(
        st.lists(
            st.sampled_from(["", "", "name", "e-mail", "Ann", "12.50", "IT", "Unit: CNY", "@"]),
            min_size=3,
            max_size=3,
        ),
        min_size=1,
        max_size=6,
    ),
    wanted=st.sampled_from([0, 0, 0, 1, 2, 3]),
)
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_nobody_is_lost_of_a_text_file(table, wanted):
    """Lines in any order: refused, or every address stands in a row of the list."""
    addresses = (f"p{at}@example.com" for at in range(100))
    lines = [[next(addresses) if cell == "@" else cell for cell in line] for line in table]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.csv"
        path.write_text("".join(",".join(line) + "\n" for line in lines), encoding="utf-8")
        try:
            with open_source(path, header_rows=wanted, delimiter=",") as source:
                found = [cell for row in source.rows() for cell in row.cells if "@" in str(cell)]
        except Refused:
            return
    assert found == [cell for line in lines for cell in line if "@" in cell]


def _written(folder: str, sheet: Sheet, merged: list[str]) -> Path:
    path = Path(folder) / "book.xlsx"
    book, found = write_workbook(path, sheet.table)
    for each in merged:
        found.merge_cells(each)
    book.save(path)
    return path


_CELLS = st.sampled_from([
    "", "", "Name", "E-mail", "b", "合计", "Unit: CNY", "12.50", "a@example.com", WholeCell(3, "General"), RealCell(1.5, "0.00"),
    MomentCell(datetime(2026, 1, 1), "yyyy"), FaultCell("it is an error"),
])  # fmt: skip


@st.composite
def _ranges(draw: st.DrawFn) -> Range:
    """A merged range of some rows and columns, overlapping others as it may."""
    top, left = draw(st.integers(1, 7)), draw(st.integers(0, 3))
    return Range(top, left, top + draw(st.integers(0, 2)), left + draw(st.integers(0, 2)), "X")


@given(
    table=st.lists(st.lists(_CELLS, min_size=1, max_size=5), min_size=1, max_size=8),
    merged=st.lists(_ranges(), max_size=4),
    wanted=st.sampled_from([0, 0, 0, 1, 2, 5]),
)
@example(table=[["Name"], ["Name", FaultCell("it is an error")]], merged=[Range(1, 0, 1, 1, "X")], wanted=0)
@settings(deadline=None, max_examples=400)
def test_any_top_ends_in_titles_or_a_sentence(table, merged, wanted):
    """Errors, dates, numbers and merged cells in any order: no other exception, and no address that is passed over."""
    lines = [line for number, cells in enumerate(table, 1) if (line := Line(number, number, cells)).filled]
    if not lines:
        return
    try:
        titles = find_titles(lines, sorted(merged, key=lambda found: found.top), source="x", wanted=wanted)
    except Refused:
        return
    assert not [line.number for line in lines if line.place <= titles.bottom and line.has_address]
