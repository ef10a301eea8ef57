"""Every ending says what to type next, and what it says can be typed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mailmerge_cli.errors import ExitCode
from mailmerge_cli.model.delivery import Counts
from mailmerge_cli.report.steps import Typed, next_steps
from mailmerge_cli.report.summary import Summary

NOW = datetime(2026, 11, 21, 2, tzinfo=UTC)
TYPED = Typed(again="mailmerge send payslips", campaign="payslips", options="--run 2026-10", account="hr")


def steps(code: ExitCode, counts: Counts = Counts(), **fields: object) -> tuple[str, ...]:  # noqa: B008
    told = Summary("payslips", "2026-10", code, counts, NOW, NOW, zone=UTC, **fields)  # type: ignore[arg-type]
    return next_steps(told, TYPED)


def test_nothing_is_left_to_type_when_all_is_sent() -> None:
    """A complete run needs no advice."""
    assert steps(ExitCode.OK, Counts(sent=3)) == ()
    assert steps(ExitCode.INTERRUPTED, Counts(sent=3)) == ()


@pytest.mark.parametrize(
    ("code", "counts", "fields", "words"),
    [
        (ExitCode.OK, Counts(pending=3), {}, ["mailmerge send payslips"]),
        (
            ExitCode.SOME_FAILED,
            Counts(failed=1, invalid=1),
            {},
            [
                "mailmerge log payslips --run 2026-10 --state failed --state invalid",
                "mailmerge send payslips --retry-failed --accept-changes",
            ],
        ),
        (ExitCode.SOME_FAILED, Counts(invalid=1), {}, ["--state invalid", "mailmerge send payslips --accept-changes"]),
        (
            ExitCode.IN_DOUBT,
            Counts(in_doubt=1),
            {},
            [
                "mailmerge resolve -c payslips --run 2026-10 --sent KEY…",
                "mailmerge resolve -c payslips --run 2026-10 --resend KEY…",
                "mailmerge log payslips --run 2026-10 --state in_doubt",
            ],
        ),
        (ExitCode.REFUSED, Counts(), {}, ["Nothing was sent", "mailmerge check payslips"]),
        (ExitCode.UNREACHABLE, Counts(pending=1), {}, ["later", "mailmerge send payslips"]),
        (ExitCode.LEDGER, Counts(pending=1), {}, ["mailmerge send payslips"]),
        (ExitCode.CREDENTIALS, Counts(pending=1), {}, ["mailmerge account login hr", "mailmerge send payslips"]),
        (ExitCode.CONFIG, Counts(pending=1), {}, ["mailmerge account test hr", "mailmerge send payslips"]),
        (ExitCode.INTERRUPTED, Counts(pending=1), {}, ["To go on: mailmerge send payslips"]),
        (ExitCode.TERMINATED, Counts(pending=1), {}, ["To go on: mailmerge send payslips"]),
        (ExitCode.STOPPED, Counts(pending=1), {"why": "locked"}, ["mailmerge status payslips --run 2026-10"]),
        (
            ExitCode.STOPPED,
            Counts(pending=1),
            {"why": "quota", "resume_at": NOW + timedelta(days=1)},
            ["at 2026-11-22 02:00", "mailmerge send payslips --wait"],
        ),
        (ExitCode.STOPPED, Counts(pending=1), {"why": "breaker"}, ["mailmerge log payslips", "mailmerge send payslips"]),
        (ExitCode.STOPPED, Counts(pending=1), {"why": "limit"}, ["--limit", "mailmerge send payslips"]),
        (ExitCode.STOPPED, Counts(deferred=1), {}, ["later: mailmerge send payslips"]),
        (
            ExitCode.STOPPED,
            Counts(deferred=1),
            {"resume_at": NOW + timedelta(minutes=5)},
            ["at 2026-11-21 02:05: mailmerge send payslips"],
        ),
    ],
)  # fmt: skip
def test_each_ending_names_the_command(
    code: ExitCode, counts: Counts, fields: dict[str, object], words: list[str]
) -> None:
    """The contract's table "what to do", with this campaign's name in it."""
    (sentence,) = steps(code, counts, **fields)

    for word in words:
        assert word in sentence


def test_what_the_code_leaves_unsaid_follows() -> None:
    """Rows left come first, then those in doubt, then those that failed."""
    told = steps(ExitCode.STOPPED, Counts(pending=1, in_doubt=1, failed=1))

    assert len(told) == 3
    assert "mailmerge resolve" in told[1]
    assert "--state failed" in told[2]


def test_an_option_is_not_advised_twice() -> None:
    """Who typed --retry-failed is not told to type it again behind itself."""
    typed = Typed(again="mailmerge send --retry-failed")
    told = Summary("c", "r", ExitCode.SOME_FAILED, Counts(failed=1), NOW, NOW)

    assert next_steps(told, typed)[0].count("--retry-failed") == 1


def test_commands_without_a_campaign_are_short() -> None:
    """In the campaign's own folder nothing but the command is needed."""
    assert Typed("mailmerge send").on("log") == "mailmerge log"
    assert Typed("mailmerge send").on_keys("resolve", "--all") == "mailmerge resolve --all"
