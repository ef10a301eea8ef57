"""Many hands make light work: a long list is checked in several processes at once, chunk by chunk, and told in the list's order.

Rule 1: what comes out is what one process alone would make of the list: the same chunks, in the same order.
Rule 2: a hand that fails, for whatever reason, costs time and nothing else: this process does its chunks over, and so meets
itself whatever was wrong with them.
Rule 3: only a few chunks are under way at a time.
"""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

from mailmerge_cli import offspring
from mailmerge_cli.campaign.checked import CHUNK, Checked, check
from mailmerge_cli.campaign.kit import Kit, packed, unpacked
from mailmerge_cli.model.table import Row

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

_ALONE = 0.5  # seconds of work that this process does alone: what is done by then needs no help, which costs about as much
_LONG = 2 << 20  # octets of a file that surely takes longer
_AHEAD = (
    6  # chunks that a hand has at a time: one to work at, the others for as long as this process is not awake
)
_WINDOW = 16  # chunks for each hand that may be under way or wait for their turn, while the one whose turn it is takes long
_HERE = b"."


class Aid(NamedTuple):
    """Another process that lends a hand.

    Attributes:
        connection: to its `lend`; closed when nobody talks to it any more.
        process: itself.
        lives_on: it has something else to do afterwards; if not, it ends with the check.
    """

    connection: Connection
    process: SpawnProcess
    lives_on: bool = False


def bear_aid() -> Aid:
    """A process that is born for this alone. OSError if there can be none."""
    import multiprocessing

    ours, theirs = multiprocessing.Pipe()
    try:
        return Aid(ours, offspring.bear(lend, theirs))
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()


class Hands:
    """The check of one list, in this process and as many others as there may be. A context manager.

    Args:
        kit: the list and what is made of it.
        number: of other processes, at most; 0: none.
        bear: where other processes come from, each at its own call; OSError if there is none left. None: they are born when
            there turns out to be much to do, and end with this.
        alone: seconds of work that this process does alone before it asks for help; None: by the length of the list, and none
            where the others are there anyway.
    """

    def __init__(
        self, kit: Kit, number: int, bear: Callable[[], Aid] | None = None, *, alone: float | None = None
    ) -> None:
        self._kit = kit
        self._number = number
        self._bear = bear or bear_aid
        if alone is None:
            alone = 0.0 if bear is not None else self._patience()
        self._help_at = time.process_time() + alone
        self._octets: bytes | None = None
        self._hands: list[_Hand] = []
        self._own = _Chunks(kit)
        self._ready: dict[int, bytes] = {}  # small as long as they wait
        self._given = 0  # chunks below this one are somebody's

    def _patience(self) -> float:
        return 0.0 if self._kit.source.size >= _LONG else _ALONE

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for hand in self._hands:
            hand.end()
        self._own.close()

    def checked(self, wanted: Callable[[], int]) -> Iterator[Checked]:
        """All chunks of the list in their order. Raises what reading the list raises.

        `wanted`: how many problems are still to be told one by one.
        """
        at = 0
        while True:
            self._hear(
                0.0
            )  # whoever has handed something in gets something to do, before this process goes on
            self._hand_out(at, wanted())
            chunk = self._chunk(at, wanted)
            yield chunk
            if chunk.read < CHUNK:
                break
            at += 1
        if any(hand.worked for hand in self._hands):
            self._own.confirm()

    def _chunk(self, at: int, wanted: Callable[[], int]) -> Checked:
        """The chunk whose turn it is: what another has made of it, or made here if it is nobody's."""
        while True:
            if not self._hands and self._number and time.process_time() >= self._help_at:
                self._call()
            if (made := self._ready.pop(at, None)) is not None:
                return Checked(*pickle.loads(made))  # noqa: S301  our own process
            self._hear(None if self._is_given(at) else 0.0)
            self._hand_out(at, wanted())
            if at not in self._ready and not self._is_given(at):
                self._given = max(self._given, at + 1)
                return self._own.checked(at, wanted())

    def _is_given(self, chunk: int) -> bool:
        return any(chunk in hand.has for hand in self._hands)

    def _call(self) -> None:
        """Start the other processes; they come when they can."""
        number, self._number = self._number, 0
        self._octets = packed(self._kit)
        if self._octets is None:
            return
        for _ in range(number):
            try:
                self._hands.append(_Hand(self._bear()))
            except OSError:
                return  # no more processes to be had

    def _hear(self, patience: float | None) -> None:
        """Take in what the others have to say; wait for it if there is no other way to get on."""
        alive = {hand.connection: hand for hand in self._hands if hand.alive}
        if not alive:
            return
        from multiprocessing.connection import wait

        for connection in wait(list(alive), patience):
            hand = alive[connection]  # type: ignore[index]  # it gives back what it was given
            try:
                self._heard(hand, hand.connection.recv_bytes())
            except (EOFError, OSError):
                hand.end()
        if not any(hand.state < _READY for hand in self._hands if hand.alive):
            self._octets = None

    def _heard(self, hand: _Hand, said: bytes) -> None:
        if hand.state == _READY:
            self._ready[hand.has.pop(0)] = said
            hand.worked = True
            return
        hand.state += 1
        if hand.state == _BORN:
            assert self._octets is not None
            hand.connection.send_bytes(self._octets)

    def _hand_out(self, at: int, wanted: int) -> None:
        """Every hand that waits for work gets some, in turns, as long as they do not run away from the plan."""
        most = at + _WINDOW * len(self._hands)
        for ahead in range(1, _AHEAD + 1):
            for hand in self._hands:
                if hand.state == _READY and hand.alive and len(hand.has) < ahead and self._given < most:
                    hand.give(self._given, wanted)
                    self._given += 1


