"""The worker processes as the engine sees them: a crew that carries lines, each line in one of its posts.

Rule 1: throttle, gate, ledger and list stay in the main process; a worker gets parcels a few ahead and asks before each content.
Rule 2: what a dead worker had begun is in doubt if it was told that it may send, and released if not; the rest goes back.
"""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable
from typing import Self

from mailmerge_cli.engine.birth import Born, born
from mailmerge_cli.engine.frames import Flow
from mailmerge_cli.engine.line import Line
from mailmerge_cli.engine.post import Post, flow_of
from mailmerge_cli.engine.worker import Recipe
from mailmerge_cli.model.account import Credentials


class Crew:
    """Up to so many worker processes; each is started when a line needs it. A context manager (async).

    Args:
        recipe: what each worker needs.
        credentials: asked when a worker's server wants a login.
        posts: how many processes.
        throttled: a permit is needed for each mail.
        trace: gets the transports' traces; None for none.
        bear: gives a worker that waits for its first word; OSError if there can be none.
    """

    def __init__(
        self,
        recipe: Recipe,
        credentials: Credentials,
        posts: int,
        *,
        throttled: bool = False,
        trace: Callable[[str], None] | None = None,
        bear: Callable[[], Born] = lambda: born(-1),
    ) -> None:
        octets = pickle.dumps(recipe, 5)
        flat = recipe.parcel is not None
        self._posts = [
            Post(octets, credentials, throttled=throttled, trace=trace, bear=bear, flat=flat)
            for _ in range(posts)
        ]
        self._line: Line | None = None
        self._waking: asyncio.Task[None] | None = None

    async def carry(self, line: Line, /) -> None:
        """The life of one connection, in a worker."""
        if self._line is None:
            self._line = line
            line.gate.on_change = self._spread
        await self._posts[line.number % len(self._posts)].carry(line)

    @property
    def pids(self) -> list[int]:
        """Of the processes that live now."""
        return [post.pid for post in self._posts if post.pid]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._waking is not None:
            self._waking.cancel()
        if self._line is not None:
            self._line.gate.on_change = None
        await asyncio.gather(*(post.close() for post in self._posts))

    def _spread(self) -> None:
        """The gate changed."""
        for post in self._posts:
            post.follow()
        if self._line is not None and flow_of(self._line) is Flow.HOLD and self._waking is None:
            self._waking = asyncio.get_running_loop().create_task(self._wake(self._line))

    async def _wake(self, line: Line) -> None:
        """Say when the hold is over."""
        await line.gate.held()
        self._waking = None
        self._spread()
