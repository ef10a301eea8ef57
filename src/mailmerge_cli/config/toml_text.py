"""Writing one table of a TOML file and leaving the rest as the person wrote it, comments and all."""

from __future__ import annotations

import re
from collections.abc import Mapping

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ANY_HEADER = re.compile(r"\s*\[")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}

Value = str | bool | int | float | tuple[str, ...]


def table_text(name: str, content: Mapping[str, Value]) -> str:
    """A table with its header, one key a line, ending in a line end."""
    lines = [
        f"[{key_text(name)}]",
        *(f"{key_text(key)} = {value_text(value)}" for key, value in content.items()),
    ]
    return "\n".join(lines) + "\n"


def key_text(name: str) -> str:
    """A key: bare where TOML allows that, else in quotes."""
    return name if _BARE.fullmatch(name) else value_text(name)


def value_text(value: Value) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(map(value_text, value)) + "]"
    return '"' + "".join(map(_char, value)) + '"'


def with_table(text: str, name: str, table: str) -> str:
    """`text` with the table called `name` put in the place of the old one, or at the end; an empty `table` takes it out.

    This goes by lines, so a header inside a text of several lines deceives it: the caller parses what came out and
    compares.
    """
    lines = text.splitlines(keepends=True)
    header = re.compile(
        rf"\s*\[\s*(?:{re.escape(key_text(name))}|\"{re.escape(name)}\"|'{re.escape(name)}')\s*\]\s*(?:#.*)?"
    )
    start = next((i for i, line in enumerate(lines) if header.fullmatch(line.strip())), None)
    if start is None:
        gap = "\n" if text.strip() and table else ""
        return text + ("" if text.endswith("\n") or not text else "\n") + gap + table
    end = next((i for i in range(start + 1, len(lines)) if _ANY_HEADER.match(lines[i])), len(lines))
    # Comments and empty lines right above the next table belong to that one.
    while end > start + 1 and end < len(lines) and lines[end - 1].strip()[:1] in ("", "#"):
        end -= 1
    return "".join(lines[:start]) + table + "".join(lines[end:])


def _char(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    return f"\\u{ord(char):04x}" if char < " " or char == "\x7f" else char
