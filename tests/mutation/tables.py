"""Mutants of what stands outside functions: tables, constants, patterns. mutmut leaves these alone, and in two of its three files they are the law.

Each mutant is the module's source with one change. It takes the module's place in a forked process, which runs the tests of that module; nothing
is written. The changes are mutmut's own (numbers, words, arguments, operators), and two more: an entry of a table is missing, an
alternative of a pattern is missing.

    python tests/mutation/tables.py [replies|states|throttle]
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import libcst as cst
from mutmut.mutation.file_mutation import create_mutations

ROOT = Path(__file__).resolve().parents[2]

TABLES = {
    "states": ("mailmerge_cli.ledger.states", ("tests/unit/ledger/test_states.py",)),
    "throttle": ("mailmerge_cli.engine.throttle", ("tests/unit/engine/test_pace.py",)),
    "replies": (
        "mailmerge_cli.transports.smtp.replies",
        ("tests/unit/transports/test_replies.py", "tests/unit/transports/test_reply_table.py"),
    ),
}
"""Short name → the module and the tests that must notice."""

_PRELOADED = "ignore::pytest.PytestAssertRewriteWarning"
_AT_ONCE = 2
_TIME = 60  # seconds of processor time that a mutant's tests may take; more counts as noticed


@dataclass(frozen=True)
class Mutant:
    """One change of one module."""

    module: str
    source: str
    was: str
    becomes: str


def mutants_of(module: str, text: str) -> Iterator[Mutant]:
    """All mutants outside functions, each once, without those of sentences for people (`hint=`) and of the case of patterns without case."""
    seen = {text}
    tree, found, _, _ = create_mutations(module, text)
    outside = [
        (one.original_node, one.mutated_node)
        for one in found
        if not isinstance(one.contained_by_top_level_function, cst.FunctionDef)
    ]
    collector = _Entries()
    tree.visit(collector)
    for before, after in outside + collector.found:
        source = tree.deep_replace(before, after).code
        if source in seen or _is_about_words(text, source):
            continue
        seen.add(source)
        yield Mutant(module, source, *_difference(text, source))


class _Entries(cst.CSTVisitor):
    """Removes each entry of a table, and each alternative of a pattern."""

    def __init__(self) -> None:
        self.found: list[tuple[cst.CSTNode, cst.CSTNode]] = []

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        return False

    def visit_Annotation(self, node: cst.Annotation) -> bool:
        return False

    def visit_Tuple(self, node: cst.Tuple) -> None:
        self._without_each(node)

    def visit_Dict(self, node: cst.Dict) -> None:
        self._without_each(node)

    def _without_each(self, node: cst.Tuple | cst.Dict) -> None:
        for n in range(len(node.elements)):
            rest = [one for m, one in enumerate(node.elements) if m != n]
            if isinstance(node, cst.Tuple) and len(rest) == 1:
                rest = [rest[0].with_changes(comma=cst.Comma())]
            self.found.append((node, node.with_changes(elements=rest)))

    def visit_SimpleString(self, node: cst.SimpleString) -> None:
        if "r" in node.prefix or "|" in node.raw_value:
            for pattern in without_alternatives(node.raw_value):
                self.found.append(
                    (node, node.with_changes(value=f"{node.prefix}{node.quote}{pattern}{node.quote}"))
                )


def without_alternatives(pattern: str) -> Iterator[str]:
    """The pattern without each of its alternatives, at any depth; none if it has none."""
    opened: list[list[int]] = [[0]]  # of each group that is open: where its alternatives begin
    cuts: list[list[int]] = []
    position, in_class = 0, False
    while position < len(pattern):
        mark = pattern[position]
        if mark == "\\":
            position += 1
        elif in_class or mark == "[":
            in_class = mark != "]"
        elif mark == "(":
            head = re.compile(r"\((?:\?(?:[:=!]|<[=!]))?").match(pattern, position)
            opened.append([head.end() if head else position + 1])
        elif mark == "|":
            opened[-1].append(position + 1)
        elif mark == ")":
            cuts.append([*opened.pop(), position + 1])
        position += 1
    cuts.append([*opened.pop(), len(pattern) + 1])
    for cut in cuts:
        for n in range(len(cut) - 1 if len(cut) > 2 else 0):
            begin, end = cut[n], cut[n + 1]
            if n == len(cut) - 2:
                begin, end = begin - 1, end - 1  # the last goes with the bar before it
            yield pattern[:begin] + pattern[end:]


def _is_about_words(text: str, source: str) -> bool:
    """A hint's wording, an argument that is `hint`, or the case of a pattern that is searched without regard to case."""
    was, becomes = _difference(text, source)
    return "hint=" in was or was.strip().startswith('"or get the right') or was.lower() == becomes.lower()


