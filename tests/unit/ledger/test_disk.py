"""What a disk can do to the ledger's files while they are made, looked at and locked: each time a sentence, nothing lost, nothing left open."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import sys
import time
from pathlib import Path

import pytest

from mailmerge_cli.errors import ExitCode, LedgerFault, Stopped
from mailmerge_cli.ledger import files, lock, schema
from mailmerge_cli.ledger.birth import mark_of, same_file
from mailmerge_cli.ledger.draft import Draft
from mailmerge_cli.ledger.faults import told
from mailmerge_cli.ledger.ledger import Ledger
from mailmerge_cli.ledger.lock import CampaignLock, is_held
from mailmerge_cli.ledger.quota import QuotaBook
from support.ledgers import Book, draft_of, entry

posix = pytest.mark.skipif(sys.platform == "win32", reason="fcntl and modes are POSIX")


def refuse(number: int) -> object:
    """A call of the system that fails with this error, whatever it is asked."""

    def call(*_: object, **__: object) -> object:
        raise OSError(number, os.strerror(number))

    return call


# folders and files


def test_a_file_where_the_folder_should_be_is_told(home: Path) -> None:
    """The path and what the system says, and what can be done."""
    (home / ".mailmerge").write_bytes(b"")
    with pytest.raises(LedgerFault, match=r"\.mailmerge: this is not a folder"):
        Ledger.open(home / ".mailmerge" / "ledger.sqlite3", home=home)


def test_a_folder_that_cannot_be_made_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """74, with the folder's name and a way out."""
    monkeypatch.setattr(Path, "mkdir", refuse(errno.EROFS))
    with pytest.raises(LedgerFault, match=r"\.mailmerge: Read-only") as fault:
        files.private_folder(home / ".mailmerge" / "lock", home=home)
    assert "--state-dir" in fault.value.hint
    assert fault.value.exit_code is ExitCode.LEDGER


