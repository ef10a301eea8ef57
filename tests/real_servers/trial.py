"""A campaign with everything in it, sent by the whole program to a real server, and what arrived compared with what was meant."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from mailmerge_cli.clock import SystemClock
from support.certificates import ca_file
from support.postfix import Postfix
from support.private_server import PrivateServer
from support.program import (
    Ran,
    command,
    ended,
    log_lines,
    run_here,
    run_process,
    states,
    write_campaign,
    write_toml,
)
from support.soon import wait_for

USER, PASSWORD = "hr@example.org", "sesame+open 王"
TOKEN = re.compile(r"tok\d{6}x")
HEADER = "id,name,email,token"
HTML = """\
From: "Büro Süd" <hr@example.org>
Subject: Abrechnung {{ token }} für {{ name }} – 工资单
X-Token: {{ token }}
Attachment: slips/{{ id }}.bin; name="工资单 {{ token }}.bin"
Attachment: terms.pdf

<!DOCTYPE html>
<html><head><title>{{ token }}</title></head><body>
<p>Liebe {{ name }}, {{ token }}</p>
.
..
<p>{{ "ü" * 600 }} {{ "x" * 1200 }}</p>
</body></html>
"""
TEXT = "Liebe {{ name }},\n\n.\n..\n.{{ token }}\nFrom here: {{ 'ü' * 600 }} {{ 'x' * 1200 }}\nEnde\n"
TERMS = b"%PDF-1.7 terms \x00\xff\r\n.\r\n\n.\n"


def name(number: int) -> str:
    """Of one person."""
    return ("王芳 {}", "Jürgen {} Groß", 'Ann "A" {}', "O'Neill & <{}>")[number % 4].format(number)


def token(number: int) -> str:
    """What stands in one person's mail and nobody else's."""
    return f"tok{number:06d}x"


def slip(number: int) -> bytes:
    """One person's attachment: his token, every octet, and lines that look like the end of a mail."""
    return (
        token(number).encode()
        + bytes(range(256)) * (1 + number % 3)
        + b"\r\n.\r\nQUIT\r\n\n.\n"
        + bytes([number % 256])
    )


