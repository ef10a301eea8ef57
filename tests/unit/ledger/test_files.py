"""The ledger's file: private, whole, its own; a copy, a stranger's or a damaged one is refused and told."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailmerge_cli.errors import ExitCode, LedgerFault
from mailmerge_cli.ledger import files, schema
from mailmerge_cli.ledger.ledger import Ledger
from mailmerge_cli.ledger.quota import QuotaBook
from mailmerge_cli.model.delivery import Counts
from support.ledgers import Book, draft_of, entry

Make = Callable[[Path], None]
posix = pytest.mark.skipif(sys.platform == "win32", reason="modes and owners are POSIX")


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.lstat().st_mode) for path in folder.iterdir()}


@pytest.fixture
def careless() -> Iterator[None]:
    """A umask that lets everybody in."""
    before = os.umask(0)
    yield
    os.umask(before)


@posix
@pytest.mark.usefixtures("careless")
def test_C14_everything_is_private_whatever_the_umask(home: Path) -> None:
    """Folder 0700, files 0600, the journal too; .gitignore keeps all of it out of Git."""
    with Ledger.open(home / ".mailmerge" / "ledger.sqlite3", home=home) as ledger:
        Book(ledger, home).enter(entry("A"))
        found = modes(home / ".mailmerge")

    assert found == dict.fromkeys(
        ("ledger.sqlite3", "ledger.sqlite3-wal", "ledger.sqlite3-shm", ".gitignore"), 0o600
    )
    assert stat.S_IMODE((home / ".mailmerge").stat().st_mode) == 0o700
    assert (home / ".mailmerge" / ".gitignore").read_text() == "*\n"


@posix
def test_C14_wider_modes_are_narrowed(book: Book) -> None:
    """A ledger that was unpacked or restored with wide modes is private again once it is opened."""
    book.ledger.close()
    book.path.chmod(0o644)
    book.path.parent.chmod(0o777)

    with Ledger.open(book.path, home=book.home):
        assert stat.S_IMODE(book.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(book.path.parent.stat().st_mode) == 0o700


@posix
def test_C14_a_folder_that_the_person_named_is_left_alone(home: Path) -> None:
    """--state-dir names a folder that exists: its mode and content stay, unless everybody may write there."""
    folder = home / "state"
    folder.mkdir(mode=0o755)
    Ledger.open(folder / "ledger.sqlite3", home=home).close()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert not (folder / ".gitignore").exists()

    folder.chmod(0o1777)
    with pytest.raises(LedgerFault, match="everybody may write"):
        Ledger.open(folder / "ledger.sqlite3", home=home)


@posix
@pytest.mark.parametrize("what", ["ledger.sqlite3", ".mailmerge"])
def test_C15_a_link_is_not_followed(home: Path, tmp_path: Path, what: str) -> None:
    """A symbolic link in the ledger's place is refused, and what it points to is not touched."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    path = home / ".mailmerge" / "ledger.sqlite3"
    if what == ".mailmerge":
        path.parent.symlink_to(elsewhere)
    else:
        path.parent.mkdir()
        path.symlink_to(elsewhere / "target")

    with pytest.raises(LedgerFault, match="symbolic link") as caught:
        Ledger.open(path, home=home)

    assert caught.value.exit_code is ExitCode.LEDGER
    assert list(elsewhere.iterdir()) == []


@posix
@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can make another's file"
)
@pytest.mark.parametrize("what", ["ledger.sqlite3", ".mailmerge"])
def test_C15_anothers_file_is_refused(book: Book, what: str) -> None:
    """A file or folder that a third person owns is not used, not even by root."""
    book.ledger.close()
    os.chown(book.path if what == "ledger.sqlite3" else book.path.parent, 12345, -1)

    with pytest.raises(LedgerFault, match="another user"):
        Ledger.open(book.path, home=book.home)


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can act for others")
def test_C15_root_may_work_for_the_owner_of_the_campaign(book: Book) -> None:
    """In a container or under sudo the folder and its ledger belong to another, the same one."""
    book.ledger.close()
    for path in (book.path, book.path.parent, book.home):
        os.chown(path, 12345, -1)

    Ledger.open(book.path, home=book.home).close()


