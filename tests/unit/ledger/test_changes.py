"""A new plan against a run: what differs, what is told once, and what accepting it does (CONTRACT.md, Runs)."""

from __future__ import annotations

import sqlite3

import pytest

from mailmerge_cli.ledger.differences import Amendment, Difference, Differences, Kind, Sample
from mailmerge_cli.model.delivery import Counts, Entry, Run, State
from support.ledgers import ACCEPTED, DEFERRED, NOON, REFUSED, UNKNOWN, Book, draft_of, entry

INVALID, SKIPPED, PENDING = State.INVALID, State.SKIPPED, State.PENDING
NEW, CHANGES, RETRY = Amendment(new=True), Amendment(changes=True), Amendment(failed=True)


def compare(book: Book, run: Run, *entries: Entry, samples: int = 5) -> Differences:
    with draft_of(*entries) as draft:
        return draft.compare(book.ledger, run, samples)


def amend(book: Book, run: Run, amendment: Amendment, *entries: Entry) -> Run:
    with draft_of(*entries) as draft:
        return book.ledger.amend(run, draft, amendment, draft.digest())


def told(differences: Differences) -> list[tuple[str, str, int]]:
    return [(str(one.kind), str(one.state), one.count) for one in differences.groups]


@pytest.fixture
def run(book: Book) -> Run:
    """One delivery in every state."""
    run = book.enter(
        *(entry(key, row) for row, key in enumerate(("pending", "deferred", "failed", "sent", "doubt"), 2)),
        entry("invalid", 7, state=INVALID, reason="no address"), entry("skipped", 8, state=SKIPPED, reason="excluded"),
    )  # fmt: skip
    for key, outcome in (("deferred", DEFERRED), ("failed", REFUSED), ("sent", ACCEPTED), ("doubt", UNKNOWN)):
        book.send(run, key, outcome)
    return run


def same(content: str = "a") -> list[Entry]:
    return [
        *(entry(key, row, content) for row, key in enumerate(("pending", "deferred", "failed", "sent", "doubt"), 2)),
        entry("invalid", 7, state=INVALID, reason="no address"), entry("skipped", 8, state=SKIPPED, reason="excluded"),
    ]  # fmt: skip


def but(*entries: Entry) -> list[Entry]:
    """The same plan with these entries in place of their keys'."""
    new = {one.key: one for one in entries}
    return [new.get(one.key, one) for one in same()] + [
        one for key, one in new.items() if key not in {old.key for old in same()}
    ]


def without(key: str) -> list[Entry]:
    return [one for one in same() if one.key != key]


def test_the_same_plan_is_the_same(book: Book, run: Run) -> None:
    """Whatever has happened to the rows, equal inputs are equal."""
    found = compare(book, run, *same())

    assert found == Differences(failed=1)
    assert not found


def test_the_order_of_rows_is_no_difference(book: Book, run: Run) -> None:
    """Sorting the list changes row numbers only, and those silently, also on rows that name nobody."""
    moved = [
        *(
            Entry(40 - one.row, one.key, one.address, one.content_hash, one.state, one.reason)
            for one in reversed(same())
        ),
        entry("", 50, state=INVALID, reason="empty"),
    ]
    assert not compare(book, run, *moved)

    amend(book, run, Amendment(), *moved)

    assert [one.key for one in book.ledger.deliveries(run)] == [*(one.key for one in reversed(same())), ""]
    assert book.get(run, "sent").row == 35
    assert book.ledger.counts(run) == Counts(
        pending=1, sent=1, failed=1, deferred=1, in_doubt=1, invalid=2, skipped=1
    )
    amend(book, run, Amendment(), *same())
    assert book.ledger.counts(run).invalid == 1


