"""The source that docs/ADDING_A_SOURCE.md writes keeps the contract that it tells of."""

from __future__ import annotations

import re
from pathlib import Path

from mailmerge_cli.sources.registry import GROUP

GUIDE = (Path(__file__).parents[2] / "docs" / "ADDING_A_SOURCE.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
_names: dict[str, object] = {"__name__": "guide"}
for _block in BLOCKS:
    exec(compile(_block, "ADDING_A_SOURCE.md", "exec"), _names)

TestFixedWidth = _names["TestFixedWidth"]
"""pytest runs the guide's own suite."""


def test_guide_names_the_entry_points():
    """The group that the guide names is the one that is asked."""
    assert f'[project.entry-points."{GROUP}"]' in GUIDE
