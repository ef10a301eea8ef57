"""The ledger's tables, and how a file gets them: whole and under its own name at once, or not at all.

Rule 1: a step of `_STEPS` that was ever released is never changed; a change of the tables is a new step.
Rule 2: a database appears under its name with all its tables in it. It is made under another name and linked, so what a kill leaves
behind is never taken for a ledger, and an empty file under the ledger's name is a damaged one, never a new one.
"""

# SQL is put together from this room's own constants only; values are always bound.
# ruff: noqa: S608

from __future__ import annotations

import os
import secrets
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mailmerge_cli.errors import LedgerFault
from mailmerge_cli.ledger.faults import told
from mailmerge_cli.ledger.files import on_network, open_private, sync_folder

LEDGER_ID: Final = 0x6D6D4C31  # "mmL1": PRAGMA application_id
QUOTA_ID: Final = 0x6D6D5131  # "mmQ1"
PATIENCE: Final = 10.0
"""Seconds to wait for another process's transaction."""
_CHEAP: Final = 4 << 20
"""Octets up to which a file is checked whole when it is opened (about 10 ms)."""
_JOURNAL: Final = 4000
"""Pages (16 MB) after which the journal is folded in, which holds up all mails for some milliseconds: neighbouring rows share it."""
_LEFTOVER: Final = 3600.0
"""Seconds after which an unfinished new file is nobody's."""

LIST_INDEXES: Final = {
    "deliveries_by_key": "CREATE UNIQUE INDEX deliveries_by_key ON deliveries (run, key)",
    "deliveries_by_row": "CREATE INDEX deliveries_by_row ON deliveries (run, row)",
}
"""A large plan is entered without them and they are built at its end: half the time."""

_LEDGER_1 = f"""
CREATE TABLE ledger (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    secret BLOB NOT NULL,           -- Message-IDs are made from it
    home TEXT NOT NULL,             -- real path of the campaign's folder
    device TEXT NOT NULL,           -- texts, because Windows numbers do not fit an INTEGER
    inode TEXT NOT NULL,
    created TEXT NOT NULL
);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    label TEXT NOT NULL UNIQUE,
    opened TEXT NOT NULL,           -- ISO 8601 with offset
    timezone TEXT NOT NULL,
    inputs TEXT NOT NULL,
    finished INTEGER                -- microseconds since 1970, UTC, as all times below
);
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs (id),
    row INTEGER NOT NULL,
    key TEXT,                       -- NULL: an invalid or skipped row that names nobody
    address TEXT NOT NULL,          -- where it goes; `resend --to` may have changed it
    content_hash BLOB NOT NULL,     -- of the list's row; empty if a plan left it out
    state TEXT NOT NULL,            -- model/delivery.py; a CHECK here would cost a third of the hot path
    told BLOB,                      -- the difference that a person accepted; empty: that it is gone
    intent INTEGER NOT NULL DEFAULT 0, -- how often it became due anew
    attempts INTEGER NOT NULL DEFAULT 0, -- of this intent, as they count against the limit
    message_id TEXT NOT NULL DEFAULT '',
    first_attempt INTEGER,
    last_attempt INTEGER,
    ended INTEGER,
    next_attempt INTEGER,
    verdict TEXT NOT NULL DEFAULT '',  -- of the last attempt; empty: there is none to tell
    code INTEGER NOT NULL DEFAULT 0,
    enhanced TEXT NOT NULL DEFAULT '',
    reply TEXT NOT NULL DEFAULT '',
    remote_id TEXT NOT NULL DEFAULT '',
    account TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT ''
);
{LIST_INDEXES["deliveries_by_key"]};
{LIST_INDEXES["deliveries_by_row"]};
CREATE INDEX deliveries_due ON deliveries (run, next_attempt) WHERE state = 'deferred';
CREATE TABLE attempts (             -- all but the last one of a delivery, which stands in its row
    id INTEGER PRIMARY KEY,
    delivery INTEGER NOT NULL REFERENCES deliveries (id),
    address TEXT NOT NULL,
    started INTEGER,
    ended INTEGER,
    verdict TEXT NOT NULL,
    code INTEGER NOT NULL,
    enhanced TEXT NOT NULL,
    reply TEXT NOT NULL,
    remote_id TEXT NOT NULL,
    account TEXT NOT NULL,
    message_id TEXT NOT NULL
);
CREATE INDEX attempts_of ON attempts (delivery);
-- Most deliveries have one attempt; only what would be written over moves away: here when a delivery becomes due anew, in batch.py when
-- it is begun again (a trigger on that path costs a quarter of it).
CREATE TRIGGER keep_attempt BEFORE UPDATE OF intent ON deliveries WHEN old.verdict <> ''
BEGIN
    INSERT INTO attempts (delivery, address, started, ended, verdict, code, enhanced, reply, remote_id, account, message_id)
    VALUES (old.id, old.address, old.last_attempt, old.ended, old.verdict, old.code, old.enhanced, old.reply, old.remote_id,
        old.account, old.message_id);
END;
"""

_QUOTA_1 = """
CREATE TABLE permits (
    account TEXT NOT NULL,          -- user@host:port
    at INTEGER NOT NULL,            -- microseconds since 1970: the permits count as used then
    count INTEGER NOT NULL,
    PRIMARY KEY (account, at)
) WITHOUT ROWID;
"""

# What the last plan followed from, and its figures (premises.py); empty: not known.
_LEDGER_2 = "ALTER TABLE runs ADD COLUMN premises TEXT NOT NULL DEFAULT '';\n"