@posix
def test_a_folder_that_another_process_makes_first_is_taken(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes begin at once: the second finds the folder there, and it is private all the same."""
    make = Path.mkdir

    def race(path: Path, mode: int = 0o777) -> None:
        make(path, mode)
        make(path, mode)

    monkeypatch.setattr(Path, "mkdir", race)
    files.private_folder(home / ".mailmerge" / "lock", home=home)
    assert stat.S_IMODE((home / ".mailmerge").stat().st_mode) == 0o700


@pytest.mark.parametrize("look", ["look_at", "is_there"])
def test_a_file_that_cannot_be_looked_at_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch, look: str
) -> None:
    """It is not taken for missing: a new ledger in its place would forget who has mail."""
    monkeypatch.setattr(Path, "lstat", refuse(errno.EIO))
    path = home / "ledger.sqlite3"
    with pytest.raises(LedgerFault, match="Input/output error"):
        files.look_at(path, home=home) if look == "look_at" else files.is_there(path)


def test_below_a_file_there_is_nothing(home: Path) -> None:
    """Whoever only looks is not stopped by a folder that is a file."""
    (home / "plain").write_bytes(b"")
    assert files.is_there(home / "plain" / "ledger.sqlite3") is False


@posix
def test_the_mode_of_a_file_that_is_not_ours_is_left_alone(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root works for the owner of the campaign without changing the owner's rights."""
    path = home / "lock"
    path.write_bytes(b"")
    path.chmod(0o640)
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    os.close(files.open_private(path, os.O_RDWR))
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@posix
def test_K11_a_system_that_tells_no_mounts_has_no_network_disk(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be known is taken for a local disk, as on a Mac."""
    monkeypatch.setattr(Path, "read_text", refuse(errno.ENOENT))
    assert files.on_network(home) is False


# which file it is


def test_K12_two_marks_are_one_file_if_number_and_birth_agree() -> None:
    """A birth that one of the two does not know is no difference; another number always is."""
    assert same_file("7", "7")
    assert same_file("7/1.5", "7")
    assert same_file("7", "7/1.5")
    assert same_file("7/1.5", "7/1.5")
    assert not same_file("7/1.5", "7/2.5")
    assert not same_file("7/1.5", "8/1.5")
    assert not same_file("7", "8")


def test_K12_a_file_keeps_its_mark_and_another_has_its_own(home: Path) -> None:
    """Also under a new name."""
    first, second = home / "a", home / "b"
    first.write_bytes(b"")
    second.write_bytes(b"")
    mark = mark_of(first)
    assert mark_of(first.rename(home / "c")) == mark
    assert not same_file(mark_of(second), mark)


@pytest.mark.parametrize(("told", "mark"), [(1.5, "/1.5"), (None, "")])
def test_K12_elsewhere_the_birth_is_what_python_tells(
    home: Path, monkeypatch: pytest.MonkeyPatch, told: float | None, mark: str
) -> None:
    """On a Mac and on Windows `stat` has it, or has it not."""
    monkeypatch.setattr(sys, "platform", "darwin")

    class Found:
        st_ino = 7

        def __init__(self) -> None:
            if told is not None:
                self.st_birthtime = told

    monkeypatch.setattr(Path, "stat", lambda _: Found())
    assert mark_of(home) == f"7{mark}"


@pytest.mark.skipif(sys.platform != "linux", reason="statx is Linux's")
@pytest.mark.parametrize("how", ["no statx", "it fails", "it does not tell"])
def test_K12_where_the_kernel_tells_no_birth_the_number_has_to_do(
    home: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """An old system library, an old kernel, a network disk: the mark is the number, and nobody is refused for it."""
    import ctypes

    class Library:
        def __init__(self, *_: object, **__: object) -> None:
            if how != "no statx":
                self.statx = lambda *_: -1 if how == "it fails" else 0

    monkeypatch.setattr(ctypes, "CDLL", Library)
    assert mark_of(home) == str(home.stat().st_ino)


# making the database


def test_a_disk_without_hard_links_has_a_ledger_too(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FAT and some network disks: the finished file is renamed, and nothing else is left."""
    monkeypatch.setattr(os, "link", refuse(errno.EPERM))
    with Ledger.open(home / ".mailmerge" / "ledger.sqlite3", home=home) as ledger:
        Book(ledger, home).enter(entry("A"))
    assert not list((home / ".mailmerge").glob("*.new*"))


def test_a_disk_without_hard_links_never_replaces_a_ledger(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process was faster: its file stays."""
    monkeypatch.setattr(os, "link", refuse(errno.EPERM))
    (home / "old").write_bytes(b"theirs")
    (home / "new").write_bytes(b"ours")
    schema._name(home / "new", home / "old")
    assert (home / "old").read_bytes() == b"theirs"


def test_K02_a_leftover_that_another_process_sweeps_first_is_no_fault(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes clean up after the same kill."""
    left = home / "ledger.sqlite3.0123456789abcdef.new"
    left.write_bytes(b"")
    os.utime(left, (0, 0))
    monkeypatch.setattr(Path, "unlink", refuse(errno.ENOENT))
    schema._sweep(home / "ledger.sqlite3")


def test_K02_a_new_file_of_another_process_is_not_swept(home: Path) -> None:
    """Only what is old enough to be a killed one's."""
    left = home / "ledger.sqlite3.0123456789abcdef.new"
    left.write_bytes(b"")
    schema._sweep(home / "ledger.sqlite3")
    assert left.exists()


def test_an_upgrade_that_fails_leaves_the_old_version(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All steps are one transaction: the file is as it was, and the next try begins at its version again."""
    connection = sqlite3.connect(home / "book", isolation_level=None)
    try:
        good = "CREATE TABLE one (a INTEGER);"
        monkeypatch.setitem(
            schema._STEPS,
            schema.QUOTA_ID,
            (good, "CREATE TABLE two (b INTEGER);\nCREATE TABLE one (c INTEGER);"),
        )
        with pytest.raises(sqlite3.OperationalError, match="one already exists"):
            schema._climb(connection, schema.QUOTA_ID, 0)
        assert connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)
        assert connection.execute("PRAGMA user_version").fetchone() == (0,)
        assert not connection.in_transaction
    finally:
        connection.close()


# what SQLite and the disk say


def test_K08_an_error_of_the_disk_is_told_with_its_file(home: Path) -> None:
    """It names the file and what the system says, and is 74."""
    with pytest.raises(LedgerFault, match=r"book: No space left") as fault, told(home / "book"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert fault.value.exit_code is ExitCode.LEDGER


@pytest.mark.parametrize("kind", [sqlite3.ProgrammingError, sqlite3.IntegrityError, sqlite3.InterfaceError])
def test_a_bug_of_ours_is_not_told_as_a_damaged_file(home: Path, kind: type[sqlite3.Error]) -> None:
    """Nobody is sent to restore a backup because of our SQL."""
    with pytest.raises(kind), told(home / "book"):
        raise kind("bug")


def test_an_error_that_has_no_name_is_told_all_the_same(home: Path) -> None:
    """Some errors of sqlite3 carry no code."""
    with pytest.raises(LedgerFault, match="book: odd"), told(home / "book"):
        raise sqlite3.DatabaseError("odd")


# the book of quotas


def test_K10_a_file_that_is_no_book_of_quotas_is_refused(tmp_path: Path) -> None:
    """And let go of: it can be moved away at once."""
    path = tmp_path / "quota.sqlite3"
    QuotaBook(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA application_id = 1")
    connection.close()

    with pytest.raises(LedgerFault, match="no book of quotas"):
        QuotaBook(path)
    path.rename(tmp_path / "away")


def test_a_change_of_the_book_that_fails_stamps_nothing(tmp_path: Path) -> None:
    """What was written before the fault is taken back, and the book can be used on."""
    with QuotaBook(tmp_path / "quota.sqlite3") as book:
        with pytest.raises(RuntimeError), book._change() as connection:
            connection.execute("INSERT INTO permits (account, at, count) VALUES ('a', 1, 1)")
            raise RuntimeError
        with book._change() as connection:
            assert connection.execute("SELECT count(*) FROM permits").fetchone() == (0,)


def test_K08_a_change_that_sqlite_has_ended_itself_is_told(tmp_path: Path) -> None:
    """A full disk ends the transaction; the fault is that of the disk and not that there is nothing to take back."""
    with QuotaBook(tmp_path / "quota.sqlite3") as book, pytest.raises(LedgerFault, match="full"):  # noqa: SIM117
        with book._change() as connection:
            connection.execute("ROLLBACK")
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorname = "SQLITE_FULL"
            raise error


# the draft


def test_a_plan_whose_disk_is_full_says_so() -> None:
    """Whether or not SQLite has ended the transaction by itself."""
    for ended in (False, True):
        with Draft() as draft, pytest.raises(RuntimeError, match="full"), draft._change():
            if ended:
                draft._connection.execute("COMMIT")
            raise RuntimeError("full")


def test_a_plan_is_compared_with_no_ledger_as_with_an_empty_one() -> None:
    """Before the first run there is nothing to attach; twins are found within the list."""
    with draft_of(
        entry("A", address="one@example.org"), entry("B", address="one@example.org", row=3)
    ) as draft:
        assert draft.skip_twin_addresses("twin") == 1


# the lock


@posix
def test_a_disk_that_knows_no_locks_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody sends without a lock; the sentence says where the ledger may lie instead."""
    monkeypatch.setattr(lock, "_seize", refuse(errno.ENOLCK))
    with pytest.raises(LedgerFault, match="knows no locks") as fault, CampaignLock(home / "lock", home=home):
        pytest.fail("nobody may hold it")
    assert "--state-dir" in fault.value.hint


@posix
def test_a_full_disk_does_not_cost_the_lock(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who holds it cannot be written; it is held all the same."""
    with monkeypatch.context() as full:
        full.setattr(os, "write", refuse(errno.ENOSPC))
        held = CampaignLock(home / "lock", home=home)
        held.__enter__()
    try:
        assert is_held(home / "lock")
        with (
            pytest.raises(Stopped, match="another process"),
            CampaignLock(home / "lock", home=home, patience=0),
        ):
            pytest.fail("two at once")
    finally:
        held.__exit__(None, None, None)
    assert not is_held(home / "lock")


def test_a_lock_that_was_never_held_is_let_go_of_in_peace(home: Path) -> None:
    """Whoever failed to get it owes nothing, and the file is not touched."""
    CampaignLock(home / "lock", home=home).__exit__(None, None, None)
    assert not (home / "lock").exists()


@pytest.mark.parametrize(
    "said", [b"", b"{", b"[1]", b'{"pid": 1}', b'{"pid": "x", "since": "yesterday"}', b"\xff"]
)
@posix
def test_O01_a_holder_that_cannot_be_read_is_another_process(home: Path, said: bytes) -> None:
    """A torn line in the lock's file hides nothing but the name."""
    with CampaignLock(home / "lock", home=home):
        (home / "lock").write_bytes(said)
        with (
            pytest.raises(Stopped, match="worked on by another process"),
            CampaignLock(home / "lock", home=home, patience=0),
        ):
            pytest.fail("two at once")


@posix
def test_the_lock_is_waited_for_a_moment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at the lock holds it for an instant; that turns no sender away."""
    seize, tries, naps = lock._seize, [], []

    def busy_once(descriptor: int) -> None:
        tries.append(descriptor)
        if len(tries) == 1:
            raise BlockingIOError
        seize(descriptor)

    monkeypatch.setattr(lock, "_seize", busy_once)
    monkeypatch.setattr(time, "sleep", naps.append)
    with CampaignLock(home / "lock", home=home):
        assert len(tries) == 2
        assert len(naps) == 1
