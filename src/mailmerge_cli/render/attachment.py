"""Files that go along: found inside the campaign's folder only, read whole, and the octets that were checked are the ones sent.

Rule: a file is opened by its real path without following links, must be a regular file, and is hashed as it was read (B03).
"""

from __future__ import annotations

import hashlib
import mimetypes
import os
import re
import stat
import unicodedata
from pathlib import Path, PurePosixPath

from mailmerge_cli.render.base64 import base64_lines
from mailmerge_cli.render.letter import Attachment
from mailmerge_cli.render.words import file_headers

LARGEST = 150_000_000  # octets; the most that any provider takes (Graph upload sessions)
_TABLE = (
    mimetypes.MimeTypes()
)  # the built-in table alone: the machine's own would make hashes differ from place to place
_TYPES = {
    ".pdf": "application/pdf", ".csv": "text/csv", ".txt": "text/plain", ".ics": "text/calendar", ".zip": "application/zip",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".xlsm": "application/vnd.ms-excel.sheet.macroenabled.12", ".odt": "application/vnd.oasis.opendocument.text",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet", ".webp": "image/webp", ".svg": "image/svg+xml",
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif",
}  # fmt: skip
_BEGINNINGS = {
    ".pdf": b"%PDF-",
    ".docx": b"PK",
    ".xlsx": b"PK",
    ".pptx": b"PK",
    ".zip": b"PK",
    ".png": b"\x89PNG",
    ".jpg": b"\xff\xd8",
}
_RUNNING = frozenset(
    {".exe", ".bat", ".cmd", ".com", ".js", ".vbs", ".ps1", ".scr", ".msi", ".jar", ".lnk", ".hta"}
)
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[1-9]|lpt[1-9])(?:\..*)?", re.IGNORECASE)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://").match
_DRIVE = re.compile(r"[A-Za-z]:").match
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
)
_AWKWARD = frozenset('/\\:*?"<>|')


class AttachmentFault(ValueError):
    """Why a file cannot go along: a sentence that names the path."""


def find_file(root: str, path: str) -> str:
    """The real path of a file below the campaign's folder.

    Args:
        root: the real path of the folder.
        path: relative to it, as the sender wrote it.

    Raises:
        AttachmentFault: it is absolute, a URL, leads outside, or there is no such file (B01, B02).
    """
    plain = path.replace("\\", "/")
    if _URL(plain):
        raise AttachmentFault(f"{path!r} is a URL; only files in the campaign's folder can be attached")
    if plain.startswith(("/", "~")) or _DRIVE(plain):
        raise AttachmentFault(f"{path!r} is not relative to the campaign's folder")
    if "*" in plain or "?" in plain:
        raise AttachmentFault(f"{path!r} is a pattern; an attachment is one path, never searched for")
    if "\0" in plain:
        raise AttachmentFault("the path holds U+0000")
    real = _straight(root, plain) or os.path.realpath(os.path.join(root, plain))  # noqa: PTH118  a Path costs as much as reading the file
    if not real.startswith(root.rstrip(os.sep) + os.sep):
        raise AttachmentFault(f"{path!r} leads out of the campaign's folder {os.path.basename(root)!r}")  # noqa: PTH119
    return real


def _straight(root: str, path: str) -> str:
    """The real path where it is the plain one: no link on the way from the folder. Empty: look closer.

    The folder's own path is real already, and `realpath` would look at each of its parts again for each row.
    """
    if os.name != "posix":
        return ""
    whole = root
    try:
        for name in path.split("/"):
            if name in ("", ".", ".."):
                return ""
            whole = f"{whole}/{name}" if whole != "/" else f"/{name}"
            if stat.S_ISLNK(os.lstat(whole).st_mode):
                return ""
    except (OSError, ValueError):
        return ""
    return whole


def read_file(file: str | Path, path: str) -> bytes:
    """All octets of a regular file that is not empty; see `_read`."""
    return _read(file, path)[0]


def _read(file: str | Path, path: str) -> tuple[bytes, tuple[int, int]]:
    """All octets of a regular file that is not empty (B03, B07, B10), and its device and inode.

    Args:
        file: its real path.
        path: how a person knows it.

    Raises:
        AttachmentFault: it is missing, empty, no regular file, too big, or cannot be read to its end.
    """
    try:
        descriptor = os.open(file, _FLAGS)
    except FileNotFoundError:
        raise AttachmentFault(f"there is no file {path!r}") from None
    except OSError as error:
        raise AttachmentFault(f"{path!r} cannot be read: {error.strerror}") from None
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise AttachmentFault(f"{path!r} is not a regular file")
        if state.st_size > LARGEST:
            raise AttachmentFault(f"{path!r} is too big to be mailed ({state.st_size} octets)")
        return _read_all(descriptor, state.st_size, path), (state.st_dev, state.st_ino)
    except OSError as error:
        raise AttachmentFault(f"{path!r} cannot be read: {error.strerror}") from None
    finally:
        os.close(descriptor)


