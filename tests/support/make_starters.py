"""Makes what people's own programs make in real life: the lists, payslips and the logo of the three starter campaigns.

Run it after a change here or in a text of `starter/campaigns`: it writes the made files there, and copies all to `examples/`.

    python tests/support/make_starters.py
"""

from __future__ import annotations

import csv
import io
import shutil
import struct
import zlib
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]
CAMPAIGNS = ROOT / "src/mailmerge_cli/starter/campaigns"
EXAMPLES = ROOT / "examples"

MONTH = "2026-10"
PAY_DATE = date(2026, 10, 30)
COLUMNS = (
    "Staff no.", "Name", "Department", "Work e-mail", "Pay date", "Base pay", "Bonus", "Social insurance", "Tax rate",
    "Tax", "Net pay",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    staff_no: str
    name: str
    department: str
    address: str
    base: float
    bonus: float
    rate: float

    @property
    def social(self) -> float:
        return round(self.base * 0.105, 2)

    @property
    def tax(self) -> float:
        return round((self.base + self.bonus - self.social) * self.rate, 2)

    @property
    def net(self) -> float:
        return round(self.base + self.bonus - self.social - self.tax, 2)


STAFF = (
    Person("00417", "王秀英", "Finance", "wang.xiuying@example.org", 18200, 1500, 0.1),
    Person("00418", "李伟", "Production", "li.wei@example.org", 12650.5, 0, 0.1),
    Person("00523", "张敏", "Sales", "zhang.min@example.org", 15400, 3275.25, 0.1),
    Person("00611", "Jürgen Müller", "Production", "juergen.mueller@example.org", 31500, 0, 0.2),
    Person("00612", "Sabine Groß", "Quality", "sabine.gross@example.org", 28750, 1200, 0.2),
    Person("00698", "Emma Clarke", "Sales", "emma.clarke@example.org", 26900, 4820.6, 0.2),
    Person("00702", "Thomas O'Brien", "Purchasing", "thomas.obrien@example.org", 24300, 0, 0.2),
    Person("01004", "陈静", "Human Resources", "chen.jing@example.org", 16800, 800, 0.1),
    Person("01005", "刘洋", "Production", "liu.yang@example.org", 9850, 350, 0.03),
    Person("01133", "Anneliese Vogt-Schäfer", "Management", "anneliese.vogt@example.org", 46000, 10000, 0.25),
    Person("01190", "赵磊", "Warehouse", "zhao.lei@example.org", 8420.75, 0, 0.03),
    Person("01207", "Olivia Bennett", "Quality", "olivia.bennett@example.org", 22150, 0, 0.2),
    Person("01208", "周婷", "Finance", "zhou.ting@example.org", 13990, 600, 0.1),
    Person("01251", "Max Weiß", "Warehouse", "max.weiss@example.org", 10240, 0, 0.03),
)

MEMBERS = (
    ("Member no", "First name", "Last name", "E-mail", "City", "Member since", "Donation"),
    ("1001", "Alice", "Whitfield", "alice.whitfield@example.com", "Cambridge", "2011", "40.00"),
    ("1002", "Björn", "Lindqvist", "bjorn.lindqvist@example.com", "Ely", "2014", ""),
    ("1003", "", "Okafor Nursery", "nursery@example.com", "Cambridge", "2014", "1250.00"),
    ("1007", "Chiara", "D'Angelo", "chiara.dangelo@example.com", "London", "2015", "25.50"),
    ("1012", "Nadia", "Haddad", "nadia.haddad@example.com", "Oxford", "2016", ""),
    ("1015", "François", "Lefèvre", "francois.lefevre@example.com", "Cambridge", "2018", ""),
    ("1020", "Mei", "Tanaka", "mei.tanaka@example.com", "Ely", "2019", "10.00"),
    ("1021", "Ken", "Tanaka", "mei.tanaka@example.com", "Ely", "2019", ""),
    ("1033", "Zofia", "Wójcik", "zofia.wojcik@example.com", "Norwich", "2021", ""),
    ("1040", "Peter", "Marsh", "peter.marsh@example.com", "Cambridge", "2024", "15.00"),
)

GUESTS = (
    ("Title", "First name", "Last name", "E-mail", "Company", "Table", "Reply"),
    ("Dr.", "Jörg", "Weiß", "joerg.weiss@example.com", "Weiß & Söhne GmbH", "1", "yes"),
    ("", "Hannah", "Lindner", "hannah.lindner@example.com", "", "1", "yes"),
    ("Prof.", "Amélie", "Rousseau", "amelie.rousseau@example.com", "Institut Exemple", "2", "yes"),
    ("", "Dieter", "Kühn", "dieter.kuehn@example.com", "Kühn; Partner", "", "no"),
    ("", "Grace", "Adeyemi", "grace.adeyemi@example.com", "Adeyemi Press", "2", "yes"),
    ("", "Łukasz", "Zając", "lukasz.zajac@example.com", "", "3", "yes"),
    ("Dr.", "Ingrid", "Øvergård", "ingrid.overgard@example.com", "", "", ""),
    ("", "Wei", "Chen", "wei.chen@example.com", "Chen Trading", "3", "yes"),
)


def main() -> None:
    """Write the made files, then bring `examples/` up to date."""
    payslip = CAMPAIGNS / "payslip"
    payroll(payslip / "payroll.xlsx")
    slips = payslip / "slips" / MONTH
    slips.mkdir(parents=True, exist_ok=True)
    for person in STAFF:
        (slips / f"{person.staff_no}.pdf").write_bytes(slip(person))
    (CAMPAIGNS / "newsletter/members.csv").write_bytes(table(MEMBERS, ",", "\n").encode())
    (CAMPAIGNS / "newsletter/logo.png").write_bytes(logo())
    # As Excel with German settings saves "CSV UTF-8": a byte order mark, semicolons, CRLF.
    (CAMPAIGNS / "letter/guests.csv").write_bytes(table(GUESTS, ";", "\r\n").encode("utf-8-sig"))
    for campaign in sorted(CAMPAIGNS.iterdir()):
        if campaign.is_dir():
            shutil.rmtree(EXAMPLES / campaign.name, ignore_errors=True)
            shutil.copytree(campaign, EXAMPLES / campaign.name)


def table(rows: tuple[tuple[str, ...], ...], delimiter: str, end: str) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=end).writerows(rows)
    return text.getvalue()


