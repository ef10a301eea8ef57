"""The example campaigns: the same as the starters, up to date, and fit to be shown to anybody."""

import csv
import re
import tomllib
import zlib
from pathlib import Path

import openpyxl
import pytest
from jinja2 import Environment, meta

from mailmerge_cli.model.table import template_name
from mailmerge_cli.sources import open_source
from mailmerge_cli.sources.guess import guess_columns
from mailmerge_cli.starter import Kind, campaign_files
from support import make_starters

EXAMPLES = Path(__file__).parents[2] / "examples"


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("kind", Kind)
def test_examples_are_what_init_writes(kind: Kind) -> None:
    """`examples/<kind>` holds the same files as `init --kind <kind>` writes, octet for octet."""
    assert files_below(EXAMPLES / kind) == campaign_files(kind)


def test_every_example_has_a_kind() -> None:
    """There is no example that `init` does not write, and none is missing."""
    assert sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir()) == sorted(Kind)


def test_made_files_are_up_to_date() -> None:
    """What the script makes is what lies there: lists, payslips and the logo."""
    payslip, newsletter, letter = (campaign_files(kind) for kind in Kind)

    assert newsletter["members.csv"] == make_starters.table(make_starters.MEMBERS, ",", "\n").encode()
    assert letter["guests.csv"] == make_starters.table(make_starters.GUESTS, ";", "\r\n").encode("utf-8-sig")
    slips = {
        f"slips/{make_starters.MONTH}/{person.staff_no}.pdf": make_starters.slip(person)
        for person in make_starters.STAFF
    }
    assert {name: content for name, content in payslip.items() if name.startswith("slips/")} == slips


def test_the_workbook_is_up_to_date(tmp_path: Path) -> None:
    """The workbook's cells, formats and stored values are what the script makes (its zip may differ)."""
    make_starters.payroll(tmp_path / "made.xlsx")

    def cells(path: Path) -> list[list[tuple[object, str]]]:
        book = openpyxl.load_workbook(path, data_only=True)
        [sheet] = book.worksheets
        assert sheet.title == make_starters.MONTH
        return [[(cell.value, cell.number_format) for cell in row] for row in sheet.iter_rows()]

    shipped = cells(EXAMPLES / "payslip/payroll.xlsx")
    assert shipped == cells(tmp_path / "made.xlsx")
    assert len(shipped) == 1 + len(make_starters.STAFF)
    assert all(value is not None for row in shipped for value, _ in row)


def test_figures_add_up() -> None:
    """Net pay is what is left of base pay and bonus; every slip says the same as the sheet."""
    for person in make_starters.STAFF:
        assert person.net == pytest.approx(person.base + person.bonus - person.social - person.tax)
        assert f"{person.net:,.2f}".encode("cp1252").hex().encode() in make_starters.slip(person)


@pytest.mark.parametrize("person", make_starters.STAFF, ids=lambda person: person.staff_no)
def test_slips_are_sound(person: make_starters.Person) -> None:
    """Each place in the PDF's cross-reference table is that object's, so a reader need not repair it."""
    pdf = make_starters.slip(person)
    places = [int(place) for place in re.findall(rb"(\d{10}) 00000 n ", pdf)]
    start = int(re.findall(rb"startxref\n(\d+)\n", pdf)[0])

    assert [pdf[place:].split(b" ", 1)[0] for place in places] == [
        b"%d" % number for number in range(1, len(places) + 1)
    ]
    assert pdf[start:].startswith(b"xref\n")


def test_the_logo_is_a_sound_png() -> None:
    """Length and checksum of each chunk hold, and the pixels are all there."""
    png = campaign_files(Kind.NEWSLETTER)["logo.png"]
    at, chunks = 8, {}
    while at < len(png):
        length, kind = int.from_bytes(png[at : at + 4]), png[at + 4 : at + 8]
        body = png[at + 8 : at + 8 + length]
        assert int.from_bytes(png[at + 8 + length : at + 12 + length]) == zlib.crc32(kind + body)
        chunks[kind] = body
        at += 12 + length

    assert len(zlib.decompress(chunks[b"IDAT"])) == 128 * (1 + 3 * 480)


@pytest.mark.parametrize("kind", Kind)
def test_addresses_are_invented(kind: Kind) -> None:
    """Every address and link is under example.org or example.com."""
    texts = [
        content.decode("utf-8-sig")
        for name, content in campaign_files(kind).items()
        if not name.endswith((".pdf", ".xlsx", ".png"))
    ]
    texts += [person.address for person in make_starters.STAFF]
    hosts = {host.lower() for text in texts for host in re.findall(r"(?:@|https?://)([\w.-]+\w)", text)}

    assert hosts
    assert all(host.endswith(("example.org", "example.com")) for host in hosts)


@pytest.mark.parametrize(
    ("kind", "columns"),
    [
        (Kind.PAYSLIP, make_starters.COLUMNS),
        (Kind.NEWSLETTER, make_starters.MEMBERS[0]),
        (Kind.LETTER, make_starters.GUESTS[0]),
    ],
)
def test_templates_name_columns_that_exist(kind: Kind, columns: tuple[str, ...]) -> None:
    """Every name in the message and in campaign.toml's templates is a column, a value or built in."""
    settings = tomllib.loads(campaign_files(kind)["campaign.toml"].decode())
    texts = [campaign_files(kind)[kind.message].decode(), *settings["message"].get("attachments", [])]
    known = {template_name(title) for title in columns} | set(settings["values"]) | {"run"}
    environment = Environment(autoescape=False)
    environment.filters |= {"number": str, "date": str, "format": str}

    used = {name for text in texts for name in meta.find_undeclared_variables(environment.parse(text))}
    assert used - known == set()
    assert {settings["recipients"].get(key, columns[0]) for key in ("email", "name", "key")} <= set(columns)
    assert set(settings["recipients"].get("required", [])) <= set(columns)


@pytest.mark.parametrize("kind", Kind)
def test_columns_are_guessed_as_they_are_written_down(kind: Kind) -> None:
    """What `init --recipients` would guess for the example's list is what its campaign.toml says."""
    written = tomllib.loads(campaign_files(kind)["campaign.toml"].decode())["recipients"]

    with open_source(EXAMPLES / kind / written["file"]) as source:
        guess = guess_columns(source.columns, list(source.rows()))

    found = {"email": guess.email, "name": guess.name, "key": guess.key}
    assert {role: column.title for role, column in found.items() if column} == {
        role: written[role] for role in found if role in written
    }


def test_guests_are_saved_as_german_excel_saves_them() -> None:
    """A byte order mark, semicolons, CRLF, and a cell in quotes that holds a semicolon."""
    text = campaign_files(Kind.LETTER)["guests.csv"]
    rows = list(csv.reader(text.decode("utf-8-sig").splitlines(), delimiter=";"))

    assert text.startswith(b"\xef\xbb\xbfTitle;First name;")
    assert text.count(b"\r\n") == text.count(b"\n") == len(rows)
    assert {len(row) for row in rows} == {7}
