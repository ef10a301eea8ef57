"""A plan on its own: twins, skipping, digest."""

from __future__ import annotations

import pytest

from mailmerge_cli.errors import LedgerFault
from mailmerge_cli.ledger.differences import Amendment
from mailmerge_cli.ledger.draft import Draft, Twin, line_of
from mailmerge_cli.ledger.premises import Premises
from mailmerge_cli.model.delivery import Entry, State
from support.ledgers import Book, draft_of, entry

INVALID, SKIPPED = State.INVALID, State.SKIPPED


def test_entries_come_back_as_they_were_added() -> None:
    """Nothing is lost or changed on the way through the disk, beyond one page and one batch."""
    entries = [entry(f"工号{number}", number, f"c{number}") for number in range(1300)]
    with Draft() as draft:
        draft.add(entries[:700])
        draft.add(entries[700:])
        assert list(draft.entries()) == entries
        assert (draft.count(), draft.count(State.PENDING), draft.count(INVALID)) == (1300, 1300, 0)


def test_K08_a_full_disk_is_told_with_the_folder() -> None:
    """The plan's own file lies where temporary files do; the sentence says so, and nothing masks it."""
    with Draft() as draft, pytest.raises(LedgerFault, match=r"temporary file .*TMPDIR.*: the disk is full"):
        draft._connection.execute("PRAGMA max_page_count = 20")
        draft.add([entry(f"K{number}", number) for number in range(5000)])


def test_K04_a_ctrl_c_between_begin_and_first_line_says_nothing_later() -> None:
    """What was begun and never entered is thrown away after the draft was closed: without a word on anybody's screen."""
    draft = Draft()
    change = draft._change()
    change.__enter__()
    draft.close()
    change.gen.close()  # type: ignore[attr-defined]  # as the garbage collector does


def test_first_and_last_are_those_that_get_mail() -> None:
    """The question before a send names the first and the last recipient; skipped and invalid rows are none."""
    with draft_of(
        entry("A", state=SKIPPED), entry("B", 3), entry("C", 4), entry("D", 5, state=INVALID)
    ) as draft:
        assert (draft.first(), draft.last()) == (entry("B", 3), entry("C", 4))
        assert list(draft.entries(SKIPPED, INVALID)) == [
            entry("A", state=SKIPPED),
            entry("D", 5, state=INVALID),
        ]
    with Draft() as empty:
        assert (empty.first(), empty.last(), list(empty.entries())) == (None, None, [])


def test_F27_the_same_key_twice_is_found_in_any_state() -> None:
    """A key names one person; a row without a key names nobody and is no twin."""
    with draft_of(
        entry("A", 2),
        entry("B", 3),
        entry("A", 9, state=INVALID),
        entry("", 5, state=INVALID),
        entry("", 6, state=SKIPPED),
    ) as draft:
        assert list(draft.twin_keys()) == [Twin("A", ("A", 2), ("A", 9))]


def test_F27_the_same_address_under_several_keys_is_found_without_case() -> None:
    """Only rows that get mail count."""
    with draft_of(
        entry("A", 2, address="Li@example.org"), entry("B", 3, address="li@EXAMPLE.org"), entry("C", 4, address="wang@example.org"),
        entry("D", 5, address="wang@example.org", state=SKIPPED), entry("E", 6, address="li@example.org", state=INVALID),
    ) as draft:  # fmt: skip
        assert list(draft.twin_addresses()) == [Twin("li@example.org", ("A", 2), ("B", 3))]
        assert draft.skip(["B", "nobody"], "on the list of exclusions") == 1
        assert list(draft.twin_addresses()) == []
        assert [one.reason for one in draft.entries(SKIPPED)] == ["on the list of exclusions", ""]


def test_F27_of_twins_the_first_row_stays() -> None:
    """duplicates = "skip": one mail for each address, the others say whose it is."""
    with draft_of(
        entry("A", 7, address="li@example.org"), entry("B", 3, address="LI@example.org"), entry("C", 4)
    ) as draft:
        assert draft.skip_twin_addresses("same address as row {row}") == 1
        assert [(one.key, one.state, one.reason, one.content_hash) for one in draft.entries(SKIPPED)] == [
            ("A", SKIPPED, "same address as row 3", b"")
        ]
        assert draft.skip_twin_addresses("again") == 0


