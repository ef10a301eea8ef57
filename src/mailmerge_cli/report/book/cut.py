"""A part's XML cut into what stands before a list of elements, each element, and what stands behind: bytes as they are in the file.

Rule: only plain markup is cut. Where a comment, CDATA or another encoding than UTF-8 could deceive, `NoCopy` is raised instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from mailmerge_cli.sources.ranges import column_index

_HEAD = 32 << 20
_ELEMENT = 8 << 20
_PREFIX = rb"((?:[A-Za-z_][\w.-]*:)?)"
_REST = rb"(?=[\s/>])(?:[^<>\"']++|\"[^<\"]*+\"|'[^<']*+')*+>"
_DECLARATION = re.compile(rb"\s*<\?xml[^>]*\?>")
_ENCODING = re.compile(rb"encoding\s*=\s*[\"']([^\"']*)[\"']")
PLACE = re.compile(rb"\sr\s*=\s*[\"']([A-Z]{1,3})\d")
"""The column's letters in a cell's start tag."""

_NUMBER = re.compile(rb"\sr\s*=\s*[\"'](\d{1,7})[\"']")
_SPACE = b" \t\r\n"


class NoCopy(Exception):
    """This workbook cannot be copied; the text is a half sentence that says why."""


class Piece(Enum):
    """What a piece of a part is."""

    HEAD = 1  # to the end of the list's start tag
    ELEMENT = 2
    TAIL = 3  # from the list's end tag on; may come in several pieces


def tag_of(name: bytes) -> re.Pattern[bytes]:
    """Finds the start tag, or the empty element, of that local name; group 1 is its prefix with the colon."""
    return re.compile(b"<" + _PREFIX + name + _REST)


_CELL = tag_of(b"c")


def cut(chunks: Iterable[bytes], parent: bytes, child: bytes) -> Iterator[tuple[Piece, bytes]]:
    """A part in pieces; all of them joined are the part. White space between elements goes with the one behind it.

    Raises:
        NoCopy: there is no such list, or it is not written plainly.
    """
    source = iter(chunks)
    head, rest = _head(source, tag_of(parent))
    yield Piece.HEAD, head
    if head.endswith(b"/>"):
        raise NoCopy("its sheet is empty")
    wanted, at = tag_of(child), 0
    while True:
        found = _next(rest, at, wanted)
        if found is None:
            more = next(source, b"")
            if not more or len(rest) - at > _ELEMENT:
                raise NoCopy("its sheet is written in an unusual way")
            rest, at = rest[at:] + more, 0
        elif found < 0:
            break
        else:
            yield Piece.ELEMENT, rest[at:found]
            at = found
    yield Piece.TAIL, rest[at:]
    for chunk in source:
        yield Piece.TAIL, chunk


def _head(source: Iterator[bytes], opening: re.Pattern[bytes]) -> tuple[bytes, bytes]:
    """Everything to the end of the list's start tag, and what was read beyond."""
    head = b""
    for chunk in source:
        head += chunk
        if found := opening.search(head):
            head, rest = head[: found.end()], head[found.end() :]
            plain = _DECLARATION.match(head)
            said = _ENCODING.search(plain[0]) if plain else None
            if said and said[1].lower() not in (b"utf-8", b"us-ascii"):
                raise NoCopy("it is not written in UTF-8")
            _refuse_hidden_markup(head[plain.end() if plain else 0 :])
            return head, rest
        if len(head) > _HEAD:
            break
    raise NoCopy("its sheet is written in an unusual way")


def _next(text: bytes, at: int, wanted: re.Pattern[bytes]) -> int | None:
    """Where the element at `at` ends; -1 if the list ends there, None if more must be read to know."""
    begin = at
    while text[begin : begin + 1] in (b" ", b"\t", b"\r", b"\n"):
        begin += 1
    if text.startswith(b"</", begin):
        return -1
    opened = wanted.match(text, begin)
    if opened is None:
        if len(text) - begin > _HEAD >> 8:  # a whole start tag would have been found by now
            raise NoCopy("its sheet is written in an unusual way")
        return None
    if text.endswith(b"/>", 0, opened.end()):
        return opened.end()
    closing = b"</" + opened[1] + _name(opened) + b">"
    close = text.find(closing, opened.end())
    if close < 0:
        return None
    _refuse_hidden_markup(text[begin:close])
    return close + len(closing)


def _name(opened: re.Match[bytes]) -> bytes:
    begin = opened.end(1)
    end = begin
    text = opened.string
    while text[end] not in b" \t\r\n/>":
        end += 1
    return text[begin:end]


def _refuse_hidden_markup(text: bytes) -> None:
    if b"<!" in text or b"<?" in text:
        raise NoCopy("its sheet holds comments or CDATA")


@dataclass(frozen=True, slots=True)
class CutCell:
    """Where a cell stands in its row's XML.

    Attributes:
        place: its column from 0.
        begin, end: of the whole element.
        inner: where its start tag ends; equals `end` for an empty element.
    """

    place: int
    begin: int
    inner: int
    end: int


def cells_of(row: bytes) -> list[CutCell]:
    """The cells of a row's XML, in their order."""
    found: list[CutCell] = []
    place, at = -1, row.find(b">") + 1
    while opened := _CELL.search(row, at):
        said = PLACE.search(opened[0])
        place = column_index(said[1].decode()) if said else place + 1
        end = opened.end()
        if not row.endswith(b"/>", 0, end):
            closing = b"</" + opened[1] + b"c>"
            close = row.find(closing, end)
            if close < 0:
                raise NoCopy("its sheet is written in an unusual way")
            end = close + len(closing)
        found.append(CutCell(place, opened.start(), opened.end(), end))
        at = end
    return found


def row_number(row: bytes, last: int) -> int:
    """The row's number, as Excel counts."""
    said = _NUMBER.search(row, 0, row.find(b">") + 1)
    return int(said[1]) if said else last + 1
