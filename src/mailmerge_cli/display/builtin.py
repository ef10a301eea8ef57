"""The number formats that a workbook names by number alone (ECMA-376 part 1, §18.8.30).

Doubt: 14 to 17, 22 and 37 to 44 (and codes that begin with `[$-F800]` or `[$-F400]`) follow the regional settings of the
machine that shows them, which no file tells. The
codes here are those of Excel in US English; 27 to 36 and 50 to 58, which exist in East Asian Excel only, those of
simplified Chinese. A workbook that writes its own code for such a number is believed (sources do so).
"""

from __future__ import annotations

import re

_CODES = {
    0: "General",
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    5: '"$"#,##0_);("$"#,##0)',
    6: '"$"#,##0_);[Red]("$"#,##0)',
    7: '"$"#,##0.00_);("$"#,##0.00)',
    8: '"$"#,##0.00_);[Red]("$"#,##0.00)',
    9: "0%",
    10: "0.00%",
    11: "0.00E+00",
    12: "# ?/?",
    13: "# ??/??",
    14: "m/d/yyyy",
    15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    20: "h:mm",
    21: "h:mm:ss",
    22: "m/d/yyyy h:mm",
    27: 'yyyy"年"m"月"',
    28: 'm"月"d"日"',
    29: 'm"月"d"日"',
    30: "m-d-yy",
    31: 'yyyy"年"m"月"d"日"',
    32: 'h"时"mm"分"',
    33: 'h"时"mm"分"ss"秒"',
    34: '上午/下午h"时"mm"分"',
    35: '上午/下午h"时"mm"分"ss"秒"',
    36: 'yyyy"年"m"月"',
    37: "#,##0_);(#,##0)",
    38: "#,##0_);[Red](#,##0)",
    39: "#,##0.00_);(#,##0.00)",
    40: "#,##0.00_);[Red](#,##0.00)",
    41: '_(* #,##0_);_(* (#,##0);_(* "-"_);_(@_)',
    42: '_("$"* #,##0_);_("$"* (#,##0);_("$"* "-"_);_(@_)',
    43: '_(* #,##0.00_);_(* (#,##0.00);_(* "-"??_);_(@_)',
    44: '_("$"* #,##0.00_);_("$"* (#,##0.00);_("$"* "-"??_);_(@_)',
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mm:ss.0",
    48: "##0.0E+0",
    49: "@",
    50: 'yyyy"年"m"月"',
    51: 'm"月"d"日"',
    52: 'yyyy"年"m"月"',
    53: 'm"月"d"日"',
    54: 'm"月"d"日"',
    55: '上午/下午h"时"mm"分"',
    56: '上午/下午h"时"mm"分"ss"秒"',
    57: 'yyyy"年"m"月"',
    58: 'm"月"d"日"',
}


def builtin_code(number: int) -> str:
    """The code of a built-in number format; `General` for a number that names none."""
    return _CODES.get(number, "General")


_LONG_DATE = re.compile(r"\[\$-(?:F800|x-sysdate)\]", re.IGNORECASE)
_LONG_TIME = re.compile(r"\[\$-(?:F400|x-systime)\]", re.IGNORECASE)


def american(code: str) -> str:
    """A code, with that of Excel in US English in place of `[$-F800]…` and `[$-F400]…`, the machine's long date and time."""
    if _LONG_DATE.match(code):
        return "dddd, mmmm d, yyyy"
    return "h:mm:ss AM/PM" if _LONG_TIME.match(code) else code


def is_of_the_machine(code: str) -> bool:
    """Whether a date under the code looks otherwise on a machine with other regional settings: 14, 22 and `[$-F800]`."""
    return code in {_CODES[14], _CODES[22]} or american(code) != code
