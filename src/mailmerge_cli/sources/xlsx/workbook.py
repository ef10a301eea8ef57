"""What a workbook says about itself: its sheets, its epoch, and whether its formulas were ever calculated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailmerge_cli.errors import Refused
from mailmerge_cli.sources.xlsx.package import Attributes, Package


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet of cells: its name, its part, whether a person sees its tab."""

    name: str
    part: str
    hidden: bool


@dataclass(frozen=True, slots=True)
class Workbook:
    """The book as far as rows depend on it.

    Attributes:
        sheets: those with cells, in their order; no charts.
        epoch1904: days are counted from 1904-01-01.
        uncalculated: the program that wrote it left the formulas to be calculated by the one that opens it.
        strings, styles: parts; empty if there are none.
        notes: what is in it but was left alone (F22).
        part: its own.
        tabs: all tabs in their order; None for one that has no cells, such as a chart.
    """

    sheets: tuple[Sheet, ...]
    epoch1904: bool
    uncalculated: bool
    strings: str
    styles: str
    notes: tuple[str, ...]
    part: str
    tabs: tuple[Sheet | None, ...]

    def tab(self, index: int) -> Sheet | None:
        """The sheet behind a tab, counted from 0; None if there is none."""
        return self.tabs[index] if index < len(self.tabs) else None


def read_workbook(package: Package) -> Workbook:
    """The workbook's own part, which the package's relationships name."""
    part = next(
        (target for kind, target in package.related("").values() if kind == "officeDocument"),
        "xl/workbook.xml",
    )
    related = package.related(part)
    tabs: list[Sheet | None] = []
    flags = {"date1904": False, "fullCalcOnLoad": False}

    def start(name: str, attributes: Attributes) -> None:
        if name == "sheet":
            kind, target = related.get(attributes.get("id", ""), ("", ""))
            hidden = attributes.get("state", "visible") != "visible"
            tabs.append(Sheet(attributes.get("name", ""), target, hidden) if kind == "worksheet" else None)
        elif name in {"workbookPr", "calcPr"}:
            for flag in flags:
                if attributes.get(flag, "0") in {"1", "true", "on"}:
                    flags[flag] = True

    package.parse(part, start)
    parts = dict(related.values())
    return Workbook(
        tuple(filter(None, tabs)), flags["date1904"], flags["fullCalcOnLoad"], parts.get("sharedStrings", ""), parts.get("styles", ""),
        _left_alone(package.names(), parts), part, tuple(tabs),
    )  # fmt: skip


def chosen_sheet(workbook: Workbook, wanted: str, name: str) -> Sheet:
    """The sheet that a person means (F18).

    Args:
        workbook: the book.
        wanted: the sheet's name, compared without case and outer blanks; empty: the only visible one.
        name: the file's name, for messages.

    Raises:
        Refused: there is no such sheet, or none was said and there are several; the names are listed.
    """
    if wanted:
        found = [sheet for sheet in workbook.sheets if sheet.name == wanted]
        found = found or [sheet for sheet in workbook.sheets if _same(sheet.name, wanted)]
        if not found:
            raise Refused(f"{name} has no sheet “{wanted}”; it has {_listed(workbook.sheets)}")
        return found[0]
    visible = [sheet for sheet in workbook.sheets if not sheet.hidden]
    if not visible:
        raise Refused(f"{name} has no visible sheet with cells", hint="say which one with --sheet")
    if len(visible) > 1:
        raise Refused(f"{name} has several sheets: {_listed(visible)}", hint="say which one with --sheet")
    return visible[0]


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()


def _listed(sheets: Sequence[Sheet]) -> str:
    return (
        ", ".join(f"“{sheet.name}”{' (hidden)' if sheet.hidden else ''}" for sheet in sheets[:20]) or "none"
    )


def _left_alone(names: list[str], parts: dict[str, str]) -> tuple[str, ...]:
    notes = []
    if "vbaProject" in parts or any(name.endswith("vbaproject.bin") for name in names):
        notes.append("it holds macros, which are not run")
    if "externalLink" in parts or any("/externallinks/" in name for name in names):
        notes.append("it refers to other files, which are not read: their values are as old as the last save")
    return tuple(notes)
