"""A private Postfix on a loopback port: its own configuration, queue and maildir; nothing of the machine's own Postfix is touched."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from support import refused
from support.certificates import authority
from support.private_server import PrivateServer, children, free_port, strike

REALM = "example.org"

Door = Mapping[str, str]
"""What differs on one port: names and values of main.cf."""

_MASTER = """\
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
smtpd_sasl_type = cyrus
smtpd_sasl_path = smtpd
smtpd_sasl_local_domain = {realm}
cyrus_sasl_config_path = {home}/etc/sasl
smtpd_tls_chain_files = {home}/etc/tls.pem
smtpd_tls_session_cache_database =
header_checks = regexp:{{{{/^{refused.HEADER}:/ REJECT 5.7.1 content refused}}}}
"""


def _inline(replies: Mapping[str, str]) -> str:
    """An access table (access(5)) that needs no file."""
    return "inline:{" + ", ".join(f"{{{address} = {reply}}}" for address, reply in replies.items()) + "}"


_LOGGED_IN = {
    "smtpd_sasl_auth_enable": "yes",
    "smtpd_recipient_restrictions": "permit_sasl_authenticated, reject",
}
SUBMISSION: Door = {**_LOGGED_IN, "smtpd_tls_security_level": "encrypt", "smtpd_tls_auth_only": "yes"}
"""As on port 587: STARTTLS and a login demanded."""
IMPLICIT_TLS: Door = {**_LOGGED_IN, "smtpd_tls_wrappermode": "yes"}
"""As on port 465."""
_SENDERS = _inline({refused.SENDER: "550 5.7.1 not you", refused.SENDER_FOR_NOW: "451 4.3.0 come later"})
_RECIPIENTS = _inline(
    {
        refused.RECIPIENT: "550 5.1.1 no such user",
        refused.RECIPIENT_FOR_NOW: "450 4.2.1 come later",
        refused.RECIPIENT_WITH_421: "421 4.3.2 closing for now",
    }
)
REFUSING: Door = {
    "smtpd_delay_reject": "no",
    "smtpd_sender_restrictions": f"check_sender_access {_SENDERS}",
    "smtpd_recipient_restrictions": f"check_recipient_access {_RECIPIENTS}, permit_mynetworks, reject",
    "smtpd_data_restrictions": f"check_sender_access {_inline({refused.AT_DATA: '554 5.7.1 no data from you'})}",
    "message_size_limit": str(refused.SIZE),
    "smtpd_error_sleep_time": "0",
    "smtpd_hard_error_limit": "1000",
}
"""Refuses what `support.private_server` names."""


class Postfix(PrivateServer):
    """A context manager; `port` listens, `delivered()` reads what arrived for example.org and example.com.

    Args:
        home: a folder that is not there yet.
        extra: further lines of main.cf.
        doors: further ports, by name.
        users: name → password, for doors that want a login.

    Attributes:
        ports: of the doors.
    """

    def __init__(
        self,
        home: Path,
        extra: str = "",
        *,
        doors: Mapping[str, Door] | None = None,
        users: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(home)
        self._extra = extra
        self._doors = {"": {}, **(doors or {})}
        self._users = users or {}
        self.ports = {name: self.port if not name else free_port() for name in self._doors}

    @classmethod
    def missing(cls) -> str:
        """Why it cannot be started here; empty if it can."""
        return "" if available() else "needs Postfix, and root to start one of our own"

    def __enter__(self) -> Self:
        import grp
        import pwd

        nobody, postfix = pwd.getpwnam("nobody"), pwd.getpwnam("postfix")
        grp.getgrnam("postdrop")  # KeyError: this is not Debian's Postfix
        self.home.mkdir(parents=True, exist_ok=True)
        for parent in (self.home, *self.home.parents):
            if parent.stat().st_uid == os.getuid() and parent != Path("/"):
                parent.chmod(parent.stat().st_mode | 0o055)
        for name in ("queue", "data", "mail", "log", "etc", "etc/sasl"):
            (self.home / name).mkdir()
        os.chown(self.home / "data", postfix.pw_uid, -1)
        os.chown(self.home / "mail", nobody.pw_uid, nobody.pw_gid)
        main = _MAIN.format(
            home=self.home, uid=nobody.pw_uid, gid=nobody.pw_gid, realm=REALM, refused=refused
        )
        (self.home / "etc/main.cf").write_text(main + self._extra)
        (self.home / "etc/master.cf").write_text("".join(map(self._door, self._doors)) + _MASTER)
        self._write_certificate()
        self._write_users(postfix.pw_uid)
        self._postfix("start")
        self.wait_until_heard(*self.ports.values())
        return self

    def __exit__(self, *_: object) -> None:
        self._postfix("stop")

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

    @property
    def maildir(self) -> Path:
        return self.home / "mail/all/new"

    def queued(self) -> int:
        return sum(
            1
            for name in ("incoming", "active", "deferred")
            for f in (self.home / "queue" / name).rglob("*")
            if f.is_file()
        )

    def flush(self) -> None:
        """Its queue manager needs no reminder."""

    def kill_sessions(self) -> int:
        master = int((self.home / "queue/pid/master.pid").read_text())
        serving = children(master, "smtpd")
        strike(serving)
        return len(serving)

    def said(self) -> str:
        """Its mail log."""
        log = self.home / "log/mail.log"
        return log.read_text() if log.exists() else ""

    def _door(self, name: str) -> str:
        settings = "".join(f"  -o {{ {key} = {value} }}\n" for key, value in self._doors[name].items())
        return f"127.0.0.1:{self.ports[name]} inet n - n - - smtpd\n{settings}"

    def _write_certificate(self) -> None:
        path = self.home / "etc/tls.pem"
        path.touch(mode=0o600)
        path.write_bytes(
            authority().issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.bytes()
        )

    def _write_users(self, owner: int) -> None:
        """Cyrus SASL's own file of users, asked by smtpd itself: no further daemon. Debian's Postfix looks in the folder `sasl` beside main.cf alone."""
        database = self.home / "etc/sasl/sasldb2"
        (self.home / "etc/sasl/smtpd.conf").write_text(
            f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {database}\nmech_list: PLAIN LOGIN CRAM-MD5\n"
        )
        for user, password in self._users.items():
            subprocess.run(
                ["saslpasswd2", "-c", "-p", "-f", str(database), "-u", REALM, user.partition("@")[0]],
                input=password.encode(), check=True, capture_output=True, timeout=60,
            )  # fmt: skip
            os.chown(database, owner, -1)

    def _edit(self, name: str, *values: str) -> None:
        subprocess.run(
            ["postconf", "-c", str(self.home / "etc"), f"{name} = {', '.join(values)}"],
            check=True,
            timeout=60,
        )
        self._postfix("reload")
        # A reload ends the processes that have the old settings when they are idle; the next connection gets new ones.
        time.sleep(1)

    def _postfix(self, *words: str) -> None:
        command = ["postfix", "-c", str(self.home / "etc"), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr + self.said()


def available() -> bool:
    """Whether this machine has Postfix and lets us start it."""
    return shutil.which("postfix") is not None and os.getuid() == 0


def logins_missing() -> str:
    """Why no door can want a login here; empty if it can."""
    if not available():
        return Postfix.missing()
    return "" if shutil.which("saslpasswd2") else "needs saslpasswd2 (Debian's sasl2-bin, libsasl2-modules)"