def test_F24_every_changed_row_is_told_with_its_state(book: Book, run: Run) -> None:
    """A changed template touches all rows; the states say what it means for each."""
    found = compare(book, run, *same("b"))

    assert told(found) == [
        ("changed", state, 1) for state in ("pending", "sent", "deferred", "failed", "in_doubt")
    ]
    assert found.count(Kind.CHANGED) == 5
    assert found.count(Kind.CHANGED, State.SENT, State.IN_DOUBT) == 2
    assert found.groups[0].samples == (Sample(2, "pending", "pending@example.org"),)
    assert not found.only_new


def test_samples_are_as_many_as_asked(book: Book) -> None:
    """Thousands of differences are a number and a few samples, the first rows first."""
    run = book.enter(entry("A"))
    found = compare(book, run, entry("A"), *(entry(f"N{row}", row) for row in range(900, 3, -1)), samples=3)

    assert found.groups == (
        Difference(
            Kind.NEW, PENDING, 897, tuple(Sample(row, f"N{row}", f"n{row}@example.org") for row in (4, 5, 6))
        ),
    )
    assert found.only_new


def test_accept_changes_takes_new_content_for_what_is_not_sent(book: Book, run: Run) -> None:
    """pending and deferred get the new content; sent, doubtful and failed stay, and are told no more."""
    before = {key: book.get(run, key) for key in ("sent", "doubt", "failed")}
    changed = [
        entry(one.key, one.row, "b", address=f"new.{one.key}@example.org") if one.state is PENDING else one
        for one in same()
    ]
    amend(book, run, CHANGES, *changed)

    assert {book.get(run, key).address for key in ("pending", "deferred")} == {
        "new.pending@example.org",
        "new.deferred@example.org",
    }
    assert book.get(run, "deferred").state is State.DEFERRED
    assert {key: book.get(run, key) for key in before} == before
    assert not compare(book, run, *changed)


def test_a_told_difference_is_told_once_and_another_one_again(book: Book, run: Run) -> None:
    """The accepted difference is the inputs from now on; going back is none either; a third version is told."""
    amend(book, run, CHANGES, *same("b"))

    assert not compare(book, run, *same("b"))
    assert told(compare(book, run, *same())) == [("changed", "pending", 1), ("changed", "deferred", 1)]
    assert told(compare(book, run, *same("c")))[1] == ("changed", "sent", 1)


@pytest.mark.parametrize(
    ("key", "state", "after"),
    [("pending", "pending", "skipped"), ("deferred", "deferred", "skipped"), ("failed", "failed", "skipped"), ("invalid", "invalid", "skipped"),
     ("sent", "sent", "sent"), ("doubt", "in_doubt", "in_doubt")],
)  # fmt: skip
def test_gone_from_the_list(book: Book, run: Run, key: str, state: str, after: str) -> None:
    """Who is gone gets no mail; what was sent or is in doubt stays; either is told once."""
    plan = without(key)
    assert told(compare(book, run, *plan)) == [("gone", state, 1)]

    amend(book, run, CHANGES, *plan)

    assert book.states(run)[key] == after
    assert not compare(book, run, *plan)
    assert (book.get(run, key).next_attempt, book.ledger.next_due(run) is None) == (None, key == "deferred")
    if after == "skipped":
        assert "no longer in the list" in book.get(run, key).reason
        assert ("had failed" in book.get(run, key).reason) == (key == "failed")
        back = compare(book, run, *same())
        assert told(back) == ([("back", "skipped", 1)] if key != "invalid" else [("worsened", "skipped", 1)])


def test_gone_for_who_was_skipped_is_no_difference(book: Book, run: Run) -> None:
    """Nobody misses a row that was left out anyway."""
    assert not compare(book, run, *without("skipped"))


def test_who_comes_back_is_due_again(book: Book, run: Run) -> None:
    """A row that was gone or excluded is pending again, as the list has it now, once that is accepted."""
    plan = but(entry("skipped", 8, "b"))
    assert told(compare(book, run, *plan)) == [("back", "skipped", 1)]
    amend(book, run, NEW, *plan)
    assert book.states(run)["skipped"] == "skipped"

    amend(book, run, CHANGES, *plan)

    assert (book.get(run, "skipped").state, book.get(run, "skipped").reason) == (PENDING, "")
    assert not compare(book, run, *plan)


