"""A log's lines, as CSV and JSON readers find them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailmerge_cli.errors import UsageFault
from mailmerge_cli.report.escape import defuse, visible
from mailmerge_cli.report.formats import LogFormat, csv_line, csv_lines, json_line, log_chunks

TEXT = st.text(st.characters()) | st.text(st.sampled_from("=+-@\t\r\n '\";,aé王"), max_size=8)
CELLS = st.lists(TEXT | st.integers(0) | st.none(), min_size=1, max_size=6)
PLAIN = st.text(st.sampled_from("ab1-. :<@"), max_size=6) | st.sampled_from(
    ["", "a;b", "a,b", 'a"', "a\r\nb", "a\n", "é", "=", " a"]
)


@given(CELLS)
def test_csv_reads_back(cells: list[str | int | None]) -> None:
    """Python's CSV reader finds every cell, escaped and defused; numbers and blanks as they are."""
    line = csv_line(cells).decode()

    (found,) = csv.reader(io.StringIO(line, newline=""), strict=True) if line != "\r\n" else ([""],)

    assert found == [
        "" if cell is None else str(cell) if isinstance(cell, int) else defuse(visible(cell))
        for cell in cells
    ]


def test_L01_a_formula_in_a_csv_is_text() -> None:
    """Defused and quoted, in front and behind a semicolon."""
    assert csv_line(["=1+1", "a,;=1", 'b"', -5]) == b'\'=1+1,"a,;\'=1","b""",-5\r\n'


@given(CELLS)
def test_L04_a_csv_record_is_one_line(cells: list[str | int | None]) -> None:
    """No cell brings a line break of its own, so that a half record can be told from a whole one."""
    assert csv_line(cells).count(b"\n") == 1
    assert csv_line(cells).count(b"\r") == 1


@given(
    st.integers(1, 3).flatmap(
        lambda width: st.lists(st.lists(PLAIN, min_size=width, max_size=width), max_size=4)
    )
)
def test_lines_made_together_are_those_made_one_by_one(records: list[list[str]]) -> None:
    """Whether one look was enough for all of them or not."""
    rough = [",".join(cells) for cells in records]

    assert csv_lines(rough, lambda at: records[at]) == b"".join(map(csv_line, records))


@given(CELLS)
def test_a_line_made_quickly_is_the_one_made_slowly(cells: list[str | int | None]) -> None:
    """Of any cells at all."""
    rough = ",".join("" if cell is None else str(cell) for cell in cells)

    assert csv_lines([rough], lambda _: cells) == csv_line(cells)


@given(CELLS)
def test_L04_a_json_line_is_exact(cells: list[str | int | None]) -> None:
    """JSON needs no defusing: values come back as they were, in one line."""
    columns = [str(number) for number in range(len(cells))]
    line = json_line(columns, cells)

    assert line.count(b"\n") == 1
    assert list(json.loads(line).values()) == cells


def test_csv_begins_with_a_bom() -> None:
    """Excel takes a CSV for UTF-8 only with a BOM; a pipe may do without."""
    assert b"".join(log_chunks(LogFormat.CSV, ["a"], [["王"]])) == b"\xef\xbb\xbfa\r\n" + "王\r\n".encode()
    assert b"".join(log_chunks(LogFormat.CSV, ["a"], [["b"]], mark=False)) == b"a\r\nb\r\n"


def test_chunks_are_lazy() -> None:
    """A log is never held in memory: the second line is not asked for before the first was given."""
    asked = []

    def lines() -> object:
        for number in range(3):
            asked.append(number)
            yield [number]

    chunks = log_chunks(LogFormat.JSONL, ["n"], lines())  # type: ignore[arg-type]
    next(chunks)
    assert next(chunks) == b'{"n": 0}\n'
    assert asked == [0]


@pytest.mark.parametrize("name", ["a.csv", "a.CSV", "b.jsonl", "c.xlsx"])
def test_the_ending_chooses_the_form(name: str) -> None:
    """.csv, .jsonl, .xlsx in any case."""
    assert LogFormat.of(Path(name)) == name[2:].lower()


@pytest.mark.parametrize("name", ["log", "log.txt", ".csv", "log.json", "log.xls"])
def test_L07_another_ending_is_a_usage_fault(name: str) -> None:
    """A sentence that names the three endings."""
    with pytest.raises(UsageFault, match=r"\.csv, \.jsonl or \.xlsx"):
        LogFormat.of(Path(name))
