"""Which ledger this is: a copy of a ledger says that mails are not sent which the other one has sent since, so a copy is refused.

A file that moved with its folder keeps its inode; a copy, a restored backup and a snapshot have another one, or the same one and another birth
(`birth.py`). Device numbers change at a restart on some systems, so another device alone means nothing while the path is the same.
Doubt: FAT and some network disks make inodes up anew at each mount; there `--adopt-ledger` is asked for without need.
"""

from __future__ import annotations

import secrets
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from mailmerge_cli.errors import LedgerFault
from mailmerge_cli.ledger.birth import mark_of, same_file

_SECRET_OCTETS = 32


def bind_new(connection: sqlite3.Connection, file: Path, home: Path) -> None:
    """Writes the identity of a file that is being made; linking it to its name keeps its inode."""
    found = file.stat()
    connection.execute(
        "INSERT INTO ledger (one, secret, home, device, inode, created) VALUES (1, ?, ?, ?, ?, ?)",
        (
            secrets.token_bytes(_SECRET_OCTETS),
            _text(home),
            str(found.st_dev),
            mark_of(file),
            datetime.now(UTC).isoformat(),
        ),
    )


def stranger(connection: sqlite3.Connection, file: Path, home: Path | None = None) -> str:
    """Where the ledger was before, if this file is a copy of it; empty if it is the same file. `home` None: not known.

    Raises LedgerFault when the ledger's own line is gone.
    """
    bound = connection.execute("SELECT home, device, inode FROM ledger").fetchone()
    if bound is None:
        raise LedgerFault(
            f"{file}: this ledger does not say whose it is; somebody has changed it",
            hint="Keep the file and restore the right one from a backup; look at the result log to see who has mail.",
        )
    was, device, inode = bound
    found = file.stat()
    same_place = str(found.st_dev) == device or (home is not None and _text(home) == was)
    if same_file(mark_of(file), inode) and (same_place or home is None):
        return ""
    return str(was)


def recognise(connection: sqlite3.Connection, file: Path, home: Path, *, adopt: bool) -> None:
    """Refuses a copy, unless it is adopted; learns where the folder is now. Raises LedgerFault."""
    was = stranger(connection, file, home)
    if was and not adopt:
        raise LedgerFault(
            f"{file}: this ledger is a copy or a restored backup of the one in {was}; "
            "what was sent since then is not in it, so going on could send mails twice",
            hint="Work in the original folder. If this copy is to be the ledger from now on, and the other one is never used again: "
            "send --adopt-ledger.",
        )
    if was:
        # Two ledgers must not make the same Message-IDs for different mails.
        connection.execute("UPDATE ledger SET secret = ?", (secrets.token_bytes(_SECRET_OCTETS),))
    found = file.stat()
    connection.execute(
        "UPDATE ledger SET home = ?1, device = ?2, inode = ?3 WHERE home <> ?1 OR device <> ?2 OR inode <> ?3",
        (_text(home), str(found.st_dev), mark_of(file)),
    )


def _text(home: Path) -> str:
    """A path may hold octets that are no text; they are kept readable."""
    return str(home).encode("utf-8", "backslashreplace").decode()
