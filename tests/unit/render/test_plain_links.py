"""Plain web addresses in Markdown are links; what stands around them is not part of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.letters import FROM, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A table with a token and a choice."""
    return Bench(tmp_path.resolve(), token="t1&x", yes="1")


@pytest.mark.parametrize(
    ("markdown", "links"),
    [
        ("see https://example.org/a_b_c?x=1&y=2.", ["https://example.org/a_b_c?x=1&amp;y=2"]),
        ("(https://example.org/)", ["https://example.org/"]),
        ("见https://example.org/路。", ["https://example.org/"]),
        ("https://example.org/{{ token }}, please", ["https://example.org/t1&amp;x"]),
        ("https://example.org/{% if yes %}b{% endif %}/c", ["https://example.org/b/c"]),
        ("https://example.org{% if yes %} and more{% endif %}.", ["https://example.org"]),
        ("[https://example.org](https://example.com)", ["https://example.com"]),
        ("<https://example.org/>", ["https://example.org/"]),
        ("`https://example.org/`", []),
        ("    https://example.org/", []),
        ("https:// and xhttps://example.org and javascript:alert(1)", []),
        ("*https://example.org/* and http://example.com", ["https://example.org/", "http://example.com"]),
    ],
)
def test_a_plain_address_is_a_link(bench: Bench, markdown: str, links: list[str]) -> None:
    """One link each, in the HTML alone; the text has the address as it was written."""
    letter = bench.letter(bench.template(FROM + "\n" + markdown, "letter.md"))
    assert letter.html is not None
    assert re.findall(r'<a [^>]*href="([^"]*)"', letter.html) == links
    assert letter.text is not None
    assert "<a" not in letter.text
