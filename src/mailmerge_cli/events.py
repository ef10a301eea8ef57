"""What happens during a run, told as values: the screen, the result log and tests listen; the engine never prints.

Rule: no event carries a cell's value, a body or a subject.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from mailmerge_cli.model.delivery import Delivery
from mailmerge_cli.model.mail import Outcome


@dataclass(frozen=True, slots=True)
class Settled:
    """These attempts have their outcomes, and one transaction of the ledger holds them all; a delivery is as the ledger has it now."""

    attempts: Sequence[tuple[Delivery, Outcome]]


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


Event = Settled | Waiting | Connected | Trouble
Observer = Callable[[Event], None]
"""Who listens; must be quick and must not raise."""
