"""The work that all are given: one list, one message of about 2 KB as text and HTML, and for one table a PDF for each row.

Rule: whoever reads these files finds the same rows and the same two bodies; only the way to write a place-holder differs.
"""

from __future__ import annotations

import random
from pathlib import Path

COLUMNS = ("id", "name", "email", "token", "amount")
PDF_OCTETS = 50_000

_LOREM = "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor.\n"
_TEXT = f"""\
Dear {{{{ name }}}},

your token is {{{{ token }}}}; the amount is {{{{ amount }}}}.

{_LOREM * 6}
Yours, the office
"""
_HTML = f"""\
<html><body><p>Dear {{{{ name }}}},</p>
<p>your token is <b>{{{{ token }}}}</b>; the amount is {{{{ amount }}}}.</p>
{f"<p>{_LOREM}</p>" * 9}
<p>Yours, the office</p></body></html>
"""
_SENDER = "Office <office@example.org>"
_SUBJECT = "Your token {{ token }}"

_OURS = f"From: {_SENDER}\nTo: {{{{ email }}}}\nSubject: {_SUBJECT}\n\n{_HTML}"
_MULTIPART = f"""\
TO: {{{{email}}}}
SUBJECT: {_SUBJECT}
FROM: {_SENDER}
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="between-the-parts"

--between-the-parts
Content-Type: text/plain; charset=utf-8

{_TEXT}
--between-the-parts
Content-Type: text/html; charset=utf-8

{_HTML}
--between-the-parts--
"""
_SERVER = "[smtp_server]\nhost = 127.0.0.1\nport = {port}\nsecurity = Never\n"
_CAMPAIGN = """\
[recipients]
file = "people.csv"
key = "id"
[message]
file = "letter.html"
"""
_ATTACHED = 'attachments = ["slips/{{ id }}.pdf"]\n'


def row(number: int) -> dict[str, str]:
    """The cells of a row, counted from 1."""
    cells = (
        str(number),
        f"Person {number}",
        f"p{number}@example.org",
        f"tok{number:07d}",
        f"{number % 997}.50",
    )
    return dict(zip(COLUMNS, cells, strict=True))


def write(folder: Path, rows: int, port: int, *, slips: bool = False) -> Path:
    """The list and the message in every dialect, for a server on that port; with `slips`, a PDF for each row too."""
    folder.mkdir(parents=True)
    with (folder / "people.csv").open("w", encoding="utf-8", newline="\n") as people:
        people.write(",".join(COLUMNS) + "\n")
        people.writelines(",".join(row(number).values()) + "\n" for number in range(1, rows + 1))
    _write(folder / "campaign.toml", _CAMPAIGN + (_ATTACHED if slips else ""))
    _write(folder / "letter.html", _OURS)
    _write(folder / "letter.txt", _TEXT)  # beside letter.html: its text alternative
    _write(folder / "body.html", _HTML)
    _write(folder / "body.txt", _TEXT)
    _write(folder / "mailmerge_template.txt", _MULTIPART)
    _write(folder / "mailmerge_server.conf", _SERVER.format(port=port))
    if slips:
        write_slips(folder / "slips", rows)
    return folder


def write_slips(folder: Path, rows: int) -> None:
    """Files that look like PDF and cannot be compressed, each with other octets."""
    folder.mkdir()
    dice = random.Random(5)
    for number in range(1, rows + 1):
        body = dice.randbytes(PDF_OCTETS - 16)
        (folder / f"{number}.pdf").write_bytes(b"%PDF-1.7\n" + body + b"\n%%EOF\n")


def write_accounts(home: Path, port: int) -> None:
    """accounts.toml of this program: one account for each way of pipelining."""
    home.mkdir(exist_ok=True)
    common = f'host = "127.0.0.1"\nport = {port}\nsecurity = "none"\nauth = "none"\n'
    tables = [f'[{way}]\n{common}pipelining = "{way}"\n' for way in ("off", "envelope", "next")]
    accounts = home / "accounts.toml"
    _write(accounts, "\n".join(tables))
    accounts.chmod(0o600)


def filled(text: str, number: int) -> str:
    """A body as the recipient of that row must find it."""
    for name, cell in row(number).items():
        text = text.replace(f"{{{{ {name} }}}}", cell)
    return text


def bodies(number: int) -> tuple[str, str]:
    """Text and HTML that row must get."""
    return filled(_TEXT, number), filled(_HTML, number)


def subject(number: int) -> str:
    """The subject that row must get."""
    return filled(_SUBJECT, number)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
