"""A plan while it is made: one entry a row, on the disk, so that memory does not grow with the list.

It is SQLite's own temporary database: a file without a name (Unix) or deleted on close (Windows), which no crash leaves behind. It holds
keys, addresses, hashes and reasons; no cell.
"""

# SQL is put together from this room's own constants only; values are always bound.
# ruff: noqa: S608

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from mailmerge_cli.ledger import comparison
from mailmerge_cli.ledger.faults import told
from mailmerge_cli.model.delivery import Entry, Run, State

if TYPE_CHECKING:
    from mailmerge_cli.ledger.differences import Differences
    from mailmerge_cli.ledger.premises import Premises
    from mailmerge_cli.ledger.reading import Reading

# SQLite puts it there (sqlite.org/tempfiles.html §5); a person whose disk is full must know which one.
_PLACE: Final = Path("the plan's temporary file (in TMPDIR, else /var/tmp)")
_CACHE: Final = 8_000  # KiB of memory before it goes to the disk
_ENTRY: Final = "row, key, address, content_hash, state, reason"
_CHUNK: Final = 500
_WORDS: Final = {state: state.value for state in State}  # sqlite3 binds plain words faster
_PENDING: Final = State.PENDING.value

Line = tuple[int, str | None, str, str, bytes, str, str]
"""An entry as its table has it: row, key, address, folded address, content hash, state, reason; made by `line_of`."""


def line_of(
    row: int,
    key: str,
    address: str,
    content_hash: bytes,
    state: State = State.PENDING,
    reason: str = "",
) -> Line:
    """An entry's line. One that is not to be sent may have an empty key: it names nobody yet, and is no twin."""
    folded = address.casefold()
    # One object where there may be one: lines travel between processes, and what was said once is not said again.
    if folded == address:
        folded = address
    if state is State.PENDING:
        if not key:
            raise ValueError("a row that is to be sent has no key")
        return row, address if key == address else key, address, folded, content_hash, _PENDING, reason
    return row, key or None, address, folded, b"", _WORDS[state], reason


def weight(line: Line) -> int:
    """A line's share in the digest of its draft: their sum does not mind the order. A line that names nobody has none."""
    _, key, address, _, content_hash, state, _ = line
    return 0 if key is None else _weight(key, address, state, content_hash)


def _weight(key: str, address: str, state: str, content_hash: bytes) -> int:
    row = f"{len(key)}:{key}{len(address)}:{address}{state}:".encode() + content_hash
    return int.from_bytes(hashlib.sha256(row).digest(), "big")


@dataclass(frozen=True, slots=True)
class Twin:
    """One address or key that stands in a further row: `first` and `other` are (key, row)."""

    text: str
    first: tuple[str, int]
    other: tuple[str, int]


