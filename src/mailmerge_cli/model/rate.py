"""Rates and durations as people write them: `30/min`, `2000/day`, `15min`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

_UNITS = {
    "s": 1, "sec": 1, "second": 1,
    "min": 60, "minute": 60,
    "h": 3600, "hour": 3600,
    "d": 86400, "day": 86400,
}  # fmt: skip
_RATE = re.compile(r"\s*(\d+)\s*/\s*([a-z]+)\s*", re.IGNORECASE)
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, order=True)
class Rate:
    """At most `count` in any window of `seconds`."""

    count: int
    seconds: int

    @classmethod
    def parse(cls, text: str) -> Rate:
        """`N/UNIT`, UNIT one of s, min, h, day. ValueError with a sentence otherwise."""
        match = _RATE.fullmatch(text)
        seconds = _UNITS.get(match[2].lower()) if match else None
        if match is None or seconds is None or int(match[1]) < 1:
            raise ValueError(f"{text!r} is not a rate; write a number and s, min, h or day, such as 30/min")
        return cls(int(match[1]), seconds)

    def __str__(self) -> str:
        return f"{self.count}/{ {1: 's', 60: 'min', 3600: 'h', 86400: 'day'}.get(self.seconds, f'{self.seconds}s') }"


def parse_duration(text: str) -> timedelta:
    """`8s`, `15min`, `2h`, `2d`. ValueError with a sentence otherwise."""
    match = _DURATION.fullmatch(text)
    seconds = _UNITS.get(match[2].lower()) if match else None
    if match is None or seconds is None:
        raise ValueError(f"{text!r} is not a duration; write a number and s, min, h or d, such as 15min")
    return timedelta(seconds=float(match[1]) * seconds)
