"""Certificates for servers in tests, good ones and bad ones, all made here and now by trustme."""

from __future__ import annotations

import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import IPv4Address
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

BAD = (
    "expired", "not-yet-valid", "wrong-host", "self-signed", "untrusted", "name-in-cn-only", "for-clients-only",
)  # fmt: skip
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
    if kind in ("self-signed", "for-clients-only"):
        _load(context, _made_by_hand(kind))
    else:
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
        case "untrusted":
            return trustme.CA().issue_cert("127.0.0.1")
    raise AssertionError(kind)


def _made_by_hand(kind: str) -> bytes:
    """Key and certificate of a kind that trustme does not make: its own issuer; or the authority's, but not for servers."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    trusted = authority()
    issuer = x509.load_pem_x509_certificate(trusted.cert_pem.bytes()).subject
    signer = serialization.load_pem_private_key(trusted.private_key_pem.bytes(), None)
    purpose = (
        x509.ExtendedKeyUsageOID.CLIENT_AUTH
        if kind == "for-clients-only"
        else x509.ExtendedKeyUsageOID.SERVER_AUTH
    )
    certificate = (
        x509.CertificateBuilder(
            name if kind == "self-signed" else issuer, name, key.public_key(), x509.random_serial_number()
        )
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=9))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .sign(key if kind == "self-signed" else signer, hashes.SHA256())  # type: ignore[arg-type]
    )
    unlocked = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, unlocked) + certificate.public_bytes(
        serialization.Encoding.PEM
    )


def _load(context: ssl.SSLContext, pem: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "server.pem"
        file.write_bytes(pem)
        context.load_cert_chain(file)
