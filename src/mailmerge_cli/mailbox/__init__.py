"""A mailbox for trials: an SMTP server on this machine alone that keeps every mail as a file and sends nothing on."""

from __future__ import annotations

from mailmerge_cli.mailbox.letters import Received, read_letter, read_letters
from mailmerge_cli.mailbox.server import Mailbox
from mailmerge_cli.mailbox.show import show_letter

__all__ = ["Mailbox", "Received", "read_letter", "read_letters", "show_letter"]