def test_F27_the_twin_that_has_its_mail_stays_whatever_the_order(book: Book) -> None:
    """Sorting the list between two calls makes no difference and sends no second mail."""
    twins = [entry("A", 2, address="li@example.org"), entry("B", 3, address="li@example.org")]
    with draft_of(*twins) as draft:
        draft.skip_twin_addresses("twin of row {row}")
        run = book.ledger.enter("november", book.now, "", draft, "")
    book.send(run, "A")

    with draft_of(entry("B", 2, address="li@example.org"), entry("A", 3, address="li@example.org")) as draft:
        assert draft.skip_twin_addresses("twin of row {row}", book.ledger, run) == 1
        assert not draft.compare(book.ledger, run)


def test_the_digest_is_of_what_is_sent_to_whom() -> None:
    """Order and rows that name nobody do not matter; keys, addresses, contents and states do."""
    a, b = entry("A", 2), entry("B", 3)

    def digest(*entries: Entry) -> str:
        with draft_of(*entries) as draft:
            return draft.digest()

    same = {
        digest(a, b),
        digest(b, a),
        digest(entry("A", 8), entry("B", 5)),
        digest(a, b, entry("", 9, state=INVALID)),
    }
    others = [
        digest(a), digest(a, entry("B", 3, "changed")), digest(a, entry("B", 3, address="new@example.org")),
        digest(a, entry("B", 3, state=SKIPPED)), digest(a, entry("B", 3, state=INVALID)), digest(),
        digest(entry("AB", 2, address="x@y"), b), digest(entry("A", 2, address="Bx@y"), b),
    ]  # fmt: skip
    assert len(same) == 1
    assert len({*same, *others}) == 1 + len(others)


def test_who_gets_mail_has_a_key() -> None:
    """A row to be sent without a key is a bug of the caller, and is told at once."""
    with Draft() as draft, pytest.raises(ValueError, match="no key"):
        draft.add([entry("", 2)])


def test_the_digest_follows_what_is_skipped_later() -> None:
    """It is known without a look at the lines only as long as nobody changed them."""
    shared = [entry("A", 2, address="li@example.org"), entry("B", 3, address="LI@example.org")]
    as_skipped = [shared[0], entry("B", 3, address="LI@example.org", state=SKIPPED)]
    with draft_of(*shared) as draft, draft_of(*as_skipped) as expected:
        before = draft.digest()
        assert draft.skip_twin_addresses("twin") == 1
        assert before != draft.digest() == expected.digest()
    with draft_of(*shared) as draft, draft_of(*as_skipped) as expected:
        draft.skip(["B"], "left out")
        assert draft.digest() == expected.digest()


def test_a_line_keeps_one_object_where_it_can() -> None:
    """Lines travel between processes; the same text is not sent three times."""
    _, key, address, folded, *_ = line_of(2, "-li@example.org"[1:], "li@example.org", b"x" * 32)

    assert key is address is folded


def test_a_place_is_the_first_rows_own() -> None:
    """Over many batches and within one; asked again, the answer is the same."""
    with Draft() as draft:
        assert draft.claim([(b"a", 2), (b"b", 3)]) == {}
        assert draft.claim([(b"c", 4), (b"a", 5), (b"c", 6)]) == {b"a": 2, b"c": 4}
        assert draft.claim([(b"a", 2)]) == {}


def test_premises_survive_the_way_through_the_ledger() -> None:
    """What cannot be read is no premise: a plan is made then."""
    premises = Premises("ab" * 32, 10, 1, 7, 2)

    assert premises == Premises.parse(str(premises))
    for text in ("", "ab", "ab 1 2 3", "ab 1 2 3 4 5", "ab 1 2 3 x", "ab 1 2 3 -5"):
        assert Premises.parse(text) is None


def test_premises_are_those_of_the_last_plan(book: Book) -> None:
    """An amendment without them takes the old ones away, so that an old plan never stands for a new one."""
    premises = Premises("ab", 1, 0, 1, 0)
    with draft_of(entry("A", 2)) as draft:
        draft.premises = premises
        run = book.ledger.enter("november", book.now, "", draft, "")
    assert premises == book.ledger.premises(run)
    with draft_of(entry("A", 2)) as draft:
        book.ledger.amend(run, draft, Amendment(), "")
    assert book.ledger.premises(run) is None
