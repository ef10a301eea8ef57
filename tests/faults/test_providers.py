"""Catalogue Q, as the program meets it: what providers say when the account, and not a row, is at fault."""

from __future__ import annotations

import pytest

from faults.trial import Trial, small
from support.program import run_here
from support.scripted_smtp import Close

SOON = ("--max-wait", "20s")


pytestmark = pytest.mark.usefixtures("impatient")


@pytest.mark.parametrize(
    ("id_", "step", "reply", "codes", "reason"),
    [
        (
            "Q01",
            "END",
            "550-5.4.5 Daily user sending limit exceeded. For more\n550 5.4.5 information - gsmtp",
            (75,),
            "quota",
        ),
        (
            "Q02",
            "MAIL",
            "421 4.7.28 Our system has detected an unusual rate of unsolicited mail",
            (75,),
            None,
        ),
        ("Q03", "RCPT", "450 4.2.1 Peak SMTP relay limit exceeded for customer.", (75,), None),
        (
            "Q06",
            "END",
            "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException",
            (75,),
            "quota",
        ),
        ("Q06", "END", "550 5.7.705 Access denied, tenant has exceeded threshold.", (75,), None),
        (
            "Q07",
            "MAIL",
            "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
            (78,),
            "config",
        ),
        ("Q08", "END", "554 5.2.2 mailbox full; STOREDRV.Submission.Exception", (75,), None),
        ("Q09", "END", "454 Throttling failure: Maximum sending rate exceeded.", (75,), None),
        ("Q09", "END", "454 Throttling failure: Daily message quota exceeded.", (75,), "quota"),
        (
            "Q10",
            "MAIL",
            "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume",
            (75,),
            None,
        ),
        (
            "Q10",
            "MAIL",
            "550 5.7.1 messages from [192.0.2.1] weren't sent, on our block list (S3150)",
            (75,),
            None,
        ),
    ],
)
def test_Q01_Q02_Q03_Q06_Q07_Q08_Q09_Q10_a_fault_of_the_account_stops_the_run_and_burns_nobody(
    trial: Trial, id_: str, step: str, reply: str, codes: tuple[int, ...], reason: str | None
) -> None:
    """One such refusal is enough: but for the next envelope, which may be under way already, nothing goes; nobody is failed or in doubt, and it goes on another time."""
    small(trial, 5, sending="")
    trial.server.replies[step] = reply
    ran = trial.send("--max-wait", "1s")

    assert ran.code in codes, (id_, ran.err)
    assert reason in (None, ran.json["reason"])
    counts = ran.json["counts"]
    assert (0, 0, 0, 5) == (
        counts["failed"],
        counts["in_doubt"],
        counts["sent"],
        counts["pending"] + counts["deferred"],
    )
    assert 2 >= trial.server.verbs().count("MAIL"), (id_, "the next envelope may have been under way already")
    assert not trial.server.saw(b"tok000002x"), (id_, "no second content leaves")


def test_Q01_a_used_up_quota_costs_each_connection_of_a_worker_one_content_at_most(trial: Trial) -> None:
    """Over workers too no second content leaves on a connection behind the refusal that stops the run; nobody is failed or in doubt."""
    small(trial, 12, sending="")
    trial.server.replies["END"] = "550 5.4.5 Daily user sending limit exceeded."
    ran = trial.send("--max-wait", "1s", "--workers", "2", "--connections", "2")

    assert (75, "quota") == (ran.code, ran.json["reason"]), ran.err
    counts = ran.json["counts"]
    assert (0, 0, 0) == (counts["failed"], counts["in_doubt"], counts["sent"])
    assert 2 >= sum(trial.server.saw(f"tok{number:06}x".encode()) for number in range(1, 13))


