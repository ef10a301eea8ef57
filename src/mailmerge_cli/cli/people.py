"""The people that the words of `resend` and `resolve` mean: keys, addresses, and a campaign's folder before them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from mailmerge_cli.cli.options import InputsOnKeys, OnKeys
from mailmerge_cli.cli.wishes import keys_of
from mailmerge_cli.config.places import CAMPAIGN_FILE
from mailmerge_cli.errors import Refused
from mailmerge_cli.ledger.reading import Reading
from mailmerge_cli.model.delivery import Delivery, Run
from mailmerge_cli.report.steps import Typed

_COMPARED = 20_000  # keys that are looked through for near ones; more would take seconds
_Named = TypeVar("_Named", OnKeys, InputsOnKeys)


def apart(where: _Named, words: Sequence[str], *, all_: bool = False) -> tuple[_Named, list[str]]:
    """The campaign and the keys: a first word that is a folder with a campaign.toml is the campaign, as everywhere else.

    `@FILE` is a file with one key a line, as for `--only`; UsageFault if that is nobody.
    `all_`: all are meant, so that the one word can be nothing but the campaign.
    """
    words = list(words)
    free = where.campaign_option is None and where.recipients is None and where.message is None
    if free and len(words) > (0 if all_ else 1) and words[0] and (Path(words[0]) / CAMPAIGN_FILE).is_file():
        where, words = replace(where, campaign_option=Path(words[0])), words[1:]
    return where, list(keys_of(words) or ())


def named(ledger: Reading, run: Run, words: Sequence[str], typed: Typed) -> list[Delivery]:
    """Those whose keys these are, or whose addresses, where one alone has it; in the order of the words, each once.

    Raises:
        Refused: nobody is called so, with the nearest keys; or several have that address.
    """
    found = ledger.find(run, words)
    missing = [word for word in dict.fromkeys(words) if word not in found]
    if missing:
        found.update(_by_address(ledger, run, missing, typed))
    return list({found[word].id: found[word] for word in words}.values())


def _by_address(ledger: Reading, run: Run, words: Sequence[str], typed: Typed) -> dict[str, Delivery]:
    wanted: dict[str, list[Delivery]] = {word.casefold(): [] for word in words}
    keys = []
    for one in ledger.deliveries(run):
        keys.append(one.key)
        if (mails := wanted.get(one.address.casefold())) is not None:
            mails.append(one)
    if unknown := [word for word in words if not wanted[word.casefold()]]:
        raise _nobody(run, unknown, keys, typed)
    for word in words:
        if len(several := wanted[word.casefold()]) > 1:
            told = ", ".join(one.key for one in several[:5])
            raise Refused(f"Several have the address {word}: {told}. Name the key.")
    return {word: wanted[word.casefold()][0] for word in words}


def _nobody(run: Run, words: Sequence[str], keys: Sequence[str], typed: Typed) -> Refused:
    near = dict.fromkeys(key for word in words for key in get_close_matches(word, keys[:_COMPARED], n=3))
    nearest = f" The nearest: {', '.join(near)}." if near else ""
    return Refused(
        f"No such key or address in run “{run.label}”: {', '.join(words)}.{nearest}",
        hint="" if near else f"They are listed by: {typed.on('log')}",
    )
