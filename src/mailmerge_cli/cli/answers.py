"""The answers of a run beside the rows of its list: a copy of the person's workbook, where the list is one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mailmerge_cli.errors import FileMissing, Refused, UsageFault
from mailmerge_cli.ledger.reading import Reading
from mailmerge_cli.model.delivery import Run
from mailmerge_cli.report.answers import Answers, Person
from mailmerge_cli.report.book.cut import NoCopy
from mailmerge_cli.report.formats import LogFormat
from mailmerge_cli.report.lines import LOG_COLUMNS, LogLines
from mailmerge_cli.report.log_file import check_place, replacing, told, write_log_file
from mailmerge_cli.sources.grouped import GroupedSource

if TYPE_CHECKING:
    from mailmerge_cli.cli.prepare import Inputs
    from mailmerge_cli.cli.screen import Screen
    from mailmerge_cli.model.table import Source
    from mailmerge_cli.report.result_log import ResultLog


def write_answers(
    path: Path,
    inputs: Inputs | None,
    ledger: Reading,
    run: Run,
    lines: LogLines,
    why: str = "",
    *,
    in_place: bool = False,
) -> str:
    """Write what became of everybody to a workbook: a copy of the list with the answers, or else the log's table.

    Args:
        path: ends in .xlsx, or in .xlsm for a list with macros.
        inputs: the list and how its rows are read; None where it cannot be opened.
        ledger: what is asked.
        run: the run.
        lines: how the answers are told.
        why: why the list cannot be opened, where it cannot.
        in_place: see `Answers`.

    Returns:
        A sentence that a person should know; empty if there is nothing to say.

    Raises:
        UsageFault: the file is the list itself.
        LedgerFault: it cannot be written; what stood there before still stands.
        Refused: an .xlsm is wanted, and no copy of the list can be one.
    """
    try:
        if inputs is None:
            raise NoCopy(f"it cannot be read now ({why})")
        return _copy(path, inputs, ledger, run, lines, in_place=in_place)
    except (NoCopy, Refused, FileMissing) as fault:
        if path.suffix.lower() == ".xlsm":
            raise Refused(
                f"{path} cannot be written: of the list there is no copy, because {fault}"
            ) from fault
        write_log_file(path, LOG_COLUMNS, map(lines.cells, ledger.deliveries(run)))
        return f"{path} is a table, no copy of the list: {fault}."


def refuse_list(path: Path, source: Source) -> None:
    """UsageFault if a result is to be written over the list itself."""
    file = getattr(ungrouped(source), "path", None)
    try:
        same = file is not None and path.samefile(file)
    except OSError:
        return  # one of them does not exist
    if same:
        raise UsageFault(f"{path} is the list itself, and is never written over; name another file.")


def people(inputs: Inputs) -> Iterator[Person]:
    """Whom each row of the list names now, by the campaign's own rules."""
    for row in inputs.source.rows():
        verdict = inputs.judge.judge(row)
        if verdict is not None:
            numbers = tuple(line.number for line in row.lines) or (row.number,)
            yield Person(numbers, verdict.key, verdict.address)


def ungrouped(source: Source) -> Source:
    """The list, line by line."""
    return source.ungrouped if isinstance(source, GroupedSource) else source


def _copy(path: Path, inputs: Inputs, ledger: Reading, run: Run, lines: LogLines, *, in_place: bool) -> str:
    from mailmerge_cli.report.book.marked import Mark, write_marked
    from mailmerge_cli.sources.xlsx.source import WorkbookSource

    source = ungrouped(inputs.source)
    if not isinstance(source, WorkbookSource):
        raise NoCopy("the list is no Excel workbook of today (.xlsx)")
    refuse_list(path, source)
    check_place(path, LogFormat.XLSX)
    answers = Answers(people(inputs), ledger, run, in_place=in_place)
    with told(path), replacing(path) as out:
        marks = (Mark(row, *lines.answer(delivery)) for row, delivery in answers)
        signed = write_marked(out, source, marks, macros=path.suffix.lower() == ".xlsm")
        if not answers.named:
            raise NoCopy(f"no row of it names anybody of run {run.label}")
    return " ".join(filter(None, (signed, _missing(answers.missing(), run), _saved_since(source.path, run))))


def _saved_since(file: Path, run: Run) -> str:
    if run.finished is None or file.stat().st_mtime <= run.finished.timestamp():
        return ""
    return "The list was saved after the run had ended: the answers are right, the other cells may not be what was sent."


def _missing(count: int, run: Run) -> str:
    if not count:
        return ""
    who = "1 mail of run {} has" if count == 1 else f"{count} mails of run {{}} have"
    return f"{who.format(run.label)} no row in the list as it is now; the log has them all: --format csv."


def finish_results(screen: Screen, results: ResultLog, inputs: Inputs, ledger: Reading, run: Run) -> None:
    """The result log of a run that has ended, from the ledger: where it is a workbook and the list is one, a copy of the list.

    Raises:
        LedgerFault: it cannot be written; what stood there before still stands.
    """
    from mailmerge_cli.sources.xlsx.source import WorkbookSource

    workbook = LogFormat.of(results.path) is LogFormat.XLSX
    if not workbook or not isinstance(ungrouped(inputs.source), WorkbookSource):
        results.rewrite(ledger.deliveries(run))
        return
    results.close()
    if note := write_answers(results.path, inputs, ledger, run, results.lines):
        screen.note(note)
