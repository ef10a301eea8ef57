"""Foreign text made harmless where people meet it: on a terminal, in a log line, in a spreadsheet.

Rule 1: no control, bidirectional or invisible character of a value reaches a terminal or a text file (CWE-117).
Rule 2: no value becomes a formula when a spreadsheet opens the file (OWASP "CSV Injection", ASVS 1.2.10, CWE-1236),
and `undefuse` gives back exactly what `defuse` was given.
"""

from __future__ import annotations

import re
from typing import Any

# C0, DEL and C1; soft hyphen; Arabic letter mark; zero width space, LRM, RLM; line and paragraph separator, bidi embeddings;
# word joiner and the isolates up to the deprecated formats; BOM; interlinear marks; lone surrogates; tags. The two zero
# width joiners stay: emoji, Persian and the Indic scripts need them.
_UNSEEN = (
    "\x00-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f"
)
_HOSTILE = re.compile(f"[{_UNSEEN}]")
_HOSTILE_IN_LINES = re.compile(f"(?!\n)[{_UNSEEN}]")
_NAMES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

# Spreadsheets trim blanks; some take full-width signs as signs; `|` and `%` begin old DDE and macro calls.
_FORMULA = re.compile(r"""["'\s]*(?:[=+\-@|%\uFF1D\uFF0B\uFF0D\uFF20]|(?<=[\t\r\n]))""")


def visible(text: str, *, lines: bool = False) -> str:
    r"""`text` with every character that hides or controls written out: `\n`, `\x1b`, `\u202e`.

    A backslash stays as it is, so this is for eyes, not for reading back. `lines` keeps line feeds.
    """
    pattern = _HOSTILE_IN_LINES if lines else _HOSTILE
    return pattern.sub(_written_out, text) if pattern.search(text) else text


def defuse(cell: str) -> str:
    """`cell` with an apostrophe in front if a spreadsheet would run it.

    The same for every part behind a semicolon, because a spreadsheet in a semicolon country cuts there.
    """
    if ";" in cell:
        return ";".join(_defuse_part(part) for part in cell.split(";"))
    return _defuse_part(cell)


def undefuse(cell: str) -> str:
    """What `defuse` was given."""
    return ";".join(_undefuse_part(part) for part in cell.split(";"))


def json_text(value: Any) -> str:
    r"""`value` as one line of JSON that is exact and safe to print: hidden characters as `\uXXXX`, others as they are."""
    import json

    text = json.dumps(value, ensure_ascii=False)
    return _HOSTILE.sub(_as_json, text) if _HOSTILE.search(text) else text


def _written_out(match: re.Match[str]) -> str:
    character = match[0]
    number = ord(character)
    if character in _NAMES:
        return _NAMES[character]
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _as_json(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _defuse_part(part: str) -> str:
    return "'" + part if _FORMULA.match(part) else part


def _undefuse_part(part: str) -> str:
    return part[1:] if part.startswith("'") and _FORMULA.match(part, 1) else part
