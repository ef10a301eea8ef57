"""The catalogue of faults: which ids there are, and what docs/guarantees.md says of each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
GUARANTEES = ROOT / "docs" / "guarantees.md"
BEGIN, END = "<!-- catalogue: begin -->", "<!-- catalogue: end -->"

GROUPS = {"F": 28, "T": 15, "A": 21, "B": 12, "C": 15, "P": 28, "K": 17, "O": 9, "L": 8, "Q": 12}
"""How many ids each group has. Lists, letters, addresses, attachments, logins, servers, crashes, schedule and clock, reports, providers."""

NO_TEST = "No test: "

_ROW = re.compile(r"\| ([A-Z]\d\d) \| (.+?) \| (.+?) \|")
_TEST = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the table.

    Attributes:
        id: such as F04.
        promise: one sentence.
        tests: file (below tests/) and function of each test that shows it.
        reason: why there is none; empty if there is one.
    """

    id: str
    promise: str
    tests: tuple[tuple[str, str], ...]
    reason: str


def all_ids() -> tuple[str, ...]:
    """Every id, in the order of the groups."""
    return tuple(f"{group}{number:02}" for group, count in GROUPS.items() for number in range(1, count + 1))


def entries() -> Iterator[Entry]:
    """The rows between the markers of docs/guarantees.md, in their order; ValueError for a row that is none."""
    text = GUARANTEES.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    for line in text.splitlines():
        if not line.startswith("|") or line.startswith(("| id |", "|---")):
            continue
        match = _ROW.fullmatch(line)
        if match is None:
            raise ValueError(f"no row of the catalogue: {line}")
        shown = match[3]
        reason = shown.removeprefix(NO_TEST) if shown.startswith(NO_TEST) else ""
        yield Entry(match[1], match[2], tuple(_TEST.findall(shown)), reason)