def test_Q04_three_connections_where_two_are_too_many(trial: Trial) -> None:
    """432 4.3.2: going on with fewer, after a while; nobody is failed or in doubt, and nothing is tried again at once."""
    small(trial, 9)
    trial.server.replies["MAIL"] = {2: "432 4.3.2 Concurrent connections limit exceeded."}
    ran = trial.send("--connections", "3", "--max-wait", "1s")

    assert (75, 0, 0) == (ran.code, ran.json["counts"]["failed"], ran.json["counts"]["in_doubt"]), ran.err
    assert "fewer connections" in ran.err
    trial.nobody_twice()


def test_Q05_the_preset_of_a_provider_keeps_its_rate() -> None:
    """Microsoft 365 takes 30 mails a minute: an account of it has that limit, and not more connections than three, without a word."""
    ran = run_here(
        "account",
        "add",
        "work",
        "someone@example.org",
        "--provider",
        "microsoft365",
        "--no-test",
        "--no-input",
        "--json",
    )
    shown = run_here("account", "show", "work")

    assert "30/min" in shown.out, (ran, shown)


def test_Q11_Q12_what_is_about_one_message_or_is_unknown_is_that_rows_own(trial: Trial) -> None:
    """A content refusal for one, a code that nobody knows, no enhanced code: by the first digit, and the others go."""
    small(trial)
    trial.server.replies["END"] = {
        1: "550 5.7.1 content rejected as spam",
        2: "599 whatever",
        3: "471 whatever",
    }
    ran = trial.send(*SOON)

    assert (1, {"1": "failed", "2": "failed", "3": "sent", "4": "sent"}) == (ran.code, trial.states()), (
        ran.err
    )


ABOUT_ONE = "550 Mail content denied. http://service.mail.example.com/cgi-bin/help?no=1000726"


@pytest.mark.parametrize("how", [(), ("--workers", "2", "--connections", "2")])
@pytest.mark.parametrize(
    ("step", "reply", "code", "reason"),
    [
        ("MAIL", "550 MI:STC 163 smtp2,abc 1700000000", 75, "quota"),
        ("MAIL", "451 MI:SFQ 163 smtp2,abc 1700000000", 75, "deferred"),
        ("MAIL", "550 HL:IPB 163 smtp2,abc 1700000000", 75, "breaker"),
        ("END", "553 DT:SUM 163 smtp2,abc 1700000000", 78, "config"),
        ("MAIL", "501 mail from address must be same as authorization user", 78, "config"),
        ("MAIL", "550 Connection frequency limited. Try again later", 75, None),
    ],
)
def test_what_163_and_qq_say_of_the_account_stops_or_slows_the_run(
    trial: Trial, step: str, reply: str, code: int, reason: str | None, how: tuple[str, ...]
) -> None:
    """Their own words for a day's quota, too many in a quarter of an hour, a blocked address, a wrong sender: nobody is failed or in doubt, with workers too."""
    small(trial, 8, sending="")
    trial.server.replies[step] = reply
    ran = trial.send("--max-wait", "1s", *how)

    assert code == ran.code, ran.err
    assert reason in (None, ran.json["reason"])
    assert {"pending", "deferred"} >= set(trial.counts()), trial.counts()
    assert [] == trial.server.accepted
    assert trial.server.verbs().count("MAIL") <= 6


@pytest.mark.parametrize("how", [(), ("--workers", "2", "--connections", "2")])
def test_Q11_what_163_and_qq_say_of_one_mail_is_that_rows_own(trial: Trial, how: tuple[str, ...]) -> None:
    """Refused content fails its row alone; their number of mails on one connection is no fault at all."""
    small(trial, 8)
    trial.server.replies |= {
        "END": {2: "554 DT:SPM 163 smtp1,abc", 3: ABOUT_ONE},
        "MAIL": {5: Close("450 MI:DMC 163 smtp1,abc")},
    }
    ran = trial.send(*SOON, *how)

    assert (1, 6, 2) == (ran.code, ran.json["counts"]["sent"], ran.json["counts"]["failed"]), ran.err
    trial.nobody_twice()
