"""Never more than the rate in any window, across processes, restarts and clocks."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailmerge_cli.errors import LedgerFault
from mailmerge_cli.ledger.quota import Grant, QuotaBook, hold_of, quota_name
from mailmerge_cli.model.account import Account
from mailmerge_cli.model.rate import Rate

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
WHO = "hr@example.org@smtp.example.org:465"
DAY, HOUR, MINUTE = 86_400, 3_600, 60


@pytest.fixture
def quota(tmp_path: Path) -> Iterator[QuotaBook]:
    with QuotaBook(tmp_path / "state" / "quota.sqlite3") as book:
        yield book


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def most_in_any_window(uses: list[tuple[float, int]], seconds: float) -> int:
    """The greatest number of uses within less than so many seconds."""
    return max((sum(n for at, n in uses if begin <= at < begin + seconds) for begin, _ in uses), default=0)


def test_a_grant_is_what_the_rate_has_left(quota: QuotaBook) -> None:
    """As many as asked for while there are any; then none, and when the first comes free."""
    rates = [Rate(10, HOUR)]
    assert [quota.reserve(WHO, rates, want, NOON).count for want in (4, 4, 4, 4)] == [4, 4, 2, 0]
    refused = quota.reserve(WHO, rates, 1, after(600))

    assert refused.count == 0
    assert after(HOUR) <= refused.free_at <= after(HOUR + 30)
    assert quota.reserve(WHO, rates, 1, refused.free_at - timedelta(seconds=1)).count == 0
    assert quota.reserve(WHO, rates, 99, refused.free_at).count == 10


def test_all_rates_hold_together(quota: QuotaBook) -> None:
    """The tightest one decides, at any time; without a rate all is granted."""
    rates = [Rate(30, MINUTE), Rate(50, DAY)]
    assert quota.reserve(WHO, rates, 40, NOON).count == 30
    assert quota.left(WHO, rates, NOON) == 0
    assert quota.reserve(WHO, rates, 40, after(MINUTE + 2)).count == 20
    assert quota.reserve(WHO, rates, 40, after(2 * MINUTE + 4)).free_at >= after(DAY)
    assert quota.reserve("other@example.org:25", rates, 40, after(MINUTE)).count == 30
    assert quota.reserve(WHO, [], 40, NOON).count == 40
    assert quota.left(WHO, [], NOON) is None


def test_what_was_not_used_is_given_back(quota: QuotaBook) -> None:
    """Unused permits are free for others at once; more than was granted cannot be given back."""
    rates = [Rate(10, DAY)]
    grant = quota.reserve(WHO, rates, 10, NOON)
    quota.give_back(WHO, grant, 7)

    assert quota.reserve(WHO, rates, 10, after(1)).count == 7
    with pytest.raises(ValueError, match="cannot be given back"):
        quota.give_back(WHO, Grant(3, NOON, NOON), 4)
    quota.give_back(WHO, grant, 0)
    assert sum(one.count for one in quota.taken(WHO, DAY, after(1))) == 10


def test_O08_a_restart_and_another_campaign_know_what_was_sent(tmp_path: Path) -> None:
    """The count is the account's, on the disk: neither tomorrow's process nor a second one starts anew."""
    path = tmp_path / "quota.sqlite3"
    with QuotaBook(path) as first, QuotaBook(path) as second:
        assert first.reserve(WHO, [Rate(2000, DAY)], 1500, NOON).count == 1500
        assert second.reserve(WHO, [Rate(2000, DAY)], 1500, after(1)).count == 500
    with QuotaBook(path) as tomorrow:
        assert tomorrow.reserve(WHO, [Rate(2000, DAY)], 1, after(DAY - 60)).count == 0
        assert tomorrow.reserve(WHO, [Rate(2000, DAY)], 9999, after(DAY + 60)).count == 2000


def test_stamps_count_whatever_the_quota_says(quota: QuotaBook) -> None:
    """A test mail counts too."""
    quota.stamp(WHO, NOON, 3)
    quota.stamp(WHO, NOON)

    assert quota.left(WHO, [Rate(10, DAY)], after(1)) == 6
    assert [(one.at, one.count) for one in quota.taken(WHO, DAY, after(1))] == [(NOON, 4)]
    quota.stamp(WHO, after(1), 20)
    assert quota.left(WHO, [Rate(10, DAY)], after(1)) == 0
    assert quota.reserve(WHO, [Rate(10, DAY)], 1, after(2)).count == 0


def test_the_book_does_not_grow_with_the_mails(quota: QuotaBook) -> None:
    """100 000 mails a day are some thousand rows, and yesterday's are gone."""
    rates = [Rate(30, 1), Rate(200_000, DAY)]
    now = 0.0
    while now < 1.5 * DAY:
        quota._connection.execute("PRAGMA synchronous = OFF")  # only for the test's speed
        quota.reserve(WHO, rates, 20, after(now))
        now += 20
    rows, total = quota._connection.execute("SELECT count(*), sum(count) FROM permits").fetchone()

    assert rows < 2500
    assert abs(total - DAY) < 3 * HOUR
    assert abs(sum(one.count for one in quota.taken(WHO, DAY, after(now))) - DAY) < 100


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    limit=st.integers(1, 40),
    window=st.sampled_from([1, MINUTE, HOUR]),
    day=st.integers(20, 200),
    steps=st.lists(
        st.tuples(st.floats(0, 1.5), st.integers(1, 30), st.floats(0, 1), st.integers(0, 9)),
        min_size=1,
        max_size=60,
    ),
)
def test_never_more_than_the_rate_in_any_window(
    tmp_path: Path, limit: int, window: int, day: int, steps: list[tuple[float, int, float, int]]
) -> None:
    """Whenever permits are asked for, used within their hold, or given back, no window of any rate holds more than its number."""
    name = f"{random.random()}@example.org"
    rates = [Rate(limit, window), Rate(day, DAY)]
    now, uses = 0.0, []
    with QuotaBook(tmp_path / "quota.sqlite3") as quota:
        quota._connection.execute("PRAGMA synchronous = OFF")
        for wait, want, lateness, unused in steps:
            now += wait * window
            grant = quota.reserve(name, rates, want, after(now))
            back = min(unused, grant.count)
            quota.give_back(name, grant, back)
            used = now + lateness * (grant.until - after(now)).total_seconds() * 0.999
            uses.append((used, grant.count - back))
            if not grant.count:
                assert grant.free_at > after(now)
                assert quota.reserve(name, rates, 1, grant.free_at).count >= 1
                uses.append(((grant.free_at - NOON).total_seconds(), 1))
                now = max(now, uses[-1][0])
        assert most_in_any_window(uses, window) <= limit
        assert most_in_any_window(uses, DAY) <= day


