"""A stream that people or programs read, made safe to write to: UTF-8 whatever the locale says, and calm when its reader goes away.

Rule: talk may be lost where nobody listens, data may not. What cannot be written because the disk is full is a fault of either:
`deliver` raises it at once, `write` keeps it in `fault` until the command has come to its end. A reader that is only slow is no
fault: where the stream does not wait by itself (O_NONBLOCK, which whoever shares the terminal or pipe may set), data waits for him
as elsewhere, talk for a moment.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import TextIO

from mailmerge_cli.errors import LedgerFault

# The reader of the pipe has gone, the terminal was closed. Windows says EINVAL for a broken pipe.
_GONE = {errno.EPIPE, errno.EIO, errno.EBADF, errno.ESHUTDOWN, errno.EINVAL, errno.ENXIO}
_MOMENT = 3.0  # seconds for which talk waits until there is room; not again before something could be written


class Outlet:
    """Standard output or standard error, as far as this program uses them; enough of a file for rich to write to.

    Args:
        stream: None stands for a stream that was closed before we began.

    Attributes:
        open: whether what is written may still get anywhere.
        tty: whether a person sees it at once.
        fault: why talk could not be written, though there was somebody to read it.
    """

    encoding = "utf-8"

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.open = stream is not None
        self.fault: LedgerFault | None = None
        self._stuck = False
        # The door (__main__) puts a file of that name in the place of a stream that was closed.
        self._closed = stream is None or getattr(stream, "name", "") == os.devnull
        self.tty = _is_terminal(stream)
        if isinstance(stream, io.TextIOWrapper):
            # The locale decides nothing: in cron it is C, and a name in the log must not end a run (O09).
            with suppress(OSError, ValueError, io.UnsupportedOperation):
                stream.reconfigure(encoding="utf-8", errors="backslashreplace")

    def write(self, text: str) -> int:
        """Write talk; if nobody can hear it any more, that is no fault."""
        try:
            self._put(text, 0 if self._stuck else _MOMENT)
        except BlockingIOError:
            pass
        except OSError as error:
            self.fault = _fault(error)
        return len(text)

    def demand(self) -> None:
        """Make sure, before anything is done, that data which is asked for has somewhere to go; `>/dev/null` is somewhere.

        Raises:
            LedgerFault: the stream was closed before we began (`>&-`); once.
        """
        if self._closed:
            self._closed = False
            raise LedgerFault(
                "Standard output is closed, so nobody can get what is asked for; nothing was done.",
                hint="Leave --json (or --format) out, or give it somewhere to go, such as /dev/null.",
            )

    def deliver(self, text: str) -> None:
        """Write data that was asked for.

        Raises:
            LedgerFault: it could not be written (disk full). A reader that has gone away is no fault; `open` is then False.
        """
        try:
            self._put(text)
        except OSError as error:
            raise _fault(error) from error

    def deliver_octets(self, chunks: Iterable[bytes]) -> None:
        """Write data that was asked for, lazily; stops asking for more when the reader has gone away (`| head`).

        Raises:
            LedgerFault: it could not be written.
        """
        self.demand()
        binary = getattr(self._stream, "buffer", None)
        try:
            for chunk in chunks:
                if not self.open:
                    return
                if binary is None:
                    self._put(chunk.decode())
                elif self._waits_not():
                    binary.flush()
                    self._push(chunk, None)
                else:
                    binary.write(chunk)
            if binary is not None:
                binary.flush()
        except OSError as error:
            self._lost()
            if error.errno not in _GONE:
                raise _fault(error) from error

    def flush(self) -> None:
        """Everything is flushed as it is written."""

    def isatty(self) -> bool:
        """Whether a person sees it at once."""
        return self.tty

    def fileno(self) -> int:
        """The descriptor; OSError where there is none."""
        if self._stream is None:
            raise OSError(errno.EBADF, "closed")
        return self._stream.fileno()

    def _put(self, text: str, patience: float | None = None) -> None:
        if self._stream is None or not self.open:
            return
        try:
            if self._waits_not():
                self._push(text.replace("\n", os.linesep).encode(errors="backslashreplace"), patience)
                return
            self._stream.write(text)
            self._stream.flush()
        except ValueError:  # closed in the meantime
            self.open = False
        except BlockingIOError:
            if patience is None:
                self._lost()
            raise
        except OSError as error:
            self._lost()
            if error.errno not in _GONE:
                raise

    def _waits_not(self) -> bool:
        """Whether a write may come back with nothing done."""
        try:
            return not os.get_blocking(self.fileno())
        except (AttributeError, OSError, ValueError):  # Windows before Python 3.12; no descriptor, or closed
            return False

    def _push(self, octets: bytes, patience: float | None) -> None:
        """Write past Python's buffers, which lose what finds no room; BlockingIOError after `patience` seconds without any."""
        rest = memoryview(octets)
        while rest:
            try:
                rest = rest[os.write(self.fileno(), rest) :]
                self._stuck = False
            except BlockingIOError:
                if not self._room(patience):
                    self._stuck = True
                    raise

    def _room(self, patience: float | None) -> bool:
        import select

        try:
            return bool(select.select([], [self.fileno()], [], patience)[1])
        except (OSError, ValueError):  # Windows waits for sockets only
            return False

    def _lost(self) -> None:
        """Point the descriptor to nowhere, or Python complains at exit about what is still in its buffer."""
        self.open = False
        if self._stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, io.UnsupportedOperation):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self.fileno())
                os.close(nowhere)


def _fault(error: OSError) -> LedgerFault:
    return LedgerFault(f"standard output cannot be written: {error.strerror or error}")


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False
