"""`soon`: what must end, and end by itself; `wait_for`: what must come. They tell ending from hanging and measure nothing, so a busy machine cannot break them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def soon(before: float = 60.0) -> Iterator[None]:
    """What happens within takes less than `before` seconds: half of what it would take if the law were broken, many times what it takes."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < before


def wait_for(holds: Callable[[], object], *, told: Callable[[], str] = str) -> None:
    """Until it holds; AssertionError, with what is `told` then, if it has not within a minute."""
    until = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < until, f"waited in vain\n{told()}"
        time.sleep(0.002)