def _read_all(descriptor: int, size: int, path: str) -> bytes:
    content = os.read(descriptor, size + 1)  # one more than there should be tells a file that grows
    while len(content) < size and (piece := os.read(descriptor, size + 1 - len(content))):
        content += piece
    if len(content) != size:
        raise AttachmentFault(f"{path!r} changed while it was read")
    if not content:
        raise AttachmentFault(f"{path!r} is empty (0 bytes)")
    return content


def checked_name(name: str) -> str:
    """The name under which a file goes along: one that every receiver can save (B08).

    Raises:
        AttachmentFault: it is blank, has a separator, control or direction characters, or is reserved on Windows.
    """
    name = name.strip()
    for char in name if not name.isprintable() else "":
        if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
            raise AttachmentFault(f"its name holds the character U+{ord(char):04X}")
    if not name or name.strip(". ") == "":
        raise AttachmentFault("its name is empty")
    if not _AWKWARD.isdisjoint(name):
        raise AttachmentFault(
            'its name holds one of / \\ : * ? " < > |, which may not stand in the name of a file'
        )
    if len(name.encode()) > 255 or _RESERVED.fullmatch(name):
        raise AttachmentFault("its name is too long" if len(name) > 80 else "its name is reserved on Windows")
    return name


def _last(path: str) -> str:
    """The last part of a path, as `PurePosixPath` has it, which costs ten times as much."""
    name = path.rpartition("/")[2]
    return name if name not in ("", ".") else PurePosixPath(path).name


def _ending(path: str) -> str:
    """The ending, in lower case, with its dot; empty for none, and for a name that is nothing but one."""
    name = _last(path.lower())
    dot = name.rfind(".")
    return name[dot:] if 0 < dot < len(name) - 1 else ""


def media_type(name: str, content: bytes) -> str:
    """By the name's ending; text in UTF-8 says so, and what must not be encoded (a mail in a mail) is a plain file."""
    ending = _ending(name)
    guessed = _TYPES.get(ending) or _TABLE.guess_type(name)[0] or "application/octet-stream"
    if guessed.startswith(("message/", "multipart/")):
        return "application/octet-stream"
    if guessed.startswith("text/"):
        try:
            content.decode("utf-8")
        except UnicodeDecodeError:
            return "application/octet-stream"
        return f"{guessed}; charset=utf-8"
    return guessed


def warning_of(path: str, content: bytes) -> str:
    """What is odd about a file, for people to judge (B09); empty mostly."""
    ending = _ending(path)
    begins = _BEGINNINGS.get(ending)
    if begins is not None and begins not in content[:1024]:
        return f"{path!r} does not look like a {ending[1:].upper()} file"
    return f"{path!r} is a program, which many servers refuse" if ending in _RUNNING else ""


def load(
    file: str | Path,
    path: str,
    name: str = "",
    *,
    from_cells: bool = False,
    shared: bool = False,
    keep: bool = False,
) -> Attachment:
    """Read one file.

    Args:
        file: its real path.
        path: how the sender wrote it.
        name: under which it goes along; its own by default.
        from_cells: cells had a part in the path.
        shared: it is the same for all rows, so its MIME part is made now.
        keep: its octets go with it.

    Raises:
        AttachmentFault: it cannot go along.
    """
    name = checked_name(name or _last(path.replace("\\", "/")))
    content, inode = _read(file, path)
    kind = media_type(name, content)
    made = Attachment(
        name,
        kind,
        path,
        os.fspath(file),
        hashlib.sha256(content).digest(),
        len(content),
        from_cells,
        warning_of(path, content),
        inode=inode,
        content=content if keep and not shared else b"",
    )
    return with_entity(made, content) if shared else made


def with_entity(made: Attachment, content: bytes) -> Attachment:
    """The same with its MIME part in it."""
    from dataclasses import replace

    return replace(made, entity=entity(made, content))


def entity(made: Attachment, content: bytes) -> bytes:
    """The whole MIME part of a file."""
    headers = file_headers("attachment", made.name, made.type)
    headers += "Content-Transfer-Encoding: base64\r\n\r\n"
    return base64_lines(content, headers.encode("ascii"))


def image_entity(made: Attachment, content: bytes, content_id: str) -> bytes:
    """The whole MIME part of an image that the HTML shows."""
    headers = file_headers("inline", made.name, made.type)
    headers += f"Content-ID: <{content_id}>\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return base64_lines(content, headers.encode("ascii"))