_CALLED, _BORN, _READY = range(3)


class _Hand:
    """One other process.

    Attributes:
        connection: to it.
        alive: it has not failed.
        state: called; born, and it gets the kit; ready, and it gets orders.
        has: the chunks that it was given and has not handed back, in this order.
        worked: a chunk of its making was taken.
    """

    def __init__(self, aid: Aid) -> None:
        self.connection, self._process, self._lives_on = aid
        self.alive = True
        self.state = _CALLED
        self.has: list[int] = []
        self.worked = False

    def give(self, chunk: int, wanted: int) -> None:
        """One more order."""
        try:
            self.connection.send_bytes(pickle.dumps((chunk, wanted)))
        except OSError:
            self.end()
        else:
            self.has.append(chunk)

    def end(self) -> None:
        """It holds nothing that anybody needs, so nothing is waited for."""
        if self.alive:
            self.alive = False
            self.has.clear()
            self.connection.close()
            if not self._lives_on:
                self._process.kill()
                self._process.join()
                self._process.close()


class _Chunks:
    """The chunks of a list, as this process makes them; quick as long as they are asked for in their order."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._rows: Iterator[Row] = iter(())
        self._next: int | None = None

    def checked(self, number: int, wanted: int) -> Checked:
        """One chunk; an empty one behind the end of the list."""
        if self._next is None or number < self._next:
            self.close()
            self._rows, self._next = self._kit.source.rows(), 0
        if number > self._next:
            _pass_over(self._rows, (number - self._next) * CHUNK)
        self._next = number + 1
        rows = list(islice(self._rows, CHUNK))
        found = check(rows, self._kit.judge, self._kit.template, wanted)
        return found if len(rows) == CHUNK else found._replace(notes=self._kit.source.notes)

    def confirm(self) -> None:
        """Refused if the list is no longer the one that was opened: others may have read it when it was not."""
        self.close()
        self._rows = self._kit.source.rows()
        next(self._rows, None)
        self.close()

    def close(self) -> None:
        """Lets go of the file."""
        if close := getattr(self._rows, "close", None):
            close()
        self._rows, self._next = iter(()), None


def _pass_over(rows: Iterator[Row], number: int) -> None:
    next(islice(rows, number, number), None)


def lend(connection: Connection) -> None:
    """The whole life of a hand: the kit, then orders, until this end or the other one fails."""
    try:
        lend_until_dismissed(connection)
    finally:
        # Nothing here is worth a farewell; and whatever went wrong, the other process meets it again, and there it can be told.
        os._exit(0)


def lend_until_dismissed(connection: Connection) -> None:
    """The same as a part of a process's life: returns when the other end hangs up; raises what the check raises."""
    offspring.grow_deaf()
    with connection, suppress(EOFError, BrokenPipeError, ConnectionResetError):
        connection.send_bytes(_HERE)
        chunks = _Chunks(unpacked(connection.recv_bytes()))
        connection.send_bytes(_HERE)
        while True:
            number, wanted = pickle.loads(connection.recv_bytes())  # noqa: S301  our own process
            connection.send_bytes(pickle.dumps(tuple(chunks.checked(number, wanted)), 5))
