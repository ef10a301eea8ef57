"""What a worker process needs to make of a list what this one would: the list, the judge, the template; they travel together.

Together, because the judge may ask the template for a row's address: it must be the same template there.
"""

from __future__ import annotations

import pickle
from typing import NamedTuple

from mailmerge_cli.campaign.judge import Judge
from mailmerge_cli.model.table import Source
from mailmerge_cli.render.template import Template


class Kit(NamedTuple):
    """List, judge and template of one run."""

    source: Source
    judge: Judge
    template: Template


def packed(kit: Kit) -> bytes | None:
    """The kit for another process of this machine; None if it cannot travel, because a third party's source cannot be pickled."""
    try:
        return pickle.dumps(kit, 5)
    except Exception:  # noqa: BLE001  what a stranger's class raises then is its own affair
        return None


def unpacked(octets: bytes) -> Kit:
    """The kit, in the other process: the same rows, judged and rendered the same.

    Nothing is guessed or hashed anew. A pass over a list that changed since it was opened is Refused (65, `changed`).

    Raises:
        Refused: the template or a file that belongs to it changed (65, `changed`).
    """
    kit = pickle.loads(octets)  # noqa: S301  our own octets
    assert isinstance(kit, Kit)
    return kit
