"""A list checked by many hands: what comes out is what one process alone makes of it, whatever happens to the hands."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest

from mailmerge_cli.campaign import hands as room
from mailmerge_cli.campaign import plan as planning
from mailmerge_cli.campaign.checked import CHUNK
from mailmerge_cli.campaign.hands import Aid, Hands
from mailmerge_cli.campaign.kit import Kit
from mailmerge_cli.campaign.plan import make_plan
from mailmerge_cli.errors import Refused
from mailmerge_cli.ledger.draft import Draft
from mailmerge_cli.model.campaign import Duplicates, NoAddress
from support.kits import kit_of, plan_of, told, write_people

MANY = 9 * CHUNK + 7


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Help is asked for before the first row, and this process does nothing itself until it has come."""
    monkeypatch.setattr(planning, "Hands", _Eager)


class _Eager(Hands):
    """Hands that are all there before the work begins."""

    def __init__(self, kit: Kit, number: int, bear: Callable[[], Aid] | None = None) -> None:
        super().__init__(kit, number, bear, alone=0.0)

    def __enter__(self) -> Self:
        self._call()
        while any(hand.alive and hand.state != room._READY for hand in self._hands):
            self._hear(None)
        return self

    @property
    def pids(self) -> list[int]:
        return [hand._process.pid or 0 for hand in self._hands if hand.alive]


def by_hands(kit: Kit, duplicates: Duplicates = Duplicates.REFUSE, hands: int = 2) -> tuple[object, ...]:
    with Draft() as draft:
        return told(make_plan(kit, draft, duplicates=duplicates, key_is_address=False, hands=hands))


