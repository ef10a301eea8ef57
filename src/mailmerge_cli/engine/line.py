"""One connection as the engine sees it: the feed of a transport in this process, and more for one that lives in a worker.

Rule: whatever was handed out is settled, or handed back with RELEASED.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from mailmerge_cli.engine.desk import Parcel
from mailmerge_cli.engine.gate import Gate
from mailmerge_cli.engine.scribe import Told
from mailmerge_cli.model.mail import Mail, Outcome, Settlement, Verdict

if TYPE_CHECKING:
    from mailmerge_cli.engine.run import Engine


class Carrier(Protocol):
    """Where the engine's connections live: a transport of this process, or a crew of workers."""

    async def carry(self, line: Line, /) -> None:
        """See `Transport.carry`. Raises `WorkerLost` when a worker ended that should not have."""
        ...


class WorkerLost(Exception):
    """A worker process ended unexpectedly; what it had is settled, and another may take its place."""


class Line:
    """One connection. `ready`, `take` and `commit` are the feed of a transport (`model.transport.Feed`)."""

    def __init__(self, engine: Engine, number: int) -> None:
        self._engine = engine
        self.number = number

    # a transport's feed

    def ready(self) -> bool:
        """Whether `take` would give a mail at once."""
        return self._engine.ready(self.number)

    async def take(self) -> Mail | None:
        """The next mail, permitted by the throttle."""
        # Where the transport is in this process, the tray makes whole mails.
        return cast("Mail | None", await self._engine.take(self.number))

    async def commit(self, settled: Settlement | None, begun: Mail | None) -> None:
        """One durable transaction for an outcome and an intent.

        An outcome that may stop the run is written by itself: if it does, the next content must not leave any more, on this
        connection or another one.
        """
        done = None if settled is None else (settled.mail, settled.outcome)
        if done is not None and begun is not None and done[1].verdict is not Verdict.ACCEPTED:
            await self._engine.commit(done, None)
            done = None
        if begun is not None and (error := self.gate.error) is not None:
            await self._engine.commit(done, None)
            raise error
        await self._engine.commit(done, begun)

    # a worker's, by way of its crew

    @property
    def gate(self) -> Gate:
        """Whether the run goes on."""
        return self._engine.gate

    @property
    def closed(self) -> bool:
        """The run goes on with fewer connections, and this one is too many."""
        return self._engine.closed(self.number)

    def draw(self) -> Parcel | None:
        """The next parcel, without a permit; None: there is none for now."""
        return self._engine.draw()

    async def permit(self) -> bool:
        """Wait for the throttle; False: the run stops, or this line does."""
        return await self._engine.permit(self.number)

    def enter(
        self, settled: tuple[Parcel, Outcome] | None, begun: Parcel | None, told: Told, mark: object
    ) -> None:
        """The same as `commit`, with a word when it is durable; see `Scribe.add`."""
        self._engine.enter(settled, begun, told, mark)

    def put_back(self, parcel: Parcel) -> None:
        """It was drawn, and not begun: others may have it."""
        self._engine.put_back(parcel)
