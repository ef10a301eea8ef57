"""What the person wrote down about one campaign, read and checked: the values of campaign.toml after the options were laid over."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from mailmerge_cli.model.rate import Rate


class Unfinished(StrEnum):
    """What to do when another run of the campaign still has rows left."""

    REFUSE = "refuse"
    FINISH = "finish"
    CANCEL = "cancel"


class OnInvalid(StrEnum):
    """What bad rows do to the others."""

    REFUSE = "refuse"
    SEND_OTHERS = "send-others"


class NoAddress(StrEnum):
    """What a row without an address is."""

    REFUSE = "refuse"
    SKIP = "skip"


class Duplicates(StrEnum):
    """What happens when one address stands behind several keys."""

    REFUSE = "refuse"
    SKIP = "skip"
    SEND = "send"


@dataclass(frozen=True, slots=True)
class RecipientSettings:
    """`[recipients]`. Texts that are templates are not rendered yet. Paths are relative to the campaign's folder."""

    file: str = ""
    sheet: str = ""
    encoding: str = ""
    delimiter: str = ""
    email: str = ""
    name: str = ""
    key: str = ""
    group_by: str = ""
    where: str = ""
    required: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    grows: bool = False
    no_address: NoAddress = NoAddress.REFUSE
    duplicates: Duplicates = Duplicates.REFUSE
    hidden: str = "refuse"  # rows that the sheet hides: refuse, skip or send
    table: str = ""  # an Excel table, or a named range
    start: str = ""  # the cell where the titles begin
    header_rows: int = 0  # 0: found out
    allow_empty: bool = False


@dataclass(frozen=True, slots=True)
class MessageSettings:
    """`[message]`. `subject` and `sender` come from the command line and win over the template's headers."""

    file: str = ""
    attachments: tuple[str, ...] = ()
    files: tuple[str, ...] = ()  # absolute paths that were typed, outside the folder: they go with every mail
    subject: str = ""
    sender: str = ""


@dataclass(frozen=True, slots=True)
class SendingSettings:
    """`[sending]`."""

    rates: tuple[Rate, ...] = ()
    connections: int = 0  # 0: the account's
    workers: str = "auto"
    only_domains: tuple[str, ...] = ()
    on_invalid: OnInvalid = OnInvalid.REFUSE
    attempts: int = 5
    give_up_after: timedelta = timedelta(days=2)
    retry_after: timedelta = timedelta(minutes=1)
    stop_after: int = 10


@dataclass(frozen=True, slots=True)
class Campaign:
    """One campaign.

    Attributes:
        name: what people call it; default: its folder's name, or the message file's.
        folder: what relative paths are relative to; an absolute, real path.
        file: its campaign.toml; None where options alone describe it.
        account: name or URL; empty if none was given.
        account_typed: the account was given on the command line.
        run: the label's template; empty: the latest run, the first is called by its date.
        results: the result log, a template of run and campaign; empty: where result logs usually are.
        timezone: IANA name; empty for the machine's own.
        values: constants for the templates.
    """

    name: str
    folder: Path
    file: Path | None = None
    account: str = ""
    account_typed: bool = False
    run: str = ""
    unfinished: Unfinished = Unfinished.REFUSE
    results: str = ""
    timezone: str = ""
    recipients: RecipientSettings = RecipientSettings()
    message: MessageSettings = MessageSettings()
    sending: SendingSettings = SendingSettings()
    values: dict[str, str | int | float | bool] = field(default_factory=dict)

    def said(self, setting: str, value: str) -> str:
        """How a person says a setting of one word: as a key where a campaign.toml is, else as the option of that name."""
        return f'{setting} = "{value}"' if self.file is not None else f"--{setting.replace('_', '-')} {value}"
