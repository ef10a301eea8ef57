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

_KEPT = 256  # moments whose texts are kept

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

    __slots__ = ("_run", "_states", "_told", "_zone")

    def __init__(self, run: str, zone: tzinfo | None = None, sending: State = State.IN_DOUBT) -> None:
        self._run = run
        self._zone = zone
        self._states = {state: str(state) for state in State} | {State.SENDING: str(sending)}
        self._told: dict[datetime | None, str] = {None: ""}

    def cells(self, delivery: Delivery) -> tuple[Value, ...]:
        """The values of `LOG_COLUMNS`, exact; whoever writes them makes them harmless."""
        return (
            self._run,
            delivery.row,
            delivery.key,
            delivery.address,
            self._states[delivery.state],
            delivery.attempts,
            self._time(delivery.first_attempt) or None,
            self._time(delivery.last_attempt) or None,
            delivery.code or None,
            delivery.enhanced,
            delivery.reply,
            delivery.message_id,
            delivery.remote_id,
            delivery.account,
            delivery.reason,
        )

    def rough(self, delivery: Delivery) -> str:
        """The same values with commas between them, as `csv_lines` wants them: there is a line for every mail, twice."""
        (
            _, _, row, key, address, _, state, attempts, message_id, first, last, _,
            code, enhanced, reply, remote_id, account, reason,
        ) = delivery  # fmt: skip
        return (
            f"{self._run},{row},{key},{address},{self._states[state]},{attempts},{self._time(first)},{self._time(last)},"
            f"{code or ''},{enhanced},{reply},{message_id},{remote_id},{account},{reason}"
        )

    def answer(self, delivery: Delivery) -> tuple[str, str, str]:
        """The values of `ANSWER_TITLES`: the reply is the server's, else the reason why nothing was sent."""
        return (
            self._states[delivery.state],
            self._time(delivery.last_attempt),
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
            self._time(line.started) or None,
            self._time(line.ended) or None,
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

    def _time(self, moment: datetime | None) -> str:
        """Empty if there is none."""
        # The rows of a group commit share two or three moments, and telling a time costs more than all the rest of a line.
        told = self._told.get(moment)
        if told is None:
            assert moment is not None
            if len(self._told) > _KEPT:
                self._told = {None: ""}
            told = self._told[moment] = iso(moment, self._zone)
        return told


def iso(moment: datetime, zone: tzinfo | None = None) -> str:
    """ISO 8601 to the second with its offset, in `zone` (None: the machine's own): `2026-11-21T10:00:00+08:00`."""
    return moment.astimezone(zone).isoformat(timespec="seconds")
