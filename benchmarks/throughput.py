"""Rows a second, by the number of workers: the whole program from start to exit, into Postfix's smtp-sink on this machine.

    python benchmarks/throughput.py [--rows 20000] [--runs 5] [--connections 10] [--workers 1 2 4]

Needs Debian's postfix package for smtp-sink; no Postfix runs. Check, ledger and result log are part of every run. The numbers of
workers take turns, so that a busy machine is equally unfair to all. It asserts nothing: compare the medians of one call only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LOREM = "<p>Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt.</p>\n"
LETTER = f"""\
From: Office <office@example.org>
Subject: Your token {{{{ token }}}}

<html><body><p>Dear {{{{ name }}}},</p>
<p>your token is <b>{{{{ token }}}}</b>; the amount is {{{{ amount }}}}.</p>
{LOREM * 9}</body></html>
"""
CAMPAIGN = """\
account = "smtp+insecure://127.0.0.1:{port}"
[recipients]
file = "people.csv"
key = "id"
[message]
file = "letter.html"
"""


def write_campaign(folder: Path, rows: int, port: int) -> None:
    folder.mkdir()
    lines = ["id,name,email,token,amount"]
    lines += [f"{n},Person {n},p{n}@example.org,tok{n:07d},{n % 997}.50" for n in range(1, rows + 1)]
    (folder / "people.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "letter.html").write_text(LETTER, encoding="utf-8")
    (folder / "campaign.toml").write_text(CAMPAIGN.format(port=port), encoding="utf-8")


def start_sink() -> tuple[subprocess.Popen[bytes], int]:
    program = shutil.which("smtp-sink", path=f"{os.environ['PATH']}:/usr/sbin:/usr/lib/postfix/sbin")
    if program is None:
        sys.exit("smtp-sink is missing; it comes with Debian's postfix package.")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    user = ["-u", "nobody"] if hasattr(os, "getuid") and os.getuid() == 0 else []
    sink = subprocess.Popen([program, *user, f"127.0.0.1:{port}", "1000"])
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return sink, port
        time.sleep(0.02)
    sink.kill()
    sys.exit("smtp-sink did not start.")


def one_run(folder: Path, workers: int, connections: int) -> float:
    """Seconds from start to exit."""
    for name in (".mailmerge", "results"):
        shutil.rmtree(folder / name, ignore_errors=True)
    argv = [
        sys.executable, "-m", "mailmerge_cli", "send", str(folder), "--yes", "--quiet",
        "--workers", str(workers), "--connections", str(connections),
    ]  # fmt: skip
    start = time.perf_counter()
    subprocess.run(argv, check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description="Rows a second, by the number of workers.")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    chosen = parser.parse_args()
    sink, port = start_sink()
    try:
        with tempfile.TemporaryDirectory() as home:
            os.environ["MAILMERGE_HOME"] = home
            folder = Path(home) / "campaign"
            write_campaign(folder, chosen.rows, port)
            seconds: dict[int, list[float]] = {workers: [] for workers in chosen.workers}
            for _ in range(chosen.runs):
                for workers, taken in seconds.items():
                    taken.append(one_run(folder, workers, chosen.connections))
    finally:
        sink.kill()
        sink.wait()
    print(
        f"{chosen.rows} rows, {chosen.connections} connections, median of {chosen.runs}; {os.cpu_count()} cores"
    )
    print("workers    rows/s   slowest   fastest")
    for workers, taken in seconds.items():
        rates = [chosen.rows / each for each in (statistics.median(taken), max(taken), min(taken))]
        print(f"{workers:7d} {rates[0]:9.0f} {rates[1]:9.0f} {rates[2]:9.0f}")


if __name__ == "__main__":
    main()
