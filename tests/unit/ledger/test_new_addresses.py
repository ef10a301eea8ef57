"""Whose address is another one than in the run before."""

from __future__ import annotations

from dataclasses import replace

from mailmerge_cli.ledger.new_addresses import new_addresses
from mailmerge_cli.model.delivery import Entry, Run, State
from mailmerge_cli.model.notice import NewAddress
from support.ledgers import ACCEPTED, NOON, REFUSED, UNKNOWN, Book, draft_of, entry

TRIED = ACCEPTED._replace(text="written to 1.eml")


def sent(book: Book, label: str, address: str = "", key: str = "A", outcome: object = ACCEPTED) -> Run:
    """A run with one mail."""
    run = book.enter(entry(key, address=address), label=label)
    book.send(run, key, outcome)  # type: ignore[arg-type]
    return run


def told(book: Book, *entries: Entry, run: Run | None = None) -> list[tuple[str, str, str]]:
    """Key, old address and its run, of the first ones."""
    with draft_of(*entries) as draft:
        return [(one.key, one.was, one.run) for one in new_addresses(draft, book.ledger, run)[0]]


def test_another_address_than_the_last_time_is_found(book: Book) -> None:
    """Row, key, both addresses and the run; whoever is new, or has the same address, is not."""
    october = book.enter(*(entry(key, row) for row, key in enumerate("ABC", 2)), label="october")
    for key in "ABC":
        book.send(october, key)
    plan = (entry("A", 4, address="a@example.com"), entry("B", 3), entry("D", 2, address="d@example.com"))
    with draft_of(*plan) as draft:
        found, total = new_addresses(draft, book.ledger, None)

    assert (1, found) == (total, (NewAddress(4, "A", "a@example.com", "a@example.org", "october"),))


def test_case_is_no_difference_in_any_script(book: Book) -> None:
    """As everywhere else an address is compared by casefold."""
    sent(book, "october", "Jürgen@example.org")

    assert [] == told(book, entry("A", address="JÜRGEN@Example.org"))


def test_the_latest_accepted_one_counts(book: Book) -> None:
    """Not an older one, not one that was refused or is in doubt, and nothing of later runs."""
    sent(book, "august", "first@example.org")
    sent(book, "september", "second@example.org")
    sent(book, "october", "third@example.org", outcome=REFUSED)
    sent(book, "november", "fourth@example.org", outcome=UNKNOWN)
    now = entry("A", address="now@example.org")

    assert [("A", "second@example.org", "september")] == told(book, now)
    assert [] == told(book, entry("A", address="second@example.org"))
    sent(book, "december", "fifth@example.org")
    assert [("A", "fifth@example.org", "december")] == told(book, now)
    assert [("A", "second@example.org", "september")] == told(book, now, run=book.ledger.run("october"))
    assert [] == told(book, now, run=book.ledger.run("august"))


def test_a_trial_counts_for_those_alone_who_never_had_a_mail(book: Book) -> None:
    """A trial in between, with addresses of one's own perhaps, hides no change and makes none."""
    sent(book, "trial", "me@example.org", outcome=TRIED)
    assert [("A", "me@example.org", "trial")] == told(book, entry("A"))
    sent(book, "october")
    sent(book, "again", "me@example.org", outcome=TRIED)

    assert [] == told(book, entry("A"))
    assert [("A", "a@example.org", "october")] == told(book, entry("A", address="me@example.org"))


def test_who_was_written_to_twice_in_a_run_has_two_addresses(book: Book) -> None:
    """`resend --to` was meant: neither is told of, even where the second mail was refused; a third is, with the one accepted last."""
    run = sent(book, "october")
    book.ledger.resend(run, ["A"], "second@example.org")
    assert [] == told(book, entry("A"))
    book.send(run, "A")
    for address in ("", "second@example.org"):
        assert [] == told(book, entry("A", address=address))
    book.ledger.resend(run, ["A"], "third@example.org")
    book.send(run, "A", REFUSED)

    assert [("A", "second@example.org", "october")] == told(book, entry("A", address="third@example.org"))


def test_who_gets_nothing_is_not_told_of(book: Book) -> None:
    """A row left out, an invalid one, and one whose mail of this run is out already."""
    sent(book, "october")
    november = sent(book, "november", "new@example.org")
    plan = entry("A", address="new@example.org")

    assert [] == told(book, plan, run=november)
    for state in (State.INVALID, State.SKIPPED):
        assert [] == told(book, replace(plan, state=state, content_hash=b"", address="x@example.org"))


def test_the_first_five_are_kept_and_all_are_counted(book: Book) -> None:
    """In the list's order, however many there are."""
    keys = [f"K{number}" for number in range(1200)]
    run = book.enter(*(entry(key) for key in keys), label="october")
    book.ledger._connection.execute("UPDATE deliveries SET state = 'sent'")
    with draft_of(
        *(entry(key, row, address=f"{key}@example.com") for row, key in enumerate(keys, 2))
    ) as draft:
        found, total = new_addresses(draft, book.ledger, None)

    assert (1200, [2, 3, 4, 5, 6]) == (total, [one.row for one in found])
    assert {"october"} == {one.run for one in found}
    assert run.opened == NOON
