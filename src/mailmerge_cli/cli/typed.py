"""What the person typed, quoted for a shell, so that the next command can be told word for word."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from typer._click.globals import get_current_context

from mailmerge_cli.cli.options import Inputs, InputsOnKeys, OnKeys, Where
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


def typed_of(
    where: Where | OnKeys | Inputs | InputsOnKeys, account: str = "", words: Sequence[str] = ()
) -> Typed:
    """How the campaign and the run were named. `words`: the whole `send` as it was typed, for the command to repeat."""
    campaign = where.campaign or where.campaign_option
    options = [
        word
        for option, value in (
            ("-r", where.recipients), ("-m", where.message), ("--state-dir", where.state_dir), ("--run", where.run),
        )
        if value is not None
        for word in (option, shlex.quote(str(value)))
    ]  # fmt: skip
    place = shlex.quote(str(campaign)) if campaign else ""
    again = " ".join(words) or " ".join(filter(None, ("mailmerge send", place, *options)))
    return Typed(again, place, " ".join(options), account)
