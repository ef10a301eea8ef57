"""One line of the result log: a delivery of the ledger as the columns that people and scripts read.

Rule: columns are only ever appended (CONTRACT: Results).
"""

from __future__ import annotations

from datetime import datetime, tzinfo

from mailmerge_cli.ledger.records import AttemptLine
from mailmerge_cli.model.delivery import Delivery, State

LOG_COLUMNS = (
    "run", "row", "key", "address", "state", "attempts", "first_attempt", "last_attempt", "code", "enhanced_code",
    "reply", "message_id", "remote_id", "account", "reason",
)  # fmt: skip
ATTEMPT_COLUMNS = (
    "run", "row", "key", "address", "attempt", "started", "ended", "verdict", "code", "enhanced_code", "reply",
    "message_id", "remote_id", "account",
)  # fmt: skip

Value = str | int | None
"""A cell of a log: text, a number, or nothing."""


class LogLines:
    """Makes the lines of one run's log.

    Args:
        run: the run's label.
        zone: in which times are told; None for the machine's own.
        sending: how a begun row without an outcome is shown: `in_doubt` once its sender is gone; `pending` while another
            process is at work on it.
    """

    __slots__ = ("_last", "_run", "_sending", "_told", "_zone")

    def __init__(self, run: str, zone: tzinfo | None = None, sending: State = State.IN_DOUBT) -> None:
        self._run = run
        self._zone = zone
        self._sending = sending.value
        self._last: datetime | None = None
        self._told = ""

    def cells(self, delivery: Delivery) -> tuple[Value, ...]:
        """The values of `LOG_COLUMNS`, exact; whoever writes them makes them harmless."""
        state = delivery.state
        return (
            self._run,
            delivery.row,
            delivery.key,
            delivery.address,
            self._sending if state is State.SENDING else state.value,
            delivery.attempts,
            self._time(delivery.first_attempt),
            self._time(delivery.last_attempt),
            delivery.code or None,
            delivery.enhanced,
            delivery.reply,
            delivery.message_id,
            delivery.remote_id,
            delivery.account,
            delivery.reason,
        )

    def answer(self, delivery: Delivery) -> tuple[str, str, str]:
        """The values of `ANSWER_TITLES`: the reply is the server's, else the reason why nothing was sent."""
        state = delivery.state
        return (
            self._sending if state is State.SENDING else state.value,
            self._time(delivery.last_attempt) or "",
            delivery.reply or delivery.reason,
        )

    def attempt_cells(self, line: AttemptLine) -> tuple[Value, ...]:
        """The values of `ATTEMPT_COLUMNS`, for `log --attempts`."""
        return (
            self._run,
            line.row,
            line.key,
            line.address,
            line.number,
            self._time(line.started),
            self._time(line.ended),
            line.verdict,
            line.code or None,
            line.enhanced,
            line.reply,
            line.message_id,
            line.remote_id,
            line.account,
        )

    def record(self, delivery: Delivery) -> dict[str, Value]:
        """The same, each under its column's name."""
        return dict(zip(LOG_COLUMNS, self.cells(delivery), strict=True))

    def _time(self, moment: datetime | None) -> str | None:
        # The rows of one group commit share one moment, and telling a time costs more than all the rest of a line.
        if moment is None:
            return None
        if moment is not self._last:
            self._told = iso(moment, self._zone)
            self._last = moment
        return self._told


def iso(moment: datetime, zone: tzinfo | None = None) -> str:
    """ISO 8601 to the second with its offset, in `zone` (None: the machine's own): `2026-11-21T10:00:00+08:00`."""
    return moment.astimezone(zone).isoformat(timespec="seconds")