def test_merging_old_slices_errs_on_the_safe_side_only(quota: QuotaBook) -> None:
    """Merged permits come free later than their use would, by a minute at most, and none is lost."""
    rates = [Rate(100_000, DAY)]
    quota._connection.execute("PRAGMA synchronous = OFF")
    uses = []
    for step in range(600):
        quota.reserve(WHO, rates, 5, after(step * 47))
        uses.append((step * 47, 5))
    for seconds in (HOUR, 3 * HOUR, DAY):
        end = 599 * 47
        true = sum(n for at, n in uses if at > end - seconds)
        counted = sum(one.count for one in quota.taken(WHO, seconds, after(end)))
        assert true <= counted <= true + 2 * 5 * 2


def test_O05_a_clock_that_was_set_back_does_not_lock_the_account(quota: QuotaBook) -> None:
    """What was stamped a year ahead counts as used now: a day's wait at most, not a year's."""
    rates = [Rate(10, DAY)]
    assert quota.reserve(WHO, rates, 10, after(365 * DAY)).count == 10

    refused = quota.reserve(WHO, rates, 10, NOON)

    assert refused.count == 0
    assert refused.free_at <= after(DAY)
    assert quota.reserve(WHO, rates, 10, after(DAY)).count == 10


def test_the_hold_is_a_small_part_of_the_shortest_window() -> None:
    """Two in a hundred of the rate is given up at most."""
    assert hold_of([Rate(10, 1)]) == 20_000
    assert hold_of([Rate(30, MINUTE), Rate(9, DAY)]) == 1_200_000
    assert hold_of([Rate(9, DAY)]) == 30_000_000


def test_another_name_in_the_accounts_file_is_the_same_account() -> None:
    """Login and server are counted, not the table's name; another login or server is another one."""
    one = Account("hr", user="hr@example.org", host="SMTP.example.org", port=465)
    renamed = Account("people", user="hr@example.org", host="smtp.example.org", port=465)

    assert quota_name(one) == quota_name(renamed) == WHO
    assert quota_name(Account("hr", user="it@example.org", host="smtp.example.org", port=465)) != WHO


_TAKE = """
import sys, pathlib, datetime
from mailmerge_cli.ledger.quota import QuotaBook
from mailmerge_cli.model.rate import Rate
now = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC)
print("ready", flush=True)
sys.stdin.readline()
got = 0
with QuotaBook(pathlib.Path(sys.argv[1])) as quota:
    for step in range(60):
        got += quota.reserve("a@example.org", [Rate(300, 86400)], 7, now + datetime.timedelta(milliseconds=step)).count
print(got)
"""


def test_O04_processes_at_once_share_one_quota(tmp_path: Path) -> None:
    """Three processes that ask as fast as they can, the first creating the book, get what the rate allows and no more."""
    path = tmp_path / "state" / "quota.sqlite3"
    children = [
        subprocess.Popen(
            [sys.executable, "-c", _TAKE, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    got = [int(child.communicate(timeout=60)[0]) for child in children]

    assert sum(got) == 300


def test_K10_a_damaged_book_is_told(tmp_path: Path) -> None:
    """A broken book is refused with its path; nothing is sent on a guess."""
    path = tmp_path / "quota.sqlite3"
    path.write_bytes(b"certainly no database " * 100)

    with pytest.raises(LedgerFault, match=r"quota\.sqlite3"):
        QuotaBook(path)


def test_a_ledger_is_no_book_of_quotas(tmp_path: Path) -> None:
    """Each kind of file is known by its own mark."""
    from mailmerge_cli.ledger.ledger import Ledger

    path = tmp_path / "state" / "x.sqlite3"
    QuotaBook(path).close()
    with pytest.raises(LedgerFault, match="no ledger"):
        Ledger.open(path, home=tmp_path)
