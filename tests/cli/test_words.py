"""What the program says to scripts, cron and people who typed something else than we expected."""

from __future__ import annotations

import re
from pathlib import Path

import openpyxl
import pytest
from typer.main import get_command

from mailmerge_cli.cli.main import COMMANDS, build_app
from mailmerge_cli.cli.other_words import OURS
from support.arrivals import got, once, url
from support.program import people, run_here, states, write_list, write_toml
from support.scripted_smtp import Close, Keep, ScriptedServer


@pytest.mark.parametrize("command", [("send", "--yes"), ("check",), ("send", "--dry-run")])
def test_the_object_of_a_refusal_has_what_the_screen_says(campaign: Path, command: tuple[str, ...]) -> None:
    """`message` and `hint` of `--json` are the error's sentence and its advice, of `check` too."""
    write_list(campaign, [*people(1), "2,B,nonsense,tok000002x"])

    told = run_here(*command, "--json").json

    assert told["message"] == "1 problem in trial; nothing was sent."
    assert "--on-invalid send-others" in told["hint"]


def test_the_object_has_the_advice_where_a_run_was_ended(here: Path) -> None:
    """An error after the plan was entered: nobody answers at the port."""
    write_toml(here, "smtp+insecure://127.0.0.1:1")

    told = run_here("send", "--yes", "--json").json

    assert (69, True) == (told["exit_code"], bool(told["hint"]))


