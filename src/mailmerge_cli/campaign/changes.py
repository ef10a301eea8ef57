"""A new plan against the run in the ledger: nothing differs, or a person has to say what is meant.

Rule: only what was said is taken over; everything that differs and was not accepted is told, and nothing is sent.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailmerge_cli.errors import Problem, Refused
from mailmerge_cli.ledger.differences import Amendment, Difference, Differences, Kind
from mailmerge_cli.model.delivery import State

_SETTLED = (State.SENT, State.IN_DOUBT)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What the person said with the command: the options of these names."""

    accept_new: bool = False
    accept_changes: bool = False
    retry_failed: bool = False
    share_addresses: bool = False  # duplicates = "send"
    elsewhere: str = ""  # the `send` that can say these, for a command that has no such options


def amendment_for(differences: Differences, said: Acceptance) -> Amendment:
    """What to take over; Refused (65, `changed`) with the list of differences if more differs than was accepted."""
    if differences.taken.count and not said.share_addresses:
        raise _address_taken(differences.taken)
    groups = tuple(group for group in differences.groups if not (said.retry_failed and _is_retry(group)))
    only_new = all(group.kind is Kind.NEW for group in groups)
    if groups and not said.accept_changes and not (said.accept_new and only_new):
        raise _changed(groups, said)
    return Amendment(
        new=said.accept_new or said.accept_changes, changes=said.accept_changes, failed=said.retry_failed
    )


def _is_retry(group: Difference) -> bool:
    """`--retry-failed` takes failed rows as they are now; that is no further question."""
    return group.state is State.FAILED and group.kind in (Kind.CHANGED, Kind.WORSENED)


def _changed(groups: tuple[Difference, ...], said: Acceptance) -> Refused:
    problems = tuple(Problem(None, None, "changed", tell_difference(group)) for group in groups)
    only_new = all(group.kind is Kind.NEW for group in groups)
    choices = "--accept-new takes in the new ones only; " if only_new else ""
    still = (
        " --accept-new does not cover this: more than new rows differs."
        if said.accept_new and not only_new
        else ""
    )
    hint = f"{choices}--accept-changes takes over all of this for what is not sent yet; a new run for everybody needs a new label: --run LABEL."
    if said.elsewhere:
        hint = f"`{said.elsewhere} --accept-changes` takes over all of this, and sends what is not sent yet; then resend."
    return Refused(
        f"The inputs are not what this run was begun with.{still}",
        hint=hint,
        reason="changed",
        problems=problems,
    )


def _address_taken(taken: Difference) -> Refused:
    people = _names(taken)
    return Refused(
        f"{'1 new or changed row has' if taken.count == 1 else f'{taken.count} new or changed rows have'} an address that already got a mail of this run under another key: {people}.",
        hint="If two people share the address, say --duplicates send; else mend the list.",
        reason="changed",
        problems=tuple(
            Problem(
                one.row, None, "duplicate", f"{one.address} already got a mail of this run under another key"
            )
            for one in taken.samples
        ),
    )


_TOLD = {
    Kind.NEW: "new in the list",
    Kind.GONE: "no longer in the list",
    Kind.LEFT_OUT: "left out now",
    Kind.MENDED: "{were} invalid, {are} valid now",
    Kind.WORSENED: "{were} valid, {are} invalid now",
    Kind.BACK: "{were} left out, {are} due now",
}


def tell_difference(group: Difference) -> str:
    """One kind of difference in words: how many, which, and what that means."""
    one = group.count == 1
    what = _TOLD.get(group.kind, "{have} other content or another address").format(
        were="was" if one else "were", are="is" if one else "are", have="has" if one else "have"
    )
    state = "" if group.kind is Kind.NEW else f" ({group.state.value.replace('_', ' ')})"
    have = (
        "this person has the mail, nothing is sent a second time"
        if one
        else "they have their mail, nothing is sent to them again"
    )
    if group.state is State.SENT and group.kind is Kind.CHANGED:
        have += "; `mailmerge resend KEY` sends the new one"
    means = f" – {have}" if group.state in _SETTLED else ""
    return f"{group.count} {what}{state}: {_names(group)}{means}"


def _names(group: Difference) -> str:
    names = ", ".join(f"{one.key} (row {one.row})" for one in group.samples)
    return names + (", …" if group.count > len(group.samples) else "")
