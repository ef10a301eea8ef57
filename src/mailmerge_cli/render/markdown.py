"""Markdown bodies: the template is converted once, its constructs carried along as words, and given a plain readable style.

Rule: what a cell holds is never Markdown and never HTML, whichever way is taken.
Own HTML in Markdown is shown as text; a mail that needs it is an HTML template.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from mailmerge_cli.render.html import element_styles, wrap_page
from mailmerge_cli.render.nesting import balanced
from mailmerge_cli.render.protect import Protected

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_FONT = (
    "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,'PingFang SC','Microsoft YaHei',sans-serif"
)
_PAGE = f"max-width:640px;{_FONT};font-size:15px;line-height:1.5;color:#1f2328"
_CELL = "border:1px solid #d0d7de;padding:6px 12px"
_STYLES = {
    "p": "margin:0 0 14px",
    "h1": "margin:0 0 14px;font-size:22px;line-height:1.3",
    "h2": "margin:20px 0 12px;font-size:18px;line-height:1.3",
    "h3": "margin:18px 0 10px;font-size:16px;line-height:1.3",
    "h4": "margin:16px 0 8px;font-size:15px",
    "ul": "margin:0 0 14px;padding-left:24px",
    "ol": "margin:0 0 14px;padding-left:24px",
    "table": "border-collapse:collapse;margin:0 0 14px",
    "th": f"{_CELL};background:#f6f8fa;text-align:left",
    "td": _CELL,
    "blockquote": "margin:0 0 14px;padding:0 12px;border-left:3px solid #d0d7de;color:#57606a",
    "pre": "margin:0 0 14px;padding:10px;background:#f6f8fa;overflow:auto",
    "code": "font-family:Consolas,Menlo,monospace;font-size:14px",
    "hr": "border:0;border-top:1px solid #d0d7de;margin:18px 0",
    "a": "color:#0969da",
    "img": "max-width:100%;border:0",
}
_ENTRY = re.compile(r"^(\s*)([-*+]|\d{1,9}[.)])\s+")


@cache
def _converter() -> MarkdownIt:
    from markdown_it import MarkdownIt

    from mailmerge_cli.render.plain_links import link_plain_urls

    return link_plain_urls(MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]))


def convert(markdown: str) -> str:
    """Markdown as a styled HTML page."""
    return wrap_page(element_styles(_converter().render(markdown), _STYLES), _PAGE)


def convert_template(protected: Protected, markdown: str) -> str | None:
    """A Markdown template as a styled HTML template, constructs as words.

    None where the statements do not come to stand around whole elements, so that only each row's text can be converted.
    """
    html = _converter().render(_adopted(protected, markdown))
    html = _freed(protected, html)
    if not balanced(protected, html):
        return None
    return wrap_page(element_styles(html, _STYLES), _PAGE)


def spaced(protected: Protected, markdown: str) -> str:
    """A statement alone on its line, with an empty line on one side, gets one on the other side too.

    So the turns of a loop over paragraphs are paragraphs, and both ways of converting mean the same.
    """
    lines = markdown.split("\n")
    kept: list[str] = []
    for number, line in enumerate(lines):
        alone = _alone(protected, line)
        before = not kept or not kept[-1].strip()
        after = number + 1 >= len(lines) or not lines[number + 1].strip()
        if alone and after and not before and not _in_table_or_list(protected, kept[-1]):
            kept.append("")
        kept.append(line)
        if alone and before and not after and not _in_table_or_list(protected, lines[number + 1]):
            kept.append("")
    return "\n".join(kept)


def plain_source(markdown: str) -> str:
    """Markdown source as the text alternative: it was made to be read; images leave their words, escapes go."""
    text = re.sub(r"!\[([^\]]*)\]\([^)]*\)", r"\1", markdown)
    text = re.sub(r"\\\n", "\n", text)
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text)


def _alone(protected: Protected, line: str) -> bool:
    """Whether a line holds statements and nothing else."""
    words = list(protected.pattern.finditer(line))
    return (
        bool(words) and all(word[1] == "s" for word in words) and not protected.pattern.sub("", line).strip()
    )


def _in_table_or_list(protected: Protected, line: str) -> bool:
    return _ENTRY.match(line) is not None or line.lstrip().startswith("|") or _alone(protected, line)


def _adopted(protected: Protected, markdown: str) -> str:
    """Statements alone on their lines beside list entries, written as entries, so that they stay in the list."""
    lines = markdown.split("\n")
    for number, line in enumerate(lines):
        if not _alone(protected, line):
            continue
        entry = _nearest_entry(protected, lines, number)
        if entry is not None:
            words = protected.pattern.finditer(line)
            lines[number] = "\n".join(f"{entry[1]}{entry[2]} {word[0]}" for word in words)
    return "\n".join(lines)


def _nearest_entry(protected: Protected, lines: list[str], number: int) -> re.Match[str] | None:
    for step in (1, -1):
        place = number + step
        while 0 <= place < len(lines) and _alone(protected, lines[place]):
            place += step
        if 0 <= place < len(lines):
            entry = _ENTRY.match(lines[place])
            if entry is not None and not protected.pattern.fullmatch(lines[place][entry.end() :].strip()):
                return entry
    return None


def _freed(protected: Protected, html: str) -> str:
    """Statements out of the paragraphs, rows and entries that were made for them alone."""
    word = rf"{protected.prefix}s\d+z"
    html = re.sub(rf"<p>({word}(?:\s*{word})*)</p>", r"\1", html)
    html = re.sub(rf"<li>\s*({word})\s*</li>", r"\1", html)
    html = re.sub(rf"<tr>\s*<td[^>]*>({word}(?:\s*{word})*)</td>(?:\s*<td[^>]*></td>)*\s*</tr>", r"\1", html)
    return re.sub(
        rf"<p>({word})((?:(?!{word}|</p>).)*)({word})</p>", _outside(protected), html, flags=re.DOTALL
    )


def _outside(protected: Protected) -> Callable[[re.Match[str]], str]:
    """`<p>{% if %}…{% endif %}</p>` as `{% if %}<p>…</p>{% endif %}`, so that no empty paragraph is left."""

    def swap(match: re.Match[str]) -> str:
        words = tuple(protected.mark(word).word for word in protected.pattern.finditer(match[1] + match[3]))
        return f"{match[1]}<p>{match[2].strip()}</p>\n{match[3]}" if words == ("if", "endif") else match[0]

    return swap
