"""OpenDocument sheets (.ods; ODF 1.3 part 3, §9): the file holds beside each value the text that the sheet shows, and that is printed.

Rule: sizes that a file claims (a cell, a row repeated a million times) are never made room for; rows come one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import BinaryIO

from mailmerge_cli.errors import Refused
from mailmerge_cli.sources.legacy.content import ContentReader, OdsRow
from mailmerge_cli.sources.legacy.sheet_file import SheetFile, Sight
from mailmerge_cli.sources.xlsx.package import Package
from mailmerge_cli.sources.xlsx.sheet import SheetRow
from mailmerge_cli.sources.xlsx.workbook import Sheet, Workbook, chosen_sheet

_CONTENT = "content.xml"
_MANIFEST = "META-INF/manifest.xml"
_LARGEST_MANIFEST = 1 << 20
_UNSHOWN = (
    "some of its numbers and dates come without the text that the sheet shows, so they are printed plainly; open it in "
    "LibreOffice and save it"
)


class OpenDocumentSource(SheetFile):
    """One sheet of an .ods file.

    Raises:
        FileMissing, Refused: see `open_source`.
    """

    kind = "open document"

    def _look(self, stream: BinaryIO) -> Sight:
        package = self._package(stream)
        reader = ContentReader(package, _CONTENT)
        for _ in reader.rows():
            pass
        sheets = tuple(Sheet(name, str(at), at in reader.unseen) for at, name in enumerate(reader.sheets))
        chosen = chosen_sheet(
            Workbook(sheets, False, False, "", "", (), "", ()), self._choices.sheet, self._name
        )
        self._at = int(chosen.part)
        found = reader.found[self._at]
        notes = (_UNSHOWN,) if found.unshown else ()
        return Sight(
            chosen.name, tuple(each.name for each in sheets if each.hidden), tuple(found.merged), found.hides,
            found.filtered, tuple(found.hidden_columns), notes,
        )  # fmt: skip

    def _package(self, stream: BinaryIO) -> Package:
        package = Package(stream, self._name)
        if _MANIFEST in package:
            manifest = b"".join(package.chunks(_MANIFEST, _LARGEST_MANIFEST))
            if b"encryption-data" in manifest:
                raise Refused(
                    f"{self._name} is protected by a password of LibreOffice's own kind, and such ones are not opened",
                    hint="save it without the password, or as .xlsx with one",
                )
        return package

    def _lines(self, stream: BinaryIO) -> Iterator[SheetRow]:
        reader = ContentReader(self._package(stream), _CONTENT, only=self._at)
        for row in reader.rows():
            yield from _each(row)


def _each(row: OdsRow) -> Iterator[SheetRow]:
    """A row as often as it stands there."""
    for number, cells in enumerate(repeat(row.cells, row.times), row.number):
        yield SheetRow(number, row.hidden, list(cells))
