"""A private sendmail: Debian's sendmail-bin, unpacked and not installed; it runs and delivers as nobody, by a configuration of forty lines."""

from __future__ import annotations

from typing import ClassVar

from support import refused
from support.private_server import PrivateServer, fetched, own_uid

_KEEP = """\
#!/bin/sh
# The maildir, the envelope's sender and recipient; the mail comes on standard input.
name="$1/tmp/$$.$(date +%s%N)"
{ printf 'Return-Path: <%s>\\nX-Original-To: <%s>\\n' "$2" "$3"; cat; } > "$name" && mv "$name" "$1/new/"
"""

_CF = """\
V10/Berkeley
Djmail.example.org
DnMAILER-DAEMON
Cwexample.org example.com mail.example.org
O QueueDirectory={home}/queue
O PidFile={home}/pid
O DaemonPortOptions=Port={port}, Addr=127.0.0.1, Name=MTA, M=A
O DontProbeInterfaces=true
O DontBlameSendmail=GroupWritableDirPathSafe,RunProgramInUnsafeDirPath
O MaxMessageSize={refused.SIZE}
O DeliveryMode=background
O Timeout.ident=0
O QueueLA=1000
O RefuseLA=1000
O DelayLA=1000
O SuperSafe=true
O TempFileMode=0600
O MaxDaemonChildren=0
O RunAsUser={uid}:{uid}
O TrustedUser=nobody
O HostStatusDirectory=
Troot nobody
H?D?Date: $a
H?M?Message-Id: <$t.$i@$j>
HReceived: from $s by $j id $i; $b
H{refused.HEADER}: $>refuse_it
Srefuse_it
R$*	$#error $@ 5.7.1 $: "554 content refused"
Scanonify=3
R$*<$*>$*	$2
Sparse=0
R$*	$#local $: $1
Scheck_mail
R$*{refused.SENDER}$*	$#error $@ 5.7.1 $: "550 not you"
R$*{refused.SENDER_FOR_NOW}$*	$#error $@ 4.3.0 $: "451 come later"
Scheck_rcpt
R$*{refused.RECIPIENT}$*	$#error $@ 5.1.1 $: "550 no such user"
R$*{refused.RECIPIENT_FOR_NOW}$*	$#error $@ 4.2.1 $: "450 come later"
R$*{refused.RECIPIENT_WITH_421}$*	$#error $@ 4.3.2 $: "421 closing for now"
Scheck_data
R$*	$: $&f
R$*{refused.AT_DATA}$*	$#error $@ 5.7.1 $: "554 no data from you"
Mlocal, P={home}/keep, F=lsDFMn8, A=keep {home}/mail $f $u
Mprog, P=/bin/false, F=lsDFMn, A=false
"""


class Sendmail(PrivateServer):
    """It closes the connection after its own 421; it offers no SMTPUTF8."""

    program = "usr/libexec/sendmail/sendmail"

    offers_smtputf8: ClassVar[bool] = False

    def write(self) -> None:
        for name in ("queue", "mail/new", "mail/tmp"):
            (self.home / name).mkdir(parents=True)
        text = _CF.format(home=self.home, port=self.port, uid=own_uid(), refused=refused)
        (self.home / "sendmail.cf").write_text(text)
        keep = self.home / "keep"
        keep.write_text(_KEEP)
        keep.chmod(0o755)

    def command(self, *words: str) -> list[str]:
        return [str(fetched() or "") + "/" + self.program, f"-C{self.home}/sendmail.cf", *(words or ("-bD",))]

    def queued(self) -> int:
        return sum(1 for _ in (self.home / "queue").glob("qf*"))

    def flush(self) -> None:
        self.run("-q")
