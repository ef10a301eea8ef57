"""The SMTP client without input and output: what was written, what was answered, what may be said next.

Rule 1: no socket, no clock, no await; bytes in, replies out.
Rule 2: what is written is noted first (`ask`), so that every reply finds its question.
"""

from __future__ import annotations

from collections import deque

from mailmerge_cli.transports.smtp.reply import Botched, Reply, ReplyParser
from mailmerge_cli.transports.smtp.states import TABLE, WRITABLE, State, Step, after

_AFTER: dict[tuple[State, Step, int], State] = {}
"""What `after` said before: the same few questions come with every mail."""

_RESTRICTED = frozenset(WRITABLE)


class Conversation:
    """One connection's worth of SMTP.

    Attributes:
        state: the server's, after all replies so far.
        replies: those that nobody has picked up yet, in order.
        fault: what ended the conversation when it was not a reply to something: no SMTP, out of step, unasked; else empty.
        unasked: a reply that came while nothing was asked (a 421 on an idle connection, a 552 in the middle of content).
    """

    __slots__ = ("_botched", "_fresh", "_parser", "asked", "fault", "replies", "state", "unasked")

    def __init__(self) -> None:
        self.state = State.DIALLED
        self.asked: deque[Step] = deque((Step.BANNER,))
        self.replies: deque[Reply] = deque()
        self.fault = ""
        self.unasked: Reply | None = None
        self._parser = ReplyParser()
        self._fresh: list[Reply] = []
        self._botched = False

    @property
    def over(self) -> bool:
        """Whether nothing more can be said."""
        return self.state is State.OVER

    @property
    def quiet(self) -> bool:
        """Whether every question has its whole answer, and nothing came on top."""
        return not (self.asked or self.replies or self.unasked or self._parser.halfway)

    def ask(self, *steps: Step) -> None:
        """Note what is about to be written, in order. A bug of ours, not the server's, raises AssertionError."""
        if not _RESTRICTED.isdisjoint(steps):
            for step in steps:
                allowed = WRITABLE.get(step)
                assert allowed is None or (self.state in allowed and not self.asked), (self.state, step)
        self.asked.extend(steps)

    def secured(self) -> None:
        """The TLS handshake is done: what was offered before it is forgotten, EHLO comes again (RFC 3207 §4.2)."""
        assert self.state is State.SECURING
        self.state = State.GREETED

    def receive(self, chunk: bytes) -> None:
        """Take in what the server sent; replies that are whole go to `replies`, the state follows them.

        Behind something that is no SMTP nobody can tell which command a reply answers: the 554 to DATA must not burn the recipient.
        """
        fresh = self._fresh
        if self._botched:
            return
        try:
            self._parser.receive(chunk, fresh)
        except Botched as botched:
            self._botched = True
            self._take(fresh)
            self._end(str(botched))
        else:
            self._take(fresh)

    def _take(self, fresh: list[Reply]) -> None:
        state, asked = self.state, self.asked
        for reply in fresh:
            if not asked or state is State.OVER:
                self._unexpected(reply)
                state = self.state
                continue
            step, before = asked.popleft(), state
            question = (state, step, reply.code)
            known = _AFTER.get(question)
            if known is None:
                known = _AFTER[question] = after(*question)
            state = self.state = known
            self.replies.append(reply)
            if state is State.OVER and not _ends(before, step, reply):
                self._end(f"{reply.code} to {step} while {before}")
        fresh.clear()

    def _unexpected(self, reply: Reply) -> None:
        """After the end, leftovers of a group are still picked up; all else that nobody asked for ends the conversation."""
        if self.asked:
            self.asked.popleft()
            self.replies.append(reply)
        elif self.unasked is None:
            self.unasked = reply
            self._end(f"a reply to nothing: {reply}")

    def _end(self, fault: str) -> None:
        self.fault = self.fault or fault
        self.state = State.OVER


def _ends(state: State, step: Step, reply: Reply) -> bool:
    """Whether the conversation may end this way: a 421, or an end that the table knows."""
    return reply.code == 421 or reply.kind in TABLE[state].get(step, {})
