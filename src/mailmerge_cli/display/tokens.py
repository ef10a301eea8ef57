"""A number format code, cut into sections and tokens; what a token means for a value is known elsewhere.

The grammar is ECMA-376 part 1, §18.8.31, with what Excel writes beyond it: `[$¥-804]`, `[DBNum1]`, `上午/下午`, `aaaa`, `ggge`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum


class BrokenCode(ValueError):
    """Not a number format that Excel would take."""


class Kind(StrEnum):
    """What a token is."""

    LITERAL = "literal"
    PAD = "pad"  # `_x`: as wide as x
    DIGIT = "digit"  # 0, # or ?
    FIGURE = "figure"  # 1 to 9: of a fixed denominator, else a literal
    POINT = "point"
    COMMA = "comma"
    PERCENT = "percent"
    EXPONENT = "exponent"  # E+ or E- before a placeholder; in `e-mm-dd` the e is a year
    SLASH = "slash"
    GENERAL = "general"
    TEXT = "text"  # @
    MOMENT = "moment"  # y, m, d, h, s, e, g, b, a, r: as many letters as there are
    ELAPSED = "elapsed"  # [h], [m], [s]
    HALF_DAY = "half day"  # AM/PM and its like


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of a section; `text` is the literal's text, else the letters of the code."""

    kind: Kind
    text: str


@dataclass(slots=True)
class Section:
    """One of the parts between semicolons.

    Attributes:
        tokens: in order; `*x` and colours are gone already.
        condition: operator and limit of `[>=1000]`; None where there is none.
        language: Windows language identifier of `[$-411]`, without its calendar bits; 0 for none.
        numerals: 1, 2 or 3 for `[DBNum…]`; 0 for ordinary figures.
    """

    tokens: list[Token] = field(default_factory=list)
    condition: tuple[str, float] | None = None
    language: int = 0
    numerals: int = 0

    def add(self, kind: Kind, text: str) -> None:
        """One more token."""
        self.tokens.append(Token(kind, text))


_PIECE = re.compile(
    r"""
      "(?P<quoted>[^"]*)"
    | \\(?P<escaped>.)
    | _(?P<pad>.)
    | \*(?P<fill>.)
    | \[(?P<bracket>[^\]]*)\]
    | (?P<end>;)
    | (?P<general>General)
    | (?P<half>AM/PM|A/P|上午/下午|下午/上午|午前/午後|오전/오후)
    | (?P<exponent>E[+-](?=[0\#?]))
    | (?P<moment>y+|m+|d+|h+|s+|e+|g+|bbbb|bb|aaaa|aaa|rr|r)
    | (?P<digit>[0\#?])
    | (?P<figure>[1-9])
    | (?P<mark>[.,%/@])
    | (?P<bare>[-+$():!^&'~{}<>=|\s]|[^\x00-\x7f])
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_MARKS = {".": Kind.POINT, ",": Kind.COMMA, "%": Kind.PERCENT, "/": Kind.SLASH, "@": Kind.TEXT}
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*([-+]?\d*\.?\d+(?:E[-+]?\d+)?)", re.IGNORECASE)
_ELAPSED = re.compile(r"h+|m+|s+", re.IGNORECASE)
_CURRENCY = re.compile(r"\$([^-]*)(?:-([^;]*))?")
_NUMERALS = re.compile(r"DBNum([123])", re.IGNORECASE)
# Tags that newer versions write instead of numbers; others are told by their first two letters.
_TAGS = {
    "zh": 0x804, "zh-tw": 0x404, "zh-hk": 0xC04, "zh-mo": 0x1404, "zh-hant": 0x404,
    "ja": 0x411, "ko": 0x412, "de": 0x407, "fr": 0x40C, "es": 0x40A, "it": 0x410, "pt": 0x416, "nl": 0x413, "en": 0x409,
    "pl": 0x415, "ru": 0x419, "sv": 0x41D,
}  # fmt: skip


def cut(code: str) -> list[Section]:
    """The sections of a code, one to four. BrokenCode for what Excel would not take."""
    sections = [Section()]
    place = 0
    while place < len(code):
        match = _PIECE.match(code, place)
        if match is None:
            raise BrokenCode(f"nothing that a number format knows at position {place + 1}")
        place = match.end()
        if match.lastgroup == "end":
            sections.append(Section())
        else:
            _take(sections[-1], str(match.lastgroup), match[str(match.lastgroup)])
    if len(sections) > 4:
        raise BrokenCode("more than four sections")
    return sections


def _take(section: Section, group: str, text: str) -> None:
    """One piece of the code into its section."""
    match group:
        case "quoted" | "escaped" | "bare":
            section.add(Kind.LITERAL, text)
        case "pad":
            section.add(Kind.PAD, " ")
        case "fill":
            # Excel repeats the character to the edge of the cell; a mail has no cell, so it is dropped.
            section.add(Kind.PAD, "")
        case "mark":
            section.add(_MARKS[text], text)
        case "half":
            section.add(Kind.HALF_DAY, text)
        case "moment":
            section.add(Kind.MOMENT, text.lower())
        case "bracket":
            _bracket(section, text)
        case _:
            section.add(Kind(group), text)


def _bracket(section: Section, text: str) -> None:
    """A condition, a span of time, a currency with a language, numerals; colours and unknown words are dropped."""
    if condition := _CONDITION.fullmatch(text):
        section.condition = (condition[1], float(condition[2]))
    elif _ELAPSED.fullmatch(text):
        section.add(Kind.ELAPSED, text.lower())
    elif currency := _CURRENCY.fullmatch(text):
        section.language = _language(currency[2] or "") or section.language
        if currency[1]:
            section.add(Kind.LITERAL, currency[1])
    elif numerals := _NUMERALS.fullmatch(text):
        section.numerals = int(numerals[1])


def _language(tag: str) -> int:
    """The identifier in `804`, `30411`, `zh-CN` or `en-US,300`; 0 if it is none."""
    tag = tag.partition(",")[0].strip().lower()
    try:
        return int(tag, 16) & 0xFFFF
    except ValueError:
        return _TAGS.get(tag, _TAGS.get(tag[:2], 0))
