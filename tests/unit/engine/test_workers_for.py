"""How many workers are started: as many as help, and none that a throttled or small run would not use."""

from __future__ import annotations

import pytest

from mailmerge_cli.cli import launch
from mailmerge_cli.model.rate import Rate


@pytest.mark.parametrize(
    ("wish", "mails", "connections", "rates", "number"),
    [
        ("1", 100_000, 10, (), 0),
        ("2", 100_000, 10, (), 2),
        ("8", 100_000, 10, (), 8),
        ("8", 100_000, 3, (), 3),  # no worker without a connection
        ("8", 100_000, 1, (), 0),
        ("3", 2, 10, (), 2),
        ("2", 500, 10, (Rate(10, 60),), 2),  # asked for, so they come
        ("auto", 100_000, 10, (), 4),
        ("auto", 100_000, 2, (), 2),
        ("auto", 1_999, 10, (), 0),
        ("auto", 100_000, 10, (Rate(200, 1),), 0),
        ("auto", 100_000, 10, (Rate(2000, 86_400),), 0),
        ("auto", 100_000, 10, (Rate(5000, 1),), 4),
    ],
)
def test_as_many_workers_as_help(
    monkeypatch: pytest.MonkeyPatch,
    wish: str,
    mails: int,
    connections: int,
    rates: tuple[Rate, ...],
    number: int,
) -> None:
    """0 stands for this process alone."""
    monkeypatch.setattr(launch.offspring, "cores", lambda: 16)

    assert launch.workers_for(wish, mails, connections, rates) == number


@pytest.mark.parametrize(("cores", "workers"), [(1, 0), (2, 0), (3, 2), (4, 3), (64, 4)])
def test_the_main_process_has_a_core_of_its_own(
    monkeypatch: pytest.MonkeyPatch, cores: int, workers: int
) -> None:
    """More processes than cores help nobody, and more than one main process can serve do not either."""
    monkeypatch.setattr(launch.offspring, "cores", lambda: cores)

    assert launch.workers_for("auto", 100_000, 10, ()) == workers
