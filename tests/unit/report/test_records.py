"""Some records of a text list are what they were, byte for byte."""

from __future__ import annotations

import codecs
import json
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailmerge_cli.report.records import write_records
from mailmerge_cli.sources import open_source
from mailmerge_cli.sources.delimited import DelimitedSource
from mailmerge_cli.sources.jsonl import JsonLinesSource


def some(path: Path, *numbers: int, encoding: str = "") -> bytes:
    source = open_source(path, encoding=encoding)
    assert isinstance(source, DelimitedSource | JsonLinesSource)
    out = BytesIO()
    write_records(out, source, numbers)
    return out.getvalue()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("gb18030", b""),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
    ],
)
def test_records_keep_their_bytes(tmp_path: Path, encoding: str, mark: bytes, end: str) -> None:
    """Mark, encoding, delimiter, quotes and line ends; a cell of several lines; no blank line and no totals behind it."""
    lines = [
        "姓名;email;note",
        "张三;a@example.org;x",
        '李四;b@example.org;"two',
        'lines; ""quoted"""',
        "",
        "王五;c@example.org;",
    ]
    content = mark + (end.join(lines) + end).encode(encoding)
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    kept = mark + end.join([lines[0], *lines[2:4], ""]).encode(encoding)

    assert some(path, 3, encoding="" if mark else encoding) == kept


def test_a_last_line_without_an_end_gets_one(tmp_path: Path) -> None:
    """So that nothing that is appended becomes part of it."""
    path = tmp_path / "list.csv"
    path.write_bytes(b"sep=;\nid;email\n1;a@example.org\n2;b@example.org")

    assert some(path, 4) == b"sep=;\nid;email\n2;b@example.org\r\n"


def test_json_lines_keep_their_columns(tmp_path: Path) -> None:
    """The first object says which columns there are, so the first one that is left gets those that it lacks."""
    path = tmp_path / "list.jsonl"
    lines = [
        '{"id": 1, "email": "a@example.org", "note": "é"}',
        '{"id": 2, "email": "b@example.org"}',
        '{"id": 3,"email": "c@example.org"}',
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    kept = some(path, 2, 3).decode().splitlines()

    assert json.loads(kept[0]) == {"id": 2, "email": "b@example.org", "note": None}
    assert kept[1] == lines[2]


fields = st.text(st.sampled_from('ab",;\n\r é'), max_size=5)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(fields, fields), min_size=1, max_size=6), st.data())
def test_what_is_copied_reads_the_same(
    tmp_path_factory: pytest.TempPathFactory, table: list[tuple[str, str]], data: st.DataObject
) -> None:
    """Whatever stands in the cells, the records that are asked for read as they did, and there are no others."""
    quoted = [
        "email,b",
        *('"x' + a.replace('"', '""') + '","' + b.replace('"', '""') + '"' for a, b in table),
    ]
    path = tmp_path_factory.mktemp("records") / "list.csv"
    path.write_bytes("\n".join(quoted).encode())
    with open_source(path) as source:
        rows = list(source.rows())
    chosen = (
        data.draw(st.lists(st.sampled_from(rows), min_size=1, unique_by=lambda row: row.number))
        if rows
        else []
    )
    if not chosen:
        return
    copy = path.with_name("copy.csv")
    copy.write_bytes(some(path, *(row.number for row in chosen)))
    with open_source(copy) as source:
        assert [row.cells for row in source.rows()] == [row.cells for row in rows if row in chosen]
