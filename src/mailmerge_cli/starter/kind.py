"""The kinds of campaign that there is a starter for."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """Each has a folder of its name in `campaigns/`."""

    PAYSLIP = "payslip"  # a workbook, a table of figures in Markdown, a file for each person
    NEWSLETTER = "newsletter"  # a text file, HTML with an image, a way to unsubscribe
    LETTER = "letter"  # a text file as German Excel saves it, plain text, files for everybody

    @property
    def message(self) -> str:
        """The name of its message template."""
        return {"payslip": "payslip.md", "newsletter": "newsletter.html", "letter": "letter.txt"}[self.value]
