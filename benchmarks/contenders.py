"""Who is measured: this program in its settings and the peers, each as a command for a list; peers come from public registries only.

Rule: a peer that cannot be had is left out with a sentence, never with a figure.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import servers
import workload

_SCRIPTS = Path(__file__).parent / "peers"


@dataclass(frozen=True, slots=True)
class Place:
    """A written list and the server that it is for."""

    folder: Path
    home: Path
    port: int
    rows: int

    @classmethod
    def write(cls, base: Path, rows: int, port: int, *, slips: bool = False) -> Place:
        """Files for all contenders below a new folder."""
        workload.write_accounts(base.parent / f"{base.name}-home", port)
        folder = workload.write(base, rows, port, slips=slips)
        return cls(folder, base.parent / f"{base.name}-home", port, rows)

    def clear(self) -> None:
        """Forget what an earlier run has left."""
        for name in (".mailmerge", "results"):
            shutil.rmtree(self.folder / name, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Contender:
    """A program and its settings.

    Attributes:
        name: with the settings, as the table shows it.
        argv: the command for a place.
        fast: whether it gets the long list.
        cwd: where it runs; None: anywhere.
        renders: whether it makes the messages of the list at all.
    """

    name: str
    argv: Callable[[Place], list[str]]
    fast: bool = False
    cwd: Path | None = None
    renders: bool = True

    def environment(self, place: Place) -> dict[str, str]:
        return {"MAILMERGE_HOME": str(place.home)}


def program(command: str, place: Place, *words: str) -> list[str]:
    """argv of a command of this program."""
    return [sys.executable, "-m", "mailmerge_cli", command, str(place.folder), *words]


def ours(setting: str = "auto:10:envelope", *more: str) -> Contender:
    """This program. A setting is workers:connections:pipelining."""
    workers, connections, pipelining = setting.split(":")
    words = [
        "--yes", "--quiet", f"--account={pipelining}", f"--workers={workers}", f"--connections={connections}", *more,
    ]  # fmt: skip
    return Contender(f"mailmerge-cli {setting}", lambda place: program("send", place, *words), fast=True)


def smtp_source(octets: int = 2048, connections: int = 10) -> Contender | str:
    """Postfix's generator, which renders nothing and writes nothing down; or why it is left out."""
    found = servers.postfix_program("smtp-source")
    if found is None:
        return "smtp-source is missing; it comes with Debian's postfix package."

    def argv(place: Place) -> list[str]:
        words = f"-s {min(connections, place.rows)} -d -l {octets} -m {place.rows}".split()
        sender = ["-f", "office@example.org", "-t", "p@example.org", "-M", "example.org"]
        return [found, *words, *sender, f"127.0.0.1:{place.port}"]

    return Contender(f"smtp-source -s {connections} -d -l {octets}", argv, fast=True, renders=False)


def python_peers(folder: Path) -> list[Contender | str]:
    """PyPI mailmerge, a loop over smtplib, and Django's mail, in an environment of their own below `folder`."""
    home = folder / "python"
    python = home / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    if not python.exists():
        venv.create(home, with_pip=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "mailmerge", "django", "jinja2"]
        if subprocess.run(install, check=False, stderr=subprocess.DEVNULL).returncode != 0:
            shutil.rmtree(home)
            return ["mailmerge, the smtplib loop and Django are left out: pip could not install them."]
    code = "import importlib.metadata as m; print(*map(m.version, ('mailmerge', 'django')))"
    ran = subprocess.run([str(python), "-c", code], check=True, capture_output=True, text=True)
    mailmerge, django = ran.stdout.split()
    scripted: Iterable[tuple[str, str]] = [
        ("smtplib loop, jinja2, EmailMessage", "smtplib_loop.py"),
        (f"Django {django} mail", "django_mail.py"),
    ]
    return [
        Contender(f"PyPI mailmerge {mailmerge}", lambda place: _mailmerge(python, place)),
        *(_script(str(python), name, _SCRIPTS / file) for name, file in scripted),
    ]


def nodemailer(folder: Path, connections: int = 10, *, slips: bool = False) -> Contender | str:
    """npm's nodemailer with its pool; or why it is left out."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        return "nodemailer is left out: npm or node is missing."
    home = folder / "node"
    found = home / "node_modules" / "nodemailer" / "package.json"
    if not found.exists():
        home.mkdir(parents=True, exist_ok=True)
        (home / "package.json").write_text('{"private": true}\n', encoding="utf-8")
        install = [npm, "install", "--silent", "--no-audit", "--no-fund", "nodemailer"]
        if subprocess.run(install, cwd=home, check=False, stderr=subprocess.DEVNULL).returncode != 0:
            return "nodemailer is left out: npm could not install it."
    version = json.loads(found.read_text(encoding="utf-8"))["version"]
    script = str(_SCRIPTS / "nodemailer_pool.mjs")
    more = ["slips"] if slips else []

    def argv(place: Place) -> list[str]:
        return [node, script, str(place.port), str(place.folder), str(connections), *more]

    return Contender(f"nodemailer {version}, pool of {connections}", argv, cwd=home)


def present(wanted: Iterable[Contender | str]) -> list[Contender]:
    """Those that can run; the sentences of the others are printed."""
    found = []
    for each in wanted:
        if isinstance(each, str):
            print(f"*{each}*\n")
        else:
            found.append(each)
    return found


def _script(python: str, name: str, script: Path) -> Contender:
    return Contender(name, lambda place: [python, str(script), str(place.port), str(place.folder)])


def _mailmerge(python: Path, place: Place) -> list[str]:
    folder = place.folder
    return [
        str(python.parent / "mailmerge"), "--no-dry-run", "--no-limit",
        f"--template={folder / 'mailmerge_template.txt'}", f"--database={folder / 'people.csv'}",
        f"--config={folder / 'mailmerge_server.conf'}",
    ]  # fmt: skip
