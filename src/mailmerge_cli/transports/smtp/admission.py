"""From a mail's envelope to the server's word on it: may its content come?

Rule: every reply of a group is read, in order, whatever the first one said; only the conversation's state CONTENT lets content out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import IntEnum
from itertools import repeat
from typing import NamedTuple

from mailmerge_cli.model.mail import Mail
from mailmerge_cli.transports.smtp import commands
from mailmerge_cli.transports.smtp.envelope import group, mail_line, steps
from mailmerge_cli.transports.smtp.reply import Reply
from mailmerge_cli.transports.smtp.session import Session
from mailmerge_cli.transports.smtp.states import State, Step

HOLD = 0.25
"""Seconds that an earlier mail's outcome waits for the answers to this envelope; then it is committed alone."""

_SINGLE = ("mail", "rcpt", "data")
_SINGLE_AGAIN = ("reset", *_SINGLE)


class Ahead(IntEnum):
    """How much is written before the replies to it are in."""

    NOTHING = 0
    ENVELOPE = 1
    NEXT = 2


class Answer(NamedTuple):
    """A reply and what it was to: `reset`, `mail`, `rcpt` (then `recipient` counts, from 0), `data`."""

    phase: str
    reply: Reply
    recipient: int = 0


class Admission:
    """The envelopes of one connection.

    Attributes:
        phase: what was asked last, or whose reply is missing.
        behind: an envelope stands behind a final dot, and its replies are not all in.
        stumbled: the server lost its way in what stood behind a dot.
    """

    def __init__(
        self, session: Session, ahead: Ahead, *, stall: float, meanwhile: Callable[[], Awaitable[None]]
    ) -> None:
        """`stall`: seconds for a reply to what stands behind a dot; 0: as for each. `meanwhile`: called when replies take long."""
        self.phase = "mail"
        self.behind = False
        self.stumbled = False
        self._session = session
        self._wire = session.wire
        self._talk = session.wire.talk
        self._ahead = ahead
        self._stall = stall
        self._meanwhile = meanwhile
        self._reset = False

    def write(self, mail: Mail) -> None:
        """Write the envelope as one group, where groups are written."""
        self.phase = "mail"
        self._reset = self._talk.state is not State.READY
        if self._ahead is Ahead.NOTHING:
            return
        words = group(mail, self._session.offers, reset=self._reset)
        self._talk.ask(*steps(mail, reset=self._reset))
        self._session.show(words)
        self._wire.write(words)

    def words_behind(self, mail: Mail) -> tuple[bytes, tuple[Step, ...]]:
        """The group for the same write as the final dot before it, and its steps, for the caller to ask."""
        self._reset = self.behind = True
        words = group(mail, self._session.offers, reset=True)
        self._session.show(words)
        return words, steps(mail, reset=True)

    async def answer(self, mail: Mail) -> Answer | None:
        """None: the server waits for the content. Else the reply that keeps it back. Raises `Broken` where replies are missing."""
        if self._ahead is Ahead.NOTHING:
            return decisive(await self._step_by_step(mail))
        phases = self._phases(len(mail.envelope.recipients))
        await self._arrive(len(phases))
        complete = phases[-1] == "data"
        if complete and self._talk.state is State.CONTENT:
            # The way to this state is over good replies only, so with one recipient there is nothing to weigh.
            self._wire.pass_over(len(phases))
            self.behind = False
            return None
        answers = self._weighed(phases)
        if not complete and decisive(answers) is None:
            answers.append(await self._ask("data", Step.DATA, commands.DATA))
        return decisive(answers)

    async def lone_dot(self) -> None:
        """End a DATA that has no recipient. There is nobody it could be delivered to, so whatever is answered is no matter."""
        await self._ask("end of data", Step.END, commands.END_OF_DATA)

    def _phases(self, recipients: int) -> tuple[str, ...]:
        """What the replies of a group are to."""
        if recipients == 1:
            return _SINGLE_AGAIN if self._reset else _SINGLE
        lead = ("reset", "mail") if self._reset else ("mail",)
        return (*lead, *repeat("rcpt", recipients))

    def _weighed(self, phases: tuple[str, ...]) -> list[Answer]:
        """The replies to a whole group, as far as they have come, up to a 421."""
        wire, talk = self._wire, self._talk
        answers: list[Answer] = []
        first = phases.index("rcpt")
        for place, phase in enumerate(phases):
            if not wire.replies and decisive(answers) is not None:
                break  # the rest will never come, and what came is enough to settle the mail
            self.phase = phase
            answers.append(Answer(phase, wire.pick(), max(0, place - first)))
            if answers[-1].reply.code == 421:
                return answers
        # A reply that cannot be, such as a 354 after a refused MAIL, answers something older.
        self.stumbled = self.stumbled or (self.behind and bool(talk.fault))
        self.behind = False
        return answers

    async def _step_by_step(self, mail: Mail) -> list[Answer]:
        """One command, one reply, up to the first that is refused."""
        plan = [("reset", Step.RSET, commands.RSET, 0)] if self._reset else []
        plan.append(("mail", Step.MAIL, mail_line(mail, self._session.offers), 0))
        for count, address in enumerate(mail.envelope.recipients):
            plan.append(("rcpt", Step.RCPT, commands.rcpt_to(address), count))
        plan.append(("data", Step.DATA, commands.DATA, 0))
        answers = []
        for phase, step, words, recipient in plan:
            answers.append((await self._ask(phase, step, words))._replace(recipient=recipient))
            if answers[-1].reply.kind != 2:
                break
        return answers

    async def _ask(self, phase: str, step: Step, words: bytes) -> Answer:
        self.phase = phase
        self._talk.ask(step)
        self._session.show(words)
        self._wire.write(words)
        await self._arrive(1)
        return Answer(phase, self._wire.pick())

    async def _arrive(self, want: int) -> None:
        """Wait for so many replies; if they take long, what is known already is put on record."""
        wire = self._wire
        if len(wire.replies) >= want:
            return
        await wire.until(want, patience=HOLD)
        if len(wire.replies) < want:
            await self._meanwhile()
            await wire.until(want, self._stall if self.behind else 0.0)


def decisive(answers: list[Answer]) -> Answer | None:
    """The reply that keeps the content back, None where it may go.

    A recipient that is refused for good settles the row, whatever the others might get later (P14), and also where the server
    hangs up right after it, because this was one error too many. Then a 421, or a refused RSET; then MAIL's; then the worst of the
    recipients'; then DATA's.
    """
    refused = [each for each in answers if each.reply.kind != (3 if each.phase == "data" else 2)]
    if not refused:
        return None
    first = refused[0]
    worst = max(
        (each for each in refused if each.phase == "rcpt"), key=lambda each: each.reply.kind, default=first
    )
    if first.phase == "rcpt" and worst.reply.kind == 5:
        return worst
    for each in refused:
        if each.reply.code == 421:
            return each
    return worst if first.phase == "rcpt" else first
