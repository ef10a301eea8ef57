"""`rows` in templates: the lines of one mail, as strict, as escaped and as well computed as the columns themselves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mailmerge_cli.errors import Refused
from mailmerge_cli.model.cell import FaultCell, LinesCell, RealCell
from mailmerge_cli.model.mail import Recipient
from mailmerge_cli.model.table import Column, Row
from mailmerge_cli.render import Letter, RowFault, Template
from support.letters import CONSTANTS, FROM, columns_of

TITLES = ("email", "name", "Item no.", "item", "items", "amount")
OWN = columns_of(TITLES)
COLUMNS = (*OWN, Column(len(OWN), "rows", "rows", "", holds_lines=True))
LINES = (
    ("a@example.org", "Ann", "17", "Lamp", "x", RealCell(40.0, "¥0.00")),
    ("a@example.org", "Ann", "18", "Vase <b>", "y", RealCell(12.5, "¥0.00")),
)


def template(folder: Path, text: str, file: str = "letter.txt", **more: Any) -> Template:
    return Template(
        FROM + "\n" + text, path=folder / file, folder=folder, columns=COLUMNS, constants=CONSTANTS,
        address_column=0, name_column=1, **more,
    )  # fmt: skip


def row(lines: Sequence[tuple[Any, ...]] = LINES) -> Row:
    common = tuple(
        own[0] if own[0] is own[-1] else FaultCell(f"differs {n}")
        for n, own in enumerate(zip(*lines, strict=True))
    )
    return Row(4, (*common, LinesCell(tuple(range(4, 4 + len(lines))), tuple(lines))))


def letter(folder: Path, text: str, file: str = "letter.txt") -> Letter:
    return template(folder, text, file).render(row(), Recipient(4, "a@example.org", "a@example.org", "Ann"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{% for line in rows %}{{ line.item }};{% endfor %}", "Lamp;Vase <b>;"),
        ('{% for line in rows %}{{ line["Item no."] }} {{ line.item_no }};{% endfor %}', "17 17;18 18;"),
        ("{% for line in rows %}{{ line.amount }};{% endfor %}", "¥40.00;¥12.50;"),
        ("{% for line in rows %}{{ line.amount * 2 }};{% endfor %}", "80;25;"),
        ("{% for line in rows %}{{ line.items }};{% endfor %}", "x;y;"),
        ('{{ rows | sum(attribute="amount") }}', "52.5"),
        ('{{ rows | total("amount") | format("0.00") }}', "52.50"),
        ('{{ rows | total("Item no.") }}', "35"),
        ("{{ rows | length }}", "2"),
        ("{{ rows[0].item }} {{ (rows | last).item }} {{ rows[-1].item }}", "Lamp Vase <b> Vase <b>"),
        ("{% for line in rows[1:] %}{{ line.item }}{% endfor %}", "Vase <b>"),
        ('{% for line in rows | sort(attribute="amount") %}{{ line.item_no }} {% endfor %}', "18 17"),
        ('{% for line in rows | selectattr("amount", "gt", 20) %}{{ line.item }}{% endfor %}', "Lamp"),
        ('{{ rows | join(", ", attribute="item") }}', "Lamp, Vase <b>"),
        ('{% for number, some in rows | groupby("item_no") %}{{ number }}:{{ some | length }} {% endfor %}', "17:1 18:1"),
        ("{% for line in rows %}{{ loop.index }}/{{ loop.length }} {% endfor %}", "1/2 2/2"),
        ("{% set first = rows | first %}{{ first.item }} for {{ name }}", "Lamp for Ann"),
        ("{% if rows | length > 1 %}several{% endif %}", "several"),
    ],
)  # fmt: skip
def test_what_rows_can_do(tmp_path: Path, text: str, told: str) -> None:
    """Cells by name and by title print as the sheet shows them and compute as their values; a column's name is never taken."""
    assert (letter(tmp_path, text).text or "").strip() == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{% for line in rows %}{{ line.itm }}{% endfor %}", "no column 'itm'; did you mean 'item'?"),
        ('{% for line in rows %}{{ line["Item n."] }}{% endfor %}', "no column 'Item n.'"),
        ('{{ rows | sum(attribute="amuont") }}', "did you mean 'amount'?"),
        ('{{ rows | total("amuont") }}', "did you mean 'amount'?"),
        ('{% for line in rows | sort(attribute="amuont") %}{% endfor %}', "did you mean 'amount'?"),
        ("{{ rows[0].itm }}", "did you mean 'item'?"),
        ("{{ (rows | first).itm }}", "did you mean 'item'?"),
        ("{% set one = rows[0] %}{{ one.itm }}", "did you mean 'item'?"),
        ("{{ rows.item }}", "{% for line in rows %}"),
        ("{{ rows.__class__ }}", "rows are the lines of one mail"),
        ("{% for line in rows %}{{ line.__class__ }}{% endfor %}", "no column '__class__'"),
        ('{{ row["rows"] }}', "no column titled 'rows'"),
        ("{{ rosw }}", "did you mean 'rows'?"),
    ],
)
def test_T01_what_rows_do_not_have_is_refused_before_any_row(tmp_path: Path, text: str, told: str) -> None:
    """A wrong name inside a loop is found as one outside is, with the nearest column."""
    with pytest.raises(Refused) as refused:
        template(tmp_path, text)
    assert not isinstance(refused.value, RowFault)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{{ rows }}", "prints rows whole"),
        ("{{ rows ~ '' }}", "prints rows whole"),
        ("{{ rows | list }}", "a whole line of rows"),
        ("{{ rows[:1] }}", "prints rows whole"),
        ("{{ rows[0] }}", "a whole line of rows"),
        ("{{ rows | join(',') }}", "a whole line of rows"),
        (
            "{% for line in rows %}{% for cell in line %}{{ cell }}{% endfor %}{% endfor %}",
            "a whole line of rows",
        ),
        ("{% macro m(one) %}{{ one.itm }}{% endmacro %}{{ m(rows[0]) }}", "asks a line of rows for a column"),
        ("{% macro m(line) %}{{ line._cells }}{% endmacro %}{{ m(rows[0]) }}", ""),
    ],
)
@pytest.mark.parametrize("file", ["letter.txt", "letter.html", "letter.md"])
def test_a_line_is_never_printed_whole(tmp_path: Path, text: str, told: str, file: str) -> None:
    """A row would be everything that the list has of somebody; it is refused, and no cell stands in the message."""
    with pytest.raises(Refused) as refused:
        letter(tmp_path, text, file)
    assert told in str(refused.value)
    assert "Lamp" not in str(refused.value)


