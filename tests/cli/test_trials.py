"""A run is a trial or the real thing: files never stand for mails that are left, and what was only tried never counts as sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailmerge_cli.campaign import trials
from mailmerge_cli.cli import caution
from mailmerge_cli.mailbox.server import Mailbox
from support.arrivals import got, once
from support.program import run_here, states, write_toml
from support.scripted_smtp import ScriptedServer


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripted server counts as another machine."""
    monkeypatch.setattr(caution, "is_loopback", lambda _: False)


@pytest.mark.usefixtures("remote")
@pytest.mark.parametrize("reply", ["", "550 5.1.1 unknown", "451 4.3.0 later"])
def test_files_do_not_stand_for_what_is_left_of_a_real_run(
    campaign: Path, server: ScriptedServer, reply: str
) -> None:
    """65 and nothing written, be the others sent, failed or deferred; with the account all get theirs, once."""
    if reply:
        server.replies["RCPT"] = {1: reply}
    run_here("send", "--yes", "--limit", "2", "--max-wait", "0s")
    server.replies.clear()
    before = states(campaign)
    for words in (("send",), ("send", "--retry-failed"), *([] if reply else [("resend", "1")])):
        ran = run_here(*words, "--account", "outbox:tried", "--yes")
        assert ran.code == 65, ran.err
        assert "Files in an outbox must not stand for the others" in ran.err
    assert states(campaign) == before
    assert not (campaign / "tried").exists()

    assert run_here("send", "--yes", "--retry-failed", "--wait").code == 0
    assert got(server) == once(1, 2, 3, 4, 5)


@pytest.mark.usefixtures("remote")
def test_what_was_only_tried_is_due_again(
    campaign: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is both (an older ledger, or a mailbox): --new-run, as the refusal says, sends to those who have none, and to nobody else."""
    run_here("send", "--yes", "--limit", "2")
    with monkeypatch.context() as older:
        older.setattr(caution, "refuse_before_trial", lambda *_: None)
        assert run_here("send", "--yes", "--account", "outbox:tried").code == 0
    refused = run_here("send", "--yes")
    assert (refused.code, "--new-run" in refused.err) == (65, True)

    ran = run_here("send", "--yes", "--new-run")
    assert ran.code == 0, ran.err
    assert "3 mails that were only tried are due again" in ran.err
    assert got(server) == once(1, 2, 3, 4, 5)


@pytest.mark.usefixtures("remote")
def test_a_whole_trial_is_put_aside(campaign: Path, server: ScriptedServer) -> None:
    """All of it was files: the real run has the label, and everybody gets one mail."""
    assert run_here("send", "--yes", "--account", "outbox:tried").code == 0
    assert run_here("send", "--yes").code == 65
    assert run_here("send", "--yes", "--new-run").code == 0
    assert got(server) == once(1, 2, 3, 4, 5)


def test_nothing_is_no_trial() -> None:
    """Without a run there is nothing to refuse or to put aside."""
    assert trials.put_trial_aside(None, None) == ""  # type: ignore[arg-type]
    assert trials.take_trial_back(None, None) == 0  # type: ignore[arg-type]


@pytest.mark.usefixtures("remote")
def test_the_next_command_names_the_account_that_was_used(campaign: Path, server: ScriptedServer) -> None:
    """The campaign's own is an outbox, as `init` writes it: what status advises must not lead into it."""
    write_toml(campaign, "outbox:outbox")
    server.replies["RCPT"] = {1: "550 5.1.1 unknown"}
    account = f"smtp+insecure://127.0.0.1:{server.port}"
    assert run_here("send", "--yes", "--account", account).code == 1
    assert f"mailmerge send -a {account} --retry-failed" in run_here("status").out
    told = run_here("log", "--failed-rows", "failed.csv")
    assert f"-a {account} --retry-failed" in told.out + told.err


def test_a_test_into_an_outbox_is_not_said_to_have_gone_anywhere(campaign: Path) -> None:
    """Who forgot to name his account in campaign.toml does not wait for the test mail."""
    ran = run_here("send", "--test", "me@example.com", "--account", "outbox:tried", "--yes")

    assert (ran.code, len(list((campaign / "tried").iterdir()))) == (0, 1)
    assert "nothing left this machine; the test for me@example.com was written to test." in ran.out
    assert "a test went to" not in ran.out


def test_a_server_on_this_machine_sends_too(campaign: Path, server: ScriptedServer) -> None:
    """A relay on loopback, as cron has it: after a trial in an outbox it is refused, not “already sent”; --new-run sends to all."""
    assert run_here("send", "--yes", "--account", "outbox:tried").code == 0
    refused = run_here("send", "--yes")
    assert (65, 0) == (refused.code, len(server.accepted)), refused.err
    assert "5 mails of run" in refused.err
    assert run_here("send", "--yes", "--new-run").code == 0
    assert got(server) == once(1, 2, 3, 4, 5)


def test_a_trial_in_the_mailbox_goes_on_in_it(campaign: Path) -> None:
    """Through the very account that it was made with; through another one on this machine it does not."""
    with Mailbox(campaign / "kept") as mailbox, Mailbox(campaign / "other") as other:
        assert run_here("send", "--yes", "--limit", "2", "--account", mailbox.url).code == 75
        assert run_here("send", "--yes", "--account", other.url).code == 65
        assert run_here("send", "--yes", "--account", mailbox.url).code == 0
    assert set(states(campaign).values()) == {"sent"}


def test_check_and_status_tell_of_a_trial(campaign: Path, server: ScriptedServer) -> None:
    """Who reads “5 sent” also reads that nobody has a mail; of a real run not a word."""
    told = "5 mails of run a were a trial: they became files on this machine, and nobody got them. `send --new-run` sends to everybody"
    assert run_here("send", "--yes", "--run", "a", "--account", "outbox:tried").code == 0
    for command in ("check", "status"):
        assert f"Note: {told}" in run_here(command, "--run", "a").err
    assert run_here("send", "--yes", "--run", "b").code == 0
    assert "trial" not in run_here("check", "--run", "b").err + run_here("status", "--run", "b").err
