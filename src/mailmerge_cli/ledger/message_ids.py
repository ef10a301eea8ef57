"""Message-IDs: one for each intent, the same for all its attempts, known without being stored (RFC 5322 §3.6.4).

The first one of a delivery follows from the ledger's secret, the run and the key, so planning a million costs nothing, and a machine
that was restored from a snapshot and sends by mistake uses the same ones, which many receiving systems drop. A resend is a new
intent and gets a new one.
"""

from __future__ import annotations

import hashlib
import secrets

_OCTETS = 16


def first_id(secret: bytes, run: str, key: str, domain: str) -> str:
    """The Message-ID of a delivery that has none yet, with angle brackets; neither key nor run can be read from it."""
    digest = hashlib.blake2b(f"{run}\0{key}".encode(), key=secret, digest_size=_OCTETS).hexdigest()
    return f"<{digest}@{domain}>"


def next_id(old: str) -> str:
    """A new one in the same domain; empty if the old one is, because then the first was never used."""
    domain = old.rstrip(">").rpartition("@")[2]
    return f"<{secrets.token_hex(_OCTETS)}@{domain}>" if old else ""
