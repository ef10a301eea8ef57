"""What the options of `send`, `check` and `preview` say, as the values that the rooms understand."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from mailmerge_cli.campaign.changes import Acceptance
from mailmerge_cli.cli.options import Inputs, InputsOnKeys
from mailmerge_cli.cli.place import Place, campaign_path
from mailmerge_cli.cli.screen import Screen
from mailmerge_cli.config.accounts_file import find_account
from mailmerge_cli.config.campaign_file import load_campaign
from mailmerge_cli.config.options import CampaignOptions
from mailmerge_cli.config.places import campaign_state
from mailmerge_cli.config.secrets import SecretChain, read_secret
from mailmerge_cli.errors import FileMissing, UsageFault
from mailmerge_cli.model.account import Account
from mailmerge_cli.model.rate import parse_duration


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person wants of this call.

    Attributes:
        only: these keys alone; None for all.
        limit: at most so many.
        max_wait: how long the run may stand still; None: as long as it takes.
        results: where the result log goes instead.
        yes: do not ask.
        again: the keys of `only` have their mail, and get a second one on purpose; `again_to`: at this address instead.
    """

    acceptance: Acceptance = field(default_factory=Acceptance)
    only: tuple[str, ...] | None = None
    limit: int | None = None
    max_wait: timedelta | None = timedelta(minutes=15)
    results: Path | None = None
    yes: bool = False
    again: bool = False
    again_to: str = ""


def place_with(inputs: Inputs | InputsOnKeys) -> Place:
    """The campaign with all options laid over it."""
    options = CampaignOptions(
        recipients=inputs.recipients,
        message=inputs.message,
        account=inputs.account,
        sender=inputs.sender,
        subject=inputs.subject,
        attach=tuple(inputs.attach or ()),
        sheet=inputs.sheet,
        table=inputs.table,
        start=inputs.start,
        header_rows=inputs.header_rows,
        hidden=inputs.hidden,
        encoding=inputs.encoding,
        delimiter=inputs.delimiter,
        email_column=inputs.email_column,
        name_column=inputs.name_column,
        key_column=inputs.key_column,
        group_by=inputs.group_by,
        require=tuple(inputs.require or ()),
        where=inputs.where,
        exclude=tuple(inputs.exclude or ()),
        only_domain=tuple(inputs.only_domain or ()),
        set_=tuple(inputs.set_ or ()),
        rate=tuple(inputs.rate or ()),
        connections=inputs.connections,
        workers=inputs.workers,
        on_invalid=inputs.on_invalid,
        no_address=inputs.no_address,
        duplicates=inputs.duplicates,
    )
    campaign = load_campaign(campaign_path(inputs), options, Path.cwd())
    return Place(campaign, campaign_state(campaign, inputs.state_dir))


def tell_settings(screen: Screen, inputs: Inputs | InputsOnKeys, place: Place) -> None:
    """A campaign.toml that nobody named counts where list and message are typed; that could surprise."""
    if place.campaign.file and inputs.recipients and inputs.message and not campaign_path(inputs):
        screen.note(
            f"The settings of {place.campaign.file} count here too; to do without them, work in another folder."
        )


def account_of(place: Place) -> Account:
    """The campaign's account; ConfigFault if there is none."""
    campaign = place.campaign
    folder = Path.cwd() if campaign.account_typed else campaign.folder
    return find_account(campaign.account, campaign.account_typed, folder=folder)


def credentials_for(account: Account, screen: Screen, *, password_stdin: bool = False) -> SecretChain:
    """Where the account's secret comes from; asked on a terminal as the last way."""
    secret = read_secret(sys.stdin.buffer) if password_stdin else None

    return SecretChain(account, stdin_secret=secret, prompt=screen.secret if screen.can_ask else None)


def wait_of(*, wait: bool, max_wait: str | None) -> timedelta | None:
    """How long the run may stand still; None for as long as it takes."""
    if wait and max_wait is not None:
        raise UsageFault("--wait waits as long as it takes; leave --max-wait out, or --wait.")
    if wait:
        return None
    try:
        return parse_duration(max_wait or "15min")
    except ValueError as error:
        raise UsageFault(f"--max-wait: {error}.") from error


def keys_of(words: list[str] | None) -> tuple[str, ...] | None:
    """The keys that words mean, such as those of `--only`: `@FILE` is a file with one key a line.

    None where there are no words. Words that name nobody are a UsageFault: nobody must not come to mean all, or pass for done.
    """
    if not words:
        return None
    keys: list[str] = []
    for word in words:
        keys += _lines(Path(word[1:])) if word.startswith("@") else [word.strip()]
    if not any(keys):
        raise UsageFault(f"{' '.join(words)} names nobody: there is no key in it.")
    return tuple(dict.fromkeys(key for key in keys if key))


def _lines(file: Path) -> list[str]:
    try:
        return [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines()]
    except OSError as error:
        raise FileMissing(f"@{file}: the file cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise FileMissing(f"@{file}: the file is not UTF-8.") from error
