"""Makes `tests/data/workbooks`: workbooks as openpyxl, XlsxWriter and LibreOffice write them, each with LibreOffice's "as shown" CSV beside it.

Run it after a change here; it needs LibreOffice (`soffice`). Tests read what it made.

    python tests/support/make_workbooks.py
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from xml.sax.saxutils import escape

import openpyxl
import xlsxwriter
from openpyxl.utils.datetime import CALENDAR_MAC_1904

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.make_display_pairs import as_shown

FOLDER = Path(__file__).parents[1] / "data/workbooks"
CREATED = datetime(2026, 11, 1)

Value = float | str | bool | None
Code = str | int  # a format code, or a built-in number
Columns = dict[str, tuple[Code, Sequence[Value]]]

PEOPLE = ["王芳", "李娜", "张伟", "刘洋", "陈静", "杨帆", "赵磊", "黄丽", "周杰", "吴敏", "徐强", "孙悦"]
STAFF = [
    "Ann Lee",
    "Bob Roe",
    "Cyn Day",
    "Dan Fox",
    "Eva Kim",
    "Fay Orr",
    "Gus Poe",
    "Hal Nye",
    "Ida May",
    "Joy Ash",
    "Ken Law",
    "Lou Bly",
]
MONEY = [
    16010.1,
    8512.499999,
    9300,
    12345.678,
    0,
    -250.5,
    7999.995,
    15000.005,
    99.5,
    1234567.891,
    0.004,
    -0.005,
]
WHOLE = [12000, 8000, 0, -1200, 999, 1000, 1234567, 5, 100, 45, 7, 88]
RATES = [0.03, 0.1, 0.2, 0.285, 0, 1, 0.005, -0.1, 0.0333, 0.125, 0.9999, 1.5]
DAYS = [46325, 46356, 45292, 45351, 36526, 43586, 43585, 40179, 61, 46023, 44197, 45000]
CLOCK = [
    9 / 24,
    0.5,
    0.75,
    61 / 1440,
    0.9993,
    0.25,
    17 / 24,
    8 / 24 + 5 / 86400,
    0,
    0.125,
    735 / 1440,
    23.75 / 24,
]
MOMENTS = [day + part for day, part in zip(DAYS, CLOCK, strict=True)]
SPANS = [1.5, 8 / 24, 8.25, 1 / 24, 0, 2.75, 31, 21.6 / 24, 12.1, 0.5, 1.25, 37.75 / 24]
NUMBERS = [16, 108, 417, 1203, 20417, 300001, 7, 99, 5021, 120000, 1, 42]


def mails(names: Sequence[str]) -> list[Value]:
    return [f"staff{at:02}@example.org" for at, _ in enumerate(names, start=1)]


PAYROLL_CN: Columns = {
    "工号": ("000000", NUMBERS),
    "姓名": ("General", PEOPLE),
    "邮箱": ("@", mails(PEOPLE)),
    "发放日期": ('yyyy"年"m"月"d"日"', DAYS),
    "月份": ('yyyy"年"m"月"', DAYS),
    "基本工资": ("#,##0.00", MONEY),
    "奖金": ('_ ¥* #,##0.00_ ;_ ¥* -#,##0.00_ ;_ ¥* "-"??_ ;_ @_ ', MONEY),
    "社保": ("#,##0.00;[Red]-#,##0.00", [-value for value in MONEY]),
    "税率": ("0.00%", RATES),
    "个税": ("0.00_ ;[Red]\\-0.00\\ ", MONEY),
    "实发工资": ('"¥"#,##0.00;[Red]"¥"\\-#,##0.00', MONEY),
    "出勤": ('0.0"天"', [21, 22.5, 20, 0, 10.25, 19.75, 22, 21, 21.5, 18, 3, 0.5]),
    "加班": ("[h]:mm", SPANS),
    "备注": (
        "General",
        [
            "",
            "入职",
            "13薪",
            None,
            "工资条（十月）",
            "a,b",
            'say "hi"',
            "1e5",
            "2026-10-30",
            "-",
            "'0012",
            "是",
        ],
    ),
}
PAYROLL_EN: Columns = {
    "Staff no.": ("00000", NUMBERS),
    "Name": ("General", STAFF),
    "Work e-mail": ("General", mails(STAFF)),
    "Pay date": ("d mmmm yyyy", DAYS),
    "Short date": ("dd/mm/yyyy", DAYS),
    "Base pay": ('"$"#,##0.00', MONEY),
    "Bonus": ("#,##0", WHOLE),
    "Deductions": ("#,##0.00_);[Red]\\(#,##0.00\\)", MONEY),
    "Tax rate": ("0%", RATES),
    "Rate": ("0.0%", RATES),
    "Net pay": ('_("$"* #,##0.00_);_("$"* \\(#,##0.00\\);_("$"* "-"??_);_(@_)', MONEY),
    "Hours": ("0.00", [160, 152.5, 8.125, 0, 40, 37.335, 12, 1.005, 2.675, 99.995, 7, 3.3]),
    "Part time": ("General", [True, False, True, False, False, False, True, True, False, False, False, True]),
    "Score": ("General", [1, 0.1, 1 / 3, 100, 1e-5, 123456.789, -2.5, 1000000, 0, 12, 3.14159265, 2e9]),
}
ACCOUNTING: Columns = {
    f"Format {number}": (number, MONEY)
    for number in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 37, 38, 39, 40, 41, 42, 43, 44, 48)
}
CURRENCIES: Columns = {
    "CNY": ("[$¥-804]#,##0.00", MONEY), "JPY": ("[$¥-411]#,##0", WHOLE), "EUR": ("#,##0.00\\ [$€-407]", MONEY),
    "EUR 2": ("[$€-2]\\ #,##0.00", MONEY), "GBP": ("[$£-809]#,##0.00", MONEY), "USD": ("[$$-409]#,##0.00", MONEY),
    "HKD": ("[$HK$-C04]#,##0.00", MONEY), "CHF": ("[$CHF]\\ #,##0.00", MONEY), "KRW": ("[$₩-412]#,##0", WHOLE),
    "RMB": ('"RMB "#,##0.00', MONEY), "元": ('#,##0.00"元"', MONEY), "万元": ('0.00,"千元"', MONEY),
    "M": ('#,##0.0,,"M"', WHOLE), "signed": ("+#,##0.00;-#,##0.00;0.00", MONEY),
    "UK": ('_-[$£-809]* #,##0.00_-;\\-[$£-809]* #,##0.00_-;_-[$£-809]* "-"??_-;_-@_-', MONEY),
}  # fmt: skip
PORTIONS: list[Value] = [0, 0.5, 0.25, 1.75, -1.25, 2, 0.125, 12.5, 0.3333333333, 100, 0.75, 3.2]
FRACTIONS: Columns = {
    "Percent": (9, RATES), "Percent 2": (10, RATES), "Percent 1": ("0.0%", RATES), "Optional": ("0.##%", [0.125, 0.1234, 0.0333]),
    "Half": ("# ?/2", [0, 0.5, 1.5, 2, -3.5]), "Quarter": ("# ?/4", [0.25, 0.75, 1.5, 3]), "Hundredth": ("# ??/100", [0.25, 0.5, 1.07]),
    "One figure": (12, PORTIONS), "Two figures": (13, PORTIONS), "Bare": ("?/?", [0.5, 1.5, 2.25]),
    "Power": (11, MONEY), "Power 3": (48, MONEY), "Small": ("0.000E+00", [0.00012, 1.5e-9, -2e-7]),
    "Scaled": ("0.0,", WHOLE), "Two points": ("0.00", MONEY), "Ten": ("0.0000000000", RATES),
}  # fmt: skip
LOCALES: Columns = {
    "zh": ('[$-804]yyyy"年"m"月"d"日"', DAYS), "zh weekday": ("[$-804]dddd", DAYS), "zh 14": ('yyyy"年"mm"月"dd"日"', DAYS),
    "zh numerals": ('[DBNum1][$-804]yyyy"年"m"月"d"日"', DAYS), "ja": ('[$-411]yyyy"年"m"月"d"日"', DAYS),
    "ja era": ('[$-411]ggge"年"m"月"d"日"', DAYS), "ja weekday": ("[$-411]aaaa", DAYS), "en": ("[$-409]mmmm\\ d\\,\\ yyyy", DAYS),
    "en weekday": ("[$-409]ddd\\ d\\-mmm\\-yy", DAYS), "en-GB": ("[$-809]dd\\ mmmm\\ yyyy", DAYS), "de": ("[$-407]d\\.\\ mmmm\\ yyyy", DAYS),
    "fr": ("[$-40C]dddd\\ d\\ mmmm\\ yyyy", DAYS), "ko": ("[$-412]dddd", DAYS), "iso": ("yyyy\\-mm\\-dd", DAYS), "slash": ("yyyy/m/d;@", DAYS),
    "month": ("mmm\\-yy", DAYS),
}  # fmt: skip
DATES: Columns = {
    "Day": ("yyyy-mm-dd", DAYS), "Short": (14, DAYS), "Medium": (15, DAYS), "No year": (16, DAYS), "Month": (17, DAYS), "Clock": (20, CLOCK),
    "Clock 12": (18, CLOCK), "Seconds": (21, CLOCK), "Moment": (22, MOMENTS), "ISO": ("yyyy-mm-dd hh:mm", MOMENTS), "Span": (46, SPANS),
    "中文": ('yyyy"年"m"月"d"日" h"时"mm"分"', MOMENTS),
}  # fmt: skip
DATES_1904: Columns = {
    title: (
        code,
        [value - 1462 if isinstance(value, int | float) and value > 2000 else 1 for value in values]
        if values is not CLOCK and values is not SPANS
        else values,
    )
    for title, (code, values) in DATES.items()
}
TIMES: Columns = {
    "h:mm": ("h:mm", CLOCK), "hh:mm:ss": ("hh:mm:ss", CLOCK), "AM": ("h:mm AM/PM", CLOCK), "AM seconds": ("hh:mm:ss AM/PM", CLOCK), "[h]:mm": ("[h]:mm", SPANS),
    "[h]:mm:ss": ("[h]:mm:ss", SPANS), "[mm]": ("[mm]", SPANS), "words": ('[h]"小时"mm"分"', SPANS), "zh": ('h"时"mm"分"', CLOCK), "mm:ss": ("mm:ss", CLOCK),
    "tenths": ("mm:ss.0", [0.25, 0.123456, 0.5]), "moment": ("yyyy/m/d h:mm", MOMENTS), "12 hours": ("d mmm yyyy h:mm AM/PM", MOMENTS),
}  # fmt: skip
STAFF_NUMBERS: Columns = {
    "text": ("@", [f"{number:05}" for number in NUMBERS]),
    "plain text": ("General", [f"{number:06}" for number in NUMBERS]),
    "six places": ("000000", NUMBERS),
    "with letters": ('"S-"0000', NUMBERS),
    "hyphens": ("000\\-00\\-0000", [number * 1000 + 7 for number in NUMBERS]),
    "phone": ("000\\-0000\\-0000", [13800138000 + number for number in NUMBERS]),
    "identity card": ("@", [f"11010119900101{number % 10000:04}" for number in NUMBERS]),
    "bank card": ("0", [622202000000000 + number for number in NUMBERS]),
    "grouped card": ("@", ["6222 0200 0000 0001"] * 3),
    "number as text": ("0.00", ["12.50", "0012", "1e5"]),
    "digits": ("General", [12345678901, 1234567890, 100000]),
    "postcode": ("[$-804]000000", NUMBERS),
    "yes": ("General", [True, False]),
    "yes as number": ("0", [True, False]),
}
SECTIONS: Columns = {
    "colours": ("[Green]#,##0.00;[Red]\\-#,##0.00;0.00", MONEY), "words": ('"gain "0.00;"loss "0.00;"none"', MONEY), "hidden zero": ("#,##0.00;\\-#,##0.00;", MONEY),
    "hidden": (";;;", WHOLE), "hidden text": (";;;", STAFF), "text": ('0;\\-0;0;"Dear "@', STAFF), "salutation": ('@"女士"', PEOPLE), "thousands": ('[>=1000]#,##0,"k";0', [5, 999, 1000, 1234567]),
    "steps": ('[<1000]0;[<1000000]0.0,"k";0.0,,"M"', [5, 999, 1000, 1234567]), "grade": ('[>=90]"A";[>=60]"B";"C"', [95, 90, 75, 60, 10]),
    "yes": ('[=1]"是";[=0]"否";0', [1, 0, 2]), "brackets": ("0.00;(0.00)", MONEY), "arrows": ('"▲"0.0%;"▼"0.0%;"–"', RATES), "dash": ('#,##0;-#,##0;"-"', WHOLE),
    "text mark": ('0.00;-0.00;0.00;@" (n/a)"', ["x", 5]), "numerals": ("[DBNum2][$-804]General", [0, 5, 12, 105, 12345]), "date below": ('[<40000]"old";yyyy-mm-dd', DAYS),
}  # fmt: skip

FORMULAS: list[tuple[str, Code, list[tuple[str, Value]]]] = [
    ("Net", "#,##0.00", [("=1234.5*2", 2469), ("=10/3", 10 / 3), ("=0.1+0.2", 0.1 + 0.2), ("=-5.005", -5.005)]),
    ("Share", "0.0%", [("=1/8", 0.125), ("=2/3", 2 / 3), ("=0.285", 0.285), ("=0", 0)]),
    ("Day", "yyyy-mm-dd", [("=DATE(2026,10,30)", 46325), ("=DATE(2024,2,29)", 45351), ("=46325+31", 46356), ("=DATE(2000,1,1)", 36526)]),
    ("Text", "General", [('="No. "&12', "No. 12"), ('=TEXT(5,"000")', "005"), ('=""', ""), ('="x"&"y"', "xy")]),
    ("Truth", "General", [("=1=1", True), ("=1=2", False), ("=NOT(1=1)", False), ("=AND(1=1,2=2)", True)]),
    ("Fault", "0.00", [("=1/0", "#DIV/0!"), ("=NA()", "#N/A"), ("=5", 5), ("=SQRT(2)", 2**0.5)]),
    ("Plain", "General", [("=1/3", 1 / 3), ("=2^10", 1024), ("=1e6*1.5", 1500000), ("=PI()", 3.14159265358979)]),
]  # fmt: skip


def by_xlsxwriter(path: Path, columns: Columns, *, epoch1904: bool = False) -> None:
    """Columns with one format each; a built-in number stays a number."""
    book = xlsxwriter.Workbook(str(path), {"date_1904": epoch1904, "strings_to_numbers": False})
    book.set_properties({"created": CREATED, "author": ""})
    sheet = book.add_worksheet("Pay")
    for place, (title, (code, values)) in enumerate(columns.items()):
        sheet.write_string(0, place, title)
        look = book.add_format({"num_format": code})
        for row, value in enumerate(values, start=1):
            if isinstance(value, str):
                sheet.write_string(row, place, value, look)
            elif isinstance(value, bool):
                sheet.write_boolean(row, place, value, look)
            elif value is not None:
                sheet.write_number(row, place, value, look)
    book.close()


def formulas_by_xlsxwriter(path: Path) -> None:
    """Formulas with the results that Excel would have stored."""
    book = xlsxwriter.Workbook(str(path))
    book.set_properties({"created": CREATED, "author": ""})
    sheet = book.add_worksheet("Pay")
    for place, (title, code, cells) in enumerate(FORMULAS):
        sheet.write_string(0, place, title)
        look = book.add_format({"num_format": code})
        for row, (formula, value) in enumerate(cells, start=1):
            sheet.write_formula(row, place, formula, look, value)
    book.close()


def by_openpyxl(path: Path, columns: Columns, *, epoch1904: bool = False) -> None:
    """The same by openpyxl, which writes a code for each format."""
    book = openpyxl.Workbook()
    book.properties.created = book.properties.modified = CREATED
    if epoch1904:
        book.epoch = CALENDAR_MAC_1904
    sheet = book.active
    sheet.title = "Pay"
    for place, (title, (code, values)) in enumerate(columns.items(), start=1):
        sheet.cell(1, place, title)
        for row, value in enumerate(values, start=2):
            cell = sheet.cell(row, place, value)
            if isinstance(value, str):
                cell.data_type = "s"
            cell.number_format = (
                openpyxl.styles.numbers.BUILTIN_FORMATS[code] if isinstance(code, int) else code
            )
    book.save(path)


# Styles as LibreOffice's own file format has them; each is a name and the XML of what stands in it.
_STYLES = {
    "money": '<number:number-style style:name="{0}"><number:number number:decimal-places="2" number:min-integer-digits="1" number:grouping="true"/></number:number-style>',
    "whole": '<number:number-style style:name="{0}"><number:number number:decimal-places="0" number:min-integer-digits="1"/></number:number-style>',
    "six": '<number:number-style style:name="{0}"><number:number number:decimal-places="0" number:min-integer-digits="6"/></number:number-style>',
    "percent": '<number:percentage-style style:name="{0}"><number:number number:decimal-places="2" number:min-integer-digits="1"/><number:text>%</number:text></number:percentage-style>',
    "yuan": '<number:currency-style style:name="{0}"><number:currency-symbol number:language="zh" number:country="CN">￥</number:currency-symbol>'
    '<number:number number:decimal-places="2" number:min-integer-digits="1" number:grouping="true"/></number:currency-style>',
    "euro": '<number:currency-style style:name="{0}"><number:number number:decimal-places="2" number:min-integer-digits="1" number:grouping="true"/>'
    '<number:text> </number:text><number:currency-symbol number:language="de" number:country="DE">€</number:currency-symbol></number:currency-style>',
    "iso": '<number:date-style style:name="{0}"><number:year number:style="long"/><number:text>-</number:text><number:month number:style="long"/>'
    '<number:text>-</number:text><number:day number:style="long"/></number:date-style>',
    "zh": '<number:date-style style:name="{0}" number:language="zh" number:country="CN"><number:year number:style="long"/><number:text>年</number:text><number:month/>'
    "<number:text>月</number:text><number:day/><number:text>日</number:text></number:date-style>",
    "ja": '<number:date-style style:name="{0}" number:language="ja" number:country="JP"><number:year number:style="long"/><number:text>年</number:text><number:month/>'
    "<number:text>月</number:text></number:date-style>",
    "en": '<number:date-style style:name="{0}" number:language="en" number:country="US"><number:day-of-week number:style="long"/><number:text>, </number:text>'
    '<number:month number:textual="true" number:style="long"/><number:text> </number:text><number:day/><number:text>, </number:text>'
    '<number:year number:style="long"/></number:date-style>',
    "clock": '<number:time-style style:name="{0}"><number:hours number:style="long"/><number:text>:</number:text><number:minutes number:style="long"/></number:time-style>',
    "half": '<number:time-style style:name="{0}" number:language="en" number:country="US"><number:hours/><number:text>:</number:text><number:minutes number:style="long"/>'
    "<number:text> </number:text><number:am-pm/></number:time-style>",
    "span": '<number:time-style style:name="{0}" number:truncate-on-overflow="false"><number:hours/><number:text>:</number:text><number:minutes number:style="long"/></number:time-style>',
    "fraction": '<number:number-style style:name="{0}"><number:fraction number:min-integer-digits="0" number:min-numerator-digits="1" number:min-denominator-digits="1"/></number:number-style>',
    "power": '<number:number-style style:name="{0}"><number:scientific-number number:decimal-places="2" number:min-integer-digits="1" number:min-exponent-digits="2"/></number:number-style>',
    "truth": '<number:boolean-style style:name="{0}"><number:boolean/></number:boolean-style>',
    "text": '<number:text-style style:name="{0}"><number:text-content/></number:text-style>',
    "plain": '<number:number-style style:name="{0}"><number:number number:min-integer-digits="1"/></number:number-style>',
}
_OPENING = (
    '<?xml version="1.0" encoding="UTF-8"?><office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:number="urn:oasis:names:tc:opendocument:xmlns:datastyle:1.0" '
    'xmlns:of="urn:oasis:names:tc:opendocument:xmlns:of:1.2" office:version="1.2" office:mimetype="application/vnd.oasis.opendocument.spreadsheet">'
)
Own = dict[str, tuple[str, Sequence[Value]]]  # title → style, values; a text that begins with = is a formula

LO_PAYROLL: Own = {
    "工号": ("six", NUMBERS), "姓名": ("text", PEOPLE), "邮箱": ("text", mails(PEOPLE)), "日期": ("zh", DAYS), "基本工资": ("money", MONEY), "奖金": ("yuan", MONEY),
    "税率": ("percent", RATES), "实发": ("money", [f"=[.E{row}]+[.F{row}]" for row in range(2, 14)]), "工号文本": ("text", [f"{number:05}" for number in NUMBERS]),
}  # fmt: skip
LO_DATES: Own = {
    "iso": ("iso", DAYS), "zh": ("zh", DAYS), "ja": ("ja", DAYS), "en": ("en", DAYS), "clock": ("clock", CLOCK), "half": ("half", CLOCK), "span": ("span", SPANS),
}  # fmt: skip
LO_NUMBERS: Own = {
    "plain": ("plain", [1, 0.1, 1234.5678, -2.5, 1000000, 1e-5, 0, 12345678]), "euro": ("euro", MONEY), "fraction": ("fraction", [0.5, 1.25, 2, -0.75]),
    "power": ("power", MONEY), "truth": ("truth", ["=TRUE()", "=FALSE()", "=1=1"]), "percent": ("percent", RATES), "whole": ("whole", MONEY),
    "formula": ("money", ["=10/3", "=2^20", "=SUM([.B2:.B5])", "=1/8"]), "joined": ("plain", ['="No. "&TEXT(7;"000")', '="a"&"b"']), "fault": ("plain", ["=1/0", "=NA()", "=7"]),
}  # fmt: skip


def by_libreoffice(path: Path, columns: Own, folder: Path) -> None:
    """A document in LibreOffice's own format, computed and saved as .xlsx by it."""
    looks = "".join(xml.format(f"N{name}") for name, xml in _STYLES.items())
    looks += "".join(
        f'<style:style style:name="{name}" style:family="table-cell" style:data-style-name="N{name}"/>'
        for name in _STYLES
    )
    height = max(len(values) for _, values in columns.values())
    rows = ["".join(_own_cell(title, "text") for title in columns)]
    for row in range(height):
        rows.append(
            "".join(
                _own_cell(values[row] if row < len(values) else None, style)
                for style, values in columns.values()
            )
        )
    body = "".join(f"<table:table-row>{cells}</table:table-row>" for cells in rows)
    source = folder / f"{path.stem}.fods"
    source.write_text(
        f"{_OPENING}<office:automatic-styles>{looks}</office:automatic-styles><office:body><office:spreadsheet>"
        f'<table:table table:name="Pay">{body}</table:table></office:spreadsheet></office:body></office:document>',
        encoding="utf-8",
    )
    resaved(source, path, folder)


