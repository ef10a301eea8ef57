"""The rules of the house that a machine can see: floors, sizes, names, and that everything says what it is."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src/mailmerge_cli"
MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted(path for path in (ROOT / "tests").rglob("*.py") if path.name.startswith("test_"))
FORBIDDEN = re.compile(r"(?:^|_)(?:utils?|helpers?|common|managers?|handlers?|misc)(?:_|$)")
LONGEST = 400


def tree(path: Path) -> ast.Module:
    """A file, parsed."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def place(path: Path) -> str:
    """How a message names a file."""
    return path.relative_to(ROOT).as_posix()


def test_there_is_something_to_look_at() -> None:
    """The folders are found; an empty list would pass every test below."""
    assert len(MODULES) > 100
    assert len(TESTS) > 20


def test_imports_run_down() -> None:
    """The import-linter's contract of pyproject.toml holds."""
    pytest.importorskip("importlinter")
    import subprocess

    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout
    assert "1 kept, 0 broken" in done.stdout


def test_every_room_has_a_floor() -> None:
    """Each folder and module at the top of the package stands in the contract, so nothing escapes it."""
    import tomllib

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    [contract] = settings["tool"]["importlinter"]["contracts"]
    floors = {room.strip() for floor in contract["layers"] for room in floor.split("|")}
    rooms = {
        path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }

    assert rooms - {"__init__", "__main__"} == floors


def test_no_module_is_too_long() -> None:
    """Four hundred lines are a wall."""
    lengths = {place(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}

    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_no_module_is_a_drawer() -> None:
    """No module or folder has a name that could hold anything."""
    names = [
        place(path)
        for path in MODULES
        if any(FORBIDDEN.search(part) for part in path.with_suffix("").parts[len(PACKAGE.parts) :])
    ]

    assert names == []


def test_every_module_begins_with_its_law() -> None:
    """A docstring whose first line is a sentence stands at the head of every file."""
    bare = [place(path) for path in MODULES if not (ast.get_docstring(tree(path)) or "").strip()]

    assert bare == []


def test_every_test_says_its_law() -> None:
    """A test without a sentence is a test of which nobody knows what it holds."""
    bare = [
        f"{place(path)}: {node.name}"
        for path in TESTS
        for node in ast.walk(tree(path))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]

    assert bare == []


def test_nothing_prints_but_the_screen() -> None:
    """`print`, and the standard streams, are used in cli and at the door alone."""
    guilty = [
        f"{place(path)}:{node.lineno}"
        for path in MODULES
        if path.parent.name != "cli" and path.name != "__main__.py"
        for node in ast.walk(tree(path))
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("print", "input")
        )
        or (
            isinstance(node, ast.Attribute) and ast.unparse(node) in ("sys.stdout", "sys.stderr", "sys.stdin")
        )
    ]

    assert guilty == []


def test_windows_is_not_shut_out() -> None:
    """No code takes `fork`, `os.EX_…` or a dash in a time format for granted."""
    pattern = re.compile(r"os\.fork\(|os\.EX_|%-[mdHIMSj]")
    guilty = [place(path) for path in MODULES if pattern.search(path.read_text(encoding="utf-8"))]

    assert guilty == []
