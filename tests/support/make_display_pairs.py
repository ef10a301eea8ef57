"""Makes `tests/data/display/pairs.jsonl`: what two other programs show for thousands of values under number formats.

Run it after a change here; it needs LibreOffice (`soffice`), Node.js and the npm package `numfmt` (installed anywhere; not
needed by any test). One line of the file is one code: `{"code", "epoch", "pairs": [[value, numfmt's text, LibreOffice's text], …]}`.

    python tests/support/make_display_pairs.py NUMFMT_FOLDER
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import openpyxl

OUT = Path(__file__).parents[1] / "data/display/pairs.jsonl"
AS_SHOWN = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,true,false"
"""LibreOffice's export filter: comma, quotes, UTF-8; the ninth token asks for cells as they are shown."""

Value = int | float | str | bool
Pair = tuple[str, int, Value]  # code, epoch, value

NUMBERS: list[Value] = [
    0, 1, -1, 5, 12, 123, 999, 1000, -1234, 12345, 1234567, -9876543, 1234567890, 123456789012345,
    0.5, -0.5, 0.05, 0.005, -0.005, 0.0049, 0.1 + 0.2, 1.005, 2.675, -2.675, 0.285, 1.5, 2.5, 0.25, 0.75, 99.995, 999.995,
    999.5, -999.5, 1234.5, 8512.499999, 16010.1, 1234567.891, 1e-7, 1.23e-10, 0.00012, 1e15, 1e20, -1e20, 0.1, 0.9, 33.333,
]  # fmt: skip
FEW: list[Value] = [
    0,
    1,
    -1,
    7,
    -42,
    1234.5,
    -1234.5,
    0.005,
    0.4,
    -0.4,
    99.995,
    1234567.891,
    1e-7,
    100,
    1000,
    999.5,
    2.5,
    -0.005,
]
LARGE: list[Value] = [
    0,
    5,
    499,
    500,
    999,
    1000,
    1499.5,
    1500,
    -1500,
    12345,
    499999,
    500000,
    1234567,
    123456789,
    -2500000,
    9.99e9,
]
PARTS: list[Value] = [
    0, 1, -1, 0.5, 0.25, 0.75, 1.5, -1.25, 0.125, 0.3125, 0.333333333333333, 0.666666666666667, 0.2, 0.1, 0.04, 0.99, 0.995,
    3.14159265358979, 2.71828182845905, 12.34, 100, 99.995, 1234.5625, -0.0625, 5.9999,
]  # fmt: skip
SIZES: list[Value] = [
    0,
    1,
    -1,
    9.5,
    9.995,
    9.999,
    12345,
    -12345,
    99999.5,
    123456,
    1234567,
    0.00012,
    1.5e-9,
    6.02214076e23,
    1e100,
    0.5,
    10,
    100,
    1000,
]
DAYS: list[Value] = [
    0, 1, 2, 31, 58, 59, 60, 61, 62, 365, 366, 367, 1462, 10000, 25569, 32874, 36526, 40000, 43585, 43586, 43831, 44197, 45000,
    45291, 45292, 45350, 45351, 46023, 46325, 46356, 73050, 2958465, 45000.25, 45000.5, 45000.9,
]  # fmt: skip
CLOCK: list[Value] = [
    0, 0.25, 0.5, 0.75, 1 / 24, 1 / 1440, 1 / 86400, 0.0423611111, 0.5416666667, 0.99, 0.999, 0.999988426, 0.123456789, 0.70833333333,
    45000.25, 45000.5, 45000.0416666667, 45000.99, 46356.3333333333, 36526.0000115741,
]  # fmt: skip
SPANS: list[Value] = [
    0,
    0.25,
    0.5,
    1,
    1.5,
    8.5 / 24,
    37.75 / 24,
    2.0416666667,
    12.3456789,
    31,
    100.5,
    400,
    1 / 1440,
    1.5 / 86400,
    0.0006,
    365.25,
]
TEXTS: list[Value] = ["Li Na", "张伟", "00417", "12.50", "a b", "-", 5, -5, 0, 1.5]
TRUTHS: list[Value] = [True, False]

