"""`--log-file`: what happens, one line an event, for people who look after cron jobs.

Rule: a line is `TIME NAME key=value …`, the identity first, in the same order for ever; no cell but address and key is in it.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from datetime import datetime, tzinfo
from pathlib import Path
from types import TracebackType
from typing import Self

from mailmerge_cli.errors import LedgerFault
from mailmerge_cli.events import Connected, Event, Settled, Trouble, Waiting
from mailmerge_cli.model.delivery import Delivery
from mailmerge_cli.model.mail import Outcome
from mailmerge_cli.report.escape import visible
from mailmerge_cli.report.lines import iso

_OPEN = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_BARE = re.compile(r"""[^\s"'=\\]+""")


class LogFile:
    """An open log file; a context manager, and an observer of the engine's events.

    Args:
        path: appended to; made 0600 where it does not exist. Its folder must exist.
        zone: in which times are told; None for the machine's own.

    Raises:
        LedgerFault: it cannot be opened.
    """

    def __init__(self, path: Path, zone: tzinfo | None = None) -> None:
        self.path = path
        self.failed = ""
        self._zone = zone
        try:
            self._fd = os.open(path, _OPEN, 0o600)
        except OSError as error:
            raise LedgerFault(
                f"the log file {visible(str(path))} cannot be written: {error.strerror or error}",
                hint="Name another file with --log-file.",
            ) from error

    def __call__(self, event: Event) -> None:
        """Write down an event of the engine."""
        match event:
            case Settled(attempts=attempts):
                for delivery, outcome in attempts:
                    self._attempt(delivery, outcome)
            case Waiting(why=why, until=until, text=text):
                self.event("run.waiting", why=why, until=iso(until, self._zone), text=text)
            case Connected(connections=connections):
                self.event("run.connected", connections=connections)
            case Trouble(text=text):
                self.event("run.trouble", text=text)

    def _attempt(self, delivery: Delivery, outcome: Outcome) -> None:
        self.event(
            f"delivery.{delivery.state.value}",
            row=delivery.row,
            key=delivery.key,
            to=delivery.address,
            attempt=delivery.attempts,
            code=outcome.code or "",
            enhanced=outcome.enhanced,
            account=delivery.account,
            message_id=delivery.message_id,
            phase=outcome.phase,
            reply=outcome.text,
        )

    def event(self, name: str, **fields: object) -> None:
        """Write one line; empty fields are left out.

        Never raises: a full disk must not end a run that the ledger can still record. `failed` then has the cause, once and for all.
        """
        if self._fd < 0:
            return
        told = " ".join(f"{key}={_quoted(value)}" for key, value in fields.items() if value not in ("", None))
        moment = datetime.now(self._zone).astimezone(self._zone)
        line = f"{iso(moment, self._zone)} {name}{' ' if told else ''}{told}\n"
        try:
            os.write(self._fd, line.encode("utf-8", "backslashreplace"))
        except OSError as error:
            self.failed = error.strerror or type(error).__name__
            self.close()

    def talk(self, kind: str, text: str) -> None:
        """Hear the screen's warnings and errors (`Screen.listen`)."""
        self.event(f"screen.{kind}", text=text)

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            with suppress(OSError):
                os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _quoted(value: object) -> str:
    """A value as one word: bare where that is plain, else in double quotes, escaped as JSON's strings are."""
    text = str(value)
    if _BARE.fullmatch(text) and visible(text) == text:
        return text
    return '"' + visible(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'
