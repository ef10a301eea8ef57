"""Begins, settlements and what a person says of them."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailmerge_cli.errors import LedgerFault
from mailmerge_cli.ledger.ledger import Ledger
from mailmerge_cli.ledger.message_ids import first_id, seed
from mailmerge_cli.ledger.records import Answer, Intent, Record
from mailmerge_cli.model.delivery import Counts, State
from mailmerge_cli.model.mail import Blame, Outcome, Verdict
from support.ledgers import (
    ACCEPTED,
    DEFERRED,
    NOON,
    REFUSED,
    RELEASED,
    THROTTLED,
    UNKNOWN,
    Book,
    entry,
)


def test_a_run_is_entered_whole(book: Book) -> None:
    """All rows of the plan stand in the run, in the order of their rows, with nothing begun."""
    run = book.enter(entry("B", 3), entry("A", 2), entry("C", 4, state=State.INVALID, reason="no address"))

    assert [(one.row, one.key, one.state) for one in book.ledger.deliveries(run)] == [
        (2, "A", State.PENDING),
        (3, "B", State.PENDING),
        (4, "C", State.INVALID),
    ]
    assert (run.label, run.opened, run.timezone, run.finished) == ("november", NOON, "Asia/Shanghai", None)
    assert book.ledger.counts(run) == Counts(pending=2, invalid=1)
    assert book.ledger.nothing_begun(run)


def test_begin_and_accept(book: Book) -> None:
    """The intent and the outcome stand in the row; times are aware; what write returns is what find finds."""
    run = book.enter(entry("A"))
    book.begin(run, "A")

    begun = book.get(run, "A")
    assert (begun.state, begun.attempts, begun.account) == (State.SENDING, 1, "hr")
    assert begun.message_id.endswith("@example.org>")
    assert not book.ledger.nothing_begun(run)

    sent = book.settle(run, "A", ACCEPTED)
    assert sent == book.get(run, "A")
    assert (sent.state, sent.code, sent.enhanced, sent.reply, sent.remote_id) == (
        State.SENT,
        250,
        "2.0.0",
        "queued as 77",
        "77",
    )
    assert sent.first_attempt == sent.last_attempt == NOON + timedelta(seconds=1)


def test_a_refusal_before_the_content_is_begun_and_settled_at_once(book: Book) -> None:
    """A mail whose recipient was refused never left, yet its attempt counts and has its Message-ID."""
    run = book.enter(entry("A"))

    failed = book.settle(run, "A", REFUSED)

    assert (failed.state, failed.attempts, failed.reason) == (State.FAILED, 1, "check the address")
    assert failed.message_id


def test_a_release_is_as_if_nothing_had_happened(book: Book) -> None:
    """RELEASED goes back to pending, uncounted; the Message-ID stays for the next attempt."""
    run = book.enter(entry("A"))
    before = book.get(run, "A")
    released = book.send(run, "A", RELEASED)

    assert (released.state, released.attempts, released.first_attempt, released.last_attempt) == (
        State.PENDING,
        0,
        None,
        None,
    )
    assert list(book.ledger.attempts(run)) == []
    assert book.ledger.nothing_begun(run)
    assert released.message_id == book.ledger.message_id(before, "example.org")


def test_a_release_that_was_never_begun_records_nothing(book: Book) -> None:
    """A mail that was taken and handed back leaves no trace."""
    run = book.enter(entry("A"))
    before = book.get(run, "A")

    assert book.settle(run, "A", RELEASED) == before == book.get(run, "A")


def test_a_release_keeps_what_an_earlier_attempt_said(book: Book) -> None:
    """A deferral before a release stays counted and told."""
    run = book.enter(entry("A"))
    first = book.send(run, "A", DEFERRED)
    released = book.send(run, "A", RELEASED)

    assert (released.attempts, released.first_attempt, released.reply) == (
        1,
        first.first_attempt,
        "greylisted",
    )
    assert [(one.number, one.verdict) for one in book.ledger.attempts(run)] == [(1, "deferred")]


def test_O05_a_release_keeps_the_first_attempt_when_the_clock_went_back(book: Book) -> None:
    """An attempt that was made stays told, though the next one seems to be older."""
    run = book.enter(entry("A"))
    first = book.send(run, "A", DEFERRED)
    book.now -= timedelta(hours=1)

    assert book.send(run, "A", RELEASED).first_attempt == first.first_attempt


def test_law_5_a_transport_fault_does_not_count(book: Book) -> None:
    """A deferral by account or server is an attempt that is told, but not counted against the row's limit."""
    run = book.enter(entry("A"))
    deferred = book.send(run, "A", THROTTLED, wait=60)

    assert (deferred.state, deferred.attempts) == (State.DEFERRED, 0)
    assert [(one.verdict, one.code) for one in book.ledger.attempts(run)] == [("deferred", 421)]
    assert book.send(run, "A", DEFERRED).attempts == 1


