"""What the templates know besides the row: the run's moment and label, the campaign's name, its constants.

Rule: `now` and `today` are the run's own, fixed when it is entered, so what was checked is what is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from mailmerge_cli.clock import in_zone
from mailmerge_cli.model.cell import MomentCell


def constants(
    campaign: str, values: Mapping[str, object], run: str | None, opened: datetime, timezone: str
) -> dict[str, object]:
    """The names that every row of a run shares; without `run` where the label itself is being made."""
    local = in_zone(opened, timezone).replace(tzinfo=None)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    names: dict[str, object] = dict(values)
    names.update(
        campaign=campaign,
        now=MomentCell(local, "yyyy-mm-dd hh:mm"),
        today=MomentCell(midnight, "yyyy-mm-dd"),
        month=f"{local:%Y-%m}",
        last_month=f"{midnight.replace(day=1) - timedelta(days=1):%Y-%m}",
    )
    if run is not None:
        names["run"] = run
    return names
