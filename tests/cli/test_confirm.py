"""Nothing is sent by accident: the panel and the answers that it takes."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailmerge_cli.cli.agreement import _attachments
from mailmerge_cli.cli.confirm import Answer, Facts, confirm, panel_line
from mailmerge_cli.cli.screen import Screen
from mailmerge_cli.errors import UsageFault
from support.terminal import Terminal

NOW = datetime(2026, 11, 21, 10, 2, tzinfo=ZoneInfo("Asia/Shanghai"))
FACTS = Facts(
    count=298,
    sender="hr@example.org",
    server="smtp.example.org",
    skipped=3,
    first="Wang Xiaoming",
    last="Zhao Li",
    rate="10/min",
    finish=NOW + timedelta(minutes=30),
)
QUESTION = "Type 298 to send, t to send a test to yourself, p to preview, q to quit: "


def ask(typed: str, facts: Facts = FACTS) -> tuple[Answer, str]:
    with Terminal(200) as terminal:
        terminal.enter(typed)
        screen = Screen(terminal.stream, terminal.stream, terminal.stream, environ={"TERM": "dumb"})
        return confirm(screen, facts, NOW), terminal.shown()


def test_L08_the_panel_is_that_of_the_contract() -> None:
    """Count, sender, server, skipped, first and last, rate and end in one line, then the question."""
    answer, shown = ask("298\n")

    assert answer is Answer.SEND
    assert shown == (
        "298 mails from hr@example.org through smtp.example.org · 3 skipped · first Wang Xiaoming, last Zhao Li · "
        f"10/min, done 10:32\n{QUESTION}"
    )


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("298\n", Answer.SEND),
        (" 298 \n", Answer.SEND),
        ("２９８\n", Answer.SEND),
        ("t\n", Answer.TEST),
        ("P\n", Answer.PREVIEW),
        ("q\n", Answer.QUIT),
        ("quit\n", Answer.QUIT),
        ("\x04", Answer.QUIT),
        ("\n\ny\nyes\n\x04", Answer.QUIT),
        ("297\n+298\n0298\n298.0\n2 98\nq\n", Answer.QUIT),
        ("\n297\n298\n", Answer.SEND),
    ],
)
def test_L08_only_the_exact_count_sends(typed: str, answer: Answer) -> None:
    """Enter, y, yes and every other number are asked again; the end of the input quits."""
    assert ask(typed)[0] is answer


def test_another_number_is_told_as_such() -> None:
    """Who types the count of last month learns that it is another one now."""
    assert "That is another number; there are 298 mails." in ask("297\nq\n")[1]


@given(st.text(st.characters(exclude_characters="\n\r", exclude_categories=("Cs", "Cc"))))
def test_L08_no_other_text_sends(typed: str) -> None:
    """Whatever is typed, SEND means that the count was."""

    class Typist(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Screen(Typist(), Typist(), Typist(typed + "\n"), environ={"TERM": "dumb"})
    if confirm(screen, FACTS, NOW) is Answer.SEND:
        assert typed.strip() in ("298", "２９８") or [int(sign) for sign in typed.strip()] == [2, 9, 8]


def test_L07_without_a_terminal_nothing_happens() -> None:
    """Exit code 2, and not a word on standard output."""
    out = io.StringIO()

    with pytest.raises(UsageFault, match="Nothing was done"):
        confirm(Screen(out, io.StringIO(), io.StringIO("298\n")), FACTS, NOW)
    assert out.getvalue() == ""


def test_quiet_holds_the_panel_back_no_longer() -> None:
    """A question without its facts would be blind."""
    with Terminal(200) as terminal:
        terminal.enter("q\n")
        screen = Screen(
            terminal.stream, terminal.stream, terminal.stream, quiet=True, environ={"TERM": "dumb"}
        )
        confirm(screen, FACTS, NOW)
        assert terminal.shown().startswith("298 mails from hr@example.org")


def test_one_mail_has_one_recipient() -> None:
    """Neither a plural nor a last one."""
    line = panel_line(replace(FACTS, count=1, skipped=0, rate="", finish=None), NOW)

    assert line == "1 mail from hr@example.org through smtp.example.org · to Wang Xiaoming"


def test_attachments_and_further_lines_are_shown() -> None:
    """What goes along, and what a person must know besides."""
    facts = replace(FACTS, attachments="1 attachment each", extra=("Nothing leaves this machine.",))
    shown = ask("q\n", facts)[1]

    assert "last Zhao Li · 1 attachment each · 10/min" in shown
    assert "\nNothing leaves this machine.\nType 298" in shown


@pytest.mark.parametrize(
    ("fewest", "most", "told"),
    [
        (0, 0, ""),
        (1, 1, "1 attachment each"),
        (2, 2, "2 attachments each"),
        (0, 1, "up to 1 attachment each"),
        (1, 3, "up to 3 attachments each"),
    ],
)
def test_files_that_some_mails_lack_are_not_promised_to_each(fewest: int, most: int, told: str) -> None:
    """A condition may leave one out, so the number is the most."""
    assert told == _attachments(fewest, most)


def test_L02_a_name_cannot_forge_the_panel() -> None:
    """A name with control codes is shown as it is written, a long one is cut."""
    line = panel_line(replace(FACTS, first="A\n1 mail\x1b[2J", last="x" * 100), NOW)

    assert "first A\\n1 mail\\x1b[2J" in line
    assert "last " + "x" * 29 + "… ·" in line
