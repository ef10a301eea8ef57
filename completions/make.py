"""Writes the completion scripts beside this file, as typer makes them for the program. Run it as `python completions/make.py`.

Both names of the program are completed, and both answer to one variable, because inside they are the same program.
"""

# ruff: noqa: INP001  a script, not a package

from __future__ import annotations

from pathlib import Path

from typer.completion import get_completion_script

FOLDER = Path(__file__).parent
NAMES = ("mailmerge", "mailmerge-cli")
VARIABLE = "_MAILMERGE_COMPLETE"
FILES = {
    "bash": "mailmerge.bash",
    "zsh": "_mailmerge",
    "fish": "mailmerge.fish",
    "powershell": "mailmerge.ps1",
}


def script(shell: str) -> str:
    """The script of one shell, for both names."""
    parts = [get_completion_script(prog_name=name, complete_var=VARIABLE, shell=shell) for name in NAMES]
    if shell == "zsh":  # zsh finds the file by its first line, which names all commands
        parts = [f"#compdef {' '.join(NAMES)}", *(part.partition("\n")[2].strip() for part in parts)]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    for shell, file in FILES.items():
        (FOLDER / file).write_text(script(shell), encoding="utf-8", newline="\n")