def test_law_5_a_transport_refusal_leaves_the_row_pending(book: Book) -> None:
    """A refusal that is the account's fault is told, and its row is still to be sent (fault Q01)."""
    run = book.enter(entry("A"))
    kept = book.send(
        run, "A", Outcome(Verdict.REFUSED, Blame.TRANSPORT, code=550, enhanced="5.4.5", text="daily quota")
    )

    assert (kept.state, kept.attempts, kept.reply) == (State.PENDING, 0, "daily quota")
    assert [one.code for one in book.ledger.attempts(run)] == [550]
    assert not book.ledger.nothing_begun(run)


def test_deferred_rows_come_back_when_they_are_due(book: Book) -> None:
    """The one that is due first comes first; nothing comes before its time."""
    run = book.enter(entry("A", 2), entry("B", 3), entry("C", 4))
    later = book.send(run, "A", DEFERRED, wait=600).next_attempt
    soon = book.send(run, "B", DEFERRED, wait=60).next_attempt
    assert soon is not None
    assert later is not None

    assert book.ledger.next_due(run) == soon
    assert [one.key for one in book.ledger.deferred(run)] == ["B", "A"]
    assert [one.key for one in book.ledger.deferred(run, soon - timedelta(microseconds=1))] == []
    assert [one.key for one in book.ledger.deferred(run, soon)] == ["B"]
    assert [one.key for one in book.ledger.deferred(run, later, limit=1)] == ["B"]
    book.begin(run, "A", "B")
    assert book.ledger.next_due(run) is None


def test_the_same_message_id_serves_all_attempts(book: Book) -> None:
    """One intent, one Message-ID, through deferrals, releases and doubt; another key has another one."""
    run = book.enter(entry("A"), entry("B", 3))
    ids = {book.send(run, "A", outcome).message_id for outcome in (DEFERRED, RELEASED, THROTTLED, UNKNOWN)}
    book.ledger.resolve(run, ["A"], sent=False)
    ids.add(book.send(run, "A").message_id)

    assert len(ids) == 1
    assert book.send(run, "B").message_id not in ids


def test_a_row_that_was_tried_often_enough_fails_in_the_same_transaction(book: Book) -> None:
    """A settlement may give the row up; the reply that ended it stays."""
    run = book.enter(entry("A"))
    failed = book.send(run, "A", DEFERRED, give_up="5 attempts")

    assert (failed.state, failed.reason, failed.code, failed.next_attempt) == (
        State.FAILED,
        "5 attempts",
        450,
        None,
    )


def test_rows_deferred_for_too_long_are_given_up(book: Book) -> None:
    """give_up fails old deferred rows; those that only transport faults held up stay."""
    run = book.enter(entry("A", 2), entry("B", 3), entry("C", 4))
    book.send(run, "A", DEFERRED)
    book.send(run, "B", THROTTLED)
    border = book.now
    book.send(run, "C", DEFERRED)

    assert book.ledger.give_up(run, border, "2 days") == 1
    assert book.states(run) == {"A": "failed", "B": "deferred", "C": "deferred"}