def _difference(text: str, source: str) -> tuple[str, str]:
    lines = [
        line
        for line in difflib.unified_diff(text.splitlines(), source.splitlines(), lineterm="", n=0)
        if not line.startswith(("---", "+++", "@@"))
    ]
    was = " ".join(line[1:].strip() for line in lines if line[0] == "-")
    return was, " ".join(line[1:].strip() for line in lines if line[0] == "+")


def judge(mutants: list[Mutant], tests: tuple[str, ...]) -> Iterator[tuple[Mutant, bool]]:
    """Each mutant, and whether the tests fail with it in the module's place (or it cannot be loaded)."""
    under_way: dict[int, Mutant] = {}
    waiting = iter(mutants)
    while True:
        while len(under_way) < _AT_ONCE and (mutant := next(waiting, None)) is not None:
            under_way[_begun(mutant, tests)] = mutant
        if not under_way:
            return
        child, status = os.wait()
        yield under_way.pop(child), status != 0


def _begun(mutant: Mutant, tests: tuple[str, ...]) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = _run(mutant, tests)
        finally:
            os._exit(code)
    return child


def _run(mutant: Mutant, tests: tuple[str, ...]) -> int:
    import resource

    import pytest

    resource.setrlimit(resource.RLIMIT_CPU, (_TIME, _TIME))
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    spec = importlib.util.find_spec(mutant.module)
    if spec is None or spec.origin is None:
        return 0
    module = importlib.util.module_from_spec(spec)
    sys.modules[mutant.module] = module
    room, _, name = mutant.module.rpartition(".")
    exec(compile(mutant.source, spec.origin, "exec"), module.__dict__)
    setattr(importlib.import_module(room), name, module)
    return int(pytest.main(["-x", "-q", "-n", "0", "-p", "no:cacheprovider", "-W", _PRELOADED, *tests]))


def survivors(name: str) -> tuple[int, list[Mutant]]:
    """How many mutants the module has, and those that its tests do not notice."""
    module, tests = TABLES[name]
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    text = Path(spec.origin).read_text(encoding="utf-8")
    if [seen for _, seen in judge([Mutant(module, text, "", "")], tests)] != [False]:
        sys.exit(f"the tests of {name} fail without any mutant")
    mutants = list(mutants_of(module, text))
    return len(mutants), [mutant for mutant, seen in judge(mutants, tests) if not seen]


def load() -> None:
    """Imports what each mutant's tests need, once and before the forks; nothing that hypothesis keeps stays behind."""
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = tempfile.mkdtemp()
    import hypothesis  # noqa: F401
    import pytest  # noqa: F401


def main(names: list[str]) -> int:
    """Prints the survivors; 1 if there are any."""
    os.chdir(ROOT)
    load()
    total = 0
    for name in names or list(TABLES):
        count, left = survivors(name)
        print(f"{name}: {count} mutants outside functions, {len(left)} left", flush=True)
        for mutant in left:
            print(f"  - {mutant.was}\n  + {mutant.becomes}")
        total += len(left)
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
