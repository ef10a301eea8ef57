"""CSV and its like (RFC 4180, and what people's Excel makes of it): text cells, one record a row.

Rule: a row's number is the line on which its record begins, as a person finds it in an editor.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from mailmerge_cli.errors import Problem, Refused
from mailmerge_cli.model.table import Row
from mailmerge_cli.sources.choices import Choices
from mailmerge_cli.sources.delimiter import excel_says, found_delimiter, named_delimiter
from mailmerge_cli.sources.encoding import proved
from mailmerge_cli.sources.header import column_number, columns_of
from mailmerge_cli.sources.levels import LINES, Line, find_titles
from mailmerge_cli.sources.quotes import Swallowed, opening_line
from mailmerge_cli.sources.ranges import read_range
from mailmerge_cli.sources.scruple import FORBIDDEN, forbidden_problems
from mailmerge_cli.sources.snapshot import sealed
from mailmerge_cli.sources.table_file import TableFile, counted

if TYPE_CHECKING:
    from _csv import Reader

LONGEST = 131_072
"""Characters of one cell; a sheet's cell holds 32,767."""

_FIELD_LIMIT = 8 << 20  # where an unclosed quote stops eating memory
_SHOWN = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars"}


class DelimitedSource(TableFile):
    """A delimited text file.

    Raises:
        FileMissing, Refused: see `open_source`.
    """

    def __init__(self, path: Path, choices: Choices) -> None:
        super().__init__(path, choices)
        self._proof = proved(self._snapshot, choices.encoding)
        self._delimiter, self._above = self._found_delimiter(choices.delimiter)
        if choices.table:
            raise Refused(
                f"{path} is a text file: it has no table “{choices.table}”", hint="leave table (--table) out"
            )
        self._start, self._left = _begin(choices.start)
        titles, self._below, header_notes = self._found_header()
        self.columns, notes = columns_of(titles, source=str(path), line=self._below, letter=self._letter)
        self._swallowed = Swallowed(self._delimiter, len(self.columns))
        self._opening_notes = header_notes + notes + self._guesses()
        self.notes = self._opening_notes
        self.fingerprint = sealed(
            self._proof.digest,
            ("delimited", self._proof.encoding, self._delimiter, choices.start, str(choices.header_rows)),
        )

    def _letter(self, index: int) -> str:
        return column_number(index + self._left)

    @property
    def encoding(self) -> str:
        """The codec that its characters were decoded by."""
        return self._proof.encoding

    @property
    def guess(self) -> str:
        """The codec, where it is only the most plausible one; empty where the person, a mark or the octets themselves said it."""
        return "" if not self._proof.guessed or self.encoding.startswith("utf-16") else self.encoding

    @property
    def delimiter(self) -> str:
        """What stands between the fields."""
        return self._delimiter

    def _text(self, stream: BinaryIO) -> io.TextIOWrapper:
        """The file's characters; line ends are left as they are."""
        stream.seek(self._proof.skip)
        return io.TextIOWrapper(stream, self._proof.encoding, "strict", newline="")

    def _found_delimiter(self, wanted: str) -> tuple[str, int]:
        """The delimiter, and the number of lines above the header that say it (`sep=;`)."""
        with self._snapshot.open() as stream, self._text(stream) as text:
            lines = [line[: 1 << 16] for line in islice(text, 300)]
        said = excel_says(lines[0]) if lines else ""
        if wanted:
            return named_delimiter(wanted), int(bool(said))
        return said or found_delimiter(lines), int(bool(said))

    def _found_header(self) -> tuple[tuple[tuple[str, ...], ...], int, tuple[str, ...]]:
        """The titles of each column, the last line that they take, and notes about them."""
        path, ends = str(self._snapshot.path), [0]
        lines: list[Line] = []
        for number, end, record in islice(self._top(), LINES):
            lines.append(Line(len(ends), number, record))
            ends.append(end)
        if not lines:
            raise Refused(f"{path} is empty: it has no header and no rows")
        exact = bool(self._start)
        if exact and lines[0].number != self._start:
            raise Refused(f"{path}: line {self._start}, where the titles should begin, is blank")
        titles = find_titles(lines, (), source=path, wanted=self._choices.header_rows, exact=exact)
        bottom = min(titles.bottom, len(lines))
        # A title may be blank, but its field counts for the width of the rows.
        width = max(len(line.cells) for line in lines[titles.top - 1 : bottom])
        return titles.paths + ((),) * (width - len(titles.paths)), ends[bottom], titles.notes

    def _top(self) -> Iterator[tuple[int, int, list[str]]]:
        """First line, last line and fields of the first records that are not blank."""
        with self._snapshot.open() as stream, self._text(stream) as text:
            line = self._above
            reader = self._reader(text)
            try:
                for record in reader:
                    begin, line = line + 1, reader.line_num + self._above
                    fields = record[self._left :]
                    if begin >= self._start and any(map(str.strip, fields)):
                        yield begin, line, fields
            except csv.Error as fault:
                raise self._broken(line, reader.line_num + self._above, fault) from fault

    def _reader(self, text: io.TextIOWrapper) -> Reader:
        # It counts for the whole program, so it is only ever raised.
        csv.field_size_limit(max(csv.field_size_limit(), _FIELD_LIMIT))
        return csv.reader(islice(text, self._above, None), delimiter=self._delimiter, strict=True)

    def _guesses(self) -> tuple[str, ...]:
        notes = []
        if self._proof.guessed:
            told = f"read as {self.encoding.upper()}, which is a guess: look at the names in a preview"
            said = f"; if they are right, say so with --encoding {self.encoding}, which `send --yes` asks for"
            notes.append(told + said if self.guess else told)
        if self._delimiter != "," and not self._choices.delimiter and len(self.columns) > 1:
            notes.append(f"its fields are parted by {_SHOWN.get(self._delimiter, self._delimiter)}")
        return tuple(notes)

    def _read(self, stream: BinaryIO) -> Iterator[Row]:
        with self._text(stream) as text:
            reader = self._reader(text)
            try:
                yield from self._records(reader)
            except UnicodeDecodeError as fault:
                # Every byte was decoded when the source was opened.
                self._snapshot.verify()
                raise Refused(f"{self._snapshot.path} cannot be decoded any more") from fault

    def _records(self, reader: Reader) -> Iterator[Row]:
        width, clean, above = len(self.columns), self._proof.clean, self._above
        left = self._left
        line = last_blank = above
        blank = trailing = 0
        try:
            for record in reader:
                begin, line = line + 1, reader.line_num + above
                if line <= self._below:
                    continue
                if left:
                    record = record[left:]
                text = "".join(record)
                if not text or text.isspace():
                    trailing = trailing + 1 if last_blank == begin - 1 else 1
                    blank, last_blank = blank + 1, line
                elif len(record) == width and line == begin and clean and len(text) <= LONGEST:
                    yield Row(begin, tuple(record))
                else:
                    yield self._doubtful(record, begin, line)
        except csv.Error as fault:
            self._snapshot.verify()
            raise self._broken(line, reader.line_num + above, fault) from fault
        self.notes = self._opening_notes + self._skipped(blank - (trailing if last_blank == line else 0))

    def _skipped(self, blank: int) -> tuple[str, ...]:
        return (f"{counted(blank, 'blank row was', 'blank rows were')} skipped",) if blank else ()

    def _doubtful(self, record: list[str], begin: int, end: int) -> Row:
        """A row that is looked at closely, because it is not of the plain kind."""
        if end > begin and self._swallowed(record):
            message = f"a quote opens here and swallows lines up to {end}; close it, or double it if it belongs to the text"
            raise self._refusal(begin, message)
        problems = []
        width = len(self.columns)
        if len(record) != width:
            message = f"{counted(len(record), 'field', 'fields')} where the header has {width}; its values may be shifted"
            problems.append(Problem(begin, None, "fields", message))
            record = [*record[:width], *[""] * (width - len(record))]
        problems += [
            Problem(
                begin,
                column.title or column.letter,
                "length",
                f"the cell has more than {LONGEST:,} characters",
            )
            for cell, column in zip(record, self.columns, strict=True)
            if len(cell) > LONGEST
        ]
        if FORBIDDEN.search("".join(record)):
            problems += forbidden_problems(begin, record, self.columns)
        return Row(begin, tuple(record), tuple(problems))

    def _broken(self, line: int, end: int, fault: csv.Error) -> Refused:
        """What a record that begins behind `line` and cannot be read by line `end` suffers from."""
        with self._snapshot.open() as stream, self._text(stream) as text:
            opened = line + 1 + opening_line(islice(text, line, end), self._delimiter)
        if "expected after" in str(fault):
            message = "a quote opens here and closes within a field; double it if it belongs to the text"
        else:
            message = "a quote opens here and is never closed"
        return self._refusal(opened, message)

    def _refusal(self, line: int, message: str) -> Refused:
        problem = Problem(line, None, "quote", message)
        return Refused(f"{self._snapshot.path}, line {line}: {message}", problems=(problem,))


def _begin(start: str) -> tuple[int, int]:
    """Line from 1 and field from 0 of the first title; line 0 where nothing is said."""
    found = read_range(start) if start else None
    return (found.top, found.left) if found else (0, 0)
