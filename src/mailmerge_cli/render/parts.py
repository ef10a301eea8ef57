"""A template file, compiled into its parts: who sends, the headers, the attachments, the bodies.

Everything that is wrong is gathered, so that a person mends a template once, not line by line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from mailmerge_cli.address import Address, AddressFault, parse_mailbox
from mailmerge_cli.errors import FileMissing, Problem, Refused
from mailmerge_cli.model.table import Column
from mailmerge_cli.render.attachment import AttachmentFault, load
from mailmerge_cli.render.bodies import Bodies, BodyMaker
from mailmerge_cli.render.digest import netstrings
from mailmerge_cli.render.environment import FolderLoader
from mailmerge_cli.render.fault import Place
from mailmerge_cli.render.fields import AttachmentField, FieldPiece, MailboxField
from mailmerge_cli.render.headers import Field, TemplateFile, place_of, read_template
from mailmerge_cli.render.images import Images
from mailmerge_cli.render.letter import Attachment, Mailbox
from mailmerge_cli.render.scope import Scope
from mailmerge_cli.render.survey import refused

_FREE = frozenset({"Importance", "List-Unsubscribe", "List-Unsubscribe-Post"})
_NOBODY: Mailbox = ("", Address("nobody", "invalid"))
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Of what a template is made; see `Template`. It can be pickled, and makes the same template anywhere."""

    text: str = field(repr=False)
    path: Path | None
    folder: Path
    columns: tuple[Column, ...]
    constants: Mapping[str, object] = field(repr=False)
    attachments: tuple[str, ...]
    files: tuple[Path, ...]
    subject: str
    sender: str
    default_sender: str
    address_column: int
    name_column: int | None
    envelope_from: str
    lenient: bool = False


