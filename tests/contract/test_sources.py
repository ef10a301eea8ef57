"""All built-in sources keep the contract that third parties are tested by."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import openpyxl

from mailmerge_cli.sources.testing import TITLES, SourceContract, Table
from support.tables import sheet_xml, write_package


class TestCsv(SourceContract):
    ending = ".csv"

    def write(self, path: Path, table: Table) -> None:
        with path.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows(table)


class TestSemicolonsInUtf16(SourceContract):
    ending = ".txt"

    def write(self, path: Path, table: Table) -> None:
        with path.open("w", newline="", encoding="utf-16") as stream:
            csv.writer(stream, delimiter=";", quoting=csv.QUOTE_ALL).writerows(table)


class TestWorkbookWithSharedStrings(SourceContract):
    ending = ".xlsx"

    def write(self, path: Path, table: Table) -> None:
        book = openpyxl.Workbook()
        for row in table:
            book.active.append(list(row))
        book.save(path)
        # openpyxl writes the time into the file; equal tables shall be equal files here.
        self._without_times(path)

    def _without_times(self, path: Path) -> None:
        import zipfile

        with zipfile.ZipFile(path) as archive:
            parts = {name: archive.read(name) for name in archive.namelist() if name != "docProps/core.xml"}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in parts.items():
                archive.writestr(zipfile.ZipInfo(name), content)

    def test_control_characters(self, tmp_path: Path) -> None:
        """openpyxl itself refuses such a cell, so the workbook by hand stands for this one."""


class TestWorkbookWithInlineStrings(SourceContract):
    ending = ".xlsm"

    def write(self, path: Path, table: Table) -> None:
        rows = ""
        for number, row in enumerate(table, 1):
            cells = "".join(
                f'<c r="{letter}{number}" t="inlineStr"><is><t xml:space="preserve">{_escaped(cell)}</t></is></c>'
                for letter, cell in zip("ABCD", row, strict=False)
            )
            rows += f'<row r="{number}">{cells}</row>'
        write_package(path, sheet_xml(rows))


class TestJsonLines(SourceContract):
    ending = ".jsonl"

    def write(self, path: Path, table: Table) -> None:
        titles = list(table[0])
        lines = [
            json.dumps(dict(zip(titles, row, strict=True)), ensure_ascii=False) if row else ""
            for row in table[1:]
        ]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def test_header_alone(self, tmp_path: Path) -> None:
        """Without an object there are no columns, so an empty file is refused."""
        path = tmp_path / "empty.jsonl"
        path.write_text("\n\n")
        self._refused_file(path)

    def _refused_file(self, path: Path) -> None:
        from mailmerge_cli.errors import Refused

        try:
            self.open(path)
        except Refused:
            return
        raise AssertionError("a file without an object was opened")


def test_all_sources_tell_the_same_table(tmp_path: Path) -> None:
    """One table in four formats is one table."""
    from mailmerge_cli.sources.testing import TABLE

    told = set()
    for suite in (TestCsv(), TestSemicolonsInUtf16(), TestWorkbookWithSharedStrings(), TestJsonLines()):
        path = tmp_path / f"{type(suite).__name__}{suite.ending}"
        suite.write(path, TABLE)
        with suite.open(path) as source:
            titles = tuple(column.title for column in source.columns)
            told.add((titles, tuple(tuple(map(str, row.cells)) for row in source.rows())))
    assert told == {(TITLES, tuple(tuple(row) for row in TABLE[1:]))}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
