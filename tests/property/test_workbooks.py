"""Workbooks of all kinds: what was written is read, and what was broken is refused in a sentence; never a traceback, never another row's value."""

from __future__ import annotations

import io
import tempfile
from html import escape
from pathlib import Path

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mailmerge_cli.errors import MailmergeError
from mailmerge_cli.sources import open_source
from mailmerge_cli.sources.scruple import FORBIDDEN
from support.tables import MAIN, sheet_xml, text_rows, write_package

# Excel reads _x000A_ as an escaped character, so no text here has an underscore; XML has no such characters as FORBIDDEN lists.
TEXT = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cn"), exclude_characters="_￾￿@"), min_size=1, max_size=12
).map(lambda text: FORBIDDEN.sub("", text))
WAY = st.sampled_from(["inline", "shared", "formula"])
TITLES = ("id", "name", "net")

PIECES = st.sampled_from(
    [
        '<row r="1">', '<row r="2">', "<row>", '<row r="0">', '<row r="1048577">', '<row r="x">', '<row r="2" hidden="1">', "</row>",
        '<c r="A1">', '<c r="B1" t="s">', '<c r="A2" t="inlineStr">', '<c r="C2" t="b">', '<c t="d">', '<c r="A1" s="99">', '<c t="e">',
        '<c r="ZZZ9">', '<c r="A1" t="odd">', "</c>", "<v>", "</v>", "<is>", "</is>", "<t>", "</t>", '<t xml:space="preserve">',
        "0", "1", "-1", "1e999", "nan", "45000.5", "#N/A", "email", "a@example.com", "<f>1+1</f>", "<r><t>rich</t></r>", "<rPh><t>x</t></rPh>",
        "<!-- x -->", "<![CDATA[<v>]]>", "<?pi x?>", "&amp;", "&#x41;", "&#0;", "&nope;", "<x:y/>", " ", "\n", "\u200b", "\ufeff",
    ]
)  # fmt: skip


def stored(titles: tuple[str, ...], table: list[list[tuple[str, str]]]) -> tuple[str, str]:
    """A sheet and its shared strings, each cell in its own way."""
    shared: list[str] = []
    rows = [text_rows([titles])]
    for number, row in enumerate(table, 2):
        cells = []
        for text, way in row:
            said = escape(text)
            if way == "inline":
                cells.append(f'<c t="inlineStr"><is><t xml:space="preserve">{said}</t></is></c>')
            elif way == "formula":
                cells.append(f'<c t="str"><f>A1</f><v xml:space="preserve">{said}</v></c>')
            else:
                shared.append(f'<si><t xml:space="preserve">{said}</t></si>')
                cells.append(f'<c t="s"><v>{len(shared) - 1}</v></c>')
        rows.append(f'<row r="{number}">{"".join(cells)}</row>')
    strings = f'<?xml version="1.0"?><sst xmlns="{MAIN}">{"".join(shared)}</sst>'
    return sheet_xml("".join(rows)), strings


@given(st.lists(st.lists(st.tuples(TEXT, WAY), min_size=3, max_size=3), min_size=1, max_size=6))
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_texts_are_read_as_they_were_stored(table: list[list[tuple[str, str]]]) -> None:
    """Inline, shared or a formula's result: the same text, character by character, in its own row and column."""
    assume(all("".join(text for text, _ in row).strip() for row in table))
    sheet, strings = stored(TITLES, table)
    with tempfile.TemporaryDirectory() as folder:
        path = write_package(Path(folder) / "list.xlsx", sheet, {"xl/sharedStrings.xml": strings})
        with open_source(path) as source:
            read = [(row.number, [str(cell) for cell in row.cells]) for row in source.rows()]
    assert [(number, [text for text, _ in row]) for number, row in enumerate(table, 2)] == read


def rows_or_a_sentence(path: Path) -> None:
    try:
        with open_source(path) as source:
            numbers = []
            for row in source.rows():
                assert len(row.cells) == len(source.columns)
                numbers.append(row.number)
    except MailmergeError as fault:
        assert path.name in str(fault)  # noqa: PT017  both ends are right
        assert str(fault).isprintable()  # noqa: PT017
    else:
        assert numbers == sorted(set(numbers))


@given(st.lists(PIECES, max_size=40), st.lists(PIECES, max_size=20), st.booleans())
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_nearly_a_sheet_ends_in_rows_or_a_sentence(
    pieces: list[str], strings: list[str], whole: bool
) -> None:
    """A program wrote a sheet wrongly: rows that rise, or a refusal that names the file."""
    begin = text_rows([("email", "name")]) if whole else ""
    with tempfile.TemporaryDirectory() as folder:
        path = write_package(
            Path(folder) / "list.xlsx",
            sheet_xml(begin + "".join(pieces)),
            {"xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{"".join(strings)}</sst>'},
        )
        rows_or_a_sentence(path)


def a_sound_one() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.xlsx"
        sheet = sheet_xml(text_rows([("email", "name"), ("a@example.com", "Ann"), ("b@example.com", "Ben")]))
        return write_package(path, sheet).read_bytes()


SOUND = a_sound_one()


@given(
    st.lists(st.tuples(st.integers(0, len(SOUND) - 1), st.binary(max_size=4)), min_size=1, max_size=4),
    st.integers(0, len(SOUND)),
)
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_F23_damage_anywhere_ends_in_rows_or_a_sentence(changes: list[tuple[int, bytes]], keep: int) -> None:
    """Octets replaced, put in or left out, and perhaps the end missing."""
    octets = io.BytesIO()
    octets.write(SOUND)
    whole = bytearray(octets.getvalue())
    for place, new in changes:
        whole[place : place + max(1, len(new) - 1)] = new
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.xlsx"
        path.write_bytes(bytes(whole) if keep % 2 else bytes(whole[:keep]))
        rows_or_a_sentence(path)
