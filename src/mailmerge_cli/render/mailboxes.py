"""Address headers with cells in them: the template says where names and addresses stand, a cell only what stands there (A03).

The template is filled in with words in the place of values, the structure is read from that, and then each value goes to
its place; so no cell can add a bracket, a comma or a second address. In Cc, Bcc and Reply-To a value that stands alone may
be a list, because then the sender said so; in To it must be one address.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from itertools import count
from typing import Any

from jinja2 import nodes, pass_context
from jinja2.runtime import Context

from mailmerge_cli.address import (
    AddressFault,
    NoAddress,
    parse_address,
    parse_mailboxes,
    split_mailbox,
    split_mailboxes,
)
from mailmerge_cli.model.table import Row
from mailmerge_cli.render.environment import Sandbox, printed
from mailmerge_cli.render.fault import Misuse
from mailmerge_cli.render.letter import Mailbox
from mailmerge_cli.render.lines import one_line
from mailmerge_cli.render.piece import Piece
from mailmerge_cli.render.scope import Scope
from mailmerge_cli.render.straight import Straight, straight
from mailmerge_cli.render.survey import Usage

_MARK = (
    f"\ue000{int.from_bytes(os.urandom(8))}."  # no cell can hold it; no letters, which a filter could change
)
_SLOT = re.compile(re.escape(_MARK) + "(\\d+)\ue001")

_Half = str | int
"""A name or an address: the number of the slot that it is, or a text with slots."""


class MailboxPiece:
    """One address header of the template.

    Args:
        scope: known names.
        text: the header's value.
        usage: what `survey` found.
        single: exactly one address must come of it (To, From).
    """

    def __init__(self, scope: Scope, text: str, usage: Usage, *, single: bool) -> None:
        text = text.replace("\ue000", "").replace("\ue001", "")
        environment = Sandbox(outputs=_always_slot, printing={"_slot": _slot})
        self.piece = Piece(scope, environment, text, usage)
        self.single = single
        self._straight = straight(scope, Sandbox(), text)
        self._form = _form(self._straight) if self._straight is not None else None
        # One value and nothing else, as in nearly every To.
        self._lone = self._form if self._form == ((0,),) and single and self.piece.varies else None

    def fill(self, row: Row | None) -> tuple[Mailbox, ...]:
        """The mailboxes for one row. Raises AddressFault, Misuse or whatever the template raises."""
        form, slots = self._slots(row)
        if form is self._lone:
            return (("", parse_address(one_line(slots[0]))),)
        if self.single and len(form) != 1:
            raise AddressFault(_many(self.piece.place.header)) if form else NoAddress("is empty")
        if len(form) == 1:
            return self._read(form[0], slots)
        return tuple(mailbox for part in form for mailbox in self._read(part, slots))

    def refuse_many(self) -> None:
        """AddressFault where one address is meant and every row would come to more, whatever its cells hold."""
        if self.single and self._form is not None and len(self._form) > 1:
            raise AddressFault(_many(self.piece.place.header))

    def always(self) -> tuple[Mailbox, ...]:
        """Those whose address is the same in all rows: it is written down, or a constant."""
        if self._form is None or self._straight is None:
            return ()  # it depends on the row who is named at all
        slots = self._straight.constants()
        found: list[Mailbox] = []
        for *_, address in self._form:
            numbers = (address,) if isinstance(address, int) else map(int, _SLOT.findall(address))
            if all(slots[number] is not None for number in numbers):
                with suppress(AddressFault):  # the rows will tell
                    found += self._read((address,), [text or "" for text in slots])
        return tuple(found)

    def _slots(self, row: Row | None) -> tuple[tuple[tuple[_Half, ...], ...], list[str]]:
        """The header's form, and the values for this row."""
        if self._form is not None and self._straight is not None and row is not None:
            try:
                return self._form, self._straight.values(row.cells)
            except Exception:  # noqa: BLE001, S110  Jinja raises it again
                pass
        slots: list[str] = []
        return _taken_apart(self.piece.fill(row, **{" slots": slots})), slots

    def _read(self, part: tuple[_Half, ...], slots: list[str]) -> tuple[Mailbox, ...]:
        if len(part) == 1:
            value = one_line(_filled(part[0], slots))
            if self.single and self.piece.varies:
                return (("", parse_address(value)),)
            people = parse_mailboxes(value.replace(";", ",") if self.piece.varies else value)
            if self.single and len(people) != 1:
                raise AddressFault(_many(self.piece.place.header)) if people else NoAddress("is empty")
            return people
        name, address = (one_line(_filled(half, slots)) for half in part)
        if not name and not address and not self.single:
            return ()
        return ((name, parse_address(address)),)


def _form(straight: Straight) -> tuple[tuple[_Half, ...], ...] | None:
    """The form that a header has in all rows; None where it has none, which each row will tell."""
    numbers = count()
    text = "".join(
        part if isinstance(part, str) else f"{_MARK}{next(numbers)}\ue001" for part in straight.parts
    )
    try:
        return _taken_apart(text)
    except (AddressFault, Misuse):
        return None


def _taken_apart(text: str) -> tuple[tuple[_Half, ...], ...]:
    """The mailboxes of a filled header: a slot alone, or a name and an address, both with slots."""
    text = one_line(text)
    parts = [part.strip() for part in split_mailboxes(text)] if text.strip(" ,") else []
    return tuple(
        (_half(part),) if _SLOT.fullmatch(part) else tuple(map(_half, split_mailbox(part))) for part in parts
    )


def _half(text: str) -> _Half:
    match = _SLOT.fullmatch(text)
    return int(match[1]) if match else text


def _many(header: str) -> str:
    advice = "; keep the one whose mail it is, and write the others into Cc" if header == "To" else ""
    return f"holds more than one address{advice}"


def _filled(half: _Half, slots: list[str]) -> str:
    """The values in their places."""
    if isinstance(half, int):
        return slots[half]
    return _SLOT.sub(lambda match: slots[int(match[1])], half) if _MARK in half else half


def _always_slot(expression: nodes.Expr) -> str:  # noqa: ARG001  every expression alike
    return "_slot"


@pass_context
def _slot(context: Context, value: Any) -> str:
    slots: list[str] = context.parent[" slots"]
    text = str(printed(value))
    if _MARK in text:  # what a template kept in a variable holds slots itself, made before this one
        text = _SLOT.sub(lambda match: slots[int(match[1])], text)
    slots.append(text)
    return f"{_MARK}{len(slots) - 1}\ue001"
