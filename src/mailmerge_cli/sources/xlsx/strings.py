"""The texts that cells share, and what stands in them: runs, phonetic guides, escapes."""

from __future__ import annotations

import re
from array import array

from mailmerge_cli.sources.scruple import FORBIDDEN
from mailmerge_cli.sources.xlsx.package import CHUNK, LARGEST_PART, Attributes, Package, local

_LONGEST_TEXT = (8 << 20) // CHUNK
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")


def unescaped(text: str) -> str:
    """`_x000D_` as the character that it stands for (ECMA-376 part 1, §22.9.2.19)."""
    if "_x" not in text:
        return text
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)


class Texts:
    """The texts that cells share, by their numbers from 0.

    A list of many people shares hardly any text, so all of them are kept as octets in one piece: a third of the memory, and
    they travel to other processes ten times as fast.

    Attributes:
        suspect: numbers of those that hold a character that no mail may carry.
    """

    __slots__ = ("_ends", "_octets", "suspect")

    def __init__(self) -> None:
        self.suspect: set[int] = set()
        self._octets = bytearray()
        self._ends = array("Q", [0])

    def append(self, text: str) -> None:
        """One more."""
        if FORBIDDEN.search(text):
            self.suspect.add(len(self))
        self._octets += text.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._octets))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, number: int) -> str:
        """IndexError if there are not so many."""
        ends = self._ends
        return self._octets[ends[number] : ends[number + 1]].decode("utf-8", "surrogatepass")


def read_strings(package: Package, part: str) -> Texts:
    """All shared texts in their order."""
    reader = _StringsReader()
    if part and part in package:
        parser = package.parser(part)
        parser.StartElementHandler = reader.start
        parser.EndElementHandler = reader.end
        parser.CharacterDataHandler = reader.characters
        count = chunks = 0
        for _ in package.feed(part, parser, LARGEST_PART):
            chunks = chunks + 1 if len(reader.texts) == count else 0
            if chunks > _LONGEST_TEXT:
                raise package.bomb(f"a text of its part {part} does not end")
            count = len(reader.texts)
    return reader.texts


class _StringsReader:
    """What the XML parser calls; the text of a phonetic guide (`rPh`) belongs to no cell."""

    def __init__(self) -> None:
        self.texts = Texts()
        self._text = ""
        self._pieces: list[str] = []
        self._phonetic = 0

    def start(self, name: str, _: Attributes) -> None:
        """An element begins."""
        name = local(name)
        if name == "t":
            self._text = ""
        elif name == "rPh":
            self._phonetic += 1

    def end(self, name: str) -> None:
        """An element ends."""
        name = local(name)
        if name == "t" and not self._phonetic:
            self._pieces.append(self._text)
        elif name == "si":
            self.texts.append(unescaped("".join(self._pieces)))
            self._pieces.clear()
            self._text = ""  # blanks between empty texts would pile up
        elif name == "rPh":
            self._phonetic -= 1

    def characters(self, text: str) -> None:
        """A piece of text, of some element or of the white space between them."""
        self._text += text
