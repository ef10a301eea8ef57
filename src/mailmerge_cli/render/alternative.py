"""The plain text that says the same as HTML, for people and programs that show no HTML.

It works on a template as well as on finished HTML: constructs of the template stand in the text as words and stay in
their places, with the line breaks inside the branch or loop that they belong to. (html2text was tried: it escapes figures as
Markdown, loses constructs between the rows of a table, and its licence is the GPL.)
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

from mailmerge_cli.render.nesting import VOID

_SKIPPED = frozenset({"head", "style", "script", "title", "template", "noscript"})
_BREAKS = {
    "p": 2, "h1": 2, "h2": 2, "h3": 2, "h4": 2, "h5": 2, "h6": 2, "table": 2, "ul": 2, "ol": 2, "blockquote": 2, "pre": 2,
    "dl": 2, "div": 1, "tr": 1, "li": 1, "dt": 1, "dd": 1, "section": 1, "article": 1, "header": 1, "footer": 1,
    "center": 1, "body": 1, "caption": 1, "address": 1,
}  # fmt: skip
_NEVER = re.compile(r"(?!)")
_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_CELL_EDGE = " | "


def text_of(html: str, words: re.Pattern[str] = _NEVER) -> str:
    """The text of HTML.

    Args:
        html: finished, or a template whose constructs are words.
        words: finds those words; group 1 is `s` for a statement, which prints nothing.
    """
    writer = _Writer(words)
    writer.feed(html)
    writer.close()
    text = "".join(writer.pieces).strip(" \n")
    return text + "\n" if text else ""


class _Writer(HTMLParser):
    """Text in pieces; line breaks and spaces are owed until something is printed."""

    def __init__(self, words: re.Pattern[str]) -> None:
        super().__init__(convert_charrefs=True)
        self.words = words
        self.pieces: list[str] = []
        self._breaks = 0  # owed
        self._done = 2  # line breaks that stand at the end
        self._space = False  # owed
        self._skip: list[str] = []
        self._lists: list[int | None] = []
        self._cells: list[int] = []
        self._links: list[tuple[str, int]] = []
        self._pre = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if self._skip:
            if tag not in VOID:
                self._skip.append(tag)
            return
        if tag in _SKIPPED or (_HIDDEN.search(values.get("style", "")) and tag not in VOID):
            self._skip.append(tag)
        elif tag in {"td", "th"}:
            self._begin_cell()
        else:
            # A list in a list goes on without an empty line.
            self._owe(1 if self._lists and tag in {"ul", "ol", "p"} else _BREAKS.get(tag, 0))
            self._begin(tag, values)

    def _begin(self, tag: str, values: dict[str, str]) -> None:
        match tag:
            case "br":
                self._break()
            case "hr":
                self._owe(2)
                self._print("-" * 40)
                self._owe(2)
            case "img":
                self._print(values.get("alt", "").strip())
            case "ul" | "ol":
                self._lists.append(
                    int(values.get("start") or 1)
                    if tag == "ol" and (values.get("start") or "1").isdigit()
                    else None
                )
            case "li":
                self._begin_entry()
            case "tr":
                self._cells.append(0)
            case "pre":
                self._pre += 1
            case "a":
                self._links.append((values.get("href", "").strip(), len(self.pieces)))

    def handle_endtag(self, tag: str) -> None:
        if self._skip:
            if tag in self._skip:
                while self._skip.pop() != tag:
                    pass
            return
        match tag:
            case "ul" | "ol" if self._lists:
                self._lists.pop()
            case "tr" if self._cells:
                self._cells.pop()
            case "pre" if self._pre:
                self._pre -= 1
            case "a" if self._links:
                self._end_link(*self._links.pop())
        # A paragraph in a list entry or a cell ends a line, not a stanza.
        nested = (tag == "p" and self._cells) or (tag in {"p", "ul", "ol"} and self._lists)
        self._owe(1 if nested else _BREAKS.get(tag, 0))

    def _begin_entry(self) -> None:
        number = self._lists[-1] if self._lists else None
        if number is not None:
            self._lists[-1] = number + 1
        # Inside a loop of the template all entries are the same one, so they cannot be counted.
        self._print(
            "  " * max(0, len(self._lists) - 1)
            + ("- " if number is None or self.words is not _NEVER else f"{number}. ")
        )
        self._done = 3  # what follows stands right behind the mark

    def _begin_cell(self) -> None:
        if not self._cells:
            return
        if self._cells[-1]:
            self._breaks, self._space = 0, False
            self._write(_CELL_EDGE)
            self._done = 3
        self._cells[-1] += 1

    def _end_link(self, href: str, start: int) -> None:
        text = "".join(self.pieces[start:]).strip()
        if (
            not href
            or href.startswith("#")
            or href.removeprefix("mailto:").removeprefix("tel:") == text
            or href == text
        ):
            return
        self._print(f" ({href.removeprefix('mailto:')})" if text else href)

    def handle_data(self, data: str) -> None:
        if self._skip:
            return
        place = 0
        for match in self.words.finditer(data):
            self._text(data[place : match.start()])
            if match[1] == "s":
                self._statement(match[0])
            else:
                self._print(match[0])
            place = match.end()
        self._text(data[place:])

    def _text(self, text: str) -> None:
        if self._pre:
            if text:
                self._print(text.replace("\xa0", " "))
            return
        words = re.split(r"[ \t\r\n\f]+", text)
        if len(words) == 1:
            self._print(words[0].replace("\xa0", " "))
            return
        for number, word in enumerate(words):
            if number:
                self._space = True
            self._print(word.replace("\xa0", " "))

    def _print(self, text: str) -> None:
        if not text:
            return
        self._flush()
        self._write(text)
        self._done = 0

    def _statement(self, word: str) -> None:
        self._flush()
        self._write(word)

    def _flush(self) -> None:
        if self._breaks:
            missing = 0 if self._done == 3 else max(0, self._breaks - self._done)
            self._write("\n" * missing)
            self._done = max(self._done, self._breaks)
            self._breaks, self._space = 0, False
        if self._space:
            if not self._done:
                self._write(" ")
                self._done = -1  # a space stands there; another one would be seen
            self._space = False
        if self._done == -1:
            self._done = 0

    def _break(self) -> None:
        self._flush()
        self._write("\n")
        self._space = False
        self._done = 1

    def _owe(self, breaks: int) -> None:
        if breaks:
            self._breaks = max(self._breaks, breaks)
            self._space = False

    def _write(self, text: str) -> None:
        if text:
            self.pieces.append(text)
