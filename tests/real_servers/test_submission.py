"""Submission as an office uses it: Postfix behind STARTTLS or implicit TLS, with a login; every mail read back and compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from real_servers.trial import PASSWORD, USER, Trial, a_trial
from support.certificates import ca_file
from support.postfix import Postfix

pytestmark = pytest.mark.servers


@pytest.fixture
def trial(tmp_path: Path, postfix: Postfix, monkeypatch: pytest.MonkeyPatch) -> Trial:
    """Eight people, and the right password."""
    monkeypatch.setenv("MAILMERGE_PASSWORD_HR", PASSWORD)
    return a_trial(tmp_path / "c", postfix, 8)


@pytest.mark.parametrize("door", ["submission", "smtps"])
@pytest.mark.parametrize("auth", ["plain", "login", "cram-md5"])
def test_each_his_own_over_tls_and_a_login(trial: Trial, door: str, auth: str) -> None:
    """What was meant arrives, part by part and octet by octet, under the login's own envelope."""
    trial.log_in(door, auth=auth, connections=2)
    ran = trial.send()

    assert (0, "complete", 8) == (ran.code, ran.json["outcome"], ran.json["sent_now"]), ran.err
    trial.each_once()
    for line in trial.log().values():
        assert ("sent", 250, "2.0.0", 1) == (
            line["state"],
            line["code"],
            line["enhanced_code"],
            line["attempts"],
        )
        assert line["remote_id"] in line["reply"]
    assert "sasl_method=" + auth.upper() in log_of(trial)
    assert PASSWORD not in ran.err + ran.out


def log_of(trial: Trial) -> str:
    assert isinstance(trial.server, Postfix)
    return trial.server.said()


@pytest.mark.parametrize("pipelining", ["envelope", "next", "auto", "off"])
def test_five_hundred_by_two_workers_and_six_connections(
    tmp_path: Path, postfix: Postfix, pipelining: str
) -> None:
    """STARTTLS, a login on each connection, reconnects in between: each his own, once; again: nothing."""
    count = 500 if pipelining == "envelope" else 120
    trial = a_trial(tmp_path / "c", postfix, count)
    trial.log_in(pipelining=pipelining, max_per_connection=37)
    ran = trial.send_apart("--workers", "2", "--connections", "6")

    assert (0, count) == (ran.code, ran.json["sent_now"]), ran.err
    trial.each_once()
    again = trial.send_apart("--workers", "2", "--connections", "6")
    assert (0, 0, count) == (again.code, again.json["sent_now"], len(trial.server.files()))


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("door", ["submission", "smtps"])
def test_a_wrong_password_is_77_and_the_right_one_goes_on(trial: Trial, door: str, workers: int) -> None:
    """535: nobody is begun, everybody is pending, the text says what to do; then all go."""
    trial.log_in(door)
    wrong = trial.send_apart("--workers", workers, password="wrong")

    assert (77, "credentials", 0) == (wrong.code, wrong.json["reason"], wrong.json["sent_now"]), wrong.err
    assert {"pending": 8} == trial.counts()
    assert "535" in wrong.err
    right = trial.send_apart("--workers", workers)
    assert (0, 8) == (right.code, right.json["sent_now"]), right.err
    trial.each_once()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("door", ["submission", "smtps"])
def test_an_unknown_authority_is_78_and_nothing_is_said(trial: Trial, door: str, workers: int) -> None:
    """A certificate that nobody vouches for: no login, no mail, all pending."""
    before = log_of(trial).count("sasl_method=")
    trial.log_in(door, ca_file="")
    ran = trial.send_apart("--workers", workers)

    assert (78, "config", 0) == (ran.code, ran.json["reason"], ran.json["sent_now"]), ran.err
    assert {"pending": 8} == trial.counts()
    assert "ertificate" in ran.err
    assert before == log_of(trial).count("sasl_method=")
    trial.log_in(door)
    assert 0 == trial.send_apart("--workers", workers).code
    trial.each_once()


def test_a_server_that_wants_tls_first_is_78(trial: Trial) -> None:
    """530 5.7.0 Must issue a STARTTLS command first: a fault of the settings, which burns nobody."""
    trial.account("submission")
    ran = trial.send()

    assert (78, 0, {"pending": 8}) == (ran.code, ran.json["sent_now"], trial.counts()), ran.err
    assert "STARTTLS" in ran.err


def test_starttls_at_the_door_of_implicit_tls_is_told(trial: Trial) -> None:
    """The two ports mixed up, either way: nothing is begun, and the text names the other setting."""
    for door, security, other in (("smtps", "starttls", '"tls"'), ("submission", "tls", '"starttls"')):
        trial.log_in(door, security=security, timeout=2)
        ran = trial.send()
        assert (ran.code, ran.json["sent_now"]) in ((69, 0), (78, 0)), ran.err
        assert other in ran.err


@pytest.mark.parametrize("workers", [1, 2])
def test_another_ones_address_is_78(trial: Trial, workers: int) -> None:
    """553 5.7.1 Sender address rejected: not owned by user: the settings are wrong and nobody is failed."""
    trial.log_in("owned")
    ran = trial.send("--from", "boss@example.org", "--workers", workers)
    assert (78, 0, {"pending": 8}) == (ran.code, ran.json["sent_now"], trial.counts()), ran.err
    assert f"not owned by user {USER}" in ran.err
    # Another From is another content; but nobody has a mail that could differ.
    assert 0 == trial.send("--workers", workers).code
    trial.each_once()


def test_account_test_tells_right_from_wrong(
    trial: Trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`account test` and `check --online`: 0 with the right password, 77 with a wrong one, 78 without the authority."""
    from support.program import run_here

    words = ("account", "test", "hr", "--no-input"), ("check", trial.folder, "--online", "--no-input")
    trial.log_in(ca_file=str(ca_file(tmp_path)))
    assert [0, 0] == [run_here(*each).code for each in words]
    monkeypatch.setenv("MAILMERGE_PASSWORD_HR", "wrong")
    assert [77, 77] == [run_here(*each).code for each in words]
    trial.log_in(ca_file="")
    assert [78, 78] == [run_here(*each).code for each in words]
    assert [] == trial.server.files()