def test_the_breaker_takes_its_refusals_back(book: Book) -> None:
    """Undone refusals are pending and uncounted; others stay failed."""
    run = book.enter(entry("A", 2), entry("B", 3))
    failed = book.send(run, "A", REFUSED)
    book.send(run, "B", REFUSED)

    assert book.ledger.undo(run, [failed.id]) == 1
    assert book.states(run) == {"A": "pending", "B": "failed"}
    assert (book.get(run, "A").attempts, book.get(run, "A").reply) == (0, "no such user")
    book.send(run, "A")
    assert [one.verdict for one in book.ledger.attempts(run, ["A"])] == ["refused", "accepted"]


def test_settle_and_begin_again_in_one_batch(book: Book) -> None:
    """One batch may hold a release by one connection and the next begin of the same mail by another."""
    run = book.enter(entry("A"), entry("B", 3))
    book.begin(run, "A")
    a, b = book.get(run, "A"), book.get(run, "B")
    again = Intent(a.id, a.message_id, "hr")
    book.ledger.write(
        [Record(settled=Answer(a.id, RELEASED, "hr"), begun=Intent(b.id, "<b@example.org>", "hr")), Record(begun=again),
         Record(settled=Answer(b.id, ACCEPTED, "hr"))],
        NOON,
    )  # fmt: skip

    assert book.states(run) == {"A": "sending", "B": "sent"}
    assert book.settle(run, "A", ACCEPTED).attempts == 1


@pytest.mark.parametrize("before", [(), (DEFERRED,), (DEFERRED, THROTTLED), (REFUSED,)])
def test_what_is_told_of_an_accepted_mail_is_what_the_ledger_holds(
    book: Book, before: tuple[Outcome, ...]
) -> None:
    """Nearly always it is put together without asking; it is the same as what stands in the row, whatever came before."""
    run = book.enter(entry("A"), entry("B", 3))
    for outcome in before:
        book.send(run, "A", outcome)
    if before == (REFUSED,):
        book.ledger.undo(run, [book.get(run, "A").id], "taken back")
    was = book.get(run, "A")
    book.begin(run, "A")
    wordy = ACCEPTED._replace(hint="look", blame=Blame.TRANSPORT, wait=3.0)
    answers = [
        Answer(was.id, wordy, "hr", book.ledger.message_id(was, "example.org"), of=was),
        Answer(book.get(run, "B").id, ACCEPTED, "hr", "<b@example.org>"),
    ]

    told = book.ledger.write([Record(settled=answer) for answer in answers], book.tick())

    assert told == [book.get(run, "A"), book.get(run, "B")]
    assert (told[0].state, told[0].reason, told[0].next_attempt) == (State.SENT, "", None)
    assert told[0].attempts == was.attempts + 1
    ends = [(one.ended, one.verdict) for one in book.ledger.attempts(run, ["A", "B"])]
    assert ends[-2:] == [(book.now, "accepted")] * 2


@given(st.text(max_size=20), st.text(max_size=8), st.binary(min_size=32, max_size=32))
def test_a_first_message_id_never_changes(key: str, label: str, secret: bytes) -> None:
    """A run that an older version has begun goes on with the same ones: RFC 7693 keyed by the secret, of label, NUL and key."""
    digest = hashlib.blake2b(f"{label}\0{key}".encode(), key=secret, digest_size=16).hexdigest()
    common = seed(secret, label)

    assert [first_id(common, key, "example.org") for _ in range(2)] == [f"<{digest}@example.org>"] * 2


