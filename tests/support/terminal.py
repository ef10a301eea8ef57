"""A terminal of our own: a pseudo-terminal in this process, or a child process that has one as its controlling terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self, TextIO, cast


class Terminal:
    """Both ends of a pseudo-terminal; `stream` is the program's end, what it shows is in `shown`."""

    def __init__(self, columns: int = 80) -> None:
        self._master, slave = pty.openpty()
        _resize(slave, columns)
        self.stream = _stream(slave)
        self._seen = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def enter(self, text: str) -> None:
        """What the person types; the terminal's own echo is off, so `shown` holds the program's words alone."""
        os.write(self._master, text.encode())

    def shown(self) -> str:
        """Everything that was shown; ends the terminal's life."""
        self.close()
        return self.so_far()

    def so_far(self) -> str:
        """What has been shown until now."""
        return self._seen.decode(errors="ignore").replace("\r\n", "\n")

    def close(self) -> None:
        """Close both ends once all has been read."""
        if not self.stream.closed:
            self.stream.close()
            self._reader.join(timeout=10)
            os.close(self._master)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self._master, 65536)
            except OSError:  # the program's end is closed
                return
            if not piece:
                return
            self._seen += piece


def _stream(fd: int) -> TextIO:
    modes = termios.tcgetattr(fd)
    modes[3] &= ~termios.ECHO
    termios.tcsetattr(fd, termios.TCSANOW, modes)
    return cast(TextIO, _Both(fd))


class _Both:
    """Reads and writes one descriptor as UTF-8 lines; Python's own streams refuse to do both on what cannot seek."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._reader = os.fdopen(fd, "r", encoding="utf-8", newline="\n", closefd=False)
        self.closed = False

    def write(self, text: str) -> int:
        os.write(self._fd, text.encode())
        return len(text)

    def readline(self) -> str:
        return self._reader.readline()

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return not self.closed

    def fileno(self) -> int:
        return self._fd

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._reader.close()
            os.close(self._fd)


def run_on_terminal(
    script: str,
    answers: Sequence[tuple[str, str]] = (),
    *,
    environ: Mapping[str, str] | None = None,
    columns: int = 80,
    seconds: float = 30,
) -> tuple[int, str]:
    """Run Python code in a child with a controlling terminal; each answer is typed once its prompt has been shown.

    Returns the exit code and everything that was shown, the terminal's echo included.
    """
    master, slave = pty.openpty()
    _resize(slave, columns)
    environment = {**os.environ, "TERM": "xterm-256color", **(environ or {})}
    if "NO_COLOR" not in (environ or {}):
        environment.pop("NO_COLOR", None)
    child = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment,
        start_new_session=True,
        preexec_fn=_take_terminal,  # noqa: PLW1509  one system call, no lock
    )
    os.close(slave)
    seen = bytearray()
    waiting = list(answers)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if select.select([master], [], [], 0.2)[0]:
            try:
                piece = os.read(master, 65536)
            except OSError:
                piece = b""
            if not piece:
                break
            seen += piece
        if waiting and waiting[0][0].encode() in seen:
            os.write(master, waiting.pop(0)[1].encode())
    os.close(master)
    try:
        code = child.wait(timeout=10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        raise
    return code, seen.decode().replace("\r\n", "\n")


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _resize(fd: int, columns: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))
