"""Placeholders that are none are refused before anything is read; braces of CSS and JSON are text."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailmerge_cli.errors import Refused
from support.letters import FROM, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A table with titles of several kinds."""
    return Bench(tmp_path.resolve(), **{"姓名": "王芳", "First name": "Wang", "": "x"})


def told(bench: Bench, text: str, file: str = "slip.txt") -> list[tuple[str, str]]:
    """Kind and message of what is told about a template."""
    with pytest.raises(Refused) as refused:
        bench.template(text, file)
    return [(problem.kind, problem.message) for problem in refused.value.problems]


@pytest.mark.parametrize("file", ["slip.txt", "slip.md", "slip.html"])
@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("｛｛姓名｝｝", "{{ 姓名 }}"),
        ("｛姓名｝", "{{ 姓名 }}"),
        ("{｛ 姓名 ｝}", "{{ 姓名 }}"),
        ("｛｛月份｝｝", "{{ … }}"),
        ("lonely ｝", "{{ … }}"),
        ("{姓名}", "{{ 姓名 }}"),
        ("{ name }", "{{ name }}"),
        ("${name}", "{{ name }}"),
        ("{{name} and more", "}} is missing"),
        ("{First name}", "{{ first_name }}"),
        ("{{ First name }}", "{{ first_name }}"),
        ("{{ 姓名 }", "}} is missing"),
        ("{{ 姓名 ｝｝", "full-width braces"),
        ("{run}", "{{ run }}"),
    ],
)
def test_a_broken_placeholder_is_refused_with_its_line(
    bench: Bench, written: str, meant: str, file: str
) -> None:
    """It never goes out as text: the line is told, and what was probably meant."""
    [(kind, message)] = told(bench, FROM + "\nDear\n" + written + ",", file)
    assert kind == "template"
    assert message.startswith(f"{file}:5: ")
    assert meant in message


def test_a_broken_placeholder_in_a_header_names_its_line(bench: Bench) -> None:
    """Headers are templates too."""
    [(_, message)] = told(bench, "From: a@example.org\nSubject: Hello {姓名}\n\nbody")
    assert message.startswith("slip.txt:2: ")
    assert "{{ 姓名 }}" in message


def test_a_broken_placeholder_in_an_included_file_names_that_file(bench: Bench) -> None:
    """A footer is read like the rest."""
    bench.write("footer.txt", "Bye\n{姓名}\n")
    [(_, message)] = told(bench, FROM + '\n{% include "footer.txt" %}')
    assert message.startswith("footer.txt:2: ")


@pytest.mark.parametrize(
    "text", ["p { color: red }", '{"a": 1}', "{}", "{ }", "{nobody}", "{% raw %}{姓名} ｛姓名｝{% endraw %}"]
)
def test_other_braces_are_text(bench: Bench, text: str) -> None:
    """One brace around what is no column stays as it is, and so does what is marked as raw."""
    letter = bench.letter(bench.template(FROM + "\n" + text))
    assert letter.text == text.replace("{% raw %}", "").replace("{% endraw %}", "") + "\n"
