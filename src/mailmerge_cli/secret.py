"""A secret keeps itself out of sight: nothing that prints, logs, formats or pickles it by accident shows it."""

from __future__ import annotations


class Secret:
    """A password or token; `reveal()` is the one way to its text, and is called where bytes go to its server only."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "Secret(********)"

    def __str__(self) -> str:
        return "********"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)
