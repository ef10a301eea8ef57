"""How the lines of an error begin and go on, so that no value in them can look like a line of ours."""

from __future__ import annotations

from mailmerge_cli.errors import Problem
from mailmerge_cli.report.escape import visible


def place_of(problem: Problem) -> str:
    """Row and column, as the beginning of a line; empty where neither is known."""
    parts = [f"row {problem.row}" if problem.row is not None else "", visible(problem.column or "")]
    place = ", ".join(filter(None, parts))
    return f"{place}: " if place else ""


def continued(text: str) -> str:
    """Further lines of a sentence are indented, so that no value in it can look like a line of ours."""
    return text.replace("\n", "\n  ")
