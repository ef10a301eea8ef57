"""How many prebuilt 2 KB mails a second the SMTP transport carries into Postfix's smtp-sink, one sink a process.

    python tests/smtp/bench_transport.py --processes 4 --connections 10 --mode next

The feed does nothing, so the figure is the transport's (and the sinks', which share the machine).
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mailmerge_cli.model.account import Auth, Security
from mailmerge_cli.model.mail import Mail, Settlement, Verdict
from mailmerge_cli.transports.smtp import SmtpTransport
from support.feeds import KnownSecrets, a_mail, an_account

BODY = (b"x" * 70 + b"\r\n") * 26


class TrivialFeed:
    """Hands out mails and counts."""

    def __init__(self, mails: list[Mail]) -> None:
        self.mails = mails
        self.next = 0
        self.accepted = 0

    def ready(self) -> bool:
        return self.next < len(self.mails)

    async def take(self) -> Mail | None:
        if not self.ready():
            return None
        self.next += 1
        return self.mails[self.next - 1]

    async def commit(self, settled: Settlement | None, begun: Mail | None) -> None:
        self.accepted += settled is not None and settled.outcome.verdict is Verdict.ACCEPTED


def start_sink() -> tuple[subprocess.Popen[bytes], int]:
    program = shutil.which("smtp-sink", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin"]))
    assert program, "smtp-sink is missing: apt install postfix"
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    as_nobody = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = [program, *as_nobody, "-c", f"127.0.0.1:{port}", "1000"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), port


def work(port: int, mode: str, connections: int, count: int, start, results) -> None:
    feed = TrivialFeed([a_mail(number, body=BODY) for number in range(count)])
    account = an_account(
        host="127.0.0.1", port=port, security=Security.NONE, auth=Auth.NONE, pipelining=mode, timeout=60.0
    )

    async def run() -> None:
        transport = SmtpTransport(account, KnownSecrets())
        await asyncio.gather(*(transport.carry(feed) for _ in range(connections)))

    start.wait()
    cpu = time.process_time()
    asyncio.run(run())
    results.put((feed.accepted, time.process_time() - cpu))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", default="next", choices=["off", "envelope", "next", "auto"])
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--connections", type=int, default=10, help="of each process")
    parser.add_argument("--count", type=int, default=20_000, help="mails of each process")
    options = parser.parse_args()
    sinks = [start_sink() for _ in range(options.processes)]
    context = multiprocessing.get_context("spawn")
    start, results = context.Barrier(options.processes + 1), context.Queue()
    try:
        workers = [
            context.Process(
                target=work, args=(port, options.mode, options.connections, options.count, start, results)
            )
            for _, port in sinks
        ]
        for worker in workers:
            worker.start()
        start.wait()
        began = time.perf_counter()
        told = [results.get() for _ in workers]
        seconds = time.perf_counter() - began
        for worker in workers:
            worker.join()
    finally:
        for process, _ in sinks:
            process.terminate()
            process.wait()
    count, cpu = sum(one for one, _ in told), sum(one for _, one in told)
    print(
        f"{options.mode}, {options.processes} x {options.connections}: {count / seconds:,.0f}/s, {cpu / count * 1e6:.0f} µs CPU a mail"
    )


if __name__ == "__main__":
    main()
