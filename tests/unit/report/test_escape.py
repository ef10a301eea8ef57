"""Foreign text is harmless on terminals, in log lines and in spreadsheets."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailmerge_cli.report.escape import defuse, json_text, undefuse, visible

ANY = st.text(st.characters())  # surrogates and control characters included
TRICKY = st.text(st.sampled_from("=+-@|%\t\r\n '\";,a0＝＋－＠"), max_size=8)
STARTS = tuple("=+-@|%＝＋－＠\t\r\n")


@given(ANY)
def test_L02_no_control_or_bidi_character_is_left(text: str) -> None:
    """Nothing of category Cc, no lone surrogate, no bidi control and no line separator survives."""
    for character in visible(text):
        assert unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp")
        assert unicodedata.bidirectional(character) not in (
            "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI", "B",
        )  # fmt: skip


@given(ANY)
def test_escaping_is_settled_after_once(text: str) -> None:
    """What has been escaped is not escaped again."""
    assert visible(visible(text)) == visible(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("王小明 <b>&", "王小明 <b>&"),
        ("می\u200cخواهم 👨\u200d👩\u200d👧", "می\u200cخواهم 👨\u200d👩\u200d👧"),
        ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x9b31m", "\\x9b31m"),
        ("invoice\u202egpj.exe", "invoice\\u202egpj.exe"),
        ("a\u2028b\ufeff", "a\\u2028b\\ufeff"),
        ("flag\U000e0067", "flag\\U000e0067"),
        ("\udcff", "\\udcff"),
        ("CORP\\user", "CORP\\user"),
    ],
)
def test_L02_escapes_are_readable(text: str, shown: str) -> None:
    """Each hidden character is written out; letters of any script, emoji and backslashes stay."""
    assert visible(text) == shown


def test_lines_keep_line_feeds_alone() -> None:
    """With `lines`, a line feed stays and a carriage return does not."""
    assert visible("a\nb\rc", lines=True) == "a\nb\\rc"


@given(ANY | TRICKY)
def test_L01_re_import_undoes_defusing(text: str) -> None:
    """`undefuse` gives back exactly what `defuse` got, also when it looked defused already."""
    assert undefuse(defuse(text)) == text


@given(ANY | TRICKY)
def test_L01_no_part_of_a_cell_is_a_formula(text: str) -> None:
    """In a comma country and in a semicolon country alike, blanks trimmed or not, no cell begins with a sign that runs."""
    for part in defuse(text).split(";"):
        assert not part.startswith(STARTS)
        assert not part.lstrip(' "').startswith(STARTS)


@pytest.mark.parametrize(
    "cell", ["=1+1", "+86 10", "-5", "@SUM(A1)", "|calc", "%x", "\t=1", "\r=1", " =1", "＝1", "'=1"]
)
def test_L01_known_triggers_get_an_apostrophe(cell: str) -> None:
    """Every trigger of OWASP's list, blank or apostrophe before it or not, is defused."""
    assert defuse(cell) == "'" + cell


@pytest.mark.parametrize(
    "cell", ["", "person@example.org", "a=b", "5-3", "O'Neil", "'quoted'", "2.1.5 Ok; queued", "<a@b>"]
)
def test_L01_ordinary_cells_stay(cell: str) -> None:
    """Signs that are not in front change nothing."""
    assert defuse(cell) == cell


@given(
    st.recursive(ANY | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(ANY, inner))
)
def test_json_is_exact_one_line_and_harmless(value: object) -> None:
    """JSON comes back as it was, can be encoded, and prints no hidden character."""
    text = json_text(value)

    assert json.loads(text.encode("utf-8")) == value
    assert visible(text) == text
