"""Workbooks that are damaged, or made to hurt: refused soon, in a sentence, in little memory."""

from __future__ import annotations

import struct
import time
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mailmerge_cli.errors import Refused
from mailmerge_cli.sources import open_source
from support.tables import sheet_xml, text_rows, workbook_xml, write_package

SHEET = sheet_xml(text_rows([("email", "n"), ("a@example.com", "1")]))
ENTITIES = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "{value}">]>'


@contextmanager
def little() -> Iterator[None]:
    """What happens within takes little memory and little of the processor's time."""
    tracemalloc.start()
    before = time.process_time()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 50 << 20
    assert time.process_time() - before < 20


def refusal(path: Path, **choices: str) -> str:
    with pytest.raises(Refused) as caught, little():
        list(open_source(path, **choices).rows())
    assert path.name in str(caught.value)
    return str(caught.value)


def test_F20_bomb_of_spaces(tmp_path):
    """A sheet that was packed a thousand times is refused before it is parsed."""
    bomb = sheet_xml(" " * (200 << 20))
    assert "packed more than" in refusal(write_package(tmp_path / "bomb.xlsx", bomb))


def test_F20_bomb_that_lies_about_its_size(tmp_path):
    """What the archive says of a part is not believed while it is unpacked."""
    path = write_package(tmp_path / "bomb.xlsx", sheet_xml(text_rows([("a", "b")]) + " " * (50 << 20)))
    content = path.read_bytes()
    true = struct.pack("<L", len(sheet_xml(text_rows([("a", "b")]) + " " * (50 << 20))))
    assert content.count(true) == 2
    path.write_bytes(content.replace(true, struct.pack("<L", 1000)))
    assert "damaged" in refusal(path) or "packed" in refusal(path)


def test_F20_bomb_in_the_strings(tmp_path):
    """So are the shared strings."""
    strings = "<sst>" + "<si><t>" + "0" * (100 << 20) + "</t></si></sst>"
    assert "sharedStrings" in refusal(
        write_package(tmp_path / "bomb.xlsx", SHEET, {"xl/sharedStrings.xml": strings})
    )


def test_F20_bomb_in_the_workbook(tmp_path):
    """And any other part that is read."""
    book = workbook_xml().replace("<sheets>", " " * (60 << 20) + "<sheets>")
    assert "workbook.xml" in refusal(write_package(tmp_path / "bomb.xlsx", SHEET, {"xl/workbook.xml": book}))


def test_F20_many_parts(tmp_path):
    """An archive of countless parts is no workbook."""
    parts = {f"xl/media/{number}.png": b"" for number in range(21_000)}
    assert "parts" in refusal(write_package(tmp_path / "bomb.xlsx", SHEET, parts))


def test_F20_million_columns(tmp_path):
    """A cell in a column that no sheet has is damage, not a list of a million blanks."""
    for place in ("XFE1", "ZZZ1", "AAAAAAAA1", "1", "Ä1"):
        sheet = sheet_xml(f'<row r="1"><c r="{place}"><v>1</v></c></row>')
        assert "no column" in refusal(write_package(tmp_path / "wide.xlsx", sheet)), place


@pytest.mark.parametrize(
    "part",
    [
        "xl/worksheets/sheet1.xml",
        "xl/workbook.xml",
        "xl/sharedStrings.xml",
        "xl/styles.xml",
        "_rels/.rels",
        "xl/_rels/workbook.xml.rels",
    ],
)
def test_F21_entities(tmp_path, part):
    """No part may declare a document type: nothing is expanded, nothing fetched."""
    secret = tmp_path / "secret.txt"
    secret.write_text("do not mail")
    for value in ('x" "y', "x"):
        content = ENTITIES.format(value=value) + "<x>&a;</x>"
        message = refusal(write_package(tmp_path / "evil.xlsx", SHEET, {part: content}))
        assert "document type" in message or "no XML" in message
    external = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "{secret.as_uri()}">]><x>&a;</x>'
    assert "document type" in refusal(write_package(tmp_path / "evil.xlsx", SHEET, {part: external}))


def test_F21_billion_laughs(tmp_path):
    """The classic one costs nothing."""
    entities = "".join(f'<!ENTITY l{at} "{f"&l{at - 1};" * 10}">' for at in range(1, 10))
    content = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">{entities}]><worksheet><sheetData>&l9;</sheetData></worksheet>'
    assert "document type" in refusal(write_package(tmp_path / "evil.xlsx", content))


