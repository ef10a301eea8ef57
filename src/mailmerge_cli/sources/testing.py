"""The contract of sources as a suite of tests; whoever writes a source inherits from it and runs pytest.

    class TestMySource(SourceContract):
        ending = ".my"

        def write(self, path, table):
            ...

pytest itself is not needed to import this file.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from mailmerge_cli.errors import FileMissing, Refused
from mailmerge_cli.model.table import Row, Source
from mailmerge_cli.sources.registry import open_source

Table = Sequence[Sequence[str]]

TITLES = ("Work e-mail", "姓名", "net", "13薪")
TABLE: Table = (
    TITLES,
    ("ann@example.com", "王伟", "12.50", "1"),
    ("bob@example.com", 'Bob "B" Smith, Jr.', "0", ""),
    ("cle@example.com", "Zoë\nline two", "-3", "x"),
)


class SourceContract(ABC):
    """What every source promises. Text cells only: how numbers look is each format's own matter.

    Attributes:
        ending: of the files that the source reads, with its dot.
    """

    ending: str = ""

    @abstractmethod
    def write(self, path: Path, table: Table) -> None:
        """Write a table of texts, titles first, as a file that the source reads. An empty row is a blank one."""

    def open(self, path: Path) -> Source:
        """Open it; as the program does, by default."""
        return open_source(path)

    def test_columns(self, tmp_path: Path) -> None:
        """Columns have their titles, the names that templates use, and places from 0."""
        with self._source(tmp_path, TABLE) as source:
            assert tuple(column.title for column in source.columns) == TITLES
            assert tuple(column.name for column in source.columns) == ("work_e_mail", "姓名", "net", "_13薪")
            assert tuple(column.index for column in source.columns) == (0, 1, 2, 3)
            assert all(column.letter for column in source.columns)

    def test_rows(self, tmp_path: Path) -> None:
        """Rows come in the order of the file, each with one cell a column, looking as they were written."""
        with self._source(tmp_path, TABLE) as source:
            assert [_looks(row) for row in source.rows()] == [tuple(row) for row in TABLE[1:]]

    def test_numbers_rise(self, tmp_path: Path) -> None:
        """A row's number is the person's; it rises, and the header is above the first row."""
        with self._source(tmp_path, TABLE) as source:
            numbers = [row.number for row in source.rows()]
        assert numbers == sorted(set(numbers))
        assert numbers[0] > 0

    def test_sound_rows_have_no_problems(self, tmp_path: Path) -> None:
        """Nothing is wrong with a sound row."""
        with self._source(tmp_path, TABLE) as source:
            assert [row.problems for row in source.rows()] == [()] * 3

    def test_passes_are_equal(self, tmp_path: Path) -> None:
        """A second pass gives the same rows, even while another one is under way."""
        with self._source(tmp_path, TABLE) as source:
            first = source.rows()
            next(first)
            again = [_looks(row) for row in source.rows()]
            assert again[1:] == [_looks(row) for row in first]

    def test_fingerprint(self, tmp_path: Path) -> None:
        """Equal files have equal fingerprints; one changed cell changes it; no cell can be read out of it."""
        with self._source(tmp_path, TABLE) as one, self._source(tmp_path, TABLE) as same:
            assert one.fingerprint == same.fingerprint
        changed = [*TABLE[:3], ("cle@example.com", "Zoë\nline two", "-4", "x")]
        with self._source(tmp_path, changed) as other:
            assert other.fingerprint != one.fingerprint
        assert len(one.fingerprint) == 64

    def test_size_and_guess(self, tmp_path: Path) -> None:
        """Both are answered, if only as `Source` does by itself: octets, or 0; an encoding, or nothing."""
        with self._source(tmp_path, TABLE) as source:
            assert source.size >= 0
            assert isinstance(source.guess, str)

    def test_blank_rows_are_skipped(self, tmp_path: Path) -> None:
        """A blank row in the middle ends nothing, and a note counts it (F16)."""
        with self._source(tmp_path, [*TABLE[:2], [], *TABLE[2:]]) as source:
            assert [_looks(row) for row in source.rows()] == [tuple(row) for row in TABLE[1:]]
            assert any("1 blank row" in note for note in source.notes)

    def test_header_alone(self, tmp_path: Path) -> None:
        """A header without rows is a table; whether that is enough is decided elsewhere."""
        with self._source(tmp_path, TABLE[:1]) as source:
            assert tuple(column.title for column in source.columns) == TITLES
            assert list(source.rows()) == []

    def test_twin_titles_are_refused(self, tmp_path: Path) -> None:
        """Two titles that differ in blanks and case alone are refused before any row (F06)."""
        fault = self._refused(tmp_path, [("Name", "net", " NAME "), ("a", "1", "b")])
        assert fault.problems

    def test_control_characters(self, tmp_path: Path) -> None:
        """A control character is a problem of its row, and its cell is not told (F08)."""
        with self._source(tmp_path, [*TABLE[:2], ("secret\x7f@example.com", "x", "1", "1")]) as source:
            rows = list(source.rows())
        assert rows[0].problems == ()
        assert [problem.row for problem in rows[1].problems] == [rows[1].number]
        assert rows[1].problems[0].column == TITLES[0]
        assert "secret" not in rows[1].problems[0].message

    def test_changed_file_is_refused(self, tmp_path: Path) -> None:
        """A file that changes during a pass, or between two, is refused (F26)."""
        path = tmp_path / f"changes{self.ending}"
        self.write(path, TABLE)
        with self.open(path) as source:
            rows = source.rows()
            next(rows)
            found = path.stat()
            os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns + 10**9))
            assert _fault(lambda: list(rows)) is not None
            assert _fault(lambda: list(source.rows())) is not None

    def test_missing_file(self, tmp_path: Path) -> None:
        """A file that does not exist is named."""
        path = tmp_path / f"nowhere{self.ending}"
        told = ""
        try:
            self.open(path)
        except FileMissing as fault:
            told = str(fault)
        assert path.name in told

    def test_closed(self, tmp_path: Path) -> None:
        """After the context nothing of the file is held open, though a pass had only begun."""
        with self._source(tmp_path, TABLE) as source:
            rows = source.rows()
            next(rows)
        held = Path(f"/proc/{os.getpid()}/fd")
        if held.exists():
            names = {str(link.readlink()) for link in held.iterdir() if link.is_symlink()}
            assert not any(name.startswith(str(tmp_path)) for name in names)

    def _source(self, folder: Path, table: Table) -> Source:
        path = folder / f"table-{len(list(folder.iterdir()))}{self.ending}"
        self.write(path, table)
        return self.open(path)

    def _refused(self, folder: Path, table: Table) -> Refused:
        fault = _fault(lambda: self._source(folder, table))
        assert fault is not None
        return fault


def _looks(row: Row) -> tuple[str, ...]:
    return tuple(str(cell) for cell in row.cells)


def _fault(act: object) -> Refused | None:
    """The refusal that an act ends in; None if it ends well."""
    assert callable(act)
    try:
        act()
    except Refused as fault:
        return fault
    return None
