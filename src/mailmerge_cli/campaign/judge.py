"""One row becomes a recipient, a person knowingly left out, or a list of everything that is wrong with it.

Rule: a problem names row and column and says what to do; it repeats no cell but the address and the key.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from mailmerge_cli.address import Address, AddressFault, mixed_script, parse_address
from mailmerge_cli.campaign.columns import Roles
from mailmerge_cli.campaign.exclusions import Exclusions
from mailmerge_cli.errors import Problem
from mailmerge_cli.model.campaign import NoAddress
from mailmerge_cli.model.cell import Cell, CellFault, FaultCell
from mailmerge_cli.model.mail import Recipient
from mailmerge_cli.model.table import Column, Row
from mailmerge_cli.render.fault import RowFault
from mailmerge_cli.sources.scruple import FORBIDDEN


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that knowingly gets no mail."""

    row: int
    key: str
    address: str
    reason: str


@dataclass(frozen=True, slots=True)
class Bad:
    """A row that cannot be sent as it is, with all that is wrong with it."""

    row: int
    key: str
    address: str
    problems: tuple[Problem, ...]


NO_ADDRESS = "has no address"
"""What is wrong with a row without one; `no_address` may say that it is meant so."""

Judgement = Recipient | LeftOut | Bad | None
"""None: the row is not selected by `where`."""


class Judge:
    """Looks at rows one by one, by the campaign's rules.

    Args:
        roles: which column is what.
        where: tells whether a row is selected; raises RowFault if it cannot tell. None: all are.
        to: the mailbox that the template's own To makes of a row; None: the address column counts.
        exclusions: who is left out.
        only_domains: the domains that alone are allowed, in compared form; empty for all.
        no_address: what a row without an address is.
    """

    def __init__(
        self,
        roles: Roles,
        *,
        where: Callable[[Row], object] | None = None,
        to: Callable[[Row], tuple[str, str]] | None = None,
        exclusions: Exclusions | None = None,
        only_domains: frozenset[str] = frozenset(),
        no_address: NoAddress = NoAddress.REFUSE,
    ) -> None:
        self._roles = roles
        self._where = where
        self._to = to
        self._exclusions = exclusions or Exclusions({}, {})
        self._only_domains = only_domains
        self._no_address = no_address

    def judge(self, row: Row) -> Judgement:
        """What this row is."""
        if row.problems:
            return Bad(row.number, self._key_text(row), "", row.problems)
        try:
            if self._where is not None and not self._where(row):
                return None
            name, written = self._mailbox(row)
        except RowFault as fault:
            return Bad(row.number, self._key_text(row), "", fault.problems)
        except CellFault as fault:
            return Bad(
                row.number,
                self._key_text(row),
                "",
                (self._problem(row, self._roles.email, "cell", str(fault)),),
            )
        if not written:
            return self._without_address(row)
        return self._with_address(row, name, written)

    def _mailbox(self, row: Row) -> tuple[str, str]:
        if self._to is not None:
            return self._to(row)
        roles = self._roles
        assert roles.email is not None
        name = clean(row.cells[roles.name.index]) if roles.name else ""
        return name, str(row.cells[roles.email.index]).strip(" \t\r\n")

    def _without_address(self, row: Row) -> Judgement:
        key = self._key_text(row)
        if self._no_address is NoAddress.SKIP:
            return LeftOut(row.number, key, "", "no address")
        return Bad(row.number, key, "", (self._problem(row, self._roles.email, "address", NO_ADDRESS),))

    def _with_address(self, row: Row, name: str, written: str) -> Judgement:
        problems: list[Problem] = []
        address: Address | None = None
        try:
            address = parse_address(written)
            if self._only_domains and address.domain not in self._only_domains:
                problems.append(self._outside(row, address))
        except AddressFault as fault:
            problems.append(self._problem(row, self._roles.email, "address", str(fault)))
        key = self._key(row, address, problems)
        if self._roles.required:
            problems += self._required(row)
        if address is None or problems:
            return Bad(row.number, key, address.spec if address else _attempt(written), tuple(problems))
        if reason := self._exclusions.reason(address):
            return LeftOut(row.number, key, address.spec, reason)
        return Recipient(row.number, key, address.spec, name)

    def _outside(self, row: Row, address: Address) -> Problem:
        look_alike = " (it mixes letters of several scripts)" if mixed_script(address.shown) else ""
        text = f"{address.shown} is outside the allowed domains{look_alike}; correct the address, or allow the domain too (--only-domain; only_domains in campaign.toml)"
        return self._problem(row, self._roles.email, "domain", text)

    def _key(self, row: Row, address: Address | None, problems: list[Problem]) -> str:
        if self._roles.key is None:
            return address.folded if address else ""
        key = self._key_text(row)
        if not key:
            problems.append(
                self._lack(row, self._roles.key, "key", "is blank, and it names the person; fill it in")
            )
        return key

    def _key_text(self, row: Row) -> str:
        """The key as far as the row has one. No other cell stands in for it: what it holds would reach the ledger."""
        column = self._roles.key or self._roles.email
        text = clean(row.cells[column.index]) if column and column.index < len(row.cells) else ""
        if FORBIDDEN.search(text):
            return ""
        return text if self._roles.key else _folded(text)

    def _required(self, row: Row) -> list[Problem]:
        return [
            self._lack(line, column, "required", "is empty, and it is required; fill it in")
            for line in row.lines
            for column in self._roles.required
            if not clean(line.cells[column.index])
        ]

    def _lack(self, row: Row, column: Column, kind: str, blank: str) -> Problem:
        """Why a cell has no text: because it is blank, or for the cell's own reason."""
        cell = row.cells[column.index] if column.index < len(row.cells) else ""
        if isinstance(cell, FaultCell):
            return self._problem(row, column, "cell", cell.reason)
        return self._problem(row, column, kind, blank)

    def _problem(self, row: Row, column: Column | None, kind: str, message: str) -> Problem:
        return Problem(row.number, column.title if column else "To", kind, message)


def _folded(text: str) -> str:
    """An address as a key; empty for what is none."""
    try:
        return parse_address(text).folded
    except AddressFault:
        return ""


def _attempt(written: str) -> str:
    """What was written where an address should be, if it was meant for one; a shifted row has a salary there."""
    return written if "@" in written else ""


def clean(cell: Cell) -> str:
    """A cell's displayed text, trimmed, NFC; empty for a cell that must not be used."""
    try:
        text = str(cell).strip()
    except CellFault:
        return ""
    return text if text.isascii() else unicodedata.normalize("NFC", text)
