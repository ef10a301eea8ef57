"""Workbooks that are encrypted with a password (ECMA-376 agile and standard, MS-OFFCRYPTO §2.3.4), opened in memory.

Rule 1: what was opened is never written to a disk, not even to a temporary file.
Rule 2: it never leaves this process, but by a pipe to the one that reads an .xlsb inside (`legacy.apart`): such a list is not pickled,
so no worker process reads it.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn

from mailmerge_cli.errors import ConfigFault, CredentialsFault, Refused
from mailmerge_cli.secret import Secret
from mailmerge_cli.sources.compound import Compound, TornCompound
from mailmerge_cli.sources.snapshot import Snapshot

Passwords = Callable[[Path, str], Iterator[Secret]]
"""What may open a file, given its path and its name for messages, one after the other.

Asking for the next one says that the last one was wrong. The end is a `CredentialsFault` that tells which ways there are.
"""

LARGEST = 256 << 20
"""Bytes of a file that is opened in memory; a list of a million rows takes about 50 MB."""

_EXCELS_OWN = Secret("VelvetSweatshop")  # what Excel takes where a person set none (MS-OFFCRYPTO §2.3.7.1)
_MOST_SPINS = 1_000_000  # Excel takes 100,000
_SPINS = re.compile(rb'spinCount\s*=\s*["\'](\d{1,20})["\']')
_LARGEST_HEAD = 1 << 16
_INSTALL = 'pip install "mailmerge-cli[encrypted]"'


class SealedSnapshot(Snapshot):
    """An encrypted file as it was when it was opened; whoever reads it reads what is inside.

    Args:
        path: the file.
        name: what it is called in messages.
        passwords: see there.

    Raises:
        FileMissing, Refused: see `Snapshot`; or it is damaged, or too large.
        ConfigFault: what it takes is not installed.
        CredentialsFault: none of the passwords opens it.
    """

    def __init__(self, path: Path, name: str, passwords: Passwords) -> None:
        self._content: bytes | None = None
        super().__init__(path)
        if self.size > LARGEST:
            raise Refused(
                f"{name} is not read: it is encrypted and larger than {LARGEST >> 20} MB",
                hint="save it without a password, or as several lists",
            )
        with super().open() as stream:
            self._content = _unsealed(stream, path, name, passwords)

    def open(self) -> BinaryIO:
        """What is inside, from its beginning. Refused if the file is not the file any more that it was."""
        stream = super().open()
        if self._content is None:
            return stream
        stream.close()
        return io.BytesIO(self._content)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a list that a password opened stays in its process")


def no_password(path: Path, name: str) -> Iterator[Secret]:
    """`Passwords` of somebody who has none."""
    raise CredentialsFault(f"{name} is protected by a password", hint=f"save {path.name} without it")


def _unsealed(stream: BinaryIO, path: Path, name: str, passwords: Passwords) -> bytes:
    try:
        import msoffcrypto.exceptions
        from msoffcrypto.format.ooxml import OOXMLFile
    except ModuleNotFoundError as missing:
        raise ConfigFault(
            f"{name} is protected by a password; to open it, mailmerge needs a package that is not installed",
            hint=f"Type: {_INSTALL} — or save the workbook without the password.",
        ) from missing
    _look_at_head(stream, name)
    try:
        sealed = OOXMLFile(stream)
        for password in _all(passwords, path, name):
            try:
                sealed.load_key(password=password.reveal(), verify_password=True)
            except msoffcrypto.exceptions.InvalidKeyError:
                continue
            opened = io.BytesIO()
            sealed.decrypt(opened)
            return opened.getvalue()
    except (CredentialsFault, Refused):
        raise
    except Exception as fault:  # the library meets a torn file with whatever it stumbles over
        raise _damaged(name) from fault
    raise AssertionError("passwords end with a fault")


def _all(passwords: Passwords, path: Path, name: str) -> Iterator[Secret]:
    """Excel's own first: a workbook that nobody gave a password (write-protected ones) opens without a question, as there."""
    yield _EXCELS_OWN
    yield from filter(None, passwords(path, name))


def _look_at_head(stream: BinaryIO, name: str) -> None:
    """Refuse a head that is made to burst or to take for ever, before a library reads it (F20, F21)."""
    try:
        head = Compound(stream).read("EncryptionInfo", _LARGEST_HEAD)
        major, minor = struct.unpack_from("<HH", head)
    except (TornCompound, KeyError, struct.error) as fault:
        raise _damaged(name) from fault
    finally:
        stream.seek(0)
    if (major, minor) == (4, 4):
        spins = _SPINS.findall(head)
        if b"<!" in head or b"\0" in head[8:] or not spins or max(map(int, spins)) > _MOST_SPINS:
            raise _damaged(name)
    elif minor != 2:
        raise Refused(
            f"{name} is encrypted in a way that is not read (version {major}.{minor}), such as by a certificate",
            hint="open it in Excel, and save it with a password, or without",
        )


def _damaged(name: str) -> Refused:
    return Refused(
        f"{name} is encrypted, and damaged or incomplete",
        hint="copy it again, or open it in Excel and save it",
    )
