"""What all private mail servers of the tests have in common: a folder below /tmp, a loopback port, a maildir, and children that can be killed.

Some run a Debian program that cannot be installed beside Postfix. `tests/support/fetch_servers DIR` unpacks it into a folder,
and MAILMERGE_TEST_SERVERS names that folder.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

from support.soon import wait_for

NOBODY = 65534
_BELOW, _MANY = 32_000, 20_000  # Linux gives outgoing connections ports from 32 768 on


class Kept(NamedTuple):
    """One file of the maildir."""

    sender: str
    recipient: str
    octets: bytes


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has now, and that no outgoing connection of another test is given before a server binds it."""
    while True:
        port = _BELOW - secrets.randbelow(_MANY)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def fetched() -> Path | None:
    """The folder of unpacked programs."""
    named = os.environ.get("MAILMERGE_TEST_SERVERS", "")
    return Path(named) if named else None


def listens(port: int) -> bool:
    """Whether somebody answers there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def children(pid: int, name: str = "") -> list[int]:
    """Of a process, those of this name, the youngest last."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            number, _, rest = stat.read_text().partition(" (")
        except OSError:  # gone meanwhile
            continue
        called, _, fields = rest.rpartition(") ")
        if int(fields.split()[1]) == pid and called.startswith(name):
            found.append(int(number))
    return sorted(found)


def strike(pids: Sequence[int]) -> None:
    """Kill -9."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


class PrivateServer:
    """A context manager: one program in the foreground, as nobody where the tests are root; all its mail goes to one maildir."""

    names: ClassVar[tuple[str, str]] = ("return-path", "x-original-to")
    """The headers that hold the envelope of what was kept."""
    program: ClassVar[str] = ""
    """Below the folder of unpacked programs."""

    offers_smtputf8: ClassVar[bool] = True

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def missing(cls) -> str:
        """Why it cannot be started here; empty if it can."""
        folder = fetched()
        if folder is None:
            return "MAILMERGE_TEST_SERVERS names no folder (tests/support/fetch_servers fills one)"
        return "" if (folder / cls.program).exists() else f"no {cls.program} in {folder}"

    def __enter__(self) -> Self:
        self.home.mkdir(parents=True)
        self.home.chmod(0o755)
        self._write_names()
        self.write()
        if os.geteuid() == 0:
            for path in (self.home, *self.home.rglob("*")):
                if path.is_dir():
                    os.chown(path, NOBODY, NOBODY)
        with (self.home / "said").open("wb") as said:
            self._process = subprocess.Popen(
                self.command(), cwd=self.home, env=self.environ(), stdin=subprocess.DEVNULL, stdout=said, stderr=said, **as_nobody()
            )  # fmt: skip
        self.wait_until_heard(self.port)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        strike(children(self._process.pid))
        self._process.terminate()
        self._process.wait(10)

    # What each program has of its own.

    def write(self) -> None:
        """Write its configuration and make its folders."""
        raise NotImplementedError

    def command(self, *words: str) -> list[str]:
        """Its argv; without a word, as a server in the foreground."""
        raise NotImplementedError

    def queued(self) -> int:
        """How many mails are accepted and not in the maildir yet."""
        raise NotImplementedError

    def flush(self) -> None:
        """Deliver what is in the queue."""
        raise NotImplementedError

    # How it is run.

    def run(self, *words: str) -> None:
        """Its program once more, with these words, to the end."""
        subprocess.run(
            self.command(*words),
            env=self.environ(),
            check=False,
            capture_output=True,
            timeout=60,
            **as_nobody(),
        )

    def wait_until_heard(self, *ports: int) -> None:
        """Until it listens on all of them; AssertionError with its own words if it ends before, or never does."""
        for port in ports:
            wait_for(lambda: listens(port) or self._ended(), told=self.said)  # noqa: B023  # asked within this turn
        assert not self._ended(), self.said()

    def said(self) -> str:
        """All that it wrote about itself."""
        return (self.home / "said").read_text()

    def _ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def environ(self) -> dict[str, str]:
        """The unpacked libraries; and names of users and hosts that are this server's alone, so that no name is asked for outside."""
        folder = fetched()
        assert folder is not None
        libraries = [*folder.glob("usr/lib/*-linux-gnu*"), *folder.glob("lib/*-linux-gnu*")]
        return {
            "PATH": "/usr/bin:/bin",
            "LD_LIBRARY_PATH": os.pathsep.join(map(str, libraries)),
            "LD_PRELOAD": "libnss_wrapper.so",
            "NSS_WRAPPER_PASSWD": str(self.home / "passwd"),
            "NSS_WRAPPER_GROUP": str(self.home / "group"),
            "NSS_WRAPPER_HOSTS": str(self.home / "hosts"),
            "NSS_WRAPPER_HOSTNAME": "mail.example.org",
        }

    def _write_names(self) -> None:
        uid = own_uid()
        (self.home / "passwd").write_text(
            f"root:x:0:0::/:/bin/false\nnobody:x:{uid}:{uid}::/:/bin/false\nDebian-exim:x:{uid}:{uid}::/:/bin/false\n"
        )
        (self.home / "group").write_text(f"root:x:0:\nmail:x:8:\nnogroup:x:{uid}:\nDebian-exim:x:{uid}:\n")
        (self.home / "hosts").write_text("127.0.0.1 mail.example.org localhost\n")

    # What tests ask.

    @property
    def maildir(self) -> Path:
        return self.home / "mail/new"

    def delivered(self, expected: int = 0, seconds: float = 60.0) -> list[EmailMessage]:
        """All mail, parsed; see `kept`."""
        self.settle(expected, seconds)
        parser = BytesParser(policy=policy.default)
        return [parser.parsebytes(file.read_bytes()) for file in self.files()]

    def kept(self, expected: int = 0, seconds: float = 60.0) -> list[Kept]:
        """All mail; waits until at least `expected` are there and the queue is empty."""
        self.settle(expected, seconds)
        mails = []
        for file in self.files():
            octets = file.read_bytes()
            head = BytesParser(policy=policy.compat32).parsebytes(octets, headersonly=True)
            sender, recipient = (str(head[name]).strip("<> ") for name in self.names)
            mails.append(Kept(sender, recipient, octets))
        return mails

    def settle(self, expected: int, seconds: float) -> None:
        """Wait; what is still missing then is for the test to say."""
        until = time.monotonic() + seconds
        flushed = time.monotonic() + 1.0
        while time.monotonic() < until and (len(self.files()) < expected or self.queued()):
            if time.monotonic() > flushed and self.queued():
                self.flush()
                flushed = time.monotonic() + 2.0
            time.sleep(0.1)

    def forget(self) -> None:
        """Empty the maildir."""
        for file in self.files():
            file.unlink()

    def files(self) -> list[Path]:
        """Of the maildir."""
        return sorted(self.maildir.glob("*")) if self.maildir.exists() else []

    def kill_sessions(self) -> int:
        """Kill every process that serves a connection; how many they were."""
        assert self._process is not None
        serving = children(self._process.pid)
        strike(serving)
        return len(serving)


def own_uid() -> int:
    """Of the servers."""
    return NOBODY if os.geteuid() == 0 else os.getuid()


def as_nobody() -> dict[str, Any]:
    """For `subprocess`: root's children are nobody."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