def test_a_folder_in_the_files_place_is_refused(home: Path) -> None:
    """The sentence says what is wrong."""
    (home / ".mailmerge" / "ledger.sqlite3").mkdir(parents=True)

    with pytest.raises(LedgerFault, match="not a plain file"):
        Ledger.open(home / ".mailmerge" / "ledger.sqlite3", home=home)


def test_K02_what_a_killed_creation_left_is_never_a_ledger(home: Path) -> None:
    """A half-made file has another name; it is swept when it is old, and the ledger is made beside it."""
    folder = home / ".mailmerge"
    folder.mkdir()
    old, fresh = (
        folder / "ledger.sqlite3.0011223344556677.new",
        folder / "ledger.sqlite3.8899aabbccddeeff.new",
    )
    for path in (old, fresh):
        path.write_bytes(b"SQLite format 3\0 half")
    os.utime(old, (1, 1))

    with Ledger.open(folder / "ledger.sqlite3", home=home) as ledger:
        assert ledger.runs() == []
    assert sorted(path.name for path in folder.iterdir()) == [".gitignore", "ledger.sqlite3", fresh.name]


@pytest.mark.parametrize(
    "content", [b"", b"not a database, certainly " * 40, b"SQLite format 3\0" + bytes(4080)]
)
def test_K10_what_is_no_ledger_is_refused(home: Path, content: bytes) -> None:
    """An emptied, foreign or broken file is refused by all commands and stays as it is."""
    path = home / ".mailmerge" / "ledger.sqlite3"
    path.parent.mkdir()
    path.write_bytes(content)

    for opened in (lambda: Ledger.open(path, home=home), lambda: Ledger.read(path)):
        with pytest.raises(LedgerFault) as caught:
            opened()
        assert str(path) in caught.value.message
        assert caught.value.hint
    assert path.read_bytes() == content


def test_K10_another_database_is_refused(home: Path) -> None:
    """A valid SQLite file of another program is no ledger."""
    path = home / ".mailmerge" / "ledger.sqlite3"
    path.parent.mkdir()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE cookies (a)")
    other.close()

    with pytest.raises(LedgerFault, match="no ledger of mailmerge"):
        Ledger.open(path, home=home)


def test_K10_damage_is_found_when_it_is_opened(book: Book) -> None:
    """A page that was overwritten is told before anything is sent."""
    book.enter(*(entry(f"K{row}", row) for row in range(300)))
    book.ledger.close()
    content = bytearray(book.path.read_bytes())
    content[8 * 4096 : 9 * 4096] = b"\xff" * 4096
    book.path.write_bytes(content)

    with pytest.raises(LedgerFault, match="damaged"):
        Ledger.open(book.path, home=book.home)


def test_K10_a_newer_ledger_is_refused(book: Book) -> None:
    """A file of a newer program is not touched; the hint says to update."""
    book.ledger._connection.execute("PRAGMA user_version = 99")
    book.ledger.close()

    with pytest.raises(LedgerFault, match="newer mailmerge") as caught:
        Ledger.open(book.path, home=book.home)
    assert "pip install" in caught.value.hint


def test_K10_a_journal_without_its_ledger_is_refused(book: Book, home: Path) -> None:
    """A deleted ledger whose journal is still there is never begun afresh: SQLite would play the old journal into it."""
    book.enter(entry("A"))
    journal = book.path.with_name("ledger.sqlite3-wal").read_bytes()
    book.ledger.close()
    book.path.unlink()
    book.path.with_name("ledger.sqlite3-wal").write_bytes(journal)

    with pytest.raises(LedgerFault, match="is gone, but its journal"):
        Ledger.open(book.path, home=home)
    assert not book.path.exists()


@posix
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir] if sys.platform != "win32" else [])
def test_K10_a_pipe_or_folder_in_its_place_is_refused_by_those_who_only_look(home: Path, make: Make) -> None:
    """`status` neither waits at a pipe for ever nor blames the disk."""
    path = home / ".mailmerge" / "ledger.sqlite3"
    path.parent.mkdir()
    make(path)
    with pytest.raises(LedgerFault, match="not a plain file"):
        Ledger.read(path)


def test_K10_a_ledger_without_its_own_line_is_told(book: Book) -> None:
    """Whose ledger it is cannot be known any more, so it is neither read nor written."""
    book.ledger._connection.execute("DELETE FROM ledger")
    book.ledger.close()
    for opened in (lambda: Ledger.open(book.path, home=book.home), lambda: Ledger.read(book.path)):
        with pytest.raises(LedgerFault, match="does not say whose"):
            opened()


