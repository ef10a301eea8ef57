"""The question before a send: what is about to happen in a line, and an answer that nobody gives by accident."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailmerge_cli.cli.closing import mails
from mailmerge_cli.cli.layout import clock_time, cut
from mailmerge_cli.cli.screen import Screen

_NAME = 30  # cells that a name or key may take


class Answer(StrEnum):
    """What the person chose."""

    SEND = "send"
    TEST = "test"
    PREVIEW = "preview"
    QUIT = "quit"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a person should see before mails leave.

    Attributes:
        count: mails that would be sent now.
        sender: From, as recipients see it.
        server: host name, or where mails go instead.
        first, last: display names or keys of the first and last recipient.
        skipped: rows knowingly left out.
        rate: the limits in a word (`10/min`); empty if there is none.
        finish: when the last one would leave; None if that cannot be told.
        attachments: how many each mail has: `1 attachment each`, `up to 2 attachments each`; empty for none.
        extra: further lines: mails that go out a second time, `nothing leaves this machine`, …
    """

    count: int
    sender: str
    server: str
    first: str
    last: str
    skipped: int = 0
    rate: str = ""
    finish: datetime | None = None
    attachments: str = ""
    extra: tuple[str, ...] = ()


def confirm(screen: Screen, facts: Facts, now: datetime | None = None) -> Answer:
    """Show the facts and ask until the answer is plain; the end of the input means QUIT.

    Only the exact count sends, so neither Enter nor a habitual y does.

    Raises:
        UsageFault: nobody is there to answer.
    """
    screen.must_ask()
    screen.say(panel_line(facts, now or datetime.now().astimezone()))
    for line in facts.extra:
        screen.say(line)
    question = f"Type {facts.count} to send, t to send a test to yourself, p to preview, q to quit: "
    letters = {"t": Answer.TEST, "p": Answer.PREVIEW, "q": Answer.QUIT, "quit": Answer.QUIT}
    while (typed := screen.ask(question)) is not None:
        typed = unicodedata.normalize("NFKC", typed).lower()  # an input method may type full-width digits
        if typed == str(facts.count):
            return Answer.SEND
        if typed in letters:
            return letters[typed]
        if typed.isdigit():
            screen.say(
                f"That is another number; there {'is' if facts.count == 1 else 'are'} {mails(facts.count)}."
            )
    return Answer.QUIT


def panel_line(facts: Facts, now: datetime) -> str:
    """The first line: how many, from whom, through what, which ones, how long."""
    who = f"to {cut(facts.first, _NAME)}" if facts.count == 1 else (
        f"first {cut(facts.first, _NAME)}, last {cut(facts.last, _NAME)}"
    )  # fmt: skip
    done = f"done {clock_time(facts.finish, now)}" if facts.finish else ""
    parts = (
        f"{mails(facts.count)} from {facts.sender} through {facts.server}",
        f"{facts.skipped} skipped" if facts.skipped else "",
        who,
        facts.attachments,
        ", ".join(filter(None, (facts.rate, done))),
    )
    return " · ".join(filter(None, parts))
