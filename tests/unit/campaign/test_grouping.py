"""`group_by` in a campaign: which column is the key, who must agree, and that other processes put the same lines together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailmerge_cli.campaign.checked import CHUNK
from mailmerge_cli.campaign.columns import Roles
from mailmerge_cli.campaign.grouping import grouped
from mailmerge_cli.campaign.hands import Hands
from mailmerge_cli.campaign.judge import Bad, Judge
from mailmerge_cli.campaign.kit import Kit, packed, unpacked
from mailmerge_cli.errors import Refused
from mailmerge_cli.model.campaign import RecipientSettings
from mailmerge_cli.model.mail import Recipient
from mailmerge_cli.model.table import Row
from mailmerge_cli.render import Expression, Template
from mailmerge_cli.sources import open_source
from support.letters import columns_of
from support.tables import RowsAtHand

COLUMNS = ORDER, EMAIL, NAME, ITEM = columns_of(("order", "email", "name", "item"))
LINES = (
    Row(2, ("7", "a@example.org", "Ann", "Lamp")),
    Row(3, ("7", "a@example.org", "Anne", "Vase")),
    Row(4, ("8", "b@example.org", "Bob", "")),
)


def judged(
    by: str, *, key: str = "", name: str = "", required: bool = False, lines: tuple[Row, ...] = LINES
) -> list[object]:
    """What the rows of the list are."""
    named = {column.title: column for column in COLUMNS}
    roles = Roles(EMAIL, NAME, named.get(key), (ITEM,) if required else ())
    settings = RecipientSettings(group_by=by, key=key, name=name)
    source, roles, where = grouped(RowsAtHand(lines, COLUMNS), settings, roles, None, own_to=False)
    judge = Judge(roles, where=where)
    return [judge.judge(row) for row in source.rows()]


def test_grouped_by_address_the_address_is_the_key() -> None:
    """As without groups."""
    assert [one.key for one in judged("email") if isinstance(one, Recipient)] == [
        "a@example.org",
        "b@example.org",
    ]


def test_grouped_by_another_column_that_one_is_the_key() -> None:
    """So the ledger has one line a mail."""
    assert [one.key for one in judged("order") if isinstance(one, Recipient)] == ["7", "8"]


def test_a_key_of_ones_own_stays_the_key() -> None:
    """As long as it is the same in all lines."""
    assert [one.key for one in judged("email", key="order") if isinstance(one, Recipient)] == ["7", "8"]


def test_a_guessed_name_that_differs_is_left_out() -> None:
    """The program chose the column, so its own doubt is no fault of the list: the mail goes without a name in To."""
    assert [one.name for one in judged("email") if isinstance(one, Recipient)] == ["", "Bob"]


def test_a_name_column_that_was_named_must_not_differ() -> None:
    """Then somebody meant it."""
    bad = judged("email", name="name")[0]
    assert isinstance(bad, Bad)
    assert [(problem.row, problem.column) for problem in bad.problems] == [(2, "name")]


def test_required_cells_are_required_of_each_line() -> None:
    """The problem names the line, not the group."""
    lines = (*LINES, Row(5, ("7", "a@example.org", "Ann", " ")))
    bad = [one for one in judged("email", required=True, lines=lines) if isinstance(one, Bad)]
    assert [(problem.row, problem.column) for one in bad for problem in one.problems] == [
        (5, "item"),
        (4, "item"),
    ]


def test_a_column_that_does_not_exist_is_refused() -> None:
    """With the option's name and the nearest column."""
    with pytest.raises(Refused, match=r"group_by.*nearest is “order”"):
        judged("orders")


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    """A long list in two orders at once: half of its groups stand together, half do not."""
    number = 3 * CHUNK
    lines = [f"{n // 3 if n % 2 else 10**6 + n % 97},item-{n},{n % 5}" for n in range(number)]
    (tmp_path / "list.csv").write_text("\n".join(["order,item,chosen", *lines]) + "\n", encoding="utf-8")
    text = "From: a@example.org\nTo: p{{ order }}@example.org\nSubject: {{ rows | length }}\n\n{{ rows | join(',', attribute='item') }}"
    with open_source(tmp_path / "list.csv") as table:
        where = Expression('chosen != "4"', table.columns)
        settings = RecipientSettings(group_by="order")
        source, roles, chosen = grouped(table, settings, Roles(None, None, None, ()), where, own_to=True)
        template = Template(
            text, path=tmp_path / "l.txt", folder=tmp_path, columns=source.columns, constants={}
        )
        yield Kit(source, Judge(roles, where=chosen, to=template.addressee), template)


def test_the_kit_travels_with_its_groups(kit: Kit) -> None:
    """Condition, index of groups and all; what is rendered there is what is rendered here."""
    octets = packed(kit)
    assert octets is not None
    there = unpacked(octets)

    def letters(kit: Kit) -> list[tuple[int, bytes]]:
        people = [(row, kit.judge.judge(row)) for row in kit.source.rows()]
        return [
            (row.number, kit.template.render(row, one).content_hash)
            for row, one in people
            if isinstance(one, Recipient)
        ]

    assert letters(kit) == letters(there)
    assert len(letters(kit)) > 300


def test_many_hands_find_the_same_groups(kit: Kit) -> None:
    """Chunk by chunk, the check in other processes is the check in this one."""
    with Hands(kit, 0) as alone, Hands(kit, 2, alone=0.0) as many:
        assert list(alone.checked(lambda: 1000)) == list(many.checked(lambda: 1000))