FAMILIES: dict[str, tuple[list[str], list[Value]]] = {
    "general": (["General", 'General"元"', '"net "General', 'General;"minus "General', "[Red]General"], NUMBERS),
    "plain": (
        [
            "0", "0.0", "0.00", "0.000", "0.0000000000", "00000", "000000", "#", "#.##", "#.00", ".00", "0.##", "0.0#", "0.", "0.00###",
            "#,##0", "#,##0.00", "#,##0.0", "#,###", "#,##0.###", "0,000", "0,000.00", "#,#00.0", "# ##0", "# ##0.00", "?,??0.00", "0.00_ ;[Red]\\-0.00\\ ", "#,##0_ ;[Red]\\-#,##0\\ ", "#,##0.00_);\\(#,##0.00\\)",
            "??0", "??0.0?", "?0.00", "#,##0.??",
            "0%", "0.0%", "0.00%", "#,##0%", "0.##%", "%0", "0 %", "00.00",
        ],
        NUMBERS,
    ),
    "scaled": (
        [
            "0,", "#,##0,", "#,##0,,", '0.0,"k"', '#,##0.0,,"M"', "0.00,,", '0.0,,"百万"', '#,##0.00,"千元"', '[>=1000000]0.0,,"M";[>=1000]0.0,"k";0',
            '[>=1000]#,##0,"k";0', '[>=10000]0.00,"k";#,##0', '[<1000]0;[<1000000]0.0,"k";0.0,,"M"', "0,.0", '#,##0,.00"k"', "0,,.0",
        ],
        LARGE,
    ),
    "literals": (
        [
            '0" kg"', '"No. "0000', "0\\x", "\\#0", "$#,##0.00", '"¥"#,##0.00', "¥#,##0.00", "[$¥-804]#,##0.00", "[$¥-411]#,##0", "[$€-2] #,##0.00",
            "#,##0.00 [$€-407]", "[$USD] #,##0.00", "[$-409]0.0", "#,##0.00元", '0"°C"', '#,##0"円"', "[$£-809]#,##0.00", "[$₩-412]#,##0", "[$HK$-C04]#,##0.00",
            "+0;-0;0", "000-00-0000", "(000) 000-0000", "000-0000", '0"a"0', '0.00" / "', '"RMB "#,##0.00', "[$NT$-404]#,##0", "[$CHF-100C] #,##0.00",
            '0.0 "x"', '"a"0.0"b"', "0\\ 0", "# # #", "0\\!",
        ],
        FEW,
    ),
    "accounting": (
        [
            "0_)", "_(0_)", "* 0", "#,##0_);(#,##0)", "#,##0_);[Red](#,##0)", "#,##0.00_);(#,##0.00)", "#,##0.00_);[Red](#,##0.00)",
            '_(* #,##0_);_(* (#,##0);_(* "-"_);_(@_)', '_("$"* #,##0.00_);_("$"* (#,##0.00);_("$"* "-"??_);_(@_)',
            '_ ¥* #,##0.00_ ;_ ¥* -#,##0.00_ ;_ ¥* "-"??_ ;_ @_ ', '_-* #,##0.00_-;-* #,##0.00_-;_-* "-"??_-;_-@_-',
            '_-[$£-809]* #,##0.00_-;-[$£-809]* #,##0.00_-;_-[$£-809]* "-"??_-;_-@_-', '_ * #,##0_ ;_ * -#,##0_ ;_ * "-"_ ;_ @_ ',
            '_-* #,##0.00 [$€-407]_-;-* #,##0.00 [$€-407]_-;_-* "-"?? [$€-407]_-;_-@_-', '"a"* "b"', '"a"_x"b"',
        ],
        [*FEW, "text"],
    ),
    "sections": (
        [
            "#,##0.00;[Red]-#,##0.00", "[Red]0.00", "[Blue]0.00;[Color10]0.0", "0.00;(0.00)", '0;(0);"-"', "0;;", ";;;", "0;-0;0;@", '0;-0;0;"Mr "@',
            '0.00;-0.00;"zero"', '0.00;;"zero"', "[Green]+0.0%;[Red]-0.0%;0.0%", '"▲"0.0;"▼"0.0;"-"', '"up "0;"down "0', '0;"minus";"none";"text"',
            '[=0]"zero";0.00', '[=1]"yes";[=0]"no";0', '[<0]"neg "0;[>100]"big "0;0.0', "[>100]0;[<-100]0;0.0", "[Red][<=100]0;[Blue][>100]0.0",
            "[>=0]0.0;[<0](0.0)", '[<=0.5]"low";"high"', '[>1]0.0" items";0.0" item"', "[<>1]0;0.0", '#,##0;-#,##0;"-"', "0.0;-0.0;;@",
        ],
        [*FEW, 101, -200, "text"],
    ),
    "scientific": (
        ["0.00E+00", "0.0E-0", "##0.0E+0", "0E+0", "0.00e+00", "0.000E+000", "00.0E+0", "#.##E+00", '0.0E+0" m"', "0.###E+0", "#,##0.00E+00", "0.0E+00;(0.0E+00)"],
        SIZES,
    ),
    "fractions": (
        [
            "# ?/?", "# ??/??", "# ???/???", "# ?/2", "# ?/4", "# ?/8", "# ??/16", "# ?/10", "# ??/100", "?/?", "??/??", "0 0/0", "0 ?/?", '# ?/?" in"',
            '#" and "?/?', "# #/#", "# ##/##",
        ],
        PARTS,
    ),
    "dates": (
        [
            "yyyy-mm-dd", "yyyy/m/d", "m/d/yyyy", "m/d/yy", "d/m/yyyy", "dd.mm.yyyy", "d.m.yy", "dd/mm/yyyy", "yyyymmdd", "d-mmm-yy", "d-mmm", "mmm-yy", "mmm yyyy",
            "mmmm d, yyyy", "d mmmm yyyy", "dddd", "ddd", "dddd, mmmm dd, yyyy", "mmmmm", "yy", "yyyy", "mm", "dd", "d", "yyyy-mm", "mm-dd", "mm-dd-yy",
            'yyyy"年"m"月"d"日"', 'yyyy"年"m"月"', 'yyyy"年"mm"月"dd"日"', 'm"月"d"日"', "yyyy年m月d日", '[$-804]yyyy"年"m"月"d"日"', "[$-804]dddd", "[$-804]ddd",
            "[$-804]aaaa", "[$-804]aaa", "[$-804]mmmm", "[$-804]mmm", '[$-411]yyyy"年"m"月"d"日"', "[$-411]dddd", "[$-411]aaa", "[$-411]aaaa",
            "[$-409]d-mmm-yyyy", "[$-409]mmmm d, yyyy", "[$-809]dd mmmm yyyy", "[$-407]d. mmmm yyyy", "[$-40C]dddd d mmmm yyyy", "[$-C0A]mmmm", "[$-410]dddd",
            "[$-416]mmmm", "[$-413]dddd", "[$-412]dddd", "yyyy-mm-dd;@", "[$-404]dddd", '"due "d mmm', "d\\.m\\.yyyy", "yyyy\\-mm\\-dd",
            '[$-411]ggge"年"m"月"d"日"', "[$-411]ge.m.d", "[$-404]e-mm-dd", "[$-404]e/m/d", "e-mm-dd", "[$-411]mmm", "[$-412]mmm",
            "[$-F800]dddd, mmmm dd, yyyy", "[$-x-sysdate]dddd, mmmm dd, yyyy", "[$-409]mmm-yy;@", "[$-409]d/mmm/yy;@", "[$-en-US]mmmm d, yyyy;@",
            '[DBNum1][$-804]yyyy"年"m"月"d"日";@', '[DBNum1][$-804]yyyy"年"m"月";@', '[DBNum1][$-804]m"月"d"日";@', "[$-409]mmmmm-yy;@", "yyyy/m/d;@", "m/d;@",
            "[$-zh-CN]aaaa;@", "[$-804]aaaa;@", "[$-409]dddd, mmmm d, yyyy;@", "d. mmm yyyy", "dd-mmm-yyyy", "mmmm yyyy", "mmm d",
        ],
        DAYS,
    ),
    "times": (
        [
            "h:mm", "hh:mm", "h:mm:ss", "hh:mm:ss", "h:mm AM/PM", "h:mm:ss AM/PM", "hh:mm AM/PM", "h AM/PM", "h:mm A/P", "mm:ss", "m:ss", "h:mm:ss.0", "hh:mm:ss.000",
            "mm:ss.0", "ss.00", "yyyy-mm-dd hh:mm", "yyyy-mm-dd hh:mm:ss", "m/d/yyyy h:mm", "d/m h:m", 'h"时"mm"分"', 'h"時"mm"分"ss"秒"', '上午/下午h"时"mm"分"',
            "[$-804]AM/PM h:mm", "[$-411]h:mm AM/PM", 'yyyy"年"m"月"d"日" h:mm', "d mmm yyyy h:mm AM/PM", "h", "hh", "s", "ss", "m:s", "[$-409]h:mm AM/PM", "h:mm:ss m/d/yyyy", "h:mm AM/PM m/d/yyyy", "[$-409]yyyy/m/d h:mm AM/PM;@", "yyyy/m/d h:mm;@",
            "[$-F400]h:mm:ss AM/PM", "[$-x-systime]h:mm:ss AM/PM", "h:mm;@", "h:mm:ss;@", 'h"时"mm"分";@', 'h"时"mm"分"ss"秒";@', "[$-409]h:mm:ss AM/PM;@",
            '[DBNum1][$-804]h"时"mm"分";@', "[$-804]yyyy/m/d AM/PM h:mm",
        ],
        CLOCK,
    ),
    "spans": (
        ["[h]:mm", "[h]:mm:ss", "[hh]:mm", "[h]", "[m]", "[mm]:ss", "[s]", "[ss].00", '[h]"小时"mm"分"', '[h]"h "mm"m"', "[m]:ss.0", "[h]:mm;@"],
        SPANS,
    ),
    "texts": (["@", "General", '"<"@">"', '0;-0;0;@"先生"', '0;-0;0;"Mr "@', '@" (staff)"', "0.00", "000000", "0;0;0;", "yyyy-mm-dd", "_(@_)", "@@"], TEXTS),
    "truths": (["General", "0", "0.00", "#,##0", "@", "yyyy-mm-dd", "0%"], TRUTHS),
    "numerals": (
        [
            "[DBNum1][$-804]General", "[DBNum2][$-804]General", "[DBNum1][$-804]0", "[DBNum2][$-804]0.00", "[DBNum3][$-804]0", "[DBNum1][$-411]General",
            '[DBNum2][$-804]General"元"',
        ],
        [0, 1, 5, 10, 12, 20, 100, 101, 110, 123, 1000, 1001, 1010, 10000, 10050, 12345, 100000, 1234567, 100000000, 123456789, 12.5, -5],
    ),
}  # fmt: skip
DAYS_1904: list[Value] = [0, 1, 59, 60, 61, 366, 10000, 43538, 44863, 44894, 43538.75, 2957003]
CODES_1904 = [
    "yyyy-mm-dd",
    "m/d/yyyy",
    "d-mmm-yy",
    "dddd",
    'yyyy"年"m"月"d"日"',
    "yyyy-mm-dd hh:mm",
    "h:mm AM/PM",
    "[$-804]aaaa",
    "mmm-yy",
]