class Draft:
    """A plan being made; a context manager. One thread at a time.

    Attributes:
        premises: what the plan follows from; the ledger keeps them with the plan. None: it is to be made again every time.
    """

    def __init__(self) -> None:
        with told(_PLACE):
            self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False, uri=True)
            for setting in (
                "journal_mode = OFF",
                "synchronous = OFF",
                f"cache_size = -{_CACHE}",
                "temp_store = 1",
            ):
                self._connection.execute(f"PRAGMA {setting}")
            self._connection.execute(
                "CREATE TABLE entry (row INTEGER NOT NULL, key TEXT, address TEXT NOT NULL, folded TEXT NOT NULL,"
                " content_hash BLOB NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL)"
            )
            self._connection.execute(
                "CREATE TABLE place (digest BLOB PRIMARY KEY, row INTEGER NOT NULL) WITHOUT ROWID"
            )
        self.premises: Premises | None = None
        self._sorted = False
        self._digest: int | None = 0  # of all lines; None: lines were changed

    def close(self) -> None:
        """Deletes it."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(self, entries: Sequence[Entry]) -> None:
        """Adds some hundred entries. An invalid or skipped one may have an empty key: it names nobody yet, and is no twin."""
        lines = [
            line_of(one.row, one.key, one.address, one.content_hash, one.state, one.reason) for one in entries
        ]
        self.put(lines, sum(map(weight, lines)))

    def put(self, lines: Sequence[Line], digest: int) -> None:
        """Adds some hundred lines that were made and weighed elsewhere."""
        with self._change() as connection:
            connection.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)", lines)
        if self._digest is not None:
            self._digest += digest

    def claim(self, places: Sequence[tuple[bytes, int]]) -> dict[bytes, int]:
        """Notes for each of some hundred digests in which row it stands; those that an earlier row has, with that row."""
        with self._change() as connection:
            number = connection.executemany("INSERT OR IGNORE INTO place VALUES (?, ?)", places).rowcount
        if number == len(places):
            return {}
        earlier = {}
        for digest, row in places:
            first = self._all("SELECT row FROM place WHERE digest = ?", digest)[0][0]
            if first != row:
                earlier[digest] = first
        return earlier

    def skip(self, keys: Sequence[str], reason: str) -> int:
        """These keys are knowingly left out. Returns how many entries that are."""
        self._sort()
        self._digest = None
        with self._change() as connection:
            return connection.executemany(
                "UPDATE entry SET state = 'skipped', content_hash = x'', reason = ? WHERE key = ?",
                [(reason, key) for key in keys],
            ).rowcount

    def spoil(self, reasons: Mapping[int, str]) -> list[int]:
        """The entries of these rows are invalid after all; returns the rows of those that were to be sent."""
        self._digest = None
        with self._change() as connection:
            connection.execute("CREATE INDEX entry_by_row ON entry (row)")
            sql = "UPDATE entry SET state = 'invalid', content_hash = x'', reason = ? WHERE row = ? AND state = 'pending'"
            spoilt = [
                row for row, reason in reasons.items() if connection.execute(sql, (reason, row)).rowcount
            ]
            connection.execute("DROP INDEX entry_by_row")
        return spoilt

    def count(self, *states: State) -> int:
        """Entries in these states, or all."""
        rows = dict(self._all("SELECT state, count(*) FROM entry GROUP BY state"))
        return sum(number for state, number in rows.items() if not states or state in states)

    def first(self) -> Entry | None:
        """The first entry that is to be sent."""
        return self._one("ASC")

    def last(self) -> Entry | None:
        """The last entry that is to be sent."""
        return self._one("DESC")

    def entries(self, *states: State) -> Iterator[Entry]:
        """All entries, or those in some states, in the order in which they were added."""
        chosen = f"AND state IN ({', '.join(repr(str(state)) for state in states)})" if states else ""
        place = 0
        while page := self._all(
            f"SELECT rowid, {_ENTRY} FROM entry WHERE rowid > ? {chosen} ORDER BY rowid LIMIT {_CHUNK}", place
        ):
            place = page[-1][0]
            yield from (_entry(row[1:]) for row in page)

    def find(self, keys: Sequence[str]) -> dict[str, Entry]:
        """The entries of some keys, as far as there are any."""
        self._sort()
        return {
            key: _entry(row)
            for key in keys
            for row in self._all(f"SELECT {_ENTRY} FROM entry WHERE key = ?", key)
        }

    def twin_keys(self) -> Iterator[Twin]:
        """Keys that stand in several rows, whatever their state: one for each row but the first, by key and row."""
        self._sort()
        yield from self._twins(
            "SELECT key, key, row FROM entry WHERE key IN (SELECT key FROM entry GROUP BY key HAVING count(*) > 1) ORDER BY key, row"
        )

    def twin_addresses(self) -> Iterator[Twin]:
        """Addresses to which several mails would go, compared without case; invalid and skipped rows do not count.

        One for each row but the first, by address and row.
        """
        self._sort()
        yield from self._twins(
            "SELECT folded, key, row FROM entry WHERE state = 'pending' AND folded IN"
            " (SELECT folded FROM entry WHERE state = 'pending' GROUP BY folded HAVING count(*) > 1) ORDER BY folded, row"
        )

    def is_twin_key(self, key: str) -> bool:
        """Whether a key stands in several rows."""
        self._sort()
        return len(self._all("SELECT 1 FROM entry WHERE key = ? LIMIT 2", key)) > 1

    def skip_twin_addresses(self, reason: str, ledger: Reading | None = None, run: Run | None = None) -> int:
        """Of each twin address one row stays, the others are left out. Returns how many.

        It stays the one that a mail of the run is promised to already, so that the order of rows makes no difference; else the first.
        `{row}` in the reason becomes the row that stays.
        """
        self._sort()
        self._digest = None
        with told(ledger.path if ledger else _PLACE):
            return comparison.skip_twins(
                self._connection, reason, ledger.path if ledger and run else None, run
            )

    def digest(self) -> str:
        """A digest of keys, addresses, states and contents; the order of rows and rows without a key do not matter.

        It is the sum of the lines' hashes, which is known already unless lines were changed since they were added.
        """
        if self._digest is None:
            rows = self.changes("SELECT key, address, state, content_hash FROM entry WHERE key IS NOT NULL")
            self._digest = sum(_weight(*row) for row in rows)
        return f"{self._digest % (1 << 256):064x}"

    def compare(self, ledger: Reading, run: Run, samples: int = 5, *, moved: bool = False) -> Differences:
        """What differs from the run as the ledger has it and was not told before; with up to so many samples of each kind.

        The order of rows is no difference, nor is a row that names nobody. Keys must be unique by now.
        `moved`: note the rows that only moved as well, for `Ledger.amend`.
        """
        self._sort()
        with told(ledger.path):
            return comparison.compare(self._connection, ledger.path, run, samples, moved=moved)

    @contextmanager
    def beside(self, ledger: Reading) -> Iterator[sqlite3.Connection]:
        """The draft's tables and the ledger's, as `book` and read-only, on one connection for a while."""
        with told(ledger.path), comparison.beside(self._connection, ledger.path):
            yield self._connection

    def changes(self, sql: str, *values: object) -> Iterator[Any]:
        """Rows of the draft's tables, and of those that `compare` left, for `planning`; bounded in memory."""
        with told(_PLACE):
            cursor = self._connection.execute(sql, values)
            while page := cursor.fetchmany(_CHUNK):
                yield from page

    def _sort(self) -> None:
        """Indexes are built once all entries are there: much faster than one by one."""
        if not self._sorted:
            self._sorted = True
            with told(_PLACE):
                self._connection.execute("CREATE INDEX entry_by_key ON entry (key)")
                self._connection.execute(
                    "CREATE INDEX entry_by_address ON entry (folded) WHERE state = 'pending'"
                )

    def _twins(self, sql: str) -> Iterator[Twin]:
        with told(_PLACE):
            first: tuple[str, str, int] = ("", "", 0)
            for text, key, row in self._connection.execute(sql):
                if text == first[0]:
                    yield Twin(text, first[1:], (key, row))
                else:
                    first = (text, key, row)

    def _one(self, order: str) -> Entry | None:
        rows = self._all(f"SELECT {_ENTRY} FROM entry WHERE state = 'pending' ORDER BY rowid {order} LIMIT 1")
        return _entry(rows[0]) if rows else None

    def _all(self, sql: str, *values: object) -> list[Any]:
        with told(_PLACE):
            return self._connection.execute(sql, values).fetchall()

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        with told(_PLACE):
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            except Exception:
                # There is no journal to roll back with; a full disk has ended the transaction by itself, and that is to be told. A Ctrl-C
                # leaves it open: nobody needs the draft any more, and it may be closed before this is heard of.
                if self._connection.in_transaction:
                    self._connection.execute("COMMIT")
                raise
            self._connection.execute("COMMIT")


def _entry(row: tuple[int, str | None, str, bytes, str, str]) -> Entry:
    number, key, address, content_hash, state, reason = row
    return Entry(number, key or "", address, content_hash, State(state), reason)
