"""What a person should look at before mails leave, in sentences: no fault, but perhaps somebody's payslip on the way to another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailmerge_cli.model.notice import NewAddress, Notices, SameFile


def sentences(notices: Notices) -> Iterator[str]:
    """One for each kind that there is, with the first rows and how many more there are."""
    if notices.moved_addresses:
        yield _of_moves(notices.moved_addresses, notices.moved_addresses_total)
    if notices.new_addresses:
        yield _of_addresses(notices.new_addresses, notices.new_addresses_total)
    if notices.same_files:
        yield _of_files(notices.same_files, notices.same_files_total)


def whose(one: NewAddress) -> str:
    """Whose address it was, as part of a sentence."""
    return f"{one.address} was key {one.others}'s"


def _of_moves(found: Sequence[NewAddress], total: int) -> str:
    run = _one_run(found, total)
    who = "1 recipient has" if total == 1 else f"{total} recipients have"
    people = [
        f"row {one.row} (key {one.key}): {whose(one)}{'' if run else f' in run {one.run}'}" for one in found
    ]
    return f"{who} an address that was another person's in {run or 'the run before'}: {_listed(people, total)} – have rows shifted?"


def _one_run(found: Sequence[NewAddress], total: int) -> str:
    labels = {one.run for one in found}
    return f"run {labels.pop()}" if len(labels) == 1 and total == len(found) else ""


def _of_addresses(found: Sequence[NewAddress], total: int) -> str:
    run = _one_run(found, total)
    who = "1 recipient has" if total == 1 else f"{total} recipients have"
    people = [
        f"row {one.row} (key {one.key}) {one.address}, was {one.was}{'' if run else f' in run {one.run}'}"
        for one in found
    ]
    return f"{who} another address than in {run or 'the run before'}: {_listed(people, total)} – right?"


def _of_files(found: Sequence[SameFile], total: int) -> str:
    what = "1 file holds" if total == 1 else f"{total} files hold"
    rows = [f"row {one.row} ({one.path}) as row {one.other}" for one in found]
    return f"{what} the very same as another person's, under another name: {_listed(rows, total)} – right?"


def _listed(parts: Sequence[str], total: int) -> str:
    more = [f"and {total - len(parts)} more"] if total > len(parts) else []
    return "; ".join([*parts, *more])
