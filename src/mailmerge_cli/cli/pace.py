"""How fast a run goes, and how long it will still take, told from the last few seconds."""

from __future__ import annotations

from collections import deque

from mailmerge_cli.cli.layout import span

_SAMPLE = 1.0  # seconds between two samples
_WINDOW = 10.0  # seconds to look back, at least
_ENOUGH = 10  # mails that the window must hold, lest a slow rate jumps at each mail
_LONGEST = 600.0  # seconds to look back, at most


class Pace:
    """Mails a second over a window that slides; times are of the monotonic clock."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def note(self, at: float, ended: int) -> None:
        """So many mails had ended at `at`; cheap enough for every look, only one a second is kept."""
        samples = self._samples
        if samples and at - samples[-1][0] < _SAMPLE:
            return
        samples.append((at, ended))
        while len(samples) > 2 and self._enough(samples[1], at, ended):
            samples.popleft()

    def rate(self, at: float, ended: int) -> float:
        """Mails a second; 0 while that cannot be told."""
        if not self._samples:
            return 0.0
        began, before = self._samples[0]
        return (ended - before) / (at - began) if at - began >= _SAMPLE / 2 and ended > before else 0.0

    @staticmethod
    def _enough(sample: tuple[float, int], at: float, ended: int) -> bool:
        """Whether the window may begin at `sample`."""
        gone = at - sample[0]
        return gone >= _LONGEST or (gone >= _WINDOW and ended - sample[1] >= _ENOUGH)


def rate_text(rate: float) -> str:
    """`3120/s`, `9.8/s`, `12/min`, `40/h`."""
    if rate >= 1:
        return f"{rate:.0f}/s" if rate >= 20 else f"{rate:.1f}/s"
    return f"{rate * 60:.0f}/min" if rate >= 1 / 60 else f"{rate * 3600:.0f}/h"


def left_text(left: int, rate: float) -> str:
    """`about 12 min left`; empty while that cannot be told."""
    return f"about {span(left / rate)} left" if rate > 0 and left / rate >= 1 else ""
