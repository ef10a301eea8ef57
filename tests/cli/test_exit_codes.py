"""Every exit code of the contract, each by what leads to it."""

from __future__ import annotations

import socket
from collections import Counter
from pathlib import Path

import pytest

from support.arrivals import NOBODY, got, once, url
from support.program import (
    people,
    run_here,
    run_process,
    states,
    write_list,
    write_toml,
)
from support.scripted_smtp import Close, Hang, Keep, ScriptedServer
from support.soon import soon


def test_in_doubt_is_3_and_stays_3(campaign: Path, server: ScriptedServer) -> None:
    """The run ended, some deliveries are in doubt: 3, again 3, `resolve` settles it."""
    server.replies["END"] = {2: Keep(Close())}
    first = run_here("send", "--yes", "--json")

    assert (first.code, first.json["reason"], first.json["counts"]["in_doubt"]) == (3, "in_doubt", 1)
    assert run_here("send", "--yes").code == 3
    assert (run_here("status").code, run_here("status", "--exit-code").code) == (0, 3)
    assert run_here("resolve", "--sent", "--all", "--yes").code == 0
    assert run_here("send", "--yes").code == 0


def test_L06_codes_are_a_function_of_the_states(campaign: Path, server: ScriptedServer) -> None:
    """Failed and in doubt: 3 wins over 1; with rows left 75 wins over both."""
    server.replies |= {"RCPT TO:<p1@": "550 5.1.1 no such user", "END": {1: Keep(Close())}}
    assert run_here("send", "--yes", "--limit", "3").code == 75
    assert Counter(states(campaign).values()) == {"failed": 1, "in_doubt": 1, "sent": 1, "pending": 2}
    assert run_here("send", "--yes").code == 3
    assert run_here("resolve", "--all", "--sent", "--yes").code == 0
    assert run_here("send", "--yes").code == 1
    assert run_here("status", "--exit-code").code == 1


def test_66_a_named_file_that_is_not_there(campaign: Path, server: ScriptedServer) -> None:
    """A list, a message, an exclusion list, a file of keys, a campaign: 66 and its name."""
    for words, name in (
        (("-r", "no.csv"), "no.csv"), (("-m", "no.txt"), "no.txt"), (("--exclude", "no.txt"), "no.txt"),
        (("--only", "@no.txt"), "no.txt"), (("nowhere",), "nowhere"),
    ):  # fmt: skip
        ran = run_here("send", "--yes", *words)
        assert ran.code == 66, (words, ran)
        assert name in ran.err
    assert server.accepted == []


def test_69_an_unreachable_server_leaves_all_rows_pending(here: Path) -> None:
    """Nothing was begun: 69, all rows pending, the same command goes on later."""
    write_toml(here, NOBODY)
    ran = run_here("send", "--yes", "--json")

    assert (ran.code, ran.json["reason"], ran.json["counts"]["pending"]) == (69, "unreachable", 5)
    assert run_here("send", "--yes").code == 69
    with ScriptedServer() as server:
        assert run_here("send", "--yes", "-a", url(server)).code == 0
        assert once(1, 2, 3, 4, 5) == got(server)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["silent", "full"])
def test_69_comes_within_30_s_when_nobody_answers(here: Path, kind: str) -> None:
    """A server that takes the connection and says nothing, and one that never takes it: 69 within 30 s."""
    with soon(), ScriptedServer({"CONNECT": Hang()}) as silent, _full_backlog() as full:
        address = {"silent": url(silent), "full": f"smtp+insecure://127.0.0.1:{full}"}[kind]
        ran = run_process(
            "send", "-r", "people.csv", "-m", "letter.txt", "-a", address, "--yes", "--json", cwd=here
        )

    assert (ran.code, ran.json["counts"]["pending"]) == (69, 5), ran.err


class _full_backlog:
    """A port whose queue of connections is full: SYNs are dropped."""

    def __enter__(self) -> int:
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.waiting = []
        for _ in range(3):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(self.listener.getsockname())
            self.waiting.append(sock)
        port: int = self.listener.getsockname()[1]
        return port

    def __exit__(self, *_: object) -> None:
        for sock in (*self.waiting, self.listener):
            sock.close()


