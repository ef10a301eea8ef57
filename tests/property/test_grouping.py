"""Whatever the list: each line is in one mail or told, and no mail holds a line of another group."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from mailmerge_cli.campaign.columns import Roles
from mailmerge_cli.campaign.grouping import grouped
from mailmerge_cli.campaign.judge import Bad, Judge
from mailmerge_cli.errors import Problem
from mailmerge_cli.model.campaign import RecipientSettings
from mailmerge_cli.model.cell import WholeCell
from mailmerge_cli.model.mail import Recipient
from mailmerge_cli.model.table import Row
from mailmerge_cli.render import Expression, Template
from mailmerge_cli.sources.grouped import GroupedSource, Grouping
from support.letters import columns_of
from support.tables import RowsAtHand

COLUMNS = columns_of(("email", "order", "token", "chosen"))
TEXT = "From: a@example.org\nSubject: {{ order }}\n\n{% for line in rows %}<{{ line.token }}>{% endfor %}"

line = st.tuples(st.sampled_from("abcdef "), st.booleans(), st.integers(0, 19))
"""Its group (a blank: none), whether it is chosen, and 0 for a bad line."""


def table(lines: list[tuple[str, bool, int]]) -> RowsAtHand:
    rows = [
        Row(
            number,
            (f"{who}@example.org", who.strip(), f"tok-{who}-{number}", WholeCell(int(chosen))),
            () if sound else (Problem(number, "token", "control", "bad"),),
        )
        for number, (who, chosen, sound) in enumerate(lines, 2)
    ]
    return RowsAtHand(rows, COLUMNS)


@given(st.lists(line, max_size=60))
def test_every_line_is_in_exactly_one_row(lines: list[tuple[str, bool, int]]) -> None:
    """Lines in, lines accounted for: in a group, alone because it was not chosen, or alone because it has no group."""
    source = GroupedSource(table(lines), Grouping(COLUMNS[1], COLUMNS[0], where=lambda row: row.cells[3]))
    rows = list(source.rows())

    told = [number for row in rows for number in ([each.number for each in row.lines] or [row.number])]
    assert sorted(told) == list(range(2, 2 + len(lines)))
    groups = [row.cells[1] for row in rows if row.lines and row.cells[1]]
    assert len(groups) == len(set(groups))
    assert [row.number for row in rows] == sorted(row.number for row in rows)
    for row in rows:
        assert len({each.cells[1] for each in row.lines}) <= 1
        assert [each.number for each in row.lines] == sorted(each.number for each in row.lines)
        assert {p.row for p in row.problems if p.kind == "control"} <= {each.number for each in row.lines}


@settings(deadline=None)
@given(st.lists(line, min_size=1, max_size=40))
def test_no_mail_holds_a_line_of_another_group(lines: list[tuple[str, bool, int]]) -> None:
    """The token test: a mail holds the tokens of its own chosen lines, all of them, once, and no other."""
    settings_ = RecipientSettings(email="email", group_by="order")
    where = Expression("chosen == 1", COLUMNS)
    source, roles, chosen = grouped(
        table(lines), settings_, Roles(COLUMNS[0], None, None, ()), where, own_to=False
    )
    judge = Judge(roles, where=chosen)
    with tempfile.TemporaryDirectory() as folder:
        template = Template(
            TEXT, path=Path(folder) / "l.txt", folder=Path(folder), columns=source.columns, constants={}
        )
    expected: dict[str, list[str]] = {}
    bad: set[str] = set()
    for number, (who, wanted, sound) in enumerate(lines, 2):
        if sound and wanted:
            expected.setdefault(who, []).append(f"<tok-{who}-{number}>")
        if not sound:
            bad.add(who)
    seen: dict[str, str] = {}
    for row in source.rows():
        person = judge.judge(row)
        if isinstance(person, Recipient):
            assert person.key not in seen
            letter = template.render(row, person)
            assert letter.envelope.recipients == (f"{person.key}@example.org",)
            seen[person.key] = (letter.text or "").strip()
        else:
            assert person is None or isinstance(person, Bad)
    assert seen == {who: "".join(tokens) for who, tokens in expected.items() if who not in bad and who != " "}
