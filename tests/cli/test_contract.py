"""The contract as a whole: every command and option, nobody to ask, the one object of --json, --quiet."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from support.arrivals import NOBODY
from support.program import (
    people,
    run_here,
    run_process,
    states,
    write_list,
    write_toml,
)
from support.scripted_smtp import Close, Keep, ScriptedServer

COMMANDS = (
    "demo", "init", "account", "check", "preview", "send", "resend", "resolve", "cancel", "status", "runs", "log", "mailbox",
)  # fmt: skip
ACCOUNT_COMMANDS = ("add", "list", "show", "test", "remove", "login")
INPUT_OPTIONS = [
    "--recipients", "-r", "--message", "-m", "--account", "-a", "--from", "--subject", "--attach", "--sheet", "--encoding",
    "--delimiter", "--email-column", "--name-column", "--key-column", "--group-by", "--require", "--where", "--exclude", "--only-domain",
    "--set", "--rate", "--connections", "--workers", "--on-invalid", "--no-address", "--duplicates", "--run", "--campaign", "-c",
    "--state-dir",
]  # fmt: skip
SEND_OPTIONS = [
    "--limit", "--only", "--dry-run", "-n", "--test", "--row", "--key", "--accept-new", "--accept-changes", "--retry-failed",
    "--new-run", "--from-ledger", "--wait", "--max-wait", "--results", "--password-stdin", "--yes", "-y",
]  # fmt: skip
EVERYWHERE = [
    "--json",
    "--quiet",
    "-q",
    "--verbose",
    "-v",
    "--debug",
    "--plain",
    "--no-input",
    "--log-file",
    "-h",
    "--help",
]

KEYS = {
    "schema", "campaign", "run", "outcome", "reason", "resume_at", "exit_code", "counts", "sent_now", "problems",
    "problems_total", "started", "finished", "elapsed_seconds", "results", "ledger",
}  # fmt: skip
COUNTS = {"rows", "sent", "failed", "invalid", "skipped", "deferred", "in_doubt", "pending"}


# -- commands and options ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [*((c,) for c in COMMANDS), *(("account", c) for c in ACCOUNT_COMMANDS)])
def test_every_command_of_the_table_has_help(words: tuple[str, ...]) -> None:
    """`-h` and `--help` everywhere, exit 0."""
    short, long = run_here(*words, "-h"), run_here(*words, "--help")

    assert (short.code, long.code) == (0, 0)
    assert short.out == long.out
    assert f"Usage: mailmerge {' '.join(words)}" in short.out


@pytest.mark.parametrize("name", ["send", "check", "preview"])
def test_every_option_of_the_inputs_is_there(name: str) -> None:
    """Options of `send`, `check`, `preview`, those of `send` alone, and those of everywhere."""
    words = set(re.findall(r"(?<![\w-])--?[\w-]+", run_here(name, "-h").out))
    wanted = {*INPUT_OPTIONS, *EVERYWHERE, *(SEND_OPTIONS if name == "send" else [])}

    assert set() == wanted - words


@pytest.mark.parametrize("words", [("runs",), ("status",), ("log",), ("cancel",), ("resend",), ("resolve",), ("init",), ("demo",), ("mailbox",), ("account", "list")])  # fmt: skip
def test_the_options_of_everywhere_are_everywhere(words: tuple[str, ...]) -> None:
    """--json, --quiet, --verbose, --debug, --plain, --no-input and --log-file belong to every command."""
    found = set(re.findall(r"(?<![\w-])--?[\w-]+", run_here(*words, "-h").out))

    assert set() == set(EVERYWHERE) - found


def test_L07_a_wrong_command_line_is_2(here: Path) -> None:
    """A typing error in a command, an option or a value: 2, one sentence, no traceback, nothing done."""
    for words in (
        ("sned",),
        ("send", "--bogus"),
        ("send", "--limit", "many"),
        ("send", "-a", NOBODY, "-r", "people.csv", "-m", "letter.txt", "--rate", "5/fortnight", "--yes"),
        ("send", "-a", NOBODY, "-r", "people.csv", "-m", "letter.txt", "--max-wait", "soon", "--yes"),
        ("send", "-a", NOBODY, "-r", "people.csv", "-m", "letter.txt", "--on-invalid", "ignore", "--yes"),
        ("send", "-a", NOBODY, "-r", "people.csv", "-m", "letter.txt", "--set", "novalue", "--yes"),
        ("send", "-a", NOBODY, "-r", "people.csv", "-m", "letter.txt", "--wait", "--max-wait", "2h", "--yes"),
        ("log", "--state", "lost"),
        ("resolve", "1"),
        ("resolve", "--sent"),
    ):
        ran = run_here(*words)
        assert ran.code == 2, (words, ran)
        assert "Error" in ran.err
        assert "Traceback" not in ran.err
        assert ran.out == ""
    assert not (here / "results").exists()


def test_the_version_is_told() -> None:
    """`--version`, of all three ways to call it."""
    from mailmerge_cli import __version__

    scripts = [Path(sys.executable).parent / name for name in ("mailmerge", "mailmerge-cli")]
    ways = [[sys.executable, "-m", "mailmerge_cli"], *([str(s)] for s in scripts if s.exists())]
    for way in ways:
        told = subprocess.run([*way, "--version"], capture_output=True, text=True, check=True).stdout
        assert f"mailmerge-cli {__version__}\n" == told


def test_the_campaign_is_a_folder_a_file_or_the_current_folder(
    campaign: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CAMPAIGN as a word, as --campaign and -c, as a file; default `.`."""
    monkeypatch.chdir(campaign.parent)
    for words in (("c",), ("c/campaign.toml",), ("--campaign", "c"), ("-c", "c")):
        assert run_here("check", *words).code == 0, words
    assert run_here("check").code == 66
    assert run_here("check", "nowhere").code == 66
    monkeypatch.chdir(campaign)
    assert run_here("check").code == 0


