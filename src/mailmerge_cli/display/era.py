"""Years of Japanese eras and of the Republic of China."""

from __future__ import annotations

from dataclasses import dataclass

# First day of each era, its initial, its one-character and its full name.
_ERAS = (
    ((2019, 5, 1), "R", "令", "令和"),
    ((1989, 1, 8), "H", "平", "平成"),
    ((1926, 12, 25), "S", "昭", "昭和"),
    ((1912, 7, 30), "T", "大", "大正"),
    ((1868, 1, 1), "M", "明", "明治"),
)


@dataclass(frozen=True, slots=True)
class Era:
    """An era and the year in it."""

    names: tuple[str, str, str]
    year: int

    def name(self, letters: int) -> str:
        """As `g`, `gg` or `ggg` show it."""
        return self.names[min(letters, 3) - 1]


def era_of(year: int, month: int, day: int, taiwan: bool) -> Era:
    """The era that a day lies in; before the first one, the plain year without a name."""
    if taiwan:
        return (
            Era(("", "民國", "中華民國"), year - 1911)
            if year > 1911
            else Era(("", "民國前", "中華民國前"), 1912 - year)
        )
    for start, *names in _ERAS:
        if (year, month, day) >= start:
            return Era((names[0], names[1], names[2]), year - start[0] + 1)
    return Era(("", "", ""), year)
