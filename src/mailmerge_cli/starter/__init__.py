"""A campaign to start from: what `init` and `demo` write into a folder."""

from __future__ import annotations

from mailmerge_cli.starter.kind import Kind
from mailmerge_cli.starter.own import How, OwnList
from mailmerge_cli.starter.write import campaign_files, write_campaign

__all__ = ["How", "Kind", "OwnList", "campaign_files", "write_campaign"]
