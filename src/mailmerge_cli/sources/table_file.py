"""What all sources that read one file have in common: a snapshot, passes over it, and an orderly end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from mailmerge_cli.model.table import Column, Row, Source
from mailmerge_cli.sources.choices import Choices
from mailmerge_cli.sources.snapshot import Snapshot
from mailmerge_cli.sources.totals import Totals


class TableFile(Source, ABC):
    """A table in one file; see `model.table.Source` for its promises.

    A class below fills `columns`, `fingerprint` and `notes` when it is made, and reads rows in `_read`.
    It can be pickled: elsewhere it reads the same rows of the same file, and refuses the file if it is not the same any more.
    """

    columns: tuple[Column, ...]
    fingerprint: str
    notes: tuple[str, ...]

    def __init__(self, path: Path, choices: Choices, snapshot: Snapshot | None = None) -> None:
        self._snapshot = snapshot or Snapshot(path)
        self._choices = choices
        self._streams: set[BinaryIO] = set()

    @property
    def path(self) -> Path:
        """The file."""
        return self._snapshot.path

    @property
    def choices(self) -> Choices:
        """How the person wants it read."""
        return self._choices

    def rows(self) -> Iterator[Row]:
        """One pass over all rows, without totals at their end. Refused when the file changed since it was opened.

        `notes` are complete when a pass is over.
        """
        stream = self._snapshot.open()
        self._streams.add(stream)
        try:
            totals = Totals(self.columns, self._choices.persons)
            yield from totals.without(self._read(stream))
            self._snapshot.verify()
            self.notes = tuple(dict.fromkeys((*self.notes, *totals.notes)))
        finally:
            self._streams.discard(stream)
            stream.close()

    @property
    def size(self) -> int:
        """Octets of the file."""
        return self._snapshot.size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in self._streams:
            stream.close()

    def __getstate__(self) -> dict[str, Any]:
        """Everything that was found out when the file was opened; passes that are under way stay here."""
        return {**self.__dict__, "_streams": set()}

    @abstractmethod
    def _read(self, stream: BinaryIO) -> Iterator[Row]:
        """The rows of one pass."""


def counted(count: int, one: str, many: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{count:,} {one if count == 1 else many}"
