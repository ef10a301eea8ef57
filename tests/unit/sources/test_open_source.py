"""Which source reads which file, and what is refused before any does (F23)."""

from __future__ import annotations

import errno
import importlib.metadata
import io
import os
import stat
import sys
import zipfile
from pathlib import Path

import pytest

from mailmerge_cli.errors import FileMissing, LedgerFault, Refused, UsageFault
from mailmerge_cli.model.table import Column, Row, Source
from mailmerge_cli.sources import open_source, spool_stdin
from support.tables import sheet_xml, text_rows, write_package

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 1000


def zipped(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.doc", OLE, "a damaged or incomplete Office document"),
        ("a.xlsb", zipped("[Content_Types].xml", "xl/workbook.bin"), "damaged"),
        ("a.ods", zipped("mimetype", "content.xml"), "damaged"),
        (
            "a.ods",
            zipped("mimetype", "encrypted-package"),
            "protected by a password of LibreOffice's own kind",
        ),
        ("a.docx", zipped("[Content_Types].xml", "word/document.xml"), "Word"),
        ("a.zip", zipped("list.csv"), "a zip archive; unpack it"),
        ("a.xlsx", b"email,name\na@example.com,Ann\n", "text file with the ending .xlsx"),
        ("a.xls", b"email\tname\n", "text file with the ending .xls"),
        ("a.xls", b"<html><table><tr><td>email</td></tr></table></html>", "a web page"),
        ("a.xls", b'<?xml version="1.0"?><Workbook/>', "an XML file"),
        ("a.csv", b"%PDF-1.7\n", "a PDF"),
        ("a.csv", b"\x1f\x8b\x08\x00", "gzip"),
        ("a.csv", b"SQLite format 3\x00", "SQLite"),
        ("a.csv", b"\x89PNG\r\n\x1a\n", "picture"),
        ("a.xlsx", b"PK\x03\x04 and no more", "damaged or incomplete"),
        ("a.csv", b"", "empty"),
    ],
)
def test_F23_what_it_is(tmp_path, name, content, words):
    """A file that is no table is refused with what it is."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(Refused, match=words) as caught:
        open_source(path)
    assert name in str(caught.value)


def test_F23_folder(tmp_path):
    """A folder is none."""
    with pytest.raises(Refused, match="a folder"):
        open_source(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders here")
def test_F23_pipe_and_device(tmp_path):
    """A named pipe does not hang the program, a device does not fill the memory."""
    pipe = tmp_path / "list.csv"
    os.mkfifo(pipe)
    with pytest.raises(Refused, match="a pipe"):
        open_source(pipe)
    with pytest.raises(Refused, match="a device"):
        open_source(Path("/dev/zero"))


def test_missing(tmp_path):
    """A file that is not there, or in a folder that is a file, is missing."""
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "no.csv", tmp_path / "file" / "no.csv", tmp_path / "a\0b.csv"):
        with pytest.raises(FileMissing):
            open_source(path)


def test_unreadable(tmp_path, monkeypatch):
    """A file that may not be read is told as such."""
    path = tmp_path / "list.csv"
    path.write_text("a,b\n")

    def refuse(*args: object, **kwargs: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(FileMissing, match="cannot be read: Permission denied"):
        open_source(path)


def test_hidden_policy_is_a_known_word(tmp_path):
    """Another word for hidden rows is a fault of the caller."""
    path = tmp_path / "list.csv"
    path.write_text("a,b\n")
    with pytest.raises(UsageFault, match="refuse, skip or send"):
        open_source(path, hidden="maybe")


@pytest.mark.parametrize(
    ("content", "titles"),
    [
        (b"email,name\na@example.com,Ann\n", ["email", "name"]),
        (b'{"email": "a@example.com", "n": 1}\n', ["email", "n"]),
    ],
)
def test_standard_input(tmp_path, content, titles):
    """It is kept in a private file, and read as often as one likes."""
    spool = tmp_path / "list"
    with open_source(Path("-"), stdin=io.BytesIO(content), spool=spool) as source:
        assert [column.title for column in source.columns] == titles
        assert len(list(source.rows())) == len(list(source.rows())) == 1
    assert spool.read_bytes() == content
    if os.name == "posix":
        assert stat.S_IMODE(spool.stat().st_mode) == 0o600


def test_standard_input_workbook(tmp_path):
    """A workbook may come that way too."""
    book = write_package(tmp_path / "book.xlsx", sheet_xml(text_rows([("a", "b"), ("1", "2")])))
    with open_source(None, stdin=io.BytesIO(book.read_bytes()), spool=tmp_path / "list") as source:
        assert [row.cells for row in source.rows()] == [("1", "2")]


def test_standard_input_refusals(tmp_path):
    """Nothing came; it is not there at all; the place is taken; the folder is missing."""
    with pytest.raises(Refused, match="standard input is empty"):
        open_source(None, stdin=io.BytesIO(b""), spool=tmp_path / "list")
    assert not (tmp_path / "list").exists()
    with pytest.raises(UsageFault):
        open_source(None)
    (tmp_path / "taken").write_text("x")
    with pytest.raises(LedgerFault, match="taken"):
        spool_stdin(io.BytesIO(b"a,b\n"), tmp_path / "taken")
    assert (tmp_path / "taken").read_text() == "x"
    with pytest.raises(LedgerFault):
        spool_stdin(io.BytesIO(b"a,b\n"), tmp_path / "no" / "list")
    with pytest.raises(Refused, match="standard input is a PDF"):
        open_source(None, stdin=io.BytesIO(b"%PDF-1.7"), spool=tmp_path / "pdf")


def test_standard_input_without_a_place():
    """Without a place it is kept in a temporary file of its own."""
    path = spool_stdin(io.BytesIO(b"a,b\n1,2\n"))
    try:
        assert path.read_bytes() == b"a,b\n1,2\n"
    finally:
        path.unlink()


class LinesSource(Source):
    """A third party's source: one column, one row a line."""

    def __init__(self, path: Path, choices: object) -> None:
        self._path = path
        self.columns = (Column(0, "line", "line", "1"),)
        self.fingerprint = "0" * 64
        self.notes = ()

    def rows(self):
        for number, line in enumerate(self._path.read_text().splitlines(), 1):
            yield Row(number, (line,))

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        pass


