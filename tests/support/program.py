"""The program as a person calls it: in this process through `main(argv)`, or as a process of its own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Ran:
    """What a call came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one object on standard output."""
        return json.loads(self.out)


def run_here(*words: object, stdin: bytes = b"") -> Ran:
    """Run in this process. Standard input holds `stdin` and is no terminal."""
    from mailmerge_cli.cli.main import main

    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    before, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = main([str(word) for word in words])
    finally:
        sys.stdin = before
    return Ran(code, out.buffer.getvalue().decode(), err.buffer.getvalue().decode())


def command(*words: object) -> list[str]:
    """The argv of the program as a process."""
    return [sys.executable, "-m", "mailmerge_cli", *map(str, words)]


def run_process(
    *words: object,
    cwd: Path,
    environ: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    timeout: float = 120,
) -> Ran:
    """Run as a process of its own."""
    done = subprocess.run(
        command(*words), cwd=cwd, env={**os.environ, **(environ or {})}, input=stdin, capture_output=True,
        timeout=timeout, check=False,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


@contextmanager
def running(
    *words: object, cwd: Path, environ: Mapping[str, str] | None = None, stdin: bytes = b""
) -> Iterator[subprocess.Popen[bytes]]:
    """The program as a process that is still at work; killed on the way out if it has not ended by then."""
    process = subprocess.Popen(
        command(*words), cwd=cwd, env={**os.environ, **(environ or {})}, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdin is not None
        with process.stdin as pipe:
            pipe.write(stdin)
        process.stdin = None  # or `communicate` would write there
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ended(process: subprocess.Popen[bytes], seconds: float = 60) -> Ran:
    """What a process that was started by `running` came to."""
    out, err = process.communicate(timeout=seconds)
    return Ran(process.returncode, out.decode(), err.decode())


def states(folder: Path, *words: object) -> dict[str, str]:
    """Key → state, as `log` has it."""
    return {line["key"]: line["state"] for line in log_lines(folder, *words)}


def log_lines(folder: Path, *words: object) -> list[dict[str, Any]]:
    """The lines of `log --format jsonl`."""
    ran = run_here("log", folder, "--format", "jsonl", *words)
    assert ran.code == 0, ran.err
    return [json.loads(line) for line in ran.out.splitlines()]


def write_campaign(
    folder: Path, rows: Sequence[str], *, message: str = "", toml: str = "", header: str = ""
) -> Path:
    """A small campaign: people.csv, letter.txt, campaign.toml."""
    folder.mkdir(parents=True, exist_ok=True)
    write_list(folder, rows, header=header)
    (folder / "letter.txt").write_text(message or LETTER, encoding="utf-8")
    if toml:
        (folder / "campaign.toml").write_text(toml, encoding="utf-8")
    return folder


def write_list(folder: Path, rows: Sequence[str], *, header: str = "") -> None:
    """people.csv alone."""
    (folder / "people.csv").write_text("\n".join([header or HEADER, *rows]) + "\n", encoding="utf-8")


def write_toml(
    folder: Path, account: str, *, top: str = "", recipients: str = "", message: str = "", sending: str = ""
) -> None:
    """campaign.toml for the files of `write_campaign`; the texts are further lines of its tables."""
    lines = [
        'name = "trial"', f'account = "{account}"' if account else "", top,
        "[recipients]", 'file = "people.csv"', 'key = "id"', recipients,
        "[message]", 'file = "letter.txt"', message,
        "[sending]", sending,
    ]  # fmt: skip
    (folder / "campaign.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


HEADER = "id,name,email,token"
LETTER = """\
From: Office <office@example.org>
Subject: Your token {{ token }}

Dear {{ name }},

your token is {{ token }}.
"""


def people(count: int, first: int = 1) -> list[str]:
    """Rows for `HEADER`: each with his own token."""
    return [f"{n},Person {n},p{n}@example.org,tok{n:06d}x" for n in range(first, first + count)]
