"""The log as Excel opens it."""

from __future__ import annotations

from io import BytesIO

import pytest
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from mailmerge_cli.errors import LedgerFault
from mailmerge_cli.model.delivery import State
from mailmerge_cli.report import workbook
from mailmerge_cli.report.lines import LOG_COLUMNS, LogLines
from mailmerge_cli.report.workbook import write_workbook
from support.deliveries import delivery


def sheet(*lines: tuple[object, ...], columns: tuple[str, ...] = LOG_COLUMNS) -> Worksheet:
    out = BytesIO()
    write_workbook(out, columns, lines)  # type: ignore[arg-type]
    return load_workbook(out).worksheets[0]


def test_lines_are_cells_with_numbers_as_numbers() -> None:
    """Row and code can be sorted as numbers; a key with leading zeros keeps them."""
    page = sheet(LogLines("r").cells(delivery(7)))

    found = dict(zip(LOG_COLUMNS, (cell.value for cell in page[2]), strict=True))

    assert [cell.value for cell in page[1]] == list(LOG_COLUMNS)
    assert (found["row"], found["code"], found["key"]) == (8, 250, "00007")


@pytest.mark.parametrize("text", ["=1+1", "+86", "-5", "@x", "%a", "#N/A", "#REF!", " =1"])
def test_L01_no_cell_is_a_formula_or_an_error(text: str) -> None:
    """What a spreadsheet would run is a text cell, and stays text when somebody edits it."""
    (cell,) = sheet((text,), columns=("key",))[2]

    assert cell.data_type in ("s", "inlineStr")
    assert cell.quotePrefix
    assert cell.value == text


def test_plain_text_needs_no_mark() -> None:
    """The mark is for dangerous cells only; an address is a plain text."""
    (cell,) = sheet(("a@example.org",), columns=("address",))[2]

    assert not cell.quotePrefix


def test_L02_control_characters_are_escaped() -> None:
    """What XML cannot hold is written out, not refused at the end of a run."""
    (cell,) = sheet(("a\x00b\x1bc\ud800",), columns=("reply",))[2]

    assert cell.value == "a\\x00b\\x1bc\\ud800"


def test_a_cell_is_cut_where_excel_cannot_hold_it() -> None:
    """Excel calls a file broken when a cell is too long."""
    (cell,) = sheet(("𝄞" * 40_000,), columns=("reply",))[2]

    assert len(str(cell.value).encode("utf-16-le")) // 2 <= 32_767
    assert str(cell.value).endswith("…")


def test_the_sheet_is_ready_to_be_filtered() -> None:
    """The heading stays in view, every column can be filtered, and every state has its colour."""
    page = sheet(*(LogLines("r").cells(delivery(number)) for number in (1, 2)))

    assert page.freeze_panes == "A2"
    assert page.auto_filter.ref == "A1:O3"
    (rules,) = page.conditional_formatting
    assert str(rules.sqref) == "E2:E3"
    coloured = {rule.formula[0].strip('"') for rule in rules.rules}
    assert {state.value for state in State if state is not State.SENDING} <= coloured


def test_an_empty_log_is_a_heading() -> None:
    """A run without rows is still a workbook that Excel opens."""
    assert [cell.value for cell in sheet()[1]] == list(LOG_COLUMNS)


def test_a_log_longer_than_a_sheet_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Excel's sheets end at 1 048 576 rows; the sentence names the way out."""
    monkeypatch.setattr(workbook, "_ROWS", 3)

    assert sheet(("a",), ("b",), columns=("key",)).max_row == 3
    with pytest.raises(LedgerFault, match="holds 2 rows") as caught:
        sheet(("a",), ("b",), ("c",), columns=("key",))
    assert ".csv" in caught.value.hint
