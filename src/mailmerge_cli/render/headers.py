"""A template file is read like a mail: header lines in any case, an empty line, the body.

Rule: a header that the program writes itself (Date, Message-ID, MIME-Version, …) or that would hide something (Bcc twice,
Received, Return-Path, DKIM-Signature) cannot be written in a template (A06, A07).
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from mailmerge_cli.errors import Problem, Refused
from mailmerge_cli.render.fault import Place, told

KNOWN = (
    "From", "To", "Cc", "Bcc", "Reply-To", "Subject", "Importance", "Content-Type", "Attachment",
    "List-Unsubscribe", "List-Unsubscribe-Post",
)  # fmt: skip
_CANONICAL = {name.lower(): name for name in KNOWN}
_OWN = frozenset({
    "date", "message-id", "mime-version", "content-transfer-encoding", "content-disposition", "content-id", "received",
    "return-path", "dkim-signature", "sender", "resent-from", "resent-to",
})  # fmt: skip
_NAME = re.compile(r"[!-9;-~]+")
_TYPES = {"text/plain": "text", "text/html": "html", "text/markdown": "markdown"}
_ENDINGS = {".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html"}

LOOK = "a template looks like a mail: header lines such as `Subject: …`, an empty line, the text"


@dataclass(frozen=True, slots=True)
class Field:
    """One header of a template: its name as it will be written, its unfilled value, its line in the file."""

    name: str
    value: str
    line: int


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """A template file, taken apart.

    Attributes:
        fields: all headers in order, without Content-Type.
        body: what stands behind the empty line, LF line ends.
        body_line: the line of the file on which the body begins, from 1.
        kind: `text`, `html` or `markdown`.
    """

    fields: tuple[Field, ...]
    body: str
    body_line: int
    kind: str

    def one(self, name: str) -> Field | None:
        """The header of that name, if it is there."""
        return next((field for field in self.fields if field.name == name), None)

    def all(self, name: str) -> tuple[Field, ...]:
        """All headers of that name."""
        return tuple(field for field in self.fields if field.name == name)


def read_template(text: str, file: str, ending: str = "") -> TemplateFile:
    """Take a template file apart.

    Args:
        text: its content; a BOM and any line ends are accepted.
        file: its name, for messages.
        ending: `.md`, `.html`, …; decides the kind where no Content-Type does.

    Raises:
        Refused: it does not look like a mail, or a header cannot stand in a template; all faults at once.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    end = next((number for number, line in enumerate(lines) if not line.strip()), len(lines))
    _refuse_headless(lines, end, file)
    problems: list[Problem] = []
    fields = _fields(lines[:end], file, problems)
    kind = _kind(fields, file, ending, problems)
    _refuse_repeated(fields, file, problems)
    if problems:
        text = told(problems[0]) if len(problems) == 1 else f"The template has {len(problems)} faults."
        raise Refused(text, problems=tuple(problems))
    kept = tuple(field for field in fields if field.name != "Content-Type")
    return TemplateFile(kept, "\n".join(lines[end + 1 :]), end + 2, kind)


def _refuse_headless(lines: list[str], end: int, file: str) -> None:
    first = lines[0] if lines else ""
    name, colon, _ = first.partition(":")
    if end == 0 or not colon or _NAME.fullmatch(name) is None:
        message = f"{file} does not begin with a header line; {LOOK}."
        raise Refused(message, problems=(Problem(None, None, "header", message),))


def _fields(lines: list[str], file: str, problems: list[Problem]) -> list[Field]:
    fields: list[Field] = []
    for number, line in enumerate(lines, 1):
        if line[:1] in {" ", "\t"}:
            last = fields.pop()
            fields.append(Field(last.name, f"{last.value} {line.strip()}".strip(), last.line))
            continue
        name, colon, value = line.partition(":")
        name = name.rstrip(" \t")  # a no-break space is not one of them (A06)
        if not colon or _NAME.fullmatch(name) is None:
            problems.append(_fault(f"{file}:{number}: this line has no header name and colon; {LOOK}", None))
            fields.append(Field("X-", "", number))  # so that a folded line behind it finds something
            continue
        fields.append(Field(_checked_name(name, file, number, problems), value.strip(), number))
    return fields


def _checked_name(name: str, file: str, line: int, problems: list[Problem]) -> str:
    known = _CANONICAL.get(name.lower())
    if known is not None:
        return known
    if name.lower().startswith("x-") and len(name) > 2:
        return name
    if name.lower() in _OWN or name.lower().startswith(("content-", "resent-", "dkim-", "arc-")):
        why = "is not for a template to write; take this line out, the program writes what is needed"
    else:
        near = difflib.get_close_matches(name.lower(), _CANONICAL, n=1, cutoff=0.7)
        why = "is not a header that a template may have" + (
            f"; did you mean {_CANONICAL[near[0]]}?" if near else "; own ones begin with X-"
        )
    problems.append(_fault(f"{file}:{line}: {name!r} {why}", name))
    return name


def _kind(fields: list[Field], file: str, ending: str, problems: list[Problem]) -> str:
    field = next((field for field in fields if field.name == "Content-Type"), None)
    if field is None:
        return _ENDINGS.get(ending.lower(), "text")
    value, _, parameters = field.value.partition(";")
    kind = _TYPES.get(value.strip().lower())
    charset = re.fullmatch(r"\s*(?:charset\s*=\s*\"?utf-?8\"?\s*;?\s*)?", parameters, re.IGNORECASE)
    if kind is None or charset is None:
        sentence = "Content-Type is text/plain, text/html or text/markdown (the charset is always UTF-8)"
        if value.strip().lower().startswith("multipart/"):
            sentence += "; take this line out and write one body, the program makes the parts"
        problems.append(_fault(f"{file}:{field.line}: {sentence}", "Content-Type"))
    return kind or "text"


def _refuse_repeated(fields: list[Field], file: str, problems: list[Problem]) -> None:
    seen: dict[str, int] = {}
    for field in fields:
        folded = field.name.lower()
        if folded in seen and field.name not in {"Attachment", "X-"}:
            sentence = f"{field.name} stands there twice (first in line {seen[folded]}); write one"
            problems.append(_fault(f"{file}:{field.line}: {sentence}", field.name))
        seen.setdefault(folded, field.line)


def _fault(message: str, header: str | None) -> Problem:
    return Problem(None, header, "header", message)


def place_of(field: Field, file: str) -> Place:
    """Where a header stands, for messages about its template."""
    return Place(file, field.line, field.name, kind="attachment" if field.name == "Attachment" else "header")