# -- nobody to ask -----------------------------------------------------------------------------------------------------


def test_L08_without_a_terminal_and_yes_nothing_happens(campaign: Path, server: ScriptedServer) -> None:
    """send, send --test, resend, resolve and cancel: 2, and nothing is sent or changed."""
    first = run_here("send")
    assert (first.code, server.lines, (campaign / ".mailmerge").exists()) == (2, [], False)
    assert "--yes" in first.err
    assert run_here("send", "--test", "me@example.org").code == 2
    assert server.lines == []

    server.replies["END"] = {3: Keep(Close())}
    assert run_here("send", "--limit", "3", "--yes").code == 75
    before = states(campaign)
    assert Counter(before.values()) == {"sent": 2, "in_doubt": 1, "pending": 2}
    for words in (
        ("send",), ("resend", "1"), ("cancel",), ("resolve", "--sent", "--all"), ("resolve", "--resend", "3"),
        ("send", "--no-input"),
    ):  # fmt: skip
        seen = len(server.lines)
        ran = run_here(*words)
        assert (2, seen, before) == (ran.code, len(server.lines), states(campaign)), (words, ran)


# -- the one object ----------------------------------------------------------------------------------------------------


def test_json_is_one_object_with_all_its_keys_whatever_happens(
    campaign: Path, server: ScriptedServer
) -> None:
    """`send` and `check --json`: exactly one object on standard output, complete in its keys, for each outcome."""
    server.replies["RCPT TO:<p2@"] = "550 5.1.1 no such user"
    write_list(campaign, people(2))
    (campaign / "broken").mkdir()
    calls: list[tuple[tuple[str, ...], int, str, str | None]] = [
        (("check",), 0, "complete", None),
        (("send", "--dry-run"), 0, "complete", None),
        (("send",), 2, "refused", "config"),
        (("send", "--yes", "--limit", "0"), 75, "incomplete", "limit"),
        (("send", "--yes", "-a", NOBODY), 69, "incomplete", "unreachable"),
        (("send", "--yes", "-a", "nobody"), 78, "refused", "config"),
        (("send", "--yes", "--limit", "1"), 75, "incomplete", "limit"),
        (("send", "--yes"), 1, "complete", "failed"),
        (("send", "--yes"), 1, "complete", "failed"),
        (("send", "--yes", "--subject", "Other"), 65, "refused", "changed"),
        (("send", "--yes", "--run", "another", "--where", "nobody > 1"), 65, "refused", "invalid"),
        (("send", "nowhere", "--yes"), 66, "refused", "invalid"),
        (("send", "--yes", "--wait", "--max-wait", "2h"), 2, "refused", "config"),
        (("send", "--bogus", "--yes"), 2, "refused", "config"),
        (("check", "--limit"), 2, "refused", "config"),
        (("check", "-m", "missing.txt"), 66, "refused", "invalid"),
    ]
    for words, code, outcome, reason in calls:
        ran = run_here(*words, "--json")
        told = ran.json
        assert isinstance(told, dict), words
        assert len(ran.out.splitlines()) == 1
        assert (code, code, outcome, reason) == (
            ran.code,
            told["exit_code"],
            told["outcome"],
            told["reason"],
        ), (words, ran)
        assert set() == KEYS - set(told), words
        assert set(told["counts"]) == COUNTS
        assert told["counts"]["rows"] == sum(n for name, n in told["counts"].items() if name != "rows")
        assert told["schema"] == 1
        assert told["problems_total"] >= len(told["problems"])
        for problem in told["problems"]:
            assert {"row", "column", "kind", "message"} == set(problem)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", told["started"])


