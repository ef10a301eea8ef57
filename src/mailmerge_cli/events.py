"""What happens during a run, told as values: the screen, the result log and tests listen; the engine never prints.

Rule: no event carries a cell's value, a body or a subject.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from mailmerge_cli.model.delivery import Delivery
from mailmerge_cli.model.mail import Outcome


class Settled(NamedTuple):
    """An attempt has its outcome, and the ledger holds it; `delivery` is as the ledger has it now.

    A tuple, because there is one for every mail.
    """

    delivery: Delivery
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class AllTold:
    """All that one transaction of the ledger settled has been told: a listener that gathers may write now."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The run waits, and why: `throttle`, `quota`, `back-off`, `deferred`, `connect`."""

    why: str
    until: datetime
    text: str = ""


@dataclass(frozen=True, slots=True)
class Connected:
    """So many connections are open."""

    connections: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something went wrong with the server, and the run goes on or stops; `text` says what and what next."""

    text: str


Event = Settled | AllTold | Waiting | Connected | Trouble
Observer = Callable[[Event], None]
"""Who listens; must be quick and must not raise."""
