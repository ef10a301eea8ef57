"""The colours of the states, added behind the styles that a workbook has; what it has keeps its numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from mailmerge_cli.model.delivery import State
from mailmerge_cli.report.book.cut import tag_of

_GREEN, _RED, _YELLOW, _GREY = "C6EFCE", "FFC7CE", "FFEB9C", "EDEDED"
_FILLS: Mapping[str, str] = MappingProxyType(
    {
        State.SENT: _GREEN,
        State.FAILED: _RED,
        State.INVALID: _RED,
        State.DEFERRED: _YELLOW,
        State.IN_DOUBT: _YELLOW,
        State.SKIPPED: _GREY,
    }
)
"""Soft fills on which black text stays well readable; the text says the state too."""

_ROOT = tag_of(b"styleSheet")
_FILL = tag_of(b"fill")
_FORMAT = tag_of(b"xf")
_COUNT = re.compile(rb"\scount\s*=\s*[\"']\d+[\"']")


def painted(styles: bytes) -> tuple[bytes, dict[str, int]]:
    """The styles part with the colours added, and the style of each state's cell; that of `""` is plain text.

    No style at all where the part is not written plainly: the answers then stand there without colour.
    """
    root = _ROOT.search(styles)
    if root is None or b"<!" in styles:
        return styles, {}
    prefix = root[1]
    fills, formats = _section(styles, prefix, b"fills", _FILL), _section(styles, prefix, b"cellXfs", _FORMAT)
    if fills is None or formats is None or fills[0] > formats[0]:
        return styles, {}
    colours = list(dict.fromkeys(_FILLS.values()))
    base = b' xfId="0"' if b"<" + prefix + b"cellStyleXfs" in styles else b""
    new_fills = b"".join(_fill(prefix, colour) for colour in colours)
    new_formats = _format(prefix, 0, base) + b"".join(
        _format(prefix, fills[2] + place, base) for place in range(len(colours))
    )
    edited = _appended(styles, formats, new_formats, len(colours) + 1)
    edited = _appended(edited, fills, new_fills, len(colours))
    numbers = {state: formats[2] + 1 + colours.index(colour) for state, colour in _FILLS.items()}
    return edited, {**numbers, "": formats[2]}


_Section = tuple[int, int, int]  # where the start tag begins, where the end tag begins, how many children


def _section(
    styles: bytes, prefix: bytes, name: bytes, child: re.Pattern[bytes]
) -> tuple[int, int, int] | None:
    begin = tag_of(name).search(styles)
    if begin is None or begin[1] != prefix or begin[0].endswith(b"/>"):
        return None
    end = styles.find(b"</" + prefix + name + b">", begin.end())
    if end < 0:
        return None
    return begin.start(), end, sum(1 for _ in child.finditer(styles, begin.end(), end))


def _appended(styles: bytes, section: _Section, added: bytes, number: int) -> bytes:
    """`added` at the section's end, and its count brought up to date."""
    begin, end, count = section
    inner = styles.index(b">", begin)
    opening = _COUNT.sub(b' count="%d"' % (count + number), styles[begin:inner])
    return styles[:begin] + opening + styles[inner:end] + added + styles[end:]


def _fill(prefix: bytes, colour: str) -> bytes:
    rgb = b"FF" + colour.encode()
    return (
        b'<%(p)sfill><%(p)spatternFill patternType="solid"><%(p)sfgColor rgb="%(c)s"/><%(p)sbgColor indexed="64"/>'
        b"</%(p)spatternFill></%(p)sfill>" % {b"p": prefix, b"c": rgb}
    )


def _format(prefix: bytes, fill: int, base: bytes) -> bytes:
    """A cell format: text, so that nothing that is typed over it runs, on that fill."""
    colour = b' applyFill="1"' if fill else b""
    return (
        b'<%sxf numFmtId="49" fontId="0" fillId="%d" borderId="0"%s applyNumberFormat="1"%s/>'
        % (prefix, fill, base, colour)
    )  # fmt: skip