_NUMFMT = """
import fs from 'node:fs';
const { format } = await import(process.argv[2]);
const pairs = JSON.parse(fs.readFileSync(0, 'utf8'));
console.log(JSON.stringify(pairs.map(([code, value]) => { try { return format(code, value); } catch (e) { return null; } })));
"""


def pairs() -> Iterator[Pair]:
    """All of them, in a fixed order."""
    for codes, values in FAMILIES.values():
        for code in codes:
            for value in values:
                yield code, 1900, value
    for code in CODES_1904:
        for value in DAYS_1904:
            yield code, 1904, value


def libreoffice(wanted: list[Pair], epoch: int) -> list[str]:
    """What LibreOffice shows, one text a pair."""
    book = openpyxl.Workbook()
    if epoch == 1904:
        book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    sheet = book.active
    sheet.column_dimensions["B"].width = 200
    for row, (code, _, value) in enumerate(wanted, start=1):
        sheet.cell(row, 1, row)
        cell = sheet.cell(row, 2, value)
        if isinstance(value, str):
            cell.data_type = "s"
        cell.number_format = code
    with tempfile.TemporaryDirectory() as folder:
        book.save(f"{folder}/pairs.xlsx")
        shown = as_shown(Path(folder, "pairs.xlsx"), Path(folder))
    assert [line[0] for line in shown] == [str(at) for at in range(1, len(wanted) + 1)]
    return [line[1] for line in shown]


