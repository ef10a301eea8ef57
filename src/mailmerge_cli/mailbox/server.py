"""The SMTP server of the mailbox, on aiosmtpd, in a thread of its own.

Rule: it listens on the loopback alone. Whoever can reach it could fill the disk, and what it holds is salaries.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from mailmerge_cli.errors import LedgerFault, UsageFault
from mailmerge_cli.mailbox.letters import Letters, Received, read_letter, read_letters

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future

    from aiosmtpd.smtp import SMTP, Envelope, Session

_SIZE = 64 * 1024 * 1024
_IDLE = 3600.0  # a throttled run may be silent for long; a trial must not fail by it


class Mailbox:
    """An SMTP server for trials, as a context manager: it takes every mail, keeps it as a file, and sends nothing on.

    Offers SIZE, 8BITMIME and SMTPUTF8; neither TLS nor a login.

    Args:
        folder: where the .eml files go; made (0700) if it is not there.
        port: 0 for a free one; `port` has the real one inside the context.
        host: a loopback address, or `localhost`; anything else is a `UsageFault`.
        on_mail: told of each mail once it is on disk, in the server's thread; must be quick and must not raise.
    """

    def __init__(
        self,
        folder: Path,
        port: int = 0,
        host: str = "127.0.0.1",
        on_mail: Callable[[Received], None] | None = None,
    ) -> None:
        self.folder = folder
        self.host = _loopback(host)
        self.port = port
        self._on_mail = on_mail
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """What to give as an account."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"smtp+insecure://{host}:{self.port}"

    def letters(self) -> list[Received]:
        """All mails of the folder, by number, those of earlier mailboxes there too."""
        return read_letters(self.folder)

    def __enter__(self) -> Self:
        from concurrent.futures import Future

        try:
            letters = Letters(self.folder)
        except OSError as error:
            raise LedgerFault(
                f"The mailbox cannot use the folder {self.folder}: {error.strerror or error}."
            ) from error
        started: Future[int] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(letters, started), name="mailbox", daemon=True
        )
        self._thread.start()
        try:
            self.port = started.result()
        except (OSError, OverflowError) as error:
            self._thread.join()
            why = getattr(error, "strerror", None) or error
            raise UsageFault(
                f"The mailbox cannot listen on {self.host}, port {self.port}: {why}.",
                hint="Choose another port with --port, or leave it out for a free one.",
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._loop is not None
        assert self._ended is not None
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    def _run(self, letters: Letters, started: Future[int]) -> None:
        """The thread: serve until told to end."""
        import asyncio

        try:
            asyncio.run(self._serve(_Door(letters, self._on_mail), started))
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)  # whoever waits for the start is told, whatever it was

    async def _serve(self, door: _Door, started: Future[int]) -> None:
        import asyncio

        from aiosmtpd.smtp import SMTP

        loop = asyncio.get_running_loop()
        sessions: list[SMTP] = []

        def session() -> SMTP:
            sessions[:] = [each for each in sessions if each.transport is not None]
            # A host name of its own, because aiosmtpd would ask the DNS for one.
            smtp = SMTP(
                door, data_size_limit=_SIZE, enable_SMTPUTF8=True, hostname="localhost", ident="mailmerge mailbox",
                timeout=_IDLE, loop=loop,
            )  # fmt: skip
            sessions.append(smtp)
            return smtp

        server = await loop.create_server(session, self.host, self.port)
        self._loop, self._ended = loop, asyncio.Event()
        started.set_result(server.sockets[0].getsockname()[1])
        await self._ended.wait()
        server.close()
        for each in sessions:
            if isinstance(each.transport, asyncio.WriteTransport):
                each.transport.abort()
        await asyncio.sleep(0)  # the sockets are let go in the loop's next round


class _Door:
    """What aiosmtpd asks at the end of data."""

    def __init__(self, letters: Letters, on_mail: Callable[[Received], None] | None) -> None:
        self._letters = letters
        self._on_mail = on_mail

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802, ARG002
        """Keep the mail, then say so: what was answered with 250 is on disk."""
        content: Any = envelope.content
        try:
            path = self._letters.keep(envelope.mail_from or "", envelope.rcpt_tos, content)
        except OSError as error:
            return f"452 4.3.1 The mailbox cannot keep it: {error.strerror or type(error).__name__}"
        if self._on_mail is not None:
            # Not here and now: a fault of the listener must not refuse a mail that is kept.
            server.loop.call_soon(self._tell, path)
        return f"250 2.0.0 Kept as {path.name.partition('-')[0]}"

    def _tell(self, path: Path) -> None:
        if self._on_mail is not None:
            self._on_mail(read_letter(path))


def _loopback(host: str) -> str:
    """The host, if only this machine can reach it."""
    import ipaddress

    address = "127.0.0.1" if host == "localhost" else host
    try:
        safe = ipaddress.ip_address(address).is_loopback
    except ValueError:
        safe = False
    if not safe:
        raise UsageFault(f"The mailbox listens on this machine alone; {host!r} is no loopback address.")
    return address