def test_third_parties(tmp_path, monkeypatch):
    """An entry point is asked by the file's ending, but never for what a built-in source reads."""
    module = type(sys)("lines_plugin")
    module.LinesSource = LinesSource
    monkeypatch.setitem(sys.modules, "lines_plugin", module)
    entry = [
        importlib.metadata.EntryPoint(name, "lines_plugin:LinesSource", "mailmerge_cli.sources")
        for name in ("lines", "ods", "csv")
    ]
    monkeypatch.setattr(
        importlib.metadata, "entry_points", lambda group: [e for e in entry if e.group == group]
    )
    (tmp_path / "a.lines").write_text("one\ntwo\n")
    with open_source(tmp_path / "a.lines") as source:
        assert [row.cells for row in source.rows()] == [("one",), ("two",)]
    (tmp_path / "a.ods").write_bytes(zipped("content.xml"))
    assert isinstance(open_source(tmp_path / "a.ods"), LinesSource)
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    with open_source(tmp_path / "a.csv") as source:
        assert len(source.columns) == 2


def test_F26_file_replaced_between_passes(tmp_path):
    """A file that another one took the place of is refused, though the source had it open before."""
    path = tmp_path / "list.csv"
    path.write_text("email\na@example.com\n")
    with open_source(path) as source:
        assert len(list(source.rows())) == 1
        other = tmp_path / "new.csv"
        other.write_text("email\nb@example.com\n")
        other.replace(path)
        with pytest.raises(Refused, match="changed while it was being read") as caught:
            list(source.rows())
    assert caught.value.reason == "changed"


def test_F26_file_removed(tmp_path):
    """A file that is gone is missing."""
    path = tmp_path / "list.csv"
    path.write_text("email\na@example.com\n")
    with open_source(path) as source:
        path.unlink()
        with pytest.raises(FileMissing):
            list(source.rows())


def test_import_is_light():
    """Opening a CSV loads no reader of workbooks and no detector of encodings; importing loads neither."""
    import subprocess

    code = (
        "import sys, mailmerge_cli.sources\n"
        "heavy = {'openpyxl', 'charset_normalizer', 'mailmerge_cli.sources.xlsx.source', 'xml.parsers.expat', 'jinja2', 'csv'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
