"""A message to start from, with the names of the person's own columns."""

from __future__ import annotations

import json
import re

from mailmerge_cli.model.guess import Guess
from mailmerge_cli.model.table import Column
from mailmerge_cli.starter.kind import Kind

_MARKUP = re.compile(r"([\\`*_\[\]|~])")
_JINJA_WORDS = frozenset({
    "and", "else", "false", "False", "if", "in", "is", "none", "None", "not", "or", "true", "True",
    "loop", "self", "super", "caller", "varargs", "kwargs",
})  # fmt: skip
_SPACE = re.compile(r"\s+")
_SAFE = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "{": "&#123;", "}": "&#125;"}


def message_text(kind: Kind, guess: Guess) -> str:
    """The template: headers, an empty line, a body with a greeting and, for payslips, the figures."""
    return {Kind.PAYSLIP: _payslip, Kind.NEWSLETTER: _newsletter, Kind.LETTER: _letter}[kind](guess)


def value_of(column: Column) -> str:
    """What stands for a column in a template: `{{ net_pay }}`, or `{{ row["…"] }}` where its title makes no name."""
    return "{{ " + _expression(column) + " }}"


def _expression(column: Column) -> str:
    if column.name and column.name not in _JINJA_WORDS:
        return column.name
    return f"row[{json.dumps(column.title, ensure_ascii=False)}]"


def _payslip(guess: Guess) -> str:
    rows = [f"| {_plain(column.title)} | {value_of(column)} |" for column in guess.figures]
    table = ["| | Amount |", "|:---|---:|", *rows, ""] if rows else []
    return _lines(
        "From: Your Name <you@example.org>",
        "Subject: Your payslip for {{ run }}",
        "",
        f"Dear {_greeted(guess, 'colleague')},",
        "",
        "these are your figures for {{ run }}." if rows else "this is your payslip for {{ run }}.",
        "",
        *table,
        "Kind regards\\",
        "Your Name",
    )


def _newsletter(guess: Guess) -> str:
    return _lines(
        "From: Your Name <you@example.org>",
        "Subject: Our news",
        "List-Unsubscribe: <mailto:you@example.org?subject=unsubscribe>",
        "",
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        "<title>Our news</title>",
        "<style>",
        "  body { font-family: Georgia, serif; color: #333333; }",
        "  p { line-height: 1.5; }",
        "</style>",
        "</head>",
        "<body>",
        f"<p>Dear {_greeted(guess, 'reader')},</p>",
        "<p>write your news here.</p>",
        "<p>Kind regards<br>Your Name</p>",
        "</body>",
        "</html>",
    )


def _letter(guess: Guess) -> str:
    return _lines(
        "From: Your Name <you@example.org>",
        "Subject: A letter",
        "",
        f"Dear {_greeted(guess, 'Sir or Madam')},",
        "",
        "write your letter here.",
        "",
        "Kind regards",
        "Your Name",
    )


def _greeted(guess: Guess, nobody: str) -> str:
    """The name as far as there is one; a blank cell must not give `Dear ,`."""
    if guess.name is not None:
        return "{{ " + f'{_expression(guess.name)} or "{nobody}"' + " }}"
    if guess.given is not None and guess.family is not None:
        given, family = _expression(guess.given), _expression(guess.family)
        return "{{ " + f'(({given} ~ " " ~ {family}) | trim) or "{nobody}"' + " }}"
    if guess.given is not None:
        return "{{ " + f'{_expression(guess.given)} or "{nobody}"' + " }}"
    return nobody


def _plain(title: str) -> str:
    """A title as the text of a cell of a Markdown table that is also a template."""
    safe = "".join(_SAFE.get(character, character) for character in _SPACE.sub(" ", title).strip())
    return _MARKUP.sub(r"\\\1", safe)


def _lines(*lines: str) -> str:
    return "\n".join(lines) + "\n"
