"""The result log: a file beside the campaign that grows by a line as each row is settled.

Rule 1: it is told from the ledger and never read back; what it lacks, `rewrite` puts right.
Rule 2: lines are written whole, in one write, or not at all; what a crash leaves of a last line is dropped at the next `open`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import tzinfo
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

from mailmerge_cli.model.delivery import Delivery, State
from mailmerge_cli.report.formats import LogFormat, csv_lines, heading, line_writer
from mailmerge_cli.report.lines import LOG_COLUMNS, LogLines
from mailmerge_cli.report.log_file import check_place, replacing, told, write_log_file

_OPEN = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_BLOCK = 1 << 16
_SOME = 500  # lines that are made at a time


class ResultLog:
    """The log of one run; a context manager that closes the file. `lines` makes its lines.

    Args:
        path: where; its ending chooses the form: .csv, .jsonl, or .xlsx, which is written at the end only.
        run: the run's label.
        zone: in which times are told; None for the machine's own.
        sending: how a begun row without an outcome is shown; see `LogLines`.

    Raises:
        UsageFault: another ending.
    """

    def __init__(
        self, path: Path, *, run: str, zone: tzinfo | None = None, sending: State = State.IN_DOUBT
    ) -> None:
        self.path = path
        self._form = LogFormat.of(path)
        self.lines = LogLines(run, zone, sending)
        self._line = line_writer(self._form, LOG_COLUMNS)
        self._fd = -1

    def open(self) -> Self:
        """Make sure, before anything is sent, that the log can be written; drop a half last line.

        Raises:
            LedgerFault: the file cannot be written, or holds something that is no result log.
        """
        self.close()
        check_place(self.path)
        if self._form is not LogFormat.XLSX:
            with told(self.path):
                self._fd = os.open(self.path, _OPEN, 0o600)
                self._mend()
        return self

    def add(self, *deliveries: Delivery) -> None:
        """Append the lines of rows that have just been settled, in one write; readers see them when this returns.

        Raises:
            LedgerFault: they cannot be written; the file then ends with its last whole line.
        """
        if self._fd < 0:
            return
        lines = self._lines(deliveries)
        try:
            done = os.write(self._fd, lines)
        except OSError:
            done = 0
        if done < len(lines):
            self._write_rest(lines, done)

    def rewrite(self, deliveries: Iterable[Delivery]) -> None:
        """Put one line a recipient in the place of all that was added, by an atomic rename, and close the log.

        Args:
            deliveries: all of the run, as the ledger has them; read lazily.

        Raises:
            LedgerFault: it cannot be written; the old file is then still there.
        """
        self.close()
        if self._form is LogFormat.XLSX:
            write_log_file(self.path, LOG_COLUMNS, map(self.lines.cells, deliveries))
            return
        check_place(self.path)
        rows = iter(deliveries)
        with told(self.path), replacing(self.path) as out:
            out.write(heading(self._form, LOG_COLUMNS))
            while some := list(islice(rows, _SOME)):
                out.write(self._lines(some))

    def close(self) -> None:
        """Close the file; what was added stays."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _lines(self, deliveries: Sequence[Delivery]) -> bytes:
        lines = self.lines
        if self._form is LogFormat.CSV:
            return csv_lines([lines.rough(one) for one in deliveries], lambda at: lines.cells(deliveries[at]))
        return b"".join([self._line(lines.cells(one)) for one in deliveries])

    def _mend(self) -> None:
        """Drop a half last line, and the zeros that a power failure leaves; give an empty file its heading."""
        with suppress(OSError):  # a file system without modes
            self.path.chmod(0o600)
        size = os.fstat(self._fd).st_size
        whole = _whole_lines(self._fd, size)
        if whole < size:
            os.ftruncate(self._fd, whole)
        head = heading(self._form, LOG_COLUMNS)
        if head and not whole:
            self._write_rest(head, 0)

    def _write_rest(self, lines: bytes, done: int) -> None:
        """Write on after a short write; where that fails, take what was written of these lines away again."""
        with told(self.path):
            try:
                while done < len(lines):
                    done += os.write(self._fd, lines[done:])
            except OSError:
                if done:
                    with suppress(OSError):
                        os.ftruncate(self._fd, os.fstat(self._fd).st_size - done)
                raise


def _whole_lines(fd: int, size: int) -> int:
    """How many octets of the file belong to lines that have their end."""
    end = size
    while end:
        begin = max(0, end - _BLOCK)
        os.lseek(fd, begin, os.SEEK_SET)
        block = os.read(fd, end - begin)
        at = block.rfind(b"\n")
        if at >= 0:
            return begin + at + 1
        end = begin
    return 0