@pytest.mark.parametrize("keep", [10, 200, 600, -30])
def test_F23_truncated(tmp_path, keep):
    """A download that broke off is told as such."""
    path = write_package(tmp_path / "book.xlsx", SHEET)
    path.write_bytes(path.read_bytes()[:keep])
    assert "damaged or incomplete" in refusal(path)


def test_F23_flipped_bytes(tmp_path):
    """Any byte may be wrong: there is a sentence for it, or the rows are those that were written."""
    path = write_package(tmp_path / "book.xlsx", SHEET)
    sound = path.read_bytes()
    with open_source(path) as source:
        expected = [row.cells for row in source.rows()]
    for place in range(0, len(sound), 7):
        path.write_bytes(sound[:place] + bytes([sound[place] ^ 0x55]) + sound[place + 1 :])
        found, told = expected, "book.xlsx"
        try:
            with open_source(path) as source:
                found = [row.cells for row in source.rows()]
        except Refused as fault:
            told = str(fault)
        assert found == expected
        assert "book.xlsx" in told


@pytest.mark.parametrize(
    ("part", "content", "words"),
    [
        ("xl/worksheets/sheet1.xml", "<worksheet><sheetData><row>", "no XML"),
        ("xl/worksheets/sheet1.xml", sheet_xml('<row r="1"><c t="s"><v>7</v></c></row>'), "cell A1 holds no value of its type"),
        ("xl/worksheets/sheet1.xml", sheet_xml('<row r="1"><c t="s"><v>-1</v></c></row>'), "cell A1 holds no value of its type"),
        ("xl/worksheets/sheet1.xml", sheet_xml('<row r="1"><c><v>abc</v></c></row>'), "cell A1"),
        ("xl/worksheets/sheet1.xml", sheet_xml('<row r="1"><c><v>nan</v></c></row>'), "cell A1"),
        ("xl/worksheets/sheet1.xml", sheet_xml('<row r="1"><c><v>1e999</v></c></row>'), "cell A1"),
        ("xl/worksheets/sheet1.xml", sheet_xml('<row r="1"><c t="x"><v>1</v></c></row>'), "cell A1"),
        ("xl/worksheets/sheet1.xml", sheet_xml('<row r="1"><c t="d"><v>soon</v></c></row>'), "cell A1"),
        ("xl/worksheets/sheet1.xml", sheet_xml('<row r="5"/><row r="4"/>'), "row 4 follows row 5"),
        ("xl/worksheets/sheet1.xml", sheet_xml('<row r="1048577"><c><v>1</v></c></row>'), "damaged"),
        ("xl/worksheets/sheet1.xml", SHEET.encode("utf-16"), "UTF-16"),
        ("xl/workbook.xml", "<workbook/>", "no visible sheet"),
        ("xl/workbook.xml", "", "no XML"),
        ("xl/_rels/workbook.xml.rels", "<Relationships/>", "no visible sheet"),
        ("_rels/.rels", '<Relationships><Relationship Id="a" Type="x/officeDocument" Target="nowhere.xml"/></Relationships>', "missing"),
        ("xl/styles.xml", "<styleSheet><cellXfs>", "no XML"),
    ],
)  # fmt: skip
def test_F23_damaged_parts(tmp_path, part, content, words):
    """Each part that is not what it should be is told in a sentence."""
    assert words in refusal(write_package(tmp_path / "book.xlsx", SHEET, {part: content}))


def test_F23_missing_sheet_part(tmp_path):
    """A sheet whose part is not there is damage."""
    path = tmp_path / "book.xlsx"
    with (
        zipfile.ZipFile(write_package(tmp_path / "whole.xlsx", SHEET)) as whole,
        zipfile.ZipFile(path, "w") as part,
    ):
        for name in whole.namelist():
            if "sheet1" not in name:
                part.writestr(name, whole.read(name))
    assert "sheet1.xml is missing" in refusal(path)


def test_F23_encrypted_entries(tmp_path):
    """A zip archive with a password is told as such."""
    path = write_package(tmp_path / "book.xlsx", SHEET)
    content = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        at = content.find(mark)
        while at >= 0:
            content[at + offset] |= 1
            at = content.find(mark, at + 4)
    path.write_bytes(bytes(content))
    assert "password" in refusal(path)


