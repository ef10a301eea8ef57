"""From a host name to a connected socket: each address in turn, the one that worked last first.

An unreachable server is known within 30 seconds, whatever the number of its addresses (CONTRACT.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import socket
import threading

from mailmerge_cli.errors import ConfigFault, Unreachable
from mailmerge_cli.transports.smtp.reply import escape

PATIENCE = 25.0
"""Seconds for all addresses together, the name look-up counted: what a process needs for its start and its end is in the 30, too."""

_EACH = 6.0
"""Seconds for one address while others are left: a dead IPv6 route must not eat the time of the IPv4 one."""

Address = tuple[socket.AddressFamily, str, int]


class Dialler:
    """Connects to one server again and again, and remembers which of its addresses answered."""

    def __init__(self, host: str, port: int, *, loopback_only: bool, patience: float = PATIENCE) -> None:
        self._host = host
        self._port = port
        self._loopback_only = loopback_only
        self._patience = patience
        self._good: Address | None = None

    async def dial(self) -> socket.socket:
        """A connected, non-blocking socket. Raises `Unreachable`; `ConfigFault` where plain text would leave this machine."""
        clock = asyncio.get_running_loop().time
        end = clock() + self._patience
        addresses = await self._look_up()
        faults = []
        for number, address in enumerate(addresses, 1):
            left = end - clock()
            seconds = left if number == len(addresses) else min(_EACH, left / 2)
            try:
                sock = await _connect(address, seconds)
            except (OSError, TimeoutError) as error:
                faults.append(f"{address[1]}: {_reason(error)}")
            else:
                self._good = address
                return sock
        raise Unreachable(
            f"{self._host}:{self._port} cannot be reached ({'; '.join(faults)}).",
            hint="Check host, port and the network; some networks let no mail port out.",
        )

    async def _look_up(self) -> list[Address]:
        try:
            found = await asyncio.wait_for(_resolve(self._host, self._port), self._patience)
        except TimeoutError as error:
            raise Unreachable(
                f"The name {self._host} could not be looked up within {self._patience:g} s."
            ) from error
        except OSError as error:
            raise Unreachable(
                f"The name {self._host} could not be looked up ({_reason(error)}).",
                hint="Check its spelling and the network.",
            ) from error
        if self._loopback_only and not all(
            ipaddress.ip_address(a[1].partition("%")[0]).is_loopback for a in found
        ):
            raise ConfigFault(
                f"{self._host}:{self._port} is another machine, and the account's security is none: "
                "passwords and mails would travel unprotected.",
                hint='Set security to "tls" or "starttls"; allow_insecure = true if you really mean it.',
            )
        if self._good in found:
            found.remove(self._good)
            found.insert(0, self._good)
        return found


async def _connect(address: Address, seconds: float) -> socket.socket:
    family, host, port = address
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.wait_for(asyncio.get_running_loop().sock_connect(sock, (host, port)), max(seconds, 0.1))
    except BaseException:
        sock.close()
        raise
    return sock


async def _resolve(host: str, port: int) -> list[Address]:
    """Look the name up in a thread of its own, a daemon: asyncio's pool would hold up the end of the program until it is done."""
    with contextlib.suppress(OSError, UnicodeError):
        return _addresses(host, port, socket.AI_NUMERICHOST)
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[Address]] = loop.create_future()

    def give(found: list[Address] | OSError) -> None:
        if answer.done():
            return
        if isinstance(found, OSError):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    def look() -> None:
        found: list[Address] | OSError
        try:
            found = _addresses(host, port, 0)
        except OSError as error:
            found = error
        except UnicodeError as error:
            found = OSError(f"not a host name: {error}")
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(give, found)

    threading.Thread(target=look, name="look-up", daemon=True).start()
    return await answer


def _addresses(host: str, port: int, flags: int) -> list[Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return list(dict.fromkeys((family, str(address[0]), port) for family, _, _, _, address in found))


def _reason(error: OSError | TimeoutError) -> str:
    if isinstance(error, TimeoutError) and not error.strerror:
        return "no answer"
    if error.errno and not isinstance(error, socket.gaierror):
        # asyncio's own words ("Connect call failed") stand in the place of the system's.
        return os.strerror(error.errno)
    return escape(error.strerror or str(error) or type(error).__name__, 200)
