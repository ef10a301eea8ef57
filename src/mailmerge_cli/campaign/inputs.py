"""Digests of everything that decides what is sent, so that a later `send` knows whether anything changed.

Inputs are recipients, template, attachments, values, From, where. Rates, connections, workers, limits and outputs are not.

The *inputs* are what a plan came to; its *premises* are what it followed from. Equal premises make equal plans, so where they are the same
nothing need be planned again. Premises may differ without need, and never agree by mistake: what is not known to be irrelevant counts.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

from mailmerge_cli import __version__
from mailmerge_cli.campaign.exclusions import Exclusions
from mailmerge_cli.model.campaign import Campaign, Unfinished
from mailmerge_cli.model.table import Source
from mailmerge_cli.render.template import Template


def digest_inputs(campaign: Campaign, draft: str, values: Mapping[str, object]) -> str:
    """SHA-256 over the plan's own digest and the settings that shape it."""
    return _digest((draft, campaign.recipients.where, campaign.message.sender, repr(sorted(values.items()))))


def digest_premises(
    campaign: Campaign,
    names: Mapping[str, object],
    source: Source,
    template: Template,
    exclusions: Exclusions,
) -> str:
    """SHA-256 over all that a plan follows from; empty where that cannot be known without going through all rows.

    Args:
        campaign: all its settings but those that decide about no row.
        names: the constants of the templates: values, the run's label and its moment.
        source: its fingerprint stands for its rows.
        template: its fingerprint stands for the message, its sender, and the files that all mails share.
        exclusions: their content.
    """
    if template.own_files:
        return ""  # a file of a row may change without anything else changing
    import jinja2

    return _digest((
        source.fingerprint, template.fingerprint, repr(sorted(names.items())), repr(sorted(exclusions.addresses.items())),
        repr(sorted(exclusions.domains.items())), repr(_about_rows(campaign)), __version__, jinja2.__version__, sys.version,
    ))  # fmt: skip


def _about_rows(campaign: Campaign) -> Campaign:
    """The settings without those that are known to decide about no row: a new one counts until it is named here."""
    sending = replace(
        campaign.sending, rates=(), connections=0, workers="", attempts=0, give_up_after=timedelta(), retry_after=timedelta(),
        stop_after=0,
    )  # fmt: skip
    return replace(
        campaign,
        file=None,
        account="",
        account_typed=False,
        run="",
        unfinished=Unfinished.REFUSE,
        sending=sending,
    )


def _digest(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()