def test_every_attempt_is_told_in_order(book: Book) -> None:
    """log --attempts has every attempt of every row, the last and the open ones too, over resends."""
    run = book.enter(entry("A", 2), entry("B", 3), entry("C", 4))
    for outcome in (DEFERRED, THROTTLED, ACCEPTED):
        book.send(run, "A", outcome)
    book.ledger.resend(run, ["A"], "new@example.org")
    book.send(run, "A", REFUSED)
    book.begin(run, "B")

    lines = [(one.key, one.number, one.verdict, one.code, one.address) for one in book.ledger.attempts(run)]

    assert lines == [
        ("A", 1, "deferred", 450, "a@example.org"),
        ("A", 2, "deferred", 421, "a@example.org"),
        ("A", 3, "accepted", 250, "a@example.org"),
        ("A", 4, "refused", 550, "new@example.org"),
        ("B", 1, "", 0, "b@example.org"),
    ]
    starts = [one.started for one in book.ledger.attempts(run, ["A"])]
    assert starts == sorted(starts, key=str)
    assert len(set(starts)) == 4


def test_recovery_puts_what_was_being_sent_in_doubt(book: Book) -> None:
    """SENDING without a sender is in doubt, in every run; nothing else changes."""
    run, other = book.enter(entry("A", 2), entry("B", 3)), book.enter(entry("A"), label="december")
    book.begin(run, "A")
    book.begin(other, "A")

    assert book.ledger.recover() == 2
    assert book.ledger.recover() == 0
    assert book.states(run) == {"A": "in_doubt", "B": "pending"}
    assert [one.verdict for one in book.ledger.attempts(run)] == ["unknown"]


def test_after_a_recovery_the_ledger_knows_that_nothing_is_under_way(book: Book) -> None:
    """A recovery in the middle of a process's life: what was being sent may be taken up again by a person's word."""
    run = book.enter(entry("A"))
    book.begin(run, "A")
    book.ledger.recover(run)
    book.ledger.resolve(run, None, sent=False)

    assert book.settle(run, "A", REFUSED).attempts == 1


def test_a_persons_word_on_what_is_in_doubt(book: Book) -> None:
    """--sent makes it sent, --resend pending with the same Message-ID; other states are left alone."""
    run = book.enter(entry("A", 2), entry("B", 3), entry("C", 4))
    for key in "AB":
        book.send(run, key, UNKNOWN)
    doubtful = book.get(run, "B")

    assert book.ledger.resolve(run, ["A", "C", "nobody"], sent=True) == 1
    assert book.ledger.resolve(run, None, sent=False) == 1
    assert book.states(run) == {"A": "sent", "B": "pending", "C": "pending"}
    assert (book.get(run, "B").message_id, book.get(run, "B").attempts) == (doubtful.message_id, 0)


def test_a_resend_is_a_new_intent(book: Book) -> None:
    """A second mail has a new Message-ID, may go elsewhere, and only follows a sent one."""
    run = book.enter(entry("A", 2), entry("B", 3), entry("C", 4))
    first, second = book.send(run, "A"), book.send(run, "B")

    assert book.ledger.resend(run, ["A", "C"], "private@example.com") == 1
    assert book.ledger.resend(run, ["B"]) == 1
    again = book.get(run, "A")
    assert (again.state, again.address, again.attempts, again.reply) == (
        State.PENDING,
        "private@example.com",
        0,
        "",
    )
    assert again.message_id not in ("", first.message_id)
    assert again.message_id.endswith("@example.org>")
    assert book.get(run, "B").address == second.address
    assert book.send(run, "A").message_id == again.message_id


def test_cancel_skips_what_is_left_and_nothing_else(book: Book) -> None:
    """Pending and deferred rows are skipped; what has an end keeps it."""
    run = book.enter(
        *(entry(key, row) for row, key in enumerate("ABCDE")), entry("F", 9, state=State.INVALID)
    )
    book.send(run, "A")
    book.send(run, "B", REFUSED)
    book.send(run, "C", UNKNOWN)
    book.send(run, "D", DEFERRED)

    assert book.ledger.cancel(run) == 2
    assert book.states(run) == {
        "A": "sent",
        "B": "failed",
        "C": "in_doubt",
        "D": "skipped",
        "E": "skipped",
        "F": "invalid",
    }
    assert (book.ledger.next_due(run), book.get(run, "D").next_attempt) == (None, None)
    assert book.ledger.unfinished("december") == []


