"""A message template, compiled once, good for all rows and for many threads: `render` for the check, `compose` for the wire."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from mailmerge_cli.address import Address, AddressFault, parse_address
from mailmerge_cli.errors import Problem, Refused
from mailmerge_cli.model.mail import Envelope, Recipient
from mailmerge_cli.model.table import Column, Row
from mailmerge_cli.render.attachment import AttachmentFault, entity, read_file
from mailmerge_cli.render.compose import Skeleton, header_line, rfc5322_date, varying_head
from mailmerge_cli.render.digest import ContentDigest, netstrings
from mailmerge_cli.render.fault import Misuse, RowFault
from mailmerge_cli.render.fields import priority
from mailmerge_cli.render.letter import Attachment, Letter, Mailbox
from mailmerge_cli.render.lines import one_line
from mailmerge_cli.render.parts import Parts, Recipe
from mailmerge_cli.render.survey import refused
from mailmerge_cli.render.words import mailbox_line, unstructured

_NOBODY: Mailbox = ("", Address("nobody", "invalid"))


class Template:
    """One message template.

    Args:
        text: the template file's content.
        path: its path; None for a template that is no file. Included files and images are looked for beside it, and a
            `.txt` of the same name is the text alternative.
        folder: the campaign's; attachments lie in it.
        columns: of the table.
        constants: values of the templates: `[values]`, today, now, month, last_month, campaign, run.
        attachments: as in `[message] attachments`: paths, templated, relative to `folder`.
        files: files that go with every mail, named on the command line: they may lie anywhere.
        subject: wins over the template's Subject.
        sender: wins over the template's From.
        default_sender: counts where there is no From.
        address_column: the index of the column of addresses.
        name_column: of display names; None if there is none.
        envelope_from: MAIL FROM; empty: the address of From; `<>`: the null sender.
        lenient: a file that all mails share and that cannot go along refuses nothing here: all rows can be checked without it. See `lacking`.

    Attributes:
        used: indexes of all columns that the template uses.
        fingerprint: a digest of everything but rows and constants: template, companion, included files, images, static attachments.
        sender: From.
        has_subject: there is a Subject.
        to_all: the address that To names for all rows; empty where there is no To, or it varies.
        attached: the fewest and the most files that a mail has.
        own_files: rows have files of their own, which may change while all that is known of the template stays the same.
        lacking: what is wrong with files that all mails share, if `lenient`; nothing may be sent then.
        warnings: what a person should know, such as an attachment that is not what its name says.
        once: filling in is all that is done for each row (else its Markdown or style sheet is worked on for each row).

    Raises:
        Refused: all that is wrong with the template, with file and line.
        FileMissing: a file of `files` is not there.
    """

    def __init__(
        self,
        text: str,
        *,
        path: Path | None,
        folder: Path,
        columns: tuple[Column, ...],
        constants: Mapping[str, object],
        attachments: tuple[str, ...] = (),
        files: tuple[Path, ...] = (),
        subject: str = "",
        sender: str = "",
        default_sender: str = "",
        address_column: int = 0,
        name_column: int | None = None,
        envelope_from: str = "",
        lenient: bool = False,
    ) -> None:
        self._recipe = Recipe(
            text, path, folder, columns, dict(constants), tuple(attachments), tuple(files), subject, sender,
            default_sender, address_column, name_column, envelope_from, lenient,
        )  # fmt: skip
        parts = self._parts = Parts(self._recipe)
        self.file = parts.file
        self.sender = parts.sender
        self.used = parts.used()
        self.fingerprint = parts.fingerprint()
        self.lacking = tuple(parts.lacking)
        self.has_subject = parts.subject is not None
        self.to_all = parts.to.always[0].shown if parts.to is not None and parts.to.always else ""
        self.own_files = any(field.fixed is None for field in parts.attachments)
        self.attached = parts.attached
        self.once = parts.bodies.once
        odd_files = (part.warning for part in parts.fixed_attachments if part.warning)
        self.warnings = (*odd_files, *_goes_to_all(parts))
        self._text, self._html = parts.bodies.text, parts.bodies.html
        self._images = parts.images if self._html is not None else ()
        self._attachments: tuple[Attachment, ...] | None = None
        if all(field.fixed is not None for field in parts.attachments):
            self._attachments = parts.fixed_attachments
            self._refuse_same_names(self._attachments)
        self._digest = ContentDigest(self._shared(), parts.envelope_from)
        self._plain_sender = parts.envelope_from.isascii() and self.sender[1].local.isascii()
        self._images_size = sum(len(image.entity) for image in self._images)
        self._dated: tuple[datetime | None, str] = (None, "")
        self._addressed: tuple[Row | None, tuple[Mailbox, ...]] = (None, ())
        self._subject_line = self._fixed_subject()
        self._skeleton = self._make_skeleton()

    @staticmethod
    def _refuse_same_names(attachments: tuple[Attachment, ...]) -> None:
        problems = _same_names(attachments, None)
        if problems:
            raise refused(problems)

    def _shared(self) -> str:
        """What all rows have in common, for the content hash. The number is the serialisation's version."""
        parts = self._parts
        kinds = f"text={self._text is not None} html={self._html is not None}"
        fixed = [part for pair in parts.fixed for part in pair]
        images = [f"{image.name}\0{image.digest.hex()}" for image in self._images]
        return netstrings(["1", self.sender[0], self.sender[1].spec, kinds, str(len(fixed)), *fixed, *images])

    def _fixed_subject(self) -> str | None:
        """The whole Subject line if it is the same for all rows; empty without a Subject; None if it varies."""
        piece = self._parts.subject
        if piece is None:
            return ""
        return unstructured("Subject", piece.fixed) if piece.fixed is not None else None

    def _make_skeleton(self) -> Skeleton:
        lines = [mailbox_line("From", (self.sender,))]
        for name, value in self._parts.fixed:
            lines.append(header_line(name, value))
            if name == "Importance":
                lines.append(header_line("X-Priority", priority(value)))
        return Skeleton(
            head="".join([*lines, "MIME-Version: 1.0\r\n"]),
            boundary=self.fingerprint[:24],
            has_text=self._text is not None,
            has_html=self._html is not None,
            images=self._images,
        )

    def render(self, row: Row, recipient: Recipient, *, keep: bool = False) -> Letter:
        """Fill the template in for one row.

        Args:
            row: its cells.
            recipient: whom the address column names.
            keep: `compose` follows at once, and writes the octets of the row's own files that are hashed here; without it
                they would be read and hashed again. A letter that is kept for long should not hold them.

        Raises:
            RowFault: everything that is wrong with this row.
        """
        parts = self._parts
        faults: list[Problem] = list(row.problems)
        to = self._addressee(row, recipient, faults)
        cc = parts.cc.fill(row, faults) if parts.cc is not None else ()
        bcc = parts.bcc.fill(row, faults) if parts.bcc is not None else ()
        reply_to = parts.reply_to.fill(row, faults) if parts.reply_to is not None else ()
        subject = parts.subject.fill(row, faults) if parts.subject is not None else ""
        headers = self._headers(row, faults) if parts.varying else ()
        text = self._text.fill(row, faults) if self._text is not None else None
        html = self._html.fill(row, faults) if self._html is not None else None
        attachments = self._attachments
        if attachments is None:
            attachments = self._found(row, faults, keep=keep)
        if faults:
            raise RowFault(tuple(dict.fromkeys(faults)))
        envelope = self._envelope(to, cc, bcc, reply_to)
        try:
            digest, size = self._digest(
                envelope, to, (cc, reply_to), subject, headers, (text or "", html or ""), attachments
            )
        except UnicodeEncodeError:
            message = f"a cell holds half of a surrogate pair, which cannot be written; {self.file}"
            raise RowFault((Problem(row.number, None, "template", message),)) from None
        return Letter(
            row.number, recipient.key, to, cc, bcc, reply_to, subject, headers, text, html,
            self._images, attachments, envelope, digest, size + self._images_size,
        )  # fmt: skip

    def addressee(self, row: Row) -> tuple[str, str]:
        """Whom the template's own To names for a row: name and address; both empty where it names nobody.

        Raises:
            RowFault: To cannot be filled in, or is not one address.
        """
        assert self._parts.to is not None, "the address column counts where the template has no To"
        faults: list[Problem] = []
        found = self._parts.to.fill(row, faults, nobody=True)
        if faults:
            raise RowFault(tuple(faults))
        if not found:
            return "", ""
        self._addressed = (row, found)
        return found[0][0], found[0][1].spec

    def _addressee(self, row: Row, recipient: Recipient, faults: list[Problem]) -> Mailbox:
        """The one person in To, who is the one of the envelope (A18)."""
        to = self._parts.to
        try:
            address = parse_address(recipient.address)
            if to is None:
                return (one_line(recipient.name) if recipient.name else ""), address
        except (AddressFault, Misuse) as error:
            recipe = self._recipe
            index = recipe.name_column if isinstance(error, Misuse) else recipe.address_column
            column = (
                recipe.columns[index].title if index is not None and index < len(recipe.columns) else "To"
            )
            faults.append(Problem(row.number, column, "address", str(error)))
            return _NOBODY
        known, found = self._addressed
        if known is not row:  # mostly it is: who judged this very row has just asked
            found = to.fill(row, faults)
        if not found:
            return _NOBODY
        if found[0][1] is not address and found[0][1].folded != address.folded:
            sentence = f"names another address than the address column; {to.place}"
            faults.append(Problem(row.number, "To", "address", sentence))
        return found[0]

    def _headers(self, row: Row, faults: list[Problem]) -> tuple[tuple[str, str], ...]:
        made: list[tuple[str, str]] = []
        for name, piece in self._parts.varying:
            value = piece.fill(row, faults)
            made.append((name, value))
            if name == "Importance":
                made.append(("X-Priority", priority(value)))
        return tuple(made)

    def _found(self, row: Row, faults: list[Problem], *, keep: bool) -> tuple[Attachment, ...]:
        found = [*self._parts.files]
        for field in self._parts.attachments:
            found += field.fill(row, faults, keep=keep)
        faults += _same_names(tuple(found), row.number)
        return tuple(found)

    def _envelope(
        self, to: Mailbox, cc: tuple[Mailbox, ...], bcc: tuple[Mailbox, ...], reply_to: tuple[Mailbox, ...]
    ) -> Envelope:
        """Everybody once, the row's own address first (A19)."""
        sender = self._parts.envelope_from
        if not (cc or bcc or reply_to):
            spec = to[1].spec
            return Envelope(sender, (spec,), not (self._plain_sender and spec.isascii()))
        people: dict[str, str] = {}
        for _, address in (to, *cc, *bcc):
            people.setdefault(address.folded, address.spec)
        specs = tuple(people.values())
        ascii_only = self._plain_sender and all(map(str.isascii, specs))
        return Envelope(
            sender, specs, not ascii_only or any(address.needs_smtputf8 for _, address in reply_to)
        )

    def compose(self, letter: Letter, message_id: str, moment: datetime) -> tuple[bytes, ...]:
        """The whole message in pieces, ending in CRLF. Pieces of attachments that all mails share are the same objects.

        Args:
            letter: from `render`.
            message_id: with angle brackets.
            moment: of the attempt, aware; becomes Date (A21).

        Raises:
            RowFault: reason `changed`: an attachment is not the one that was checked (B06).
        """
        subject = self._subject_line
        if subject and self._parts.subject is not None and letter.subject is not self._parts.subject.fixed:
            subject = None  # a letter that was redirected
        varying = varying_head(letter, subject, message_id, self._date(moment))
        files = (
            [part.entity or _entity(part, letter) for part in letter.attachments]
            if letter.attachments
            else ()
        )
        return self._skeleton.assemble(letter, varying, files)

    def _date(self, moment: datetime) -> str:
        """Date's value; a whole pass of a run has one moment. By identity, for equal moments may have different zones."""
        known, date = self._dated
        if known is not moment:
            date = rfc5322_date(moment)
            self._dated = (moment, date)
        return date

    def redirected(self, letter: Letter, address: Address, mark: str) -> Letter:
        """The letter for a test: to another address, marked in the subject, without Cc and Bcc."""
        envelope = Envelope(
            letter.envelope.sender, (address.spec,), letter.envelope.smtputf8 or address.needs_smtputf8
        )
        subject = f"{mark} {letter.subject}".strip()
        return letter._replace(to=(letter.to[0], address), cc=(), bcc=(), subject=subject, envelope=envelope)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self._recipe, self.fingerprint)


