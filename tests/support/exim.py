"""A private Exim: Debian's exim4-daemon-light, unpacked and not installed; it runs and delivers as nobody."""

from __future__ import annotations

from support import refused
from support.private_server import PrivateServer, fetched

PER_CONNECTION = 40
"""Mails after which it says 421 and leaves."""

_CONF = f"""\
exim_path = {{home}}/exim
spool_directory = {{home}}/spool
log_file_path = {{home}}/log/%slog
pid_file_path = {{home}}/log/pid
primary_hostname = mail.example.org
qualify_domain = example.org
keep_environment =
deliver_drop_privilege = true
never_users =
smtputf8_advertise_hosts = *
pipelining_advertise_hosts = *
chunking_advertise_hosts =
tls_advertise_hosts =
message_size_limit = {refused.SIZE}
smtp_accept_queue_per_connection = 0
smtp_accept_max = 100
smtp_accept_max_per_connection = {PER_CONNECTION}
acl_smtp_mail = check_mail
acl_smtp_rcpt = check_rcpt
acl_smtp_predata = check_predata
acl_smtp_data = check_data

begin acl
check_mail:
  deny senders = {refused.SENDER}
       message = 5.7.1 not you
  defer senders = {refused.SENDER_FOR_NOW}
       message = 4.3.0 come later
  accept
check_rcpt:
  deny recipients = {refused.RECIPIENT}
       message = 5.1.1 no such user
  defer recipients = {refused.RECIPIENT_FOR_NOW}
       message = 4.2.1 come later
  defer recipients = {refused.RECIPIENT_WITH_421}
       message = 421 4.3.2 closing for now
  accept
check_predata:
  deny senders = {refused.AT_DATA}
       message = 5.7.1 no data from you
  accept
check_data:
  deny condition = ${{{{if def:h_{refused.HEADER}:}}}}
       message = 5.7.1 content refused
  accept

begin routers
all:
  driver = accept
  transport = keep

begin transports
keep:
  driver = appendfile
  maildir_format = true
  directory = {{home}}/mail
  create_directory
  envelope_to_add
  return_path_add

begin retry
"""


class Exim(PrivateServer):
    """Its 421 leaves the connection open; it offers SMTPUTF8."""

    names = ("return-path", "envelope-to")
    program = "usr/sbin/exim4"

    def write(self) -> None:
        for name in ("spool", "mail", "log"):
            (self.home / name).mkdir()
        (self.home / "exim.conf").write_text(_CONF.format(home=self.home))
        # It forgets its environment, and calls itself for each delivery.
        words = "\n".join(f"export {name}='{value}'" for name, value in self.environ().items())
        wrapper = self.home / "exim"
        wrapper.write_text(f'#!/bin/sh\n{words}\nexec {fetched()}/{self.program} "$@"\n')
        wrapper.chmod(0o755)

    def command(self, *words: str) -> list[str]:
        serve = ("-bdf", "-oX", f"127.0.0.1.{self.port}")
        return [str(self.home / "exim"), "-C", str(self.home / "exim.conf"), *(words or serve)]

    def queued(self) -> int:
        return sum(1 for _ in (self.home / "spool/input").rglob("*-H"))

    def flush(self) -> None:
        self.run("-qff")
