"""Where a conversation stands, and what each reply makes of it, as one table.

Rule 1: everything that decides whether content may leave stands in this table.
Rule 2: the table knows steps and first digits of replies, no text, no addresses, no time.

Theory of operation: each command that is written is noted as a `Step`; each reply belongs to the oldest step that has
none (RFC 5321 §2.4: replies come in order, also when commands are pipelined, RFC 2920). The state is that of the *server* after
all replies so far, so it may lag behind what is written, never run ahead of it. `CONTENT` is reached only over an
accepted MAIL, an accepted RCPT and a 354, in this order and in this transaction; no other state lets content out.
A (state, step, digit) that is not in the table means that server and client are out of step: the conversation is `OVER`.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """What the server, as far as we have read, waits for."""

    DIALLED = "dialled"  # its banner has not come
    GREETED = "greeted"  # EHLO is to be said (for the first time, or again under TLS)
    SECURING = "securing"  # STARTTLS was granted: no more plain text
    LOGIN = "login"  # in the middle of AUTH
    READY = "ready"  # no transaction is open
    SENDER = "sender"  # MAIL accepted, no recipient yet
    RECIPIENT = "recipient"  # MAIL and at least one RCPT accepted
    CONTENT = "content"  # 354: content and a dot, nothing else
    HOLLOW = "hollow"  # 354 without any recipient: a lone dot gets us out
    STALE = "stale"  # something was refused: RSET before the next MAIL
    OVER = "over"  # nothing more can be said on this connection


class Step(StrEnum):
    """What was written and wants a reply."""

    BANNER = "connect"
    EHLO = "EHLO"
    HELO = "HELO"
    STARTTLS = "STARTTLS"
    AUTH = "AUTH"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    END = "end of data"
    RSET = "RSET"
    QUIT = "QUIT"


_ENDING = dict.fromkeys((2, 4, 5), State.OVER)

TABLE: dict[State, dict[Step, dict[int, State]]] = {
    State.DIALLED: {Step.BANNER: {2: State.GREETED, 4: State.OVER, 5: State.OVER}},
    State.GREETED: {
        Step.EHLO: {2: State.READY, 4: State.GREETED, 5: State.GREETED},
        Step.HELO: {2: State.READY, 4: State.OVER, 5: State.OVER},
        Step.QUIT: _ENDING,
    },
    State.SECURING: {},
    State.LOGIN: {
        Step.AUTH: {2: State.READY, 3: State.LOGIN, 4: State.READY, 5: State.READY},
        Step.QUIT: _ENDING,
    },
    State.READY: {
        Step.EHLO: {2: State.READY, 4: State.READY, 5: State.READY},
        Step.STARTTLS: {2: State.SECURING, 4: State.READY, 5: State.READY},
        Step.AUTH: {2: State.READY, 3: State.LOGIN, 4: State.READY, 5: State.READY},
        Step.MAIL: {2: State.SENDER, 4: State.STALE, 5: State.STALE},
        Step.RSET: {2: State.READY},
        Step.QUIT: _ENDING,
    },
    State.SENDER: {
        Step.RCPT: {2: State.RECIPIENT, 4: State.SENDER, 5: State.SENDER},
        Step.DATA: {3: State.HOLLOW, 4: State.STALE, 5: State.STALE},
        Step.RSET: {2: State.READY},
        Step.QUIT: _ENDING,
    },
    State.RECIPIENT: {
        Step.RCPT: dict.fromkeys((2, 4, 5), State.RECIPIENT),
        Step.DATA: {3: State.CONTENT, 4: State.STALE, 5: State.STALE},
        Step.RSET: {2: State.READY},
        Step.QUIT: _ENDING,
    },
    State.CONTENT: {Step.END: {2: State.READY, 4: State.STALE, 5: State.STALE}},
    State.HOLLOW: {Step.END: dict.fromkeys((2, 4, 5), State.STALE)},
    # RCPT and DATA get here only as the rest of a group whose MAIL was refused. A 2xx to such an RCPT, or a 354 to such a
    # DATA, is the *previous* sender's transaction coming to life again (seen with Postfix and Exim): not in the table.
    State.STALE: {
        Step.RCPT: {4: State.STALE, 5: State.STALE},
        Step.DATA: {4: State.STALE, 5: State.STALE},
        Step.RSET: {2: State.READY},
        Step.QUIT: _ENDING,
    },
    State.OVER: {},
}

WRITABLE: dict[Step, frozenset[State]] = {
    Step.EHLO: frozenset({State.GREETED, State.READY}),
    Step.HELO: frozenset({State.GREETED}),
    Step.STARTTLS: frozenset({State.READY}),
    Step.AUTH: frozenset({State.READY, State.LOGIN}),
    Step.END: frozenset({State.CONTENT, State.HOLLOW}),
}
"""Steps that may be written only when all replies are in and the state is one of these."""


def after(state: State, step: Step, code: int) -> State:
    """The state after `step` got `code`. 421 ends every conversation (RFC 5321 §3.8); so does what is not in the table.

    Only 354 is a "go on" to DATA, only 334 one to AUTH.
    """
    if code == 421:
        return State.OVER
    if 300 <= code < 400 and code != (334 if step is Step.AUTH else 354):
        return State.OVER
    return TABLE[state].get(step, {}).get(code // 100, State.OVER)
