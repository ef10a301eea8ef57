"""Which source reads which file: by content first, then by the ending of the name.

Built-in sources are lazy names here; others come through the entry points `mailmerge_cli.sources`, whose name is the file
ending that they read (`parquet`). Text and .xlsx are never given to them; old workbooks and .ods are, if they claim the ending.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from mailmerge_cli.errors import Refused, UsageFault
from mailmerge_cli.model.table import Source
from mailmerge_cli.sources.choices import Choices, Hidden
from mailmerge_cli.sources.identify import Content, identify
from mailmerge_cli.sources.sealed import Passwords, SealedSnapshot, no_password
from mailmerge_cli.sources.snapshot import Snapshot
from mailmerge_cli.sources.spool import spool_stdin

Opener = Callable[[Path, Choices], Source]
"""What an entry point names: a class, or a function, that makes a source."""

GROUP = "mailmerge_cli.sources"
_BUILT_IN = {
    "csv": "mailmerge_cli.sources.delimited:DelimitedSource",
    "jsonl": "mailmerge_cli.sources.jsonl:JsonLinesSource",
}
_BY_CONTENT = {
    Content.WORKBOOK: "mailmerge_cli.sources.xlsx.source:WorkbookSource",
    Content.OLD: "mailmerge_cli.sources.legacy.old:OldWorkbookSource",
    Content.OPEN_DOCUMENT: "mailmerge_cli.sources.legacy.open_document:OpenDocumentSource",
}
_JSON_LINES = {".jsonl", ".ndjson"}
_WORKBOOKS = {".xlsx", ".xlsm", ".xltx", ".xltm", ".xls", ".xlsb", ".ods"}


def open_source(
    path: Path | None,
    *,
    sheet: str = "",
    encoding: str = "",
    delimiter: str = "",
    hidden: Hidden | str = Hidden.REFUSE,
    stdin: BinaryIO | None = None,
    spool: Path | None = None,
    passwords: Passwords = no_password,
    table: str = "",
    start: str = "",
    header_rows: int = 0,
    persons: Iterable[str] = (),
) -> Source:
    """Open a table.

    Args:
        path: the file; None or `-` for standard input.
        sheet: see `Choices`.
        encoding: see `Choices`.
        delimiter: see `Choices`.
        hidden: see `Choices`.
        stdin: what standard input is.
        spool: where standard input is kept; None: in a temporary file.
        passwords: see `sealed.Passwords`.
        table: see `Choices`.
        start: see `Choices`.
        header_rows: see `Choices`.
        persons: see `Choices`.

    Raises:
        CredentialsFault: it is encrypted, and no password opens it.
        ConfigFault: it takes a package that is not installed; the text says which.
        FileMissing: it does not exist or cannot be read.
        Refused: it is no table, or one that cannot be read safely; the text says what it is and what to do.
        LedgerFault: standard input cannot be kept.
    """
    choices = Choices(sheet, encoding, delimiter, _policy(hidden), table, start, header_rows, tuple(persons))
    if path is None or str(path) == "-":
        if stdin is None:
            raise UsageFault("there is no standard input to read the list from")
        path = spool_stdin(stdin, spool)
        return _opener(path, "", "standard input", passwords)(path, choices)
    return _opener(path, path.suffix.lower(), str(path), passwords)(path, choices)


def _policy(hidden: Hidden | str) -> Hidden:
    try:
        return Hidden(hidden)
    except ValueError:
        raise UsageFault(f"{hidden!r} is no choice for hidden rows; write refuse, skip or send") from None


def _opener(path: Path, ending: str, name: str, passwords: Passwords) -> Opener:
    """The source for a file, by what is in it."""
    with Snapshot(path).open() as stream:
        content, words = identify(stream)
        stream.seek(0)
        head = stream.read(1024)
    if content is Content.SEALED:
        return partial(_unsealed, name, passwords)
    if content is Content.WORKBOOK:
        return _loaded(_BY_CONTENT[content])
    if ending.lstrip(".") not in {"", "xlsx", *_BUILT_IN} and (other := _third_party(ending.lstrip("."))):
        return other
    if content in _BY_CONTENT:
        return _loaded(_BY_CONTENT[content])
    if content is Content.OTHER:
        raise Refused(f"{name} is {words}")
    if ending in _WORKBOOKS:
        raise Refused(f"{name} is a text file with the ending {ending}", hint="rename it to end in .csv")
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if ending == ".json" or (start == b"[" and ending in _JSON_LINES):
        raise Refused(f"{name} holds one JSON text", hint="write one object a line, and name the file .jsonl")
    if ending in _JSON_LINES or (not ending and start == b"{"):
        return _loaded(_BUILT_IN["jsonl"])
    return _loaded(_BUILT_IN["csv"])


def _unsealed(name: str, passwords: Passwords, path: Path, choices: Choices) -> Source:
    """The source for what an encrypted file holds. A third party's is not asked: it would read the file itself."""
    snapshot = SealedSnapshot(path, name, passwords)
    with snapshot.open() as stream:
        content, words = identify(stream)
    if content not in _BY_CONTENT:
        raise Refused(f"{name} holds no table; it is {words or 'encrypted twice'}")
    opener = cast("Callable[[Path, Choices, Snapshot], Source]", _loaded(_BY_CONTENT[content]))
    return opener(path, choices, snapshot)


def _third_party(ending: str) -> Opener | None:
    from importlib.metadata import entry_points

    for entry in entry_points(group=GROUP):
        if entry.name.lower() == ending:
            return cast("Opener", entry.load())
    return None


def _loaded(name: str) -> Opener:
    from importlib import import_module

    module, _, attribute = name.partition(":")
    return cast("Opener", getattr(import_module(module), attribute))
