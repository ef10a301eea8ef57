"""The table of states is the law: what it says, and that nothing else is possible."""

from __future__ import annotations

import pytest

from mailmerge_cli.ledger.states import (
    LEFT,
    TRANSITIONS,
    Event,
    Illegal,
    after,
    event_of,
    origins,
    quoted,
    target,
)
from mailmerge_cli.model.delivery import State
from mailmerge_cli.model.mail import Blame, Outcome, Verdict

AS_DESIGNED = """
pending:  begin sending, cancel skipped, gone skipped, worsened invalid
sending:  accepted sent, deferred deferred, refused failed, released pending, unknown in_doubt, recover in_doubt
deferred: begin sending, give_up failed, cancel skipped, gone skipped, worsened invalid
in_doubt: resend pending, sent sent
failed:   retry pending, undo pending, gone skipped, worsened invalid
invalid:  mended pending, gone skipped
sent:     resend pending
skipped:  due pending, worsened invalid
"""


def test_the_table_is_the_one_of_the_design() -> None:
    """Each way from one state to another, said once more and in words: whoever changes the table means it."""
    told = {
        (state, *way.split())
        for state, ways in (line.split(":") for line in AS_DESIGNED.strip().splitlines())
        for way in ways.split(",")
    }
    assert told == {(state, event, end) for state, ways in TRANSITIONS.items() for event, end in ways.items()}


def test_an_event_is_called_by_its_name() -> None:
    """The word that an error says is the one that the code says."""
    assert [event.name.lower() for event in Event] == [event.value for event in Event]


@pytest.mark.parametrize("event", Event)
def test_an_event_leads_to_one_state_wherever_it_happens(event: Event) -> None:
    """SQL writes one new state for an event, so an event must have one."""
    assert {target(event)} == {TRANSITIONS[state][event] for state in origins(event)}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_what_the_table_does_not_hold_is_illegal(state: State, event: Event) -> None:
    """An event that is not in the table raises and names event and state."""
    if event in TRANSITIONS[state]:
        assert after(state, event) is TRANSITIONS[state][event]
    else:
        with pytest.raises(Illegal, match=f"{event} .* {state}"):
            after(state, event)


def test_only_an_intent_leads_to_sending() -> None:
    """Nobody is being sent to without a begin (law 2)."""
    assert {
        event for ways in TRANSITIONS.values() for event, end in ways.items() if end is State.SENDING
    } == {Event.BEGIN}


def test_sent_and_doubtful_are_left_by_a_persons_word_only() -> None:
    """No plan, no retry and no program of ours makes a mail go twice (law 1)."""
    assert set(TRANSITIONS[State.SENT]) == {Event.RESEND}
    assert set(TRANSITIONS[State.IN_DOUBT]) == {Event.RESEND, Event.SENT}


def test_begin_never_happens_to_what_is_sent_failed_or_in_doubt() -> None:
    """Only what is due is begun."""
    assert set(origins(Event.BEGIN)) == {State.PENDING, State.DEFERRED}


def test_a_refusal_by_account_or_server_burns_no_row() -> None:
    """Law 5: blame decides."""
    assert event_of(Outcome(Verdict.REFUSED, Blame.TRANSPORT)) is Event.RELEASED
    assert event_of(Outcome(Verdict.REFUSED, Blame.RECIPIENT)) is Event.REFUSED
    assert event_of(Outcome(Verdict.REFUSED, Blame.MESSAGE)) is Event.REFUSED
    assert event_of(Outcome(Verdict.DEFERRED, Blame.TRANSPORT)) is Event.DEFERRED


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_is_an_event_of_what_is_being_sent(verdict: Verdict) -> None:
    """Whatever a transport says, the table knows what follows."""
    assert event_of(Outcome(verdict)) in TRANSITIONS[State.SENDING]


def test_what_a_later_send_would_still_try() -> None:
    """Whatever a begin leads to or comes from, and nothing that is settled."""
    assert set(LEFT) == {*origins(Event.BEGIN), State.SENDING}


def test_states_as_sql_reads_them() -> None:
    """A list of words for IN: quoted, with commas between; one alone has none."""
    assert quoted(State.PENDING, State.IN_DOUBT) == "'pending', 'in_doubt'"
    assert quoted(State.SENT) == "'sent'"
