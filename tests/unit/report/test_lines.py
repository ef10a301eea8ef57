"""A delivery as a line of the log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from mailmerge_cli.ledger.records import AttemptLine
from mailmerge_cli.model.delivery import State
from mailmerge_cli.report.lines import ATTEMPT_COLUMNS, LOG_COLUMNS, LogLines, iso
from support.deliveries import MOMENT, delivery

SHANGHAI = ZoneInfo("Asia/Shanghai")


def test_columns_are_those_of_the_contract() -> None:
    """Scripts rely on these names and this order; new ones only come behind."""
    promised = (
        "run, row, key, address, state, attempts, first_attempt, last_attempt, code, enhanced_code, reply, message_id, "
        "remote_id, account, reason"
    )
    assert ", ".join(LOG_COLUMNS).startswith(promised)


def test_a_sent_delivery_is_told_whole() -> None:
    """Every fact of the ledger stands under its column, times in the run's zone."""
    record = LogLines("2026-10", SHANGHAI).record(delivery(7))

    assert record == {
        "run": "2026-10",
        "row": 8,
        "key": "00007",
        "address": "person7@example.org",
        "state": "sent",
        "attempts": 1,
        "first_attempt": "2026-11-21T10:00:00+08:00",
        "last_attempt": "2026-11-21T10:00:00+08:00",
        "code": 250,
        "enhanced_code": "2.0.0",
        "reply": "2.0.0 Ok: queued as 4ABC",
        "message_id": "<7.1@example.org>",
        "remote_id": "4ABC",
        "account": "hr",
        "reason": "",
    }


def test_a_row_never_tried_has_no_times_and_no_code() -> None:
    """Nothing is told that did not happen."""
    record = LogLines("r", UTC).record(delivery(1, State.SKIPPED, reason="unsubscribed"))

    assert (record["first_attempt"], record["last_attempt"], record["code"]) == (None, None, None)
    assert record["reason"] == "unsubscribed"


@pytest.mark.parametrize("shown", [State.IN_DOUBT, State.PENDING])
@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("late", [None, MOMENT + timedelta(hours=1)])
def test_a_rough_line_holds_the_same_cells(shown: State, state: State, late: datetime | None) -> None:
    """What is made for every mail is what is told of it elsewhere."""
    lines, one = (
        LogLines("r", SHANGHAI, sending=shown),
        delivery(1, state, last_attempt=late, code=0 if late else 550),
    )

    told = ["" if cell is None else str(cell) for cell in lines.cells(one)]

    assert lines.rough(one) == ",".join(told)


def test_many_moments_are_told_in_bounded_memory() -> None:
    """More than are kept: each is told right, the first one a second time too."""
    moments = [MOMENT + timedelta(seconds=gone) for gone in range(600)]
    lines = LogLines("r", UTC)

    told = [lines.record(delivery(1, last_attempt=moment))["last_attempt"] for moment in [*moments, MOMENT]]

    assert told == [iso(moment, UTC) for moment in [*moments, MOMENT]]


@pytest.mark.parametrize("shown", [State.IN_DOUBT, State.PENDING])
def test_a_begun_row_is_shown_as_the_caller_knows_it(shown: State) -> None:
    """`sending` is no word of the contract: it is in doubt once its sender is gone, and pending while it works."""
    assert LogLines("r", UTC, sending=shown).record(delivery(1, State.SENDING))["state"] == shown.value


def test_two_moments_in_one_line_are_both_told() -> None:
    """The shortcut for equal times does not mix them up."""
    late = MOMENT + timedelta(hours=1)
    lines = LogLines("r", UTC)

    for _ in range(2):
        record = lines.record(delivery(1, last_attempt=late))
        assert (record["first_attempt"], record["last_attempt"]) == (
            "2026-11-21T02:00:00+00:00",
            "2026-11-21T03:00:00+00:00",
        )


def test_O05_a_time_has_the_offset_of_its_day() -> None:
    """Summer and winter time differ in the offset, so every time is one moment."""
    berlin = ZoneInfo("Europe/Berlin")

    assert iso(datetime(2026, 7, 1, tzinfo=UTC), berlin) == "2026-07-01T02:00:00+02:00"
    assert iso(datetime(2026, 12, 1, tzinfo=UTC), berlin) == "2026-12-01T01:00:00+01:00"


def test_without_a_zone_the_machine_s_own_counts() -> None:
    """The moment is the same whatever zone tells it."""
    assert datetime.fromisoformat(iso(MOMENT)) == MOMENT.replace(microsecond=0)
    assert iso(MOMENT, timezone(timedelta(hours=-3))) == "2026-11-20T23:00:00-03:00"


def test_an_attempt_is_told_under_its_columns() -> None:
    """`log --attempts` has a line for each attempt, with its number, times and verdict."""
    line = AttemptLine(
        row=2, key="00001", address="a@example.org", number=3, started=MOMENT, ended=None, verdict="deferred", code=451,
        enhanced="4.7.1", reply="later", remote_id="", account="hr", message_id="<1@example.org>",
    )  # fmt: skip

    cells = dict(zip(ATTEMPT_COLUMNS, LogLines("r", UTC).attempt_cells(line), strict=True))

    assert cells["attempt"] == 3
    assert cells["started"] == "2026-11-21T02:00:00+00:00"
    assert cells["ended"] is None
    assert cells["verdict"] == "deferred"
    assert cells["message_id"] == "<1@example.org>"