def test_unfinished_runs_are_found(book: Book) -> None:
    """Another run with rows left is told with its counts; the named one is not."""
    run = book.enter(entry("A"))
    other = book.enter(entry("A"), label="december")

    assert book.ledger.unfinished("december") == [(run, Counts(pending=1))]
    book.send(run, "A", DEFERRED)
    assert book.ledger.unfinished("december") == [(run, Counts(deferred=1))]
    book.send(run, "A")
    assert book.ledger.unfinished("december") == []
    assert book.ledger.runs() == [run, other]


def test_a_run_is_finished_only_when_nothing_is_left(book: Book) -> None:
    """K17: a run with rows left is never finished, and what becomes due opens it again."""
    run = book.enter(entry("A"), entry("B", 3))
    book.send(run, "A")
    assert book.ledger.finish(run, NOON).finished is None
    book.send(run, "B", UNKNOWN)
    assert book.ledger.finish(run, NOON).finished == NOON
    assert book.ledger.finish(run, NOON + timedelta(days=1)).finished == NOON

    book.ledger.resend(run, ["A"])

    reopened = book.ledger.run("november")
    assert reopened is not None
    assert reopened.finished is None


def test_a_run_that_has_begun_cannot_be_entered_again(book: Book) -> None:
    """Only a run in which nothing was begun is replaced."""
    first = book.enter(entry("A"), entry("B", 3))
    second = book.enter(entry("A", content="new"), entry("C", 3))
    assert (second.id, book.states(second)) == (first.id, {"A": "pending", "C": "pending"})

    book.send(second, "A", DEFERRED)

    with pytest.raises(ValueError, match="begun"):
        book.enter(entry("A"))
    assert book.ledger.counts(second) == Counts(deferred=1, pending=1)


def test_find_takes_any_number_of_keys(book: Book) -> None:
    """Chunks and unknown keys make no difference."""
    keys = [f"K{number:04}" for number in range(1203)]
    run = book.enter(*(entry(key, row) for row, key in enumerate(keys)))

    assert set(book.ledger.find(run, [*keys, "nobody"])) == set(keys)
    assert book.ledger.find(run, []) == {}
    assert [one.key for one in book.ledger.deliveries(run)] == keys
    assert [one.key for one in book.ledger.deliveries(run, keys=["K0007", "K0003"])] == ["K0003", "K0007"]
    assert list(book.ledger.deliveries(run, [State.SENT])) == []


def test_a_batch_larger_than_a_group_is_one_transaction(book: Book) -> None:
    """Whatever its size, a batch is told back in the order of its settlements."""
    keys = [f"K{number:04}" for number in range(1203)]
    run = book.enter(*(entry(key, row) for row, key in enumerate(keys)))
    book.begin(run, *keys)
    ids = [one.id for one in reversed(book.ledger.find(run, keys).values())]

    settled = book.ledger.write([Record(settled=Answer(number, ACCEPTED, "hr")) for number in ids], NOON)

    assert [one.id for one in settled] == ids
    assert book.ledger.counts(run) == Counts(sent=1203)


def test_a_row_that_was_changed_under_the_run_stops_it(book: Book) -> None:
    """A begin that finds another state than this process left writes nothing of its batch and is told (74)."""
    run = book.enter(entry("A"), entry("B", 3))
    a, b = book.get(run, "A"), book.get(run, "B")
    with sqlite3.connect(book.path) as other:
        other.execute("UPDATE deliveries SET state = 'sent' WHERE key = 'B'")
    other.close()

    with pytest.raises(LedgerFault, match="no longer holds"):
        book.ledger.write(
            [
                Record(begun=Intent(a.id, "<a@example.org>", "hr")),
                Record(begun=Intent(b.id, "<b@example.org>", "hr")),
            ],
            NOON,
        )
    assert book.states(run) == {"A": "pending", "B": "sent"}


