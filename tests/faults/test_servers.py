"""Catalogue P, as the program meets it: whatever the server says or does, nobody is mailed twice, lost, or burnt by another's fault."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from faults.trial import HEAD, Trial, once, small, text_of
from support.program import run_here
from support.scripted_smtp import Close, Delay, Drip, Hang, Keep, Reset, ScriptedServer
from support.soon import soon

SOON = ("--max-wait", "20s")


pytestmark = pytest.mark.usefixtures("impatient")


# -- before the first mail -----------------------------------------------------------------------------------------


def test_P01_a_server_that_is_not_there_fails_nobody(trial: Trial) -> None:
    """Refused connection, unknown name, TLS on a plain port: 69, host and port told, everybody pending, no attempt counted."""
    small(trial)
    for keys in ({"port": 1}, {"host": "nowhere.invalid", "allow_insecure": True}, {"security": "tls"}):
        trial.account(**{"timeout": 1, **keys})
        ran = trial.send("--max-wait", "1s")
        assert (69, "unreachable", 4) == (ran.code, ran.json["reason"], ran.json["counts"]["pending"]), (
            ran.err
        )
        assert str(keys.get("host", "127.0.0.1")) in ran.err
    assert {0} == {line["attempts"] for line in trial.log().values()}
    trial.account()
    assert (0, once(1, 2, 3, 4)) == (trial.send().code, trial.got())


@pytest.mark.parametrize("rule", ["554 5.7.1 go away", "421 4.3.2 busy", b"garbage\r\n", Hang(), Close()])
def test_P02_no_welcome_no_mail(trial: Trial, rule: object) -> None:
    """A banner that is none: in time, no MAIL, everybody pending."""
    small(trial)
    trial.server.replies["CONNECT"] = rule
    with soon():
        ran = trial.send("--max-wait", "1s")

    assert (69, 4) == (ran.code, ran.json["counts"]["pending"]), ran.err
    assert set(trial.server.verbs()) <= {"QUIT"}


def test_P03_helo_serves_where_nothing_of_ehlo_is_needed(trial: Trial) -> None:
    """A server without EHLO: mails go by HELO where neither TLS nor a login is wanted; where one is, 78 or 77 and nothing is said."""
    small(trial)
    trial.server.replies["EHLO"] = "502 5.5.1 what"
    assert (0, once(1, 2, 3, 4)) == ((ran := trial.send()).code, trial.got()), ran.err
    assert {"MAIL before EHLO"} == set(trial.server.violations), "HELO stands for it"

    trial.account(security="starttls", timeout=1)
    seen = len(trial.server.accepted)
    ran = trial.send("--new-run")
    assert ran.code in (69, 78), ran.err
    assert seen == len(trial.server.accepted)


# -- in the middle -------------------------------------------------------------------------------------------------

BYE = Close("421 4.3.2 shutting down")


@pytest.mark.parametrize(
    ("step", "rule"),
    [
        ("MAIL", BYE), ("RCPT", BYE), ("DATA", BYE), ("END", BYE), ("MAIL", Close()), ("RCPT", Reset()), ("DATA", Close()),
        ("CONTENT", Close(b"421 4.3.2 bye\r\n")),  ("CONTENT", Reset()),
    ],
)  # fmt: skip
def test_P04_P05_a_connection_that_ends_before_the_content_costs_nothing(
    trial: Trial, step: str, rule: Any
) -> None:
    """421, close or reset at any step before the dot: the row is safe to try again, in the same call; nobody twice, nobody in doubt."""
    small(
        trial, timeout=60, timeout_end_of_data=60
    )  # nothing hangs here, and a busy machine takes its time for much
    if step == "CONTENT":  # so much that the dot is never written to a server that has gone
        trial.file("much.bin", b"much" * 1_500_000)
        trial.letter(HEAD + "Attachment: much.bin\n\nDear {{ name }}\n")
    trial.server.replies[step] = {2: rule}
    ran = trial.send(*SOON)

    assert (0, 0) == (ran.code, ran.json["counts"]["in_doubt"]), ran.err
    assert once(1, 2, 3, 4) == trial.got()
    assert 2 <= trial.server.connections <= 4


@pytest.mark.parametrize(
    "rule",
    [Keep(Close()), Keep(Reset()), Keep(Hang()), Close(), Keep(b"garbage\r\n"), b"\x00\xff\r\n"],
    ids=["kept-close", "kept-reset", "kept-hang", "close", "kept-garbage", "garbage"],
)
def test_P06_P07_P18_no_clear_answer_to_the_dot_is_for_a_person(trial: Trial, rule: object) -> None:
    """Kept by the server or not, it looks alike: in doubt (3) with the Message-ID; the others go; no later call sends it again."""
    small(trial)
    trial.server.replies["END"] = {2: rule}
    ran = trial.send(*SOON)

    assert (3, "in_doubt", 1, 3) == (
        ran.code,
        ran.json["reason"],
        ran.json["counts"]["in_doubt"],
        ran.json["counts"]["sent"],
    ), ran.err
    doubtful = trial.log("--state", "in_doubt")["2"]
    assert doubtful["message_id"]
    assert "may have been delivered" in doubtful["reply"] + doubtful["reason"]
    before = trial.got()
    assert [3, 3] == [trial.send().code, trial.send("--retry-failed", "--accept-changes").code]
    assert before == trial.got()
    trial.nobody_twice()


def test_P09_the_answer_to_the_dot_may_take_long(trial: Trial) -> None:
    """Longer than any other reply: it is waited for, and nobody is in doubt. By default ten minutes, as RFC 5321 asks."""
    from mailmerge_cli.model.account import Account

    small(trial, 2, timeout_end_of_data=5)
    trial.server.replies["END"] = {1: Delay(1.3)}
    assert (0, once(1, 2)) == ((ran := trial.send()).code, trial.got()), ran.err
    fields = Account.__dataclass_fields__
    assert 600 <= fields["timeout_end_of_data"].default


def test_P10_greylisting_defers_one_and_holds_nobody_up(trial: Trial) -> None:
    """The others go at once; this one is not tried again at once, and is left for later (75) with a time."""
    small(trial, sending="")
    trial.server.replies["RCPT TO:<p2@"] = "450 4.2.0 greylisted"
    ran = trial.send("--max-wait", "1s")

    assert (75, "deferred", once(1, 3, 4)) == (ran.code, ran.json["reason"], trial.got()), ran.err
    assert ("deferred", 1) == (trial.states()["2"], sum("p2@" in line for line in trial.server.lines))
    assert ran.json["resume_at"]
    assert 75 == trial.send("--max-wait", "1s").code
    assert 1 == sum("p2@" in line for line in trial.server.lines), "a minute has not passed"


def test_P11_an_unknown_user_fails_alone_and_for_good(trial: Trial) -> None:
    """550 5.1.1: failed with code and text, the others go (1), and no call asks for him again by itself."""
    small(trial)
    trial.server.replies["RCPT TO:<p2@"] = "550 5.1.1 no such user"
    assert [1, 1] == [trial.send().code, trial.send().code]
    line = trial.log()["2"]

    assert ("failed", 550, "5.1.1") == (line["state"], line["code"], line["enhanced_code"])
    assert "no such user" in line["reply"]
    assert (once(1, 3, 4), 1) == (trial.got(), sum("p2@" in line for line in trial.server.lines))


def test_P12_one_wrong_setting_burns_no_list(trial: Trial) -> None:
    """The same refusal ten times in a row: 75, `breaker`, those ten pending again, and the list is not gone through."""
    small(trial, 30)
    trial.server.replies["RCPT"] = "550 5.7.1 relaying denied"
    ran = trial.send()

    assert (75, "breaker", 30) == (ran.code, ran.json["reason"], ran.json["counts"]["pending"]), ran.err
    assert 11 >= trial.server.verbs().count("RCPT"), "one envelope may have been under way already"
    trial.server.replies.clear()
    assert (0, once(*range(1, 31))) == (trial.send().code, trial.got())


@pytest.mark.parametrize(
    ("reply", "code", "state", "id_"),
    [("452 4.5.3 too many recipients", 75, "deferred", "P13"), ("550 5.1.1 unknown", 1, "failed", "P14")],
)
def test_P13_P14_a_copy_that_is_refused_settles_the_whole_mail(
    trial: Trial, reply: str, code: int, state: str, id_: str
) -> None:
    """To accepted, Cc not: no DATA for anybody of that mail; put off or failed as a whole, and told."""
    small(
        trial,
        ["1,Ann,p1@example.org,boss1@example.org", "2,Bob,p2@example.org,boss2@example.org"],
        sending="",
    )
    trial.letter(HEAD + "Cc: {{ token }}\n\nx\n")
    trial.server.replies["RCPT TO:<boss2@"] = reply
    ran = trial.send("--max-wait", "1s")

    assert (code, state) == (ran.code, trial.states()["2"]), (id_, ran.err)
    assert Counter({"p1@example.org": 1, "boss1@example.org": 1}) == trial.got()
    assert 1 == trial.server.verbs().count("DATA")


@pytest.mark.parametrize(("reply", "state", "code"), [("554 5.7.1 spam", "failed", 1), ("552 5.3.4 too big", "failed", 1), ("452 4.3.1 disk full", "sent", 0), ("451 4.3.0 local error", "sent", 0)])  # fmt: skip
def test_P15_P16_a_refused_message_is_that_rows_own(trial: Trial, reply: str, state: str, code: int) -> None:
    """5xx at the end of data: failed, not tried again. 4xx: tried again later, never in doubt. The others go."""
    small(trial)
    trial.server.replies["END"] = {2: reply}
    ran = trial.send(*SOON)

    assert (code, state, 0) == (ran.code, trial.states()["2"], ran.json["counts"]["in_doubt"]), ran.err
    assert {f"p{n}@example.org" for n in (1, 3, 4)} <= set(trial.got())
    assert (2 if state == "sent" else 1) == sum("RCPT TO:<p2@" in line for line in trial.server.lines)
    trial.nobody_twice()


@pytest.mark.parametrize(
    "rule",
    [
        b"250 " + b"x" * 200_000 + b"\r\n", b"250-a\r\n" * 30_000 + b"250 b\r\n", b"250-a\r\n550 b\r\n", b"250ok\r\n", b"\xff\xfe\x1b[31m\r\n",
        b"250 2.1.5 \xfc\x1b[31m\r\n", b"250 lone LF\n", Drip("250 2.1.5 Ok, slowly said", 0.1),
    ],
    ids=["long", "endless", "codes", "no-space", "no-code", "latin", "lf", "drip"],
)  # fmt: skip
def test_P17_odd_replies_lose_and_burn_nobody(trial: Trial, rule: object) -> None:
    """Understood, or the connection is left in time and the row tried again; no control code reaches the log or the screen."""
    small(trial)
    trial.server.replies["RCPT"] = {2: rule}
    with soon():
        ran = trial.send(*SOON, "--verbose")

    assert (0, once(1, 2, 3, 4)) == (ran.code, trial.got()), ran.err
    assert "\x1b" not in ran.err + ran.out + run_here("log", trial.folder, "--attempts").out


def test_P19_no_content_without_a_354(trial: Trial) -> None:
    """250 to DATA: not one line of the mail is said; the row goes over a new connection."""
    small(trial)
    trial.server.replies["DATA"] = {2: "250 2.0.0 Ok"}
    ran = trial.send(*SOON)

    assert (0, once(1, 2, 3, 4)) == (ran.code, trial.got()), ran.err
    assert not any(line.startswith(("From:", "Subject:", "Dear")) for line in trial.server.lines)


@pytest.mark.parametrize("offered", [(), ("PIPELINING",), ("8BITMIME",), ("SIZE 100000", "SMTPUTF8")])
def test_P20_P21_nothing_is_used_that_is_not_offered(trial: Trial, offered: tuple[str, ...]) -> None:
    """No pipelining, no parameter, no octet beyond ASCII without the server's word; everybody's mail arrives as meant."""
    with ScriptedServer(extensions=offered) as server:
        other = Trial(trial.folder, server).write(
            ["1,Jürgen,p1@example.org,täk1", "2,王伟,p2@example.org,工资"]
        )
        assert (0, once(1, 2), []) == ((ran := other.send()).code, other.got(), server.violations), ran.err
        assert all(mail.content.isascii() for mail in server.accepted)
        assert ["täk1", "工资"] == [mail["Subject"].removeprefix("Your token ") for mail in other.mails()]


@pytest.mark.parametrize("pipelining", ["off", "envelope", "next"])
def test_P22_no_content_ends_a_message(trial: Trial, pipelining: str) -> None:
    """Lines that look like the end, in a cell and in the letter: one message each, nothing behind the dot, read back as written."""
    smuggled = "a\n.\nMAIL FROM:<evil@example.com>\n.\n"
    trial.write(
        [f'{n},P{n},p{n}@example.org,"{smuggled}"' for n in (1, 2)],
        letter=HEAD + "\n.\n{{ token }}\n.\r\n.end\n",
    )
    trial.account(pipelining=pipelining)
    assert (0, once(1, 2), []) == ((ran := trial.send()).code, trial.got(), trial.server.violations), ran.err

    assert ["MAIL"] * 2 == [verb for verb in trial.server.verbs() if verb == "MAIL"]
    for mail in trial.mails():
        assert smuggled in text_of(mail)


def test_P23_a_servers_limit_of_messages_is_no_fault(trial: Trial) -> None:
    """421 at MAIL after two, again and again: reconnected without a word, one attempt each."""
    with ScriptedServer(max_messages=2) as server:
        other = small(Trial(trial.folder, server), 7)
        assert (0, once(*range(1, 8))) == ((ran := other.send(*SOON)).code, other.got()), ran.err
        assert {"sent"} == set(other.states().values())
        assert 4 <= server.connections <= 6


def test_P23_an_idle_close_between_throttled_mails_is_no_fault(trial: Trial) -> None:
    """The server leaves while the throttle waits: the next mail goes over a new connection."""
    small(trial, 3, sending='rate = "2/s"')
    trial.server.replies["END"] = {2: Keep(Close("250 2.0.0 Ok"))}
    assert (0, once(1, 2, 3)) == ((ran := trial.send(*SOON)).code, trial.got()), ran.err
    assert {1} == {line["attempts"] for line in trial.log().values()}


def test_P24_fewer_connections_where_the_server_wants_fewer(trial: Trial) -> None:
    """Three are wanted, one is allowed: 421 at the banner of the others. Nobody is failed or in doubt; with one connection all mails go."""
    with ScriptedServer(max_connections=1) as server:
        other = small(Trial(trial.folder, server), 8)
        ran = other.send("--connections", "3", "--max-wait", "1s")
        assert ran.code in (0, 69, 75), ran.err
        assert (0, 0) == (ran.json["counts"]["failed"], ran.json["counts"]["in_doubt"])
        assert (0, once(*range(1, 9))) == ((ran := other.send("--connections", "1")).code, other.got()), (
            ran.err
        )


def test_P25_a_server_that_finds_us_too_fast_is_obeyed(trial: Trial) -> None:
    """450 for the rate: nobody is failed, no immediate retry, the run is left for later (75)."""
    with ScriptedServer(rate=(3, 600.0)) as server:
        other = small(Trial(trial.folder, server), 6, sending="")
        ran = other.send("--max-wait", "1s")
        assert (75, 3, 0) == (ran.code, ran.json["counts"]["sent"], ran.json["counts"]["failed"]), ran.err
        assert 5 >= server.verbs().count("MAIL"), "one envelope may have been under way already"
        other.nobody_twice()


@pytest.mark.parametrize(
    ("step", "rule", "pipelining"),
    [
        ("QUIT", "500 5.5.1 no", "envelope"), ("QUIT", Reset(), "next"), ("QUIT", Hang(), "envelope"), ("RSET", "500 5.5.1 no", "next"),
        ("RSET", Close(), "next"),
    ],
)  # fmt: skip
def test_P26_what_fails_after_the_answer_takes_nothing_back(
    trial: Trial, step: str, rule: object, pipelining: str
) -> None:
    """RSET or QUIT refused, closed, hanging: sent stands, nobody twice, and the end is not waited for long."""
    small(trial, 3, pipelining=pipelining)
    trial.server.replies[step] = rule
    with soon():
        ran = trial.send(*SOON)

    assert (0, once(1, 2, 3)) == (ran.code, trial.got()), ran.err


def test_P27_an_odd_acceptance_is_kept_and_made_harmless(trial: Trial) -> None:
    """A queue id among a formula and terminal codes: `sent`, the id is told, nothing of it runs or colours."""
    small(trial, 1)
    trial.server.replies["END"] = b"250 2.0.0 =cmd|' /C calc'!A0 \x1b[31m\x07 queued as 4711ABC\r\n"
    ran = trial.send()
    (line,) = list(csv.DictReader(Path(ran.json["results"]).read_text(encoding="utf-8-sig").splitlines()))

    assert (0, "sent") == (ran.code, line["state"])
    assert "4711ABC" in line["reply"]
    assert not any(value.lstrip().startswith(("=", "+", "@")) for value in line.values())
    shown = run_here("log", trial.folder, "--attempts").out + run_here("log", trial.folder).out + ran.err
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", shown)


def test_P28_the_next_address_is_tried_before_anything_is_sent(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first address is dead: the second one's server gets everybody's mail, once."""
    import socket

    from mailmerge_cli.transports.smtp import dial

    small(trial)
    addresses = [(socket.AF_INET, "127.0.0.1", 1), (socket.AF_INET, "127.0.0.1", trial.server.port)]
    monkeypatch.setattr(dial, "_addresses", lambda *_: list(addresses))
    assert (0, once(1, 2, 3, 4)) == ((ran := trial.send()).code, trial.got()), ran.err
