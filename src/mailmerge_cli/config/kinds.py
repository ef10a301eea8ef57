"""How each kind of value in a file of settings is read: strictly, with a sentence that says what is wanted instead.

Rule: a sentence tells the kind of what was found, never its text; somebody may have put a secret there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time, timedelta
from enum import StrEnum

from mailmerge_cli.config.nearest import did_you_mean
from mailmerge_cli.model.campaign import Duplicates, NoAddress, OnInvalid, Unfinished
from mailmerge_cli.model.rate import Rate, parse_duration

_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "pipe": "|"}
_LONGEST = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value.

    Attributes:
        name: what people call it, in the docs and in error sentences.
        read: makes the program's value of the file's; ValueError with a sentence otherwise.
        many: a list; the command line adds to it where a single value replaces.
    """

    name: str
    read: Callable[[object], object]
    many: bool = False


def found(value: object) -> str:
    """What stands there, in a person's words, without its text."""
    words: dict[type, str] = {
        str: "a text", bool: "true or false", int: "a whole number", float: "a number with a fraction",
        list: "a list", dict: "a table",
    }  # fmt: skip
    if isinstance(value, (date, time)):
        return "a date or time without quotes"
    return words.get(type(value), "something else")


def _expected(what: str, value: object) -> ValueError:
    return ValueError(f"{what} is expected here, not {found(value)}")


def read_lines(value: object) -> str:
    """A text, of several lines too."""
    if not isinstance(value, str):
        hint = "; put quotes around it" if isinstance(value, (bool, int, float, date, time)) else ""
        raise ValueError(f"a text is expected here, not {found(value)}{hint}")
    if "\0" in value:
        raise ValueError("a text must not hold a NUL character")
    return value.strip()


def read_text(value: object) -> str:
    """A text of one line without control characters; outer spaces do not count."""
    text = read_lines(value)
    if any(char < " " or char == "\x7f" for char in text):
        raise ValueError(
            "a text of one line is expected here, without line breaks, tabs and control characters"
        )
    return text


def read_results(value: object) -> str:
    """The name of a result log; its ending says in which form it is written."""
    text = read_text(value)
    if text and not text.lower().endswith((".csv", ".jsonl", ".xlsx")):
        raise ValueError("a result log ends in .csv, .jsonl or .xlsx")
    return text


def read_texts(value: object) -> tuple[str, ...]:
    """A list of texts; a single text is a list of one."""
    if isinstance(value, str):
        return (read_text(value),)
    if not isinstance(value, list):
        raise _expected("a text or a list of texts", value)
    return tuple(read_text(part) for part in value)


def read_domains(value: object) -> tuple[str, ...]:
    """Domains; people write `@example.org` too."""
    return tuple(text.removeprefix("@") for text in read_texts(value))