def test_begun_twice_is_a_fault(book: Book) -> None:
    """O04: what is being sent cannot be begun again."""
    run = book.enter(entry("A"))
    book.begin(run, "A")

    with pytest.raises(LedgerFault):
        book.begin(run, "A")


def test_K08_a_full_disk_stops_before_the_next_mail(book: Book) -> None:
    """No room for the intent: the batch never was, the sentence says what to do, and with room it goes on."""
    run = book.enter(*(entry(f"K{row}", row) for row in range(400)))
    book.ledger._connection.execute(
        f"PRAGMA max_page_count = {book.ledger._connection.execute('PRAGMA page_count').fetchone()[0]}"
    )
    found = list(book.ledger.deliveries(run))
    intents = [Record(begun=Intent(one.id, f"<{'x' * 200}@example.org>", "hr")) for one in found]

    with pytest.raises(LedgerFault, match="disk is full") as caught:
        book.ledger.write(intents, NOON)

    assert "Make room" in caught.value.hint
    assert str(book.path) in caught.value.message
    assert book.ledger.counts(run) == Counts(pending=400)
    book.ledger._connection.execute("PRAGMA max_page_count = 100000")
    book.ledger.write(intents, NOON)
    assert book.ledger.counts(run) == Counts(sending=400)


def test_K10_a_ledger_deleted_in_the_middle_of_a_run_stops_it(book: Book) -> None:
    """SQLite goes on writing into a deleted file without a word; we do not."""
    run = book.enter(entry("A"), entry("B", 3))
    book.send(run, "A")
    b = book.get(run, "B")
    book.path.unlink()

    with pytest.raises(LedgerFault, match="deleted or replaced"):
        book.ledger.write([Record(begun=Intent(b.id, "<b@example.org>", "hr"))], NOON)


def test_another_thread_may_write(book: Book) -> None:
    """The thread that commits need not be the one that opened the ledger."""
    run = book.enter(entry("A"))
    thread = threading.Thread(target=book.send, args=(run, "A"))
    thread.start()
    thread.join()

    assert book.states(run) == {"A": "sent"}


def test_a_long_look_sees_all_while_the_run_goes_on(book: Book) -> None:
    """Reading page by page misses no row and doubles none, whatever is written meanwhile."""
    keys = [f"K{number:04}" for number in range(1100)]
    run = book.enter(*(entry(key, row) for row, key in enumerate(keys)))
    seen = []
    for one in book.ledger.deliveries(run):
        seen.append(one.key)
        if one.row % 400 == 0:
            book.send(run, keys[-1 - one.row // 400])

    assert seen == keys


def test_read_only_shows_an_orphan_as_in_doubt(book: Book) -> None:
    """status and log show a begun row whose sender is gone as in doubt, and change nothing; with a living one it is being sent."""
    run = book.enter(entry("A", 2), entry("B", 3))
    book.begin(run, "A")

    with Ledger.read(book.path) as gone, Ledger.read(book.path, sender_alive=True) as alive:  # type: ignore[union-attr]
        assert gone.counts(run) == Counts(in_doubt=1, pending=1)
        assert gone.find(run, ["A"])["A"].state is State.IN_DOUBT
        assert [one.key for one in gone.deliveries(run, [State.IN_DOUBT])] == ["A"]
        assert [one.key for one in gone.deliveries(run, [State.SENDING])] == []
        assert alive.counts(run) == Counts(sending=1, pending=1)
        assert [one.key for one in alive.deliveries(run, [State.SENDING])] == ["A"]
        with pytest.raises(LedgerFault, match="cannot be written"):
            gone.cancel(run)
    assert book.ledger.counts(run) == Counts(sending=1, pending=1)


def test_a_reader_sees_what_was_committed_and_only_that(book: Book) -> None:
    """Another connection sees a batch as soon as write has returned."""
    run = book.enter(entry("A"))
    with Ledger.read(book.path, sender_alive=True) as reader:  # type: ignore[union-attr]
        assert reader.counts(run) == Counts(pending=1)
        book.send(run, "A")
        assert reader.counts(run) == Counts(sent=1)
