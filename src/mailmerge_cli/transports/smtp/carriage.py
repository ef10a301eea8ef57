"""One connection at work: it takes mails, has their envelopes admitted, commits, sends contents, and settles each.

Rule 1: content leaves only when `feed.commit(..., begun=mail)` has returned and the conversation is in state CONTENT.
Rule 2: an outcome waits for the next intent, to share its commit, only while that intent is on its way; one that is about all mails waits for nothing.
Rule 3: on every way out, what was taken is settled: UNKNOWN once the final dot may have left, DEFERRED after part of the
content, RELEASED before.

How far ahead is written (`Ahead`): nothing; the envelope as one group, MAIL RCPT DATA (RFC 2920); or the next mail's envelope
behind this one's final dot, in the same write: content `.` RSET MAIL RCPT DATA. The RSET keeps a refused message's sender from
coming back to life on some servers. DATA is in a group only for a mail with one recipient: of several, one refused must still be
able to stop it.
"""

from __future__ import annotations

import contextlib
from enum import IntEnum
from typing import NoReturn

from mailmerge_cli.errors import Unreachable
from mailmerge_cli.model.account import Account
from mailmerge_cli.model.mail import Advice, Blame, Mail, Outcome, Settlement, Verdict
from mailmerge_cli.model.transport import Feed
from mailmerge_cli.transports.smtp import commands
from mailmerge_cli.transports.smtp.admission import Admission, Ahead, Answer
from mailmerge_cli.transports.smtp.envelope import objection
from mailmerge_cli.transports.smtp.replies import accepted, classify, last_on_connection
from mailmerge_cli.transports.smtp.session import Session
from mailmerge_cli.transports.smtp.states import State, Step
from mailmerge_cli.transports.smtp.wire import Broken

STALL = 10.0
"""Seconds after which `auto` takes a server that answered the end of data, and not what stood behind it, for one that lost it."""

_END = (Step.END,)
_ONE_WRITE = 128 * 1024
_SLICE = 64 * 1024


class Stage(IntEnum):
    """How far a mail has come."""

    TAKEN = 0  # its envelope may be on its way
    BEGUN = 1  # the ledger holds the intent; no octet of content has left
    PARTLY = 2  # some content may have left, the final dot not
    WHOLE = 3  # the final dot may have left: only the reply can tell


class Ended(Exception):
    """The connection ends in good order, by the server's wish or ours: another one goes on."""


