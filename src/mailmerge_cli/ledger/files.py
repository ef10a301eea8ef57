"""Private files and folders: 0600 in 0700 whatever the umask, never through a link, never another person's (CWE-59, CWE-732).

Rule: a database that is open in this process is never opened here. Closing any descriptor of a file drops this process's POSIX locks
on it, SQLite's too (sqlite.org/howtocorrupt.html §2.2); so what exists already is only looked at with lstat.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Final

from mailmerge_cli.errors import LedgerFault

OWN_FOLDER: Final = ".mailmerge"
_NOFOLLOW: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NETWORK: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "9p", "afs", "fuse.sshfs", "fuse.rclone"}
)


def private_folder(path: Path, *, home: Path) -> None:
    """Makes the folder of a private file, or sees that it is ours.

    A folder that is made here, and every `.mailmerge`, is 0700 and has a .gitignore of its own; a folder that the person named stays
    as it is, unless others may write in it. Raises LedgerFault.
    """
    folder = path.parent
    try:
        made = _make(folder)
        _look(folder, home, want_folder=True)
        if made or folder.name == OWN_FOLDER:
            folder.chmod(0o700)
            _ignore(folder)
    except OSError as error:
        raise _fault(folder, error) from error


def _make(folder: Path) -> bool:
    """Makes the folder and those above it that are missing, all of them private whatever the umask is."""
    for above in reversed(folder.parents):
        _made(above)
    return _made(folder)


def _made(folder: Path) -> bool:
    if folder.is_dir():
        return False
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return False
    return True


def _ignore(folder: Path) -> None:
    """Keeps the ledger out of Git: addresses belong in no repository."""
    try:
        descriptor = os.open(folder / ".gitignore", os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "wb") as file:
        file.write(b"*\n")


def look_at(path: Path, *, home: Path) -> os.stat_result | None:
    """What lies at `path`, or None; narrows a wider mode to 0600. Raises LedgerFault for a link, a folder, another's file."""
    try:
        found = _look(path, home, want_folder=False)
        if found is not None and sys.platform != "win32" and found.st_mode & 0o077:
            path.chmod(0o600)
    except OSError as error:
        raise _fault(path, error) from error
    return found


def is_there(path: Path) -> bool:
    """Whether a plain file lies at `path`; changes nothing. LedgerFault for a link, a folder, a pipe (SQLite would wait at one)."""
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise _fault(path, error) from error
    _check_kind(path, found, want_folder=False)
    return True


def _look(path: Path, home: Path, *, want_folder: bool) -> os.stat_result | None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    _check_kind(path, found, want_folder=want_folder)
    _check_owner(path, found, home)
    if want_folder and sys.platform != "win32" and path.name != OWN_FOLDER and found.st_mode & 0o002:
        raise LedgerFault(
            f"{path}: everybody may write in this folder (mode {stat.S_IMODE(found.st_mode):o})",
            hint="Name a folder of your own with --state-dir, or take that right away: chmod o-w.",
        )
    return found


def _check_kind(path: Path, found: os.stat_result, *, want_folder: bool) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise LedgerFault(
            f"{path}: this is a symbolic link, which is not followed",
            hint="Put the real file or folder there, or name the real folder with --state-dir.",
        )
    if stat.S_ISDIR(found.st_mode) != want_folder or not (want_folder or stat.S_ISREG(found.st_mode)):
        raise LedgerFault(f"{path}: this is not a {'folder' if want_folder else 'plain file'}")


def _check_owner(path: Path, found: os.stat_result, home: Path) -> None:
    """It is ours; root may also work for the owner of the campaign's folder (sudo, a container's mount)."""
    if sys.platform == "win32":
        return
    me = os.geteuid()
    if found.st_uid == me or (me == 0 and found.st_uid == home.stat().st_uid):
        return
    raise LedgerFault(
        f"{path}: this belongs to another user (uid {found.st_uid})",
        hint="Run as that user, or name a folder of your own with --state-dir.",
    )


def open_private(path: Path, flags: int) -> int:
    """A descriptor of a private file (0600, ours, no link). Raises LedgerFault. Not for databases, see the file's rule."""
    try:
        descriptor = os.open(path, flags | _NOFOLLOW, 0o600)
        if sys.platform != "win32" and os.fstat(descriptor).st_uid == os.geteuid():
            os.fchmod(descriptor, 0o600)
    except OSError as error:
        raise _fault(path, error) from error
    return descriptor


def sync_folder(folder: Path) -> None:
    """Makes a new name in the folder durable; Windows has no such call and needs none."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def on_network(folder: Path) -> bool:
    """Whether the folder lies on a network disk, as far as the system tells; SQLite's WAL does not work there (sqlite.org/wal)."""
    if sys.platform == "win32":
        return str(folder).startswith("\\\\")
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
        real = folder.resolve()
    except OSError:
        return False
    best, kind = Path(), ""
    for line in lines:
        fields = line.split(" ")
        point = Path(fields[1].replace("\\040", " "))
        if real.is_relative_to(point) and len(point.parts) >= len(best.parts):
            best, kind = point, fields[2]
    return kind in _NETWORK


def _fault(path: Path, error: OSError) -> LedgerFault:
    import errno

    if error.errno in (errno.ELOOP, getattr(errno, "EMLINK", errno.ELOOP)):
        return LedgerFault(f"{path}: this is a symbolic link, which is not followed")
    return LedgerFault(
        f"{path}: {error.strerror or error}",
        hint="Look whether you may write there, and whether HOME is the right one (cron, sudo); --state-dir names another folder for "
        "the ledger, MAILMERGE_HOME one for everything outside a campaign.",
    )
