"""TLS for one connection, between the bytes of the socket and the bytes of SMTP; verification is always on.

Why not asyncio's: with the two buffers in our hands, what came before the handshake cannot be taken for an answer under it
(CVE-2011-0411), and replies that were in the socket when it was reset can still be decrypted.
"""

from __future__ import annotations

import contextlib
import os
import ssl
from pathlib import Path

from mailmerge_cli.errors import ConfigFault, MailmergeError, Unreachable
from mailmerge_cli.transports.smtp.reply import escape

_CHUNK = 65536


def verifying_context(ca_file: Path | None) -> ssl.SSLContext:
    """A client's context: TLS 1.2 or later, the certificate's names and not its CN (RFC 9525), the platform's authorities.

    `ca_file` *adds* authorities. So does `SSL_CERT_FILE`, whatever the OpenSSL that Python was built with makes of it.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    for path in (ca_file, os.environ.get("SSL_CERT_FILE")):
        if not path:
            continue
        try:
            context.load_verify_locations(cafile=path)
        except (OSError, ssl.SSLError) as error:
            what = "is no PEM file with certificates" if isinstance(error, ssl.SSLError) else "cannot be read"
            raise ConfigFault(
                f"The certificate authorities in {path}: the file {what}.",
                hint="Set ca_file (or SSL_CERT_FILE) to a PEM file that holds the authority's certificate.",
            ) from error
    return context


class TlsLayer:
    """Cipher text in, plain text out, and the other way round; no input, no output of its own."""

    __slots__ = ("_incoming", "_outgoing", "_tls", "done", "eof")

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self.done = False  # the handshake
        self.eof = False  # the peer said goodbye

    def shake(self) -> bytes:
        """Go on with the handshake; what must be written now. Raises `ssl.SSLError`, an alert for the peer in `outgoing`."""
        if not self.done:
            try:
                self._tls.do_handshake()
                self.done = True
            except ssl.SSLWantReadError:
                pass
        return self._outgoing.read()

    def encrypt(self, plain: bytes) -> bytes:
        """Cipher text of `plain`."""
        self._tls.write(plain)
        return self._outgoing.read()

    def put(self, cipher: bytes) -> None:
        """Take in what the socket gave."""
        self._incoming.write(cipher)

    def decrypt(self) -> bytes:
        """All plain text that is there."""
        parts = []
        try:
            while not self.eof:
                part = self._tls.read(_CHUNK)
                parts.append(part)
                self.eof = not part
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.eof = True
        except ssl.SSLError:
            # What was whole before the damage counts; after it nothing can be read.
            self.eof = True
        return b"".join(parts)

    def goodbye(self) -> bytes:
        """A close_notify."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self._tls.unwrap()
        return self._outgoing.read()

    def outgoing(self) -> bytes:
        """What TLS itself wants to say: an alert, a key update."""
        return self._outgoing.read()


def tls_fault(error: ssl.SSLError, server: str, host: str) -> MailmergeError:
    """What a failed handshake means for a person: a certificate or an old server is a setting, noise is a server out of order."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return ConfigFault(
            f"The certificate of {server} is not valid for {host}: {escape(error.verify_message)}.",
            hint="Check the host name and this machine's clock; a private authority's certificate goes into ca_file. "
            "Nothing was sent, not even the login.",
        )
    reason = (error.reason or "").upper()
    if ("PROTOCOL" in reason and "VERSION" in reason) or reason in {
        "UNSUPPORTED_PROTOCOL",
        "NO_PROTOCOLS_AVAILABLE",
    }:
        return ConfigFault(
            f"{server} speaks only versions of TLS that are no longer safe (before 1.2).",
            hint="Ask its administrator to switch TLS 1.2 on.",
        )
    return Unreachable(
        f"The TLS handshake with {server} failed: {escape(reason.replace('_', ' ').lower() or str(error))}.",
        hint='Port 465 mostly wants security = "tls", port 587 security = "starttls".',
    )
