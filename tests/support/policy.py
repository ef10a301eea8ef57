"""A policy server for Postfix (SMTPD_POLICY_README): greylisting as RFC 6647 describes it, in a thread."""

from __future__ import annotations

import socketserver
import threading
from typing import Self


class Greylist:
    """A context manager. The first attempt of each (sender, recipient) is put off, every later one passes.

    Attributes:
        port: of 127.0.0.1.
        asked: the recipients, in order, each as often as it was asked about.
        spared: these pass at once.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.spared: set[str] = set()
        self._seen: set[tuple[str, str]] = set()
        greylist = self

        class Answers(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                attributes: dict[str, str] = {}
                for line in self.rfile:
                    name, _, value = line.decode("utf-8", "replace").rstrip("\n").partition("=")
                    if name:
                        attributes[name] = value
                    else:
                        self.wfile.write(f"action={greylist.action(attributes)}\n\n".encode())
                        attributes = {}

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False

        self._server = Server(("127.0.0.1", 0), Answers)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def action(self, attributes: dict[str, str]) -> str:
        """What Postfix is to do."""
        recipient = attributes.get("recipient", "")
        pair = (attributes.get("sender", ""), recipient)
        self.asked.append(recipient)
        if pair in self._seen or recipient in self.spared:
            return "DUNNO"
        self._seen.add(pair)
        return "450 4.2.0 Greylisted, see http://postgrey.example.org/help"

    def forget(self) -> None:
        """As if nobody had ever been seen."""
        self.asked.clear()
        self.spared.clear()
        self._seen.clear()
