"""A TOML file as a person's editor left it: read whole or refused with the file, the line and what to do."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import Any

from mailmerge_cli.errors import ConfigFault, FileMissing

_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_CURLY = "“”„‟«»‘’‚‛＂＇「」『』"
_LARGEST = 4 * 1024 * 1024


def read_toml(path: Path) -> dict[str, Any]:
    """The file's tables.

    Raises:
        FileMissing: it does not exist or cannot be read.
        ConfigFault: it is not UTF-8 (a BOM is accepted), or not TOML.
    """
    return parse_toml(decoded(_octets(path), path), path)


def decoded(octets: bytes, path: Path) -> str:
    """The file's text, without its BOM."""
    if octets.startswith(_WIDE_MARKS):
        raise ConfigFault(f"{path} is saved as UTF-16 or UTF-32.", hint="Save it as UTF-8.")
    octets = octets.removeprefix(codecs.BOM_UTF8)
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError as error:
        before = octets[: error.start]
        line, column = before.count(b"\n") + 1, len(before.rpartition(b"\n")[2].decode("utf-8")) + 1
        text = f"{path}, line {line}, column {column}: this is not UTF-8."
        raise ConfigFault(text, hint="Save the file as UTF-8.") from None


def parse_toml(text: str, path: Path) -> dict[str, Any]:
    """The tables of a text; ConfigFault names the line. No text of the file is in the message, only names of keys."""
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        told = str(error)
        raise ConfigFault(f"{path} is not TOML: {told}.", hint=_curly(text, told) or _advice(told)) from None
    except (RecursionError, ValueError):  # ValueError: a number of thousands of digits
        raise ConfigFault(f"{path} is not TOML: it is nested too deep, or a number is too long.") from None


def _octets(path: Path) -> bytes:
    try:
        if path.is_file() and path.stat().st_size > _LARGEST:
            raise ConfigFault(f"{path} is larger than 4 MB; that is no file of settings.")
        if path.exists() and not path.is_file():
            raise FileMissing(f"{path} is not a file.")
        return path.read_bytes()
    except FileNotFoundError:
        raise FileMissing(f"{path} does not exist.") from None
    except OSError as error:
        raise FileMissing(f"{path} cannot be read: {error.strerror or type(error).__name__}.") from None


def _curly(text: str, told: str) -> str:
    """Advice where the line that is told holds quotes of a word processor or of a Chinese keyboard."""
    place = re.search(r"at line (\d+)", told)
    lines = text.splitlines()
    line = lines[int(place[1]) - 1] if place and int(place[1]) <= len(lines) else ""
    found = next((char for char in line if char in _CURLY), "")
    if not found:
        return ""
    return f'Line {place[1] if place else ""} has the quote {found}; write the straight one: ", as in key = "text".'


def _advice(told: str) -> str:
    if "escape" in told.lower() or "hex value" in told:
        return "In a Windows path write / for \\, or put the text in single quotes."
    if "Invalid value" in told:
        return 'A text stands in double quotes: key = "text".'
    if "Cannot overwrite" in told or "twice" in told:
        return "A key or table may stand only once."
    return ""
