"""Jinja in a text, put out of harm's way: each construct becomes a word that CSS, HTML and Markdown programs carry along.

So a template is converted once, not each row's text. `restore` puts the constructs back, and whatever has come to look like
Jinja on the way (an entity that became a brace) is made plain text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

from jinja2 import Environment, TemplateSyntaxError

_PLAIN = Environment(keep_trailing_newline=True, autoescape=False)  # noqa: S701  only its lexer is used
_ENDS = {
    "variable_begin": "variable_end",
    "block_begin": "block_end",
    "comment_begin": "comment_end",
    "raw_begin": "raw_end",
}
_INCLUDE = re.compile(r"""\{%[-+]?\s*include\s+(["'])([^"']+)\1\s*[-+]?%\}""")
_RAW = re.compile(r"\|\s*(?:safe|urlize|tojson)\b|\bfilter\b|autoescape")
_DEEPEST = 8
_BRACES = re.compile(r"\{(?=[{%#])")


@dataclass(frozen=True, slots=True)
class Mark:
    """One construct: its source, whether it prints, and a statement's first word."""

    source: str
    prints: bool
    word: str = ""


class Protected:
    """A template's text with its constructs as words.

    Attributes:
        text: what the converters see.
        marks: the constructs, by number.
        pattern: finds the words; group 1 is `p` (prints) or `s` (statement), group 2 the number.
    """

    def __init__(self, source: str) -> None:
        folded = source.lower()
        self.prefix = next(f"jq{n}x" for n in count(7) if f"jq{n}x" not in folded)
        self.pattern = re.compile(rf"{self.prefix}([ps])(\d+)z")
        self.marks: list[Mark] = []
        self.text = self._protect(source)

    def add(self, mark: Mark) -> str:
        """A new construct; its word."""
        self.marks.append(mark)
        return f"{self.prefix}{'p' if mark.prints else 's'}{len(self.marks) - 1}z"

    def mark(self, match: re.Match[str]) -> Mark:
        """The construct of a word that `pattern` found."""
        return self.marks[int(match[2])]

    def restore(self, text: str) -> str:
        """The constructs in the place of their words."""
        plain = _BRACES.sub("{{ '{' }}", text)
        return self.pattern.sub(lambda match: self.mark(match).source, plain)

    def raw(self) -> bool:
        """Whether values may be put in as HTML, so that the template does not show all tags."""
        return any(_RAW.search(mark.source) for mark in self.marks)

    def statements(self) -> bool:
        """Whether there is any statement, so that parts may repeat or be left out."""
        return any(not mark.prints for mark in self.marks)

    def _protect(self, source: str) -> str:
        pieces = [text if not begin else self._word(text, begin) for begin, text in constructs(source)]
        return re.sub(r"(?m)^[ \t]*\0[ \t]*\n|\0", "", "".join(pieces))

    def _word(self, source: str, begin: str) -> str:
        if begin == "comment_begin":
            return "\0"
        if begin != "block_begin":
            return self.add(Mark(source, prints=True))
        word = re.match(r"\{%[-+]?\s*(\w+)", source)
        return self.add(Mark(source, prints=False, word=word[1] if word else ""))


def constructs(source: str) -> Iterator[tuple[str, str]]:
    """A template's text in pieces: the kind of construct (empty for plain text) and its source."""
    construct: list[str] = []
    begin = end = ""
    for _, token, value in _PLAIN.lex(source):
        if not end and token in _ENDS:
            begin, end, construct = token, _ENDS[token], []
        if not end:
            yield "", value
            continue
        construct.append(value)
        if token == end:
            yield begin, "".join(construct)
            end = ""


def tidied(source: str, only: re.Pattern[str] | None = None) -> str:
    """The template in which a line of nothing but statements (or comments) leaves no line behind.

    Jinja's own `trim_blocks` also eats the line break behind `Dear {% if x %}Ms{% endif %}`, which would glue two lines of
    a mail together. Here the line break moves into the statement (`{% if x⏎%}`), so that line numbers stay as they are.

    Args:
        source: the template. Do this once: an empty line behind a statement would be taken the second time.
        only: the statements that count; None for all.
    """
    try:
        pieces = list(constructs(source))
    except TemplateSyntaxError:
        return source  # told by whoever compiles it, with its line
    flat: list[str] = []
    for number, (begin, text) in enumerate(pieces):
        silent = begin in {"block_begin", "comment_begin"} and (only is None or only.fullmatch(text))
        flat.append(f"\1{number}\2" if silent else f"\3{number}\2" if begin else text)

    def alone(match: re.Match[str]) -> str:
        sources = [pieces[int(number)][1] for number in re.findall(r"\d+", match[1])]
        if sources[-1][-3:-2] == "+":
            return match[0]
        return "".join([*sources[:-1], sources[-1][:-2], "\n", sources[-1][-2:]])

    joined = re.sub("(?m)^[ \t]*((?:\1\\d+\2[ \t]*)+)\n", alone, "".join(flat))
    return re.sub("[\1\3](\\d+)\2", lambda match: pieces[int(match[1])][1], joined)


def flattened(source: str, read: Callable[[str], str], depth: int = 0) -> str:
    """The template with its plain includes (`{% include "footer.md" %}`) in their places, so that it is converted whole.

    Includes with conditions (`ignore missing`, a list, a computed name) stay as they are.
    """
    pieces: list[str] = []
    for begin, text in constructs(tidied(source, _INCLUDE)):
        name = _INCLUDE.fullmatch(text) if begin == "block_begin" and depth < _DEEPEST else None
        pieces.append(text if name is None else flattened(read(name[2]), read, depth + 1))
    return "".join(pieces)
