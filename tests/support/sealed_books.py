"""Workbooks with a password, made for tests: agile as Excel makes them now, standard as Excel 2007 did (MS-OFFCRYPTO §2.3.4)."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from msoffcrypto.format.ooxml import OOXMLFile
from msoffcrypto.method.container.ecma376_encrypted import ECMA376Encrypted

from mailmerge_cli.sources.compound import Compound


def seal(path: Path, password: str, *, into: Path | None = None) -> Path:
    """Encrypt a workbook as Excel does now, in its place or into another file."""
    _fill(path)
    sealed = io.BytesIO()
    OOXMLFile(io.BytesIO(path.read_bytes())).encrypt(password, sealed)
    into = into or path
    into.write_bytes(sealed.getvalue())
    return into


def seal_as_2007(path: Path, password: str) -> Path:
    """Encrypt a workbook in its place as Excel 2007 did: AES-128, SHA-1, 50,000 rounds."""
    _fill(path)
    content, salt = path.read_bytes(), os.urandom(16)
    cipher = Cipher(algorithms.AES(_key(password, salt)), modes.ECB())

    def encrypted(octets: bytes) -> bytes:
        worker = cipher.encryptor()
        return worker.update(octets + b"\0" * (-len(octets) % 16)) + worker.finalize()

    verifier = os.urandom(16)
    provider = "Microsoft Enhanced RSA and AES Cryptographic Provider\0".encode("utf-16-le")
    header = struct.pack("<8I", 0x24, 0, 0x660E, 0x8004, 128, 0x18, 0, 0) + provider
    head = struct.pack("<HHII", 4, 2, 0x24, len(header)) + header
    head += struct.pack("<I", 16) + salt + encrypted(verifier)
    head += struct.pack("<I", 20) + encrypted(hashlib.sha1(verifier).digest())
    package = struct.pack("<Q", len(content)) + encrypted(content)
    sealed = io.BytesIO()
    ECMA376Encrypted(package, head).write_to(sealed)
    path.write_bytes(sealed.getvalue())
    return path


def with_head(path: Path, change: Callable[[bytes], bytes]) -> Path:
    """Change what a sealed workbook says about its encryption, in its place."""
    with path.open("rb") as stream:
        compound = Compound(stream)
        head, package = (compound.read(name, 1 << 20) for name in ("EncryptionInfo", "EncryptedPackage"))
    changed = change(head)
    assert changed != head
    sealed = io.BytesIO()
    ECMA376Encrypted(package, changed).write_to(sealed)
    path.write_bytes(sealed.getvalue())
    return path


def _fill(path: Path) -> None:
    """The library writes streams of less than 4096 octets so that nobody finds them again: make the workbook larger."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(zipfile.ZipInfo("filler.xml"), b"<x>" + b" " * 8192 + b"</x>")


def _key(password: str, salt: bytes) -> bytes:
    digest = hashlib.sha1(salt + password.encode("utf-16-le")).digest()
    for spin in range(50_000):
        digest = hashlib.sha1(struct.pack("<I", spin) + digest).digest()
    digest = hashlib.sha1(digest + struct.pack("<I", 0)).digest()
    return hashlib.sha1(bytes(a ^ 0x36 for a in digest.ljust(64, b"\0"))).digest()[:16]
