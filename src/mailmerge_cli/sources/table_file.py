"""What all sources that read one file have in common: a snapshot, passes over it, and an orderly end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from mailmerge_cli.model.table import Column, Row
from mailmerge_cli.sources.choices import Choices
from mailmerge_cli.sources.snapshot import Snapshot


class TableFile(ABC):
    """A table in one file; see `model.table.Source` for its promises.

    A class below fills `columns`, `fingerprint` and `notes` when it is made, and reads rows in `_read`.
    """

    columns: tuple[Column, ...]
    fingerprint: str
    notes: tuple[str, ...]

    def __init__(self, path: Path, choices: Choices) -> None:
        self._snapshot = Snapshot(path)
        self._choices = choices
        self._streams: set[BinaryIO] = set()

    def rows(self) -> Iterator[Row]:
        """One pass over all rows. Refused when the file changed since it was opened, even at the pass's end."""
        stream = self._snapshot.open()
        self._streams.add(stream)
        try:
            yield from self._read(stream)
            self._snapshot.verify()
        finally:
            self._streams.discard(stream)
            stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in self._streams:
            stream.close()

    @abstractmethod
    def _read(self, stream: BinaryIO) -> Iterator[Row]:
        """The rows of one pass."""


def counted(count: int, one: str, many: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{count:,} {one if count == 1 else many}"
