"""The zip archive that a workbook is, opened with suspicion (F20, F21, F23).

Rule 1: no part is read that declares or turns out to be larger than its limit, or that was packed beyond belief.
Rule 2: no part may hold a document type, so no entity is ever expanded and nothing is ever fetched.
"""

from __future__ import annotations

import posixpath
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO
from xml.parsers import expat

from mailmerge_cli.errors import Refused
from mailmerge_cli.sources.identify import LARGEST_DIRECTORY, directory_size

CHUNK = 1 << 16
LARGEST_SHEET = 2 << 30
LARGEST_PART = 256 << 20
_LARGEST_SMALL = 32 << 20  # workbook.xml and the relationships
_MOST_PARTS = 20_000
# Sheets of empty formatted rows come to 1 : 60; a bomb to 1 : 1000.
_RATIO = 200
_SMALL = 4 << 20
_PACKED = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # office programs write no other (ECMA-376 part 2)

Attributes = dict[str, str]


class Package:
    """The parts of a workbook.

    Args:
        stream: the file; it stays the caller's.
        name: the file's name, for messages.

    Raises:
        Refused: no zip archive, or one that no program for tables writes.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self.name = name
        if directory_size(stream) > LARGEST_DIRECTORY:
            raise self.bomb("it has too many parts")
        try:
            self._archive = zipfile.ZipFile(stream)
        except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError) as fault:
            raise self.damaged("its end is missing") from fault
        entries = self._archive.infolist()
        if len(entries) > _MOST_PARTS:
            raise self.bomb(f"it has {len(entries):,} parts")
        self._entries = {_plain(entry.filename): entry for entry in entries}

    def __contains__(self, part: str) -> bool:
        return _plain(part) in self._entries

    def names(self) -> list[str]:
        """All parts, in lower case."""
        return list(self._entries)

    def chunks(self, part: str, largest: int = LARGEST_PART) -> Iterator[bytes]:
        """A part's bytes, bit by bit. Refused if there is no such part, or it is damaged or too large."""
        entry = self._entries.get(_plain(part))
        if entry is None:
            raise self.damaged(f"its part {part} is missing")
        if entry.flag_bits & 1:
            raise Refused(
                f"{self.name} is protected by a password", hint="take the password off in Excel and save it"
            )
        if entry.compress_type not in _PACKED:
            raise self.damaged(f"its part {part} is packed in a way that no workbook is")
        self._weigh(part, entry.file_size, entry.compress_size, largest)
        size = 0
        try:
            with self._archive.open(entry) as stream:
                while chunk := stream.read(CHUNK):
                    size += len(chunk)
                    # What an archive says about itself need not be so.
                    self._weigh(part, size, entry.compress_size, largest)
                    yield chunk
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError) as fault:
            raise self.damaged(f"its part {part} cannot be unpacked") from fault

    def parse(self, part: str, start: Callable[[str, Attributes], None]) -> None:
        """Tell `start` about each element of a part: its name without prefix, its attributes without prefixes."""
        parser = self.parser(part)
        parser.StartElementHandler = lambda name, attributes: start(
            local(name), {local(key): value for key, value in attributes.items()}
        )
        for _ in self.feed(part, parser, _LARGEST_SMALL):
            pass

    def parser(self, part: str) -> expat.XMLParserType:
        """An XML parser that takes no document type."""
        parser = expat.ParserCreate()
        parser.buffer_text = True

        def refuse(*_: object) -> None:
            raise Refused(
                f"{self.name}: its part {part} declares a document type or entities, which no workbook needs"
            )

        parser.StartDoctypeDeclHandler = refuse
        parser.EntityDeclHandler = refuse
        return parser

    def feed(self, part: str, parser: expat.XMLParserType, largest: int) -> Iterator[None]:
        """Hand a part to a parser, chunk by chunk; between them the caller may use what was found."""
        try:
            for chunk in self.chunks(part, largest):
                parser.Parse(chunk, False)
                yield
            parser.Parse(b"", True)
            yield
        except expat.ExpatError as fault:
            raise self.damaged(f"its part {part}, line {fault.lineno}, is no XML") from fault
        except (LookupError, ValueError) as fault:
            raise self.damaged(f"its part {part} is written in an encoding that no workbook has") from fault

    def related(self, part: str) -> dict[str, tuple[str, str]]:
        """The relationships of a part (or of the whole, for ""): id → (last word of its type, target part)."""
        folder, name = posixpath.split(part)
        rels = posixpath.join(folder, "_rels", name + ".rels")
        found: dict[str, tuple[str, str]] = {}

        def start(name: str, attributes: Attributes) -> None:
            if name == "Relationship" and attributes.get("TargetMode") != "External":
                target = posixpath.normpath(posixpath.join("/", folder, attributes.get("Target", ""))).lstrip(
                    "/"
                )
                kind = attributes.get("Type", "").rpartition("/")[2]
                found[attributes.get("Id", "")] = (kind, target)

        if rels in self:
            self.parse(rels, start)
        return found

    def damaged(self, what: str) -> Refused:
        """The workbook cannot be read."""
        return Refused(f"{self.name} is damaged: {what}", hint="open it in Excel and save it again")

    def bomb(self, what: str) -> Refused:
        """The workbook is refused before it fills the memory."""
        return Refused(f"{self.name} is not read: {what}, more than any list of recipients needs")

    def _weigh(self, part: str, size: int, packed: int, largest: int) -> None:
        if size > largest:
            raise self.bomb(f"its part {part} has more than {largest >> 20:,} MB")
        if size > _SMALL and size > packed * _RATIO:
            raise self.bomb(f"its part {part} was packed more than {_RATIO} times")


def local(name: str) -> str:
    """An XML name without its prefix."""
    return name.rpartition(":")[2]


def _plain(part: str) -> str:
    return part.replace("\\", "/").lstrip("/").lower()