def test_K08_a_creation_that_failed_leaves_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk SQLite leaves the journal of the unfinished file; it goes with the file."""

    def full(new: Path, *_: object) -> None:
        for end in ("-wal", "-shm"):
            new.with_name(new.name + end).write_bytes(b"half")
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(schema, "_build", full)
    with pytest.raises(LedgerFault):
        Ledger.open(home / ".mailmerge" / "ledger.sqlite3", home=home)
    assert [path.name for path in (home / ".mailmerge").iterdir()] == [".gitignore"]


@posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everywhere")
def test_K10_a_read_only_ledger_is_told(book: Book) -> None:
    """A file that cannot be written is refused with what to do."""
    book.ledger.close()
    book.path.chmod(0o400)
    with pytest.raises(LedgerFault, match="cannot be written"):
        Ledger.open(book.path, home=book.home)

    book.path.parent.chmod(0)
    try:
        with pytest.raises(LedgerFault, match=r"ledger\.sqlite3"):
            Ledger.read(book.path)
    finally:
        book.path.parent.chmod(0o700)


def test_a_locked_database_is_told(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program that keeps the file is named as the reason, not a traceback."""
    run = book.enter(entry("A"))
    book.ledger._connection.execute("PRAGMA busy_timeout = 20")
    other = sqlite3.connect(book.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(LedgerFault, match="keeps this file locked"):
            book.ledger.cancel(run)
    finally:
        other.close()


def test_reading_needs_no_ledger_and_makes_none(home: Path) -> None:
    """Where there is no ledger, looking makes nothing."""
    assert Ledger.read(home / ".mailmerge" / "ledger.sqlite3") is None
    assert list(home.iterdir()) == []


def test_reading_a_ledger_that_a_kill_left_with_its_journal(book: Book, tmp_path: Path) -> None:
    """What was committed is seen although the journal was never folded in."""
    run = book.enter(entry("A"))
    killed = tmp_path / "killed"
    killed.mkdir()
    for name in ("ledger.sqlite3", "ledger.sqlite3-wal"):
        shutil.copy(book.path.with_name(name), killed)

    with Ledger.read(killed / "ledger.sqlite3") as ledger:  # type: ignore[union-attr]
        assert ledger.counts(run) == Counts(pending=1)


def test_reading_where_nothing_can_be_written(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a read-only disk the ledger is still told, and nothing is made beside it."""
    run = book.enter(entry("A"))
    book.ledger.close()
    monkeypatch.setattr(schema.os, "access", lambda *_: False)

    with Ledger.read(book.path) as ledger:  # type: ignore[union-attr]
        assert ledger.counts(run) == Counts(pending=1)
        assert sorted(path.name for path in book.path.parent.iterdir()) == [".gitignore", "ledger.sqlite3"]
        with draft_of(entry("A")) as draft:
            assert not draft.compare(ledger, run)


def test_a_moved_campaign_keeps_its_ledger(book: Book, tmp_path: Path) -> None:
    """The folder has another name: the file is the same, and it learns where it is."""
    run = book.enter(entry("A"))
    book.ledger.close()
    moved = tmp_path / "moved"
    book.home.rename(moved)

    for _ in range(2):
        with Ledger.open(moved / ".mailmerge" / "ledger.sqlite3", home=moved) as ledger:
            assert ledger.counts(run) == Counts(pending=1)


def test_K12_a_copied_campaign_is_refused_until_it_is_adopted(book: Book, tmp_path: Path) -> None:
    """A copy does not know what the original sends: refused (74) with the way out; read with a note; adopted by a word."""
    run = book.enter(entry("A"))
    old_id = book.ledger.message_id(book.get(run, "A"), "example.org")
    book.ledger.close()
    copy = tmp_path / "copy"
    shutil.copytree(book.home, copy)
    path = copy / ".mailmerge" / "ledger.sqlite3"

    with pytest.raises(LedgerFault, match="copy or a restored backup") as caught:
        Ledger.open(path, home=copy)
    assert "--adopt-ledger" in caught.value.hint
    assert str(book.home) in caught.value.message
    with Ledger.read(path) as looked:  # type: ignore[union-attr]
        assert "copy" in looked.note

    Ledger.open(path, home=copy, adopt=True).close()
    with Ledger.open(path, home=copy) as adopted:
        found = adopted.find(run, ["A"])["A"]
        assert adopted.message_id(found, "example.org") != old_id
    with Ledger.open(book.path, home=book.home) as original:
        assert original.note == ""
        assert original.message_id(original.find(run, ["A"])["A"], "example.org") == old_id


def test_K12_a_backup_restored_in_place_is_refused(book: Book) -> None:
    """The same path with another inode is an older state of the ledger."""
    book.ledger.close()
    backup = book.path.with_name("backup")
    shutil.copy(book.path, backup)
    backup.replace(book.path)

    with pytest.raises(LedgerFault, match="restored backup"):
        Ledger.open(book.path, home=book.home)


def test_another_device_number_at_the_same_place_is_no_copy(book: Book) -> None:
    """Some systems number their disks anew at each start."""
    book.ledger._connection.execute("UPDATE ledger SET device = '424242'")
    book.ledger.close()

    Ledger.open(book.path, home=book.home).close()


_CREATE = """
import sys, pathlib
from mailmerge_cli.ledger.ledger import Ledger
from mailmerge_cli.ledger.quota import QuotaBook
home = pathlib.Path(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
with Ledger.open(home / ".mailmerge" / "ledger.sqlite3", home=home) as ledger:
    print(ledger._secret.hex())
QuotaBook(home / "state" / "quota.sqlite3").close()
"""


def test_K02_processes_that_race_on_creation_share_one_ledger(home: Path) -> None:
    """Whoever is first makes it, the others use it; nobody meets a half-made or locked one."""
    children = [
        subprocess.Popen(
            [sys.executable, "-c", _CREATE, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    said = [child.communicate(timeout=60)[0].strip() for child in children]

    assert [child.returncode for child in children] == [0] * 4
    assert len(set(said)) == 1
    assert len(said[0]) == 64
    assert list((home / ".mailmerge").glob("*.new*")) == []


def test_K11_on_a_network_disk_there_is_no_wal(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """WAL needs shared memory, which no network disk has: a rollback journal then, and every commit still durable."""
    monkeypatch.setattr(schema, "on_network", lambda folder: True)
    with Ledger.open(home / ".mailmerge" / "ledger.sqlite3", home=home) as ledger:
        book = Book(ledger, home)
        run = book.enter(entry("A"))
        with draft_of(entry("A", content="new")) as draft:
            assert draft.compare(ledger, run)
        book.send(run, "A")
        assert book.states(run) == {"A": "sent"}
        assert ledger._connection.execute("PRAGMA journal_mode").fetchone()[0] == "delete"
        assert ledger._connection.execute("PRAGMA synchronous").fetchone()[0] == 3


def test_K03_every_commit_is_forced_to_the_disk(book: Book) -> None:
    """WAL with synchronous=FULL; NORMAL would lose the last commits at a power cut."""
    asked = {
        name: book.ledger._connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "fullfsync", "checkpoint_fullfsync")
    }

    assert asked == {"journal_mode": "wal", "synchronous": 2, "fullfsync": 1, "checkpoint_fullfsync": 1}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_K11_network_disks_are_known_by_their_mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The longest mount point above the folder decides."""
    real = tmp_path.resolve()
    mounts = f"/dev/sda / ext4 rw 0 0\nnas:/x {real}/net nfs4 rw 0 0\n/dev/sdb {real}/net/local ext4 rw 0 0\n"
    monkeypatch.setattr(Path, "read_text", lambda self, **_: mounts)

    assert [files.on_network(real / name) for name in ("net", "net/a", "net/local/b", "netto", "c")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_a_campaign_path_with_odd_characters(tmp_path: Path) -> None:
    """Spaces, percent, question marks and Chinese in a path are no URI's business."""
    home = tmp_path / "工资 100%?a#b&c=d"
    home.mkdir()
    with Ledger.open(home / ".mailmerge" / "ledger.sqlite3", home=home) as ledger:
        run = Book(ledger, home).enter(entry("A"))
        with draft_of(entry("A")) as draft:
            assert not draft.compare(ledger, run)
    assert (home / ".mailmerge" / "ledger.sqlite3").exists()
    QuotaBook(home / "quota.sqlite3").close()
