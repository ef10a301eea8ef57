"""What a server says it can do: the keywords of one EHLO reply (RFC 5321 §4.1.1.1)."""

from __future__ import annotations

from dataclasses import dataclass

from mailmerge_cli.transports.smtp.reply import Reply


@dataclass(frozen=True, slots=True)
class Offers:
    """The extensions that matter here.

    Attributes:
        size: octets that a message may have; 0 where the server names no limit.
        sized: SIZE= may be said with MAIL.
        mechanisms: of AUTH, upper case, in the server's order.
    """

    pipelining: bool = False
    eight_bit: bool = False
    smtputf8: bool = False
    starttls: bool = False
    sized: bool = False
    size: int = 0
    mechanisms: tuple[str, ...] = ()

    @classmethod
    def of(cls, reply: Reply) -> Offers:
        """Read an EHLO reply. What is not understood is not offered."""
        words = [line.decode("ascii", "replace").split() for line in reply.lines[1:]]
        said = {line[0].upper(): line[1:] for line in words if line}
        size = said.get("SIZE", [])
        return cls(
            pipelining="PIPELINING" in said,
            eight_bit="8BITMIME" in said,
            smtputf8="SMTPUTF8" in said,
            starttls="STARTTLS" in said,
            sized="SIZE" in said,
            size=int(size[0]) if size and size[0].isdecimal() else 0,
            mechanisms=_mechanisms(words),
        )


def _mechanisms(words: list[list[str]]) -> tuple[str, ...]:
    """`AUTH PLAIN LOGIN`; old Microsoft servers wrote `AUTH=LOGIN` too, and some still write only that."""
    found: dict[str, None] = {}
    for line in words:
        verb, _, first = line[0].upper().partition("=") if line else ("", "", "")
        if verb == "AUTH":
            found.update(dict.fromkeys(word.upper() for word in (first, *line[1:]) if word))
    return tuple(found)
