"""Without Jinja as with it: a template that only sets values in gives the same text, the same people and the same faults."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailmerge_cli.address import AddressFault
from mailmerge_cli.model.cell import Cell, CellFault, FaultCell, MomentCell, RealCell, WholeCell
from mailmerge_cli.model.table import Column, Row
from mailmerge_cli.render.environment import Sandbox
from mailmerge_cli.render.fault import Misuse, Place, RowFault, failing_line
from mailmerge_cli.render.mailboxes import MailboxPiece
from mailmerge_cli.render.paths import path_sandbox
from mailmerge_cli.render.piece import Piece
from mailmerge_cli.render.scope import Scope
from mailmerge_cli.render.straight import straight
from mailmerge_cli.render.survey import survey
from support.letters import Bench, columns_of

COLUMNS = columns_of(("email", "name", "net", "Work e-mail"))
CONSTANTS = {
    "company": "Ex & <Sons>",
    "today": date(2026, 11, 21),
    "rate": 0.1 + 0.2,
    "moment": datetime(2026, 1, 2, 3, 4),
}
SCOPE = Scope(COLUMNS, CONSTANTS)
GAPS = (
    "{{ email }}", "{{name}}", "{{- net -}}", '{{ row["Work e-mail"] }}', "{{ work_e_mail }}", "{{ row['work_e_mail'] }}", "{{ company }}",
    "{{ today }}", "{{ rate }}", "{{ moment }}", "{{ '{' }}", "{# a remark #}", "{% raw %}{{ x }}{% endraw %}",
)  # fmt: skip
TEMPLATES = st.lists(
    st.one_of(st.sampled_from(GAPS), st.text("ab <>&\"'\n", max_size=5)), min_size=1, max_size=8
).map("".join)
CELLS: st.SearchStrategy[Cell] = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["<b>&'\"", "", " x ", "\ue0000\ue001", "{{ name }}"]),
    st.builds(WholeCell, st.integers(-(10**6), 10**6), st.sampled_from(["General", "#,##0", "BOOLEAN"])),
    st.builds(RealCell, st.floats(-1e6, 1e6), st.just("#,##0.00")),
    st.just(MomentCell(datetime(2026, 11, 21), "yyyy-mm-dd")),
    st.just(FaultCell("holds the error #N/A")),
)
ROWS = st.tuples(CELLS, CELLS, CELLS, CELLS).map(lambda cells: Row(2, cells))


def told(make: Any) -> Any:
    """What comes of it, or why nothing does."""
    try:
        return make()
    except (CellFault, AddressFault, Misuse) as error:
        return type(error), str(error)


@given(TEMPLATES, ROWS, st.booleans())
def test_straight_text_is_jinjas_text(text: str, row: Row, autoescape: bool) -> None:
    """To the letter, escaped or not, for cells of every kind; a cell that must not be used raises the same."""
    piece = Piece(SCOPE, Sandbox(autoescape=autoescape), text, survey(SCOPE, Sandbox(), text, Place("t")))
    assert piece._straight is not None
    made = told(lambda: piece.fill(row))
    assert made == told(lambda: piece._fill_by_jinja(row, {}))
    assert type(made) in (str, tuple)


@given(st.sampled_from(["{{ name }}.pdf", "{{ company }}/{{ name }}", "{{ net }}"]), ROWS)
def test_straight_paths_are_jinjas_paths(text: str, row: Row) -> None:
    """What may not stand in a path is refused either way (B02)."""
    piece = Piece(SCOPE, path_sandbox(SCOPE), text, survey(SCOPE, Sandbox(), text, Place("t")))
    assert piece._straight is not None
    assert told(lambda: piece.fill(row)) == told(lambda: piece._fill_by_jinja(row, {}))


@given(
    st.sampled_from([
        "{{ email }}", "{{ name }} <{{ email }}>", '"{{ name }}, {{ company }}" <{{ email }}>', "{{ email }}, Ann <ann@example.org>",
        "{{ name }}{{ email }}", "<{{ email }}>", "{{ company }} <{{ name }}@example.org>", "Ann <ann@example.org>, {{ name }} <{{ email }}>",
    ]),
    st.one_of(ROWS, st.sampled_from(["a@example.org", "a@example.org; b@example.org", "", "x"]).map(
        lambda email: Row(2, (email, "Wang, Fang", "", "")))),
    st.booleans(),
)  # fmt: skip
def test_straight_people_are_jinjas_people(text: str, row: Row, single: bool) -> None:
    """The form of an address header is read once or for each row: the same people come of it (A03)."""
    usage = survey(SCOPE, Sandbox(), text, Place("t", header="To"))
    once, each = (MailboxPiece(SCOPE, text, usage, single=single) for _ in range(2))
    assert once._form is not None
    each._form = None
    assert told(lambda: once.fill(row)) == told(lambda: each.fill(row))


@pytest.mark.parametrize(
    "text", ["{{ name }} <{{ email }}>", "{% if name %}{{ name }}{% endif %} <{{ email }}>"]
)
@pytest.mark.parametrize("cell", ["\ue0000\ue001", "\ue0001\ue001", "\ue00099\ue001"])
def test_A03_a_cell_that_looks_like_a_place_is_none(text: str, cell: str) -> None:
    """The words that stand for values are nobody's to write: no endless search, no other person's address."""
    piece = MailboxPiece(SCOPE, text, survey(SCOPE, Sandbox(), text, Place("t", header="To")), single=True)
    ((name, address),) = piece.fill(Row(2, ("ann@example.org", cell, "", "")))
    assert address.spec == "ann@example.org"
    assert name == cell
    with pytest.raises(AddressFault, match="invisible"):
        piece.fill(Row(2, (cell, "Ann", "", "")))


@pytest.mark.parametrize(
    "text",
    ["{{ net | number }}", "{% if net %}x{% endif %}", "{{ net + 1 }}", "{{ name ~ net }}", "{{ row }}", "{{ row.net }}", "{{ none }}",
     "{{ name.upper() }}", "{{ range }}", "{{ 1 }}", "{{ row[name] }}"],
)  # fmt: skip
def test_whatever_else_a_template_holds_is_jinjas(text: str) -> None:
    """Only literals and plain values are set in without it."""
    assert straight(SCOPE, Sandbox(), text) is None


def test_a_constant_that_cannot_be_printed_is_jinjas_to_tell() -> None:
    """It knows the line."""
    scope = Scope(COLUMNS, {"broken": FaultCell("holds the error #N/A")})
    assert straight(scope, Sandbox(), "{{ broken }}") is None


def test_the_lines_of_a_mail_are_jinjas() -> None:
    """`rows` is made for each row; what is in its place in the row is not for printing."""
    scope = Scope((*COLUMNS, Column(4, "rows", "rows", "", holds_lines=True)), CONSTANTS)
    assert straight(scope, Sandbox(), "{{ rows }}") is None
    assert straight(scope, Sandbox(), "{{ row['rows'] }}") is None


def test_a_fault_has_its_line() -> None:
    """What raises is done again by Jinja, whose traceback holds the template's line."""
    text = "Dear {{ name }},\n\nyour net is {{ net }}\n"
    piece = Piece(SCOPE, Sandbox(), text, survey(SCOPE, Sandbox(), text, Place("t")))
    with pytest.raises(CellFault) as caught:
        piece.fill(Row(2, ("", "Ann", FaultCell("holds #N/A"), "")))
    assert failing_line(caught.value) == 3


def test_a_mail_tells_the_line_of_a_fault(tmp_path: Path) -> None:
    """And so does the problem that a person reads."""
    bench = Bench(tmp_path, net=FaultCell("holds the error #N/A"))
    with pytest.raises(RowFault) as caught:
        bench.letter(bench.template("\nDear {{ name }},\n\n{{ net }}\n"))
    assert caught.value.problems[0].message.endswith("letter.txt:6")