def test_T02_cells_of_lines_are_escaped(tmp_path: Path) -> None:
    """In HTML and Markdown, as any cell."""
    loop = "{% for line in rows %}<p>{{ line.item }}</p>{% endfor %}"
    assert "Vase &lt;b&gt;" in (letter(tmp_path, loop, "letter.html").html or "")
    table = "| a | b |\n|---|---|\n{% for line in rows %}\n| {{ line.item }} | {{ line.amount }} |\n{% endfor %}\n"
    html = letter(tmp_path, table, "letter.md").html or ""
    assert html.count("<tr>") == 3
    assert "Vase &lt;b&gt;" in html
    assert "¥12.50" in html


def test_headers_know_rows(tmp_path: Path) -> None:
    """A subject can count."""
    made = Template(
        "From: a@example.org\nSubject: {{ rows | length }} things\n\nx", path=tmp_path / "l.txt", folder=tmp_path,
        columns=COLUMNS, constants=CONSTANTS, name_column=1,
    )  # fmt: skip
    assert made.render(row(), Recipient(4, "a", "a@example.org", "")).subject == "2 things"


def test_a_column_that_differs_is_told_with_its_own_name(tmp_path: Path) -> None:
    """The fault is of the first line, and names the column."""
    with pytest.raises(RowFault) as fault:
        letter(tmp_path, "{{ item }} {% for line in rows %}{{ line.item }}{% endfor %}")
    assert [(p.row, p.column) for p in fault.value.problems] == [(4, "item")]


def test_a_cell_of_one_line_that_cannot_be_used_names_that_line(tmp_path: Path) -> None:
    """An error value, or a text that is no number, is in the line that the person sees."""
    broken = (LINES[0], (*LINES[1][:5], FaultCell("cell F5 holds #N/A")))
    for text, lines in (
        ("{% for line in rows %}{{ line.amount }}{% endfor %}", broken),
        ("{% for line in rows %}{{ line.items | number }}{% endfor %}", ((*LINES[0][:4], "1", ""), LINES[1])),
        ('{{ rows | total("items") }}', ((*LINES[0][:4], "1", ""), LINES[1])),
    ):
        with pytest.raises(RowFault) as fault:
            template(tmp_path, text).render(row(lines), Recipient(4, "a", "a@example.org", ""))
        assert fault.value.problems[0].row == 5
        assert fault.value.problems[0].column in {"amount", "items"}


def test_B02_a_path_is_made_of_what_all_lines_share(tmp_path: Path) -> None:
    """One line's cell cannot choose an attachment."""
    with pytest.raises(Refused, match="what all lines of a mail share"):
        template(tmp_path, "x", attachments=("slips/{{ rows[0].item }}.pdf",))
    (tmp_path / "Ann.txt").write_text("hers")
    made = template(tmp_path, "x", attachments=("{{ name }}.txt",))
    assert [part.name for part in made.render(row(), Recipient(4, "a", "a@example.org", "")).attachments] == [
        "Ann.txt"
    ]


def test_without_groups_there_are_no_rows(tmp_path: Path) -> None:
    """A template for groups, sent to a list that is not grouped, would be one mail a line: it is refused and says what is missing."""
    with pytest.raises(Refused, match="group_by"):
        Template(
            FROM + "\n{{ rows | length }}",
            path=tmp_path / "l.txt",
            folder=tmp_path,
            columns=OWN,
            constants={},
        )


def test_a_column_called_rows_stays_one_where_nothing_is_grouped(tmp_path: Path) -> None:
    """Nobody's list breaks because there is a new word."""
    columns = columns_of(("email", "rows"))
    made = Template(
        FROM + "\n{{ rows }}", path=tmp_path / "l.txt", folder=tmp_path, columns=columns, constants={}
    )
    assert made.render(Row(2, ("a@example.org", "12")), Recipient(2, "a", "a@example.org", "")).text == "12\n"
