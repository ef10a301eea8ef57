"""The pass that checks everything: every row judged and rendered, every problem kept, the plan staged on disk.

Rule: nothing is sent, and nothing of a cell is kept beyond key, address and hash.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter, itemgetter

from mailmerge_cli.campaign.checked import Checked, bad_line
from mailmerge_cli.campaign.hands import Aid, Hands
from mailmerge_cli.campaign.kit import Kit
from mailmerge_cli.errors import Problem
from mailmerge_cli.ledger.draft import Draft, weight
from mailmerge_cli.ledger.reading import Reading
from mailmerge_cli.model.campaign import Duplicates
from mailmerge_cli.model.delivery import Run
from mailmerge_cli.model.notice import FIRST, SameFile

_KEPT = 1000  # problems told one by one; the others are counted


@dataclass(slots=True)
class Plan:
    """What a run would promise.

    Attributes:
        draft: the entries, staged.
        problems: what is wrong with single rows, the first thousand; `problems_total` counts all.
        faults: what is wrong with the list as a whole: never sent around, whatever `on_invalid` says. The first thousand;
            `faults_total` counts all.
        read: rows read; `unselected` were not chosen by `where`.
        notes: what a person should know of the list, now that it was read to its end.
        same_files: files of rows of their own that hold what an earlier row's does, the first ones; `same_files_total` counts all.
        lenders: rows whose own file a later row names too, and what is wrong with that.
    """

    draft: Draft
    problems: list[Problem] = field(default_factory=list)
    problems_total: int = 0
    faults: list[Problem] = field(default_factory=list)
    faults_total: int = 0
    read: int = 0
    unselected: int = 0
    mails: int = 0
    invalid: int = 0
    skipped: int = 0
    notes: tuple[str, ...] = ()
    same_files: list[SameFile] = field(default_factory=list)
    same_files_total: int = 0
    lenders: dict[int, Problem] = field(default_factory=dict)

    def take_from_mails(self, number: int) -> None:
        """So many that would have been sent are skipped."""
        self.mails -= number
        self.skipped += number

    @property
    def wanted(self) -> int:
        """How many problems are still to be told one by one."""
        return _KEPT - len(self.problems)

    def add_same_file(self, found: SameFile) -> None:
        """Keep or count it."""
        self.same_files_total += 1
        if len(self.same_files) < FIRST:
            self.same_files.append(found)

    def add_fault(self, fault: Problem) -> None:
        """Keep or count it."""
        self.faults_total += 1
        if len(self.faults) < _KEPT:
            self.faults.append(fault)


def make_plan(
    kit: Kit,
    draft: Draft,
    *,
    duplicates: Duplicates,
    key_is_address: bool,
    ledger: Reading | None = None,
    run: Run | None = None,
    hands: int = 0,
    bear: Callable[[], Aid] | None = None,
    share: str = 'duplicates = "send"',
) -> Plan:
    """Judge and render all rows; then look for keys and addresses that stand there twice.

    With `ledger` and `run`, a twin address that is skipped is never the one that has a mail of this run already.
    A list that takes long is checked in up to so many `hands` beside this process, which come from `bear` (see `Hands`); the plan is the same.
    `share` is what a person says where two keys may have one address.
    """
    plan = Plan(draft)
    with Hands(kit, hands, bear) as many:
        for part in many.checked(lambda: plan.wanted):
            _take(plan, part)
    _refuse_lenders(plan)
    if duplicates is Duplicates.SKIP:
        plan.take_from_mails(draft.skip_twin_addresses("same address as row {row}", ledger, run))
    to = kit.template.to_all if plan.mails > 1 else ""
    if to and (key_is_address or duplicates is Duplicates.REFUSE):
        plan.add_fault(_one_for_all(to, plan.mails, key_is_address, share))
        duplicates = Duplicates.SEND  # that is why they are twins, and it has been told
    if not (to and key_is_address):
        _refuse_twin_keys(plan, key_is_address, share)
    if duplicates is Duplicates.REFUSE:
        _refuse_shared_addresses(plan, share)
    return plan


def _take(plan: Plan, part: Checked) -> None:
    """What came of some rows becomes part of the plan."""
    if part.places:
        part = _without_borrowed(plan, part)
    plan.notes = part.notes or plan.notes
    plan.draft.put(part.lines, part.digest)
    plan.read += part.read
    plan.unselected += part.read - len(part.lines)
    plan.mails += part.mails
    plan.invalid += part.invalid
    plan.skipped += part.skipped
    plan.problems_total += part.problems_total
    plan.problems += [problem for _, problem in part.problems[: plan.wanted]]


def _without_borrowed(plan: Plan, part: Checked) -> Checked:
    """A file that a pattern with cells names is one person's own: a second row must not have it, whatever it is called there."""
    borrowed = _look_for_borrowed(plan, part)
    if not borrowed:
        return part
    lines, share = part.lines, part.digest
    for at, found in borrowed.items():
        row, key, address, *_ = lines[at]
        share -= weight(lines[at])
        lines[at] = bad_line(row, key or "", address, found)
        share += weight(lines[at])
    problems = [*part.problems, *((at, problem) for at, found in borrowed.items() for problem in found)]
    problems.sort(key=itemgetter(0))
    return part._replace(
        digest=share,
        mails=part.mails - len(borrowed),
        invalid=part.invalid + len(borrowed),
        problems=problems[: plan.wanted],
        problems_total=part.problems_total + sum(map(len, borrowed.values())),
    )


