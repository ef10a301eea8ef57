"""Orders become mails of the very rows that were checked, in whatever order they are asked for; or nothing is sent."""

from __future__ import annotations

import pickle
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailmerge_cli.campaign.kit import Kit
from mailmerge_cli.campaign.outgoing import Maker, Order, Outgoing
from mailmerge_cli.errors import Refused
from mailmerge_cli.ledger.ledger import Ledger
from mailmerge_cli.model.mail import Recipient
from support.kits import kit_of, write_people
from support.ledgers import DEFERRED, Book, entry

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def orders(kit: Kit) -> list[Order]:
    """One for each row that gets mail."""
    made = []
    for row in kit.source.rows():
        person = kit.judge.judge(row)
        if isinstance(person, Recipient):
            letter = kit.template.render(row, person)
            number = row.number
            made.append(
                Order(
                    number, f"<{number}@x>", 1, number, person.key, person.address, letter.content_hash, NOW
                )
            )
    return made


def is_of(order: Order, make: Maker) -> bool:
    mail = make(order)
    text = b"".join(mail.content)
    return (
        mail.envelope.recipients == (order.address,)
        and mail.message_id == order.message_id
        and f"Number {order.key}, Person {order.key[1:]}.".encode() in text
    )


@pytest.fixture(scope="module")
def long_list(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Longer than what a maker keeps of it."""
    return write_people(
        tmp_path_factory.mktemp("list") / "people.csv", 1500, {7: "S7,Nobody,", 700: "S700,N,x@"}
    )


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(), near=st.booleans())
def test_the_mail_is_the_ordered_rows_in_any_order(long_list: Path, seed: int, near: bool) -> None:
    """A row that is asked for late, twice, or far behind is that row and no other (law 4)."""
    chance = random.Random(seed)
    with kit_of(long_list) as kit:
        wanted = orders(kit)
        if near:
            wanted.sort(key=lambda order: order.number + chance.randrange(40))
        else:
            wanted = chance.choices(wanted, k=30)
        make = Maker(kit)
        assert all(is_of(order, make) for order in wanted)


def test_a_maker_travels(long_list: Path) -> None:
    """The copy begins at the list's start, wherever the first one stands."""
    with kit_of(long_list) as kit:
        wanted, make = orders(kit), Maker(kit)
        assert is_of(wanted[900], make)
        assert is_of(wanted[0], pickle.loads(pickle.dumps(make)))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"number": 9}, "Row 9 is not the row that was checked"),
        ({"number": 8}, "Row 8 is not the row that was checked"),
        ({"number": 1_000_000}, "Row 1000000 is not the row that was checked"),
        ({"number": 1}, "Row 1 is not the row that was checked"),
        ({"key": "S2"}, "Row 2 is not the row that was checked"),
        ({"content_hash": b"another"}, "Row 2 is not what was checked"),
    ],
)
def test_F26_what_was_not_checked_is_not_made(long_list: Path, change: dict[str, object], told: str) -> None:
    """Another row, a bad row, a row that the list has not, another person's, other content: refused (65)."""
    with kit_of(long_list) as kit:
        order = orders(kit)[0]
        with pytest.raises(Refused, match=told):
            Maker(kit)(order._replace(**change))


def test_F26_a_list_that_changes_under_the_run_stops_it(tmp_path: Path) -> None:
    """A new pass over a file that was saved meanwhile is refused, although its rows may be the same."""
    file = write_people(tmp_path / "people.csv", 3)
    with kit_of(file) as kit:
        order = orders(kit)[1]
        write_people(file, 4)
        with pytest.raises(Refused, match="changed while it was being read"):
            Maker(kit)(order)


def test_a_resend_goes_to_the_address_that_was_given(tmp_path: Path) -> None:
    """`resend --to`: the same letter, another envelope and To."""
    with kit_of(write_people(tmp_path / "people.csv", 3)) as kit:
        mail = Maker(kit)(orders(kit)[1]._replace(address="new@example.com"))
    assert mail.envelope.recipients == ("new@example.com",)
    assert b"p2@example.org" not in b"".join(mail.content)


def test_F26_an_attachment_that_is_gone_at_its_turn_stops_the_run(tmp_path: Path) -> None:
    """It was there at the check: refused (65), with the row, and not sent without it."""
    (tmp_path / "S1.txt").write_text("slip")
    with kit_of(write_people(tmp_path / "people.csv", 1), attachments=("{{ id }}.txt",)) as kit:
        (order,) = orders(kit)
        (tmp_path / "S1.txt").unlink()
        with pytest.raises(Refused, match="Row 2 cannot be rendered any more") as caught:
            Maker(kit)(order)
    assert "changed" == caught.value.reason


# -- what is left ----------------------------------------------------------------------------------------------------


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    with Ledger.open(tmp_path / ".mailmerge" / "ledger.sqlite3", home=tmp_path) as ledger:
        yield Book(ledger, tmp_path)


def keys_due(outgoing: Outgoing, now: datetime) -> list[str]:
    return [delivery.key for delivery, _ in outgoing.due(now)]


def test_P10_a_deferred_row_is_not_handed_out_before_its_time(book: Book) -> None:
    """Not a second too early; and from its moment on it is."""
    run = book.enter(entry("A", 2), entry("B", 3))
    book.send(run, "B", DEFERRED, wait=60)
    outgoing = Outgoing(book.ledger, run, domain="example.org")
    moment = outgoing.next_due()

    assert moment is not None
    assert ["A"] == keys_due(outgoing, moment - timedelta(seconds=1))
    assert ["A", "B"] == keys_due(outgoing, moment)


def test_a_call_about_some_keys_knows_no_others(book: Book) -> None:
    """Rows, figures and the next moment are those of its keys: it neither sends to others nor waits for them."""
    run = book.enter(*(entry(key, row) for row, key in enumerate("ABCD", 2)))
    book.send(run, "B", DEFERRED, wait=60)
    book.send(run, "D", DEFERRED, wait=3600)
    late = book.get(run, "D").next_attempt
    assert late is not None
    everybody, some, pending = (
        Outgoing(book.ledger, run, domain="example.org", only=only) for only in (None, ["D", "A", "D"], ["A"])
    )

    assert (4, 2, 1) == (everybody.left(), some.left(), pending.left())
    assert ["A", "D"] == keys_due(some, late)
    assert (late, None) == (some.next_due(), pending.next_due())
    assert book.get(run, "B").next_attempt == everybody.next_due()
