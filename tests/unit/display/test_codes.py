"""Codes: built-in numbers, what they measure, and that each is compiled once."""

from __future__ import annotations

import pytest

from mailmerge_cli.display import Measure, builtin_code, is_of_the_machine, measures, rewords, show
from mailmerge_cli.display.code import compile_code


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (0, "General"),
        (2, "0.00"),
        (4, "#,##0.00"),
        (10, "0.00%"),
        (14, "m/d/yyyy"),
        (46, "[h]:mm:ss"),
        (49, "@"),
        (57, 'yyyy"年"m"月"'),
    ],
)
def test_builtin_numbers(number, code):
    """A workbook names usual formats by number alone."""
    assert builtin_code(number) == code


@pytest.mark.parametrize("number", [-1, 23, 26, 59, 163, 9999])
def test_unknown_number_is_general(number):
    """A number that names no format shows plainly."""
    assert builtin_code(number) == "General"


@pytest.mark.parametrize("number", [*range(23), *range(27, 59)])
def test_every_builtin_code_is_sound(number):
    """No built-in code is broken."""
    assert compile_code(builtin_code(number)) is not None


@pytest.mark.parametrize(
    ("code", "measure"),
    [
        ("General", Measure.NUMBER),
        ("#,##0.00", Measure.NUMBER),
        ('"day" 0', Measure.NUMBER),
        ("[Red]0", Measure.NUMBER),
        ("nonsense", Measure.NUMBER),
        ("yyyy-mm-dd", Measure.DATE),
        ("m/d/yyyy h:mm", Measure.DATE),
        ("mmm-yy", Measure.DATE),
        ("m", Measure.DATE),
        ("dddd", Measure.DATE),
        ("[$-804]aaaa", Measure.DATE),
        ("h:mm", Measure.TIME),
        ("mm:ss.0", Measure.TIME),
        ("h AM/PM", Measure.TIME),
        ("[h]:mm", Measure.ELAPSED),
        ("[ss]", Measure.ELAPSED),
        ("d [h]:mm", Measure.DATE),
        ("@", Measure.TEXT),
    ],
)
def test_measure(code, measure):
    """A code tells whether its numbers are dates, times of day, spans or numbers."""
    assert measures(code) is measure


def test_compiled_once():
    """The second cell of a column finds the code compiled."""
    show(1, "0.0000000")
    before = compile_code.cache_info()
    show(2, "0.0000000")
    after = compile_code.cache_info()
    assert (after.hits, after.misses) == (before.hits + 1, before.misses)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("m/d/yyyy", True),
        ("m/d/yyyy h:mm", True),
        ("[$-F800]dddd, mmmm dd, yyyy", True),
        ("[$-x-sysdate]dddd, mmmm dd, yyyy", True),
        ("[$-F400]h:mm:ss AM/PM", True),
        ("yyyy-mm-dd", False),
        ("[$-804]yyyy", False),
        ("General", False),
    ],
)
def test_F14_a_format_of_the_machine_is_known(code, said):
    """What looks otherwise elsewhere can be told to the person."""
    assert is_of_the_machine(code) is said


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ('"Dear "@', True),
        ("0;-0;0;@@", True),
        (";;;", True),
        ('0;-0;0;"text"', True),
        ("@", False),
        ("_(* 0_);_(@_)", False),
        ("General", False),
        ("0.00", False),
        ('"never closed', False),
    ],
)
def test_a_code_that_changes_texts_is_known(code, said):
    """Texts pass by unless their section adds or hides something."""
    assert rewords(code) is said
