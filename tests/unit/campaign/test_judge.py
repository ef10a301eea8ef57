"""What a row is: a recipient, left out, or bad; and what of a bad row may reach the ledger."""

from __future__ import annotations

import pytest

from mailmerge_cli.campaign.columns import Roles
from mailmerge_cli.campaign.judge import Bad, Judge
from mailmerge_cli.errors import Problem
from mailmerge_cli.model.cell import FaultCell
from mailmerge_cli.model.table import Column, Row

EMAIL, STAFF = Column(0, "E-mail", "e_mail", "A"), Column(1, "Staff no.", "staff_no", "B")
BROKEN = (Problem(2, None, "fields", "too many fields"),)


def judged(
    email: str, staff: str = "7", *, key: Column | None = None, problems: tuple[Problem, ...] = ()
) -> Bad:
    verdict = Judge(Roles(EMAIL, None, key, ())).judge(Row(2, (email, staff), problems))
    assert isinstance(verdict, Bad)
    return verdict


def test_L03_a_cell_that_is_no_attempt_at_an_address_goes_nowhere() -> None:
    """A row that is shifted by a column has a salary where its address should be."""
    verdict = judged("55,000 EUR")
    assert (verdict.key, verdict.address) == ("", "")
    assert "55" not in repr(verdict)


def test_a_mistyped_address_is_told() -> None:
    """What was meant for an address helps to find and mend it."""
    assert judged("ann@exam ple.org").address == "ann@exam ple.org"


@pytest.mark.parametrize(("email", "key"), [("Ann@Example.ORG", "ann@example.org"), ("55,000 EUR", "")])
def test_a_broken_row_has_the_key_that_it_will_have_when_it_is_mended(email: str, key: str) -> None:
    """Without a key column the address in its compared form is the key, and no other cell."""
    assert judged(email, problems=BROKEN).key == key


def test_F08_a_key_that_no_ledger_can_hold_is_none() -> None:
    """Half a surrogate pair is no text; the row is bad anyway."""
    assert judged("a@example.org", "7\ud800", key=STAFF, problems=BROKEN).key == ""


@pytest.mark.parametrize(
    "reason", ["cell B2: its formula has no stored value", "cell B2 holds the error #N/A"]
)
def test_F11_F12_a_cell_without_a_value_is_not_called_empty(reason: str) -> None:
    """Neither as a required cell nor as the key: the cell's own reason says what to do."""
    row = Row(2, ("a@example.org", FaultCell(reason)))
    for roles in (Roles(EMAIL, None, None, (STAFF,)), Roles(EMAIL, None, STAFF, ())):
        verdict = Judge(roles).judge(row)
        assert isinstance(verdict, Bad)
        assert [(2, "Staff no.", "cell", reason)] == [
            (one.row, one.column, one.kind, one.message) for one in verdict.problems
        ]
