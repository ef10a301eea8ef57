"""The table in docs/guarantees.md is whole and true: every fault has a promise, and a test that carries its id or a stated reason."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache

import pytest

from faults.catalogue import GUARANTEES, TESTS, Entry, all_ids, entries

_ID = re.compile(r"(?<![A-Za-z0-9])[A-Z]\d\d(?![0-9])")


@cache
def functions(file: str) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    """The test functions of a file by their names; the file is read and not imported."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return {
        node.name: node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def ids_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """The ids that it carries in its name or its docstring."""
    return set(_ID.findall(function.name.replace("_", " "))) | set(
        _ID.findall(ast.get_docstring(function) or "")
    )


@pytest.fixture(scope="module")
def table() -> list[Entry]:
    return list(entries())


def test_every_id_stands_there_once_and_in_order(table: list[Entry]) -> None:
    """No fault is forgotten by deleting its row, and none has two promises."""
    assert list(all_ids()) == [entry.id for entry in table]


def test_every_promise_is_a_sentence_of_its_own(table: list[Entry]) -> None:
    """Two faults with one sentence are one promise too few."""
    assert all(entry.promise.endswith(".") and len(entry.promise) > 20 for entry in table)
    assert [] == [text for text, number in Counter(entry.promise for entry in table).items() if number > 1]


def test_every_id_has_a_test_or_a_reason(table: list[Entry]) -> None:
    """One of the two, never both: a reason beside a test would be a doubt about the test."""
    assert [] == [entry.id for entry in table if bool(entry.tests) == bool(entry.reason)]
    assert all(entry.reason.endswith(".") and len(entry.reason) > 30 for entry in table if entry.reason)


def test_every_test_that_is_named_exists_and_carries_the_id(table: list[Entry]) -> None:
    """In its name or its docstring, at the place that is named."""
    wrong = []
    for entry in table:
        for file, name in entry.tests:
            function = functions(file).get(name) if (TESTS / file).is_file() else None
            if function is None:
                wrong.append(f"{entry.id}: there is no {file}::{name}")
            elif entry.id not in ids_of(function):
                wrong.append(f"{entry.id}: {file}::{name} does not carry it")
    assert [] == wrong


def test_no_promise_rests_on_a_test_that_may_fail(table: list[Entry]) -> None:
    """A test that is expected to fail, or is skipped whatever happens, shows nothing."""
    hollow = []
    for entry in table:
        for file, name in entry.tests:
            for decorator in functions(file)[name].decorator_list:
                word = ast.unparse(decorator)
                if "xfail" in word or "mark.skip(" in word:
                    hollow.append(f"{entry.id}: {file}::{name}")
    assert [] == hollow


def test_no_test_carries_an_id_that_is_none() -> None:
    """A typing error in a name would leave a fault without its test, and nobody would see it."""
    known = {
        *all_ids(),
        *(f"Q{number}" for number in range(13, 18)),
        *(f"W{number:02}" for number in range(1, 13)),
    }
    groups = {id_[0] for id_ in known}
    odd = []
    for path in sorted(TESTS.rglob("test_*.py")):
        for name in functions(str(path.relative_to(TESTS))):
            named = re.findall(r"(?<=_)[A-Z]\d\d(?=_|$)", name)
            odd += [f"{path.name}::{name}" for id_ in named if id_[0] in groups and id_ not in known]
    assert [] == odd


def test_the_prose_above_the_table_is_kept() -> None:
    """What is promised is said in words first; the table stands at the end."""
    text = GUARANTEES.read_text(encoding="utf-8")
    assert text.index("## Nobody gets a mail twice") < text.index("## Fault by fault")
