"""JSON Lines: one object a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailmerge_cli.errors import Refused
from mailmerge_cli.sources import open_source


def opened(tmp_path: Path, content: str | bytes, name: str = "list.jsonl"):
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return open_source(path)


def refusal(tmp_path: Path, content: str | bytes, name: str = "list.jsonl") -> Refused:
    with pytest.raises(Refused) as caught:
        list(opened(tmp_path, content, name).rows())
    return caught.value


def test_values(tmp_path):
    """Numbers are numbers, and print as JSON writes them; null is blank; truth is told as a sheet tells it."""
    line = '{"email": "a@example.com", "n": 12, "x": 1.5, "yes": true, "none": null, "id": 12345678901234567}'
    with opened(tmp_path, line) as source:
        (row,) = source.rows()
    assert [str(cell) for cell in row.cells] == [
        "a@example.com",
        "12",
        "1.5",
        "TRUE",
        "",
        "12345678901234567",
    ]
    assert row.cells[1] * 2 == 24
    assert row.cells[2] < 2


def test_large_numbers_are_not_rounded(tmp_path):
    """Twelve figures are no 1.2E+11."""
    with opened(tmp_path, '{"n": 123456789012}') as source:
        (row,) = source.rows()
    assert str(row.cells[0]) == "123456789012"


def test_rows_and_blank_lines(tmp_path):
    """Row numbers are lines; a missing key is a blank cell; blank lines and empty objects are skipped and counted."""
    with opened(tmp_path, '\ufeff\n{"a": "1", "b": "2"}\r\n\n{"b": "3"}\n{}\n{"a": "4"}\n\n') as source:
        assert [(row.number, *row.cells) for row in source.rows()] == [
            (2, "1", "2"),
            (4, "", "3"),
            (6, "4", ""),
        ]
        assert "3 blank rows were skipped" in source.notes


@pytest.mark.parametrize(
    ("line", "column", "words"),
    [
        ('{"a": "1", "c": "2"}', "c", "no such key"),
        ('{"a": "1", "a": "2"}', "a", "twice"),
        ('{"a": ["1"]}', "a", "list or an object"),
        ('{"a": {"x": 1}}', "a", "list or an object"),
        ('{"a": "\\u0000"}', "a", "U+0000"),
        ('{"a": "\\ud800"}', "a", "U+D800"),
    ],
)
def test_problems_of_rows(tmp_path, line, column, words):
    """What is wrong with one line makes that row invalid."""
    with opened(tmp_path, '{"a": "0", "b": "0"}\n' + line + "\n") as source:
        rows = list(source.rows())
    assert rows[0].problems == ()
    assert [(problem.row, problem.column) for problem in rows[1].problems] == [(2, column)]
    assert words in rows[1].problems[0].message


@pytest.mark.parametrize(
    "line", ["{", "[1]", '"text"', "5", "{'a': 1}", '{"a": NaN}', '{"a": Infinity}', "[" * 100_000, "a,b"]
)
def test_lines_that_are_no_objects(tmp_path, line):
    """Such a file is refused, with the line."""
    fault = refusal(tmp_path, '{"a": 1}\n' + line + "\n")
    assert fault.problems[0].row == 2
    assert "line 2" in str(fault)


def test_F06_duplicate_keys(tmp_path):
    """Keys of the first object that are the same but for case and blanks."""
    refusal(tmp_path, '{"Email": "1", "email ": "2"}')
    refusal(tmp_path, '{"a": "1", "a": "2"}')


def test_other_json(tmp_path):
    """An array, or a .json file, is refused with what to do."""
    assert ".jsonl" in refusal(tmp_path, '[{"a": 1}]', "list.json").hint
    assert ".jsonl" in refusal(tmp_path, '[{"a": 1}]').hint


def test_F02_other_encodings(tmp_path):
    """JSON is UTF-8."""
    assert "byte" in str(refusal(tmp_path, '{"a": "ü"}'.encode("cp1252")))


def test_F09_endless_line(tmp_path):
    """A line without end is refused."""
    assert "longer" in str(refusal(tmp_path, '{"a": "' + "x" * (9 << 20) + '"}'))


def test_F08_a_key_that_cannot_be_told_is_written_out(tmp_path):
    """Half a surrogate pair in a key spoils its row, not the program: the ledger and the screen can hold the problem."""
    with opened(tmp_path, '{"email": "a@example.com"}\n{"email": "b@example.com", "\\ud800x": 1}') as source:
        (problem,) = list(source.rows())[1].problems
    assert problem.column == "\ufffdx"


def test_a_number_beyond_all_numbers_is_a_problem(tmp_path):
    """`1e999` is JSON, but prints as nothing that anybody meant."""
    with opened(tmp_path, '{"email": "a@example.com", "net": 1e999}') as source:
        (row,) = source.rows()
    assert [problem.column for problem in row.problems] == ["net"]
