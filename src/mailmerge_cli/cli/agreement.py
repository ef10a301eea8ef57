"""The agreement before a send: the facts of this send, a test or a preview on the way, and a yes that nobody gives by accident."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from mailmerge_cli.cli.confirm import Answer, Facts, confirm
from mailmerge_cli.cli.prepare import Preparation
from mailmerge_cli.cli.rehearsal import send_own_test, show_first
from mailmerge_cli.cli.screen import Screen
from mailmerge_cli.engine.throttle import SPREAD_UP_TO
from mailmerge_cli.model.account import Account, Credentials
from mailmerge_cli.model.rate import Rate


def agreed(
    screen: Screen,
    preparation: Preparation,
    account: Account,
    credentials: Credentials,
    due: int,
    rates: Sequence[Rate],
) -> bool:
    """Whether the person typed the number of mails. UsageFault if nobody is there to ask."""
    facts = _facts(preparation, account, due, rates)
    while True:
        answer = confirm(screen, facts)
        if answer is Answer.TEST:
            send_own_test(screen, preparation.inputs, account, credentials)
        elif answer is Answer.PREVIEW:
            show_first(screen, preparation.inputs)
        else:
            return answer is Answer.SEND


def where_mails_stay(account: Account) -> str:
    """For an account that sends nothing: where the mails are written; empty for one that sends."""
    if account.kind == "outbox":
        return f"Nothing leaves this machine: the mails are written to {account.folder}."
    return ""


def _facts(preparation: Preparation, account: Account, due: int, rates: Sequence[Rate]) -> Facts:
    plan = preparation.plan
    stays = where_mails_stay(account)
    attachments = f"{plan.attachments} attachments each" if plan.attachments > 1 else "1 attachment each"
    return Facts(
        count=due,
        sender=preparation.inputs.template.sender[1].shown,
        server=account.server,
        first=plan.first,
        last=plan.last,
        skipped=plan.skipped,
        rate=" and ".join(map(str, rates)),
        finish=_finish(due, rates),
        attachments=attachments if plan.attachments else "",
        extra=(stays,) if stays else (),
    )


def _finish(due: int, rates: Sequence[Rate]) -> datetime | None:
    """When the last mail would leave at the slowest of the rates; None where nothing slows us down."""
    seconds = [_lasts(due, rate) for rate in rates]
    return datetime.now(UTC) + timedelta(seconds=max(seconds)) if seconds else None


def _lasts(due: int, rate: Rate) -> float:
    """Short rates are spread evenly; a quota of an hour or a day is used up at once, and the rest waits for the next."""
    if rate.seconds <= SPREAD_UP_TO:
        return due * rate.seconds / rate.count
    return float((max(due, 1) - 1) // rate.count * rate.seconds)
