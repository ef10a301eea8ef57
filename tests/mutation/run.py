"""Mutation testing of what must not be wrong: the states, the throttle, what a refusal means. About ten minutes.

    python tests/mutation/run.py            # needs the extra `measure`; Linux or macOS

mutmut (settings in pyproject.toml) changes the functions, in a copy of the project; `tables.py` changes what stands outside them. A mutant that no
test notices must stand in `reasons.toml`, with the reason why it may live; and a reason must have its mutant.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import tables

ROOT = Path(__file__).resolve().parents[2]
REASONS = Path(__file__).with_name("reasons.toml")


class Change(NamedTuple):
    """What a mutant changes: the lines as they are, and as they become."""

    was: str
    becomes: str


def reasons() -> dict[Change, str]:
    """The mutants that may live."""
    told = tomllib.loads(REASONS.read_text(encoding="utf-8"))
    return {Change(one["was"], one["becomes"]): one["reason"] for one in told["mutant"]}


def of_functions() -> list[Change]:
    """What mutmut's survivors change. Raises SystemExit where mutmut itself fails."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        for part in ("src", "tests"):
            shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        mutmut(copy, "run", "--max-children", "2")
        left = mutmut(copy, "results").splitlines()
        names = [line.partition(":")[0].strip() for line in left if not line.endswith(("timeout", "killed"))]
        return [change_of(mutmut(copy, "show", name)) for name in names if name]


def mutmut(folder: Path, *words: str) -> str:
    """What mutmut says."""
    done = subprocess.run(
        [sys.executable, "-m", "mutmut", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"mutmut {' '.join(words)} failed\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done.stdout


def change_of(diff: str) -> Change:
    """The changed lines of a unified diff, without their indentation."""

    def lines(sign: str) -> Iterator[str]:
        for line in diff.splitlines():
            if line.startswith(sign) and not line.startswith(sign * 3):
                yield line[1:].strip()

    return Change(" ".join(lines("-")), " ".join(lines("+")))


def of_tables() -> list[Change]:
    """What the survivors outside functions change."""
    os.chdir(ROOT)
    tables.load()
    found = []
    for name in tables.TABLES:
        count, left = tables.survivors(name)
        print(f"{name}: {count} mutants outside functions, {len(left)} left", flush=True)
        found += [Change(one.was, one.becomes) for one in left]
    return found


def main() -> int:
    """Prints each survivor without a reason and each reason without a survivor; 1 if there is any."""
    stated = reasons()
    functions = of_functions()
    print(f"{len(functions)} mutants of functions left", flush=True)
    left = functions + of_tables()
    wrong = [f"no reason stated\n  - {one.was}\n  + {one.becomes}" for one in left if one not in stated]
    wrong += [
        f"a reason without its mutant\n  - {one.was}\n  + {one.becomes}" for one in stated if one not in left
    ]
    print("\n".join(wrong) or f"{len(left)} mutants live, each with its reason.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
