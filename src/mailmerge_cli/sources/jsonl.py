"""JSON Lines: one object a line, its keys are the columns.

Rule 1: the first object says which columns there are; a key that it has not is a row's problem, a missing one a blank cell.
Rule 2: a number prints as JSON writes it, since nobody gave it a format.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import BinaryIO, NoReturn

from mailmerge_cli.errors import Problem, Refused
from mailmerge_cli.model.cell import Cell, RealCell, WholeCell
from mailmerge_cli.model.table import Row
from mailmerge_cli.sources.choices import Choices
from mailmerge_cli.sources.encoding import proved
from mailmerge_cli.sources.header import column_number, columns_of
from mailmerge_cli.sources.scruple import FORBIDDEN, forbidden_problems
from mailmerge_cli.sources.snapshot import sealed
from mailmerge_cli.sources.table_file import TableFile, counted

_LONGEST_LINE = 8 << 20
_EXACT = 10**15  # from here on a sheet's number has lost figures
Pairs = list[tuple[str, object]]


class JsonLinesSource(TableFile):
    """A file of JSON objects.

    Raises:
        FileMissing, Refused: see `open_source`.
    """

    def __init__(self, path: Path, choices: Choices) -> None:
        super().__init__(path, choices)
        for said in (choices.table, choices.start, "header_rows" if choices.header_rows else ""):
            if said:
                raise Refused(
                    f"{path} holds objects, whose keys are the titles: “{said}” says nothing about it",
                    hint="leave table, start and header_rows (--table, --start, --header-rows) out",
                )
        proof = proved(self._snapshot, choices.encoding or "utf-8")
        self._encoding, self._skip = proof.encoding, proof.skip
        self.fingerprint = sealed(proof.digest, ("jsonl", proof.encoding))
        self.notes = ()
        first = next((found for found in self._objects_once() if found[1] is not None), None)
        if first is None:
            raise Refused(f"{path} is empty: it holds no object")
        line, pairs = first
        assert pairs is not None
        self.columns, self._opening_notes = columns_of(
            [key for key, _ in pairs], source=str(path), line=line, letter=column_number
        )
        self.notes = self._opening_notes
        # `row["…"]` goes by trimmed titles, the lines go by the keys as they are.
        self._places = {key: place for place, (key, _) in enumerate(pairs)}

    @property
    def encoding(self) -> str:
        """The codec that its characters were decoded by."""
        return self._encoding

    def _objects_once(self) -> Iterator[tuple[int, Pairs | None]]:
        with self._snapshot.open() as stream:
            yield from self._objects(stream)

    def _objects(self, stream: BinaryIO) -> Iterator[tuple[int, Pairs | None]]:
        """Line numbers and what stands there; None for a blank line."""
        stream.seek(self._skip)
        with io.TextIOWrapper(stream, self._encoding, "strict", newline="\n") as lines:
            for number in count(1):
                line = lines.readline(_LONGEST_LINE)
                if not line:
                    return
                if len(line) == _LONGEST_LINE:
                    raise self._refusal(number, f"the line is longer than {_LONGEST_LINE:,} characters")
                text = line.strip()
                yield number, self._pairs(number, text) if text else None

    def _pairs(self, number: int, text: str) -> Pairs:
        try:
            found = _DECODER.decode(text)
        except (ValueError, RecursionError) as fault:
            place = f" at character {fault.colno}" if isinstance(fault, json.JSONDecodeError) else ""
            raise self._refusal(number, f"this is no JSON object{place}") from fault
        if not isinstance(found, _Object):
            raise self._refusal(number, "each line must be one JSON object, such as {…}")
        return found.pairs

    def _read(self, stream: BinaryIO) -> Iterator[Row]:
        blank = trailing = 0
        for number, pairs in self._objects(stream):
            row = None if pairs is None else self._row(number, pairs)
            if row is None:
                trailing += 1
            else:
                blank, trailing = blank + trailing, 0
                yield row
        skipped = (f"{counted(blank, 'blank row was', 'blank rows were')} skipped",) if blank else ()
        self.notes = self._opening_notes + skipped

    def _row(self, number: int, pairs: Pairs) -> Row | None:
        """A row; None for one without any value."""
        cells: list[Cell] = [""] * len(self.columns)
        problems: list[Problem] = []
        seen: set[str] = set()
        for key, value in pairs:
            place = self._places.get(key)
            wrong = _fault(value)
            if key in seen:
                problems.append(Problem(number, _shown(key), "key", "the key stands in the object twice"))
            elif place is None:
                text = "the first object of the file has no such key"
                problems.append(Problem(number, _shown(key), "key", text))
            elif wrong:
                problems.append(Problem(number, key, "value", wrong))
            else:
                cells[place] = _cell(value)
            seen.add(key)
        if not problems and all(isinstance(cell, str) and not cell.strip() for cell in cells):
            return None
        if FORBIDDEN.search("".join([cell for cell in cells if type(cell) is str])):
            problems += forbidden_problems(number, cells, self.columns)
        return Row(number, tuple(cells), tuple(problems))

    def _refusal(self, line: int, message: str) -> Refused:
        problem = Problem(line, None, "json", message)
        return Refused(f"{self._snapshot.path}, line {line}: {message}", problems=(problem,))


class _Object:
    """An object as its pairs, so that a key that stands twice is seen."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: Pairs) -> None:
        self.pairs = pairs


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_Object, parse_constant=_no_number)


def _shown(key: str) -> str:
    """A key as a message may hold it; a title that cannot be told has been refused with the first object."""
    return FORBIDDEN.sub("\ufffd", key)


def _fault(value: object) -> str:
    """Why a value is no cell; nothing if it is one."""
    if isinstance(value, list | _Object):
        return "a list or an object is no cell; write a text or a number"
    if isinstance(value, float) and not math.isfinite(value):
        return "the number is too large; write it as a text"
    return ""


def _cell(value: object) -> Cell:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return WholeCell(value, "BOOLEAN")
    if isinstance(value, int):
        return WholeCell(value, "0") if -_EXACT < value < _EXACT else str(value)
    assert isinstance(value, float)
    return RealCell(value)
