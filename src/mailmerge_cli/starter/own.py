"""campaign.toml and a message that fit the person's own list.

Rule: titles of columns are written down, never what a cell holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mailmerge_cli.model.guess import Guess
from mailmerge_cli.model.table import Column
from mailmerge_cli.starter.kind import Kind
from mailmerge_cli.starter.message import message_text, value_of
from mailmerge_cli.starter.words import words_for

_TEMPLATE = re.compile(r"[{｛｝]")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class How:
    """How a list was opened, where that had to be said; empty, or 0, else. The names are those of campaign.toml."""

    sheet: str = ""
    encoding: str = ""
    delimiter: str = ""
    table: str = ""
    start: str = ""
    header_rows: int = 0
    hidden: str = ""


@dataclass(frozen=True, slots=True)
class OwnList:
    """The list that a person already has.

    Attributes:
        path: where it is.
        columns: all of them.
        guess: what they are taken for.
        how: it was opened.
    """

    path: Path
    columns: tuple[Column, ...]
    guess: Guess
    how: How = How()


def own_files(kind: Kind, own: OwnList, folder: Path) -> dict[str, bytes]:
    """The files of a campaign of that kind around that list, for `folder`."""
    return {
        "campaign.toml": _campaign_text(kind, own, folder).encode(),
        kind.message: message_text(kind, own.guess, words_for(own.columns)).encode(),
    }


def _campaign_text(kind: Kind, own: OwnList, folder: Path) -> str:
    sections = (_head(kind), _recipients(kind, own, folder), _message(kind, own), _sending())
    return "\n".join(line for section in sections for line in (*section, "")).rstrip("\n") + "\n"


def _head(kind: Kind) -> list[str]:
    name = "payslips" if kind is Kind.PAYSLIP else kind.value
    lines = [
        "# The campaign: who gets which mail, and how it is sent.",
        "# What stands behind a # is a note for you; the program does not read it.",
        "#",
        "#   mailmerge check      looks at everything and sends nothing",
        "#   mailmerge preview    shows one mail",
        "#   mailmerge send       asks, and sends",
        "",
        f'name = "{name}"',
        "",
        '# The account that the mails go through. "outbox:outbox" is no real account: every mail becomes a file in the folder',
        '# "outbox", and nothing leaves this computer. For real mails, type "mailmerge account add" once, and put the',
        '# account\'s name here, such as  account = "office".',
        'account = "outbox:outbox"',
        "",
        '# What this sending is called. In one sending each person gets one mail, however often you type "mailmerge send".',
    ]
    if kind is Kind.PAYSLIP:
        return [*lines, "# This is the month before today's, such as 2026-10, so each month is a sending of its own.",
                'run = "{{ last_month }}"']  # fmt: skip
    return [*lines, "# For the next sending, write another word.", 'run = "first"']


def _recipients(kind: Kind, own: OwnList, folder: Path) -> list[str]:
    guess, how = own.guess, own.how
    lines = ["[recipients]", f"file = {_toml(_template(_place(own.path, folder)))}"]
    said = (
        ("sheet", _template(how.sheet)), ("table", _template(how.table)), ("start", how.start),
        ("encoding", how.encoding), ("delimiter", how.delimiter), ("hidden", how.hidden),
    )  # fmt: skip
    lines += [f"{key} = {_toml(text)}" for key, text in said if text]
    lines += [f"header_rows = {how.header_rows}"] if how.header_rows else []
    lines += ["", *(f"# {_one_line(reason)}" for reason in guess.reasons)]
    lines += [
        _choice("email", guess.email, "the title of the column of addresses"),
        _choice("name", guess.name, "the title of the column of names, if there is one"),
        _choice("key", guess.key, "the title of a column that tells one person from another for good"),
        "",
        "# The columns of the list, and what to write in the message for each:",
    ]
    lines += [_listed(column) for column in own.columns]
    if kind is Kind.NEWSLETTER:
        lines += ["", 'duplicates = "skip"             # two rows with one address get one mail']
    return [
        *lines,
        "",
        *_required(kind, guess),
        "# where = 'a_name == \"yes\"'     # rows for which this is not true are left out; the names are those above",
    ]


def _required(kind: Kind, guess: Guess) -> list[str]:
    """What must not be empty in a payslip: key, name and figures, unless the list has empty cells there already."""
    note = "# columns that must not be empty; if one is, nothing is sent"
    wanted = [column for column in (guess.key, guess.name, *guess.figures) if column and column.title]
    full = [_toml(column.title) for column in wanted if column not in guess.gaps]
    if kind is not Kind.PAYSLIP or not full:
        return [f'# required = ["a title"]        {note}']
    gaps = ", ".join(_one_line(column.title) for column in wanted if column in guess.gaps)
    left = [f"# Not among them, because cells are empty there now: {gaps}"] if gaps else []
    return [note, *left, f"required = [{', '.join(full)}]"]


def _listed(column: Column) -> str:
    """No columns of text here: what is wide in one script and font is not in another."""
    if not column.title:
        return f"#   column {column.letter}: nothing, because it has no title"
    return f"#   column {column.letter}: {_one_line(value_of(column))} for {_one_line(column.title)}"


def _choice(key: str, column: Column | None, meaning: str) -> str:
    if column is None or not column.title:
        return f'# {key} = "…"    # {meaning}'
    return f"{key} = {_toml(column.title)}"


def _message(kind: Kind, own: OwnList) -> list[str]:
    key = own.guess.key or own.guess.email
    value = value_of(key) if key else "{{ … }}"
    example = f"slips/{{{{ run }}}}/{value}.pdf" if kind is Kind.PAYSLIP else "programme.pdf"
    return [
        "[message]",
        f'file = "{kind.message}"',
        f"# attachments = ['{_one_line(example)}']    # files beside this one; if one is missing, nothing is sent",
    ]


def _sending() -> list[str]:
    return [
        "[sending]",
        '# only_domains = ["example.org"]    # an address anywhere else is taken for a mistake',
        '# rate = ["30/min", "500/day"]      # not faster than your provider likes',
    ]


def _place(path: Path, folder: Path) -> str:
    """Relative where the list lies in the campaign's folder or the one around it, so that both can be moved; else in full."""
    # The name itself is not followed: a link in the folder to a list elsewhere still moves with the folder.
    real, home = path.parent.resolve() / path.name, folder.resolve()
    if real.is_relative_to(home):
        return real.relative_to(home).as_posix()
    if real.is_relative_to(home.parent):
        return f"../{real.relative_to(home.parent).as_posix()}"
    return str(real)


def _template(text: str) -> str:
    """A text that stands for itself where a template is read."""
    return "{% raw %}" + text + "{% endraw %}" if _TEMPLATE.search(text) else text


def _toml(text: str) -> str:
    """A TOML string; literal where it can be, because people read it."""
    if '"' not in text and "\\" not in text and not _CONTROLS.search(text):
        return f'"{text}"'
    if "'" not in text and not _CONTROLS.search(text):
        return f"'{text}'"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + _CONTROLS.sub(lambda found: "".join(f"\\u{ord(c):04x}" for c in found[0]), escaped) + '"'


def _one_line(text: str) -> str:
    """A text as it may stand in a comment."""
    return _CONTROLS.sub(" ", text)
