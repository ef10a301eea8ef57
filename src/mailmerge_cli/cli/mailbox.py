"""`mailmerge mailbox`: the embedded mail server, for trials; runs until it is interrupted."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailmerge_cli.cli.screen import Screen
from mailmerge_cli.errors import ExitCode

if TYPE_CHECKING:
    from mailmerge_cli.mailbox.letters import Received


def mailbox(
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="The loopback port; 0 for a free one.")
    ] = 0,
    dir_: Annotated[Path, typer.Option("--dir", help="Where the mails are kept, one .eml file each.")] = Path(
        "mailbox"
    ),
    *,
    screen: Screen,
) -> int:
    """A mail server for trials on this machine; keeps what it gets as files."""
    from mailmerge_cli.mailbox.server import Mailbox

    def tell(letter: Received) -> None:
        screen.say(
            f"{letter.number:>5}  to {', '.join(letter.recipients)}  {letter.subject}  {letter.path.name}"
        )

    over = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: over.set())
    try:
        with Mailbox(dir_, port, on_mail=tell) as server:
            screen.say(
                f"Listening. Send with --account {server.url}; mails are kept in {dir_}. Ctrl-C ends it."
            )
            while not over.wait(0.5):
                continue
    except KeyboardInterrupt:
        screen.say("Stopped.")
    finally:
        signal.signal(signal.SIGTERM, before)
    return ExitCode.OK
