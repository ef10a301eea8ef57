"""What an address is: exactly one `local@domain`, and the mailboxes (`Name <a@b>`) that a person writes in headers.

Rule 1: what is refused is refused whole; nothing is guessed, cut off or taken from brackets.
Rule 2: a quoted local part (`"a b"@example.org`) is refused. RFC 5321 §4.1.2 asks everybody never to create such a
mailbox, and programs on the way read it as another one.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PLAIN = re.compile(
    rf"({_ATOM}(?:\.{_ATOM})*)@((?:{_LABEL}\.)+[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?)"
).fullmatch
_ODD_LABEL = re.compile(r"(?:^|\.)..--", re.DOTALL)
_AT_WORD = re.compile(r"[^\s@<>,;:()\"]+@[^\s@<>,;:()\"]+")
_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK")

LONGEST = 254  # RFC 5321 §4.5.3.1.3 (256 with the angle brackets), erratum 1690 of RFC 3696
LONGEST_LOCAL = 64  # RFC 5321 §4.5.3.1.1
_LOOKED_AT = 2000  # characters; the search for several addresses takes the square of them


class AddressFault(ValueError):
    """Why a text is not an address: a fragment that goes on a sentence, such as `has no @`."""


class NoAddress(AddressFault):
    """There is nothing at all where an address should be."""


class Address(NamedTuple):
    """One address. A tuple, because each row makes one.

    Attributes:
        local: what stands before the @, as written (NFC).
        domain: what stands behind it: A-labels, lower case.
    """

    local: str
    domain: str

    @property
    def spec(self) -> str:
        """The form of envelope and header: `local@domain`."""
        return f"{self.local}@{self.domain}"

    @property
    def unicode_domain(self) -> str:
        """The domain as people read it (U-labels)."""
        if "xn--" not in self.domain:
            return self.domain
        import idna

        return idna.decode(self.domain)

    @property
    def shown(self) -> str:
        """The form for people: the domain in U-labels."""
        return f"{self.local}@{self.unicode_domain}"

    @property
    def needs_smtputf8(self) -> bool:
        """Whether the local part holds other than ASCII (RFC 6531)."""
        return not self.local.isascii()

    @property
    def folded(self) -> str:
        """The form for comparison: without case."""
        return f"{self.local.casefold()}@{self.domain}"

    def __str__(self) -> str:
        return self.spec


@lru_cache(maxsize=512)  # a row's address is looked at several times: the list's column, To, the envelope
def parse_address(text: str) -> Address:
    """Exactly one address; ASCII white space around it is trimmed.

    Raises:
        AddressFault: it is empty, more than one, or none at all; the reason never repeats the text.
    """
    match = _PLAIN(text)
    if match is not None and len(text) <= LONGEST:
        local, domain = match.groups()
        if len(local) <= LONGEST_LOCAL and "--" not in domain and "=?" not in local:
            return Address(local, domain.lower())
    return _parse_slowly(text.strip(" \t\r\n"))


def _parse_slowly(text: str) -> Address:
    """The same for all that is not plain ASCII, and the reason for all that is no address."""
    if not text:
        raise NoAddress("is empty")
    if len(text) > _LOOKED_AT:
        raise AddressFault(f"is longer than {LONGEST} characters")
    _refuse_invisible(text)
    _refuse_shape(text)
    local, _, domain = text.rpartition("@")
    local = _checked_local(local)
    domain = _checked_domain(domain)
    if len(f"{local}@{domain}".encode()) > LONGEST:
        raise AddressFault(f"is longer than {LONGEST} characters")
    return Address(local, domain)


def _refuse_invisible(text: str) -> None:
    """Control, format and unusual space characters, named with code point and position (from 1)."""
    for position, char in enumerate(text, 1):
        if char in " \t\r\n":
            continue  # told as white space or as a second address
        category = unicodedata.category(char)
        if category in {"Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"}:
            name = unicodedata.name(char, "control character").lower()
            raise AddressFault(f"holds the invisible character U+{ord(char):04X} ({name}) at {position}")


_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), reason)
    for pattern, reason in (
        (r"mailto:", "begins with mailto:; write the address alone"),
        (r"[^@\"<]*:", "is a group of addresses, or has a colon before the @"),
        (r".*[<>]", "has angle brackets; write the address alone, without name and brackets"),
        (r'.*"', "has a quoted local part, which is not supported"),
        (r".*[()]", "has a comment in parentheses"),
        (r".*[,;]", "has a comma or semicolon; write exactly one address"),
        (r".*\s", "has white space inside"),
        (r"[^@]*＠", "has no @ (but a full-width ＠)"),
        (r"[^@]*$", "has no @"),
        (r".*@.*@", "has more than one @"),
    )
)


def _refuse_shape(text: str) -> None:
    """Whatever is more or other than one bare address."""
    several = len(_AT_WORD.findall(text)) > 1 and re.search(r"[,;\s]", text)
    if several and ":" not in text and "<" not in text:
        raise AddressFault("holds more than one address")
    flat = re.sub(r"[\r\n]", " ", text)
    for pattern, reason in _SHAPES:
        if pattern.match(flat):
            raise AddressFault(reason)


def _checked_local(local: str) -> str:
    if not local:
        raise AddressFault("has nothing before the @")
    if len(local.encode()) > LONGEST_LOCAL:
        raise AddressFault(f"has more than {LONGEST_LOCAL} characters before the @")
    if local.startswith(".") or local.endswith(".") or ".." in local:
        raise AddressFault("has a dot at the edge of its local part, or two dots in a row")
    if "=?" in local:
        raise AddressFault("has a local part that looks like an encoded word (=?…?=)")
    if local.isascii():
        if re.fullmatch(rf"{_ATOM}(?:\.{_ATOM})*", local) is None:
            raise AddressFault("has a character before the @ that may not stand there")
        return local
    from email_validator import EmailNotValidError, validate_email

    try:  # The domain is ours to check: email-validator refuses .test and .local, where internal mail lives.
        checked = validate_email(f"{local}@example.org", check_deliverability=False, allow_smtputf8=True)
    except EmailNotValidError:
        raise AddressFault("has a character before the @ that may not stand there") from None
    return unicodedata.normalize("NFC", checked.local_part)


def _checked_domain(domain: str) -> str:
    if not domain:
        raise AddressFault("has nothing behind the @")
    if domain.startswith("["):
        raise AddressFault("has an IP address for a domain")
    if domain.startswith(".") or domain.endswith(".") or ".." in domain:
        raise AddressFault("has a dot at the edge of its domain, or two dots in a row")
    ascii_domain = domain.lower()
    if not domain.isascii() or _ODD_LABEL.search(domain):
        ascii_domain = _to_ascii(domain)
    labels = ascii_domain.split(".")
    if len(labels) < 2:
        raise AddressFault("has a domain without a dot")
    for label in labels:
        if re.fullmatch(_LABEL, label) is None:
            raise AddressFault(_label_fault(label))
    if labels[-1].isdigit() or len(ascii_domain) > 253:
        raise AddressFault("has a domain that cannot exist")
    return ascii_domain


def _label_fault(label: str) -> str:
    if len(label) > 63:
        return "has a domain with a part of more than 63 characters"
    if label.startswith("-") or label.endswith("-"):
        return "has a domain with a part that begins or ends with a hyphen"
    return "has a character in its domain that may not stand there"


def _to_ascii(domain: str) -> str:
    """A-labels (IDNA 2008, with the mapping of UTS #46: case and width)."""
    import idna

    try:
        return idna.encode(domain, uts46=True, transitional=False).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        raise AddressFault("has an international domain that is not valid (IDNA 2008)") from None


def parse_mailbox(text: str) -> tuple[str, Address]:
    """`Name <a@b>`, `"Name, X" <a@b>`, `<a@b>` or `a@b`, as a person writes it: the name (may be empty) and the address.

    Raises:
        AddressFault: it is not exactly one mailbox.
    """
    mailboxes = parse_mailboxes(text)
    if len(mailboxes) != 1:
        raise AddressFault("holds more than one address") if mailboxes else NoAddress("is empty")
    return mailboxes[0]


def parse_mailboxes(text: str) -> tuple[tuple[str, Address], ...]:
    """A comma list of mailboxes; an empty text is an empty list. Groups and comments are refused."""
    return tuple(_one_mailbox(part) for part in split_mailboxes(text))


def split_mailboxes(text: str) -> list[str]:
    """The texts between the commas that stand outside quotes and brackets; AddressFault for an empty one."""
    if not text.strip(" \t\r\n"):
        return []
    parts, start, quoted, angle = [], 0, False, False
    place = 0
    while place < len(text):
        char = text[place]
        if quoted and char == "\\":
            place += 1
        elif char == '"':
            quoted = not quoted
        elif not quoted and char in "<>":
            angle = char == "<"
        elif char == "," and not quoted and not angle:
            parts.append(text[start:place])
            start = place + 1
        place += 1
    if quoted:
        raise AddressFault("has a quote that is not closed")
    parts.append(text[start:])
    if not all(part.strip(" \t\r\n") for part in parts):
        raise AddressFault("has a comma with no address beside it")
    return parts


def split_mailbox(text: str) -> tuple[str, str]:
    """One mailbox as its name (unquoted) and the text of its address; AddressFault if there is more to it."""
    text = text.strip(" \t\r\n")
    if not text.endswith(">"):
        if "<" in text:
            raise AddressFault("has text behind its closing angle bracket")
        return "", text
    name, bracket, address = text[:-1].rpartition("<")
    if not bracket:
        raise AddressFault("has a closing angle bracket but no opening one")
    return _unquoted(name.strip(" \t\r\n")), address


def _one_mailbox(text: str) -> tuple[str, Address]:
    name, address = split_mailbox(text)
    return name, parse_address(address)


def _unquoted(name: str) -> str:
    if len(name) >= 2 and name.startswith('"') and name.endswith('"'):
        inner = name[1:-1]
        if re.search(r'(?<!\\)(?:\\\\)*"', inner):
            raise AddressFault("has a name with a stray quote")
        return re.sub(r"\\(.)", r"\1", inner)
    if '"' in name or "<" in name or ">" in name or "@" in name:
        raise AddressFault("has a name that must stand in double quotes")
    if ";" in name or ":" in name:
        raise AddressFault("has a name with ; or : in it; groups are not supported, quote the name")
    return name


def mixed_script(unicode_domain: str) -> bool:
    """Whether one label has letters of more than one of Latin, Cyrillic and Greek, which look alike (UTS #39)."""
    return any(len(_scripts(label)) > 1 for label in unicode_domain.split("."))


def _scripts(label: str) -> set[str]:
    names = (unicodedata.name(char, "").split(" ", 1)[0] for char in label if char.isalpha())
    return {name for name in names if name in _SCRIPTS}
