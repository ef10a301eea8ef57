"""Tables in, rows out: CSV, Excel workbooks, JSON Lines, and what third parties bring."""

from __future__ import annotations

from mailmerge_cli.sources.registry import open_source
from mailmerge_cli.sources.spool import spool_stdin

__all__ = ["open_source", "spool_stdin"]
