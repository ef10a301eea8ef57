"""What a scripted server got, as the people of `support.program.people` see it."""

from __future__ import annotations

import csv
from collections import Counter
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

from support.scripted_smtp import Accepted, ScriptedServer

NOBODY = "smtp+insecure://127.0.0.1:1"
"""An account at a port where nobody listens."""


def url(server: ScriptedServer) -> str:
    """The account that sends through this server."""
    return f"smtp+insecure://127.0.0.1:{server.port}"


def read(mail: Accepted) -> EmailMessage:
    """The mail as the standard library understands it."""
    message = BytesParser(policy=policy.default).parsebytes(mail.content)
    assert isinstance(message, EmailMessage)
    return message


def got(server: ScriptedServer) -> Counter[str]:
    """How many mails each person has: `p1`, `p2`, …"""
    return Counter(mail.recipients[0].split("@")[0] for mail in server.accepted)


def once(*numbers: int) -> Counter[str]:
    """One mail for each of these."""
    return Counter({f"p{n}": 1 for n in numbers})


def csv_keys(path: Path) -> list[str]:
    """The keys of a result log, in its order."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [line["key"] for line in csv.DictReader(file)]
