"""The prose holds: its blocks run, its links lead somewhere, and nothing of anybody's machine stands in it.

A comment right above a fenced block says what the block is:
`<!-- set-up -->` run by .ci/run; `<!-- runs -->` or `<!-- runs, exit N -->` run here; `<!-- not run: why -->`;
`<!-- file: NAME -->` written into the folder; `<!-- says -->` lines that the last block that ran has printed.
All blocks under one `##` heading share a folder of their own.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for page in (
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("completions/*.md"),
        *ROOT.glob("benchmarks/*.md"),
    )
)
FENCE = re.compile(
    r"(?:<!-- (?P<mark>.*?) -->\n)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    page: str
    section: str
    line: int
    mark: str
    kind: str
    text: str


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        before = text[: match.start()]
        plain = FENCE.sub("", before)
        section = next((m[2] for m in reversed(list(HEADING.finditer(plain))) if len(m[1]) == 2), "")
        found.append(
            Block(
                page.name, section, before.count("\n") + 1, match["mark"] or "", match["kind"], match["text"]
            )
        )
    return found


ALL = [block for page in PAGES for block in blocks(page)]
STORIES = [
    pytest.param(list(story), id=f"{name}: {section}")
    for (name, section), story in groupby(ALL, key=lambda block: (block.page, block.section))
]
STORIES = [story for story in STORIES if any(block.mark.startswith("runs") for block in story.values[0])]  # type: ignore[union-attr, attr-defined]


def test_there_is_something_to_run() -> None:
    """The guide's stories are found; an empty list would pass every test below."""
    assert len(STORIES) >= 7
    assert sum(block.mark.startswith("says") for block in ALL) >= 8


def test_every_shell_block_says_what_it_is() -> None:
    """No shell block is left out by accident: each is set-up, runs here, or says why not."""
    marks = ("set-up", "runs", "not run: ", "file: ")

    unmarked = [
        f"{block.page}:{block.line}"
        for block in ALL
        if block.kind == "sh" and not block.mark.startswith(marks)
    ]

    assert unmarked == []


def test_the_first_two_blocks_set_up() -> None:
    """README's first two fenced blocks are shell, one line each; the first ends with the demo, the second with the tests."""
    found = blocks(ROOT / "README.md")
    first, second, *others = (block for block in found if block.kind == "sh")

    assert found[:2] == [first, second]
    assert {first.mark, second.mark} == {"set-up"}
    assert first.text.strip().endswith("&& .venv/bin/mailmerge demo")
    assert second.text.strip().endswith("&& .venv/bin/python -m pytest")
    assert not [block for block in others if block.mark == "set-up"]


@pytest.mark.parametrize("story", STORIES)
def test_blocks_run(story: list[Block], tmp_path: Path) -> None:
    """What a page tells to type works as it stands, ends with the code it names, and says what the page says it says."""
    folder = tmp_path / "here"
    folder.mkdir()
    said = ""
    for block in story:
        if block.mark.startswith("file: "):
            path = folder / block.mark.removeprefix("file: ")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        elif block.mark.startswith("runs"):
            said = _run(block, folder, tmp_path)
        elif block.mark == "says":
            missing = [line for line in _lines(block.text) if line not in said]
            assert not missing, f"{block.page}:{block.line} is not what was said:\n{said}"


def _run(block: Block, folder: Path, tmp_path: Path) -> str:
    """Both streams of a block, spaces folded."""
    wanted = int(block.mark.partition("exit ")[2] or 0)
    home = tmp_path / "home"
    environ = {
        **os.environ,
        "MAILMERGE_HOME": str(home),
        "HOME": str(home),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONWARNINGS": "",
    }
    done = subprocess.run(
        ["sh", "-eu", "-c", block.text], cwd=folder, env=environ, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == wanted, (
        f"{block.page}:{block.line} ended with {done.returncode}:\n{done.stdout}"
    )
    return " ".join(done.stdout.split())


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        for part in line.split("…"):
            if folded := " ".join(part.split()):
                yield folded


def anchor(title: str) -> str:
    """How a heading is linked to."""
    plain = re.sub(r"[`*]|\[([^]]*)\]\([^)]*\)", lambda found: found[1] or "", title)
    return re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")


def anchors(file: Path) -> set[str]:
    """All places of a page that can be linked to."""
    return {anchor(found[2]) for found in HEADING.finditer(file.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file of the project, and every anchor a heading of it."""
    dead = []
    for target in LINK.findall(re.sub(r"`[^`\n]+`", "", FENCE.sub("", page.read_text(encoding="utf-8")))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, fragment = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (fragment and fragment not in anchors(file)):
            dead.append(target)

    assert dead == []


@pytest.mark.parametrize("page", [*PAGES, ROOT / "docs/run.svg"], ids=lambda page: page.name)
def test_nothing_of_a_machine(page: Path) -> None:
    """No page names a package registry, a path of somebody's machine, or a folder of temporary files."""
    text = page.read_text(encoding="utf-8")

    assert re.findall(r"pypi\.org|pythonhosted|npmjs|anaconda\.org|files\.\w+\.org", text) == []
    assert re.findall(r"/(?:home|root|Users|work|tmp|private)/\w+|/opt/mm", text) == []


def test_the_picture_needs_nothing_from_elsewhere() -> None:
    """The SVG fetches no font and no style: its only address is the name of the format."""
    picture = (ROOT / "docs/run.svg").read_text(encoding="utf-8")

    assert set(re.findall(r"https?://[^\"'\s)<]+", picture)) == {"http://www.w3.org/2000/svg"}
    assert "@font-face" not in picture
    assert "mailmerge" in picture


@pytest.mark.parametrize(
    "page", [ROOT / "docs/flow.md", ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name
)
def test_every_module_that_is_named_exists(page: Path) -> None:
    """A page about the code names files that are there: by their path in the package, or beside the last one that was named so."""
    package = ROOT / "src/mailmerge_cli"
    lost, folder = [], package
    for name in re.findall(r"`([\w/]+\.py)`", page.read_text(encoding="utf-8")):
        if (package / name).is_file():
            folder = (package / name).parent
        elif not (folder / name).is_file():
            lost.append(name)

    assert lost == []
