"""Whether all contenders send the same mail: each sends row 1 to a recorder, and what arrives is parsed and compared."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import servers
import workload
from contenders import Contender, Place
from meter import measure


def compare(contenders: Sequence[Contender], base: Path, *, slips: bool = False) -> dict[str, int]:
    """Octets of the mail of each; ends this program if one of those that render sends something else."""
    kept = base / "kept"
    kept.mkdir(parents=True)
    octets = {}
    with servers.recorder(keep=kept) as port:
        place = Place.write(base / "one", 1, port, slips=slips)
        for contender in contenders:
            place.clear()
            measure(contender.argv(place), env=contender.environment(place), cwd=contender.cwd)
            (mail,) = kept.iterdir()
            content = mail.read_bytes()
            mail.unlink()
            octets[contender.name] = len(content)
            if contender.renders and (fault := _fault(content, place, slips=slips)):
                sys.exit(f"{contender.name} sends another mail than the rest: {fault}.")
    return octets


def _fault(content: bytes, place: Place, *, slips: bool) -> str:
    message = message_from_bytes(content, policy=policy.default)
    text, html = workload.bodies(1)
    found = {
        "To": str(message["To"]) == workload.row(1)["email"],
        "Subject": str(message["Subject"]) == workload.subject(1),
        "text": _body(message, "plain") == text.split(),
        "HTML": _body(message, "html") == html.split(),
    }
    if slips:
        meant = (place.folder / "slips" / "1.pdf").read_bytes()
        found["PDF"] = [part.get_payload(decode=True) for part in message.iter_attachments()] == [meant]
    return ", ".join(name for name, same in found.items() if not same)


def _body(message: EmailMessage, subtype: str) -> list[str]:
    """Words; programs end the last line in different ways."""
    part = message.get_body((subtype,))
    return str(part.get_content()).split() if part is not None else []
