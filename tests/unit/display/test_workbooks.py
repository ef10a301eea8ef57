"""Workbooks as openpyxl, XlsxWriter and LibreOffice write them: the mail says what LibreOffice's "as shown" CSV says (`tests/data/workbooks`).

Where it does not, `exceptions.tsv` there has book, cell, what LibreOffice shows, what the mail says, and why.
"""

from __future__ import annotations

import csv
import re
from email import policy
from email.parser import BytesParser
from functools import cache
from pathlib import Path

import pytest

from mailmerge_cli.model.mail import Recipient
from mailmerge_cli.render import RowFault, Template
from mailmerge_cli.sources import open_source
from support.letters import CONSTANTS, FROM, MESSAGE_ID, MOMENT

FOLDER = Path(__file__).parents[2] / "data/workbooks"
BOOKS = sorted(FOLDER.glob("*.xlsx"))
REFUSED = "(refused)"


@cache
def exceptions():
    """(book, cell) → LibreOffice's text, ours, the reason."""
    with (FOLDER / "exceptions.tsv").open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        assert next(rows) == ["book", "cell", "LibreOffice shows", "the mail says", "reason"]
        return {(book, cell): (theirs, ours, reason) for book, cell, theirs, ours, reason in rows}


def as_shown(book):
    """What LibreOffice shows, rows of texts with the titles first."""
    with book.with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def alike(ours, theirs):
    """Equal but for the blanks at both ends and behind a minus, which line figures up in a column."""
    bare = theirs.strip(" ")
    return ours in {theirs, bare, re.sub("^- +", "-", bare)}


def said(template, row):
    """The lines of a row's mail, after its address's."""
    letter = template.render(row, Recipient(row.number, "k", "wang@example.org"))
    octets = b"".join(template.compose(letter, MESSAGE_ID, MOMENT))
    body = BytesParser(policy=policy.default).parsebytes(octets).get_content()
    return [line.removeprefix("[").removesuffix("]") for line in body.replace("\r\n", "\n").splitlines()]


def template_of(book, source, columns):
    """A message with one line for each of some columns, that holds the cell and nothing else."""
    body = "".join("[{{ row[%r] }}]\n" % column.title for column in columns)  # noqa: UP031  braces would double
    return Template(
        FROM + "To: wang@example.org\n\n" + body,
        path=book.parent / "letter.txt",
        folder=book.parent,
        columns=source.columns,
        constants=CONSTANTS,
        address_column=None,
        name_column=None,
    )


def mailed(book):
    """What the mails say: a text for each cell below the titles, by its reference."""
    found = {}
    with open_source(book) as source:
        whole = template_of(book, source, source.columns)
        single = [template_of(book, source, [column]) for column in source.columns]
        for row in source.rows():
            try:
                lines = said(whole, row)
            except RowFault:
                lines = [one(template, row) for template in single]
            for column, line in zip(source.columns, lines, strict=True):
                found[f"{column.letter}{row.number}"] = line
    return found


def one(template, row):
    """A mail with one cell in it, which may be refused."""
    try:
        return said(template, row)[0]
    except RowFault:
        return REFUSED


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_F13_F14_a_mail_shows_what_the_workbook_shows(book):
    """Cell for cell as LibreOffice shows the book, but for the listed exceptions."""
    ours = mailed(book)
    wrong = []
    for number, row in enumerate(as_shown(book)[1:], start=2):
        for place, theirs in enumerate(row):
            cell = f"{chr(65 + place)}{number}"
            listed = exceptions().get((book.stem, cell))
            if listed is None and not alike(ours[cell], theirs):
                wrong.append((cell, theirs, ours[cell]))
            elif listed and listed[:2] != (theirs, ours[cell]):
                wrong.append((cell, theirs, ours[cell], f"listed as {listed}"))
    assert wrong == []


def test_books_are_many_and_of_every_writer():
    """At least twelve, some from each program."""
    writers = {book.stem.rpartition("-")[2] for book in BOOKS}
    assert len(BOOKS) >= 12
    assert {"openpyxl", "xlsxwriter", "libreoffice"} <= writers


def test_every_exception_is_used_and_argued():
    """Each names a cell of a book, says why, and is a difference."""
    cells = sum(len(row) for book in BOOKS for row in as_shown(book)[1:])
    assert len(exceptions()) < cells // 20
    for (book, cell), (theirs, ours, reason) in exceptions().items():
        assert len(reason) > 20
        assert not alike(ours, theirs)
        row, column = int(cell[1:]) - 1, ord(cell[0]) - 65
        assert as_shown(FOLDER / f"{book}.xlsx")[row][column] == theirs