def test_mended_rows_go(book: Book, run: Run) -> None:
    """An invalid row that is valid now is pending, and the finished run is open again."""
    plan = but(entry("invalid", 7, "b"))
    assert told(compare(book, run, *plan)) == [("mended", "invalid", 1)]

    amend(book, run, CHANGES, *plan)

    assert (book.get(run, "invalid").state, book.get(run, "invalid").reason) == (PENDING, "")
    assert book.send(run, "invalid").state is State.SENT


@pytest.mark.parametrize(
    ("key", "after"),
    [
        ("pending", INVALID),
        ("deferred", INVALID),
        ("skipped", INVALID),
        ("failed", State.FAILED),
        ("sent", State.SENT),
    ],
)
def test_worsened_rows_are_not_sent(book: Book, run: Run, key: str, after: State) -> None:
    """A row that cannot be sent any more is invalid, unless it has its end already; told once."""
    plan = but(entry(key, 30, state=INVALID, reason="attachment missing"))
    kind = "changed" if key == "sent" else "worsened"
    assert told(compare(book, run, *plan)) == [(kind, key, 1)]

    amend(book, run, CHANGES, *plan)

    assert book.get(run, key).state is after
    assert not compare(book, run, *plan)


def test_excluded_rows_are_left_out(book: Book, run: Run) -> None:
    """Who was put on the list of exclusions since is skipped, with that reason; who has mail has it."""
    plan = [entry(one.key, one.row, state=SKIPPED, reason="unsubscribed") for one in same()]
    assert told(compare(book, run, *plan)) == [
        ("changed", "sent", 1), ("changed", "in_doubt", 1),
        *(("left_out", state, 1) for state in ("pending", "deferred", "failed", "invalid")),
    ]  # fmt: skip

    amend(book, run, CHANGES, *plan)

    assert book.ledger.counts(run) == Counts(sent=1, in_doubt=1, skipped=5)
    assert {book.get(run, key).reason for key in ("pending", "skipped")} == {"unsubscribed"}
    assert book.get(run, "failed").reason == "unsubscribed (it had failed)"
    assert not compare(book, run, *plan)


def test_accept_new_takes_new_keys_only(book: Book, run: Run) -> None:
    """New keys are taken in, invalid ones too; everything else is still told."""
    plan = [
        *same("b"),
        entry("N", 20),
        entry("M", 21, state=INVALID, reason="no address"),
        entry("S", 22, state=SKIPPED, reason="excluded"),
    ]
    found = compare(book, run, *plan)
    assert (found.count(Kind.NEW), found.count(Kind.NEW, INVALID), found.only_new) == (2, 1, False)

    amend(book, run, NEW, *plan)

    assert {key: book.states(run)[key] for key in "NMS"} == {"N": "pending", "M": "invalid", "S": "skipped"}
    assert told(compare(book, run, *plan)) == told(compare(book, run, *same("b"), *plan[-3:]))
    assert compare(book, run, *plan).count(Kind.CHANGED) == 5


def test_new_rows_that_are_left_out_are_no_difference(book: Book, run: Run) -> None:
    """An excluded newcomer needs no consent."""
    assert not compare(book, run, *same(), entry("S", 22, state=SKIPPED))


def test_a_new_key_for_an_address_that_has_its_mail_is_found(book: Book, run: Run) -> None:
    """A renamed key must not bring a second mail: it is among `taken`, in any case of letters."""
    plan = [*without("sent"), entry("sent-2", 5, address="SENT@example.org"), entry("N", 20)]
    found = compare(book, run, *plan)

    assert (found.taken.count, found.taken.samples) == (1, (Sample(5, "sent-2", "SENT@example.org"),))
    assert found.count(Kind.NEW) == 2


