"""HTML templates made fit for mail, once: style sheets go into the tags, local images become parts, links are guarded.

What is done to the template must come out for every row as if it had been done to that row's HTML. Where that cannot be
shown (`inline_css` gives None), the style sheet is inlined again for each row.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote

from mailmerge_cli.render.nesting import balanced
from mailmerge_cli.render.protect import Mark, Protected

TAG = re.compile(r"<[A-Za-z/!](?:[^>\"']|\"[^\"]*\"|'[^']*')*>", re.DOTALL)
_STYLE = re.compile(r"<style\b[^>]*>(.*?)</style\s*>", re.IGNORECASE | re.DOTALL)
_TEXT_ONLY = re.compile(r"<(title|textarea|script)\b[^>]*>(.*?)</\1\s*>", re.IGNORECASE | re.DOTALL)
_ATTRIBUTE = re.compile(r"([^\s\"'<>/=]+)(\s*=\s*)(\"[^\"]*\"|'[^']*'|[^\s\"'>]+)", re.DOTALL)
_LINKS = frozenset({"href", "src", "action", "formaction", "background", "poster", "data", "xlink:href"})
_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*:|//|#", re.IGNORECASE)
# Selectors whose meaning depends on how many elements there are, or on attributes that a cell may fill.
_POSITIONAL = re.compile(r":(?:nth|first|last|only|empty|has|not)|[+~]")
_FREE_ATTRIBUTES = frozenset(
    {"href", "src", "alt", "title", "width", "height", "bgcolor", "align", "name", "value", "lang"}
)
_IMPLIED = frozenset({"html", "head", "body", "tbody", "colgroup", "style", "meta"})
_SPREADING = frozenset({"macro", "call", "block", "include", "import", "from", "extends", "filter"})


def has_style(html: str) -> bool:
    """Whether there is a style sheet to inline."""
    return _STYLE.search(html) is not None


def inline_css_now(html: str) -> str:
    """The style sheets of finished HTML moved into its tags; `@media` rules stay. Nothing is fetched."""
    import css_inline

    return css_inline.CSSInliner(load_remote_stylesheets=False, keep_at_rules=True).inline(html)


def inline_css(protected: Protected, html: str) -> str | None:
    """The same for a template, or None where one time for all rows cannot be shown to be right.

    Shown means: no construct of the template can change which rules match (class, id, position, an element that comes and
    goes around others), and the result has the same elements and constructs in the same order.
    """
    if not _independent(protected, html):
        return None
    before = _outline(protected, html)
    after = inline_css_now(_in_comments(protected, html))
    after = re.sub(rf"<!--({protected.pattern.pattern})-->", r"\1", after)
    if re.search(rf"<!--\s*{protected.prefix}|&lt;!--{protected.prefix}", after):
        return None
    same = _outline(protected, after) == before and balanced(protected, after, in_tags=True)
    return after if same else None


def _independent(protected: Protected, html: str) -> bool:
    styles = " ".join(match[1] for match in _STYLE.finditer(html))
    if any(mark.word in _SPREADING for mark in protected.marks) or any(
        "safe" in mark.source for mark in protected.marks
    ):
        return False
    if protected.pattern.search(styles):
        return False
    if protected.statements() and _POSITIONAL.search(re.sub(r"\{[^{}]*\}", "", styles)):
        return False
    if any(
        match[1] == "s" for part in _TEXT_ONLY.finditer(html) for match in protected.pattern.finditer(part[0])
    ):
        return False
    by_attribute = "[" in re.sub(r"\{[^{}]*\}", "", styles)
    return all(_tag_is_free(protected, tag[0], by_attribute) for tag in TAG.finditer(html))


def _tag_is_free(protected: Protected, tag: str, by_attribute: bool) -> bool:
    """Whether the constructs inside a tag stand in attributes that no rule looks at."""
    if protected.pattern.search(tag) is None:
        return True
    rest = _ATTRIBUTE.sub(lambda match: "" if match[1].lower() in _FREE_ATTRIBUTES else match[0], tag)
    return not by_attribute and protected.pattern.search(rest) is None


def _in_comments(protected: Protected, html: str) -> str:
    """Statements between tags as comments, which may stand anywhere, even between the rows of a table."""
    pieces: list[str] = []
    place = 0
    for tag in TAG.finditer(html):
        pieces += (_comment(protected, html[place : tag.start()]), tag[0])
        place = tag.end()
    return "".join([*pieces, _comment(protected, html[place:])])


def _comment(protected: Protected, text: str) -> str:
    return protected.pattern.sub(lambda match: f"<!--{match[0]}-->" if match[1] == "s" else match[0], text)


class _Outline(HTMLParser):
    """Elements and constructs in the order in which they stand."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        super().__init__(convert_charrefs=True)
        self.pattern = pattern
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag not in _IMPLIED:
            self.found.append(tag)
        self.found += sorted(match[0] for match in self.pattern.finditer(self.get_starttag_text() or ""))

    def handle_endtag(self, tag: str) -> None:
        if tag in {"table", "tr", "td", "th", "ul", "ol", "li", "div"}:
            self.found.append("/" + tag)

    def handle_data(self, data: str) -> None:
        self.found += [match[0] for match in self.pattern.finditer(data)]

    handle_comment = handle_data


