"""What the person typed, quoted for a shell, so that the next command can be told word for word.

Rule: every command that we advise is put together here or by `Typed`; it carries the campaign as it was typed.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import fields

from typer._click.globals import get_current_context

from mailmerge_cli.cli.options import InputOptions, Inputs, InputsOnKeys, OnKeys, Where
from mailmerge_cli.report.steps import Typed

_ONCE_WITH_VALUE = frozenset({"--test", "--row", "--key", "--only"})
_ONCE = _ONCE_WITH_VALUE | {
    "--new-run",
    "--accept-new",
    "--accept-changes",
    "--retry-failed",
    "--adopt-ledger",
}
"""Options of this call alone; the next command does not repeat them."""

_NAMES = frozenset({"campaign_option", "recipients", "message", "state_dir", "run", "account"})
"""Fields of `InputOptions` that name the campaign and the run, or are told apart; all others say how it is read."""

_OPTION = {"sender": "--from", "set_": "--set"}
"""Fields that are not called as their option is."""

_REMARK = "Type it with the same options as before ({}--encoding, --exclude, …)."


def again_of() -> list[str]:
    """This command line as it is to be typed again: without what was meant for this call alone."""
    words = iter(get_current_context().find_root().obj)
    again = ["mailmerge"]
    for word in words:
        name = word.partition("=")[0]
        if name not in _ONCE:
            again.append(shlex.quote(word))
        elif name in _ONCE_WITH_VALUE and "=" not in word:
            next(words, None)
    return again


def _as_typed() -> str:
    """This command line, word for word."""
    return " ".join(("mailmerge", *map(shlex.quote, get_current_context().find_root().obj)))


def typed_of(
    where: Where | OnKeys | Inputs | InputsOnKeys,
    account: str = "",
    words: Sequence[str] = (),
    *,
    used: str = "",
) -> Typed:
    """How the campaign and the run were named.

    Args:
        where: the options of the command.
        account: the campaign's.
        words: the whole `send` as it was typed, for the command to repeat.
        used: the account through which the run was sent, where the command would not say it: another one than the campaign's is named.
    """
    campaign = where.campaign or where.campaign_option
    place = shlex.quote(str(campaign)) if campaign else ""
    named = _options(("-r", where.recipients), ("-m", where.message), ("--state-dir", where.state_dir))
    options = [*named, *_options(("--run", where.run))]
    found_by = " ".join(filter(None, (place, *named)))
    through = where.account or (used if used != account else None) or None
    read = [*_reading(where), *_options(("-a", through))]
    inputs = " ".join(filter(None, (place, *named, *read)))
    if words:
        return Typed(
            " ".join(words), place, " ".join(options), account,
            first=_as_typed(), found_by=found_by, inputs=inputs,
        )  # fmt: skip
    again = " ".join(filter(None, ("mailmerge send", place, *options, *read)))
    remark = _REMARK.format("" if through else "--account, ") if _without_file(where) else ""
    return Typed(again, place, " ".join(options), account, remark=remark, found_by=found_by, inputs=inputs)


def _reading(where: Where | OnKeys | Inputs | InputsOnKeys) -> list[str]:
    """How list and message are read, as options; only commands that read them have such."""
    if not isinstance(where, InputOptions):
        return []
    return [
        word
        for field in fields(InputOptions)
        if field.name not in _NAMES
        for value in _each(getattr(where, field.name))
        for word in _options((_OPTION.get(field.name, f"--{field.name.replace('_', '-')}"), value))
    ]


def _each(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else (value,)


def _options(*given: tuple[str, object]) -> list[str]:
    return [
        word for option, value in given if value is not None for word in (option, shlex.quote(str(value)))
    ]


def _without_file(where: Where | OnKeys | Inputs | InputsOnKeys) -> bool:
    """Whether options alone make the campaign, so that a later command cannot know all of them."""
    return not (where.campaign or where.campaign_option) and where.message is not None
