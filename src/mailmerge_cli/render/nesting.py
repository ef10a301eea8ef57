"""Whether the statements of a template stand around whole elements of its HTML, so that every outcome is well-formed."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from mailmerge_cli.render.protect import Protected

VOID = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr",
})  # fmt: skip
_OPENING = frozenset({"if", "for", "macro", "call", "filter", "with", "block", "autoescape"})


class _Nesting(HTMLParser):
    """In which element each statement stands; elements are numbered."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        super().__init__(convert_charrefs=True)
        self.pattern = pattern
        self.open = [0]
        self.made = 0
        self.found: list[tuple[re.Match[str], int]] = []
        self.in_tags = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        words = self.pattern.finditer(self.get_starttag_text() or "")
        self.in_tags += sum(1 for word in words if word[1] == "s")
        self.made += 1
        if tag not in VOID:
            self.open.append(self.made)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and len(self.open) > 1:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self.found += [(word, self.open[-1]) for word in self.pattern.finditer(data) if word[1] == "s"]


def balanced(protected: Protected, html: str, *, in_tags: bool = False) -> bool:
    """Whether all statements of each block stand in one element.

    Args:
        protected: whose constructs the words in `html` are.
        html: with every end tag that it needs.
        in_tags: statements inside of tags are somebody else's question; else they are refused.
    """
    parser = _Nesting(protected.pattern)
    parser.feed(html)
    parser.close()
    blocks: list[tuple[str, int]] = []
    for word, element in parser.found:
        mark = protected.mark(word)
        if mark.word in {"elif", "else"} and (not blocks or blocks[-1][1] != element):
            return False
        if mark.word in _OPENING or (mark.word == "set" and "=" not in mark.source):
            blocks.append((mark.word, element))
        elif mark.word.startswith("end") and (not blocks or blocks.pop() != (mark.word[3:], element)):
            return False
    written = sum(1 for mark in protected.marks if not mark.prints)
    return not blocks and (in_tags or (not parser.in_tags and len(parser.found) == written))
