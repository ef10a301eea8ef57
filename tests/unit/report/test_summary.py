"""What a run came to, in exit codes and in JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailmerge_cli.errors import ExitCode, Problem
from mailmerge_cli.model.delivery import Counts
from mailmerge_cli.report.summary import RunOutcome, Summary, exit_code, worst

STARTED = datetime(2026, 11, 21, 2, tzinfo=UTC)
SOME = Counts(sent=3, failed=1, invalid=2, skipped=1, deferred=1, in_doubt=1, pending=4)


def summary(code: ExitCode = ExitCode.OK, counts: Counts = Counts(), **fields: object) -> Summary:  # noqa: B008
    values = {
        "campaign": "payslips",
        "run": "2026-10",
        "started": STARTED,
        "finished": STARTED + timedelta(seconds=2.5),
    }
    return Summary(exit_code=code, counts=counts, **(values | fields))  # type: ignore[arg-type]


COUNTS = st.builds(Counts, *[st.integers(0, 2)] * 8)


@given(COUNTS)
def test_L06_the_code_follows_from_the_states(counts: Counts) -> None:
    """Rows left are 75, else in doubt 3, else failed or invalid 1; sent and skipped alone are 0."""
    if counts.pending + counts.deferred:
        expected = ExitCode.STOPPED
    elif counts.in_doubt + counts.sending:
        expected = ExitCode.IN_DOUBT
    elif counts.failed + counts.invalid:
        expected = ExitCode.SOME_FAILED
    else:
        expected = ExitCode.OK

    assert exit_code(counts) is expected


@given(COUNTS)
def test_K17_nothing_but_sent_and_skipped_ever_gives_0(counts: Counts) -> None:
    """The promise to cron: 0 means that everybody who was due has it."""
    assert (exit_code(counts) is ExitCode.OK) == (counts.rows == counts.sent + counts.skipped)


def test_L06_the_worst_code_is_the_first_of_the_contract_s_order() -> None:
    """70, 130/143, 74, 78, 77, 69, 75, 3, 1, 0, in whatever order they come up."""
    order = [70, 130, 74, 78, 77, 69, 75, 3, 1, 0]
    for at in range(len(order) - 1):
        for codes in permutations(map(ExitCode, order[at : at + 3])):
            assert worst(codes) == order[at]


def test_L06_every_code_has_its_place_in_the_order() -> None:
    """No code makes `worst` fail, and no codes at all are 0."""
    assert worst(ExitCode) is ExitCode.BUG
    assert worst([]) is ExitCode.OK
    assert worst([ExitCode.STOPPED, ExitCode.REFUSED]) is ExitCode.REFUSED


def test_json_has_every_key_of_the_contract_in_its_order() -> None:
    """Schema 1, whole, and only what JSON knows."""
    told = summary(
        ExitCode.STOPPED,
        SOME,
        why="quota",
        resume_at=STARTED + timedelta(days=1),
        sent_now=3,
        problems=(Problem(12, "Work e-mail", "address", "is no address"),),
        results=Path("results/2026-10.csv"),
        ledger=Path(".mailmerge/ledger.sqlite3"),
        zone=ZoneInfo("Asia/Shanghai"),
    ).as_json()

    assert json.loads(json.dumps(told)) == {
        "schema": 1,
        "campaign": "payslips",
        "run": "2026-10",
        "outcome": "incomplete",
        "reason": "quota",
        "resume_at": "2026-11-22T10:00:00+08:00",
        "exit_code": 75,
        "counts": {
            "rows": 13, "sent": 3, "failed": 1, "invalid": 2, "skipped": 1, "deferred": 1, "in_doubt": 1, "pending": 4,
        },
        "sent_now": 3,
        "problems": [{"row": 12, "column": "Work e-mail", "kind": "address", "message": "is no address"}],
        "problems_total": 1,
        "started": "2026-11-21T10:00:00+08:00",
        "finished": "2026-11-21T10:00:02+08:00",
        "elapsed_seconds": 2.5,
        "results": "results/2026-10.csv",
        "ledger": ".mailmerge/ledger.sqlite3",
    }  # fmt: skip


@given(COUNTS)
def test_K17_the_counts_add_up(counts: Counts) -> None:
    """`rows` is the sum of all the others, begun rows without an outcome included."""
    told = summary(counts=counts).as_json()["counts"]
    assert isinstance(told, dict)

    assert told.pop("rows") == sum(told.values())


def test_a_thousand_problems_are_told_and_all_are_counted() -> None:
    """A broken list of a million rows must not make a gigabyte of JSON."""
    problems = tuple(Problem(row, None, "address", "x") for row in range(1500))

    told = summary(ExitCode.REFUSED, problems=problems).as_json()
    more = summary(ExitCode.REFUSED, problems=problems[:1000], problems_total=70_000).as_json()

    assert (len(told["problems"]), told["problems_total"]) == (1000, 1500)  # type: ignore[arg-type]
    assert (len(more["problems"]), more["problems_total"]) == (1000, 70_000)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "counts", "outcome", "reason"),
    [
        (ExitCode.OK, Counts(sent=2, skipped=1), "complete", None),
        (ExitCode.OK, Counts(pending=2), "complete", None),  # a check that found nothing
        (ExitCode.SOME_FAILED, Counts(sent=1, failed=1, invalid=1), "complete", "failed"),
        (ExitCode.SOME_FAILED, Counts(sent=1, invalid=1), "complete", "invalid"),
        (ExitCode.IN_DOUBT, Counts(in_doubt=1), "complete", "in_doubt"),
        (ExitCode.STOPPED, Counts(deferred=1), "incomplete", "deferred"),
        (ExitCode.UNREACHABLE, Counts(pending=1), "incomplete", "unreachable"),
        (ExitCode.LEDGER, Counts(pending=1), "incomplete", "failed"),
        (ExitCode.BUG, Counts(), "incomplete", "failed"),
        (ExitCode.USAGE, Counts(), "refused", "config"),
        (ExitCode.REFUSED, Counts(), "refused", "invalid"),
        (ExitCode.FILE_MISSING, Counts(), "refused", "invalid"),
        (ExitCode.CREDENTIALS, Counts(pending=2), "refused", "credentials"),
        (ExitCode.CREDENTIALS, Counts(pending=2, sent=1), "incomplete", "credentials"),
        (ExitCode.CONFIG, Counts(pending=2), "refused", "config"),
        (ExitCode.CONFIG, Counts(pending=2, deferred=1), "incomplete", "config"),
        (ExitCode.INTERRUPTED, Counts(pending=2), "interrupted", "interrupted"),
        (ExitCode.TERMINATED, Counts(pending=2), "interrupted", "interrupted"),
    ],
)
def test_outcome_and_reason_follow_from_the_code(
    code: ExitCode, counts: Counts, outcome: str, reason: str | None
) -> None:
    """Each way to end has its word."""
    told = summary(code, counts)

    assert (told.outcome, told.reason) == (outcome, reason)


def test_a_run_that_is_refused_when_some_have_their_mail_is_incomplete() -> None:
    """A list or a file that changed while it was being sent: `refused` would say that nothing was sent."""
    told = summary(ExitCode.REFUSED, Counts(sent=298, pending=2), sent_now=298)

    assert (told.outcome, told.reason) == (RunOutcome.INCOMPLETE, "invalid")


def test_every_code_has_an_outcome_and_only_0_has_no_reason() -> None:
    """A script never meets a KeyError of ours, nor a failure without a reason."""
    for code in ExitCode:
        told = summary(code, SOME)
        assert told.outcome in RunOutcome
        assert (told.reason is None) == (code is ExitCode.OK)


def test_a_given_reason_wins_unless_all_is_well() -> None:
    """What the engine says is more exact than the code's own word; at 0 there is nothing to explain."""
    assert summary(ExitCode.STOPPED, why="breaker").reason == "breaker"
    assert summary(ExitCode.OK, why="breaker").reason is None


def test_O05_a_clock_that_jumps_back_gives_no_negative_time() -> None:
    """`elapsed_seconds` is never below 0."""
    told = replace(summary(), finished=STARTED - timedelta(hours=1))

    assert told.as_json()["elapsed_seconds"] == 0.0


def test_an_error_s_sentence_is_in_the_object() -> None:
    """`message` is there when an error ended the call, and only then; rows that are simply left give no reason."""
    told = summary(ExitCode.UNREACHABLE, Counts(pending=1), message="Nobody answers.").as_json()
    left = summary(ExitCode.STOPPED, Counts(pending=1)).as_json()

    assert told["message"] == "Nobody answers."
    assert "message" not in left
    assert left["reason"] is None
