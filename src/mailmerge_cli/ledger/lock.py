"""One process at a time works on a campaign: a kernel lock, which no crash leaves behind and no reused pid can fake.

Rule 1: the lock is the kernel's (flock, or a locked byte on Windows), not the file: a file that lies there means nothing.
Rule 2: what the file holds is for people only: who has the lock, since when.

A worker inherits the lock with the open file. That is right: while a worker of a killed sender still sends, nobody else may.
The file is never deleted, because a deleted file's lock guards nothing for those who open the name anew.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from mailmerge_cli.errors import LedgerFault, Stopped
from mailmerge_cli.ledger.files import open_private, private_folder

_PATIENCE: Final = 0.5
"""Seconds to try again: a read-only command's look at the lock holds it for an instant."""
_FAR: Final = 1 << 30
"""Windows forbids others to read a locked byte, so one far behind the text is locked."""

if sys.platform == "win32":
    import msvcrt

    def _seize(descriptor: int) -> None:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _release(descriptor: int) -> None:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

    _TAKEN: tuple[type[OSError], ...] = (PermissionError, BlockingIOError)
else:
    import fcntl

    def _seize(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _release(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)

    _TAKEN = (BlockingIOError,)


class CampaignLock:
    """The right to change a campaign's ledger; a context manager.

    Args:
        path: the lock file, beside the ledger; its folder is made if need be.
        home: the campaign's folder.

    Entering raises `Stopped` (reason `locked`) when another process has it, `LedgerFault` when the file cannot be used.
    """

    def __init__(self, path: Path, *, home: Path, patience: float = _PATIENCE) -> None:
        self.path = path
        self._home = home
        self._patience = patience
        self._descriptor = -1

    def __enter__(self) -> Self:
        private_folder(self.path, home=self._home)
        descriptor = open_private(self.path, os.O_RDWR | os.O_CREAT)
        try:
            self._wait(descriptor)
            _write_holder(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = _ours[self.path] = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            _ours.pop(self.path, None)
            os.ftruncate(descriptor, 0)
            _release(descriptor)
            os.close(descriptor)

    def _wait(self, descriptor: int) -> None:
        end = time.monotonic() + self._patience
        while True:
            try:
                _seize(descriptor)
            except _TAKEN as error:
                if time.monotonic() >= end:
                    raise _locked(self.path) from error
                time.sleep(0.02)
            except OSError as error:
                raise LedgerFault(
                    f"{self.path}: this disk knows no locks ({error.strerror})",
                    hint="Keep the ledger on a local disk: --state-dir FOLDER.",
                ) from error
            else:
                return


_ours: dict[Path, int] = {}
"""The locks that this process holds."""


def descriptor_of(path: Path) -> int:
    """The descriptor of a lock that this process holds, for a worker to keep open; -1 if it holds none there."""
    return _ours.get(path, -1)


def is_held(path: Path) -> bool:
    """Whether some process works on the campaign now. Makes no file; takes the lock for an instant, if it is free."""
    try:
        descriptor = open_private(path, os.O_RDWR)
    except LedgerFault:
        return False  # no such file, or one that cannot be ours: nobody can hold it
    try:
        _seize(descriptor)
    except OSError:
        return True
    else:
        _release(descriptor)
        return False
    finally:
        os.close(descriptor)


def _write_holder(descriptor: int) -> None:
    """The holder's line; a full disk must not cost the lock."""
    line = json.dumps({"pid": os.getpid(), "since": datetime.now(UTC).isoformat(timespec="seconds")})
    try:
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, line.encode())
    except OSError:
        pass


def _locked(path: Path) -> Stopped:
    """Says who has it, as far as the file tells."""
    who = "another process"
    try:
        holder = json.loads(path.read_bytes()[:500])
        since = datetime.fromisoformat(holder["since"]).astimezone()
        who = f"process {int(holder['pid'])}, since {since:%Y-%m-%d %H:%M:%S}"
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return Stopped(
        f"{path.parent}: this campaign is being worked on by {who}",
        hint="Wait until it has ended; `mailmerge status` shows how far it is.",
        reason="locked",
    )
