"""A private Postfix on a loopback port: its own configuration, queue and maildir; nothing of the machine's own Postfix is touched."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Self

_MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup    unix n - n 60 1 pickup
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
verify    unix - - n - 1 verify
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
showq     unix n - n - - showq
error     unix - - n - - error
retry     unix - - n - - error
discard   unix - - n - - discard
local     unix - n n - - local
virtual   unix - n n - - virtual
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
tlsmgr    unix - - n 1000? 1 tlsmgr
postlog   unix-dgram n - n - 1 postlogd
"""

_MAIN = """\
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mail.example.org
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
maillog_file = {home}/log/mail.log
maillog_file_prefixes = {home}
virtual_mailbox_domains = example.org, example.com
virtual_mailbox_base = {home}/mail
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
smtputf8_enable = yes
smtpd_recipient_restrictions = permit_mynetworks, reject
message_size_limit = 52428800
in_flow_delay = 0
virtual_mailbox_limit = 0
smtpd_client_connection_rate_limit = 0
default_process_limit = 50
"""


class Postfix:
    """A context manager; `port` listens, `delivered()` reads what arrived for example.org and example.com."""

    def __init__(self, home: Path, extra: str = "") -> None:
        self.home = home
        self._extra = extra
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]

    def __enter__(self) -> Self:
        import grp
        import pwd

        nobody, postfix = pwd.getpwnam("nobody"), pwd.getpwnam("postfix")
        grp.getgrnam("postdrop")  # KeyError: this is not Debian's Postfix
        self.home.mkdir(parents=True, exist_ok=True)
        for parent in (self.home, *self.home.parents):
            if parent.stat().st_uid == os.getuid() and parent != Path("/"):
                parent.chmod(parent.stat().st_mode | 0o055)
        for name in ("queue", "data", "mail", "log", "etc"):
            (self.home / name).mkdir()
        os.chown(self.home / "data", postfix.pw_uid, -1)
        os.chown(self.home / "mail", nobody.pw_uid, nobody.pw_gid)
        main = _MAIN.format(home=self.home, uid=nobody.pw_uid, gid=nobody.pw_gid) + self._extra
        (self.home / "etc/main.cf").write_text(main)
        (self.home / "etc/master.cf").write_text(_MASTER.format(port=self.port))
        self._postfix("start")
        self._wait_for_port()
        return self

    def __exit__(self, *_: object) -> None:
        self._postfix("stop")

    def delivered(self, expected: int = 0, seconds: float = 60.0) -> list[EmailMessage]:
        """All mail in the maildir; waits until at least `expected` are there and the queue is empty."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and (len(self._files()) < expected or self._queued()):
            time.sleep(0.1)
        parser = BytesParser(policy=policy.default)
        return [parser.parsebytes(file.read_bytes()) for file in self._files()]  # type: ignore[misc]

    def forget(self) -> None:
        """Empty the maildir."""
        for file in self._files():
            file.unlink()

    def serve(self, domain: str) -> None:
        """Deliver mail for this domain too."""
        self._edit("virtual_mailbox_domains", "example.org", "example.com", domain)

    def refuse(self, domain: str) -> None:
        """Refuse recipients of this domain with a 554 of its name."""
        table = self.home / "etc/refused"
        table.write_text(f"{domain} REJECT {domain} gets no mail here\n")
        self._edit(
            "smtpd_recipient_restrictions",
            f"check_recipient_access texthash:{table}",
            "permit_mynetworks",
            "reject",
        )

    def _edit(self, name: str, *values: str) -> None:
        subprocess.run(
            ["postconf", "-c", str(self.home / "etc"), f"{name} = {', '.join(values)}"],
            check=True,
            timeout=60,
        )
        self._postfix("reload")
        # A reload ends the processes that have the old settings when they are idle; the next connection gets new ones.
        time.sleep(1)

    def _files(self) -> list[Path]:
        return sorted((self.home / "mail/all").glob("new/*"))

    def _queued(self) -> int:
        return sum(
            1
            for name in ("incoming", "active", "deferred")
            for f in (self.home / "queue" / name).rglob("*")
            if f.is_file()
        )

    def _postfix(self, *words: str) -> None:
        command = ["postfix", "-c", str(self.home / "etc"), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr + self._log()

    def _log(self) -> str:
        log = self.home / "log/mail.log"
        return log.read_text() if log.exists() else ""

    def _wait_for_port(self) -> None:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError("Postfix does not listen\n" + self._log())


def available() -> bool:
    """Whether this machine has Postfix and lets us start it."""
    return shutil.which("postfix") is not None and os.getuid() == 0