_STEPS: Final = {LEDGER_ID: (_LEDGER_1, _LEDGER_2), QUOTA_ID: (_QUOTA_1,)}


def connect(path: Path) -> sqlite3.Connection:
    """A connection that writes; every commit is on the disk when it returns."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=PATIENCE,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = 1")  # macOS: fsync alone leaves it in the drive's cache
    connection.execute("PRAGMA checkpoint_fullfsync = 1")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_JOURNAL}")
    return connection


def read_only_uri(path: Path) -> str:
    """What SQLite opens for looking only.

    In a folder that cannot be written SQLite cannot make its -shm file. Without a journal nobody is writing there either, so the file may
    be taken for unchanging.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro"
    if os.access(path.parent, os.W_OK) or path.with_name(path.name + "-wal").exists():
        return uri
    return uri + "&immutable=1"


def connect_read_only(path: Path) -> sqlite3.Connection:
    """A connection that only reads, beside a writer too."""
    return sqlite3.connect(
        read_only_uri(path), uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False
    )


def create(path: Path, kind: int, fill: Callable[[sqlite3.Connection, Path], None]) -> None:
    """Makes a database of a kind at `path`, unless another process was faster; `fill` writes its first rows.

    Raises LedgerFault; also when a journal lies there without its database, which SQLite would play into the new one.
    """
    with told(path):
        _sweep(path)
        if (
            any(path.with_name(path.name + end).exists() for end in ("-wal", "-journal"))
            and not path.exists()
        ):
            raise LedgerFault(
                f"{path} is gone, but its journal {path.name}-wal is there",
                hint="Put the file back; if it is lost, move the journal away and look at the result log to see who has mail.",
            )
        new = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
        os.close(open_private(new, os.O_RDWR | os.O_CREAT | os.O_EXCL))
        try:
            _build(new, kind, fill)
            _name(new, path)
        finally:
            for left in path.parent.glob(f"{new.name}*"):  # on a full disk SQLite leaves its journal
                left.unlink(missing_ok=True)
        sync_folder(path.parent)


def _build(new: Path, kind: int, fill: Callable[[sqlite3.Connection, Path], None]) -> None:
    connection = connect(new)
    try:
        # Here nobody else can be in the way: processes that race on this get "database is locked" at once.
        connection.execute(f"PRAGMA journal_mode = {'DELETE' if on_network(new.parent) else 'WAL'}")
        connection.execute(f"PRAGMA application_id = {kind}")
        _climb(connection, kind, 0)
        connection.execute("BEGIN IMMEDIATE")
        fill(connection, new)
        connection.execute("COMMIT")
    finally:
        connection.close()


def _name(new: Path, path: Path) -> None:
    """Gives the finished file its name without ever replacing another's."""
    try:
        os.link(new, path)
    except FileExistsError:
        return
    except OSError:
        # A file system without hard links (FAT, some network disks). The campaign's lock keeps others away meanwhile.
        if not path.exists():
            os.rename(new, path)  # noqa: PTH104  # on Windows it refuses to replace, which Path.replace would do


def _sweep(path: Path) -> None:
    """Removes what killed creations left."""
    for new in path.parent.glob(f"{path.name}.*.new*"):
        try:
            if time.time() - new.lstat().st_mtime > _LEFTOVER:
                new.unlink()
        except FileNotFoundError:
            continue


def look_over(connection: sqlite3.Connection, path: Path, kind: int, *, migrate: bool) -> None:
    """Sees that the file is of this kind and version and, if that is cheap, whole; mends an older version. Raises LedgerFault."""
    found = int(connection.execute("PRAGMA application_id").fetchone()[0])
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found != kind or version == 0:
        raise LedgerFault(
            f"{path}: this is no {'ledger' if kind == LEDGER_ID else 'book of quotas'} of mailmerge, or it was emptied",
            hint="Keep the file and restore the right one from a backup; look at the result log to see who has mail.",
        )
    if version > len(_STEPS[kind]):
        raise LedgerFault(
            f"{path}: a newer mailmerge has written this (version {version}, this program knows {len(_STEPS[kind])})",
            hint="Update this program: pip install -U mailmerge-cli.",
        )
    if path.stat().st_size <= _CHEAP:
        _check_whole(connection, path)
    if migrate and version < len(_STEPS[kind]):
        _climb(connection, kind, version)
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        connection.execute("PRAGMA synchronous = EXTRA")  # a DELETE journal's removal must be durable too


def _check_whole(connection: sqlite3.Connection, path: Path) -> None:
    verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    if verdict != "ok":
        raise LedgerFault(
            f"{path}: this file is damaged ({verdict.splitlines()[0][:200]})",
            hint="Keep it; restore a backup that is not older than the last send, or look at the result log to see who has mail.",
        )


def _climb(connection: sqlite3.Connection, kind: int, version: int) -> None:
    """One transaction for all steps that are missing: a kill leaves the old version, whole."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in _STEPS[kind][version:]:
            for statement in _statements(step):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(_STEPS[kind])}")
        connection.execute("COMMIT")
    except BaseException:
        # A full disk may have ended the transaction by itself.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _statements(script: str) -> list[str]:
    """The script's statements; `executescript` would commit between them."""
    found, text = [], ""
    for line in script.splitlines(keepends=True):
        text += line
        if sqlite3.complete_statement(text):
            found.append(text)
            text = ""
    return found
