"""Titles of several rows in templates: by the full name, by the lower one where it is unique, both in `row[…]`."""

from __future__ import annotations

import pytest

from mailmerge_cli.campaign.columns import assign_roles, find_column
from mailmerge_cli.errors import Refused
from mailmerge_cli.model.campaign import RecipientSettings
from mailmerge_cli.model.table import Column, Row
from mailmerge_cli.render.phrase import Expression, Phrase
from mailmerge_cli.sources.header import column_letter, columns_of

COLUMNS, _ = columns_of(
    [
        "E-mail",
        ("应发工资", "基本工资"),
        ("应发工资", "小计"),
        ("扣款", "小计"),
        ("Period", "month"),
        ("Net pay", "in EUR"),
    ],
    source="x.xlsx",
    line=2,
    letter=column_letter,
)
ROW = Row(3, ("a@example.com", "8000", "9000", "500", "November", "8.50"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{{ 应发工资_基本工资 }}", "8000"),
        ("{{ 基本工资 }}", "8000"),
        ('{{ row["应发工资 / 基本工资"] }}', "8000"),
        ('{{ row["基本工资"] }}', "8000"),
        ("{{ row.基本工资 }}", "8000"),
        ("{{ 应发工资_小计 }}-{{ 扣款_小计 }}", "9000-500"),
        ("{{ in_eur }} {{ row['in EUR'] }} {{ row.in_eur }} {{ net_pay_in_eur }}", "8.50 8.50 8.50 8.50"),
        ("{% if 基本工资 == '8000' and true %}{{ 基本工资 }}{% endif %}", "8000"),
        (
            "{{ month }} {{ row.month }} {{ row['month'] }} {{ period_month }}",
            "2026-11 November November November",
        ),
    ],
)
def test_names(text, shown):
    """Every way to name a column; an alias that is called like something built in is none, though a title still."""
    assert Phrase(text, COLUMNS, {"month": "2026-11"})(ROW) == shown


def test_a_lower_title_that_stands_twice_is_no_name():
    """Which one is meant is not guessed; the full names are offered."""
    with pytest.raises(
        Refused,
        match=r"named '小计'; did you mean '应发工资_小计'\?|named '小计'; did you mean '扣款_小计'\?",
    ):
        Phrase("{{ 小计 }}", COLUMNS)


def test_a_value_comes_before_an_alias():
    """A constant of that name is what it was before the sheet had two rows of titles."""
    assert Phrase("{{ 基本工资 }}", COLUMNS, {"基本工资": "mine"})(ROW) == "mine"


def test_where():
    """Conditions know the names too."""
    assert Expression("基本工资 == '8000' and in_eur | number > 8", COLUMNS)(ROW) is True


def test_did_you_mean():
    """The nearest alias, as it is written."""
    with pytest.raises(Refused, match=r"did you mean '基本工资'|did you mean '应发工资_基本工资'"):
        Phrase("{{ 基本工贸 }}", COLUMNS)


def test_one_brace_around_an_alias():
    """What looks like a column never goes out as text."""
    with pytest.raises(Refused, match="would stand in the mail as it is"):
        Phrase("{基本工资}", COLUMNS)


@pytest.mark.parametrize("wanted", ["应发工资 / 基本工资", "应发工资_基本工资", "基本工资"])
def test_columns_of_the_campaign(wanted):
    """`key`, `required` and the like take any of the names."""
    assert find_column(COLUMNS, wanted, "key").index == 1


def test_roles_are_guessed_by_the_lower_title():
    """Groups do not hide what a column is; one that says that it is somebody else's counts."""
    columns, _ = columns_of(
        [("员工", "姓名"), ("员工", "邮箱"), ("紧急联系人", "E-mail"), ("工资", "net")],
        source="x.xlsx", line=2, letter=column_letter,
    )  # fmt: skip
    row = Row(3, ("王伟", "a@example.com", "b@example.com", "8"))
    roles = assign_roles(columns, RecipientSettings(), (), [row], own_to=False)
    assert roles.email is not None
    assert roles.name is not None
    assert (roles.email.title, roles.name.title) == ("员工 / 邮箱", "员工 / 姓名")


@pytest.mark.parametrize("text", ['{{ row["net_pay"] }}', '{{ row["net_pay"] | upper }}'])
def test_with_a_filter_or_without_it_is_the_same_cell(text):
    """A source of somebody else's whose further title is another column's name: `row[…]` means the title, with Jinja and without it (law 1)."""
    columns = (Column(0, "Net pay", "net_pay", "A"), Column(1, "G / net_pay", "g_net_pay", "B", ("net_pay",)))
    assert Phrase(text, columns)(Row(3, ("first", "SECOND"))) == "SECOND"
