"""Every ending says what to type next, and what it says can be typed."""

from __future__ import annotations

from dataclasses import replace
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
        (
            ExitCode.REFUSED,
            Counts(sent=298, pending=2),
            {"sent_now": 298},
            ["Sent before that: 298; left: 2.", "mailmerge check payslips", "then: mailmerge send payslips"],
        ),
        (ExitCode.UNREACHABLE, Counts(pending=1), {}, ["later", "mailmerge send payslips"]),
        (ExitCode.LEDGER, Counts(pending=1), {}, ["mailmerge send payslips"]),
        (ExitCode.CREDENTIALS, Counts(pending=1), {}, ["mailmerge account login hr", "mailmerge send payslips"]),
        (ExitCode.CONFIG, Counts(pending=1), {}, ["mailmerge account test hr", "mailmerge send payslips"]),
        (ExitCode.INTERRUPTED, Counts(sent=1, pending=1), {}, ["To go on: mailmerge send payslips"]),
        (ExitCode.TERMINATED, Counts(sent=1, pending=1), {}, ["To go on: mailmerge send payslips"]),
        (ExitCode.STOPPED, Counts(pending=1), {"why": "locked"}, ["mailmerge status payslips --run 2026-10"]),
        (
            ExitCode.STOPPED,
            Counts(pending=1),
            {"why": "quota", "resume_at": NOW + timedelta(days=1)},
            ["at 2026-11-22 02:00", "mailmerge send payslips --wait"],
        ),
        (ExitCode.STOPPED, Counts(pending=1), {"why": "breaker"}, ["mailmerge log payslips", "mailmerge send payslips"]),
        (ExitCode.STOPPED, Counts(pending=1), {"why": "limit"}, ["Rows are left. To go on: mailmerge send payslips"]),
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


def test_a_limit_is_named_where_one_was_typed() -> None:
    """`--limit` is the reason for the person who typed it; who sent to some people alone reads that rows are left."""
    left = Summary("c", "r", ExitCode.STOPPED, Counts(sent=1, pending=2), NOW, NOW, why="limit")

    assert next_steps(left, TYPED) == ("Rows are left. To go on: mailmerge send payslips",)
    told = next_steps(left, Typed(again="mailmerge send --limit 5"))
    assert told == ("Stopped at --limit. The next ones: mailmerge send --limit 5",)


def test_an_option_is_not_advised_twice() -> None:
    """Who typed --retry-failed is not told to type it again behind itself."""
    typed = Typed(again="mailmerge send --retry-failed")
    told = Summary("c", "r", ExitCode.SOME_FAILED, Counts(failed=1), NOW, NOW)

    assert next_steps(told, typed)[0].count("--retry-failed") == 1


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("MAILMERGE_PASSWORD_HR_FILE", "the file that MAILMERGE_PASSWORD_HR_FILE names"),
        ("MAILMERGE_PASSWORD", "Set MAILMERGE_PASSWORD"),
        ("$CREDENTIALS_DIRECTORY", "$CREDENTIALS_DIRECTORY/hr"),
        ("password_command", "the account's password_command"),
        ("--password-stdin", "on standard input"),
        ("prompt", "at hand"),
        ("keyring", "mailmerge account login hr"),
    ],
)
def test_a_refused_secret_is_mended_where_it_came_from(source: str, words: str) -> None:
    """`account login` is advised only where the keyring would be asked; else the variable, file or command is named."""
    told = Summary("c", "r", ExitCode.CREDENTIALS, Counts(pending=1), NOW, NOW)
    (sentence,) = next_steps(told, replace(TYPED, secret=source))

    assert words in sentence
    assert ("account login" in sentence) is (source == "keyring")
    assert sentence.endswith("then: mailmerge send payslips")


def test_a_send_that_never_began_is_typed_once_more() -> None:
    """q at the first question: nothing is interrupted, and --new-run belongs into the next command as it did into this one."""
    typed = replace(TYPED, first="mailmerge send payslips --new-run")
    told = Summary("c", "r", ExitCode.INTERRUPTED, Counts(pending=2), NOW, NOW)

    assert next_steps(told, typed) == ("Nothing was sent. To send: mailmerge send payslips --new-run",)


def test_what_a_command_cannot_know_is_said() -> None:
    """Without a campaign file the next command is told with a remark on what it lacks; where none is told, no remark."""
    typed = replace(TYPED, remark="Type it with the same options as before.")
    left = Summary("c", "r", ExitCode.STOPPED, Counts(sent=1, pending=2), NOW, NOW)
    done = Summary("c", "r", ExitCode.OK, Counts(sent=3), NOW, NOW)

    assert next_steps(left, typed)[-1] == typed.remark
    assert next_steps(done, typed) == ()


def test_commands_without_a_campaign_are_short() -> None:
    """In the campaign's own folder nothing but the command is needed."""
    assert Typed("mailmerge send").on("log") == "mailmerge log"
    assert Typed("mailmerge send").on_keys("resolve", "--all") == "mailmerge resolve --all"