class Parts:
    """The compiled parts of a template.

    Attributes:
        sender: From.
        envelope_from: MAIL FROM.
        subject: None if the template has none.
        to, cc, bcc, reply_to: None where the template has none.
        varying: further headers that differ from row to row.
        fixed: further headers that do not.
        attachments: those of the template and of campaign.toml.
        files: those of the command line.
        images: of the HTML.
        bodies: text and HTML.
        lacking: what is wrong with files that all mails share, of a lenient recipe; such a mail must not be sent.

    Raises:
        Refused: everything that is wrong with the template.
        FileMissing: a file of the command line is not there.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._scope = Scope(recipe.columns, recipe.constants)
        self._problems: list[Problem] = []
        self.lacking: list[Problem] = []
        path = recipe.path
        self.file = path.name if path is not None else "the template"
        template = read_template(recipe.text, self.file, path.suffix if path is not None else "")
        self.sender = self._read_sender(template.one("From"))
        self.envelope_from = self._read_envelope_from()
        self._read_headers(template)
        self.attachments = self._read_attachments(template)
        self.files = tuple(_loaded(file) for file in recipe.files)
        self._companion = self._read_companion(template)
        bodies = self._read_bodies(template)
        if self._problems or bodies is None:
            raise refused([*self.lacking, *self._problems])
        self.bodies: Bodies = bodies

    def _attempt(self, make: Callable[[], T]) -> T | None:
        """What is made, or None with the problems noted."""
        try:
            return make()
        except Refused as error:
            self._problems += error.problems
            return None

    def _complain(self, header: str | None, sentence: str, kind: str = "header") -> None:
        self._problems.append(Problem(None, header, kind, sentence))

    def _read_sender(self, field: Field | None) -> Mailbox:
        """From: values only, one mailbox (A17)."""
        recipe = self._recipe
        text = recipe.sender or (field.value if field is not None else "") or recipe.default_sender
        place = Place(self.file, 0 if recipe.sender or field is None else field.line, "From", kind="header")
        if not text.strip():
            hint = "write `From: you@example.org` at its top, or give the account a sender"
            self._complain("From", f"{self.file} has no From; {hint}")
            return _NOBODY
        piece = self._attempt(lambda: MailboxField(self._scope, text, place, single=True))
        if piece is None:
            return _NOBODY
        if piece.fixed is None:
            self._complain(
                "From", f"{place} (From): no cells in From: all mails of a campaign have one sender"
            )
            return _NOBODY
        return piece.fixed[0]

    def _read_envelope_from(self) -> str:
        given = self._recipe.envelope_from.strip()
        if not given:
            return self.sender[1].spec
        try:
            return "" if given == "<>" else parse_mailbox(given)[1].spec
        except AddressFault as error:
            self._complain("envelope_from", f"envelope_from {error}")
            return ""

    def _read_headers(self, template: TemplateFile) -> None:
        given = Field("Subject", self._recipe.subject, 0) if self._recipe.subject else template.one("Subject")
        self.subject = self._field(given) if given is not None else None
        self.to = self._people(template.one("To"), single=True)
        self.cc = self._people(template.one("Cc"))
        self.bcc = self._people(template.one("Bcc"))
        self.reply_to = self._people(template.one("Reply-To"))
        free = [
            field for field in template.fields if field.name in _FREE or field.name.lower().startswith("x-")
        ]
        self._check_unsubscribe({field.name: field for field in free})
        made = [(field.name, piece) for field in free if (piece := self._field(field)) is not None]
        self.varying = [(name, piece) for name, piece in made if piece.fixed is None]
        self.fixed = [(name, piece.fixed) for name, piece in made if piece.fixed is not None]

    def _field(self, field: Field) -> FieldPiece | None:
        return self._attempt(lambda: FieldPiece(self._scope, field.value, place_of(field, self.file)))

    def _people(self, field: Field | None, *, single: bool = False) -> MailboxField | None:
        if field is None:
            return None
        return self._attempt(
            lambda: MailboxField(self._scope, field.value, place_of(field, self.file), single=single)
        )

    def _check_unsubscribe(self, fields: dict[str, Field]) -> None:
        """One-click unsubscription needs a link to click for the program (RFC 8058 §3.1)."""
        post = fields.get("List-Unsubscribe-Post")
        if post is not None and "List-Unsubscribe" not in fields:
            sentence = (
                f"{self.file}:{post.line}: List-Unsubscribe-Post needs a List-Unsubscribe with an https link"
            )
            self._complain(post.name, sentence)

    def _read_attachments(self, template: TemplateFile) -> list[AttachmentField]:
        here = [(field.value, place_of(field, self.file)) for field in template.all("Attachment")]
        listed = Place("[message] attachments", 0, "Attachment", kind="attachment")
        wanted = [*here, *((text, listed) for text in self._recipe.attachments)]
        return [field for text, place in wanted if (field := self._attachment(text, place)) is not None]

    def _attachment(self, text: str, place: Place) -> AttachmentField | None:
        try:
            return AttachmentField(self._scope, text, place, self._recipe.folder)
        except Refused as error:
            lacks = all(problem.kind == "attachment" for problem in error.problems)
            kept = self.lacking if self._recipe.lenient and lacks else self._problems
            kept += error.problems
            return None

    def _read_companion(self, template: TemplateFile) -> str | None:
        path = self._recipe.path
        beside = path.with_suffix(".txt") if path is not None else None
        if beside is None or beside == path or template.kind == "text" or not beside.is_file():
            return None
        try:
            return beside.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeError):
            self._complain(None, f"{beside.name} beside {self.file} cannot be read as UTF-8 text", "template")
            return None

    def _read_bodies(self, template: TemplateFile) -> Bodies | None:
        path, folder = self._recipe.path, self._recipe.folder.resolve()
        home = path.parent.resolve() if path is not None else folder
        root = folder if home.is_relative_to(folder) else home
        loader = FolderLoader(home, root)
        images = Images(home, root, self.sender[1].domain)
        maker = BodyMaker(self._scope, loader, images, self.file)
        companion_file = path.with_suffix(".txt").name if path is not None else ""
        bodies = self._attempt(lambda: maker.make(template, self._companion, companion_file))
        self.images = images.all
        self._included = tuple(loader.read(name) for name in bodies.files) if bodies is not None else ()
        return bodies

    @property
    def attached(self) -> tuple[int, int]:
        """The fewest and the most files that a mail has."""
        always = len(self.fixed_attachments)
        own = [field for field in self.attachments if field.fixed is None]
        return always + sum(not field.optional for field in own), always + len(own)

    @property
    def fixed_attachments(self) -> tuple[Attachment, ...]:
        """Files that all mails share."""
        return (*self.files, *(part for field in self.attachments for part in field.fixed or ()))

    def used(self) -> frozenset[int]:
        """Indexes of the columns that any part uses."""
        used: set[int] = set(self.bodies.usage.columns)
        for piece in (
            self.subject,
            self.to,
            self.cc,
            self.bcc,
            self.reply_to,
            *(piece for _, piece in self.varying),
        ):
            used |= piece.usage.columns if piece is not None else set()
        for attachment in self.attachments:
            used |= attachment.used
        if self.to is None:
            used |= {
                index
                for index in (self._recipe.address_column, self._recipe.name_column)
                if index is not None
            }
        return frozenset(used)

    def fingerprint(self) -> str:
        """A digest of everything but rows and constants."""
        recipe = self._recipe
        parts = [recipe.text, recipe.subject, recipe.sender, recipe.default_sender, recipe.envelope_from]
        parts += [
            str(recipe.attachments),
            str(recipe.address_column),
            str(recipe.name_column),
            repr(self._companion),
        ]
        parts += [str(len(self._included)), *self._included]
        parts += [
            f"{part.name}\0{part.type}\0{part.digest.hex()}"
            for part in (*self.images, *self.fixed_attachments)
        ]
        return hashlib.sha256(netstrings(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _loaded(file: Path) -> Attachment:
    """A file that the command line names."""
    if not file.exists():
        raise FileMissing(f"There is no file {str(file)!r} to attach.")
    try:
        return load(file.resolve(), str(file), file.name, shared=True)
    except AttachmentFault as error:
        raise refused([Problem(None, "Attachment", "attachment", f"Attachment: {error}")]) from None
