"""`soon`: what must end, and end by itself. It tells ending from hanging and measures nothing, so a busy machine cannot break it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def soon(before: float = 60.0) -> Iterator[None]:
    """What happens within takes less than `before` seconds: half of what it would take if the law were broken, many times what it takes."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < before
