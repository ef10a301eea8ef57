"""The word that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean "x"?`, or nothing when no known word is near. Case does not count."""
    from difflib import get_close_matches

    names = {name.lower(): name for name in known}
    plain = word.lower().replace("-", "_").replace(" ", "_")
    near = get_close_matches(plain, names, n=1, cutoff=0.6) or get_close_matches(word.lower(), names, n=1)
    return f'; did you mean "{names[near[0]]}"?' if near else ""


def sentence(text: str) -> str:
    """A text with the mark that ends it."""
    return text if text.endswith(("?", ".")) else f"{text}."