class Carriage:
    """The work on one session.

    Attributes:
        served: mails that were answered at their end of data on this connection.
    """

    def __init__(self, session: Session, feed: Feed, account: Account, ahead: Ahead, *, wary: bool) -> None:
        """`wary`: writing behind a final dot is a trial; a server that does not cope with it gets a gentler connection next."""
        self.served = 0
        self._session = session
        self._offers = session.offers
        self._wire = session.wire
        self._talk = session.wire.talk
        self._feed = feed
        self._account = account
        self._ahead = ahead
        self._wary = wary
        stall = min(STALL, account.timeout) if wary else 0.0
        self._admission = Admission(session, ahead, stall=stall, meanwhile=self._commit_held)
        self._held: Settlement | None = None  # its outcome is known and not committed
        self._mail: Mail | None = None  # the one at work
        self._stage = Stage.TAKEN
        self._follower: Mail | None = None  # taken ahead
        self._dry = False

    @property
    def stumbled(self) -> bool:
        """Whether the server did not cope with what was written behind a final dot."""
        return self._admission.stumbled

    async def run(self, mail: Mail | None) -> Mail | None:
        """Carry until the feed or the connection ends.

        Args:
            mail: one that was taken already; None to begin with the feed.

        Returns:
            A mail that was taken and still wants a connection, because the server had closed this one while it was idle; else None.

        Raises:
            Unreachable: the connection broke; all is settled.
        """
        self._mail = mail
        spare = None
        try:
            spare = await self._work()
        except Ended:
            await self._settle_rest("the server ended the connection")
        except Broken as broken:
            await self._broke(broken)
        except BaseException:
            self._wire.abort()
            with contextlib.suppress(
                Exception
            ):  # the ledger's own fault, mostly: the first error is the one to tell
                await self._settle_rest("interrupted", ours=True)
            raise
        await self._session.quit()
        return spare

    async def _broke(self, broken: Broken) -> None:
        admission = self._admission
        admission.stumbled = admission.stumbled or admission.behind
        orderly = self._orderly(broken)
        self._wire.abort()
        await self._settle_rest(broken.why)
        await self._wire.close()
        if not orderly:
            hint = ""
            if admission.stumbled and not self._wary:
                hint = 'It may not cope with pipelining = "next"; set it to "envelope" or "auto".'
            raise Unreachable(f"{self._account.server}: {broken.why}.", hint=hint) from broken

    def _orderly(self, broken: Broken) -> bool:
        """Whether this end needs no alarm: a close between two mails, or `auto` finding out that the server does not pipeline so."""
        if self._stage > Stage.BEGUN:
            return False
        if self._admission.behind and self._wary:
            return True
        between = self._stage is Stage.BEGUN or self._admission.phase in ("mail", "reset")
        return between and self.served > 0 and not broken.silent

    # The loop.

    async def _work(self) -> Mail | None:
        while True:
            mail = self._mail
            if mail is None:
                if 0 < self._account.max_per_connection <= self.served:
                    raise Ended
                mail = self._mail = await self._take()
                if mail is None:
                    return None
            if not self._admission.behind:
                if self._wire.lost or self._talk.over:
                    return await self._left_while_idle(mail)
                if refusal := objection(mail, self._offers):
                    await self._hold(mail, refusal)
                    continue
                self._stage = Stage.TAKEN
                self._admission.write(mail)
            answer = await self._admission.answer(mail)
            if answer is None:
                await self._begin(mail)
                await self._send(mail)
                await self._finish(mail)
            else:
                await self._refused(mail, answer)
            self._mail, self._follower = self._follower, None

    async def _take(self) -> Mail | None:
        """The next mail; an outcome that is known does not wait for the throttle."""
        if self._dry or not self._feed.ready():
            await self._commit_held()
        mail = None if self._dry else await self._feed.take()
        if mail is None:
            await self._commit_held()
        return mail

    async def _left_while_idle(self, mail: Mail) -> Mail:
        """P23: the server closed an idle connection, nobody's fault. On a fresh one it is, or we would reconnect for ever."""
        if not self.served:
            raise self._wire.broken()
        await self._commit_held()
        self._mail = None
        return mail

    async def _refused(self, mail: Mail, answer: Answer) -> None:
        """No content for this mail now; what the reply means for it, and for the connection."""
        phase, reply, recipient = answer
        if reply.kind in (2, 3):
            # P19 and its like: server and client are out of step.
            text = f"The server answered {reply} at {phase}."
            await self._hold(
                mail, Outcome(Verdict.DEFERRED, Blame.TRANSPORT, code=reply.code, text=text, phase=phase)
            )
            raise Broken(f"the server is out of step ({self._talk.fault or reply})")
        outcome = classify(phase, reply, self._account.provider)
        routine = phase == "mail" and reply.code == 421 and self.served and outcome.advice is Advice.NONE
        if phase == "reset" or routine or last_on_connection(reply):
            # A limit of messages for a connection, mostly (P23): as if this mail had never been shown to it.
            outcome = Outcome(Verdict.RELEASED, code=reply.code, text=reply.text, phase=phase)
        if phase == "rcpt" and len(mail.envelope.recipients) > 1:
            refused = f"It was {mail.envelope.recipients[recipient]} that was refused; the mail went to none of its recipients."
            outcome = outcome._replace(hint=f"{refused} {outcome.hint}".strip())
        await self._hold(mail, outcome)
        if self._talk.state is State.HOLLOW:
            # The recipient was refused, and DATA, written with it, got its 354 all the same.
            await self._admission.lone_dot()
        if self._talk.over or outcome.verdict is Verdict.RELEASED:
            # Over with a 354 after a refused MAIL, too: close without a dot.
            raise Ended

    # The content.

    async def _begin(self, mail: Mail) -> None:
        if not self._wanted():
            await self._unwanted(mail)
        held, self._held = self._held, None
        self._stage = Stage.BEGUN
        await self._feed.commit(held, mail)
        if not self._wanted():
            await self._unwanted(mail)

    def _wanted(self) -> bool:
        """Whether the server still waits for the content."""
        return self._talk.state is State.CONTENT and not self._wire.lost

    async def _unwanted(self, mail: Mail) -> NoReturn:
        """It does not: it has left, or has seen enough, such as 552 in the middle."""
        unasked = self._talk.unasked
        if unasked is not None and unasked.kind in (4, 5):
            # Without a dot nothing is delivered, and the rest is not worth sending.
            await self._hold(mail, classify("content", unasked, self._account.provider))
            raise Ended
        raise self._wire.broken()

    async def _send(self, mail: Mail) -> None:
        """Content, dot and, if it is known by now, the next mail's envelope."""
        if self._ahead is Ahead.NEXT:
            await self._take_ahead(mail)
        whole = commands.whole(mail.content)
        parts = [whole] if whole is not None else await self._parts(mail)
        self._session.note_content(mail)
        asked: tuple[Step, ...] = _END
        follower = self._follower
        if follower is not None and objection(follower, self._offers) is None:
            words, more = self._admission.words_behind(follower)
            parts.append(words)
            asked += more
        before, self._stage = self._stage, Stage.WHOLE
        self._talk.ask(*asked)
        if not self._wire.write(parts[0] if len(parts) == 1 else b"".join(parts)):
            self._stage = before

    async def _parts(self, mail: Mail) -> list[bytes]:
        """Content and dot for one write; of a big content only the dot, for the rest has been written then."""
        parts = commands.stuffed(mail.content)
        if sum(map(len, parts)) > _ONE_WRITE:
            await self._send_slices(mail, parts)
            parts = []
        parts.append(commands.END_OF_DATA)
        return parts

    async def _take_ahead(self, mail: Mail) -> None:
        """Take the one after `mail`, if it is there and will go over this connection."""
        if 0 < self._account.max_per_connection <= self.served + 1 or self._dry or not self._feed.ready():
            return
        self._follower = await self._feed.take()
        self._dry = self._follower is None
        if not self._wanted():
            await self._unwanted(mail)

    async def _send_slices(self, mail: Mail, parts: list[bytes]) -> None:
        """A big content, as fast as the server takes it, and all of it gone before the dot is written."""
        self._stage = Stage.PARTLY
        for part in parts:
            for start in range(0, len(part), _SLICE):
                self._wire.write(part[start : start + _SLICE])
                await self._wire.drained()
                if not self._wanted():
                    await self._unwanted(mail)
        await self._wire.drained(to_the_last=True)
        if not self._wanted():
            await self._unwanted(mail)

    async def _finish(self, mail: Mail) -> None:
        """The reply to the dot."""
        await self._wire.until(1, self._account.timeout_end_of_data)
        reply = self._wire.pick()
        kind = reply.kind
        if kind == 3:
            raise Broken(f"the server answered {reply} to the end of data")
        self.served += 1
        if kind == 2:
            outcome = accepted(reply)
        else:
            outcome = classify("end of data", reply, self._account.provider)
        await self._hold(mail, outcome)
        # What is at work now is the follower, if there is one.
        self._stage = Stage.TAKEN
        if kind != 2 and (reply.code == 421 or last_on_connection(reply)):
            raise Ended

    # Settling.

    async def _hold(self, mail: Mail, outcome: Outcome) -> None:
        """The outcome of the mail at work is known; it waits for the next intent, to share its commit."""
        self._mail = None
        earlier, self._held = self._held, Settlement(mail, outcome)
        if earlier is not None:
            await self._feed.commit(earlier, None)
        if outcome.blame is Blame.TRANSPORT:
            # Everybody must hold off, we too: the next mail is not to be taken before that is known.
            await self._commit_held()

    async def _commit_held(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            await self._feed.commit(held, None)

    async def _settle_rest(self, why: str, *, ours: bool = False) -> None:
        """All that was taken gets its outcome; `ours`: it was we who broke off."""
        rest = [self._held] if self._held else []
        if self._mail is not None:
            rest.append(Settlement(self._mail, self._cut_short(why, ours=ours)))
        if self._follower is not None:
            rest.append(Settlement(self._follower, Outcome(Verdict.RELEASED, text=why)))
        self._held = self._mail = self._follower = None
        for settlement in rest:
            await self._feed.commit(settlement, None)

    def _cut_short(self, why: str, *, ours: bool) -> Outcome:
        if self._stage is Stage.WHOLE:
            text = f"Sent, but no answer came: it may have been delivered ({why})."
            return Outcome(Verdict.UNKNOWN, text=text, phase="end of data")
        if self._stage is Stage.PARTLY:
            text = f"The connection ended in the middle of the content ({why})."
            return Outcome(Verdict.DEFERRED, Blame.TRANSPORT, text=text, phase="content")
        phase = "content" if self._stage is Stage.BEGUN else self._admission.phase
        if phase in ("rcpt", "data") and not ours:
            # Perhaps it is this very recipient that the server chokes on: let others go first.
            return Outcome(
                Verdict.DEFERRED, Blame.TRANSPORT, text=f"The connection ended ({why}).", phase=phase
            )
        return Outcome(Verdict.RELEASED, text=why, phase=phase)
