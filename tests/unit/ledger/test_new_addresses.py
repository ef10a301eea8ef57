"""Whose address is another one than in the run before."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

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
        return [(one.key, one.was, one.run) for one in new_addresses(draft, book.ledger, run).new_addresses]


def test_another_address_than_the_last_time_is_found(book: Book) -> None:
    """Row, key, both addresses and the run; whoever is new, or has the same address, is not."""
    october = book.enter(*(entry(key, row) for row, key in enumerate("ABC", 2)), label="october")
    for key in "ABC":
        book.send(october, key)
    plan = (entry("A", 4, address="a@example.com"), entry("B", 3), entry("D", 2, address="d@example.com"))
    with draft_of(*plan) as draft:
        notices = new_addresses(draft, book.ledger, None)
    found, total = notices.new_addresses, notices.new_addresses_total

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
        notices = new_addresses(draft, book.ledger, None)
    found, total = notices.new_addresses, notices.new_addresses_total

    assert (1200, [2, 3, 4, 5, 6]) == (total, [one.row for one in found])
    assert {"october"} == {one.run for one in found}
    assert run.opened == NOON


def test_a_trial_that_was_taken_back_hides_no_real_address(book: Book) -> None:
    """Neither where its mail failed afterwards, nor where a real mail of that very run went before it."""
    sent(book, "september")
    october = sent(book, "october", "me@example.org", outcome=TRIED)
    book.ledger.resend(october, ["A"])
    book.send(october, "A", REFUSED)
    assert [] == told(book, entry("A"))
    assert [("A", "a@example.org", "september")] == told(book, entry("A", address="me@example.org"))

    november = sent(book, "november", "true@example.org")
    book.ledger.resend(november, ["A"], "me@example.org")
    book.send(november, "A", TRIED)
    assert [] == told(book, entry("A", address="true@example.org"))
    assert [("A", "true@example.org", "november")] == told(book, entry("A", address="me@example.org"))


def moves(book: Book, *entries: Entry) -> list[tuple[str, str]]:
    """Key, and whose address it has now, of the first ones."""
    with draft_of(*entries) as draft:
        found = new_addresses(draft, book.ledger, None)
    assert len(found.moved_addresses) == found.moved_addresses_total
    return [(one.key, one.others) for one in found.moved_addresses]


def test_an_address_that_was_another_ones_is_told_apart(book: Book) -> None:
    """Rows that shifted: each has the next one's address, the last one a new one; letters' case and a failed mail change nothing."""
    october = book.enter(*(entry(key, row) for row, key in enumerate("ABCD", 2)), label="october")
    for key in "ABD":
        book.send(october, key)
    book.send(october, "C", REFUSED)
    plan = [entry(key, row, address=f"{key}@Example.org") for row, key in enumerate("ABCD", 2)]
    shifted = [replace(one, address=two.address) for one, two in pairwise(plan)]

    assert [] == moves(book, *plan)
    assert [("A", "B"), ("B", "C")] == moves(book, *shifted), "C had no mail, so has none to compare"
    assert [] == moves(book, entry("A", address="new@example.org"))
    with draft_of(*shifted, entry("D", 5, address="new@example.org")) as draft:
        found = new_addresses(draft, book.ledger, None)
    assert (2, 1, "D") == (
        found.moved_addresses_total,
        found.new_addresses_total,
        found.new_addresses[0].key,
    )


def test_an_address_of_a_second_mail_was_somebodys_too(book: Book) -> None:
    """`resend --to` changes where the mail of B went last; the address of the list before was B's all the same."""
    october = book.enter(entry("A", 2), entry("B", 3), label="october")
    for key in "AB":
        book.send(october, key)
    book.ledger.resend(october, ["B"], "second@example.org")
    book.send(october, "B")

    assert [("A", "B")] == moves(book, entry("A", address="b@example.org"))
    assert [("A", "B")] == moves(book, entry("A", address="second@example.org"))


def test_who_was_only_tried_at_an_address_does_not_have_it(book: Book) -> None:
    """A trial with shifted rows, mended since, stops nobody, wherever it ended."""
    book.enter(entry("A", 2, address="b@example.org"), entry("B", 3, address="a@example.org"), label="trial")
    trial = book.ledger.run("trial")
    assert trial is not None
    for key in "AB":
        book.send(trial, key, TRIED)
        assert [] == moves(book, entry("A", 2), entry("B", 3))


def test_all_moves_are_counted_in_one_pass(book: Book) -> None:
    """However many: five are told, and all counted."""
    keys = [f"K{number}" for number in range(1200)]
    book.enter(*(entry(key) for key in keys), label="october")
    book.ledger._connection.execute("UPDATE deliveries SET state = 'sent'")
    turned = zip(keys, [*keys[1:], keys[0]], strict=True)
    with draft_of(
        *(
            entry(key, row, address=f"{other.lower()}@example.org")
            for row, (key, other) in enumerate(turned, 2)
        )
    ) as draft:
        found = new_addresses(draft, book.ledger, None)

    assert (1200, 0) == (found.moved_addresses_total, found.new_addresses_total)
    assert ["K1", "K2", "K3", "K4", "K5"] == [one.others for one in found.moved_addresses]
