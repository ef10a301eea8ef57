"""The ledger of a campaign: every promise is durable here before its mail leaves, and every outcome before the next one does.

Rule 1: a transaction is either whole on the disk or never was (WAL, synchronous=FULL); what could not be committed did not happen.
Rule 2: only the holder of the campaign's lock opens a ledger for writing, and it recovers before its first begin.
Rule 3: each change of a state repeats the old state in its WHERE, and the number of changed rows is checked.
"""

# SQL is put together from this room's own constants only; values are always bound.
# ruff: noqa: S608

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from mailmerge_cli.errors import LedgerFault
from mailmerge_cli.ledger import schema
from mailmerge_cli.ledger.batch import Batch
from mailmerge_cli.ledger.faults import told
from mailmerge_cli.ledger.files import is_there, look_at, private_folder
from mailmerge_cli.ledger.identity import bind_new, recognise, stranger
from mailmerge_cli.ledger.message_ids import next_id
from mailmerge_cli.ledger.reading import Reading
from mailmerge_cli.ledger.records import Record
from mailmerge_cli.ledger.rows import FRESH, REOPEN, to_micro
from mailmerge_cli.ledger.states import LEFT, Event, Illegal, origins, quoted, target
from mailmerge_cli.model.delivery import Delivery, Entry, Run, State

if TYPE_CHECKING:
    from mailmerge_cli.ledger.differences import Amendment
    from mailmerge_cli.ledger.draft import Draft

_CACHE: Final = 8_000  # KiB
_PLAN_CACHE: Final = 32_000


