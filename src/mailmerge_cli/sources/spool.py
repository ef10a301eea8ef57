"""A table from standard input, kept as a private file so that it can be read more than once.

Rule: 0600, and created anew: whoever could guess the name gets no say in where the rows go.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO

from mailmerge_cli.errors import LedgerFault, Refused


def spool_stdin(stream: BinaryIO, path: Path | None = None) -> Path:
    """Copy a stream into a file that its owner alone can read.

    Args:
        stream: standard input, binary.
        path: where; it must not exist. None: a temporary file that is removed when the program ends.

    Raises:
        Refused: nothing came.
        LedgerFault: the file cannot be created or written.
    """
    try:
        descriptor, spooled = _created(path)
        with os.fdopen(descriptor, "wb") as out:
            shutil.copyfileobj(stream, out, 1 << 20)
            out.flush()
            os.fsync(out.fileno())
            size = out.tell()
    except OSError as fault:
        if path is not None and not isinstance(fault, FileExistsError):
            path.unlink(missing_ok=True)
        raise LedgerFault(
            f"standard input cannot be kept in {path or 'a temporary file'}: {fault.strerror or fault}"
        ) from fault
    if not size:
        spooled.unlink(missing_ok=True)
        raise Refused("standard input is empty: it has no header and no rows")
    return spooled


def _created(path: Path | None) -> tuple[int, Path]:
    if path is not None:
        flags = (
            os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
        )
        return os.open(path, flags, 0o600), path
    descriptor, name = tempfile.mkstemp(prefix="mailmerge-list-")
    atexit.register(Path(name).unlink, missing_ok=True)
    return descriptor, Path(name)