def _rebuilt(recipe: Recipe, fingerprint: str) -> Template:
    """The same template in another process; Refused if its files are no longer the same."""
    template = Template(**{name: getattr(recipe, name) for name in Recipe.__dataclass_fields__})
    if template.fingerprint != fingerprint:
        message = f"{template.file} or a file that belongs to it has changed since it was checked."
        raise Refused(message, reason="changed", problems=(Problem(None, None, "changed", message),))
    return template


def _same_names(attachments: tuple[Attachment, ...], row: int | None) -> list[Problem]:
    names = [attachment.name.casefold() for attachment in attachments]
    if len(set(names)) == len(names):
        return []
    again = next(part.name for number, part in enumerate(attachments) if names[number] in names[:number])
    sentence = f"two attachments of one mail are called {again!r}; give one of them another name"
    return [Problem(row, "Attachment", "attachment", sentence)]


def _entity(part: Attachment, letter: Letter) -> bytes:
    """A row's own file, read again where its octets were not kept; what is sent is what was hashed."""
    if part.content:
        return entity(part, part.content)
    try:
        content = read_file(part.file, part.path)
    except AttachmentFault as error:
        raise RowFault((_changed(letter, str(error)),), reason="changed") from None
    if hashlib.sha256(content).digest() != part.digest:
        raise RowFault(
            (_changed(letter, f"{part.path!r} has changed since it was checked"),), reason="changed"
        )
    return entity(part, content)


def _changed(letter: Letter, sentence: str) -> Problem:
    return Problem(letter.row, "Attachment", "changed", sentence)


def _goes_to_all(parts: Parts) -> Iterator[str]:
    """Whoever stands in the message itself gets every mail, with all that is in it."""
    for name, field in (("To", parts.to), ("Cc", parts.cc), ("Bcc", parts.bcc)):
        if field is not None and field.always:
            people = ", ".join(address.shown for address in field.always)
            if field.fixed:
                yield f"{name} is the same for all rows: every mail goes to {people}"
            else:
                yield f"{name} holds {people} in all rows: every mail goes there"
