"""The outbox: whole files or none, byte for byte, once for each Message-ID, readable by nobody else."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailmerge_cli.errors import ConfigFault, Unreachable
from mailmerge_cli.model.account import Account
from mailmerge_cli.model.mail import Advice, Blame, Mail, Settlement, Verdict
from mailmerge_cli.transports.outbox import OutboxTransport, _file_name
from support.feeds import Commit, KnownSecrets, RecordingFeed, a_mail


def outbox(folder: Path) -> OutboxTransport:
    return OutboxTransport(Account("outbox", kind="outbox", folder=folder), KnownSecrets())


def carried(folder: Path, mails: list[Mail], **settings: object) -> RecordingFeed:
    feed = RecordingFeed(mails, **settings)
    asyncio.run(outbox(folder).carry(feed))
    feed.check()
    return feed


def test_one_file_a_message_byte_for_byte(tmp_path: Path) -> None:
    """Each mail becomes one .eml with its very octets, dots and all."""
    sent = [a_mail(n, body=b".\r\n..x\r\n") for n in (1, 2, 3)]
    feed = carried(tmp_path / "out" / "deep", sent)
    files = sorted((tmp_path / "out" / "deep").iterdir())
    assert [file.suffix for file in files] == [".eml"] * 3
    assert sorted(file.read_bytes() for file in files) == sorted(b"".join(mail.content) for mail in sent)
    assert {*feed.verdicts.values()} == {Verdict.ACCEPTED}
    assert feed.outcomes[1].remote_id in {file.name for file in files}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_C14_nobody_else_may_read_it(tmp_path: Path) -> None:
    """Files 0600 in a folder 0700, whatever the umask."""
    before = os.umask(0)
    try:
        carried(tmp_path / "out", [a_mail(1)])
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700
    assert [stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "out").iterdir()] == [0o600]


def test_the_same_mail_twice_is_one_file(tmp_path: Path) -> None:
    """A second attempt with the same Message-ID is accepted and changes nothing."""
    carried(tmp_path, [a_mail(1)])
    (file,) = tmp_path.iterdir()
    first = file.read_bytes()
    feed = carried(tmp_path, [a_mail(1, body=b"something else\r\n")])
    assert feed.verdicts == {1: Verdict.ACCEPTED}
    assert [*tmp_path.iterdir()] == [file]
    assert file.read_bytes() == first


def test_each_is_begun_before_and_settled_with_the_next(tmp_path: Path) -> None:
    """The ledger speaks before the disk and after it; outcome and next intent share a commit."""

    async def look(settled: Settlement | None, begun: Mail | None) -> None:
        assert begun is None or len(os.listdir(tmp_path)) == begun.delivery - 1  # noqa: PTH208

    feed = carried(tmp_path, [a_mail(1), a_mail(2)], on_commit=look)
    accepted = Verdict.ACCEPTED
    assert feed.commits == [Commit(None, None, 1), Commit(1, accepted, 2), Commit(2, accepted, None)]
    feed = carried(tmp_path, [a_mail(3)], ready=False)
    assert feed.log == ["take 3", "begin 3", "accepted 3"]


def test_a_disk_that_is_full_burns_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be written is deferred, the run stops, and no part of it stays behind."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    feed = carried(tmp_path, [a_mail(1)])
    outcome = feed.outcomes[1]
    assert (outcome.verdict, outcome.blame, outcome.advice) == (
        Verdict.DEFERRED,
        Blame.TRANSPORT,
        Advice.STOP,
    )
    assert "No space left" in outcome.text
    assert [*tmp_path.iterdir()] == []


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    """A file in the folder's place is named by `check`."""
    (tmp_path / "file").write_text("")
    with pytest.raises(Unreachable, match="file"):
        asyncio.run(outbox(tmp_path / "file" / "out").check())
    with pytest.raises(ConfigFault):
        OutboxTransport(Account("outbox", kind="outbox"), KnownSecrets())


def test_check_leaves_nothing_behind(tmp_path: Path) -> None:
    """`check` makes the folder and no file."""
    asyncio.run(outbox(tmp_path / "out").check())
    assert [*(tmp_path / "out").iterdir()] == []


def test_a_ledger_that_fails_stops_the_writing(tmp_path: Path) -> None:
    """No begin, no file; the error comes through."""

    async def fail(settled: Settlement | None, begun: Mail | None) -> None:
        raise OSError("ledger")

    with pytest.raises(OSError, match="ledger"):
        asyncio.run(outbox(tmp_path).carry(RecordingFeed([a_mail(1)], on_commit=fail)))
    assert [*tmp_path.iterdir()] == []


IDS = st.text(min_size=1, max_size=120).map(lambda text: f"<{text}@example.org>")


@given(IDS, IDS)
def test_file_names_are_safe_and_one_to_one(one: str, other: str) -> None:
    """Any Message-ID gives a plain file name, two different ones never the same (also where case does not count)."""
    names = [_file_name(a_mail(1)._replace(message_id=each)) for each in (one, other)]
    for name in names:
        assert name == Path(name).name
        assert name.isascii()
        assert len(name) < 120
        assert not name.startswith(".")
    if one.strip("<>").lower() != other.strip("<>").lower():
        assert names[0].lower() != names[1].lower()
