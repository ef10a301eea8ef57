"""Which file this is on its disk: its number, and when it was born.

The number alone does not tell: ext4 and XFS give the number of a file that was deleted to the next one that is made, and that may be an old copy
of it (K12). No program can choose a file's birth, and a rename leaves it as it is.
Doubt: network disks and old kernels do not tell it; there the number alone has to do.
"""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path

_HERE, _NO_LINKS, _BIRTH = -100, 0x100, 0x800  # AT_FDCWD, AT_SYMLINK_NOFOLLOW, STATX_BTIME
_SIZE = (
    256  # of struct statx; its stx_mask is the first field, its stx_btime stands at 80: seconds, nanoseconds
)


def mark_of(file: Path) -> str:
    """`number` or `number/birth`; OSError if there is no such file. Opens nothing: that would end the locks that SQLite holds on it."""
    found = file.stat()
    birth = _birth(file, found)
    return f"{found.st_ino}/{birth}" if birth else str(found.st_ino)


def same_file(mark: str, other: str) -> bool:
    """Whether two marks can be those of one file."""
    number, _, birth = mark.partition("/")
    other_number, _, other_birth = other.partition("/")
    return number == other_number and (not birth or not other_birth or birth == other_birth)


def _birth(file: Path, found: os.stat_result) -> str:
    """When the file was made, as the disk tells it; empty where it does not."""
    if sys.platform == "linux":
        return _statx(file)
    seconds = getattr(found, "st_birthtime", None)
    return "" if seconds is None else repr(seconds)


def _statx(file: Path) -> str:
    import ctypes  # Python itself asks the kernel for the birth from 3.15 on

    try:
        statx = ctypes.CDLL(None, use_errno=True).statx
    except (OSError, AttributeError):
        return ""
    buffer = ctypes.create_string_buffer(_SIZE)
    if statx(_HERE, os.fsencode(file), _NO_LINKS, _BIRTH, buffer) != 0:
        return ""
    told: int = struct.unpack_from("=I", buffer.raw, 0)[0]
    seconds, nanoseconds = struct.unpack_from("=qI", buffer.raw, 80)
    return f"{seconds}.{nanoseconds:09}" if told & _BIRTH else ""
