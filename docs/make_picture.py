"""Makes run.svg, the README's picture: the words of a real `mailmerge demo`, drawn as a terminal.

Run it as `python docs/make_picture.py`. Nothing but the colours is added; fonts are the reader's own, nothing is fetched.
"""

# ruff: noqa: INP001  a script, not a package

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

PICTURE = Path(__file__).with_name("run.svg")
_WIDTH = 108
_COMMAND = "mailmerge demo payslips"
_STYLES = (
    (r"^\$ .*$", "bold"),
    (r"^\d\. .*$", "cyan"),
    (r"(?<=  )sent(?=  )", "green"),
    (r"^(From|To|Reply-To|Subject|Date|Attached|HTML):", "dim"),
)


def run() -> str:
    """What the demo says, in a folder of its own and without anybody's accounts."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {
            **os.environ,
            "MAILMERGE_HOME": str(Path(folder) / "home"),
            "COLUMNS": str(_WIDTH),
            "TZ": "UTC",
        }
        done = subprocess.run(
            [sys.executable, "-m", *_COMMAND.replace("mailmerge", "mailmerge_cli").split(), "--plain"],
            cwd=folder, env=environ, stdout=subprocess.PIPE, check=True, encoding="utf-8",
        )  # fmt: skip
        return done.stdout.replace(folder + os.sep, "")


def draw(words: str) -> str:
    """The words as an SVG that needs nothing from elsewhere."""
    text = Text(f"$ {_COMMAND}\n{words.rstrip()}")
    for pattern, style in _STYLES:
        text.highlight_regex(re.compile(pattern, re.MULTILINE), style)
    console = Console(record=True, width=_WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(text)
    form = re.sub(r"@font-face \{\{.*?\}\}\s*|<!--.*?-->\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    return console.export_svg(title="mailmerge", code_format=form, unique_id="run") + "\n"


if __name__ == "__main__":
    PICTURE.write_text(draw(run()), encoding="utf-8")
