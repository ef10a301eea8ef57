"""The pass that checks everything: every row judged and rendered, every problem kept, the plan staged on disk.

Rule: nothing is sent, and nothing of a cell is kept beyond key, address and hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from mailmerge_cli.campaign.judge import Bad, Judge, Judgement, LeftOut
from mailmerge_cli.errors import Problem
from mailmerge_cli.ledger.draft import Draft
from mailmerge_cli.ledger.reading import Reading
from mailmerge_cli.model.campaign import Duplicates
from mailmerge_cli.model.delivery import Entry, Run, State
from mailmerge_cli.model.mail import Recipient
from mailmerge_cli.model.table import Row
from mailmerge_cli.render.fault import RowFault
from mailmerge_cli.render.letter import Letter

_BATCH = 500
_KEPT = 1000  # problems told one by one; the others are counted


class Renderer(Protocol):
    """Makes the letter of a row."""

    def render(self, row: Row, recipient: Recipient) -> Letter:
        """The letter; RowFault with everything that is wrong."""
        ...


@dataclass(slots=True)
class Plan:
    """What a run would promise.

    Attributes:
        draft: the entries, staged.
        problems: what is wrong with single rows, the first thousand; `problems_total` counts all.
        faults: what is wrong with the list as a whole: never sent around, whatever `on_invalid` says.
        read: rows read; `unselected` were not chosen by `where`.
        attachments: of the first mail.
    """

    draft: Draft
    problems: list[Problem] = field(default_factory=list)
    problems_total: int = 0
    faults: list[Problem] = field(default_factory=list)
    read: int = 0
    unselected: int = 0
    mails: int = 0
    invalid: int = 0
    skipped: int = 0
    attachments: int = 0

    def take_from_mails(self, number: int) -> None:
        """So many that would have been sent are skipped."""
        self.mails -= number
        self.skipped += number

    def add_problems(self, problems: Iterable[Problem]) -> None:
        """Keep or count them."""
        for problem in problems:
            self.problems_total += 1
            if len(self.problems) < _KEPT:
                self.problems.append(problem)


def make_plan(
    rows: Iterable[Row],
    judge: Judge,
    renderer: Renderer,
    draft: Draft,
    *,
    duplicates: Duplicates,
    key_is_address: bool,
    ledger: Reading | None = None,
    run: Run | None = None,
) -> Plan:
    """Judge and render all rows; then look for keys and addresses that stand there twice.

    With `ledger` and `run`, a twin address that is skipped is never the one that has a mail of this run already.
    """
    plan = Plan(draft)
    batch: list[Entry] = []
    for entry in _entries(rows, judge, renderer, plan):
        batch.append(entry)
        if len(batch) == _BATCH:
            draft.add(batch)
            batch = []
    draft.add(batch)
    _look_for_twins(plan, duplicates, key_is_address, ledger, run)
    return plan


def _entries(rows: Iterable[Row], judge: Judge, renderer: Renderer, plan: Plan) -> Iterator[Entry]:
    attached: dict[bytes, int] = {}
    for row in rows:
        plan.read += 1
        verdict: Judgement | Entry = judge.judge(row)
        if isinstance(verdict, Recipient):
            verdict = _render(row, verdict, renderer, plan, attached)
        if verdict is None:
            plan.unselected += 1
        elif isinstance(verdict, LeftOut):
            plan.skipped += 1
            yield Entry(verdict.row, verdict.key, verdict.address, b"", State.SKIPPED, verdict.reason)
        elif isinstance(verdict, Bad):
            plan.invalid += 1
            plan.add_problems(verdict.problems)
            reason = "; ".join(
                f"{p.column}: {p.message}" if p.column else p.message for p in verdict.problems
            )
            yield Entry(verdict.row, verdict.key, verdict.address, b"", State.INVALID, reason[:500])
        elif isinstance(verdict, Entry):
            yield verdict


def _render(
    row: Row, recipient: Recipient, renderer: Renderer, plan: Plan, attached: dict[bytes, int]
) -> Entry | Bad:
    try:
        letter = renderer.render(row, recipient)
    except RowFault as fault:
        return Bad(row.number, recipient.key, recipient.address, fault.problems)
    if twins := _attached_twice(row, letter, attached):
        return Bad(row.number, recipient.key, recipient.address, twins)
    plan.mails += 1
    if plan.mails == 1:
        plan.attachments = len(letter.attachments)
    return Entry(row.number, recipient.key, letter.envelope.recipients[0], letter.content_hash)


def _attached_twice(row: Row, letter: Letter, attached: dict[bytes, int]) -> tuple[Problem, ...]:
    """A file that a pattern with cells names is one person's own: a second row must not have it."""
    problems = []
    for attachment in letter.attachments:
        if not attachment.from_cells:
            continue
        place = hashlib.blake2b(str(attachment.file).encode(), digest_size=12).digest()
        if (first := attached.setdefault(place, row.number)) != row.number:
            text = f"{attachment.path} is already the attachment of row {first}; each person's file may go to one person only"
            problems.append(Problem(row.number, "Attachment", "attachment", text))
    return tuple(problems)


def _look_for_twins(
    plan: Plan, duplicates: Duplicates, key_is_address: bool, ledger: Reading | None, run: Run | None
) -> None:
    """One address several times is as the campaign wishes; one key several times is refused always."""
    if duplicates is Duplicates.SKIP:
        plan.take_from_mails(plan.draft.skip_twin_addresses("same address as row {row}", ledger, run))
    shared: set[str] = set()
    for twin in plan.draft.twin_keys():
        first, *others = twin.rows
        shared.add(twin.text)
        what = "the same address" if key_is_address else f"the same key “{twin.text}”"
        way = (
            'name a key column, or set duplicates = "skip"'
            if key_is_address
            else "a key must name one person"
        )
        plan.faults.extend(
            Problem(row, None, "duplicate", f"row {row} has {what} as row {first[1]}; {way}")
            for _, row in others
        )
    if duplicates is Duplicates.REFUSE:
        _refuse_shared_addresses(plan, shared)


def _refuse_shared_addresses(plan: Plan, told: set[str]) -> None:
    for twin in plan.draft.twin_addresses():
        first, *others = twin.rows
        if first[0] in told:
            continue
        for key, row in others:
            text = (
                f"row {row} (key “{key}”) has the address of row {first[1]} (key “{first[0]}”): {twin.text}; "
                'mend it, or set duplicates = "send" if two people share it, "skip" for one mail'
            )
            plan.faults.append(Problem(row, None, "duplicate", text))