@dataclass
class Trial:
    """A folder with people 1 to `count`, and a server."""

    folder: Path
    server: PrivateServer
    count: int

    def account(self, door: str = "", **keys: object) -> None:
        """The account `hr`, at this door of the server."""
        port = self.server.ports[door] if isinstance(self.server, Postfix) else self.server.port
        table: dict[str, object] = {
            "host": "127.0.0.1",
            "port": port,
            "security": "none",
            "sender": USER,
            **keys,
        }
        path = Path(os.environ["MAILMERGE_HOME"]) / "accounts.toml"
        path.touch(mode=0o600)
        path.write_text("[hr]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items()))

    def log_in(self, door: str = "submission", **keys: object) -> None:
        """The account `hr` with a login, over a connection that is encrypted and verified."""
        security = "tls" if door == "smtps" else "starttls"
        self.account(
            door, **{"security": security, "user": USER, "ca_file": str(ca_file(self.folder)), **keys}
        )

    def send(self, *words: object) -> Ran:
        """In this process."""
        return run_here("send", self.folder, "--yes", "--json", *words)

    def send_apart(self, *words: object, password: str = PASSWORD) -> Ran:
        """As a process."""
        return run_process(
            "send",
            self.folder,
            "--yes",
            "--json",
            *words,
            cwd=self.folder,
            environ={"MAILMERGE_PASSWORD_HR": password},
        )

    def states(self) -> dict[int, str]:
        """Number → state."""
        return {int(key): state for key, state in states(self.folder).items()}

    def counts(self) -> Counter[str]:
        """State → how many."""
        return Counter(self.states().values())

    def log(self) -> dict[int, dict[str, Any]]:
        """Number → line of the result log."""
        return {int(line["key"]): line for line in log_lines(self.folder)}

    def big(self, *numbers: int) -> None:
        """These people's attachments are far larger than a small server takes."""
        for number in numbers:
            (self.folder / f"slips/{number}.bin").write_bytes(slip(number) * 400)

    def got(self, expected: int) -> Counter[int]:
        """Number → how many mails; each of them is whole, and nobody else's."""
        return Counter(self.checked(mail) for mail in self.server.delivered(expected))

    def each_once(self, *numbers: int) -> None:
        """These people, or all, have one mail each; nobody else has one."""
        wanted = numbers or tuple(range(1, self.count + 1))
        assert Counter(wanted) == self.got(len(wanted))

    def checked(self, mail: EmailMessage) -> int:
        """Whose mail it is, every part of it compared with what was meant."""
        number = int(mail["X-Token"][3:9])
        assert {token(number)} == tokens(mail)
        assert (f"p{number}@example.org", name(number)) == (
            mail["To"].addresses[0].addr_spec,
            mail["To"].addresses[0].display_name,
        )
        assert (1, USER, "Büro Süd") == (
            len(mail["To"].addresses),
            mail["From"].addresses[0].addr_spec,
            mail["From"].addresses[0].display_name,
        )
        assert f"p{number}@example.org" == str(mail["X-Original-To"] or mail["Envelope-To"]).strip("<>")
        assert f"<{USER}>" == mail["Return-Path"]
        assert f"Abrechnung {token(number)} für {name(number)} – 工资单" == mail["Subject"]
        assert filled(TEXT, number) == body(mail, "plain")
        assert filled(HTML.partition("\n\n")[2], number, escaped=True) == body(mail, "html")
        assert [(f"工资单 {token(number)}.bin", self.slip(number)), ("terms.pdf", TERMS)] == [
            (part.get_filename(), part.get_content()) for part in mail.iter_attachments()
        ]
        return number

    def slip(self, number: int) -> bytes:
        return (self.folder / f"slips/{number}.bin").read_bytes()

    def account_for_everybody(self) -> None:
        """Who is `sent` has one mail, who is in doubt has one or none, nobody else has one."""
        found = self.states()
        got = self.got(sum(state == "sent" for state in found.values()))
        assert set(range(1, self.count + 1)) == set(found)
        assert {1} >= set(got.values()), got
        for number, state in found.items():
            if state != "in_doubt":
                assert (state == "sent") == (number in got), (number, state)


def a_trial(folder: Path, server: PrivateServer, count: int, *, sending: str = "") -> Trial:
    """Write the campaign."""
    quoted = (
        f'{n},"{name(n).replace(chr(34), chr(34) * 2)}",p{n}@example.org,{token(n)}'
        for n in range(1, count + 1)
    )
    write_campaign(folder, list(quoted), header=HEADER)
    write_toml(folder, "hr", sending=sending)
    toml = folder / "campaign.toml"
    toml.write_text(toml.read_text().replace("letter.txt", "letter.html"))
    (folder / "letter.html").write_text(HTML)
    (folder / "letter.txt").write_text(TEXT)
    (folder / "terms.pdf").write_bytes(TERMS)
    (folder / "slips").mkdir()
    for number in range(1, count + 1):
        (folder / f"slips/{number}.bin").write_bytes(slip(number))
    server.forget()
    return Trial(folder, server, count)


def filled(template: str, number: int, *, escaped: bool = False) -> str:
    """What the template comes to."""
    from markupsafe import escape

    said = str(escape(name(number))) if escaped else name(number)
    text = template.replace("{{ name }}", said).replace("{{ token }}", token(number))
    for letter, times in (("ü", 600), ("x", 1200)):
        text = re.sub(rf"\{{\{{ ['\"]{letter}['\"] \* {times} \}}\}}", letter * times, text)
    return text


def body(mail: EmailMessage, kind: str) -> str:
    """One of the bodies."""
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def tokens(mail: EmailMessage) -> set[str]:
    """All tokens in headers, bodies, names and contents of attachments."""
    texts = [str(value) for value in mail.values()]
    for part in mail.walk():
        texts += [str(value) for value in part.values()]
        if not part.is_multipart():
            content = part.get_content()
            texts.append(content if isinstance(content, str) else content.decode("latin-1"))
    return {found for text in texts for found in TOKEN.findall(text)}


def hurry(monkeypatch: pytest.MonkeyPatch, times: float) -> None:
    """The program's clock in this process runs so many times as fast: a minute's back-off takes a second or two."""
    import asyncio

    start = time.monotonic()

    def monotonic(self: SystemClock) -> float:
        return start + (time.monotonic() - start) * times

    def now(self: SystemClock) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=(time.monotonic() - start) * (times - 1))

    async def sleep(self: SystemClock, seconds: float) -> None:
        await asyncio.sleep(seconds / times)

    for method in (monotonic, now, sleep):
        monkeypatch.setattr(SystemClock, method.__name__, method)


def sending(trial: Trial, *words: object) -> subprocess.Popen[bytes]:
    """The program as a process that is still at work; the test ends it."""
    return subprocess.Popen(
        command("send", trial.folder, "--yes", "--json", *words), cwd=trial.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "MAILMERGE_PASSWORD_HR": PASSWORD},
    )  # fmt: skip


def numbers(trial: Trial, state: str) -> Iterable[int]:
    """Who is in this state."""
    return [number for number, found in trial.states().items() if found == state]


def remove(folder: Path) -> None:
    """A server's home, some of whose files belong to others and may be going just now."""
    import shutil

    with suppress(OSError):
        shutil.rmtree(folder)


def settle_doubts(trial: Trial) -> None:
    """As a person would: who has his mail is sent, the others get it again."""
    arrived = trial.got(0)
    for number in numbers(trial, "in_doubt"):
        word = "--sent" if number in arrived else "--resend"
        ran = run_here("resolve", word, number, "--campaign", trial.folder, "--yes")
        assert ran.code == 0, ran.err


def kill_and_settle(trial: Trial, *words: object, connections: int) -> None:
    """Kill all sessions three times while it sends; then the maildir tells a person what became of the doubts, and the same command ends it."""
    process, killed = sending(trial, *words), 0
    for kill in (1, 2, 3):
        wait_for(lambda: len(trial.server.files()) >= 30 * kill or process.poll() is not None)  # noqa: B023  # asked within this turn
        killed += trial.server.kill_sessions()
    ran = ended(process, 120)

    assert killed >= 1
    assert ran.code in (0, 3, 69, 75), ran.err
    trial.account_for_everybody()
    assert trial.counts()["in_doubt"] <= connections * 3
    settle_doubts(trial)
    last = trial.send_apart(*words)
    assert 0 == last.code, last.err
    trial.each_once()
