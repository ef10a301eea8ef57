"""`log --failed-rows`: the rows of the list that failed, as a list of their own, which `send` takes.

Rule: nobody is in it who has a mail of this run, or may have one. It holds cells, so it is private, and made because it was asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from mailmerge_cli.address import AddressFault, parse_address
from mailmerge_cli.cli.answers import people, ungrouped
from mailmerge_cli.cli.closing import mails
from mailmerge_cli.cli.opened_list import OpenedList
from mailmerge_cli.cli.screen import Screen
from mailmerge_cli.cli.typed import typed_of
from mailmerge_cli.errors import ExitCode, FileMissing, LedgerFault, Refused, Stopped, UsageFault
from mailmerge_cli.ledger.lock import is_held
from mailmerge_cli.ledger.reading import Reading
from mailmerge_cli.model.campaign import Duplicates
from mailmerge_cli.model.cell import Cell, CellFault
from mailmerge_cli.model.delivery import Delivery, State
from mailmerge_cli.report.answers import Answers
from mailmerge_cli.report.book.cut import NoCopy
from mailmerge_cli.report.log_file import replacing, told
from mailmerge_cli.sources.delimited import DelimitedSource
from mailmerge_cli.sources.jsonl import JsonLinesSource
from mailmerge_cli.sources.totals import Totals

if TYPE_CHECKING:
    from mailmerge_cli.cli.prepare import Inputs
    from mailmerge_cli.model.table import Row
    from mailmerge_cli.sources.table_file import TableFile

_FAILED = (State.FAILED, State.INVALID)
_HAVE_IT = {
    State.SENT: "has the mail already",
    State.IN_DOUBT: "may have the mail already",
    State.PENDING: "gets the mail from the run itself",
    State.DEFERRED: "gets the mail from the run itself",
}
_BUSY = (*_HAVE_IT, State.SENDING)


def write_failed_rows(
    screen: Screen, path: Path, opened: OpenedList, ledger: Reading, states: Sequence[State] | None
) -> int:
    """Write the rows of those in `states` (default: failed and invalid) to a new list; returns the exit code.

    Raises:
        UsageFault: those are asked for who have the mail, may have it or will get it; or the file's ending does not fit the list.
        Refused: there is nobody, or the list is not the one any more that was sent.
        Stopped: a `send` is at work, so nobody knows yet.
        LedgerFault, FileMissing: the file cannot be written.
    """
    wanted = tuple(states or _FAILED)
    for state, why in _HAVE_IT.items():
        if state in wanted:
            raise UsageFault(
                f"--failed-rows with --state {state}: who is {state} {why}, and the file is made to be sent to.",
                hint="Settle it with `mailmerge resolve` first." if state is State.IN_DOUBT else "",
            )
    if is_held(opened.place.lock):
        raise Stopped("A send is at work on this campaign; ask again when it has ended.", reason="locked")
    _check_new(path)
    with opened as inputs:
        if inputs is None:
            assert opened.fault is not None
            raise opened.fault
        count = _write(path, inputs, opened, ledger, wanted)
    _tell(screen, path, opened, count, ledger)
    return ExitCode.OK


def _check_new(path: Path) -> None:
    if not path.parent.is_dir():
        raise FileMissing(
            f"--failed-rows {path}: there is no folder {path.parent}.", hint="Make it first, or name another."
        )
    if path.exists() or path.is_symlink():
        raise LedgerFault(
            f"--failed-rows {path}: the file exists, and may hold what somebody mended.",
            hint="Name another file, or delete this one.",
        )


def _write(path: Path, inputs: Inputs, opened: OpenedList, ledger: Reading, wanted: tuple[State, ...]) -> int:
    """How many people are in the file that was written."""
    source = _source(inputs, path)
    expected = sum(1 for _ in ledger.deliveries(opened.run, wanted))
    if not expected:
        raise Refused(f"Nobody of run {opened.run.label} is {' or '.join(wanted)}.")
    answers = Answers(people(inputs), ledger, opened.run, in_place=opened.guessed)
    found = {number: delivery for number, delivery in answers if delivery.state in wanted}
    twins = _twins(found.values(), opened, ledger)
    rows = _persons(source, {number for number, delivery in found.items() if delivery.id not in twins})
    if twins and not rows:
        raise Refused(
            f"Whoever is {' or '.join(wanted)} stands in the list twice, and has his mail or gets it."
        )
    if not rows:
        raise Refused(
            f"None of the {expected} has a row in the list as it is now.",
            hint="Was it changed since, or is it another list? The log still has them: mailmerge log --format csv.",
        )
    check = partial(_compare, source, rows)
    with told(path, "the file of failed rows", "--failed-rows"), replacing(path, check) as out:
        _copy(out, source, rows)
    return len({found[number].id for number in rows})


def _twins(found: Collection[Delivery], opened: OpenedList, ledger: Reading) -> set[int]:
    """Those who were skipped because their address stands in another row, whose mail is out or on its way."""
    if opened.place.campaign.recipients.duplicates is Duplicates.SEND:
        return set()  # people who share an address each have a mail of their own
    skipped = [one for one in found if one.state is State.SKIPPED and one.address]
    if not skipped:
        return set()
    addresses = {_folded(one.address) for one in skipped}
    theirs = (_folded(one.address) for one in ledger.deliveries(opened.run, _BUSY))
    busy = {address for address in theirs if address in addresses}
    return {one.id for one in skipped if _folded(one.address) in busy}


def _folded(address: str) -> str:
    try:
        return parse_address(address).folded
    except AddressFault:
        return address.casefold()


def _persons(source: TableFile, numbers: Collection[int]) -> list[int]:
    """The rows without those that, at the end of the copy, would be taken for totals: a department's sum is nobody."""
    if not numbers:
        return []
    chosen = (row for row in source.rows() if row.number in numbers)
    return [row.number for row in Totals(source.columns, source.choices.persons).without(chosen)]


