"""A campaign and a scripted server, driven by the program as a person would drive it: what every fault of the catalogue is tried on."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import re
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest

from support.program import Ran, command, people, run_here, states, write_campaign, write_list, write_toml
from support.scripted_smtp import Accepted, ScriptedServer
from support.soon import soon
from support.tables import write_workbook

HEAD = "From: Office <office@example.org>\nSubject: Hello\n"
PLAIN = HEAD + "\nDear {{ name }}.\n"


class Trial:
    """People.csv, letter.txt, campaign.toml, and the server that its account names."""

    def __init__(self, folder: Path, server: ScriptedServer) -> None:
        self.folder, self.server = folder, server

    @property
    def url(self) -> str:
        return f"smtp+insecure://127.0.0.1:{self.server.port}"

    def write(
        self,
        rows: Sequence[str] | int = 3,
        *,
        letter: str = "",
        header: str = "",
        account: str = "",
        **tables: str,
    ) -> Trial:
        """Rows of `support.program.HEADER`, or so many people; `tables` are further lines of campaign.toml."""
        write_campaign(
            self.folder, people(rows) if isinstance(rows, int) else rows, message=letter, header=header
        )
        write_toml(self.folder, account or self.url, **tables)
        return self

    def account(self, **keys: object) -> None:
        """The campaign sends by an account of accounts.toml; without a word, no TLS and no login."""
        table: dict[str, object] = {
            "host": "127.0.0.1",
            "port": self.server.port,
            "security": "none",
            "sender": "office@example.org",
            **keys,
        }
        path = Path(os.environ["MAILMERGE_HOME"]) / "accounts.toml"
        path.touch(mode=0o600)
        path.write_text("[hr]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items()))
        toml = self.folder / "campaign.toml"
        toml.write_text(re.sub(r'^account = ".*"$', 'account = "hr"', toml.read_text(), flags=re.MULTILINE))

    def log(self, *words: object) -> dict[str, dict[str, Any]]:
        """Key → line of the log."""
        ran = run_here("log", self.folder, "--json", *words)
        return {line["key"]: line for line in ran.json["lines"]}

    def list(self, rows: Sequence[str], *, header: str = "") -> None:
        """Another list, the rest as it is."""
        write_list(self.folder, rows, header=header)

    def raw(self, content: bytes, name: str = "people.csv") -> None:
        """The list as an export wrote it, octet by octet."""
        (self.folder / name).write_bytes(content)
        self.use(name)

    def book(self, table: Iterable[Sequence[Any]]) -> None:
        """The list as a workbook."""
        write_workbook(self.folder / "people.xlsx", table)
        self.use("people.xlsx")

    def use(self, name: str) -> None:
        """Name the list in campaign.toml."""
        toml = self.folder / "campaign.toml"
        toml.write_text(toml.read_text().replace('file = "people.csv"', f'file = "{name}"'))

    def letter(self, text: str) -> None:
        """Another letter, the rest as it is."""
        (self.folder / "letter.txt").write_text(text)

    def file(self, name: str, content: bytes | str) -> Path:
        """A file in the campaign's folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def send(self, *words: object) -> Ran:
        return run_here("send", self.folder, "--yes", "--json", *words)

    def send_others(self, *words: object) -> Ran:
        """The bad rows are left out, the others go."""
        return self.send("--on-invalid", "send-others", *words)

    def states(self) -> dict[str, str]:
        """Key → state."""
        return states(self.folder)

    def counts(self) -> Counter[str]:
        """State → how many."""
        return Counter(self.states().values())

    def got(self) -> Counter[str]:
        """How many mails each address has."""
        return Counter(address for mail in self.server.accepted for address in mail.recipients)

    def mails(self) -> list[EmailMessage]:
        """What arrived, read back."""
        return [read(mail) for mail in self.server.accepted]

    def mail(self) -> EmailMessage:
        """The only mail."""
        (only,) = self.mails()
        return only

    def refused(self, ran: Ran, *words: str, code: int = 65) -> None:
        """The run was refused before anything was sent, and its text holds these words."""
        assert (code, 0) == (ran.code, ran.json["sent_now"]), ran.err
        assert (0, []) == (self.server.connections, self.server.accepted)
        assert "Traceback" not in ran.err
        for word in words:
            assert word in ran.err, ran.err

    def nobody_twice(self) -> None:
        """Who is sent has one mail, who is neither sent nor in doubt has none, and all are listed."""
        found, got = self.states(), self.got()
        assert set(got.values()) <= {1}, got
        for key, state in found.items():
            if state != "in_doubt":
                assert (state == "sent") == (f"p{key}@example.org" in got), (key, state)

    def is_bad_row(self, *places: tuple[int, str], key: str, said: str = "") -> Ran:
        """These cells are told and nothing is sent; if wished, all others go and this row is invalid (1)."""
        strict = self.send()
        self.refused(strict, said)
        assert list(places) == [(one["row"], one["column"]) for one in strict.json["problems"]], strict.err
        lenient = self.send_others()
        assert (1, "complete", 1) == (
            lenient.code,
            lenient.json["outcome"],
            lenient.json["counts"]["invalid"],
        )
        assert lenient.json["sent_now"] == lenient.json["counts"]["rows"] - 1 > 0, lenient.err
        assert "invalid" == self.states()[key]
        assert [] == self.server.violations
        return lenient


def sending(trial: Trial, *words: object) -> subprocess.Popen[bytes]:
    """The program as a process; the test ends it."""
    return subprocess.Popen(
        command("send", trial.folder, "--yes", "--json", *words), cwd=trial.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )  # fmt: skip


def small(trial: Trial, rows: Any = 4, *, sending: str = 'retry_after = "1s"', **keys: object) -> Trial:
    """So many people (or these rows), short time-outs."""
    trial.write(rows, sending=sending)
    trial.account(**{"timeout": 1, "timeout_end_of_data": 1, **keys})
    return trial


def hang_up(server: ScriptedServer) -> None:
    """The server leaves all its clients, as one does that has waited too long."""
    for sock in list(server._sockets):
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def move_clock(monkeypatch: pytest.MonkeyPatch, shown: Callable[[], datetime]) -> None:
    """The machine's wall clock, as the program in this process sees it, shows this; the monotonic clock goes on."""

    class Moved(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return shown().astimezone(tz) if tz else shown().astimezone().replace(tzinfo=None)

    for name in ("send", "sending", "checking", "launch", "prepare", "status", "agreement"):
        importlib.import_module(f"mailmerge_cli.cli.{name}")
    for name, module in list(sys.modules.items()):
        if name.startswith("mailmerge_cli.") and getattr(module, "datetime", None) is datetime:
            monkeypatch.setattr(module, "datetime", Moved)


def send_over_a_jump(monkeypatch: pytest.MonkeyPatch, trial: Trial, jump: timedelta) -> Ran:
    """The same clock leaps so far once six mails are out; the call ends soon all the same."""
    move_clock(
        monkeypatch, lambda: datetime.now(UTC) + (jump if len(trial.server.accepted) >= 6 else timedelta())
    )
    with soon():
        return trial.send()


def read(mail: Accepted) -> EmailMessage:
    """A mail as the standard library reads it."""
    message = BytesParser(policy=policy.default).parsebytes(mail.content)
    assert isinstance(message, EmailMessage)
    return message


def text_of(message: EmailMessage, kind: str = "plain") -> str:
    """One of its bodies."""
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def once(*numbers: int) -> Counter[str]:
    """Each of these people of `support.program.people` has one mail."""
    return Counter({f"p{n}@example.org": 1 for n in numbers})
