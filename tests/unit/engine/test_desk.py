"""Where the next mail comes from: nobody is handed out twice, nobody who came back is forgotten."""

from __future__ import annotations

from mailmerge_cli.engine.desk import Desk
from support.engine_parts import START, JumpingClock, MemoryLedger


def desk_of(count: int, limit: int | None = None) -> Desk:
    desk = Desk(MemoryLedger(count, JumpingClock()), limit)
    desk.open_pass(START)
    return desk


def handed_out(desk: Desk) -> list[int]:
    found = []
    while (parcel := desk.next()) is not None:
        found.append(parcel.delivery)
    return found


def test_a_pass_hands_out_everybody_once_and_then_nobody() -> None:
    """In the list's order; after the last one there is none."""
    desk = desk_of(3)

    assert [1, 2, 3] == handed_out(desk)
    assert desk.next() is None
    assert not desk.more()


def test_who_is_on_the_way_is_not_handed_out_by_another_pass() -> None:
    """The next pass over the list gives him again; one of him is enough."""
    desk = desk_of(3)
    first = desk.next()
    desk.open_pass(START)

    assert first is not None
    assert [2, 3] == handed_out(desk)


def test_who_came_back_goes_before_the_others() -> None:
    """And once."""
    desk = desk_of(3)
    first = desk.next()
    assert first is not None
    desk.give_back(first)

    assert [1, 2, 3] == handed_out(desk)


def test_who_came_back_does_not_count_against_the_limit() -> None:
    """A limit of two is two that were sent."""
    desk = desk_of(3, limit=2)
    first = desk.next()
    assert first is not None
    desk.give_back(first)

    assert [1, 2] == handed_out(desk)
    assert desk.limit_reached
