"""The life of a process of the muster: a hand as long as the list is checked, then a worker, if it is wanted.

Rule: what only a worker needs is imported when the check is over. Before that the list waits for this process; after it nobody does,
because the plan is being entered.
"""

from __future__ import annotations

import os
import socket
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from mailmerge_cli.campaign.hands import lend_until_dismissed

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_WORD = b"."
_TRANSPORT = "mailmerge_cli.transports.smtp"  # of nearly all accounts


def serve(sock: socket.socket, _: object, connection: Connection) -> None:
    """The whole life of such a process."""
    try:
        lend_until_dismissed(connection)
        from mailmerge_cli.engine.worker import work

        import_module(_TRANSPORT)
        wanted = _entrusted(sock)
    except BaseException:  # noqa: BLE001  whatever it was, the main process meets it again, where it can be told
        wanted = False
    if not wanted:
        os._exit(0)
    work(sock)


def entrust(sock: socket.socket, lock: int) -> None:
    """Make it a worker, and give it the campaign's lock (-1: there is none). OSError if it is gone.

    Windows gives a lock to no other process; there a worker is gone as soon as its main process hangs up.
    """
    if lock >= 0 and sys.platform != "win32":
        socket.send_fds(sock, [_WORD], [lock])
    else:
        sock.sendall(_WORD)


def _entrusted(sock: socket.socket) -> bool:
    """Wait for that; False: the main process is gone, or nobody is wanted. What comes with it stays open as long as the process."""
    if sys.platform == "win32":
        return sock.recv(1) == _WORD
    word, *_ = socket.recv_fds(sock, 1, 1)
    return word == _WORD
