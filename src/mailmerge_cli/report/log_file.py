"""Files that a log may be written to: 0600, atomically replaced, and never in the place of something that is no log.

Rule: a symbolic link, a file of another user and a file with other content are refused, not followed or overwritten (CWE-59).
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from mailmerge_cli.errors import LedgerFault
from mailmerge_cli.model.table import ANSWER_TITLES
from mailmerge_cli.report.escape import visible
from mailmerge_cli.report.formats import LogFormat, heading, write_log
from mailmerge_cli.report.lines import ATTEMPT_COLUMNS, LOG_COLUMNS, Value

_KINDS = (LOG_COLUMNS, ATTEMPT_COLUMNS)
_LOOKED_AT = 30  # rows of a sheet; titles stand at its top
_CAUSES = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file may not grow any more",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "no permission, or another program has it open",
    errno.EPERM: "no permission, or another program has it open",
    errno.ENOTDIR: "a part of the path is not a folder",
    errno.EISDIR: "it is a folder",
}


def write_log_file(path: Path, columns: Sequence[str], lines: Iterable[Sequence[Value]]) -> None:
    """Write a whole log, or put a new one in an old one's place, by an atomic rename; its ending chooses the form.

    Raises:
        LedgerFault: it cannot be written, or something else stands there; the old file is then untouched.
        UsageFault: another ending than .csv, .jsonl or .xlsx.
    """
    form = LogFormat.of(path)
    check_place(path)
    with told(path), replacing(path) as out:
        write_log(out, form, columns, lines)


def check_place(path: Path, form: LogFormat | None = None) -> None:
    """Make sure that a log can stand at `path`, and make its folder (0700).

    Args:
        path: where.
        form: what it will be; None: what its ending says.

    Raises:
        LedgerFault: it cannot, and why.
        UsageFault: another ending than .csv, .jsonl or .xlsx.
    """
    form = form or LogFormat.of(path)
    with told(path):
        missing = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(mode=0o700, exist_ok=True)
        _check_file(path, form)
        # The rename at the end needs a file beside it; better told now than then.
        fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(fd)
        Path(name).unlink()


@contextmanager
def told(path: Path, what: str = "the result log", option: str = "--results") -> Iterator[None]:
    """Tell the system's refusals as a `LedgerFault` that names the file and the cause."""
    try:
        yield
    except OSError as error:
        cause = _CAUSES.get(error.errno or 0) or error.strerror or type(error).__name__
        raise LedgerFault(
            f"{what} {visible(str(path))} cannot be written: {cause}",
            hint=f"Mend that, or name another place with {option}; the ledger has everything, `mailmerge log` shows it.",
        ) from error


def _check_file(path: Path, form: LogFormat) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISLNK(found.st_mode):
        raise _refusal(path, "is a symbolic link")
    if not stat.S_ISREG(found.st_mode):
        raise _refusal(path, "is no regular file")
    if hasattr(os, "geteuid") and os.geteuid() not in (0, found.st_uid):
        raise _refusal(path, "belongs to another user")
    # Opened for writing: on Windows a file that Excel holds is refused here, before anything is sent.
    with path.open("r+b") as file:
        known = is_result_workbook(file) if form is LogFormat.XLSX else _is_text_log(file.read(4096), form)
    if not known:
        raise _refusal(path, "exists and is not a result log")


def _is_text_log(begin: bytes, form: LogFormat) -> bool:
    """Whether a file that begins so is a log, or so little of one that nothing can be lost."""
    begin = begin.rstrip(b"\0")  # a power failure may leave a file of the right length that holds zeros
    if form is LogFormat.JSONL:
        mark = b'{"run": "'
        return begin[: len(mark)] == mark[: len(begin)]
    for columns in _KINDS:
        head = heading(form, columns)
        title = head.removesuffix(b"\r\n")
        first, end, _ = begin.partition(b"\r\n")
        # A later version's log has more columns; a crash may have left a part of the heading.
        if (end and (first == title or first.startswith(title + b","))) or (
            not end and head.startswith(begin)
        ):
            return True
    return False


def is_result_workbook(file: BinaryIO) -> bool:
    """Whether it is a workbook whose first row is a log's heading, a list's copy with answers, or an empty file."""
    if not os.fstat(file.fileno()).st_size:
        return True
    from openpyxl import load_workbook

    try:
        book = load_workbook(file, read_only=True)
        try:
            rows = [
                row
                for sheet in book.worksheets
                for row in sheet.iter_rows(max_row=_LOOKED_AT, values_only=True)
            ]
        finally:
            book.close()
    except Exception:  # noqa: BLE001  a damaged workbook makes openpyxl raise nearly anything
        return False
    first = rows[0] if rows else ()
    return any(first[: len(columns)] == columns for columns in _KINDS) or any(
        set(ANSWER_TITLES) <= set(row) for row in rows
    )


def _refusal(path: Path, why: str) -> LedgerFault:
    return LedgerFault(
        f"the result log cannot be {visible(str(path))}: it {why}", hint="Name another file with --results."
    )


@contextmanager
def replacing(path: Path, check: Callable[[Path], None] | None = None) -> Iterator[BinaryIO]:
    """A new file beside `path`, 0600, that takes its place when all is on disk; gone if anything fails.

    `check` looks at the new file before that, and raises if it must not stand.
    """
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(fd, "wb", buffering=1 << 16) as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        if check is not None:
            check(Path(name))
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable; Windows cannot and need not."""
    with suppress(OSError):
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
