"""Address headers with cells in them: the template says where names and addresses stand, a cell only what stands there (A03).

The template is filled in with words in the place of values, the structure is read from that, and then each value goes to
its place; so no cell can add a bracket, a comma or a second address. In Cc, Bcc and Reply-To a value that stands alone may
be a list, because then the sender said so; in To it must be one address.
"""

from __future__ import annotations

import re
from collections.abc import Callable
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
from mailmerge_cli.render.letter import Mailbox
from mailmerge_cli.render.lines import one_line
from mailmerge_cli.render.piece import Piece
from mailmerge_cli.render.scope import Scope
from mailmerge_cli.render.survey import Usage

_SLOT = re.compile("\ue000(\\d+)\ue001")


class MailboxPiece:
    """One address header of the template.

    Args:
        scope: known names.
        text: the header's value.
        usage: what `survey` found.
        single: exactly one address must come of it (To, From).
    """

    def __init__(self, scope: Scope, text: str, usage: Usage, *, single: bool) -> None:
        environment = Sandbox(outputs=_always_slot, printing={"_slot": _slot})
        self.piece = Piece(scope, environment, text.replace("\ue000", "").replace("\ue001", ""), usage)
        self.single = single

    def fill(self, row: Row | None) -> tuple[Mailbox, ...]:
        """The mailboxes for one row. Raises AddressFault, Misuse or whatever the template raises."""
        slots: list[str] = []
        text = one_line(self.piece.fill(row, **{" slots": slots}))
        found: list[Mailbox] = []
        for part in split_mailboxes(text) if text.strip(" ,") else []:
            found += self._read(part.strip(), lambda text: _filled(text, slots))
        if self.single and len(found) != 1:
            raise AddressFault(_many(self.piece.place.header)) if found else NoAddress("is empty")
        return tuple(found)

    def _read(self, part: str, filled: Callable[[str], str]) -> list[Mailbox]:
        if _SLOT.fullmatch(part):
            value = one_line(filled(part))
            if self.single and self.piece.varies:
                return [("", parse_address(value))]
            return list(parse_mailboxes(value.replace(";", ",") if self.piece.varies else value))
        name, address = (one_line(filled(half)) for half in split_mailbox(part))
        if not name and not address and not self.single:
            return []
        return [(name, parse_address(address))]


def _many(header: str) -> str:
    advice = "; keep the one whose mail it is, and write the others into Cc" if header == "To" else ""
    return f"holds more than one address{advice}"


def _filled(text: str, slots: list[str]) -> str:
    """The values in their places; a value that a template kept in a variable may hold words itself."""
    while _SLOT.search(text):
        text = _SLOT.sub(lambda match: slots[int(match[1])], text)
    return text


def _always_slot(expression: nodes.Expr) -> str:  # noqa: ARG001  every expression alike
    return "_slot"


@pass_context
def _slot(context: Context, value: Any) -> str:
    slots: list[str] = context.parent[" slots"]
    slots.append(str(printed(value)))
    return f"\ue000{len(slots) - 1}\ue001"