@pytest.mark.parametrize("address", ["sent@example.org", "doubt@example.org"])
@pytest.mark.parametrize("key", ["pending", "failed", "invalid", "skipped"])
def test_any_row_that_becomes_due_for_a_taken_address_is_found(
    book: Book, run: Run, key: str, address: str
) -> None:
    """Changed, mended and returning rows are looked at like new ones."""
    assert compare(book, run, *but(entry(key, 30, "b", address=address))).taken.count == 1


def test_an_address_that_a_resend_has_left_is_taken(book: Book) -> None:
    """Who has a mail of this run keeps it when `resend --to` sends that key's second one elsewhere."""
    run = book.enter(entry("one", address="old@example.org"))
    book.send(run, "one")
    book.ledger.resend(run, ["one"], "new@example.org")
    amend(book, run, CHANGES)
    assert compare(book, run, entry("two", address="Old@example.org")).taken.count == 1


def test_a_row_does_not_take_its_own_address(book: Book) -> None:
    """Whoever is owed a second mail on purpose, was left out and comes back, is no twin of itself."""
    run = book.enter(entry("one"), entry("two"))
    book.send(run, "one")
    book.ledger.resend(run, ["one"])
    amend(book, run, CHANGES, entry("two"))
    assert compare(book, run, entry("one"), entry("two")).taken.count == 0


def test_twins_that_were_accepted_are_not_taken(book: Book) -> None:
    """duplicates = "send" put them in the plan; a new content for one of them is no new twin."""
    run = book.enter(entry("A", 2, address="li@example.org"), entry("B", 3, address="li@example.org"))
    book.send(run, "A")

    assert (
        compare(
            book, run, entry("A", 2, address="li@example.org"), entry("B", 3, "b", address="li@example.org")
        ).taken.count
        == 0
    )
    assert (
        compare(
            book, run, entry("A", 2, "b", address="li@example.org"), entry("B", 3, address="li@example.org")
        ).taken.count
        == 0
    )


def test_retry_failed_uses_the_row_as_it_is_now(book: Book, run: Run) -> None:
    """A failed row is pending with the new address, its limits anew, its history kept; other changes are not taken."""
    plan = but(entry("failed", 4, "b", address="right@example.org"), entry("pending", 2, "b"))
    amend(book, run, RETRY, *plan)

    again = book.get(run, "failed")
    assert (again.state, again.address, again.attempts, again.code, again.reason) == (
        PENDING,
        "right@example.org",
        0,
        0,
        "",
    )
    assert told(compare(book, run, *plan)) == [("changed", "pending", 1)]
    book.send(run, "failed")
    assert [(one.verdict, one.address) for one in book.ledger.attempts(run, ["failed"])] == [
        ("refused", "failed@example.org"), ("accepted", "right@example.org"),
    ]  # fmt: skip


def test_retry_failed_takes_unchanged_rows_and_those_told_before(book: Book, run: Run) -> None:
    """Accepting a change of a failed row does not stop a later retry, which uses that change."""
    plan = but(entry("failed", 4, "b"))
    amend(book, run, CHANGES, *plan)
    assert book.get(run, "failed").state is State.FAILED
    assert compare(book, run, *plan) == Differences(failed=1)

    amend(book, run, RETRY, *plan)

    assert book.get(run, "failed").content_hash == entry("failed", 4, "b").content_hash
    assert book.states(run)["failed"] == "pending"


def test_retry_failed_of_a_row_that_is_invalid_now(book: Book, run: Run) -> None:
    """As it is now, it cannot be sent."""
    amend(book, run, RETRY, *but(entry("failed", 4, state=INVALID, reason="no address")))

    assert (book.get(run, "failed").state, book.get(run, "failed").reason) == (
        INVALID,
        "no address (it had failed)",
    )