def payroll(path: Path) -> None:
    """One sheet, named by its month. Formulas carry their values, as in a file that Excel has saved."""
    import xlsxwriter

    with xlsxwriter.Workbook(path) as book:
        book.set_properties(
            {"title": "Payroll", "author": "Example Ltd", "created": datetime(2026, 10, 26, 9, 0)}
        )
        sheet = book.add_worksheet(MONTH)
        head = book.add_format({"bold": True, "bottom": 1, "bg_color": "#DDE8DD"})
        money = book.add_format({"num_format": "#,##0.00"})
        yuan = book.add_format({"num_format": "¥#,##0.00", "bold": True})
        percent = book.add_format({"num_format": "0%"})
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, COLUMNS, head)
        for at, person in enumerate(STAFF, 1):
            line = at + 1
            texts = (person.staff_no, person.name, person.department, person.address)
            for column, text in enumerate(texts):
                sheet.write_string(at, column, text)
            sheet.write_datetime(at, 4, datetime(PAY_DATE.year, PAY_DATE.month, PAY_DATE.day), day)
            sheet.write_number(at, 5, person.base, money)
            sheet.write_number(at, 6, person.bonus, money)
            sheet.write_formula(at, 7, f"=ROUND(F{line}*0.105,2)", money, person.social)
            sheet.write_number(at, 8, person.rate, percent)
            sheet.write_formula(at, 9, f"=ROUND((F{line}+G{line}-H{line})*I{line},2)", money, person.tax)
            sheet.write_formula(at, 10, f"=F{line}+G{line}-H{line}-J{line}", yuan, person.net)
        sheet.ignore_errors({"number_stored_as_text": f"A2:A{len(STAFF) + 1}"})
        for column, width in enumerate((10, 24, 18, 30, 12, 12, 12, 16, 10, 12, 14)):
            sheet.set_column(column, column, width)
        sheet.freeze_panes(1, 2)


