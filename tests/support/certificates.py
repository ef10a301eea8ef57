"""Certificates for servers in tests, good ones and bad ones, all made here and now by trustme."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import trustme

BAD = ("expired", "not-yet-valid", "wrong-host", "self-signed", "untrusted", "name-in-cn-only")
"""The kinds that a client must refuse."""


@cache
def authority() -> trustme.CA:
    """The authority that clients trust in tests."""
    return trustme.CA()


def ca_file(folder: Path) -> Path:
    """The authority's certificate as a file."""
    path = folder / "ca.pem"
    authority().cert_pem.write_to_path(str(path))
    return path


@cache
def server_context(kind: str = "good") -> ssl.SSLContext:
    """A server's context with a certificate of this kind for 127.0.0.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _certificate(kind).configure_cert(context)
    return context


def _certificate(kind: str) -> trustme.LeafCert:
    now = datetime.now(UTC)
    match kind:
        case "good":
            return authority().issue_cert("127.0.0.1", "localhost")
        case "expired":
            return authority().issue_cert(
                "127.0.0.1", not_before=now - timedelta(days=9), not_after=now - timedelta(days=2)
            )
        case "not-yet-valid":
            return authority().issue_cert("127.0.0.1", not_before=now + timedelta(days=2))
        case "wrong-host":
            return authority().issue_cert("mail.example.com")
        case "name-in-cn-only":
            return authority().issue_cert("mail.example.com", common_name="127.0.0.1")
        case "untrusted" | "self-signed":
            return trustme.CA().issue_cert("127.0.0.1")
    raise AssertionError(kind)
