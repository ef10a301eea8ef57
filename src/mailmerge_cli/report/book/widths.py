"""The columns of a sheet's head: made wide enough for the answers, and visible, without touching the others."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mailmerge_cli.report.book.cut import tag_of
from mailmerge_cli.sources.header import column_letter
from mailmerge_cli.sources.ranges import column_index

_DATA = tag_of(b"sheetData")
_COLUMN = tag_of(b"col")
_MIN = re.compile(rb"(\smin\s*=\s*[\"'])(\d{1,5})([\"'])")
_MAX = re.compile(rb"(\smax\s*=\s*[\"'])(\d{1,5})([\"'])")
_DIMENSION = re.compile(
    rb"(<(?:[A-Za-z_][\w.-]*:)?dimension\s[^<>]*?ref\s*=\s*[\"'])([A-Z]{1,3})(\d{1,7})(?::([A-Z]{1,3})(\d{1,7}))?(?=[\"'])"
)


def widened(head: bytes, widths: Mapping[int, int], last: int) -> bytes:
    """A sheet's head with these columns (from 0) of these widths (characters); `last` is its last row."""
    data = _DATA.search(head)
    assert data is not None
    prefix, before, opening = data[1], head[: data.start()], head[data.start() :]
    new = {
        place + 1: b'<%scol min="%d" max="%d" width="%d" customWidth="1"/>' % (prefix, place + 1, place + 1, width)
        for place, width in widths.items()
    }  # fmt: skip
    begin, end, old = _columns(before, prefix)
    kept = [piece for tag in old for piece in _without(tag, sorted(new))]
    tags = sorted([*kept, *new.items()], key=lambda one: one[0])
    cols = b"<%scols>" % prefix + b"".join(tag for _, tag in tags) + b"</%scols>" % prefix
    return _dimension(before[:begin], max(widths), last) + cols + before[end:] + opening


def _columns(before: bytes, prefix: bytes) -> tuple[int, int, list[bytes]]:
    """Where the columns' element stands, or would stand, and its tags."""
    opened = tag_of(b"cols").search(before)
    if opened is None:
        return len(before), len(before), []
    if opened[0].endswith(b"/>"):
        return opened.start(), opened.end(), []
    closing = b"</" + prefix + b"cols>"
    end = before.index(closing, opened.end())
    tags = [tag[0] for tag in _COLUMN.finditer(before, opened.end(), end)]
    return opened.start(), end + len(closing), [tag if tag.endswith(b"/>") else tag[:-1] + b"/>" for tag in tags]  # fmt: skip


def _without(tag: bytes, taken: list[int]) -> list[tuple[int, bytes]]:
    """One tag as those that are left of its columns, each with its first column; columns count from 1 here."""
    low, high = _MIN.search(tag), _MAX.search(tag)
    if low is None or high is None:
        return []
    first, last = int(low[2]), int(high[2])
    pieces = []
    for stop in [*(place for place in taken if first <= place <= last), last + 1]:
        if first < stop:
            cut = _MIN.sub(rb"\g<1>%d\g<3>" % first, tag)
            pieces.append((first, _MAX.sub(rb"\g<1>%d\g<3>" % (stop - 1), cut)))
        first = stop + 1
    return pieces


def _dimension(before: bytes, place: int, last: int) -> bytes:
    """The sheet's extent, which is a hint to readers, made to hold the new columns."""
    said = _DIMENSION.search(before)
    if said is None:
        return before
    right = max(place, column_index((said[4] or said[2]).decode()))
    bottom = max(last, int(said[5] or said[3]))
    extent = said[1] + said[2] + said[3] + f":{column_letter(right)}{bottom}".encode()
    return before[: said.start()] + extent + before[said.end() :]