def test_a_ledger_that_another_home_has_is_told_with_home(
    here: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Sent by hand, then from cron with another HOME: 74 with the ledger's path and the words HOME, MAILMERGE_HOME and --state-dir."""
    words = ("send", "-r", "people.csv", "-m", "letter.txt", "-a", url(server), "--yes")
    assert run_here(*words).code == 0
    monkeypatch.setenv("MAILMERGE_HOME", str(tmp_path / "cron"))

    ran = run_here(*words)

    assert (74, once(*range(1, 6))) == (ran.code, got(server))
    assert str(tmp_path / "cron") in ran.err
    assert all(word in ran.err for word in ("HOME", "MAILMERGE_HOME", "--state-dir"))


def test_an_account_where_there_is_none_is_told_with_home(
    here: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No accounts at all under a name that the person has made elsewhere."""
    monkeypatch.setenv("MAILMERGE_HOME", str(tmp_path / "cron"))
    write_toml(here, "hr")

    assert "HOME or MAILMERGE_HOME is another one here" in run_here("check").err


def test_a_folder_that_cannot_be_made_is_told_with_home(
    here: Path, server: ScriptedServer, tmp_path: Path
) -> None:
    """The ledger's folder would lie below a file: its path, and how to name another folder."""
    write_toml(here, url(server))
    (tmp_path / "file").write_text("", encoding="utf-8")

    ran = run_here("send", "--yes", "--state-dir", tmp_path / "file" / "below")

    assert ran.code == 74
    assert str(tmp_path / "file") in ran.err
    assert "MAILMERGE_HOME" in ran.err


TYPED = ("-r", "people.csv", "-m", "letter.txt", "--key-column", "id")


@pytest.mark.parametrize(
    ("rows", "option", "key"),
    [
        ([*people(1), "2,B,p1@example.org,tok000002x"], "--duplicates send", 'duplicates = "send"'),
        ([*people(1), "2,B,,tok000002x"], "--no-address skip", 'no_address = "skip"'),
    ],
)
def test_advice_names_the_option_unless_there_is_a_campaign_file(
    here: Path, rows: list[str], option: str, key: str
) -> None:
    """Whoever types options is told the option, and it works; whoever has a campaign.toml is told its key."""
    write_list(here, rows)

    typed = run_here("check", *TYPED)
    assert (65, True, False) == (typed.code, option in typed.err, key in typed.err), typed.err
    assert run_here("check", *TYPED, *option.split()).code == 0

    write_toml(here, "")
    filed = run_here("check")
    assert (65, False, True) == (filed.code, option in filed.err, key in filed.err), filed.err


def test_rows_without_address_are_not_all_that_is_wrong(here: Path) -> None:
    """To leave them out would not be enough: that is not advised."""
    write_list(here, ["1,A,,tok1", "2,B,nonsense,tok2"])

    assert "--no-address" not in run_here("check", *TYPED).err


def test_hidden_rows_can_be_settled_by_an_option(here: Path) -> None:
    """The hint names `--hidden skip`, and `check` takes it without a campaign.toml."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in (["id", "name", "email", "token"], *([n, "P", f"p{n}@example.org", f"t{n}"] for n in (1, 2))):
        sheet.append(row)
    sheet.row_dimensions[3].hidden = True
    book.save(here / "list.xlsx")
    words = ("check", "-r", "list.xlsx", "-m", "letter.txt")

    assert "--hidden skip" in run_here(*words).err
    assert "1 mail would be sent" in run_here(*words, "--hidden", "skip").out
    assert "2 mails would be sent" in run_here(*words, "--hidden", "send").out


@pytest.mark.parametrize(
    ("words", "ours"),
    [
        (("--no-dry-run",), "mailmerge send"),
        (("--dry-run", "--limit", "1"), "mailmerge check"),
        (("--limit", "1"), "send --limit N"),
        (("send", "--no-dry-run"), "send --yes"),
        (("send", "--no-limit"), "--limit N"),
        (("send", "--resume", "3"), "goes on where it stopped"),
        (("check", "--template", "t.txt"), "--message"),
        (("check", "--database", "d.csv"), "--recipients"),
        (("check", "--config", "s.conf"), "mailmerge account add"),
        (("check", "--sample"), "mailmerge init"),
    ],
)
def test_words_of_the_older_mailmerge_are_answered_with_ours(words: tuple[str, ...], ours: str) -> None:
    """2 as ever, and a sentence that names the option or the command of this program; the same in `--json`."""
    ran = run_here(*words)
    assert (2, True) == (ran.code, ours in ran.err), ran.err
    assert ours in run_here(*words, "--json").json["message"]


@pytest.mark.parametrize(
    "words",
    [
        ("log", "--limit", "1"),
        ("init", "--template", "t.txt"),
        ("runs", "--database", "d"),
        ("status", "--config", "c"),
    ],
)
def test_words_of_the_older_mailmerge_are_right_with_any_command(words: tuple[str, ...]) -> None:
    """The sentence says whose option is meant and which command has ours: the one that was typed may have neither."""
    told = run_here(*words).err
    assert "If you mean that of awdeorio/mailmerge: " in told
    assert "`mailmerge send" in told


def test_the_words_of_the_older_mailmerge_name_what_there_is() -> None:
    """Every option and command in those sentences is one of ours."""
    root = get_command(build_app())
    known = {option for command in root.commands.values() for each in command.params for option in each.opts}  # type: ignore[attr-defined]
    for told in OURS.values():
        assert set(re.findall(r"--[a-z-]+", told)) <= known
        assert set(re.findall(r"`mailmerge (\w+)", told)) <= set(COMMANDS)


def test_resolve_takes_a_file_of_keys(campaign: Path, server: ScriptedServer) -> None:
    """`@FILE` with a key or an address a line, as `send --only` takes it; a file that is not there is 66."""
    server.replies["END"] = {1: Keep(Close()), 3: Keep(Close())}
    run_here("send", "--yes")
    doubtful = [key for key, state in states(campaign).items() if state == "in_doubt"]
    assert len(doubtful) == 2
    (campaign / "arrived.txt").write_text(
        "\n".join([doubtful[0], f"p{doubtful[1]}@example.org", ""]), encoding="utf-8"
    )

    assert run_here("resolve", "--sent", "@nowhere.txt", "--yes").code == 66
    ran = run_here("resolve", "--sent", "@arrived.txt", "--yes")

    assert (0, "2 taken as sent.") == (ran.code, ran.out.strip()), ran.err
    assert "in_doubt" not in states(campaign).values()


def test_another_run_is_advised_as_the_campaign_allows(here: Path, server: ScriptedServer) -> None:
    """With `run =` in campaign.toml --new-run is refused, so it is not advised; what is advised works."""
    write_toml(here, url(server), top='run = "2026-10"')
    assert run_here("send", "--yes").code == 0
    write_list(here, people(6))

    refused = run_here("send", "--yes")
    assert (65, False, True) == (refused.code, "--new-run" in refused.err, "--run LABEL" in refused.err)
    wrong = run_here("send", "--yes", "--new-run")
    assert (65, True) == (wrong.code, "run = … in campaign.toml calls it so" in wrong.err)
    assert run_here("send", "--yes", "--run", "2026-11").code == 0


@pytest.mark.parametrize("command", [("check",), ("send", "--yes")])
def test_a_campaign_file_that_nobody_named_is_told(
    here: Path, server: ScriptedServer, command: tuple[str, ...]
) -> None:
    """List and message are typed and a campaign.toml lies here: its path is told once, in `--json` too; not where it is named, or not there."""
    typed = ("-r", "people.csv", "-m", "letter.txt", "-a", url(server))
    said = "campaign.toml count here too"
    assert said not in run_here("check", *typed).err
    assert "campaign_file" not in run_here("check", *typed, "--json").json
    write_toml(here, url(server))

    ran = run_here(*command, *typed)
    assert (0, 1, True) == (ran.code, ran.err.count(said), str(here.resolve() / "campaign.toml") in ran.err)
    assert run_here(*command, *typed, "--json").json["campaign_file"] == str(here.resolve() / "campaign.toml")
    assert said not in run_here(*command, *typed, "-c", ".").err
    assert "" == run_here(*command, *typed, "--quiet").err


def test_faults_of_a_campaign_file_that_nobody_named_have_its_path(here: Path) -> None:
    """Whoever does not know of the file learns where it is."""
    write_toml(here, "", recipients="emial = 3")

    ran = run_here("check", "-r", "people.csv", "-m", "letter.txt")

    assert (78, True) == (ran.code, str(here.resolve() / "campaign.toml") in ran.err)


@pytest.mark.parametrize("words", [("resolve", "--sent", "--all"), ("resend",), ("send", "--only")])
def test_words_that_name_nobody_are_a_mistake(
    campaign: Path, server: ScriptedServer, words: tuple[str, ...]
) -> None:
    """An empty `@FILE`, or an empty word of a script, means neither all nor done: 2, and nothing is changed or sent."""
    server.replies["END"] = {1: Keep(Close())}
    run_here("send", "--yes", "--limit", "2")
    before, accepted = states(campaign), len(server.accepted)
    (campaign / "nobody.txt").write_text("\n \n")

    for nobody in ("@nobody.txt", ""):
        ran = run_here(*words, nobody, "--yes")
        assert (2, True) == (ran.code, f"{nobody} names nobody" in ran.err), ran.err
    assert (before, accepted) == (states(campaign), len(server.accepted))
