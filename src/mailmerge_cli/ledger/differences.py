"""What differs between a new plan and a run in the ledger, as values; and what of it a person accepts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mailmerge_cli.model.delivery import State


class Kind(StrEnum):
    """How a row differs. The ledger's state stands beside it."""

    NEW = "new"  # its key is not in the run
    CHANGED = "changed"  # other content, or another address
    GONE = "gone"  # no longer in the list
    LEFT_OUT = "left_out"  # still in the list, but the plan skips it now
    MENDED = "mended"  # was invalid, is valid
    WORSENED = "worsened"  # was valid or skipped, is invalid
    BACK = "back"  # was gone or left out, is due again


@dataclass(frozen=True, slots=True)
class Sample:
    """One row that differs; `row` is the plan's line, or the ledger's if the list has it no more."""

    row: int
    key: str
    address: str


@dataclass(frozen=True, slots=True)
class Difference:
    """All rows that differ in one way. `state` is the ledger's; a new key has PENDING or INVALID, what it would become."""

    kind: Kind
    state: State
    count: int
    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True, slots=True)
class Differences:
    """All that differs and was not told before; empty (false) means: the same inputs.

    Attributes:
        groups: by kind and state. What is being sent counts as in doubt.
        taken: new or changed rows whose address already got a mail of this run under another key (count and samples); they are
            among `groups` too.
        cancelled: rows that a person cancelled and that the list would still send; no difference.
        failed: failed rows that the list would send; `--retry-failed` takes them. No difference as such.
    """

    groups: tuple[Difference, ...] = ()
    taken: Difference = Difference(Kind.NEW, State.PENDING, 0)
    cancelled: int = 0
    failed: int = 0

    def __bool__(self) -> bool:
        return bool(self.groups)

    def count(self, kind: Kind, *states: State) -> int:
        """Rows of that kind, in these states or in any."""
        return sum(
            one.count for one in self.groups if one.kind is kind and (not states or one.state in states)
        )

    @property
    def only_new(self) -> bool:
        """Nothing but new keys: `--accept-new` is enough."""
        return all(one.kind is Kind.NEW for one in self.groups)


@dataclass(frozen=True, slots=True)
class Amendment:
    """What a person accepts.

    Attributes:
        new: new keys are taken in (`--accept-new`).
        changes: all differences are (`--accept-changes`), new keys too; for sent, doubtful and failed rows it is remembered that
            the difference was told.
        failed: failed rows are tried again, as the plan has them now (`--retry-failed`).
        cancelled: what was cancelled is due again after all.
    """

    new: bool = False
    changes: bool = False
    failed: bool = False
    cancelled: bool = False
