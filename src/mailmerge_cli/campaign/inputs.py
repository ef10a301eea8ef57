"""A digest of everything that decides what is sent, so that a later `send` knows whether anything changed.

Inputs are recipients, template, attachments, values, From, where. Rates, connections, workers, limits and outputs are not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from mailmerge_cli.model.campaign import Campaign


def digest_inputs(campaign: Campaign, draft: str, values: Mapping[str, object]) -> str:
    """SHA-256 over the plan's own digest and the settings that shape it."""
    digest = hashlib.sha256()
    for part in (draft, campaign.recipients.where, campaign.message.sender, repr(sorted(values.items()))):
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()
