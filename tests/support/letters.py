"""Builders around templates: a table of one row, the template over it, and the message as the standard library reads it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

from mailmerge_cli.model.mail import Recipient
from mailmerge_cli.model.table import Column, Row, template_name
from mailmerge_cli.render import Letter, Template

MOMENT = datetime(2026, 11, 21, 9, 30, 5, tzinfo=UTC)
MESSAGE_ID = "<1.payslips.2026-11@example.org>"
CONSTANTS = {"company": "Example Ltd", "today": date(2026, 11, 21), "month": "2026-11", "run": "2026-11"}
FROM = "From: HR <hr@example.org>\nSubject: Payslip\n"


def columns_of(titles: tuple[str, ...]) -> tuple[Column, ...]:
    """Columns in a row, named as a source names them."""
    return tuple(Column(n, title, template_name(title), chr(65 + n)) for n, title in enumerate(titles))


class Bench:
    """A folder with a template over one table; the first column is the address, the second the name."""

    def __init__(self, folder: Path, **cells: Any) -> None:
        self.folder = folder
        self.values: dict[str, Any] = {"email": "wang@example.org", "name": "Wang Fang", **cells}
        self.columns = columns_of(tuple(self.values))

    def write(self, name: str, content: str | bytes) -> Path:
        """A file in the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def template(
        self, text: str, file: str = "letter.txt", constants: Mapping[str, object] = CONSTANTS, **more: Any
    ) -> Template:
        """A template with From and Subject, if `text` has none."""
        if not text.lower().startswith(("from:", "subject:")):
            text = FROM + text
        return Template(
            text,
            path=self.folder / file,
            folder=self.folder,
            columns=self.columns,
            constants=constants,
            address_column=0,
            name_column=1,
            **more,
        )

    def row(self, number: int = 2, **cells: Any) -> Row:
        """The row, with other cells."""
        return Row(number, tuple({**self.values, **cells}.values()))

    def person(self, row: Row) -> Recipient:
        """Who stands in the row."""
        return Recipient(row.number, str(row.cells[0]), str(row.cells[0]), str(row.cells[1]))

    def letter(self, template: Template, **cells: Any) -> Letter:
        """The letter of a row."""
        row = self.row(**cells)
        return template.render(row, self.person(row))

    def octets(self, template: Template, **cells: Any) -> bytes:
        """The message of a row, as it goes on the wire."""
        return b"".join(template.compose(self.letter(template, **cells), MESSAGE_ID, MOMENT))

    def mail(self, template: Template, **cells: Any) -> EmailMessage:
        """The message of a row, as the standard library reads it."""
        return parsed(self.octets(template, **cells))


def parsed(octets: bytes) -> EmailMessage:
    """A message read by the oracle."""
    message = BytesParser(policy=policy.default.clone(raise_on_defect=False)).parsebytes(octets)
    assert isinstance(message, EmailMessage)
    return message


def shape(message: EmailMessage) -> Any:
    """The nesting of a message: a media type, or one with its parts."""
    if not message.is_multipart():
        return message.get_content_type()
    return message.get_content_type(), [shape(part) for part in message.iter_parts()]


def assert_safe_for_smtp(octets: bytes, *, utf8: bool = False) -> None:
    """The laws of the wire: CRLF alone, short lines, no NUL, no 8-bit octets, no line that begins with a dot."""
    assert octets.endswith(b"\r\n")
    assert b"\0" not in octets
    assert octets.count(b"\r") == octets.count(b"\n") == octets.count(b"\r\n")
    lines = octets.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert not any(line.startswith(b".") for line in lines)
    assert utf8 or octets.isascii()