def test_70_a_bug_is_a_sentence_and_never_a_value(campaign: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anything unforeseen: 70, the one object, no traceback without --debug, and never the text of a foreign exception."""
    import mailmerge_cli.cli.prepare as prepare

    salary = f"{24001 / 2:.2f}"  # not in the source line that a traceback shows

    def broken(*_: object, **__: object) -> None:
        raise ValueError(salary)

    monkeypatch.setattr(prepare, "make_plan", broken)
    plain, traced = run_here("send", "--yes", "--json"), run_here("send", "--yes", "--debug")

    assert (plain.code, traced.code) == (70, 70)
    assert plain.json["exit_code"] == 70
    assert "--debug" in plain.err
    assert "Traceback" not in plain.err
    assert "make_plan" in traced.err
    for ran in (plain, traced):
        assert salary not in ran.out + ran.err


def test_74_a_ledger_that_cannot_be_read(campaign: Path, server: ScriptedServer) -> None:
    """K10: a ledger that is no ledger is told and left alone; nothing is sent."""
    (campaign / ".mailmerge").mkdir(mode=0o700)
    (campaign / ".mailmerge/ledger.sqlite3").write_bytes(b"not a database, but long enough to look at" * 50)
    ran = run_here("send", "--yes", "--json")

    assert (ran.code, ran.json["reason"]) == (74, "failed")
    assert "ledger" in ran.err
    assert run_here("status").code == 74
    assert server.accepted == []


def test_K14_74_a_result_log_that_cannot_be_written(campaign: Path, server: ScriptedServer) -> None:
    """The result log's place is tried before the first mail: 74 and nothing sent."""
    (campaign / "results").write_text("a file where a folder should be")
    ran = run_here("send", "--yes", "--json")

    assert ran.code == 74
    assert server.accepted == []
    (campaign / "results").unlink()
    assert run_here("send", "--yes").code == 0


def test_75_the_server_puts_us_off(campaign: Path, server: ScriptedServer) -> None:
    """A deferred row is left for later: 75, `deferred`, resume_at; the same command then sends it."""
    server.replies["RCPT TO:<p2@"] = {1: "450 4.2.0 greylisted, try later"}
    ran = run_here("send", "--yes", "--json", "--max-wait", "5s")

    assert (
        ran.code,
        ran.json["reason"],
        ran.json["counts"]["deferred"],
        ran.json["sent_now"],
    ) == (75, "deferred", 1, 4)
    assert ran.json["resume_at"] is not None
    assert states(campaign)["2"] == "deferred"


def test_75_the_breaker_takes_its_rows_back(campaign: Path, server: ScriptedServer) -> None:
    """Ten refusals alike in a row: 75, `breaker`, and those rows are pending again."""
    write_list(campaign, people(30))
    server.replies["RCPT"] = "550 5.7.1 we want no mail from you"
    ran = run_here("send", "--yes", "--json")

    assert (ran.code, ran.json["reason"], ran.json["counts"]["pending"]) == (75, "breaker", 30), ran.err
    del server.replies["RCPT"]
    assert run_here("send", "--yes").code == 0
    assert once(*range(1, 31)) == got(server)


def test_78_wrong_settings(campaign: Path, server: ScriptedServer) -> None:
    """An unknown account, an unknown key in campaign.toml: 78, told with the nearest word, nothing entered."""
    assert run_here("send", "--yes", "-a", "nobody").code == 78
    toml = (campaign / "campaign.toml").read_text()
    (campaign / "campaign.toml").write_text(toml.replace("[sending]", "[sending]\nrat = '5/s'"))
    unknown = run_here("send", "--yes")
    assert unknown.code == 78
    assert "rate" in unknown.err
    assert (server.lines, (campaign / ".mailmerge").exists()) == ([], False)


def test_78_a_sender_that_the_server_will_not_have(campaign: Path, server: ScriptedServer) -> None:
    """The login may not send as this sender: 78, all rows stay pending, and however often that happens no attempt is used up."""
    server.replies["MAIL"] = "553 5.7.1 Sender address rejected: not owned by user"
    for _ in range(6):
        ran = run_here("send", "--yes", "--json")
        assert (ran.code, ran.json["reason"], ran.json["counts"]["pending"]) == (78, "config", 5), ran.err
    del server.replies["MAIL"]
    server.replies["RCPT"] = {1: "450 4.2.0 greylisted"}
    later = run_here("send", "--yes", "--json", "--max-wait", "1s")
    assert (later.code, later.json["counts"]["failed"], later.json["sent_now"]) == (75, 0, 4)