def slip(person: Person) -> bytes:
    """One payslip as a PDF of one page."""
    figures = (
        ("Base pay", person.base), ("Bonus", person.bonus), ("Social insurance", -person.social),
        (f"Tax ({person.rate:.0%})", -person.tax),
    )  # fmt: skip
    lines = [
        _text(72, 770, "F2", 18, f"Payslip {MONTH}"),
        _text(72, 746, "F1", 11, "Example Ltd"),
        _text(72, 706, "F1", 11, f"Staff no. {person.staff_no}"),
        _text(72, 688, "F3" if person.name[0] > "\u2e80" else "F1", 11, person.name),
        _text(72, 670, "F1", 11, person.department),
        _text(72, 652, "F1", 11, f"Paid on {PAY_DATE:%Y-%m-%d}"),
    ]
    height = 612
    for title, amount in figures:
        lines += [_text(72, height, "F1", 11, title), _right(420, height, "F1", f"{amount:,.2f}")]
        height -= 20
    lines += [
        "0.5 w 72 538 m 420 538 l S",
        _text(72, 520, "F2", 11, "Net pay"),
        _right(420, 520, "F2", f"¥{person.net:,.2f}"),
    ]
    return _pdf("\n".join(lines))


def _text(x: float, y: float, font: str, size: int, text: str) -> str:
    # The third font is Chinese and takes UTF-16 (UniGB-UCS2-H); the others take Windows' Western code page.
    octets = text.encode("utf-16-be" if font == "F3" else "cp1252")
    return f"BT /{font} {size} Tf {x:g} {y:g} Td <{octets.hex()}> Tj ET"


def _right(x: float, y: float, font: str, text: str) -> str:
    # Widths of Helvetica, in thousandths of the size; bold differs for none of these.
    width = sum({",": 278, ".": 278, "-": 333}.get(character, 556) for character in text) * 11 / 1000
    return _text(round(x - width, 2), y, font, 11, text)


def _pdf(page: str) -> bytes:
    western = "/Type /Font /Subtype /Type1 /Encoding /WinAnsiEncoding /BaseFont"
    song = "/BaseFont /STSong-Light"
    order = "/CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 2 >>"
    metrics = (
        "/FontBBox [-25 -254 1000 880] /ItalicAngle 0 /Ascent 880 /Descent -120 /CapHeight 880 /StemV 93"
    )
    objects = (
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R /F2 6 0 R /F3 7 0 R >> >> >>",
        f"<< /Length {len(page)} >>\nstream\n{page}\nendstream",
        f"<< {western} /Helvetica >>",
        f"<< {western} /Helvetica-Bold >>",
        f"<< /Type /Font /Subtype /Type0 {song} /Encoding /UniGB-UCS2-H /DescendantFonts [8 0 R] >>",
        f"<< /Type /Font /Subtype /CIDFontType0 {song} {order} /FontDescriptor 9 0 R /DW 1000 >>",
        f"<< /Type /FontDescriptor /FontName /STSong-Light /Flags 6 {metrics} >>",
    )
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("ascii")
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode("ascii")
    out += "".join(f"{place:010} 00000 n \n" for place in places).encode("ascii")
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode("ascii")
    return bytes(out)


def logo(width: int = 480, height: int = 128) -> bytes:
    """A row of leaves on a green band, twice as large as it is shown."""
    paper, band, leaf = (255, 255, 255), (47, 107, 58), (214, 234, 200)
    rows = bytearray()
    for y in range(height):
        rows.append(0)
        for x in range(width):
            inside = _in_band(x, y, width, height)
            rows += bytes((leaf if _in_leaf(x % 96 - 48, y - height // 2) else band) if inside else paper)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(rows), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def _in_band(x: int, y: int, width: int, height: int, radius: int = 24) -> bool:
    dx = max(radius - x, x - (width - 1 - radius), 0)
    dy = max(radius - y, y - (height - 1 - radius), 0)
    return dx * dx + dy * dy <= radius * radius


def _in_leaf(x: int, y: int) -> bool:
    """Where two circles meet, but for the rib."""
    lens = (x - 30) ** 2 + y * y < 52**2 and (x + 30) ** 2 + y * y < 52**2
    return lens and not (abs(x) < 2 and y > -24)


if __name__ == "__main__":
    main()
