"""Reading and writing TOML text."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailmerge_cli.config.nearest import did_you_mean
from mailmerge_cli.config.toml_file import read_toml
from mailmerge_cli.config.toml_text import table_text, value_text, with_table
from mailmerge_cli.errors import ConfigFault, FileMissing

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_VALUES = st.one_of(
    _TEXT, st.booleans(), st.integers(-(2**62), 2**62), st.floats(allow_nan=False, allow_infinity=False),
    st.lists(_TEXT, max_size=3).map(tuple),
)  # fmt: skip


@given(name=_TEXT, content=st.dictionaries(_TEXT, _VALUES, max_size=4))
def test_what_is_written_is_what_is_read(name: str, content: dict[str, object]) -> None:
    """tomllib reads back every table, whatever characters are in it."""
    read = tomllib.loads(table_text(name, content))[name]  # type: ignore[arg-type]

    assert {k: list(v) if isinstance(v, tuple) else v for k, v in content.items()} == read


@given(
    st.lists(st.sampled_from(["a", "b", "c.d", "e f"]), unique=True, max_size=4),
    st.sampled_from(["a", "c.d", "new"]),
)
def test_putting_and_taking_one_table_leaves_the_others(names: list[str], name: str) -> None:
    """For any order of tables: the one is there with its new content, or gone; the rest is the same text."""
    text = "# head\n" + "".join(f"\n# about {n}\n{table_text(n, {'x': n})}" for n in names)

    put = with_table(text, name, table_text(name, {"y": 1}))
    taken = with_table(put, name, "")

    assert tomllib.loads(put) == {**tomllib.loads(text), name: {"y": 1}}
    assert name not in tomllib.loads(taken)
    assert all(f"# about {n}\n" in taken for n in names)


def test_headers_in_other_clothes_are_found() -> None:
    """Spaces, quotes and a comment behind do not hide a table."""
    for header in ("[ hr ]", '["hr"]', "['hr'] # mine", "\t[hr]"):
        assert with_table(f"{header}\nx = 1\n[it]\ny = 2\n", "hr", "") == "[it]\ny = 2\n"


def test_texts_are_escaped() -> None:
    """Quotes, backslashes and control characters stay what they are."""
    assert value_text('a"b\\c\n\x7f') == '"a\\"b\\\\c\\n\\u007f"'


def test_special_files_are_refused(tmp_path: Path) -> None:
    """A folder, something huge, nothing: each in words."""
    with pytest.raises(FileMissing, match="not a file"):
        read_toml(tmp_path)
    with pytest.raises(FileMissing, match="does not exist"):
        read_toml(tmp_path / "x")
    big = tmp_path / "big.toml"
    with big.open("wb") as file:
        file.truncate(5 * 1024 * 1024)
    with pytest.raises(ConfigFault, match="larger than 4 MB"):
        read_toml(big)


@given(st.binary(max_size=80))
def test_any_octets_are_read_or_refused_in_words(octets: bytes) -> None:
    """No file makes a traceback."""
    from mailmerge_cli.config.toml_file import decoded, parse_toml

    told = "x"
    try:
        parse_toml(decoded(octets, Path("x")), Path("x"))
    except ConfigFault as fault:
        told = fault.message

    assert told.startswith("x")


@pytest.mark.parametrize(
    ("word", "known", "guess"),
    [
        ("exclud", ["exclude"], "exclude"),
        ("Give-Up-After", ["give_up_after"], "give_up_after"),
        ("zzz", ["exclude"], ""),
    ],
)
def test_the_nearest_word(word: str, known: list[str], guess: str) -> None:
    """A slip is guessed, nonsense is not."""
    assert did_you_mean(word, known) == (f'; did you mean "{guess}"?' if guess else "")
