"""Whose address is another one than in the run before: the draft beside the ledger, in SQL, as in `comparison.py`.

The run before is, for each key, the latest earlier one in which its mail was accepted; a trial counts for those alone who never had a
real mail. Who was written to twice in that run (`resend --to`) has two addresses there, and neither is new.
"""

# SQL is put together from this room's own constants only; values are always bound.
# ruff: noqa: S608

from __future__ import annotations

from typing import Final

from mailmerge_cli.ledger.draft import Draft
from mailmerge_cli.ledger.reading import TRIALS, Reading
from mailmerge_cli.model.delivery import Run
from mailmerge_cli.model.notice import FIRST, NewAddress

_BEFORE: Final = """
SELECT d.id FROM book.runs r CROSS JOIN book.deliveries d ON d.run = r.id AND d.key = e.key
WHERE r.id < :run AND (d.state = 'sent' OR EXISTS (SELECT 1 FROM book.attempts a WHERE a.delivery = d.id AND a.verdict = 'accepted'))
"""
_REAL: Final = "AND NOT (d.state = 'sent' AND (d.reply LIKE :outbox OR d.reply LIKE :mailbox))"
_LATEST: Final = "ORDER BY r.id DESC LIMIT 1"

_FOUND: Final = f"""
SELECT e.row, e.key, e.address, CASE d.state WHEN 'sent' THEN d.address ELSE (SELECT a.address FROM book.attempts a
    WHERE a.delivery = d.id AND a.verdict = 'accepted' ORDER BY a.id DESC LIMIT 1) END AS was, r.label
FROM entry e
JOIN book.deliveries d ON d.id = coalesce(({_BEFORE} {_REAL} {_LATEST}), ({_BEFORE} {_LATEST}))
JOIN book.runs r ON r.id = d.run
WHERE e.state = 'pending' AND was <> e.address AND fold(was) <> e.folded
    AND NOT EXISTS (SELECT 1 FROM book.attempts a WHERE a.delivery = d.id AND a.verdict = 'accepted' AND fold(a.address) = e.folded)
    AND NOT EXISTS (SELECT 1 FROM book.deliveries own WHERE own.run = :run AND own.key = e.key
        AND own.state IN ('sent', 'in_doubt', 'sending'))
ORDER BY e.rowid
"""
_NONE_YET: Final = (1 << 63) - 1  # the run that is not entered yet comes after all others


def new_addresses(draft: Draft, ledger: Reading, run: Run | None) -> tuple[tuple[NewAddress, ...], int]:
    """The first of those who would get a mail at an address that they had none at the last time, in the list's order; and how many.

    Args:
        draft: the plan; its keys are no addresses.
        ledger: of the same campaign.
        run: whose plan it is, if the ledger has it; who has a mail of this run already is not told of again.
    """
    if not any(run is None or one.id < run.id for one in ledger.runs()):
        return (), 0
    values = {
        "run": run.id if run else _NONE_YET,
        "outbox": TRIALS[0],
        "mailbox": TRIALS[1],
    }
    first, total = [], 0
    with draft.beside(ledger) as connection:
        for found in connection.execute(_FOUND, values):
            total += 1
            if total <= FIRST:
                first.append(NewAddress(*found))
    return tuple(first), total
