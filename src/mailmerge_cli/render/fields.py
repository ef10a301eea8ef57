"""The headers of a template, filled in for each row: free text, unsubscribe links, importance, and paths of attachments."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TypeVar

from mailmerge_cli.address import AddressFault, NoAddress
from mailmerge_cli.errors import Problem
from mailmerge_cli.model.table import Row
from mailmerge_cli.render.attachment import AttachmentFault, find_file, load
from mailmerge_cli.render.environment import Sandbox
from mailmerge_cli.render.fault import Misuse, Place, row_problem
from mailmerge_cli.render.letter import Attachment, Mailbox
from mailmerge_cli.render.lines import one_line
from mailmerge_cli.render.mailboxes import MailboxPiece
from mailmerge_cli.render.paths import may_be_empty, path_sandbox
from mailmerge_cli.render.piece import Piece
from mailmerge_cli.render.scope import Scope
from mailmerge_cli.render.survey import refused, survey

T = TypeVar("T")

_PARAMETER = re.compile(r";\s*([A-Za-z*]+)\s*=\s*")
_URIS = re.compile(
    r"<(?:https?://|mailto:)[!-;=?-~]+>(?:\s*,\s*<(?:https?://|mailto:)[!-;=?-~]+>)*"
).fullmatch
ONE_CLICK = "List-Unsubscribe=One-Click"  # RFC 8058 §3.1
_PRIORITY = {"high": "1", "normal": "3", "low": "5"}


class FieldPiece:
    """One header of free text.

    Args:
        scope: known names.
        text: its value.
        place: where it stands.
        blank: whether it may come out blank.
    """

    def __init__(self, scope: Scope, text: str, place: Place, *, blank: bool = False) -> None:
        environment = Sandbox()
        self.usage = survey(scope, environment, text, place)
        self.place = place
        self.blank = blank
        self._piece = Piece(scope, environment, text, self.usage)
        self.fixed: str | None = None
        if not self.usage.varies:
            self.fixed = _fixed(lambda: self._read(None), place)

    def fill(self, row: Row, faults: list[Problem]) -> str:
        """The value for one row; what is wrong is added to `faults`."""
        if self.fixed is not None:
            return self.fixed
        try:
            return self._read(row)
        except Exception as error:  # noqa: BLE001  a template raises whatever it likes
            faults.append(row_problem(error, row, self._piece.used, self.place))
            return ""

    def _read(self, row: Row | None) -> str:
        text = self._piece.fill(row)
        if not text.isprintable():
            text = one_line(text)
        text = text.strip(" ")
        if not text and not self.blank:
            raise Misuse(f"leaves {self.place.header} blank")
        return checked_value(self.place.header, text)


def checked_value(header: str, text: str) -> str:
    """The value of a header that has a form of its own; Misuse if it has not that form."""
    if header == "List-Unsubscribe" and _URIS(text) is None:
        raise Misuse(
            "makes no List-Unsubscribe: it is <https://…> or <mailto:…>, in angle brackets, ASCII, comma between"
        )
    if header == "List-Unsubscribe-Post" and text != ONE_CLICK:
        raise Misuse(f"makes no List-Unsubscribe-Post: its only value is {ONE_CLICK}")
    if header == "Importance":
        text = text.lower()
        if text not in _PRIORITY:
            raise Misuse("makes no Importance: it is high, normal or low")
    return text


def priority(importance: str) -> str:
    """X-Priority, for programs that do not know Importance."""
    return _PRIORITY.get(importance, "3")


class MailboxField:
    """One header of addresses.

    Attributes:
        fixed: all of them, where they are the same for all rows; else None.
        always: the addresses that stand in it whatever the row, as far as that can be seen.
    """

    def __init__(self, scope: Scope, text: str, place: Place, *, single: bool = False) -> None:
        self.usage = survey(scope, Sandbox(), text, place)
        self.place = place
        self._piece = MailboxPiece(scope, text, self.usage, single=single)
        self.fixed: tuple[Mailbox, ...] | None = None
        _fixed(self._piece.refuse_many, place)
        if not self.usage.varies:
            self.fixed = _fixed(lambda: self._piece.fill(None), place)
        people = self._piece.always() if self.fixed is None else self.fixed
        self.always = tuple(address for _, address in people)

    def fill(self, row: Row, faults: list[Problem], *, nobody: bool = False) -> tuple[Mailbox, ...]:
        """The mailboxes for one row; what is wrong is added to `faults`. `nobody`: none at all is no fault."""
        if self.fixed is not None:
            return self.fixed
        try:
            return self._piece.fill(row)
        except AddressFault as error:
            if nobody and isinstance(error, NoAddress):
                return ()
            faults.append(
                Problem(
                    row.number,
                    self.place.header,
                    "address",
                    f"{error}; {self.place}",
                )
            )
        except Exception as error:  # noqa: BLE001  a template raises whatever it likes
            faults.append(row_problem(error, row, self._piece.piece.used, self.place))
        return ()


class AttachmentField:
    """One `Attachment: slips/{{ staff_no }}.pdf; name="{{ name }}.pdf"`.

    Args:
        scope: known names.
        text: the header's value, or an entry of `attachments` in campaign.toml.
        place: where it stands.
        folder: the campaign's, which no attachment may lie outside of.

    Attributes:
        fixed: the file, or none, where it is the same for all rows; else None.
        optional: a row may have none, because its path comes out empty by a condition.
    """

    def __init__(self, scope: Scope, text: str, place: Place, folder: Path) -> None:
        self.place = place
        self._root = os.path.realpath(folder)
        path, name = _split(text, place)
        self.usage = survey(scope, Sandbox(), path, place)
        if self.usage.lines:
            sentence = f"{place}: an attachment's path is made of what all lines of a mail share, not of rows"
            raise refused([Problem(None, place.header, "attachment", sentence)])
        sandbox = path_sandbox(scope)
        self._path = Piece(scope, sandbox, path, self.usage)
        self.optional = may_be_empty(sandbox, path)
        naming = survey(scope, Sandbox(), name, place)
        self._name = Piece(scope, Sandbox(), name, naming) if name else None
        self._name_usage = naming
        self.used = self.usage.columns | naming.columns
        self.fixed: tuple[Attachment, ...] | None = None
        if not self.usage.varies and not naming.varies:
            self.fixed = _fixed(lambda: self._load(None, shared=True), place)

    def fill(self, row: Row, faults: list[Problem], *, keep: bool = False) -> tuple[Attachment, ...]:
        """The file for one row (none, if the path comes out empty by a condition), with its octets if `keep`; faults are added."""
        if self.fixed is not None:
            return self.fixed
        try:
            return self._load(row, keep=keep)
        except AttachmentFault as error:
            where = f"; {self.place}" if self.place.line else ""
            faults.append(Problem(row.number, self.place.header, "attachment", f"{error}{where}"))
        except Exception as error:  # noqa: BLE001  a template raises whatever it likes
            used = {
                column.index: column
                for column in (*self._path.used, *(self._name.used if self._name else ()))
            }
            faults.append(row_problem(error, row, tuple(used.values()), self.place))
        return ()

    def _load(self, row: Row | None, *, shared: bool = False, keep: bool = False) -> tuple[Attachment, ...]:
        path = one_line(self._path.fill(row))
        if not path:
            return ()
        name = self._name.fill(row).strip() if self._name is not None else ""
        if self._name is not None and not PurePosixPath(name).stem.strip(". "):
            raise AttachmentFault("its name is blank")
        file = find_file(self._root, path)
        return (load(file, path, name, from_cells=self.usage.varies, shared=shared, keep=keep),)


def _split(text: str, place: Place) -> tuple[str, str]:
    """Path and name, both unfilled."""
    found = list(_PARAMETER.finditer(text))
    for match in found:
        if match[1].lower() != "name":
            sentence = f'{place}: Attachment knows name="…" only, not {match[1]!r}'
            raise refused([Problem(None, place.header, "attachment", sentence)])
    path, name = (text[: found[0].start()], text[found[0].end() :]) if found else (text, "")
    if len(found) > 1 or not path.strip():
        sentence = f"{place}: an Attachment is one path and at most one name"
        raise refused([Problem(None, place.header, "attachment", sentence)])
    return _unquoted(path), _unquoted(name)


def _unquoted(text: str) -> str:
    text = text.strip().rstrip(";").rstrip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _fixed(make: Callable[[], T], place: Place) -> T:
    """The value that is the same for all rows; Refused if it cannot be made."""
    try:
        return make()
    except Exception as error:  # noqa: BLE001  a template raises whatever it likes
        sentence = (
            f"{place}: {place.header} {error}"
            if isinstance(error, Misuse | AddressFault)
            else f"{place}: {error}"
        )
        raise refused([Problem(None, place.header, place.kind, sentence)]) from None