def _outline(protected: Protected, html: str) -> list[str]:
    parser = _Outline(protected.pattern)
    parser.feed(html)
    parser.close()
    return parser.found


def finish(
    protected: Protected,
    html: str,
    image: Callable[[str], str],
    guard: Callable[[re.Match[str]], str],
) -> str:
    """Local images become `cid:` links, and links that begin with a construct get a guard.

    Args:
        protected: the template.
        html: with the constructs as words.
        image: takes a local image's path, gives its `cid:` link; raises where there is no such image.
        guard: takes a word that begins a link, gives the word to put there.

    Raises:
        ValueError: an image's local path is made of cells.
    """

    def tag(match: re.Match[str]) -> str:
        is_image = re.match(r"<img\b", match[0], re.IGNORECASE) is not None
        return _ATTRIBUTE.sub(lambda found: _link(protected, found, is_image, image, guard), match[0])

    return TAG.sub(tag, html)


def _link(
    protected: Protected,
    found: re.Match[str],
    is_image: bool,
    image: Callable[[str], str],
    guard: Callable[[re.Match[str]], str],
) -> str:
    name, equals, value = found[1].lower(), found[2], found[3]
    if name not in _LINKS:
        return found[0]
    plain = value[1:-1] if value[0] in "\"'" else value
    literal = protected.pattern.sub("", plain)
    if protected.pattern.search(plain):
        if (
            is_image
            and name == "src"
            and literal.strip()
            and not _REMOTE.match(plain)
            and not protected.pattern.match(plain)
        ):
            raise ValueError("a local image must have a fixed path, without {{ … }} in it")
        return f'{found[1]}{equals}"{_guarded(protected, plain, guard)}"'
    if is_image and name == "src" and literal.strip() and not _REMOTE.match(unescape(plain).strip()):
        return f'{found[1]}{equals}"{image(unquote(unescape(plain).strip()))}"'
    return found[0]


def _guarded(protected: Protected, value: str, guard: Callable[[re.Match[str]], str]) -> str:
    """Each construct that prints before any literal text may begin the link, so each is guarded."""
    pieces: list[str] = []
    place = 0
    begun = False
    for match in protected.pattern.finditer(value):
        literal = value[place : match.start()]
        begun = begun or bool(literal.strip())
        pieces += (literal, guard(match) if match[1] == "p" and not begun else match[0])
        place = match.end()
    return "".join([*pieces, value[place:]])


def guarding(protected: Protected) -> Callable[[re.Match[str]], str]:
    """The guard for templates: `{{ url }}` becomes `{{ (url) | _link }}`."""

    def guard(match: re.Match[str]) -> str:
        source = re.fullmatch(r"\{\{([-+]?)(.*?)([-+]?)\}\}(\s*)", protected.mark(match).source, re.DOTALL)
        if source is None:
            return match[0]  # a raw block
        left, expression, right, space = source.groups()
        return protected.add(Mark(f"{{{{{left} ({expression}) | _link {right}}}}}{space}", prints=True))

    return guard


def wrap_page(body: str, style: str) -> str:
    """A whole HTML page around a body."""
    return (
        '<!DOCTYPE html>\n<html><head><meta charset="utf-8"></head>\n'
        f'<body style="margin:0;padding:16px"><div style="{style}">\n{body}</div></body></html>\n'
    )


def element_styles(html: str, styles: dict[str, str]) -> str:
    """Each start tag of `styles` with its style, before one that it has already."""

    def styled(match: re.Match[str]) -> Any:
        style = styles.get(match[1])
        if style is None:
            return match[0]
        own = re.search(r'\sstyle="([^"]*)"', match[2])
        rest = match[2].replace(own[0], "") if own else match[2]
        return f'<{match[1]} style="{style}{";" + own[1] if own else ""}"{rest}>'

    return re.sub(r"<([a-z][a-z0-9]*)((?:\s[^>]*)?)>", styled, html)
