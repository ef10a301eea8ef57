"""What it costs to show a cell as Excel does: microseconds a cell, by number format and for a payroll's mix of them.

python benchmarks/looks.py [--cells 100000]
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Sequence

from mailmerge_cli.display import show
from mailmerge_cli.sources.xlsx.cells import CellMaker
from mailmerge_cli.sources.xlsx.strings import Texts

_MONEY = [round(random.Random(1).uniform(-2000, 50_000), 2) for _ in range(1000)]
_WHOLE = [int(value) for value in _MONEY]
_DAYS: list[float] = list(range(45_000, 46_000))
_SHARES = [round(value / 50_000, 4) for value in _MONEY]
_TIMES = [day + at / 1000 for at, day in enumerate(_DAYS)]

# How many of a payroll's fifteen columns have that format.
MIX: tuple[tuple[str, int, Sequence[float]], ...] = (
    ("General", 2, _WHOLE),
    ("0", 1, _WHOLE),
    ("0.00", 2, _MONEY),
    ("#,##0.00", 3, _MONEY),
    ('"¥"#,##0.00;[Red]"¥"-#,##0.00', 1, _MONEY),
    ('_(* #,##0.00_);_(* (#,##0.00);_(* "-"??_);_(@_)', 1, _MONEY),
    ("0.0%", 1, _SHARES),
    ("000000", 1, _WHOLE),
    ("yyyy-mm-dd", 1, _DAYS),
    ('yyyy"年"m"月"d"日"', 1, _DAYS),
    ("yyyy-mm-dd hh:mm", 1, _TIMES),
)
RARE: tuple[tuple[str, Sequence[float]], ...] = (
    ("General", _MONEY), ("#,##0", _WHOLE), ("0.00E+00", _MONEY), ("# ??/??", _MONEY), ("000-00-0000", _WHOLE),
    ("[h]:mm", _SHARES), ("h:mm AM/PM", _TIMES), ("[$-804]dddd", _DAYS), ("[$-411]ggge", _DAYS),
    ("[DBNum2][$-804]General", _WHOLE), ('[>=10000]0.0,"k";#,##0', _MONEY),
)  # fmt: skip


def cost(look: Callable[[float, str], object], code: str, values: Sequence[float], cells: int) -> float:
    """Microseconds a cell, the best of three."""
    rounds = max(1, cells // len(values))
    best = float("inf")
    for _ in range(3):
        begun = time.perf_counter()
        for _ in range(rounds):
            for value in values:
                look(value, code)
        best = min(best, time.perf_counter() - begun)
    return best / rounds / len(values) * 1e6


def cells_of(code: str, values: Sequence[float]) -> list[object]:
    """The cells that a workbook's numbers become: a moment under a date's code."""
    maker = CellMaker(Texts(), (code,), epoch1904=False, uncalculated=False)
    return [maker.make("n", "0", repr(value), formula=False, where=(0, 1)) for value in values]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=100_000)
    wanted = parser.parse_args().cells
    whole, weight = 0.0, 0
    print(f"{'show':>7} {'str(cell)':>9}  code")
    for code, columns, values in MIX:
        plain = cost(show, code, values, wanted)
        cell = cost(lambda value, _: str(value), code, cells_of(code, values), wanted)  # type: ignore[arg-type]
        whole, weight = whole + cell * columns, weight + columns
        print(f"{plain:7.2f} {cell:9.2f}  {code}   x{columns}")
    print(f"{'':7} {whole / weight:9.2f}  a cell of the payroll's mix\n")
    for code, values in RARE:
        print(f"{cost(show, code, values, wanted):7.2f} {'':9}  {code}")


if __name__ == "__main__":
    main()
