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
    `set_values` are `NAME=VALUE` texts. Paths are as typed.
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
    set_values: tuple[str, ...] = ()
    rate: tuple[str, ...] = ()
    connections: int | None = None
    workers: str | None = None
    on_invalid: str | None = None
    no_address: str | None = None
    duplicates: str | None = None
    run: str | None = None


def lay_over(settings: Settings, options: CampaignOptions, cwd: Path) -> None:
    """Put what the options say into `settings`; UsageFault names the option that makes no sense."""
    for key in CAMPAIGN_KEYS:
        if key.given:
            value = getattr(options, key.given)
            if value is not None and value not in ((), []):
                _put(settings.setdefault(key.table, {}), key, _read(key, value, cwd))


def absolute(path: str, cwd: Path) -> str:
    """A typed path as an absolute text; `-`, standard input, and nothing stay. It may be a template, so no link is followed."""
    return path if path in ("", "-") else os.path.normpath(cwd.absolute() / path)


def _put(table: dict[str, Any], key: Key, value: Any) -> None:
    table[key.attribute] = (*table.get(key.attribute, ()), *value) if key.kind.many else value


def _read(key: Key, value: object, cwd: Path) -> Any:
    try:
        read = key.kind.read(list(value) if isinstance(value, tuple) else value)
    except ValueError as error:
        raise UsageFault(sentence(f"{key.option}: {error}")) from None
    if not key.is_path:
        return read
    return (
        tuple(absolute(path, cwd) for path in read) if isinstance(read, tuple) else absolute(str(read), cwd)
    )