def _source(inputs: Inputs, path: Path) -> TableFile:
    """The list, if it is of a kind that can be copied, and the file's ending fits it."""
    from mailmerge_cli.sources.xlsx.source import WorkbookSource

    source, ending = ungrouped(inputs.source), path.suffix.lower()
    if isinstance(source, WorkbookSource):
        fit = {".xlsx"}
    elif isinstance(source, DelimitedSource):
        fit = {source.path.suffix.lower() or ".csv", ".csv", ".tsv"}
    elif isinstance(source, JsonLinesSource):
        fit = {".jsonl", ".ndjson"}
    else:
        raise Refused(
            "Rows of a list of this kind cannot be copied.",
            hint="Save the list as .xlsx or CSV before it is sent. Who failed is told by: mailmerge log --state failed",
        )
    if ending not in fit:
        first = min(fit, key=lambda one: one != source.path.suffix.lower())
        raise UsageFault(
            f"--failed-rows {path}: the rows stay what the list is; let the name end in {first}."
        )
    return source


def _copy(out: BinaryIO, source: TableFile, rows: Collection[int]) -> None:
    from mailmerge_cli.report.book.extract import write_rows
    from mailmerge_cli.report.records import write_records
    from mailmerge_cli.sources.xlsx.source import WorkbookSource

    if isinstance(source, WorkbookSource):
        try:
            write_rows(out, source, rows)
        except NoCopy as fault:
            raise Refused(
                f"The rows cannot be copied: {fault}.", hint="Save the list as CSV before it is sent."
            ) from fault
    elif isinstance(source, DelimitedSource | JsonLinesSource):
        write_records(out, source, rows)


def _compare(source: TableFile, rows: Collection[int], copy: Path) -> None:
    """Refused unless the copy, read as `send` will read it, has the same columns and shows the same in every cell."""
    with type(source)(copy, source.choices) as new:
        titles = [[column.title for column in table.columns] for table in (source, new)]
        pairs = zip_longest((row for row in source.rows() if row.number in rows), new.rows())
        for old, now in pairs:
            same = old is not None and now is not None and titles[0] == titles[1]
            if not same or not (old.problems or _shown(old) == _shown(now)):
                place = f"row {old.number}" if old else "a row"
                hint = "Where the list's encoding is guessed, say it: --encoding, or encoding = … under [recipients]."
                if not isinstance(source, DelimitedSource):
                    hint = "Save the list as CSV before it is sent. Who failed is told by: mailmerge log --state failed"
                raise Refused(f"{place} cannot be copied so that it shows the same.", hint=hint)


def _shown(row: Row) -> list[str | None]:
    return [_look(cell) for cell in row.cells]


def _look(cell: Cell) -> str | None:
    """What a cell shows; None for one that must not be used."""
    try:
        return str(cell)
    except CellFault:
        return None


def _tell(screen: Screen, path: Path, opened: OpenedList, people: int, ledger: Reading) -> None:
    who = "1 person" if people == 1 else f"{people} people"
    account, used = opened.place.campaign.account, ledger.last_account(opened.run)
    screen.say(f"The rows of {who} are in {path}. It holds their cells, so you alone may read it.")
    if opened.place.campaign.file is not None:
        where = replace(opened.where, recipients=str(path), run=opened.run.label)
        again = typed_of(where, account, used=used).again
        screen.say(f"When it is mended: {again} --retry-failed --accept-changes")
    else:
        screen.say(
            f"When it is mended, send it with the words of before and -r {path}. From then on never use --retry-failed "
            "with the old list: it knows nothing of that."
        )
    if left := ledger.counts(opened.run).left:
        again = typed_of(replace(opened.where, run=opened.run.label), account, used=used).again
        screen.warn(
            f"{mails(left)} of the run {'is' if left == 1 else 'are'} still to be sent. Finish it first: {again}"
        )
    if screen.as_json:
        screen.json({"schema": 1, "run": opened.run.label, "written": str(path), "rows": people})