def as_shown(book: Path, folder: Path) -> list[list[str]]:
    """The first sheet's cells as LibreOffice shows them. `folder` takes its files."""
    profile = folder / "profile"
    subprocess.run(
        [
            "soffice", f"-env:UserInstallation={profile.as_uri()}", "--headless", "--convert-to", AS_SHOWN, "--outdir", str(folder / "csv"), str(book),
        ],
        check=True, capture_output=True,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    with (folder / "csv" / f"{book.stem}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def numfmt(wanted: list[Pair], package: Path) -> list[str | None]:
    """What numfmt shows; None for a code that it refuses. It knows no 1904, so days are moved there."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "show.mjs")
        script.write_text(_NUMFMT)
        moved = [(code, value + 1462 if epoch == 1904 else value) for code, epoch, value in wanted]  # type: ignore[operator]
        entry = json.loads((package / "package.json").read_text())
        main = entry["exports"]["."] if "exports" in entry else entry["main"]
        while isinstance(main, dict):
            main = main.get("import") or main.get("default") or next(iter(main.values()))
        ran = subprocess.run(
            ["node", str(script), (package / main).resolve().as_uri()],
            input=json.dumps(moved),
            capture_output=True,
            text=True,
            check=True,
        )
    return json.loads(ran.stdout)


def main() -> None:
    wanted = list(pairs())
    shown: dict[int, list[str]] = {
        epoch: libreoffice([pair for pair in wanted if pair[1] == epoch], epoch) for epoch in (1900, 1904)
    }
    lines: dict[tuple[str, int], list[list[Value | None]]] = {}
    for (code, epoch, value), theirs in zip(wanted, numfmt(wanted, Path(sys.argv[1])), strict=True):
        lines.setdefault((code, epoch), []).append([value, theirs, shown[epoch].pop(0)])
    OUT.parent.mkdir(parents=True, exist_ok=True)
    with OUT.open("w", encoding="utf-8", newline="\n") as file:
        for (code, epoch), found in lines.items():
            file.write(json.dumps({"code": code, "epoch": epoch, "pairs": found}, ensure_ascii=False) + "\n")
    print(f"{len(wanted)} pairs, {len(lines)} codes")


if __name__ == "__main__":
    main()
