"""How much of the four rooms that must not be wrong the tests reach: lines and branches, in all processes. Some minutes.

    python tests/reach/run.py            # needs the extra `measure`
    python tests/reach/run.py -n 4       # options of pytest

The end is 1 if a room has less than 95 % of its branches. A test that fails here ends nothing: some measure the program's own start-up, memory or
disk, and find coverage's. Settings are in pyproject.toml.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("engine", "ledger", "render", "transports/smtp")
FOLDERS = ("unit", "property", "contract", "smtp", "cli", "crash", "faults")
LEAST = 95.0  # per cent of the branches


@dataclass
class Reached:
    """What of a room was reached."""

    lines: int = 0
    lines_reached: int = 0
    branches: int = 0
    branches_reached: int = 0

    def add(self, summary: Mapping[str, int]) -> None:
        """One file's figures, as coverage's JSON has them."""
        self.lines += summary["num_statements"]
        self.lines_reached += summary["covered_lines"]
        self.branches += summary["num_branches"]
        self.branches_reached += summary["covered_branches"]

    @property
    def of_branches(self) -> float:
        """Per cent."""
        return 100 * self.branches_reached / self.branches if self.branches else 0.0


def rooms(report: Path) -> dict[str, Reached]:
    """Room → what was reached, from coverage's JSON report."""
    found = {room: Reached() for room in ROOMS}
    for file, told in json.loads(report.read_text(encoding="utf-8"))["files"].items():
        for room, reached in found.items():
            if f"/mailmerge_cli/{room}/" in Path(file).as_posix():
                reached.add(told["summary"])
    return found


def main(words: list[str]) -> int:
    """Runs the tests, prints the files that have gaps, then the rooms."""
    with tempfile.TemporaryDirectory() as folder:
        # Not an option: workers find their way by the environment alone.
        where = {**os.environ, "COVERAGE_FILE": f"{folder}/data"}

        def coverage(*rest: str) -> None:
            subprocess.run([sys.executable, "-m", "coverage", *rest], cwd=ROOT, env=where, check=False)

        tests = [f"tests/{name}" for name in FOLDERS]
        options = ["-q", "-p", "no:cacheprovider", *(words or ["-n", "2"])]
        coverage("run", "-m", "pytest", *options, *tests)
        # A process that was killed may leave a torn file; combine tells it and goes on.
        coverage("combine", "--quiet")
        coverage("report")
        coverage("json", "--quiet", "-o", f"{folder}/report.json")
        told = rooms(Path(folder, "report.json"))
    for room, reached in told.items():
        print(
            f"{room:16} {100 * reached.lines_reached / max(reached.lines, 1):5.1f} % of {reached.lines} lines, "
            f"{reached.of_branches:5.1f} % of {reached.branches} branches"
        )
    return 1 if any(reached.of_branches < LEAST for reached in told.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