def _own_cell(value: Value, style: str) -> str:
    if value is None:
        return "<table:table-cell/>"
    named = f'table:style-name="{style}"'
    if isinstance(value, str) and value.startswith("="):
        return f'<table:table-cell {named} table:formula="of:{escape(value, {chr(34): "&quot;"})}"/>'
    if isinstance(value, str):
        return f'<table:table-cell {named} office:value-type="string"><text:p>{escape(value)}</text:p></table:table-cell>'
    return f'<table:table-cell {named} office:value-type="float" office:value="{value!r}"/>'


def resaved(source: Path, path: Path, folder: Path) -> None:
    """What LibreOffice writes when somebody opens a document and saves it as .xlsx."""
    subprocess.run(
        [
            "soffice", f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless", "--convert-to", "xlsx:Calc MS Excel 2007 XML",
            "--outdir", str(folder / "xlsx"), str(source),
        ],
        check=True, capture_output=True, env={"HOME": str(folder), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    path.write_bytes((folder / "xlsx" / f"{source.stem}.xlsx").read_bytes())


BOOKS: dict[str, Callable[[Path, Path], None]] = {
    "payroll-cn-xlsxwriter": lambda path, _: by_xlsxwriter(path, PAYROLL_CN),
    "payroll-en-xlsxwriter": lambda path, _: by_xlsxwriter(path, PAYROLL_EN),
    "accounting-xlsxwriter": lambda path, _: by_xlsxwriter(path, ACCOUNTING),
    "currencies-xlsxwriter": lambda path, _: by_xlsxwriter(path, CURRENCIES),
    "fractions-xlsxwriter": lambda path, _: by_xlsxwriter(path, FRACTIONS),
    "dates-xlsxwriter": lambda path, _: by_xlsxwriter(path, DATES),
    "dates-1904-xlsxwriter": lambda path, _: by_xlsxwriter(path, DATES_1904, epoch1904=True),
    "formulas-xlsxwriter": lambda path, _: formulas_by_xlsxwriter(path),
    "payroll-cn-openpyxl": lambda path, _: by_openpyxl(path, PAYROLL_CN),
    "payroll-en-openpyxl": lambda path, _: by_openpyxl(path, PAYROLL_EN),
    "locales-openpyxl": lambda path, _: by_openpyxl(path, LOCALES),
    "times-openpyxl": lambda path, _: by_openpyxl(path, TIMES),
    "staff-numbers-openpyxl": lambda path, _: by_openpyxl(path, STAFF_NUMBERS),
    "sections-openpyxl": lambda path, _: by_openpyxl(path, SECTIONS),
    "dates-1904-openpyxl": lambda path, _: by_openpyxl(path, DATES_1904, epoch1904=True),
    "payroll-libreoffice": lambda path, folder: by_libreoffice(path, LO_PAYROLL, folder),
    "dates-libreoffice": lambda path, folder: by_libreoffice(path, LO_DATES, folder),
    "numbers-libreoffice": lambda path, folder: by_libreoffice(path, LO_NUMBERS, folder),
    "payroll-cn-resaved": lambda path, folder: resaved(FOLDER / "payroll-cn-xlsxwriter.xlsx", path, folder),
    "payroll-en-resaved": lambda path, folder: resaved(FOLDER / "payroll-en-openpyxl.xlsx", path, folder),
    "dates-1904-resaved": lambda path, folder: resaved(FOLDER / "dates-1904-openpyxl.xlsx", path, folder),
}


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, write in BOOKS.items():
        with tempfile.TemporaryDirectory() as folder:
            path = FOLDER / f"{name}.xlsx"
            write(path, Path(folder))
            shown = as_shown(path, Path(folder))
        with path.with_suffix(".csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(shown)
        print(name, len(shown), "rows")


if __name__ == "__main__":
    main()