@pytest.mark.parametrize(
    "words",
    [
        ("status",), ("runs",), ("log",), ("log", "--attempts"), ("log", "--state", "sent"), ("log", "--out", "log.csv"),
        ("preview",), ("preview", "--row", "3"), ("preview", "--out", "eml"), ("cancel", "--yes"), ("resend", "1", "--yes"),
        ("resend", "1"), ("resolve", "--sent", "--all", "--yes"), ("status", "nowhere"), ("account", "list"),
        ("account", "show", "nobody"), ("account", "bogus"), ("log", "--format", "bogus"), ("init", "new"), ("init", "new", "--bogus"),
        ("demo", "new"), ("sned",), ("send", "--test", "me@example.org", "--yes"), ("mailbox", "--port", "99999"),
    ],
)  # fmt: skip
def test_json_is_one_object_of_every_command(campaign: Path, words: tuple[str, ...]) -> None:
    """Also of errors: one object on standard output, all else on standard error."""
    assert run_here("send", "--yes").code == 0
    ran = run_here(*words, "--json")

    assert isinstance(ran.json, dict), ran
    assert ran.json["schema"] == 1
    assert len(ran.out.splitlines()) == 1


def test_the_refusal_of_a_run_names_campaign_and_run(campaign: Path) -> None:
    """A cron job's object of a refusal says of which campaign and run it speaks, and how that run stands."""
    assert run_here("send", "--yes", "--limit", "2", "--run", "monday").code == 75
    told = run_here("send", "--yes", "--json", "--subject", "Other").json

    assert (told["campaign"], told["run"], told["reason"]) == ("trial", "monday", "changed")
    assert (told["counts"]["rows"], told["counts"]["sent"], told["counts"]["pending"]) == (5, 2, 3)
    assert told["ledger"] == str(campaign / ".mailmerge/ledger.sqlite3")


def test_problems_are_a_thousand_at_most_and_all_are_counted(here: Path) -> None:
    """`problems` holds at most 1000, `problems_total` the count."""
    write_list(here, [f"{n},Person,not-an-address,t" for n in range(1200)])
    write_toml(here, NOBODY)
    for name in ("check", "send"):
        told = run_here(name, "--yes", "--json") if name == "send" else run_here(name, "--json")
        assert (told.code, len(told.json["problems"]), told.json["problems_total"]) == (65, 1000, 1200)
        assert "1200 problems" in told.err


def test_json_goes_to_standard_output_and_talk_does_not(campaign: Path) -> None:
    """As processes: standard output is the object alone, UTF-8; standard error has the talk."""
    ran = run_process(
        "send", "--yes", "--json", cwd=campaign, environ={"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    )

    assert (ran.code, ran.json["sent_now"]) == (0, 5)
    assert "5 sent" in ran.err


# -- quiet -------------------------------------------------------------------------------------------------------------


def test_quiet_is_silent_at_0_and_speaks_at_any_other_code(campaign: Path, server: ScriptedServer) -> None:
    """`--quiet`: nothing on either stream at exit 0, text at any other."""
    for words in (
        ("check",),
        ("send", "--yes"),
        ("send", "--yes"),
        ("status",),
        ("runs",),
        ("cancel", "--yes"),
        ("init", "n"),
    ):
        ran = run_process(*words, "--quiet", cwd=campaign)
        assert (ran.code, ran.out, ran.err) == (0, "", ""), words

    server.replies["RCPT"] = "550 5.1.1 no such user"
    for words, code in (
        (("send", "--yes", "--run", "b"), 1),
        (("send", "--yes", "--run", "b"), 1),
        (("send",), 2),
        (("send", "--yes", "--subject", "x", "--run", "b"), 65),
        (("send", "nowhere", "--yes"), 66),
        (("send", "--yes", "-a", NOBODY, "--run", "c"), 69),
        (("status", "--exit-code", "--run", "b"), 1),
    ):
        ran = run_process(*words, "-q", cwd=campaign)
        assert code == ran.code, (words, ran)
        assert ran.err + ran.out