def read_count(value: object) -> int:
    """A whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise _expected("a whole number", value)
    if not 1 <= value <= 1_000_000:
        raise ValueError("a whole number from 1 to 1000000 is expected here")
    return value


def read_few(value: object) -> int:
    """A whole number from 1 to 5."""
    count = read_count(value)
    if count > 5:
        raise ValueError("a whole number from 1 to 5 is expected here")
    return count


def read_cell(value: object) -> str:
    """A cell of a sheet such as `B3`, in capitals; empty: none is meant."""
    text = read_text(value).replace("$", "").upper()
    if text and not re.fullmatch(r"[A-Z]{1,3}[1-9][0-9]{0,6}", text):
        raise ValueError('a cell is expected here, such as "B3"')
    return text


def read_size(value: object) -> int:
    """A whole number from 0, where 0 stands for no limit."""
    return 0 if value == 0 and not isinstance(value, (bool, float)) else read_count(value)


def read_port(value: object) -> int:
    """A TCP port."""
    number = read_count(value)
    if number > 65535:
        raise ValueError("a port from 1 to 65535 is expected here")
    return number


def read_flag(value: object) -> bool:
    """True or false, without quotes."""
    if not isinstance(value, bool):
        raise ValueError(f"true or false, without quotes, is expected here, not {found(value)}")
    return value


def read_rates(value: object) -> tuple[Rate, ...]:
    """Rates such as `30/min`; a single one is a list of one."""
    return tuple(Rate.parse(text) for text in read_texts(value))


def read_duration(value: object) -> timedelta:
    """A duration such as `15min` or `2d`, longer than nothing."""
    text = read_text(value)
    try:
        length = parse_duration(text)
    except OverflowError:
        length = timedelta()
    if not timedelta() < length <= _LONGEST:
        raise ValueError("a duration longer than nothing and shorter than ten years is expected here")
    return length


def read_seconds(value: object) -> float:
    """A number of seconds, or a duration such as `30s`."""
    if isinstance(value, str) and not value.strip().isdecimal():
        return read_duration(value).total_seconds()
    if isinstance(value, str):
        value = int(value[:12])
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _expected('a number of seconds, or a duration such as "30s",', value)
    if not 0 < value <= _LONGEST.total_seconds():
        raise ValueError("a number of seconds above 0 is expected here")
    return float(value)


def read_workers(value: object) -> str:
    """A number of worker processes, or `auto`; kept as a text."""
    if isinstance(value, str):
        text = read_text(value).lower()
        if text == "auto":
            return text
        if not text.isascii() or not text.isdecimal():
            raise ValueError('a whole number or "auto" is expected here')
        value = int(text[:9])
    return str(read_count(value))


def read_encoding(value: object) -> str:
    """The name of a text encoding that Python knows; empty: found out."""
    name = read_text(value)
    try:
        "".encode(name or "utf-8")
    except (LookupError, ValueError):
        known = ("utf-8", "utf-16", "gb18030", "gbk", "big5", "cp1252", "shift_jis", "euc_kr", "latin-1")
        near = did_you_mean(name, known)
        raise ValueError(f"{name!r} is no text encoding that Python knows{near}") from None
    return name


def read_delimiter(value: object) -> str:
    r"""One character, or a word for it: `tab`, `\t`, `comma`, `semicolon`, `pipe`; empty: found out."""
    if isinstance(value, str):
        char = _DELIMITERS.get(value.lower(), value)
        if len(char) < 2 and char not in ("\0", "\r", "\n", '"', " "):
            return char
    raise ValueError('one character is expected here, such as ";", or "tab"')


def read_timezone(value: object) -> str:
    """An IANA name that this machine knows, such as `Asia/Shanghai`; empty: the machine's own."""
    name = read_text(value)
    if not name:
        return ""
    import zoneinfo

    try:
        return zoneinfo.ZoneInfo(name).key
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        near = did_you_mean(name, zoneinfo.available_timezones())
        raise ValueError(f"{name!r} is no time zone that this machine knows{near}") from None


def read_argv(value: object) -> tuple[str, ...]:
    """A command as a list: the program and its arguments. No shell takes it apart, so a text will not do."""
    if not isinstance(value, list):
        raise ValueError(f'a list such as ["pass", "show", "smtp"] is expected here, not {found(value)}')
    argv = tuple(read_lines(part) for part in value)
    if not argv or not argv[0]:
        raise ValueError("the list must begin with the program to run")
    return argv


def one_of(words: type[StrEnum]) -> Kind:
    """One of the words of an enumeration."""
    choice = one_word(*words)
    return Kind(choice.name, lambda value: words(str(choice.read(value))))


def one_word(*words: str) -> Kind:
    """One of these words; case does not count."""
    names = [f'"{word}"' for word in words]
    told = ", ".join(names[:-1]) + " or " + names[-1]

    def read(value: object) -> str:
        text = read_text(value).lower()
        if text not in words:
            raise ValueError(f"{told} is expected here{did_you_mean(text, words)}")
        return text

    return Kind(told, read)


TEXT = Kind("text", read_text)
RESULTS = Kind("file name", read_results)
LINES = Kind("text", read_lines)
TEXTS = Kind("text or list of texts", read_texts, many=True)
DOMAINS = Kind("domain or list of domains", read_domains, many=True)
COUNT = Kind("whole number from 1", read_count)
FEW = Kind("whole number from 1 to 5", read_few)
CELL = Kind('a cell such as "B3"', read_cell)
SIZE = Kind("whole number, 0 for no limit", read_size)
PORT = Kind("port", read_port)
FLAG = Kind("true or false", read_flag)
RATES = Kind("rate or list of rates", read_rates, many=True)
DURATION = Kind("duration", read_duration)
SECONDS = Kind("seconds or duration", read_seconds)
WORKERS = Kind('whole number from 1, or "auto"', read_workers)
ENCODING = Kind("encoding", read_encoding)
DELIMITER = Kind("one character", read_delimiter)
TIMEZONE = Kind("IANA time zone", read_timezone)
ARGV = Kind("list: program and arguments", read_argv)
UNFINISHED = one_of(Unfinished)
ON_INVALID = one_of(OnInvalid)
NO_ADDRESS = one_of(NoAddress)
DUPLICATES = one_of(Duplicates)
HIDDEN = one_word("refuse", "skip", "send")
