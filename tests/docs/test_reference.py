"""The reference has everything that the program has: read from the live program, not from the script that makes the tables."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.main import get_command

from mailmerge_cli.cli.main import COMMANDS, build_app
from mailmerge_cli.config.keys import ACCOUNT_KEYS, CAMPAIGN_KEYS
from mailmerge_cli.config.providers import PROVIDERS
from mailmerge_cli.errors import ExitCode
from mailmerge_cli.model.delivery import State
from mailmerge_cli.report.lines import ATTEMPT_COLUMNS, LOG_COLUMNS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/reference.md").read_text(encoding="utf-8")


def maker() -> ModuleType:
    """docs/make_reference.py as a module."""
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "docs/make_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def section(title: str, level: str = "##") -> str:
    """What stands under a heading, down to the next one of its level or above."""
    found = re.search(
        rf"^{level} {re.escape(title)}\n(.*?)(?=^#{{2,{len(level)}}} |\Z)", TEXT, re.MULTILINE | re.DOTALL
    )
    assert found is not None, f"there is no section {title}"
    return found[1]


def live() -> list[tuple[str, Any]]:
    """Every command of the program, groups opened."""
    found: list[tuple[str, Any]] = []
    waiting = list(get_command(build_app()).commands.items())  # type: ignore[attr-defined]
    for name, command in waiting:
        if hasattr(command, "commands"):
            waiting.extend((f"{name} {below}", each) for below, each in command.commands.items())
        else:
            found.append((name, command))
    return found


def test_tables_are_up_to_date() -> None:
    """Running docs/make_reference.py would change nothing."""
    assert maker().main(["--check"]) == 0


def test_every_command_is_found() -> None:
    """The live program has the commands of COMMANDS, `account` opened; the test below is about all of them."""
    names = [name for name, _ in live()]

    assert {name.split()[0] for name in names} == set(COMMANDS)
    assert len(names) >= len(COMMANDS) + 5


@pytest.mark.parametrize(("name", "command"), live(), ids=[name for name, _ in live()])
def test_every_option_is_told(name: str, command: Any) -> None:
    """Each option and word of a command stands in its section, or in a section on shared options that it refers to."""
    own = section(name, "###")
    linked = [
        section(title) for title in re.findall(r"^Also: .*$", own, re.MULTILINE) for title in _titles(title)
    ]
    text = "\n".join([own, *linked])
    missing = [
        word
        for param in command.params
        for word in (param.opts if param.param_type_name == "option" else ())
        if f"`{word}`" not in text
    ]

    assert missing == []


def _titles(links: str) -> list[str]:
    anchors = re.findall(r"\(#([\w-]+)\)", links)
    return [
        title
        for title in re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
        if title.lower().replace(" ", "-") in anchors
    ]


@pytest.mark.parametrize("key", CAMPAIGN_KEYS, ids=lambda key: key.place)
def test_every_campaign_key_is_told(key: Any) -> None:
    """A row of the table on campaign.toml has the key, its default and its option."""
    row = next(line for line in section("campaign.toml").splitlines() if line.startswith(f"| `{key.place}` "))

    assert key.default in row
    assert key.option in row


@pytest.mark.parametrize("key", ACCOUNT_KEYS, ids=lambda key: key.name)
def test_every_account_key_is_told(key: Any) -> None:
    """A row of the table on accounts.toml has the key."""
    assert f"| `{key.name}` " in section("accounts.toml")


def test_every_option_of_a_key_exists() -> None:
    """The option that the table of keys names is one of `send`'s, or of `account add`'s."""
    options = {name: {word for param in command.params for word in param.opts} for name, command in live()}

    assert [key.option for key in CAMPAIGN_KEYS if key.option and key.option not in options["send"]] == []
    assert [
        key.option for key in ACCOUNT_KEYS if key.option and key.option not in options["account add"]
    ] == []


def test_every_exit_code_is_told() -> None:
    """Each code has a row, and there is no row for another one."""
    told = {int(code) for code in re.findall(r"^\| `(\d+)` \|", section("Exit codes"), re.MULTILINE)}

    assert told == {int(code) for code in ExitCode}


def test_every_state_column_provider_is_told() -> None:
    """States, log columns and presets have a row each."""
    missing = [state for state in State if f"| `{state}` |" not in section("States")]
    missing += [
        name for name in (*LOG_COLUMNS, *ATTEMPT_COLUMNS) if f"| `{name}` |" not in section("Log columns")
    ]
    missing += [one.name for one in PROVIDERS if f"| `{one.name}` |" not in section("Providers")]

    assert missing == []


def test_every_reason_is_told() -> None:
    """Each `reason` that stands in the source stands in the reference."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "src/mailmerge_cli").rglob("*.py")]
    reasons = {word for text in texts for word in re.findall(r'\breason="(\w+)"', text)}
    reasons |= {word for text in texts for word in re.findall(r'default_reason(?:: str)? = "(\w+)"', text)}

    assert len(reasons) >= 5
    assert [word for word in sorted(reasons) if f"`{word}`" not in section("The JSON object")] == []


def test_every_variable_is_told() -> None:
    """Each name that the source looks up in the environment stands in the table."""
    names: set[str] = set()
    for path in (ROOT / "src/mailmerge_cli").rglob("*.py"):
        names |= _looked_up(ast.parse(path.read_text(encoding="utf-8")))
    known = section("Environment variables")

    assert "MAILMERGE_HOME" in names
    assert [name for name in sorted(names) if name not in known and not name.startswith("_")] == []


def _looked_up(tree: ast.Module) -> set[str]:
    """Texts that are keys of something called `environ`, by `get`, `[…]` or `in`."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("get", "getenv")
        ):
            keys, place = node.args[:1], ast.unparse(node.func.value)
        elif isinstance(node, ast.Subscript):
            keys, place = [node.slice], ast.unparse(node.value)
        elif isinstance(node, ast.Compare):
            keys, place = [node.left], ast.unparse(node.comparators[0])
        else:
            continue
        if "environ" in place or place == "os":
            found |= {
                key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)
            }
    return found


def test_every_contract_file_is_told() -> None:
    """The names of the files that the program keeps are the ones that the reference tells."""
    text = section("Files")

    for name in (
        "accounts.toml",
        "quota.sqlite3",
        ".mailmerge/ledger.sqlite3",
        "results/<run>.csv",
        "--state-dir",
    ):
        assert name in text
