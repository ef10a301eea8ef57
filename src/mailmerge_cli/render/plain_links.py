"""A plain `https://…` in Markdown becomes a link, as people expect of a mail.

Only ASCII belongs to it, so that `见https://example.org。` ends where it should; marks that end a sentence do not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_core import StateCore
    from markdown_it.token import Token

_URL = re.compile(
    r"(?<![A-Za-z0-9])https?://(?=[A-Za-z0-9])[!#$%&*+,./0-9:;=?@A-Z\[\]_a-z~-]*[#$%&*+/0-9=@A-Z_a-z~-]"
)


def link_plain_urls(converter: MarkdownIt) -> MarkdownIt:
    """The converter, which makes such links from now on; never in code or within another link."""
    converter.core.ruler.push("plain_links", _link_all)
    return converter


def _link_all(state: StateCore) -> None:
    for block in state.tokens:
        if block.type != "inline" or "://" not in block.content or block.children is None:
            continue
        made: list[Token] = []
        depth = 0
        for token in block.children:
            depth += token.nesting if token.type in {"link_open", "link_close"} else 0
            made += _linked(token) if token.type == "text" and not depth else [token]
        block.children = made


def _linked(text: Token) -> list[Token]:
    """A text token in pieces: text, and links around the URLs."""
    from markdown_it.token import Token

    made: list[Token] = []
    place = 0
    for match in _URL.finditer(text.content):
        made += (
            text.copy(content=text.content[place : match.start()]),
            Token("link_open", "a", 1, attrs={"href": match[0]}),
            text.copy(content=match[0]),
            Token("link_close", "a", -1),
        )
        place = match.end()
    return [*made, text.copy(content=text.content[place:])]
