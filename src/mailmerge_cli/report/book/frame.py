"""A workbook of one sheet, all but the sheet: its parts' list, its relations, and the styles of another workbook."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable

from mailmerge_cli.report.book.text import escaped
from mailmerge_cli.sources.header import column_letter
from mailmerge_cli.sources.ranges import Range
from mailmerge_cli.sources.xlsx.package import Package
from mailmerge_cli.sources.xlsx.workbook import Workbook

MAIN = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
XML = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'

_OFFICE = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = b"http://schemas.openxmlformats.org/package/2006"


def write_frame(
    new: zipfile.ZipFile, package: Package, book: Workbook, sheet: str, named: tuple[str, Range] | None
) -> None:
    """Write every part but the sheet's own, `xl/worksheets/sheet1.xml`.

    Args:
        new: where to.
        package: the old workbook, whose styles and theme are taken.
        book: what it says about itself.
        sheet: the sheet's name.
        named: a range that the list is found by, and its name.
    """
    related = dict(package.related(book.part).values())
    copied = {"styles": "xl/styles.xml", "theme": "xl/theme/theme1.xml"}
    parts = {kind: related[kind] for kind in copied if related.get(kind, "") in package}
    kinds = {"worksheet": "worksheets/sheet1.xml", **{k: copied[k].removeprefix("xl/") for k in parts}}
    relations = b"".join(
        b'<Relationship Id="rId%d" Type="%s/%s" Target="%s"/>' % (at, _OFFICE, kind.encode(), target.encode())
        for at, (kind, target) in enumerate(kinds.items(), 1)
    )
    date = b'<workbookPr date1904="1"/>' if book.epoch1904 else b"<workbookPr/>"
    workbook = b'<workbook xmlns="%s" xmlns:r="%s">%s<sheets><sheet name="%s" sheetId="1" r:id="rId1"/></sheets>%s</workbook>' % (
        MAIN, _OFFICE, date, escaped(sheet), _defined(sheet, named),
    )  # fmt: skip
    new.writestr("[Content_Types].xml", XML + _types(parts))
    new.writestr(
        "_rels/.rels",
        XML + b'<Relationships xmlns="%s/relationships"><Relationship Id="rId1" Type="%s/officeDocument" Target="xl/workbook.xml"/></Relationships>' % (_PACKAGE, _OFFICE),
    )  # fmt: skip
    new.writestr("xl/workbook.xml", XML + workbook)
    new.writestr(
        "xl/_rels/workbook.xml.rels",
        XML + b'<Relationships xmlns="%s/relationships">%s</Relationships>' % (_PACKAGE, relations),
    )
    for kind, part in parts.items():
        new.writestr(copied[kind], b"".join(package.chunks(part)))


def _types(parts: Iterable[str]) -> bytes:
    office = b"application/vnd.openxmlformats-officedocument."
    known = {
        "styles": (b"/xl/styles.xml", b"spreadsheetml.styles+xml"),
        "theme": (b"/xl/theme/theme1.xml", b"theme+xml"),
    }
    kinds = [
        (b"/xl/workbook.xml", b"spreadsheetml.sheet.main+xml"),
        (b"/xl/worksheets/sheet1.xml", b"spreadsheetml.worksheet+xml"),
        *(known[part] for part in parts),
    ]  # fmt: skip
    overrides = b"".join(
        b'<Override PartName="%s" ContentType="%s%s"/>' % (name, office, kind) for name, kind in kinds
    )
    return (
        b'<Types xmlns="%s/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        b'<Default Extension="xml" ContentType="application/xml"/>%s</Types>' % (_PACKAGE, overrides)
    )


def _defined(sheet: str, named: tuple[str, Range] | None) -> bytes:
    if named is None:
        return b""
    name, where = named
    quoted = sheet.replace("'", "''")
    corners = f"${column_letter(where.left)}${where.top}:${column_letter(where.right)}${where.bottom}"
    return b'<definedNames><definedName name="%s">%s</definedName></definedNames>' % (
        escaped(name), escaped(f"'{quoted}'!{corners}"),
    )  # fmt: skip