def spoilt(seed: int, rows: int) -> dict[int, str]:
    """Lines of all kinds of trouble, strewn over a list."""
    dice = random.Random(seed)
    kinds = (
        "S{n},Person {n},nowhere", "S{n},,p{n}@example.org", ",No Key,p{n}@example.org", "S1,Again,q{n}@example.org",
        "S{n},Shared,shared@example.org", "S{n},Case,SHARED@example.org", "S{n},None,", "S{n},Out,out@example.org", "S{n},short",
        "", "S{n},Big,P{n}@EXAMPLE.org", 'S{n},"two\nlines",p{n}@example.org', "X,Left,p{n}@example.org",
    )  # fmt: skip
    return {n: dice.choice(kinds).format(n=n) for n in dice.sample(range(2, rows + 1), rows // 5)}


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("seed", range(6))
def test_the_plan_is_the_one_of_one_process(tmp_path: Path, seed: int) -> None:
    """Entries, digest, problems and their order, faults and all figures, on lists with bad rows."""
    rows = random.Random(seed).choice((1, CHUNK - 1, CHUNK, CHUNK + 1, 4 * CHUNK, MANY))
    file = write_people(tmp_path / "people.csv", rows, spoilt(seed, rows))
    duplicates = list(Duplicates)[seed % 3]
    with kit_of(
        file,
        where="id != 'X'",
        excluded="out@example.org",
        own_to=seed % 2 == 0,
        no_address=list(NoAddress)[seed % 2],
    ) as kit:
        assert plan_of(kit, duplicates) == by_hands(kit, duplicates)


@pytest.mark.usefixtures("at_once")
def test_a_file_of_two_people_is_found_across_chunks(tmp_path: Path) -> None:
    """B: each person's file may go to one person only, and whose it is nobody can tell: none of the rows that name it is sent."""
    bad = {n: f"S{n % 700},Person {n},p{n}@example.org" for n in range(1, 3 * CHUNK + 1)}
    file = write_people(tmp_path / "people.csv", 3 * CHUNK, bad)
    for number in range(700):
        (tmp_path / f"S{number}.txt").write_text(str(number % 500))
    with kit_of(file, attachments=("{{ id }}.txt",)) as kit:
        alone = plan_of(kit, Duplicates.SEND)
        assert alone == by_hands(kit, Duplicates.SEND)
    _, _, problems, total, *_, mails, invalid, _ = alone

    assert (0, 3 * CHUNK, 3 * CHUNK) == (mails, invalid, total)
    assert 200 == alone[7]  # copies, besides
    assert isinstance(problems, list)
    assert "its attachment is that of row 702 too; " in problems[0].message
    assert [2, 3] == [one.row for one in problems[:2]]


@pytest.mark.usefixtures("at_once")
def test_problems_beyond_the_thousandth_are_counted(tmp_path: Path) -> None:
    """The first thousand in the list's order, and the number of all."""
    rows = 6 * CHUNK
    file = write_people(tmp_path / "people.csv", rows, {n: f"S{n},P,bad" for n in range(1, rows + 1)})
    with kit_of(file) as kit:
        alone = plan_of(kit)
        assert alone == by_hands(kit)
    problems = alone[2]
    assert isinstance(problems, list)
    assert (1000, rows, 1001) == (len(problems), alone[3], problems[-1].row)


@pytest.mark.usefixtures("at_once")
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
@pytest.mark.parametrize("killed", [1, 3])
def test_a_hand_that_dies_costs_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: int) -> None:
    """Its chunks are done here; with all of them gone, everything is."""
    file = write_people(tmp_path / "people.csv", MANY, spoilt(9, MANY))
    with kit_of(file) as kit:
        alone = plan_of(kit)
        heard = Hands._heard
        victims: list[int] = []

        def deadly(self: Hands, hand: room._Hand, said: bytes) -> None:
            heard(self, hand, said)
            if hand.state == room._READY and len(self._ready) == 1 and len(victims) < killed:
                assert isinstance(self, _Eager)
                victims.extend(self.pids[:killed])
                for pid in victims:
                    os.kill(pid, signal.SIGKILL)

        monkeypatch.setattr(Hands, "_heard", deadly)

        assert alone == by_hands(kit, hands=3)
        assert killed == len(victims)


@pytest.mark.usefixtures("at_once")
def test_what_is_wrong_with_the_list_is_told_as_by_one_process(tmp_path: Path) -> None:
    """A quote that is never closed, deep in the list: the same refusal, with file and line."""
    file = write_people(tmp_path / "people.csv", MANY, {MANY - 10: f'S{MANY},"Person,p@example.org'})
    with kit_of(file) as kit:
        with pytest.raises(Refused) as alone:
            plan_of(kit)
        with pytest.raises(Refused) as together:
            by_hands(kit)
    assert (alone.value.message, alone.value.problems) == (together.value.message, together.value.problems)


@pytest.mark.usefixtures("at_once")
def test_F26_a_list_that_changes_meanwhile_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if every hand had read it before."""
    file = write_people(tmp_path / "people.csv", 3 * CHUNK + 1)
    put = Draft.put

    def touching(self: Draft, lines: list[object], digest: int) -> None:
        put(self, lines, digest)  # type: ignore[arg-type]
        os.utime(file, ns=(1, 1))

    monkeypatch.setattr(Draft, "put", touching)
    with kit_of(file) as kit, pytest.raises(Refused) as caught:
        by_hands(kit)
    assert "changed" == caught.value.reason


def test_a_short_list_starts_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done before help would have come needs none."""
    monkeypatch.setattr(Hands, "_call", _never)
    with kit_of(write_people(tmp_path / "people.csv", 20)) as kit:
        assert plan_of(kit) == by_hands(kit)


def _never(self: Hands) -> None:
    raise AssertionError("a process for twenty rows")


def test_help_comes_while_this_process_works(tmp_path: Path) -> None:
    """Nobody waits for the others to be born; what they do then fits to what was done."""
    file = write_people(tmp_path / "people.csv", MANY, spoilt(3, MANY))
    with kit_of(file) as kit, Hands(kit, 2, alone=0.0) as hands:
        found = [chunk.lines for chunk in hands.checked(lambda: 1000)]
        with Hands(kit, 0) as none:
            assert [chunk.lines for chunk in none.checked(lambda: 1000)] == found


@pytest.mark.usefixtures("at_once")
def test_only_a_few_chunks_are_under_way(tmp_path: Path) -> None:
    """However slow this process is, the others do not run away from it: memory stays bounded."""
    with kit_of(write_people(tmp_path / "people.csv", MANY)) as kit, _Eager(kit, 2) as hands:
        most = 0
        for _ in hands.checked(lambda: 1000):
            hands._hear(0.05)
            most = max(most, len(hands._ready) + sum(len(hand.has) for hand in hands._hands))
    assert most <= room._WINDOW * 2


@pytest.mark.usefixtures("at_once")
def test_no_process_is_left_behind(tmp_path: Path) -> None:
    """Whether the pass ends well or not."""

    def left(ends: Iterator[object]) -> list[int]:
        with kit_of(write_people(tmp_path / "people.csv", MANY)) as kit, _Eager(kit, 2) as hands:
            pids = hands.pids
            for chunk, end in zip(hands.checked(lambda: 1000), ends, strict=False):
                assert chunk.lines or end
        assert 2 == len(pids)
        return [pid for pid in pids if Path(f"/proc/{pid}").exists()]

    assert [] == left(iter(range(2)))
    assert [] == left(iter(range(10**6)))


class _Homebody:
    """A third party's source: it reads like the one it stands for, and cannot be pickled."""

    def __init__(self, source: object) -> None:
        self._source = source

    def __getattr__(self, name: str) -> object:
        return getattr(self._source, name)

    def __reduce__(self) -> str:
        raise TypeError("not me")


@pytest.mark.usefixtures("at_once")
def test_a_list_that_cannot_travel_is_checked_by_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No error and no process that would wait for it in vain."""
    with kit_of(write_people(tmp_path / "people.csv", MANY, spoilt(4, MANY))) as kit:
        alone = plan_of(kit)
        monkeypatch.setattr(room.offspring, "bear", None)  # nobody asks for one
        assert alone == by_hands(kit._replace(source=_Homebody(kit.source)))  # type: ignore[arg-type]


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("births", [0, 1])
def test_where_there_are_no_more_processes_to_be_had_fewer_do_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, births: int
) -> None:
    """A limit of processes or memory costs time and nothing else."""
    bear, born = room.offspring.bear, []

    def few(*parts: object) -> object:
        if len(born) == births:
            raise OSError(11, "Resource temporarily unavailable")
        born.append(bear(*parts))  # type: ignore[arg-type]
        return born[-1]

    monkeypatch.setattr(room.offspring, "bear", few)
    with kit_of(write_people(tmp_path / "people.csv", MANY, spoilt(5, MANY))) as kit:
        assert plan_of(kit) == by_hands(kit, hands=3)
    assert births == len(born)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_a_hand_that_is_dead_when_it_is_given_work_has_none(tmp_path: Path) -> None:
    """Its end is noticed at the pipe; the chunk that it should have had is done here."""
    with kit_of(write_people(tmp_path / "people.csv", MANY)) as kit, _Eager(kit, 1) as hands:
        (hand,) = hands._hands
        os.kill(hands.pids[0], signal.SIGKILL)
        hand._process.join()
        hands._hand_out(0, 1000)

        assert (False, []) == (hand.alive, hand.has)
        assert MANY == sum(chunk.read for chunk in hands.checked(lambda: 1000))
