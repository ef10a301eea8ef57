"""Where things are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailmerge_cli.config.places import (
    accounts_path,
    campaign_state,
    config_folder,
    quota_path,
    results_path,
    state_folder,
)
from mailmerge_cli.errors import ConfigFault
from mailmerge_cli.model.campaign import Campaign, MessageSettings, RecipientSettings


def campaign(
    folder: Path, file: str | None = "campaign.toml", list_: str = "", message: str = "m.md"
) -> Campaign:
    """A campaign in a folder."""
    path = folder / file if file else None
    return Campaign(
        "c", folder, path, recipients=RecipientSettings(file=list_), message=MessageSettings(file=message)
    )


def test_mailmerge_home_holds_everything(tmp_path: Path) -> None:
    """One variable moves accounts, quotas and ledgers."""
    environ = {"MAILMERGE_HOME": str(tmp_path)}

    assert accounts_path(environ) == tmp_path / "accounts.toml"
    assert quota_path(environ) == tmp_path / "quota.sqlite3"
    assert config_folder(environ) == state_folder(environ) == tmp_path
    assert campaign_state(campaign(tmp_path, None), environ=environ).parent == tmp_path / "campaigns"


def test_a_relative_home_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`MAILMERGE_HOME=here` means the same place until the process ends."""
    monkeypatch.chdir(tmp_path)

    assert config_folder({"MAILMERGE_HOME": "here"}) == tmp_path / "here"


def test_without_the_variable_the_platform_decides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An absolute folder named after the program; an empty variable is no variable."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "c"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "s"))

    for environ in ({}, {"MAILMERGE_HOME": " "}):
        assert "mailmerge-cli" in config_folder(environ).parts
        assert config_folder(environ).is_absolute()
        assert state_folder(environ).is_absolute()


def test_O09_no_home_at_all_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without a home folder learns of MAILMERGE_HOME; nothing is put into the current folder."""
    import platformdirs

    monkeypatch.setattr(platformdirs, "user_config_path", lambda *_, **__: Path("~/.config/mailmerge-cli"))

    with pytest.raises(ConfigFault) as caught:
        config_folder({})
    assert "MAILMERGE_HOME" in caught.value.hint


def test_a_campaign_keeps_its_state_beside_it(tmp_path: Path) -> None:
    """In `.mailmerge`, unless --state-dir says otherwise."""
    assert campaign_state(campaign(tmp_path)) == tmp_path / ".mailmerge"
    assert campaign_state(campaign(tmp_path), tmp_path / "s") == tmp_path / "s"
    assert results_path(campaign(tmp_path), "2026-11", Path("/x")) == tmp_path / "results" / "2026-11.csv"


def test_two_campaign_files_in_one_folder_share_nothing(tmp_path: Path) -> None:
    """june.toml and campaign.toml in one folder have ledgers and result logs of their own."""
    main, june, may = (campaign(tmp_path, name) for name in ("campaign.toml", "june.toml", "may.toml"))

    assert len({campaign_state(c) for c in (main, june, may)}) == 3
    assert len({results_path(c, "x", tmp_path) for c in (main, june, may)}) == 3
    logs_of_main = results_path(main, "*", tmp_path)
    assert results_path(june, "x", tmp_path).parent != logs_of_main.parent


def test_without_a_campaign_file_list_and_message_name_the_ledger(tmp_path: Path) -> None:
    """By real paths: a link to the list is the same list, another message another ledger."""
    environ = {"MAILMERGE_HOME": str(tmp_path / "home")}
    (tmp_path / "real.csv").write_text("email\n", encoding="utf-8")
    (tmp_path / "link.csv").symlink_to("real.csv")

    def state(list_: str, message: str = "/m/m.md") -> Path:
        return campaign_state(campaign(tmp_path, None, list_, message), environ=environ)

    assert state(str(tmp_path / "real.csv")) == state(str(tmp_path / "link.csv"))
    assert state(str(tmp_path / "real.csv")) != state(str(tmp_path / "real.csv"), "/m/n.md")
    assert state("-") != state(str(tmp_path / "-"))
    assert results_path(campaign(tmp_path, None), "one", tmp_path) == tmp_path / "results" / "m-one.csv"
