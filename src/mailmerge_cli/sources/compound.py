"""The compound file that an old Office document is, and that wraps an encrypted one (MS-CFB): named streams in one file.

Rule: nothing that the file says about itself is believed: chains are followed no further than the file is long.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from typing import BinaryIO

SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_END = 0xFFFFFFFA
"""From here on a sector's number is none, but a mark."""

_ENTRY = 128
_STREAM, _ROOT = 2, 5
_MOST_ENTRIES = 4096


class TornCompound(ValueError):
    """The file is no compound file, or a torn one."""


class Compound:
    """The streams of a compound file.

    Args:
        stream: the file; it stays the caller's.

    Raises:
        TornCompound: see there.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        stream.seek(0)
        header = stream.read(512)
        if len(header) < 512 or not header.startswith(SIGNATURE):
            raise TornCompound("no header")
        shift, small_shift = struct.unpack_from("<HH", header, 30)
        if shift not in {9, 12} or small_shift != 6:
            raise TornCompound("sectors of an unknown size")
        self._size, self._small = 1 << shift, 1 << small_shift
        self._most = stream.seek(0, 2) // self._size + 1
        self._cutoff: int = struct.unpack_from("<I", header, 56)[0]
        self._fat = self._table(self._fat_sectors(header))
        self._entries = self._directory(struct.unpack_from("<I", header, 48)[0])
        small_fat = struct.unpack_from("<I", header, 60)[0]
        self._small_fat = self._table(self._chain(small_fat, self._fat)) if small_fat < _END else array("I")

    def names(self) -> list[str]:
        """The names of all streams; a name may stand there for each folder that has one."""
        return [name for name, _, _ in self._entries]

    def read(self, name: str, largest: int) -> bytes:
        """A stream's bytes, at most `largest` of them.

        Raises:
            KeyError: there is no such stream.
            TornCompound: its end is missing.
        """
        for found, start, size in self._entries:
            if found == name:
                return self._read(start, min(size, largest), small=size < self._cutoff)
        raise KeyError(name)

    def _read(self, start: int, size: int, *, small: bool) -> bytes:
        pieces: list[bytes] = []
        need = size
        if small:
            whole = self._read(*self._root, small=False)
            for at in self._chain(start, self._small_fat):
                pieces.append(whole[at * self._small : (at + 1) * self._small])
                need -= self._small
                if need <= 0:
                    break
        else:
            for at in self._chain(start, self._fat):
                pieces.append(self._sector(at))
                need -= self._size
                if need <= 0:
                    break
        content = b"".join(pieces)[:size]
        if len(content) < size:
            raise TornCompound("a stream's end is missing")
        return content

    def _fat_sectors(self, header: bytes) -> Iterator[int]:
        yield from (at for at in struct.unpack_from("<109I", header, 76) if at < _END)
        following: int = struct.unpack_from("<I", header, 68)[0]
        for _ in range(self._most):
            if following >= _END:
                return
            *sectors, following = struct.unpack(f"<{self._size // 4}I", self._sector(following))
            yield from (at for at in sectors if at < _END)

    def _table(self, sectors: Iterator[int]) -> array[int]:
        """Sectors of numbers as one table."""
        numbers = array("I")
        for count, at in enumerate(sectors):
            if count > self._most:
                raise TornCompound("its table of sectors does not end")
            numbers.extend(struct.unpack(f"<{self._size // 4}I", self._sector(at)))
        return numbers

    def _chain(self, start: int, table: array[int]) -> Iterator[int]:
        at = start
        for _ in range(len(table) + 1):
            if at >= _END:
                return
            yield at
            if at >= len(table):
                break
            at = table[at]
        raise TornCompound("a chain of sectors does not end")

    def _sector(self, at: int) -> bytes:
        if at >= self._most:
            raise TornCompound("a sector lies behind the end")
        self._stream.seek((at + 1) * self._size)
        content = self._stream.read(self._size)
        # The last one of a file need not be full.
        return content.ljust(self._size, b"\0")

    def _directory(self, start: int) -> list[tuple[str, int, int]]:
        """Name, first sector and size of each stream; the root's own chain holds the small streams."""
        entries: list[tuple[str, int, int]] = []
        self._root = (_END, 0)
        for at in self._chain(start, self._fat):
            sector = self._sector(at)
            for offset in range(0, self._size, _ENTRY):
                length, kind = struct.unpack_from("<HB", sector, offset + 64)
                first, size = struct.unpack_from("<IQ", sector, offset + 116)
                if self._size == 512:
                    size &= 0xFFFFFFFF  # the upper half may hold rubbish there (§2.6.1)
                if kind == _ROOT:
                    self._root = (first, size)
                elif kind == _STREAM:
                    name = sector[offset : offset + max(0, min(length, 64) - 2)].decode(
                        "utf-16-le", "replace"
                    )
                    entries.append((name, first, size))
            if len(entries) > _MOST_ENTRIES:
                raise TornCompound("too many streams")
        return entries
