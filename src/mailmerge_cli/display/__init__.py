"""A value as Excel shows it: number formats (ECMA-376 part 1, §18.8.30–31) applied with Excel's own rounding."""

from __future__ import annotations

from mailmerge_cli.display.builtin import builtin_code, is_of_the_machine
from mailmerge_cli.display.code import Measure, measures, rewords
from mailmerge_cli.display.show import show

__all__ = ["Measure", "builtin_code", "is_of_the_machine", "measures", "rewords", "show"]
