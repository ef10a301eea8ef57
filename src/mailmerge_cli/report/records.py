"""Some records of a text list, byte for byte: what stands above the first one, and these.

Rule: lines are counted as the sources count them (LF, CR and CRLF end one), and nothing is decoded that must not be.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterator
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import BinaryIO

from mailmerge_cli.sources.delimited import DelimitedSource
from mailmerge_cli.sources.jsonl import JsonLinesSource

_BREAKS = b"\r\n"


def write_records(out: BinaryIO, source: DelimitedSource | JsonLinesSource, numbers: Collection[int]) -> None:
    """Write the lines above the first record, and the records that begin on these lines (at least one).

    A record ends where the next one begins. Of JSON Lines, whose first object says which columns there are, the first one
    gets the keys that it lacks.
    """
    wanted, begins = frozenset(numbers), [row.number for row in source.rows()]
    lines = _lines(source.path, source.encoding)
    out.writelines(islice(lines, begins[0] - 1))
    keys: list[str] | None = None
    for begin, following in zip_longest(begins, begins[1:]):
        record = list(islice(lines, None if following is None else following - begin))
        if isinstance(source, DelimitedSource):
            record = record[: _height(record, source)]
        else:
            keys, record = keys or _keys(record[0], source.encoding), record[:1]
        if begin in wanted:
            if keys:
                record, keys = [_completed(record[0], source.encoding, keys)], []
            out.writelines(_ended(record, source.encoding))


def _height(lines: list[bytes], source: DelimitedSource) -> int:
    """How many lines the record takes that begins with the first of them."""
    reader = csv.reader(
        (line.decode(source.encoding) for line in lines), delimiter=source.delimiter, strict=True
    )
    next(reader)
    return reader.line_num


def _lines(path: Path, encoding: str) -> Iterator[bytes]:
    """The file's lines, each with its end; together they are the file."""
    with path.open("rb") as stream:
        if _breaks_as_bytes(encoding):
            yield from _cut(stream)
            return
        # UTF-16 and its like: what was decoded strictly comes back as it was.
        with io.TextIOWrapper(stream, encoding, "strict", newline="") as text:
            for line in text:
                yield line.encode(encoding)


def _breaks_as_bytes(encoding: str) -> bool:
    return "\r\n".encode(encoding) == _BREAKS


def _cut(stream: BinaryIO) -> Iterator[bytes]:
    rest = b""
    for chunk in chain(iter(lambda: stream.read(1 << 20), b""), (b"",)):
        rest += chunk
        lines = rest.splitlines(keepends=True)
        # A CR at the end of what was read may be half a CRLF.
        rest = lines.pop() if chunk and lines else b""
        yield from lines
    if rest:
        yield rest


def _ended(record: list[bytes], encoding: str) -> list[bytes]:
    """The record with an end: the file's last one may have none, and then another may follow it."""
    if record[-1].decode(encoding).endswith(("\n", "\r")):
        return record
    return [*record, "\r\n".encode(encoding)]


def _keys(line: bytes, encoding: str) -> list[str]:
    return list(json.loads(line.decode(encoding).lstrip("\ufeff")))


def _completed(line: bytes, encoding: str, keys: list[str]) -> bytes:
    found = json.loads(line.decode(encoding).lstrip("\ufeff"))
    if list(found) == keys:
        return line
    return (json.dumps({key: found.get(key) for key in keys}, ensure_ascii=False) + "\n").encode(encoding)
