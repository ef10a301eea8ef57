"""A value and its number format code become the text that Excel shows."""

from __future__ import annotations

from typing import Any


def show(value: Any, code: str, *, epoch1904: bool = False) -> str:
    """The text that Excel shows for `value` under the format `code`."""
    raise NotImplementedError