def test_K16_a_retry_never_takes_what_is_in_doubt(book: Book, run: Run) -> None:
    """Only a person's word on them moves doubtful and sent rows."""
    amend(book, run, Amendment(new=True, changes=True, failed=True, cancelled=True), *same("b"))

    assert (book.states(run)["doubt"], book.states(run)["sent"]) == ("in_doubt", "sent")


def test_what_was_cancelled_stays_so(book: Book, run: Run) -> None:
    """The same or another plan does not bring cancelled rows back; a word for it does."""
    book.ledger.cancel(run)
    found = compare(book, run, *same())
    assert (bool(found), found.cancelled) == (False, 2)
    amend(book, run, CHANGES, *same("b"))
    assert (book.states(run)["pending"], book.states(run)["deferred"]) == ("skipped", "skipped")

    amend(book, run, Amendment(cancelled=True), *same("b"))

    assert (book.states(run)["pending"], book.states(run)["deferred"]) == ("pending", "pending")
    assert book.get(run, "pending").content_hash == entry("x", content="b").content_hash


def test_amending_opens_a_finished_run(book: Book) -> None:
    """A new row makes the run unfinished; the inputs are noted."""
    run = book.enter(entry("A"))
    book.send(run, "A")
    book.ledger.finish(run, NOON)

    with draft_of(entry("A"), entry("B", 3)) as draft:
        amended = book.ledger.amend(run, draft, NEW, "digest of now")

    assert (amended.finished, amended.inputs) == (None, "digest of now")


def test_what_is_being_sent_compares_as_in_doubt(book: Book) -> None:
    """A plan made before the recovery sees what the recovery will say."""
    run = book.enter(entry("A"))
    book.begin(run, "A")

    assert told(compare(book, run, entry("A", content="b"))) == [("changed", "in_doubt", 1)]
    amend(book, run, CHANGES, entry("A", content="b"))
    book.ledger.recover()
    assert not compare(book, run, entry("A", content="b"))


def test_runs_do_not_mix(book: Book) -> None:
    """The same key in another run is another delivery."""
    book.enter(entry("A"), label="october")
    run = book.enter(entry("B"), label="november")

    assert told(compare(book, run, entry("A"))) == [("new", "pending", 1), ("gone", "pending", 1)]


def test_a_draft_compares_again_and_again(book: Book, run: Run) -> None:
    """Comparing leaves nothing behind that a second look would count."""
    with draft_of(*same("b")) as draft:
        assert told(draft.compare(book.ledger, run)) == told(draft.compare(book.ledger, run))
        book.ledger.amend(run, draft, CHANGES, "")
        assert not draft.compare(book.ledger, run)


def test_a_told_difference_is_forgotten_when_the_row_takes_new_content(book: Book) -> None:
    """What was told of a failed row says nothing of the mail that is sent later."""
    run = book.enter(entry("A"))
    failed = book.send(run, "A", REFUSED)
    amend(book, run, CHANGES, entry("A", content="b"))
    book.ledger.undo(run, [failed.id])
    amend(book, run, CHANGES, entry("A", content="c"))
    book.send(run, "A")

    assert told(compare(book, run, entry("A", content="b"))) == [("changed", "sent", 1)]


def test_a_large_plan_beside_other_runs_is_whole(book: Book) -> None:
    """Building the indexes anew loses nothing of other runs, and keys stay unique in a run."""
    small = book.enter(entry("A"), label="small")
    plan = [entry(f"K{row}", row) for row in range(3000)]
    large = book.enter(*plan, label="large")

    assert book.states(small) == {"A": "pending"}
    assert not compare(book, large, *reversed(plan))
    with pytest.raises(sqlite3.IntegrityError):
        book.enter(*[entry(f"K{row % 5000}", row) for row in range(9000)], label="twins")
    assert [run.label for run in book.ledger.runs()] == ["small", "large"]
    assert book.get(large, "K2999").row == 2999
    with pytest.raises(sqlite3.IntegrityError):
        book.enter(entry("A", 2), entry("A", 3), label="twins")