def _look_for_borrowed(plan: Plan, part: Checked) -> dict[int, list[Problem]]:
    """What is wrong, by line, with rows that have an earlier row's file; a copy of it is no fault, and noted in the plan."""
    borrowed: dict[int, list[Problem]] = {}
    places = [(part.lines[place.line][0], place) for place in part.places]
    claims = [
        (digest, row) for row, place in places for digest in (place.real, place.file, place.octets) if digest
    ]
    earlier = plan.draft.claim(claims)
    for row, place in places if earlier else ():
        real, file, octets = (earlier.get(digest, row) for digest in (place.real, place.file, place.octets))
        if (other := real if real != row else file) != row:
            name = "" if real != row else ", under another name"
            text = f"{place.path} is the attachment of row {other} too{name}"
            borrowed.setdefault(place.line, []).append(_not_to_two(row, text))
            text = (
                f"its attachment is that of row {row} too"  # a path is made of cells, and these are another's
            )
            plan.lenders.setdefault(other, _not_to_two(other, text))
        elif octets != row:
            plan.add_same_file(SameFile(row, place.path, octets))
    return borrowed


def _not_to_two(row: int, text: str) -> Problem:
    text += "; each person's file may go to one person only"
    return Problem(row, "Attachment", "attachment", text)


def _refuse_lenders(plan: Plan) -> None:
    """Whose file it is nobody can tell, so the first of those rows, which was taken before the second was read, is not sent either."""
    if not plan.lenders:
        return
    spoilt = plan.draft.spoil({row: problem.message for row, problem in plan.lenders.items()})
    plan.mails -= len(spoilt)
    plan.invalid += len(spoilt)
    plan.problems_total += len(spoilt)
    plan.problems += [plan.lenders[row] for row in spoilt][: plan.wanted]
    plan.problems.sort(key=lambda problem: problem.row or 0)


def _one_for_all(to: str, mails: int, key_is_address: bool, share: str) -> Problem:
    meant = f"name a key column and say {share}" if key_is_address else f"say {share}"
    text = (
        f"names {to} in all rows, so all {mails} mails would go there; write the column of addresses, such as "
        f"To: {{{{ email }}}}, or, if that is meant, {meant}"
    )
    return Problem(None, "To", "duplicate", text)


def _refuse_twin_keys(plan: Plan, key_is_address: bool, share: str) -> None:
    """One address several times is as the campaign wishes; one key several times is refused always."""
    for twin in plan.draft.twin_keys():
        what = "the same address" if key_is_address else f"the same key “{twin.text}”"
        skip = share.replace("send", "skip")
        way = f"name a key column, or say {skip}" if key_is_address else "a key must name one person"
        row = twin.other[1]
        plan.add_fault(Problem(row, None, "duplicate", f"has {what} as row {twin.first[1]}; {way}"))


def _refuse_shared_addresses(plan: Plan, share: str) -> None:
    for address, twins in groupby(plan.draft.twin_addresses(), key=attrgetter("text")):
        told: bool | None = None
        for twin in twins:
            if told is None:
                told = plan.draft.is_twin_key(twin.first[0])
            if told:
                continue
            key, row = twin.other
            text = (
                f"key “{key}” has the address of row {twin.first[1]} (key “{twin.first[0]}”): {address}; "
                f"mend it, or say {share} if two people share it, {share.replace('send', 'skip')} for one mail"
            )
            plan.add_fault(Problem(row, None, "duplicate", text))