def test_F20_styles_bomb_is_small_work(tmp_path):
    """A million styles are read in bounded time."""
    styles = (
        "<styleSheet><cellXfs>"
        + "".join(f'<xf numFmtId="{at % 50}" a="{at}"/>' for at in range(50_000))
        + "</cellXfs></styleSheet>"
    )
    with (
        open_source(write_package(tmp_path / "book.xlsx", SHEET, {"xl/styles.xml": styles})) as source,
        little(),
    ):
        assert len(list(source.rows())) == 1


def test_F21_no_sheet_is_fetched_from_elsewhere(tmp_path):
    """A sheet whose part lies outside the archive is not there."""
    rels = (
        '<Relationships><Relationship Id="rId1" TargetMode="External" Type="x/worksheet" Target="file:///etc/hostname"/>'
        "</Relationships>"
    )
    assert "no visible sheet" in refusal(
        write_package(tmp_path / "book.xlsx", SHEET, {"xl/_rels/workbook.xml.rels": rels})
    )
    up = '<Relationships><Relationship Id="rId1" Type="x/worksheet" Target="../../../etc/hostname"/></Relationships>'
    assert "missing" in refusal(
        write_package(tmp_path / "book.xlsx", SHEET, {"xl/_rels/workbook.xml.rels": up})
    )


def noise(size: int) -> str:
    """Text that cannot be packed to less than about three quarters of its length."""
    import base64
    import random

    return base64.b64encode(random.Random(1).randbytes(size * 3 // 4)).decode()


def test_F20_row_without_end(tmp_path):
    """A cell, or an attribute, of many megabytes is refused before it fills the memory."""
    text = noise(1 << 20) * 20
    cell = sheet_xml(f'<row r="1"><c t="inlineStr"><is><t>{text}</t></is></c></row>')
    assert "does not end" in refusal(write_package(tmp_path / "long.xlsx", cell))
    strings = f"<sst><si><t>{text}</t></si></sst>"
    assert "does not end" in refusal(
        write_package(tmp_path / "text.xlsx", SHEET, {"xl/sharedStrings.xml": strings})
    )


def test_F20_row_marks_without_end(tmp_path):
    """Markup that is made to keep a search busy does not."""
    sheet = sheet_xml("<row " * 200_000 + 'hidden="1">')
    with pytest.raises(Refused), little():
        open_source(write_package(tmp_path / "busy.xlsx", sheet))


@pytest.mark.parametrize("number", ["9" * 5000, "-1", "x", "٣"])
def test_F23_numbers_that_are_none(tmp_path, number):
    """Rows, columns and styles whose numbers are none end in a sentence, or are read as if they said nothing."""
    sheet = sheet_xml(
        f'<row r="{number}"><c s="{number}" t="str"><v>a</v></c></row>',
        f'<cols><col min="{number}" max="{number}" hidden="1"/></cols>',
    )
    styles = f'<styleSheet><cellXfs><xf numFmtId="{number}"/></cellXfs></styleSheet>'
    with open_source(write_package(tmp_path / "book.xlsx", sheet, {"xl/styles.xml": styles})) as source:
        assert [column.title for column in source.columns] == ["a"]


@pytest.mark.parametrize("encoding", ["gb18030", "hex", "idna"])
def test_F23_parts_in_an_odd_encoding_are_refused(tmp_path, encoding):
    """What the XML parser does not know is told as damage, not as a bug."""
    sheet = SHEET.replace('<?xml version="1.0"?>', f'<?xml version="1.0" encoding="{encoding}"?>')
    assert "encoding" in refusal(write_package(tmp_path / "odd.xlsx", sheet))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_F23_parts_packed_in_an_odd_way_are_refused(tmp_path, method):
    """Office packs by deflate alone; other ways are not unpacked, however damaged they are."""
    path = write_package(tmp_path / "odd.xlsx", SHEET)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert "packed in a way" in refusal(path)


def test_F16_an_indented_sheet_of_empty_rows_takes_no_longer_than_any(tmp_path):
    """Blanks between rows without a value are let go of; kept, each row would copy all that came before."""
    rows = text_rows([("email",), ("a@example.com",)])
    rows += "".join(
        f'\n      <row r="{number}">\n        <c s="0"/>\n      </row>' for number in range(3, 100_000)
    )
    path = write_package(tmp_path / "indented.xlsx", sheet_xml(rows))
    before = time.process_time()
    with open_source(path) as source:
        assert len(list(source.rows())) == 1
    assert time.process_time() - before < 20, "copying would take minutes"
