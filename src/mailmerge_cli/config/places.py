"""Where things are kept. Pure functions of the environment and the campaign; nothing is created here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from mailmerge_cli.errors import ConfigFault
from mailmerge_cli.model.campaign import Campaign

APP = "mailmerge-cli"
CAMPAIGN_FILE = "campaign.toml"


def config_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where accounts.toml is: $MAILMERGE_HOME, or the platform's configuration folder."""
    return _home(environ) or _platform("user_config_path")


def state_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where quotas, and ledgers without a campaign folder, are: $MAILMERGE_HOME, or the platform's state folder."""
    return _home(environ) or _platform("user_state_path")


def accounts_path(environ: Mapping[str, str] = os.environ) -> Path:
    """The file of accounts."""
    return config_folder(environ) / "accounts.toml"


def quota_path(environ: Mapping[str, str] = os.environ) -> Path:
    """The accounts' long quotas, shared by all campaigns."""
    return state_folder(environ) / "quota.sqlite3"


def campaign_state(
    campaign: Campaign, state_dir: Path | None = None, environ: Mapping[str, str] = os.environ
) -> Path:
    """The folder of the campaign's ledger.

    `--state-dir` wins; then the campaign's own folder; without a campaign file a folder that the real paths of list
    and message name. A campaign file with another name than campaign.toml gets a folder of its own inside `.mailmerge`:
    two campaigns in one folder must not share a ledger.
    """
    if state_dir is not None:
        return state_dir.absolute()
    if campaign.file is not None:
        own = campaign.folder / ".mailmerge"
        return own if campaign.file.name == CAMPAIGN_FILE else own / campaign.file.stem
    return state_folder(environ) / "campaigns" / _fingerprint(campaign)


def results_path(campaign: Campaign, run: str, cwd: Path) -> Path:
    """The result log of a run: in the campaign's folder, or in the current one where there is no campaign file.

    As with ledgers, a campaign file of another name has a folder of its own.
    """
    if campaign.file is None:
        return cwd.absolute() / "results" / f"{Path(campaign.message.file).stem}-{run}.csv"
    results = campaign.folder / "results"
    return (results if campaign.file.name == CAMPAIGN_FILE else results / campaign.file.stem) / f"{run}.csv"


def _fingerprint(campaign: Campaign) -> str:
    """A name made of the real paths of list and message; `-` is standard input."""
    from hashlib import sha256

    files = (campaign.recipients.file, campaign.message.file)
    real = [file if file == "-" else os.path.realpath(campaign.folder / file) for file in files]
    return sha256("\0".join(real).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _home(environ: Mapping[str, str]) -> Path | None:
    home = environ.get("MAILMERGE_HOME", "").strip()
    return Path(home).expanduser().absolute() if home else None


def _platform(which: str) -> Path:
    import platformdirs

    path: Path = getattr(platformdirs, which)(APP, appauthor=False)
    if not path.is_absolute():  # cron without HOME and without an entry in the password file
        raise ConfigFault("This user has no home folder.", hint="Set MAILMERGE_HOME to a folder.")
    return path
