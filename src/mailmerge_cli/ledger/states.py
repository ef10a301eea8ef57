"""The states of a delivery and every way from one to another.

Rule 1: a state changes only by an event of this table; SQL takes its old states (`origins`) and its new one (`target`) from here.
Rule 2: this file knows no SQL beyond a list of quoted words, no clock, no server.

DESIGN.md has the table in words. What is added to it here, and why:

- GONE also leaves FAILED and INVALID: the list no longer has this person, so nobody will mend or retry the row; a run with it could
  never end with 0 although nobody is due any more. The reason keeps that it had failed.
- WORSENED: a row that was valid when the plan was made is not any more. It must not be sent as it was, because nobody has what it was
  (the ledger keeps no cells), and it is not gone either.
- DUE brings back what a plan had skipped, never what a person cancelled without that person's word (draft and ledger see to that).
- UNDO is the breaker's: many equal refusals in a row were the server's or the message's fault, so they burn no row (law 5).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from mailmerge_cli.model.delivery import State
from mailmerge_cli.model.mail import Blame, Outcome, Verdict


class Event(StrEnum):
    """What can happen to a delivery."""

    BEGIN = "begin"  # the intent is written
    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    REFUSED = "refused"
    RELEASED = "released"  # begun, the content never left
    UNKNOWN = "unknown"  # the content left, no answer
    RECOVER = "recover"  # the sender died
    GIVE_UP = "give_up"  # tried often or long enough
    UNDO = "undo"  # the breaker takes its refusals back
    CANCEL = "cancel"  # from here on: a person's word or a new plan
    GONE = "gone"
    RESEND = "resend"
    SENT = "sent"
    RETRY = "retry"
    MENDED = "mended"
    WORSENED = "worsened"
    DUE = "due"


class Illegal(Exception):
    """A bug: this event cannot happen in this state. Nothing was changed."""


TRANSITIONS: Final[dict[State, dict[Event, State]]] = {
    State.PENDING: {
        Event.BEGIN: State.SENDING,
        Event.CANCEL: State.SKIPPED,
        Event.GONE: State.SKIPPED,
        Event.WORSENED: State.INVALID,
    },
    State.SENDING: {
        Event.ACCEPTED: State.SENT,
        Event.DEFERRED: State.DEFERRED,
        Event.REFUSED: State.FAILED,
        Event.RELEASED: State.PENDING,
        Event.UNKNOWN: State.IN_DOUBT,
        Event.RECOVER: State.IN_DOUBT,
    },
    State.DEFERRED: {
        Event.BEGIN: State.SENDING,
        Event.GIVE_UP: State.FAILED,
        Event.CANCEL: State.SKIPPED,
        Event.GONE: State.SKIPPED,
        Event.WORSENED: State.INVALID,
    },
    State.IN_DOUBT: {
        Event.RESEND: State.PENDING,
        Event.SENT: State.SENT,
    },
    State.FAILED: {
        Event.RETRY: State.PENDING,
        Event.UNDO: State.PENDING,
        Event.GONE: State.SKIPPED,
        Event.WORSENED: State.INVALID,
    },
    State.INVALID: {
        Event.MENDED: State.PENDING,
        Event.GONE: State.SKIPPED,
    },
    State.SENT: {
        Event.RESEND: State.PENDING,
    },
    State.SKIPPED: {
        Event.DUE: State.PENDING,
        Event.WORSENED: State.INVALID,
    },
}


def origins(event: Event) -> tuple[State, ...]:
    """The states in which the event can happen."""
    return tuple(state for state, ways in TRANSITIONS.items() if event in ways)


def target(event: Event) -> State:
    """Where the event leads; it is the same from everywhere (a test holds the table to that)."""
    return TRANSITIONS[origins(event)[0]][event]


def after(state: State, event: Event) -> State:
    """The state that follows. Raises `Illegal`."""
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise Illegal(f"{event} cannot happen to a delivery that is {state}") from None


def quoted(*states: State) -> str:
    """States as SQL's list of words: `'pending', 'deferred'`."""
    return ", ".join(f"'{state}'" for state in states)


def event_of(outcome: Outcome) -> Event:
    """The event that an attempt's outcome is.

    A refusal for which the account or the server is to blame burns no row (law 5): the delivery is as if released.
    """
    if outcome.verdict is Verdict.REFUSED and outcome.blame is Blame.TRANSPORT:
        return Event.RELEASED
    return Event(outcome.verdict.value)


LEFT: Final = (State.PENDING, State.DEFERRED, State.SENDING)
"""What a later `send` would still try."""
