"""A message to start from, with the names of the person's own columns."""

from __future__ import annotations

import json
import re

from mailmerge_cli.model.guess import Guess
from mailmerge_cli.model.table import Column
from mailmerge_cli.starter.kind import Kind
from mailmerge_cli.starter.words import Words

_MARKUP = re.compile(r"([\\`*_\[\]|~])")
_JINJA_WORDS = frozenset({
    "and", "else", "false", "False", "if", "in", "is", "none", "None", "not", "or", "true", "True",
    "loop", "self", "super", "caller", "varargs", "kwargs",
})  # fmt: skip
_SPACE = re.compile(r"\s+")
_SAFE = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "{": "&#123;", "}": "&#125;"}


def message_text(kind: Kind, guess: Guess, words: Words) -> str:
    """The template: headers, an empty line, a body with a greeting and, for payslips, the figures."""
    return {Kind.PAYSLIP: _payslip, Kind.NEWSLETTER: _newsletter, Kind.LETTER: _letter}[kind](guess, words)


def value_of(column: Column) -> str:
    """What stands for a column in a template: `{{ net_pay }}`, or `{{ row["…"] }}` where its title makes no name."""
    return "{{ " + _expression(column) + " }}"


def _expression(column: Column) -> str:
    if column.name and column.name not in _JINJA_WORDS:
        return column.name
    return f"row[{json.dumps(column.title, ensure_ascii=False)}]"


def _payslip(guess: Guess, words: Words) -> str:
    rows = [f"| {_plain(column.title)} | {value_of(column)} |" for column in guess.figures]
    table = [words.table, "|:---|---:|", *rows, ""] if rows else []
    return _lines(
        f"From: {words.you} <you@example.org>",
        f"Subject: {words.payslip}",
        "",
        _greeting(guess, words, words.colleague),
        "",
        words.figures if rows else words.no_figures,
        "",
        *table,
        f"{words.regards}\\",
        words.you,
    )


def _newsletter(guess: Guess, words: Words) -> str:
    return _lines(
        f"From: {words.you} <you@example.org>",
        f"Subject: {words.news}",
        "List-Unsubscribe: <mailto:you@example.org?subject=unsubscribe>",
        "",
        "<!DOCTYPE html>",
        f'<html lang="{words.language}">',
        "<head>",
        '<meta charset="utf-8">',
        f"<title>{words.news}</title>",
        "<style>",
        "  body { font-family: Georgia, serif; color: #333333; }",
        "  p { line-height: 1.5; }",
        "</style>",
        "</head>",
        "<body>",
        f"<p>{_greeting(guess, words, words.reader)}</p>",
        f"<p>{words.write_news}</p>",
        f"<p>{words.regards}<br>{words.you}</p>",
        "</body>",
        "</html>",
    )


def _letter(guess: Guess, words: Words) -> str:
    return _lines(
        f"From: {words.you} <you@example.org>",
        f"Subject: {words.letter}",
        "",
        _greeting(guess, words, words.anybody),
        "",
        words.write_letter,
        "",
        words.regards,
        words.you,
    )


def _greeting(guess: Guess, words: Words, nobody: str) -> str:
    """By the name as far as there is one; a blank cell must not give `Dear ,`."""
    return words.greeting % _greeted(guess, words, nobody)


def _greeted(guess: Guess, words: Words, nobody: str) -> str:
    if guess.name is not None:
        return "{{ " + f'{_expression(guess.name)} or "{nobody}"' + " }}"
    if guess.given is not None and guess.family is not None:
        whole = words.whole_name.format(given=_expression(guess.given), family=_expression(guess.family))
        return "{{ " + f'(({whole}) | trim) or "{nobody}"' + " }}"
    if guess.given is not None:
        return "{{ " + f'{_expression(guess.given)} or "{nobody}"' + " }}"
    return nobody


def _plain(title: str) -> str:
    """A title as the text of a cell of a Markdown table that is also a template."""
    safe = "".join(_SAFE.get(character, character) for character in _SPACE.sub(" ", title).strip())
    return _MARKUP.sub(r"\\\1", safe)


def _lines(*lines: str) -> str:
    return "\n".join(lines) + "\n"
