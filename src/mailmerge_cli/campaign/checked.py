"""What a check makes of some rows in succession: lines for the draft, problems, counts; plain values that travel fast.

Rule: it looks at nothing beyond its rows, so it is the same whichever process does it; what concerns the whole list is the plan's.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from mailmerge_cli.campaign.judge import Bad, Judge, LeftOut
from mailmerge_cli.errors import Problem
from mailmerge_cli.ledger.draft import Line, line_of, weight
from mailmerge_cli.model.delivery import State
from mailmerge_cli.model.mail import Recipient
from mailmerge_cli.model.table import Row
from mailmerge_cli.render.fault import RowFault
from mailmerge_cli.render.letter import Letter

CHUNK = 500
"""Rows that are checked in one go."""


class Renderer(Protocol):
    """Makes the letter of a row."""

    def render(self, row: Row, recipient: Recipient) -> Letter:
        """The letter; RowFault with everything that is wrong."""
        ...


class Place(NamedTuple):
    """Where a file lies that a pattern with cells names. Digests of different things differ in length.

    Attributes:
        line: whose it is, by its place among the lines of its chunk.
        path: as a person knows it.
        real: digest of its real path.
        file: digest of the file itself, whatever it is called; empty where the system does not tell.
        octets: digest of what it holds.
    """

    line: int
    path: str
    real: bytes
    file: bytes
    octets: bytes


class Checked(NamedTuple):
    """What came of one chunk.

    Attributes:
        read: rows that it had; fewer than `CHUNK`: the list ends here.
        lines: of all that `where` selected, in the list's order.
        digest: the lines' share in the plan's digest.
        mails, invalid, skipped: how many of the lines are what.
        problems: as many as were wanted, each with its line's place.
        problems_total: all.
        places: files that are somebody's own.
        notes: of the list, once its end was read; else none.
    """

    read: int
    lines: list[Line]
    digest: int
    mails: int
    invalid: int
    skipped: int
    problems: list[tuple[int, Problem]]
    problems_total: int
    places: list[Place]
    notes: tuple[str, ...] = ()


def check(rows: Sequence[Row], judge: Judge, renderer: Renderer, wanted: int) -> Checked:
    """Judge and render some rows; of their problems at most so many are told one by one."""
    lines: list[Line] = []
    problems: list[tuple[int, Problem]] = []
    places: list[Place] = []
    invalid = skipped = total = 0
    for row in rows:
        verdict = judge.judge(row)
        if isinstance(verdict, Recipient):
            try:
                letter = renderer.render(row, verdict)
            except RowFault as fault:
                verdict = Bad(verdict.row, verdict.key, verdict.address, fault.problems)
            else:
                if letter.attachments:
                    places += _places(letter, len(lines))
                lines.append(
                    line_of(row.number, verdict.key, letter.envelope.recipients[0], letter.content_hash)
                )
                continue
        if isinstance(verdict, LeftOut):
            skipped += 1
            lines.append(
                line_of(verdict.row, verdict.key, verdict.address, b"", State.SKIPPED, verdict.reason)
            )
        elif isinstance(verdict, Bad):
            invalid += 1
            total += len(verdict.problems)
            problems += [(len(lines), one) for one in verdict.problems[: wanted - len(problems)]]
            lines.append(bad_line(verdict.row, verdict.key, verdict.address, verdict.problems))
    mails = len(lines) - invalid - skipped
    digest = sum(map(weight, lines))
    return Checked(len(rows), lines, digest, mails, invalid, skipped, problems, total, places)


def bad_line(row: int, key: str, address: str, problems: Sequence[Problem]) -> Line:
    """The line of a row that cannot be sent, with all its problems for the reason."""
    reason = "; ".join(f"{one.column}: {one.message}" if one.column else one.message for one in problems)
    return line_of(row, key, address, b"", State.INVALID, reason[:500])


def _places(letter: Letter, line: int) -> list[Place]:
    return [
        Place(
            line,
            one.path,
            hashlib.blake2b(os.fsencode(one.file), digest_size=12).digest(),
            # Names of one file hold the same: a disk that makes inodes up cannot make two different ones one.
            b"%d %d " % one.inode + one.digest[:12] if one.inode[1] else b"",
            one.digest[:13],
        )
        for one in letter.attachments
        if one.from_cells
    ]
