"""Which column is what, and which names no column may have."""

from __future__ import annotations

import pytest

from mailmerge_cli.campaign.columns import assign_roles
from mailmerge_cli.errors import Refused
from mailmerge_cli.model.campaign import RecipientSettings
from mailmerge_cli.model.table import Column


@pytest.mark.parametrize("name", ["row", "today", "last_month", "run", "range", "namespace", "self", "none"])
def test_a_column_with_a_built_in_name_is_refused(name: str) -> None:
    """Else `{{ range }}` would print what the templates have under that name, and not the cell."""
    columns = (Column(0, "email", "email", "A"), Column(1, name, name, "B"))
    with pytest.raises(Refused, match=f"“{name}” has the name of something built in"):
        assign_roles(columns, RecipientSettings(email="email"), (), [], own_to=False)


def test_a_value_with_a_built_in_name_is_refused() -> None:
    """For the same reason."""
    with pytest.raises(Refused, match="value “range” has the name of something built in"):
        assign_roles(
            (Column(0, "email", "email", "A"),),
            RecipientSettings(email="email"),
            ("range",),
            [],
            own_to=False,
        )
