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
    table: str | None = None
    start: str | None = None
    header_rows: int | None = None
    hidden: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    email_column: str | None = None
    name_column: str | None = None
    key_column: str | None = None
    group_by: str | None = None
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

    Typed paths are relative to `cwd`. They become absolute, but an attachment inside the campaign's `folder` becomes
    relative to it. One outside goes with every mail as it is; a template that leads outside is refused where it is read.
    """
    for key in CAMPAIGN_KEYS:
        if key.given:
            value = getattr(options, key.given)
            if value is not None and value not in ((), []):
                read = _read(key, value)
                table = settings.setdefault(key.table, {})
                if key.name == "attachments":
                    read, table["files"] = _attached(read, cwd.absolute(), folder)
                elif key.is_path:
                    read = _placed(read, cwd.absolute())
                _put(table, key, read)


def _put(table: dict[str, Any], key: Key, value: Any) -> None:
    table[key.attribute] = (*table.get(key.attribute, ()), *value) if key.kind.many else value


def _read(key: Key, value: object) -> Any:
    try:
        return key.kind.read(list(value) if isinstance(value, tuple) else value)
    except ValueError as error:
        raise UsageFault(sentence(f"{key.option}: {error}")) from None


def _placed(read: Any, cwd: Path) -> Any:
    return tuple(_absolute(path, cwd) for path in read) if isinstance(read, tuple) else _absolute(read, cwd)


def _attached(paths: tuple[str, ...], cwd: Path, folder: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What was typed to be attached: paths inside the campaign's folder or templates, and files that lie elsewhere."""
    placed = {path: _inside(path, cwd, folder) for path in paths}
    outside = [path for path, place in placed.items() if "{" not in path and _leads_out(place)]
    inside = tuple(place for path, place in placed.items() if path not in outside)
    return inside, tuple(_absolute(path, cwd) for path in outside)


def _leads_out(place: str) -> bool:
    return place.startswith("../") or Path(place).is_absolute()


def _absolute(path: str, cwd: Path) -> str:
    """A typed path as an absolute text; `-`, standard input, and nothing stay. It may be a template, so no link is followed."""
    return path if path in ("", "-") else os.path.normpath(cwd / path)


def _inside(path: str, cwd: Path, folder: Path) -> str:
    """A typed attachment as a path relative to the campaign's folder; from the first template on it stays as it is.

    One that is outside keeps its `..`.
    """
    head, brace, rest = path.partition("{")
    parent, name = os.path.split(head)
    try:
        place = os.path.relpath(os.path.realpath(cwd / parent), folder)
    except ValueError:  # another drive
        return os.path.normpath(cwd / path)
    return ("" if place == os.curdir else f"{Path(place).as_posix()}/") + name + brace + rest
