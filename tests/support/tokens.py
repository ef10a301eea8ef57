"""People who each carry a token in every part of their mail: whoever holds another one's token got another one's mail.

The token stands in the name, subject, a header, text and HTML, in the attachment, in its file's name and in the name that it has for
the recipient; with groups each person has three lines, each with the token and a letter of its own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

from support.program import write_campaign, write_toml

HEADER = "id,name,email,token,thing"
LETTERS = "ABC"
_TOKEN = re.compile(r"tok\d{6}x")
_HEAD = """\
From: Office <office@example.org>
Subject: {{ token }}
X-Token: {{ token }}
Reply-To: {{ token }}@example.org
Attachment: slips/{{ token }}.txt; name="for {{ token }}.txt"

# Dear {{ name }}

Yours: {{ token }}
"""
_ALONE = "\n[Your page](https://example.org/{{ token }}) {{ thing }}\n"
_GROUPED = "\n{% for line in rows %}\n- {{ line.thing }}\n{% endfor %}\n"


def token(number: int) -> str:
    """That of person 1, 2, …"""
    return f"tok{number:06d}x"


def write_tokens(
    folder: Path, count: int, account: str, *, grouped: bool = False, sending: str = "", filler: str = ""
) -> Path:
    """A campaign of so many people. With groups, the lines of a person stand far from each other."""
    rows = [row for letter in (LETTERS if grouped else LETTERS[:1]) for row in rows_of(count, letter, filler)]
    write_campaign(folder, rows, header=HEADER + (",filler" if filler else ""))
    (folder / "letter.txt").unlink()  # it would be the text beside the HTML
    (folder / "letter.md").write_text(_HEAD + (_GROUPED if grouped else _ALONE), encoding="utf-8")
    write_toml(folder, account, recipients='group_by = "id"' if grouped else "", sending=sending)
    toml = folder / "campaign.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace("letter.txt", "letter.md"), encoding="utf-8")
    (folder / "slips").mkdir(exist_ok=True)
    for number in range(1, count + 1):
        (folder / "slips" / f"{token(number)}.txt").write_text(f"pay of {token(number)}", encoding="utf-8")
    return folder


def rows_of(count: int, letter: str = "A", filler: str = "") -> list[str]:
    """The lines of a list without groups."""
    more = f",{filler}" if filler else ""
    return [
        f"{n},{token(n)},p{n}@example.org,{token(n)},{token(n)}{letter}{more}" for n in range(1, count + 1)
    ]


def assert_its_own(address: str, content: bytes, *, grouped: bool = False) -> None:
    """This mail to this address holds its person's token in each part, and no other one anywhere."""
    mine = token(int(address.partition("@")[0].removeprefix("p")))
    message = BytesParser(policy=policy.default).parsebytes(content)
    assert isinstance(message, EmailMessage)
    (slip,) = message.iter_attachments()
    for name in ("Subject", "X-Token", "Reply-To", "To"):
        assert [mine] == sorted(set(_TOKEN.findall(str(message[name])))), (name, address)
    assert address in str(message["To"])
    assert f"for {mine}.txt" == slip.get_filename()
    assert f"pay of {mine}" == slip.get_content().strip()
    texts = [str(part.get_content()) for part in message.walk() if part.get_content_maintype() == "text"]
    assert len(texts) == 3
    everything = [*texts, *(str(value) for part in message.walk() for value in part.values())]
    assert {mine} == set(_TOKEN.findall("\n".join(everything))), address
    letters = Counter(re.findall(f"{mine}([{LETTERS}])", texts[0]))
    assert dict.fromkeys(LETTERS if grouped else LETTERS[:1], 1) == letters, (address, texts[0])


def assert_all_their_own(
    mails: Iterable[tuple[str, bytes]], *, grouped: bool = False, twice: Iterable[str] = ()
) -> Counter[str]:
    """The same for all of them, and nobody has two, but who is named; returns how many each has."""
    got: Counter[str] = Counter()
    for address, content in mails:
        assert_its_own(address, content, grouped=grouped)
        got[address] += 1
    assert {address for address, number in got.items() if number > 1} <= set(twice)
    return got
