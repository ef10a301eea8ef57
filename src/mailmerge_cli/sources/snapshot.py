"""A file that must stay the same while it is read: regular files only, and every pass looks whether it changed.

Rule: missing or unreadable is `FileMissing`; anything else that is wrong with the file is `Refused`.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from mailmerge_cli.errors import FileMissing, Refused

_CHUNK = 1 << 20


class Snapshot:
    """A regular file as it was when the source was opened.

    Raises:
        FileMissing: there is no such file, or it may not be read.
        Refused: it is no regular file, or it is empty.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name
        self._identity = _identity(self._look())
        with self.open():
            pass

    @property
    def size(self) -> int:
        """Bytes."""
        return self._identity[0]

    def open(self) -> BinaryIO:
        """The file from its beginning. Refused if it is not the file any more that it was."""
        try:
            # Not blocked by a pipe that took the file's place since it was looked at.
            found = os.open(
                self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
            )
        except OSError as fault:
            raise _missing(self.path, fault) from fault
        stream = os.fdopen(found, "rb")
        if _identity(os.fstat(found)) != self._identity:
            stream.close()
            raise self._changed()
        return stream

    def verify(self) -> None:
        """Refused if the file was changed or replaced since it was opened."""
        if _identity(self._look()) != self._identity:
            raise self._changed()

    def head(self, size: int) -> bytes:
        """The first `size` bytes, or as many as there are."""
        with self.open() as stream:
            return stream.read(size)

    def fingerprint(self, *choices: str) -> str:
        """SHA-256 of the content and of the choices made, in hex."""
        digest = hashlib.sha256()
        with self.open() as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
        return sealed(digest.digest(), choices)

    def _look(self) -> os.stat_result:
        try:
            found = self.path.stat()
        except (OSError, ValueError) as fault:
            raise _missing(self.path, fault) from fault
        if not stat.S_ISREG(found.st_mode):
            raise Refused(f"{self.path} is {_what(found.st_mode)}, not a file with a table in it")
        if not found.st_size:
            raise Refused(f"{self.path} is empty: it has no header and no rows")
        return found

    def _changed(self) -> Refused:
        return Refused(
            f"{self.path} changed while it was being read",
            hint="save and close it in every program, then run the command again",
            reason="changed",
        )


def sealed(content: bytes, choices: Iterable[str]) -> str:
    """One digest, in hex, of a content's digest and the choices made about it."""
    digest = hashlib.sha256(content)
    for choice in choices:
        text = choice.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(text) + text)
    return digest.hexdigest()


def _identity(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_size, found.st_mtime_ns, found.st_ino


def _missing(path: Path, fault: Exception) -> FileMissing:
    if isinstance(fault, FileNotFoundError | NotADirectoryError):
        return FileMissing(f"{path} does not exist")
    reason = fault.strerror if isinstance(fault, OSError) and fault.strerror else "not a path"
    return FileMissing(f"{path} cannot be read: {reason}")


def _what(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISFIFO(mode):
        return "a pipe"
    return "a device" if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) else "a socket or the like"
