"""Message-IDs: one for each intent, the same for all its attempts, known without being stored (RFC 5322 §3.6.4).

The first one of a delivery follows from the ledger's secret, the run and the key, so planning a million costs nothing, and a machine
that was restored from a snapshot and sends by mistake uses the same ones, which many receiving systems drop. A resend is a new
intent and gets a new one.
"""

from __future__ import annotations

import hashlib
import secrets

_OCTETS = 16


def seed(secret: bytes, run: str) -> hashlib.blake2b:
    """What all first Message-IDs of a run have in common: their hash, as far as it can be made without the key."""
    return hashlib.blake2b(f"{run}\0".encode(), key=secret, digest_size=_OCTETS)


def first_id(seed: hashlib.blake2b, key: str, domain: str) -> str:
    """The Message-ID of a delivery that has none yet, with angle brackets; neither key nor run can be read from it."""
    digest = seed.copy()
    digest.update(key.encode())
    return f"<{digest.hexdigest()}@{domain}>"


def next_id(old: str) -> str:
    """A new one in the same domain; empty if the old one is, because then the first was never used."""
    domain = old.rstrip(">").rpartition("@")[2]
    return f"<{secrets.token_hex(_OCTETS)}@{domain}>" if old else ""
