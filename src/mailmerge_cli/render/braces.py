"""Placeholders that are none: full-width braces, one brace instead of two, a pair that is not closed.

Rule: what looks like a column between braces never goes out as text; `{% raw %}` says that it is meant so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from jinja2 import Environment

from mailmerge_cli.render.scope import Scope

_LEXER = Environment(keep_trailing_newline=True, autoescape=False)  # noqa: S701  only its lexer is used
_BRACED = re.compile(r"[{｛]+([^{}｛｝\n]*)[}｝]+|[｛｝]+")
_WIDE = re.compile(r"[｛｝]")
_PRINTED = re.compile(r"\{\{[-+]?([^{}\n]*)\}\}")


def broken_placeholders(scope: Scope, source: str) -> Iterator[tuple[int, str]]:
    """The line and a sentence for each placeholder that would be printed as it is.

    Args:
        scope: known names; one brace around anything else is text (CSS, JSON).
        source: a template that Jinja accepts.
    """
    raw = False
    for line, kind, text in _LEXER.lex(source):
        raw = kind == "raw_begin" or (raw and kind != "raw_end")
        if kind != "data" or raw:
            continue
        for match in _BRACED.finditer(text):
            meant = written(scope, match[1] or "")
            if _WIDE.search(match[0]):
                yield line + text.count("\n", 0, match.start()), _of_wide(meant)
            elif meant:
                sentence = f"{match[0]} would stand in the mail as it is; did you mean {meant}?"
                yield line + text.count("\n", 0, match.start()), sentence


def advice(scope: Scope, line: str, message: str) -> str:
    """What to say of a line that Jinja refuses, if its own sentence helps nobody; else nothing.

    Args:
        scope: known names.
        line: the line of the template.
        message: Jinja's.
    """
    if _WIDE.search(line):
        return _of_wide("")
    if message == "unexpected '}'":
        return "the braces are not closed: }} is missing"
    if message.startswith("expected token 'end of") and message.endswith("got '='"):
        return "one = does not compare; use =="
    for match in _PRINTED.finditer(line):
        meant = written(scope, match[1])
        if meant and match[1].strip("-+ \t") not in meant:
            return f"a name in a template has no blanks and no signs; did you mean {meant}?"
    return ""


def written(scope: Scope, word: str) -> str:
    """How a column or value is written in a template, by its title or name; empty if there is none."""
    folded = word.strip(" \t\u00a0\u3000-+").casefold()
    if not folded:
        return ""
    for column in scope.columns:
        known = (column.title, column.name, *column.aliases)
        if folded in {each.casefold() for each in known}:
            return "{{ " + (column.name or f'row["{column.title}"]') + " }}"
    name = next((name for name in scope.constants if name.casefold() == folded), "")
    return "{{ " + name + " }}" if name else ""


def _of_wide(meant: str) -> str:
    return f"full-width braces ｛ ｝ do not work; did you mean {meant or '{{ … }}'}?"