class Ledger(Reading):
    """A campaign's ledger; a context manager. See `Reading` for what can be asked."""

    _in_flight: dict[int, int]
    _inode: int
    _tentative = False

    @classmethod
    def open(cls, path: Path, *, home: Path, adopt: bool = False) -> Self:
        """Opens for writing, and makes the file if there is none. Only for the holder of the campaign's lock.

        Args:
            path: the ledger's file; its folder is made private.
            home: the campaign's folder, as a real path; with the inode it tells a moved ledger from a copied one.
            adopt: take a copy for the ledger from now on (`--adopt-ledger`).

        Raises LedgerFault: no right, a link, another's file, a copy, damaged, of a newer version, disk full.
        """
        private_folder(path, home=home)
        if look_at(path, home=home) is None:
            schema.create(path, schema.LEDGER_ID, lambda connection, file: bind_new(connection, file, home))
            look_at(path, home=home)
        with told(path):
            connection = schema.connect(path)
            try:
                schema.look_over(connection, path, schema.LEDGER_ID, migrate=True)
                recognise(connection, path, home, adopt=adopt)
                ledger = cls(connection, path, orphans=False)
            except BaseException:
                connection.close()
                raise
        ledger._in_flight = {}
        ledger._inode = path.stat().st_ino
        return ledger

    @classmethod
    def read(cls, path: Path, *, sender_alive: bool = False) -> Self | None:
        """Opens for looking only; None if there is no ledger. Makes and changes nothing.

        `sender_alive`: somebody holds the campaign's lock (`lock.is_held`); else what is being sent shows as in doubt.
        """
        with told(path):
            if not is_there(path):
                return None
            connection = schema.connect_read_only(path)
            try:
                schema.look_over(connection, path, schema.LEDGER_ID, migrate=False)
                was = stranger(connection, path)
                note = f"{path}: this ledger is a copy of the one in {was}" if was else ""
                ledger = cls(connection, path, orphans=not sender_alive, note=note)
            except BaseException:
                connection.close()
                raise
        ledger._in_flight = {}
        ledger._inode = 0
        return ledger

    # planning

    def draft(self) -> Draft:
        """An empty plan, on the disk and private; it needs no ledger (`Draft()` is the same)."""
        from mailmerge_cli.ledger.draft import Draft

        return Draft()

    def enter(self, label: str, opened: datetime, timezone: str, draft: Draft, inputs: str) -> Run:
        """Enters a whole plan as a run, in one transaction; replaces a run of that label in which nothing was begun."""
        from mailmerge_cli.ledger import planning

        old = self.run(label)
        if old is not None and not self.nothing_begun(old):
            raise ValueError(f"run {label} has begun and cannot be entered again")
        with self._roomy(), self._change() as connection:
            planning.enter(connection, old, Run(0, label, opened, timezone, inputs), draft)
        run = self.run(label)
        assert run is not None
        return run

    def amend(self, run: Run, draft: Draft, amendment: Amendment, inputs: str) -> Run:
        """Takes over from a new plan what the person accepted, in one transaction; row numbers always.

        The rows that differ and were not accepted stay as they are, and `Draft.compare` tells them again.
        """
        from mailmerge_cli.ledger import planning

        draft.compare(self, run, samples=0, moved=True)
        with self._roomy(), self._change() as connection:
            planning.amend(connection, run, draft, amendment, inputs)
        amended = self.run(run.label)
        assert amended is not None
        return amended

    def doubt(self, run: Run) -> None:
        """A row was not what its plan had promised, whatever the plan's premises say: the next `send` plans anew."""
        with self._change() as connection:
            connection.execute("UPDATE runs SET premises = '' WHERE id = ?", (run.id,))

    # sending

    def recover(self, run: Run | None = None) -> int:
        """What was being sent when its sender ended is in doubt from now on: in one run, or in all. Returns how many."""
        with self._change() as connection:
            number = connection.execute(
                "UPDATE deliveries SET state = ?, verdict = 'unknown', reason = 'the program ended before the answer came'"
                f" WHERE state IN ({quoted(*origins(Event.RECOVER))}) AND (?2 IS NULL OR run = ?2)",
                (target(Event.RECOVER), run.id if run else None),
            ).rowcount
        self._in_flight.clear()
        return number

    def write(self, batch: Sequence[Record], at: datetime) -> list[Delivery]:
        """All begins and settlements of the batch in one durable transaction; what it settled, as it stands now, in order.

        Of a settlement that records nothing (released, never begun) the delivery is returned as it is. Called from one
        thread at a time. Raises LedgerFault: then nothing of the batch happened, and nothing may be sent any more.
        """
        self._still_there()
        work = Batch(batch, to_micro(at), self._in_flight)
        with self._change() as connection:
            try:
                settled = work.write(connection)
            except Illegal as error:
                raise LedgerFault(
                    f"{self.path}: this no longer holds what this run wrote into it, so nothing more is sent",
                    hint="Was it restored or changed while the run went on? `mailmerge status` shows what it holds.",
                ) from error
        self._in_flight = work.in_flight
        return settled

    def undo(self, run: Run, deliveries: Sequence[int], reason: str = "") -> int:
        """The breaker takes these refusals back: pending again, not counted; the reply stays to be seen. Returns how many."""
        return self._each(
            Event.UNDO,
            "attempts = max(0, attempts - 1), reason = ?1",
            [(reason, run.id, number) for number in deliveries],
            "run = ?2 AND id = ?3",
        )

    def give_up(self, run: Run, begun_before: datetime, reason: str) -> int:
        """Deferred rows whose first attempt is older have failed. Rows that only transport faults held up are left alone."""
        return self._each(
            Event.GIVE_UP,
            "next_attempt = NULL, reason = ?1",
            [(reason, run.id, to_micro(begun_before))],
            "run = ?2 AND attempts > 0 AND first_attempt < ?3",
        )

    def finish(self, run: Run, at: datetime) -> Run:
        """Notes that nothing is left, if that is so."""
        with self._change() as connection:
            connection.execute(
                "UPDATE runs SET finished = ?1 WHERE id = ?2 AND finished IS NULL AND NOT EXISTS"
                f" (SELECT 1 FROM deliveries WHERE run = ?2 AND state IN ({quoted(*LEFT)}))",
                (to_micro(at), run.id),
            )
        finished = self.run(run.label)
        assert finished is not None
        return finished

    # a person's word

    def resolve(self, run: Run, keys: Sequence[str] | None, *, sent: bool) -> int:
        """Deliveries in doubt (`keys` None: all) are sent, or pending again with the same Message-ID. Returns how many."""
        if sent:
            return self._by_word(
                Event.SENT, run, keys, "reason = 'a person says that it was sent'", State.IN_DOUBT
            )
        return self._by_word(Event.RESEND, run, keys, FRESH, State.IN_DOUBT)

    def resend(
        self, run: Run, keys: Sequence[str], address: str = "", plan: Mapping[str, Entry] | None = None
    ) -> int:
        """Sent deliveries are pending again: a second mail, with a new Message-ID. Returns how many.

        Args:
            run: of which run.
            keys: which; those that are not sent are left alone.
            address: where to, if not to the same address.
            plan: what the list makes of them now: that is what they get; None: what they got.
        """
        rows = []
        for one in self.find(run, keys).values():
            entry = plan.get(one.key) if plan else None
            if one.state is State.SENT:
                content = entry.content_hash if entry else one.content_hash
                to = address or (entry.address if entry else one.address)
                rows.append((next_id(one.message_id), to, content, run.id, one.id))
        change = f"{FRESH}, message_id = ?1, address = ?2, content_hash = ?3"
        return self._each(Event.RESEND, change, rows, "run = ?4 AND id = ?5", State.SENT)

    def put_aside(self, run: Run) -> str:
        """A run that was a trial gives its label free; what was left of it is cancelled. Returns its new label."""
        labels = {one.label for one in self.runs()}
        aside = next(
            f"{run.label[:50]}.trial{n or ''}"
            for n in range(len(labels) + 1)
            if f"{run.label[:50]}.trial{n or ''}" not in labels
        )
        self.cancel(run)
        with self._change() as connection:
            connection.execute("UPDATE runs SET label = ? WHERE id = ?", (aside, run.id))
        return aside

    def cancel(self, run: Run) -> int:
        """What is left of the run will not be sent. Returns how many."""
        return self._by_word(
            Event.CANCEL, run, None, "next_attempt = NULL, reason = 'cancelled'", *origins(Event.CANCEL)
        )

    def _by_word(
        self, event: Event, run: Run, keys: Sequence[str] | None, change: str, *states: State
    ) -> int:
        if keys is None:
            return self._each(event, change, [(run.id,)], "run = ?1", *states)
        return self._each(
            event, change, [(run.id, key) for key in dict.fromkeys(keys)], "run = ?1 AND key = ?2", *states
        )

    def _each(
        self, event: Event, change: str, rows: Sequence[tuple[object, ...]], where: str, *states: State
    ) -> int:
        """The event for all rows that are where it can happen, or in these of its states. Whatever becomes due opens the run again."""
        sql = (
            f"UPDATE deliveries SET state = '{target(event)}', {change}"
            f" WHERE {where} AND state IN ({quoted(*(states or origins(event)))})"
        )
        with self._change() as connection:
            number = connection.executemany(sql, rows).rowcount
            if target(event) is State.PENDING:
                connection.execute(REOPEN)
        return max(number, 0)

    @contextmanager
    def tentatively(self) -> Iterator[Callable[[], None]]:
        """What is written inside stands only if the function that this gives is called; else nothing of it has happened.

        Others see nothing of it until then, and a crash takes it back. Not for `write`: a promise is no trial.
        """
        with self._change():
            self._tentative = True
            kept = []
            try:
                yield lambda: kept.append(True)
            finally:
                self._tentative = False
                if not kept and self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        if self._tentative:
            yield self._connection
            return
        with self._guard, told(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                if self._connection.in_transaction:
                    self._connection.execute("COMMIT")
            except BaseException:
                # A commit that failed half-way may have ended the transaction by itself.
                with suppress(sqlite3.ProgrammingError):  # closed meanwhile: then nothing of it stands anyway
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _roomy(self) -> Iterator[None]:
        """More memory while a whole list is written: without it the indexes go to the disk again and again."""
        with self._guard, told(self.path):
            self._connection.execute(f"PRAGMA cache_size = -{_PLAN_CACHE}")
            try:
                yield
            finally:
                self._connection.execute(f"PRAGMA cache_size = -{_CACHE}")
                self._connection.execute("PRAGMA shrink_memory")

    def _still_there(self) -> None:
        """A file that was deleted or replaced takes our writes without a word; nobody would ever read them."""
        try:
            same = os.stat(self.path).st_ino == self._inode  # noqa: PTH116  # once for each batch: the quick way
        except OSError:
            same = False
        if not same:
            raise LedgerFault(
                f"{self.path}: the ledger was deleted or replaced while it was in use, so nothing more is sent",
                hint="Put the file back if you have it; look at the result log to see who has mail.",
            )
