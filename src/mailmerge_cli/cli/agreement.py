"""The agreement before a send: the facts of this very send, a test or a preview on the way, and a yes that nobody gives by accident.

Rule: whoever is named, shown or sent as a test here is one of those whom this send is for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from mailmerge_cli.cli.confirm import Answer, Facts, confirm
from mailmerge_cli.cli.prepare import Inputs, Preparation
from mailmerge_cli.cli.rehearsal import send_own_test, show_row
from mailmerge_cli.cli.screen import Screen
from mailmerge_cli.engine.throttle import SPREAD_UP_TO
from mailmerge_cli.model.account import Account, Credentials
from mailmerge_cli.model.delivery import Delivery
from mailmerge_cli.model.mail import Recipient
from mailmerge_cli.model.rate import Rate


class Agreement:
    """The question of one send."""

    def __init__(
        self, screen: Screen, preparation: Preparation, account: Account, credentials: Credentials
    ) -> None:
        self._screen = screen
        self._preparation = preparation
        self._account = account
        self._credentials = credentials

    def reached(
        self,
        due: int,
        ends: tuple[Delivery, Delivery],
        rates: Sequence[Rate],
        *,
        have_theirs: int = 0,
        quota_left: int | None = None,
    ) -> bool:
        """Whether the person typed the number of mails. UsageFault if nobody is there to ask.

        Args:
            due: mails of this send.
            ends: the first and the last of them.
            rates: all limits that hold.
            have_theirs: mails of the run that were sent before.
            quota_left: how many the account's long windows have room for now; None where there is none.
        """
        inputs, row = self._preparation.inputs, ends[0].row
        facts = self._facts(due, ends, rates, have_theirs, quota_left)
        while True:
            answer = confirm(self._screen, facts)
            if answer is Answer.TEST:
                send_own_test(self._screen, inputs, self._account, self._credentials, row)
            elif answer is Answer.PREVIEW:
                show_row(self._screen, inputs, row)
            else:
                return answer is Answer.SEND

    def _facts(
        self,
        due: int,
        ends: tuple[Delivery, Delivery],
        rates: Sequence[Rate],
        have_theirs: int,
        quota_left: int | None,
    ) -> Facts:
        plan, short = self._preparation.plan, quota_left is not None and quota_left < due
        names = _names(self._preparation.inputs, {end.row for end in ends})
        extra = [where_mails_stay(self._account)]
        if have_theirs:
            extra.append(
                "1 has theirs already and gets nothing."
                if have_theirs == 1
                else f"{have_theirs} have theirs already and get nothing."
            )
        if short:
            extra.append(f"The account's quota has room for {quota_left} now; the others wait for it.")
        return Facts(
            count=due,
            sender=self._preparation.inputs.template.sender[1].shown,
            server=self._account.server,
            first=names.get(ends[0].row) or ends[0].key,
            last=names.get(ends[1].row) or ends[1].key,
            skipped=plan.skipped,
            rate=" and ".join(map(str, rates)),
            finish=None if short else _finish(due, rates),
            attachments=_attachments(*self._preparation.inputs.template.attached),
            extra=tuple(filter(None, extra)),
        )


def _attachments(fewest: int, most: int) -> str:
    if not most:
        return ""
    return f"{'' if fewest == most else 'up to '}{most} attachment{'' if most == 1 else 's'} each"


def where_mails_stay(account: Account) -> str:
    """For an account that sends nothing: where the mails are written; empty for one that sends."""
    if account.kind == "outbox":
        return f"Nothing leaves this machine: the mails are written to {account.folder}."
    return ""


def _names(inputs: Inputs, rows: set[int]) -> dict[int, str]:
    """Names of the people in these rows; the ledger has none."""
    names: dict[int, str] = {}
    for line in inputs.source.rows():
        if line.number in rows:
            person = inputs.judge.judge(line)
            names[line.number] = person.name if isinstance(person, Recipient) else ""
        if len(names) == len(rows):
            break
    return names


def _finish(due: int, rates: Sequence[Rate]) -> datetime | None:
    """When the last mail would leave at the slowest of the rates; None where nothing slows us down."""
    seconds = [_lasts(due, rate) for rate in rates]
    return datetime.now(UTC) + timedelta(seconds=max(seconds)) if seconds else None


def _lasts(due: int, rate: Rate) -> float:
    """Short rates are spread evenly; a quota of an hour or a day is used up at once, and the rest waits for the next."""
    if rate.seconds <= SPREAD_UP_TO:
        return due * rate.seconds / rate.count
    return float((max(due, 1) - 1) // rate.count * rate.seconds)
