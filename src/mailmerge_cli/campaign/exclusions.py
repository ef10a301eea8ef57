"""Who must not get mail: lists of addresses and @domains, and the domains that alone are allowed.

Rule: an unknown line is refused, never ignored; a suppressed person must not be mailed because of a typing error.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mailmerge_cli.address import Address, AddressFault, parse_address
from mailmerge_cli.errors import FileMissing, Problem, Refused


@dataclass(frozen=True, slots=True)
class Exclusions:
    """Addresses and domains that are left out, each with the file that says so."""

    addresses: dict[str, str]
    domains: dict[str, str]

    def reason(self, address: Address) -> str:
        """Why this address is left out; empty if it is not."""
        if not self.addresses and not self.domains:
            return ""
        file = self.addresses.get(address.folded) or self.domains.get(address.domain)
        return f"excluded by {file}" if file else ""


def read_exclusions(files: Sequence[Path]) -> Exclusions:
    """Read lists of addresses and @domains; `#` begins a comment, a first line that is a title is passed over.

    Of a line with other fields the first address counts, so that an export of the unsubscribed can be used as it is; a line
    of nothing but addresses names them all.
    """
    exclusions = Exclusions({}, {})
    for file in files:
        _read(file, exclusions)
    return exclusions


def allowed_domain(domain: str) -> str:
    """A domain as it was written down (`example.org`, `@example.org`) in the form in which addresses are compared."""
    return parse_address("x@" + domain.strip().removeprefix("@")).domain


def _read(file: Path, exclusions: Exclusions) -> None:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FileMissing(f"The exclusion list {file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise Refused(f"The exclusion list {file} is not UTF-8; save it as “CSV UTF-8”.") from error
    first = True
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.partition("#")[0].strip()
        if not stripped:
            continue
        title = first and "@" not in line  # with an @ it is an address that was meant for somebody
        first = False
        if not _enter(stripped, file.name, exclusions) and not title:
            message = f"line {number} of {file.name} holds neither an address nor an @domain"
            raise Refused(
                f"{message[0].upper()}{message[1:]}. Mend or remove it, so that nobody is mailed by mistake.",
                problems=(Problem(number, None, "exclude", message),),
            )


def _enter(line: str, file: str, exclusions: Exclusions) -> bool:
    """Takes in whom a line names; whether it names anybody. What parts its fields is tried out, line by line."""
    for delimiter in ",;\t":
        fields = _fields(line, delimiter)
        found = [entry for entry in map(_entry, fields) if entry]
        # A line of nothing but addresses names them all; in a table the first one is the person's.
        for entry in found if len(found) == len(fields) else found[:1]:
            if entry.startswith("@"):
                exclusions.domains[entry[1:]] = file
            else:
                exclusions.addresses[entry] = file
        if found:
            return True
    return False


def _entry(field: str) -> str:
    """An address or an @domain in compared form; empty for anything else."""
    try:
        return f"@{allowed_domain(field)}" if field.startswith("@") else parse_address(field).folded
    except AddressFault:
        return ""


def _fields(line: str, delimiter: str) -> list[str]:
    try:
        record = next(csv.reader([line], delimiter=delimiter))
    except csv.Error:  # one field of a hundred thousand characters
        return []
    return [field.strip() for field in record if field.strip()]
