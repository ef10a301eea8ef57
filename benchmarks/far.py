"""A proxy on loopback that makes a server far: what comes in on either side goes out half a round trip later, in order.

    python far.py --to PORT [--round-trip 0.05]

Prints its port. Only what is said is delayed, not the connecting; bandwidth is not limited. The loop waits with `select`, because
`epoll` rounds every wait up to a millisecond, which would be one twenty-fifth of half of 50 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import selectors
import signal


class Side(asyncio.Protocol):
    """One end of a connection; what it hears is said at the other end later."""

    def __init__(self, delay: float, peer: Side | None = None) -> None:
        self.delay = delay
        self.peer = peer
        self.transport: asyncio.Transport | None = None
        self.early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        for octets in self.early:
            transport.write(octets)

    def data_received(self, octets: bytes) -> None:
        assert self.peer is not None
        asyncio.get_running_loop().call_later(self.delay, self.peer.say, octets)

    def connection_lost(self, _: Exception | None) -> None:
        if self.peer is not None:
            asyncio.get_running_loop().call_later(self.delay, self.peer.leave)

    def say(self, octets: bytes) -> None:
        if self.transport is None:
            self.early.append(octets)
        elif not self.transport.is_closing():
            self.transport.write(octets)

    def leave(self) -> None:
        if self.transport is not None:
            self.transport.close()


class Near(Side):
    """The end that the client connects to; it connects on to the server."""

    def __init__(self, delay: float, port: int) -> None:
        super().__init__(delay, Side(delay, self))
        self.port = port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        loop = asyncio.get_running_loop()
        assert self.peer is not None
        far = self.peer
        self.connecting = loop.create_task(loop.create_connection(lambda: far, "127.0.0.1", self.port))


async def serve(to: int, round_trip: float) -> None:
    """Until SIGTERM."""
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    server = await loop.create_server(lambda: Near(round_trip / 2, to), "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await over.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes a server on this machine far.")
    parser.add_argument("--to", type=int, required=True)
    parser.add_argument("--round-trip", type=float, default=0.05)
    chosen = parser.parse_args()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        runner.run(serve(chosen.to, chosen.round_trip))


if __name__ == "__main__":
    main()
