"""A small SMTP server on loopback that accepts all mail and writes down when: one line an event, in monotonic seconds.

    python recorder.py [--port N] [--stamps FILE] [--keep FOLDER]

Prints its port. A line of FILE is `M` (MAIL was read) or `E` (end of data was read), the connection's number and the second, which another
process on this machine can compare with its own monotonic clock. It offers PIPELINING and 8BITMIME; FOLDER gets every content.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import signal
import time
from pathlib import Path
from typing import TextIO

_END = b"\r\n.\r\n"
_EHLO = b"250-recorder\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n250 8BITMIME\r\n"
_REPLIES = {
    b"EHLO": _EHLO,
    b"HELO": b"250 recorder\r\n",
    b"MAIL": b"250 2.1.0 Ok\r\n",
    b"RCPT": b"250 2.1.5 Ok\r\n",
    b"RSET": b"250 2.0.0 Ok\r\n",
    b"NOOP": b"250 2.0.0 Ok\r\n",
}


class Recorder(asyncio.Protocol):
    """One connection."""

    numbers = itertools.count(1)
    mails = itertools.count(1)

    def __init__(self, stamps: TextIO | None, keep: Path | None) -> None:
        self.number = next(Recorder.numbers)
        self.stamps = stamps
        self.keep = keep
        self.unread = bytearray()
        self.in_content = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(b"220 recorder\r\n")

    def data_received(self, octets: bytes) -> None:
        self.unread += octets
        said: list[bytes] = []
        while (reply := self.content() if self.in_content else self.command()) is not None:
            said.append(reply)
        if said:
            self.transport.write(b"".join(said))
        if said and said[-1].startswith(b"221"):
            self.transport.close()

    def command(self) -> bytes | None:
        """Reply to the next command; None: it is not whole yet."""
        end = self.unread.find(b"\r\n")
        if end < 0:
            return None
        verb = bytes(self.unread[:4]).upper()
        del self.unread[: end + 2]
        if verb == b"MAIL":
            self.stamp("M")
        if verb == b"DATA":
            self.in_content = True
            # The end of data is found with the line break before it, which an empty content lacks.
            self.unread[:0] = b"\r\n"
            return b"354 go\r\n"
        return _REPLIES.get(verb, b"221 2.0.0 Bye\r\n" if verb == b"QUIT" else b"502 5.5.1 what?\r\n")

    def content(self) -> bytes | None:
        """Reply to the end of data; None: it is not there yet."""
        end = self.unread.find(_END)
        if end < 0:
            return None
        if self.keep is not None:
            kept = bytes(self.unread[2 : end + 2]).replace(b"\r\n..", b"\r\n.")
            (self.keep / f"{next(Recorder.mails)}.eml").write_bytes(kept)
        del self.unread[: end + len(_END)]
        self.in_content = False
        self.stamp("E")
        return b"250 2.0.0 Ok\r\n"

    def stamp(self, event: str) -> None:
        if self.stamps is not None:
            self.stamps.write(f"{event} {self.number} {time.monotonic():.6f}\n")


async def serve(port: int, stamps: TextIO | None, keep: Path | None) -> None:
    """Until SIGTERM."""
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    server = await loop.create_server(lambda: Recorder(stamps, keep), "127.0.0.1", port, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await over.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Accepts all mail and writes down when.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--stamps", type=Path)
    parser.add_argument("--keep", type=Path)
    chosen = parser.parse_args()
    if chosen.stamps is None:
        asyncio.run(serve(chosen.port, None, chosen.keep))
        return
    with chosen.stamps.open("w", encoding="ascii", buffering=1) as stamps:
        asyncio.run(serve(chosen.port, stamps, chosen.keep))


if __name__ == "__main__":
    main()
