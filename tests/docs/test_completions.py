"""The completion scripts are what the program would write, and completing with them really works."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from mailmerge_cli.cli.main import COMMANDS

FOLDER = Path(__file__).parents[2] / "completions"
SHELLS = ("bash", "zsh", "fish", "powershell")


def maker() -> ModuleType:
    """completions/make.py as a module."""
    spec = importlib.util.spec_from_file_location("completions_make", FOLDER / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ask(words: str, shell: str, **more: str) -> str:
    """What the program answers to a shell that completes `words`."""
    environ = {
        **os.environ,
        "_MAILMERGE_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": words,
        **more,
    }
    done = subprocess.run(
        [sys.executable, "-m", "mailmerge_cli"],
        env=environ,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_scripts_are_up_to_date(shell: str) -> None:
    """Each file is what `make.py` would write now."""
    make = maker()

    assert (FOLDER / make.FILES[shell]).read_text(encoding="utf-8") == make.script(shell)


@pytest.mark.parametrize("shell", SHELLS)
def test_scripts_serve_both_names(shell: str) -> None:
    """`mailmerge` and `mailmerge-cli` are both completed, by the variable that the program listens to."""
    text = maker().script(shell)

    assert "mailmerge-cli" in text
    assert "_MAILMERGE_COMPLETE" in text
    assert "_MAILMERGE_CLI_COMPLETE" not in text


@pytest.mark.parametrize(
    ("shell", "more"),
    [
        ("bash", {"COMP_WORDS": "mailmerge se", "COMP_CWORD": "1"}),
        ("zsh", {}),
        ("fish", {"_TYPER_COMPLETE_FISH_ACTION": "get-args"}),
        ("powershell", {"_TYPER_COMPLETE_WORD_TO_COMPLETE": "se"}),
    ],
    ids=SHELLS,
)
def test_a_command_is_completed(shell: str, more: dict[str, str]) -> None:
    """`se` becomes `send`, and nothing else, in every shell's protocol."""
    answer = ask("mailmerge se", shell, **more)

    assert answer.removeprefix("_arguments '*: :((\"").startswith("send")
    assert not [name for name, told in COMMANDS.items() if name != "send" and told[:20] in answer]


def test_every_command_and_an_option_are_completed() -> None:
    """An empty word brings all commands; `send --accept` brings its two options."""
    names = ask("", "bash", COMP_WORDS="mailmerge ", COMP_CWORD="1").split()
    options = ask("", "bash", COMP_WORDS="mailmerge send --accept", COMP_CWORD="2").split()

    assert sorted(names) == sorted(COMMANDS)
    assert sorted(options) == ["--accept-changes", "--accept-new"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize("name", ["mailmerge", "mailmerge-cli"])
def test_bash_completes_with_the_file(name: str) -> None:
    """A real bash that has read the file completes either name."""
    function = "_" + name.replace("-", "_") + "_completion"
    words = f'source "$1"; COMP_WORDS=({name} se); COMP_CWORD=1; {function} {name}; printf "%s\\n" "${{COMPREPLY[@]}}"'
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", words, "bash", str(FOLDER / "mailmerge.bash")],
        env={**os.environ, "PATH": path}, capture_output=True, encoding="utf-8", check=True,
    )  # fmt: skip

    assert done.stdout.split() == ["send"]
