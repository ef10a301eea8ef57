"""What the command line says about a campaign, laid over what its file says."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mailmerge_cli.config.keys import CAMPAIGN_KEYS, Key
from mailmerge_cli.config.nearest import sentence
from mailmerge_cli.errors import UsageFault

Settings = dict[str, dict[str, Any]]
"""Table → attribute → value, as far as somebody said something."""


@dataclass(frozen=True, slots=True)
class CampaignOptions:
    """The options of `send`, `check` and `preview` that have a key in campaign.toml; None or empty: not given.

    Lists (`attach`, `require`, `exclude`, `only_domain`, `rate`) add to the file's, the rest replaces it.
    `set_` are `NAME=VALUE` texts. Paths are as typed.
    """

    recipients: str | None = None
    message: str | None = None
    account: str | None = None
    sender: str | None = None
    subject: str | None = None
    attach: tuple[str, ...] = ()
    sheet: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    email_column: str | None = None
    name_column: str | None = None
    key_column: str | None = None
    require: tuple[str, ...] = ()
    where: str | None = None
    exclude: tuple[str, ...] = ()
    only_domain: tuple[str, ...] = ()
    set_: tuple[str, ...] = ()
    rate: tuple[str, ...] = ()
    connections: int | None = None
    workers: str | None = None
    on_invalid: str | None = None
    no_address: str | None = None
    duplicates: str | None = None
    run: str | None = None


def lay_over(settings: Settings, options: CampaignOptions, cwd: Path, folder: Path) -> None:
    """Put what the options say into `settings`; UsageFault names the option that makes no sense.

    Typed paths are relative to `cwd`. They become absolute, but an attachment becomes relative to the campaign's `folder`:
    attachments are found inside that only.
    """
    for key in CAMPAIGN_KEYS:
        if key.given:
            value = getattr(options, key.given)
            if value is not None and value not in ((), []):
                read = _read(key, value)
                if key.is_path:
                    read = _placed(key, read, cwd.absolute(), folder)
                _put(settings.setdefault(key.table, {}), key, read)


def _put(table: dict[str, Any], key: Key, value: Any) -> None:
    table[key.attribute] = (*table.get(key.attribute, ()), *value) if key.kind.many else value


def _read(key: Key, value: object) -> Any:
    try:
        return key.kind.read(list(value) if isinstance(value, tuple) else value)
    except ValueError as error:
        raise UsageFault(sentence(f"{key.option}: {error}")) from None


def _placed(key: Key, read: Any, cwd: Path, folder: Path) -> Any:
    if key.name == "attachments":
        return tuple(_inside(path, cwd, folder) for path in read)
    return tuple(_absolute(path, cwd) for path in read) if isinstance(read, tuple) else _absolute(read, cwd)


def _absolute(path: str, cwd: Path) -> str:
    """A typed path as an absolute text; `-`, standard input, and nothing stay. It may be a template, so no link is followed."""
    return path if path in ("", "-") else os.path.normpath(cwd / path)


def _inside(path: str, cwd: Path, folder: Path) -> str:
    """A typed attachment as a path relative to the campaign's folder; from the first template on it stays as it is.

    One that is outside keeps its `..`, and is refused where attachments are read.
    """
    head, brace, rest = path.partition("{")
    parent, name = os.path.split(head)
    try:
        place = os.path.relpath(os.path.realpath(cwd / parent), folder)
    except ValueError:  # another drive
        return os.path.normpath(cwd / path)
    return ("" if place == os.curdir else f"{Path(place).as_posix()}/") + name + brace + rest
