"""What a person sees, on terminals, in pipes, in cron mails; and what a script reads."""

from __future__ import annotations

import io
import json
import os
import re
import select
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailmerge_cli.cli.screen import Screen
from mailmerge_cli.errors import ExitCode, Problem, Refused, UsageFault
from support.terminal import Terminal, run_on_terminal

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
XTERM = {"TERM": "xterm-256color"}
HOSTILE = "\x1b]0;title\x07\x1b[2J\u202egpj.\x9b31m\r"


class Pair:
    """A screen over two texts in memory."""

    def __init__(self, **options: object) -> None:
        self.out, self.err = io.StringIO(), io.StringIO()
        self.screen = Screen(self.out, self.err, None, **options)  # type: ignore[arg-type]

    @property
    def texts(self) -> tuple[str, str]:
        return self.out.getvalue(), self.err.getvalue()


def everything(screen: Screen) -> None:
    """Use each way of talking once."""
    screen.say("said")
    screen.trace("traced")
    screen.note("noted")
    screen.warn("warned")
    screen.error(Refused("wrong", hint="mend it", problems=(Problem(3, "net", "value", "is missing"),)))
    screen.table(("key", "state"), [("00001", "sent")], "Titled")
    screen.panel("framed")


def test_talk_goes_to_standard_output_and_trouble_to_standard_error() -> None:
    """A pipe gets what the command is for; notes, warnings and errors stay visible."""
    pair = Pair()
    everything(pair.screen)
    out, err = pair.texts

    assert out == "said\nTitled\nkey    state\n00001  sent\nframed\n"
    assert err == "Note: noted\nWarning: warned\nError: wrong\n  row 3, net: is missing\nmend it\n"


def test_debug_tells_more() -> None:
    """The conversation with servers is told with --debug alone."""
    for options, shown in (({}, ""), ({"verbose": True}, ""), ({"debug": True}, "t\n")):
        pair = Pair(**options)
        pair.screen.trace("t")
        assert pair.texts == ("", shown)


def test_L05_json_is_alone_on_standard_output() -> None:
    """All talk goes to standard error, and the one object is one line that any reader understands."""
    pair = Pair(json=True)
    everything(pair.screen)
    pair.screen.json({"name": "王", "evil": HOSTILE})
    out, err = pair.texts

    assert json.loads(out) == {"name": "王", "evil": HOSTILE}
    assert not CONTROL.search(out)
    assert "said" in err
    assert "00001  sent" in err


def test_L05_a_second_object_is_a_bug() -> None:
    """Exactly one object: a command that prints two is found by its tests."""
    pair = Pair(json=True)
    pair.screen.json({})
    with pytest.raises(AssertionError):
        pair.screen.json({})


def test_quiet_says_nothing_at_0() -> None:
    """A cron job that went well sends no mail: both streams stay empty."""
    pair = Pair(quiet=True)
    everything(pair.screen)
    pair.screen.close(ExitCode.OK)

    assert pair.texts == ("", "")


@pytest.mark.parametrize("code", [code for code in ExitCode if code is not ExitCode.OK])
def test_quiet_says_everything_at_any_other_code(code: ExitCode) -> None:
    """What was held back comes in its order, on its stream."""
    quiet, loud = Pair(quiet=True), Pair()
    for pair in (quiet, loud):
        everything(pair.screen)
        pair.screen.close(code)

    assert quiet.texts == loud.texts


def test_quiet_leaves_json_and_data_alone() -> None:
    """An object or a file that was asked for is no talk."""
    pair = Pair(quiet=True, json=True)
    pair.screen.say("talk")
    pair.screen.json({"a": 1})
    pair.screen.close(ExitCode.OK)

    assert pair.texts == ('{"a": 1}\n', "")


@given(st.text(st.characters()))
def test_L02_no_value_reaches_the_terminal_raw(value: str) -> None:
    """Whatever a cell, a reply or a file name holds: no control code, no bidi override, and in a table no line break."""
    pair = Pair(debug=True)
    screen = pair.screen
    for way in (screen.say, screen.trace, screen.note, screen.warn, screen.panel):
        way(value)
    screen.error(Refused(value, hint=value, problems=(Problem(1, value, "k", value),)))
    screen.table((value,), [(value,)], "t")

    for text in pair.texts:
        assert not CONTROL.search(text)
        text.encode()


@given(st.text(st.characters()))
@example("g")
def test_L02_a_value_cannot_forge_a_line(value: str) -> None:
    """A problem is one line, and every further line of an error is indented."""
    pair = Pair()
    pair.screen.error(Refused(f"{value} is wrong", problems=(Problem(1, value, "k", value),)))
    first, *others = pair.texts[1].splitlines()

    assert first.startswith("Error: ")
    assert all(line.startswith("  ") or not line for line in others)
    assert others[-1].startswith("  row 1")


def test_L02_markup_means_nothing_on_a_terminal() -> None:
    """Rich's markup, emoji codes and ANSI codes of a value are shown as they are written."""
    with Terminal() as terminal:
        screen = Screen(terminal.stream, terminal.stream, None, environ=XTERM)
        for way in (screen.say, screen.warn, screen.panel):
            way("[bold red]:smile: \x1b[31m[/]")
        screen.table(("[b]x", "state"), [("[link=http://example.org]a[/link]", "\x1b[2J")])
        screen.error(Refused("[b]e", problems=(Problem(1, "[i]c", "k", "[u]m"),)))
        shown = terminal.shown()

    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    for text in (
        "[bold red]:smile: \\x1b[31m[/]",
        "[b]x",
        "[link=http://example.org]a[/link]",
        "\\x1b[2J",
        "[i]c",
        "[u]m",
    ):
        assert text in plain
    assert "\x1b" not in plain


def shown_on(environ: dict[str, str], columns: int = 80, **options: bool) -> str:
    with Terminal(columns) as terminal:
        screen = Screen(terminal.stream, terminal.stream, None, environ=environ, **options)  # type: ignore[arg-type]
        everything(screen)
        screen.close(ExitCode.OK)
        return terminal.shown()


def test_L05_a_terminal_gets_colour_and_frames() -> None:
    """Where there are abilities they are used."""
    shown = shown_on(XTERM)

    assert "\x1b[" in shown
    assert "─" in shown


@pytest.mark.parametrize(
    ("environ", "options"),
    [
        ({**XTERM, "NO_COLOR": "1"}, {}),
        ({"TERM": "dumb"}, {}),
        ({}, {}),
        (XTERM, {"plain": True}),
    ],
    ids=["NO_COLOR", "TERM=dumb", "no TERM", "--plain"],
)
@pytest.mark.skipif(os.name == "nt", reason="a Windows console has no TERM")
def test_L05_plain_lines_have_no_control_codes(environ: dict[str, str], options: dict[str, bool]) -> None:
    """Each way to ask for plain text gives plain lines."""
    shown = shown_on(environ, **options)

    assert "warned" in shown
    assert not CONTROL.search(shown)


def test_an_empty_no_color_means_nothing() -> None:
    """The convention: NO_COLOR counts when it is not empty."""
    assert "\x1b[" in shown_on({**XTERM, "NO_COLOR": ""})


@pytest.mark.parametrize("environ", [XTERM, {"TERM": "dumb"}], ids=["colour", "plain"])
@pytest.mark.parametrize("columns", [20, 1])
def test_L05_a_narrow_terminal_loses_nothing(environ: dict[str, str], columns: int) -> None:
    """At 20 columns, or at one, every word is still shown."""
    with Terminal(columns) as terminal:
        screen = Screen(terminal.stream, terminal.stream, None, environ=environ)
        screen.table(("key", "address", "state"), [("00001", "a.long.address@example.org", "deferred")])
        screen.error(
            Refused("a long sentence about something", problems=(Problem(3, "net", "k", "is missing"),))
        )
        shown = terminal.shown()

    for word in ("00001", "a.long.address@example.org", "deferred", "row 3, net: is missing"):
        assert word in shown


def test_a_table_that_fits_is_aligned_by_cells() -> None:
    """Chinese characters take two cells, numbers stand to the right."""
    pair = Pair()
    pair.screen.table(("姓名", "n"), [("王", 5), ("Li", 120)])

    assert pair.texts[0] == "姓名    n\n王      5\nLi    120\n"


def test_problems_are_told_up_to_fifty() -> None:
    """A list that is wrong in every row does not scroll everything else away; --verbose shows all."""
    problems = tuple(Problem(row, "net", "value", "is missing") for row in range(60))
    for verbose, lines, left in ((False, 50, "  … and 940 more"), (True, 60, "  … and 930 more")):
        pair = Pair(verbose=verbose)
        pair.screen.problems(problems, 990)
        told = pair.texts[1].splitlines()
        assert (len(told) - 1, told[-1]) == (lines, left)


def test_L03_a_bug_shows_where_and_never_what() -> None:
    """Neither the sentence nor --debug repeats the text of a foreign exception: it may be a salary."""
    salary = "12000" + ".50"
    for debug in (False, True):
        pair = Pair(debug=debug)
        try:
            int(salary)
        except ValueError as error:
            pair.screen.bug(error)
        told = pair.texts[1]
        assert "ValueError in test_screen.py:" in told
        assert salary not in told
        assert ("in test_L03" in told) == debug


def test_L03_debug_shows_the_cause_behind_a_sentence() -> None:
    """An error of ours keeps its cause's place; a harmless cause also its text."""
    pair = Pair(debug=True)
    try:
        try:
            Path("/nonexistent/list.csv").read_bytes()
        except OSError as error:
            raise Refused("no list") from error
    except Refused as error:
        pair.screen.error(error)

    assert "No such file" in pair.texts[1]


def test_a_log_hears_of_warnings_errors_and_bugs() -> None:
    """What a person would see of trouble, --log-file has too."""
    heard = []
    pair = Pair(quiet=True)
    pair.screen.listen(lambda kind, text: heard.append((kind, text)))
    pair.screen.warn("w")
    pair.screen.error(Refused("e"))
    pair.screen.bug(KeyError("x"))

    assert heard[:2] == [("warning", "w"), ("error", "e")]
    assert heard[2][0] == "bug"


# Questions


def asking(terminal: Terminal, **options: bool) -> Screen:
    return Screen(terminal.stream, terminal.stream, terminal.stream, environ={"TERM": "dumb"}, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("y\n", True),
        ("YES\n", True),
        ("n\n", False),
        ("\n\nmaybe\ny\n", True),
        ("\nno\n", False),
        ("\x04", False),
    ],
)
def test_L08_yes_is_never_a_bare_enter(typed: str, answer: bool) -> None:
    """Only y or yes means yes; anything else is asked again; the end of the input is a no."""
    with Terminal() as terminal:
        terminal.enter(typed)
        assert asking(terminal).confirm("Send?") is answer


def test_L07_without_a_terminal_nothing_is_asked_and_nothing_done() -> None:
    """Exit code 2 and the word --yes; with --yes no question comes."""
    pair = Pair()

    with pytest.raises(UsageFault, match="no terminal") as caught:
        pair.screen.confirm("Send?")
    assert "--yes" in caught.value.hint
    assert pair.screen.confirm("Send?", yes=True)
    assert pair.screen.ask("Name? ") is None
    assert pair.screen.secret("Password: ") is None
    assert pair.texts == ("", "")


def test_no_input_never_asks_even_on_a_terminal() -> None:
    """--no-input is for scripts that run in a terminal."""
    with Terminal() as terminal:
        terminal.enter("y\n")
        screen = asking(terminal, no_input=True)
        assert screen.ask("Name? ") is None
        with pytest.raises(UsageFault, match="--no-input"):
            screen.confirm("Send?")


def test_a_question_is_shown_at_once_even_with_quiet() -> None:
    """A person cannot answer what is held back; what was said before comes with it."""
    with Terminal() as terminal:
        screen = asking(terminal, quiet=True)
        screen.say("298 mails")
        terminal.enter(" Wang \n")
        assert screen.ask("Name? ") == "Wang"
        assert terminal.shown() == "298 mails\nName? "


def test_a_question_goes_to_the_stream_that_a_person_sees() -> None:
    """With standard output in a file, and with --json, the question stands on standard error."""
    for json_wanted in (False, True):
        out = io.StringIO()
        with Terminal() as terminal:
            terminal.enter("x\n")
            screen = Screen(out, terminal.stream, terminal.stream, json=json_wanted, environ={"TERM": "dumb"})
            assert screen.ask("Name? ") == "x"
            assert terminal.shown() == "Name? "
        assert out.getvalue() == ""


def test_C13_a_secret_is_not_shown_while_it_is_typed() -> None:
    """The terminal's echo is off, the value is a Secret, and only its length comes out here."""
    script = textwrap.dedent("""
        from mailmerge_cli.cli.screen import Screen
        screen = Screen.standard()
        secret = screen.secret("Password: ")
        print(repr(secret), len(secret.reveal()))
    """)
    code, shown = run_on_terminal(script, [("Password: ", "s3cr3t\n")])

    assert (code, shown) == (0, "Password: \nSecret(********) 6\n")


# Streams that are gone, and locales that know no Chinese


def child(script: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], check=False, capture_output=True, **options
    )  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize(
    "locale", [{"LANG": "C", "LC_ALL": "C"}, {"LC_ALL": "POSIX"}, {"PYTHONIOENCODING": "ascii:strict"}]
)
def test_O09_output_is_utf_8_whatever_the_locale(locale: dict[str, str]) -> None:
    """In cron, with LANG=C, a Chinese name is written as UTF-8 and a broken character does not end the run."""
    script = """
        from mailmerge_cli.cli.screen import Screen
        screen = Screen.standard(json=True)
        screen.warn("\\u738b\\u5c0f\\u660e \\udcff")
        screen.json({"name": "\\u738b\\u5c0f\\u660e \\udcff"})
    """
    done = child(
        script,
        env={
            "PYTHONUTF8": "0",
            "PYTHONCOERCECLOCALE": "0",
            "PYTHONPATH": os.pathsep.join(sys.path),
            **locale,
        },
    )

    assert done.returncode == 0
    assert done.stdout.decode() == '{"name": "王小明 \\udcff"}\n'
    assert done.stderr.decode() == "Warning: 王小明 \\udcff\n"


def test_K06_work_goes_on_when_the_reader_has_gone() -> None:
    """`mailmerge send | head -1`: no traceback, no word about a broken pipe, and the work is done to its end."""
    script = """
        import sys
        from mailmerge_cli.cli.screen import Screen
        screen = Screen.standard()
        for number in range(100_000):
            screen.say(f"line {number}")
        print("work is done", file=sys.stderr)
        sys.exit(3)
    """
    done = child(f"""
        import subprocess, sys
        writer = subprocess.Popen([sys.executable, "-c", {textwrap.dedent(script)!r}], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        print(writer.stdout.readline())
        writer.stdout.close()
        print(writer.stderr.read(), writer.wait())
    """)

    assert done.stdout.decode().splitlines() == ["b'line 0\\n'", "b'work is done\\n' 3"]


def test_K06_data_for_a_reader_that_has_gone_is_not_made() -> None:
    """`mailmerge log --format csv | head`: the ledger is not read to its end for nobody."""
    script = """
        import sys
        from mailmerge_cli.cli.screen import Screen
        made = 0
        def chunks():
            global made
            for made in range(10_000_000):
                yield b"x" * 1000 + b"\\\\n"
        Screen.standard().deliver(chunks())
        print(made < 1_000_000, file=sys.stderr)
    """
    done = child(f"""
        import subprocess, sys
        writer = subprocess.Popen([sys.executable, "-c", {textwrap.dedent(script)!r}], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        writer.stdout.read(10)
        writer.stdout.close()
        print(writer.stderr.read(), writer.wait())
    """)

    assert done.stdout == b"b'True\\n' 0\n"


def test_K06_closed_streams_are_no_fault() -> None:
    """`mailmerge send >&- 2>&-` works; nobody listens."""
    script = """
        from mailmerge_cli.cli.screen import Screen
        screen = Screen.standard()
        screen.say("a"); screen.warn("b"); screen.json({})
        screen.close(1)
    """
    done = subprocess.run(
        ["sh", "-c", '"$0" -c "$1" >&- 2>&-', sys.executable, textwrap.dedent(script)],
        check=False,
        capture_output=True,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    ("words", "code"),
    [("screen.say('x'); screen.say('y')", 0), ("screen.json({})", 74), ("screen.deliver([b'x'])", 74)],
)
def test_K08_lost_data_is_a_fault_and_lost_talk_is_none(words: str, code: int) -> None:
    """A disk that is full under the JSON a script waits for is told (74); chatter that is lost is not. Python adds no word."""
    script = f"""
        import sys
        from mailmerge_cli.cli.screen import Screen
        from mailmerge_cli.errors import LedgerFault
        screen = Screen.standard()
        try:
            {words}
        except LedgerFault as error:
            screen.error(error)
            sys.exit(error.exit_code)
    """
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script)], check=False, stdout=full, stderr=subprocess.PIPE
        )

    assert done.returncode == code
    assert done.stderr == (
        b"Error: standard output cannot be written: No space left on device\n" if code else b""
    )


def test_starting_up_needs_no_rich() -> None:
    """Rich takes a tenth of a second: a pipe and a plain word on a terminal do without."""
    script = """
        import sys
        from mailmerge_cli.cli.screen import Screen
        screen = Screen.standard(json=True)
        screen.say("x"); screen.warn("x"); screen.json({})
        print([name for name in ("rich", "asyncio", "openpyxl", "typer", "sqlite3") if name in sys.modules])
    """
    assert child(script).stdout.endswith(b"[]\n")

    code, shown = run_on_terminal(
        textwrap.dedent(script).replace("json=True", "").replace('screen.warn("x");', "")
    )
    assert (code, shown) == (0, "x\n{}\n[]\n")


def _impatient(words: str) -> tuple[subprocess.Popen[bytes], int]:
    """A process whose standard output is a pipe that does not wait; and the end to read."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    script = f"""
        import sys
        from mailmerge_cli.cli import outlet
        outlet._MOMENT = 0.01
        screen = __import__("mailmerge_cli.cli.screen").cli.screen.Screen.standard()
        {words}
        print("done", file=sys.stderr, flush=True)
        sys.exit(74 if screen.out.fault else 0)
    """
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=writer, stderr=subprocess.PIPE, env=environ
    )
    os.close(writer)
    return child, reader


@pytest.mark.skipif(sys.platform == "win32", reason="pipes there always wait")
def test_K08_talk_to_a_slow_reader_is_no_fault() -> None:
    """Standard output with O_NONBLOCK, and nobody reads for now: talk is dropped, the end is 0, Python adds no word."""
    child, reader = _impatient("[screen.say('x' * 50_000) for _ in range(20)]")
    _, err = child.communicate(timeout=60)
    os.close(reader)

    assert (0, b"done\n") == (child.returncode, err)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes there always wait")
@pytest.mark.parametrize(
    "words", ["screen.json({'a': 'x' * 500_000})", "screen.deliver([b'x' * 250_000, b'x' * 250_000])"]
)
def test_K08_data_waits_for_a_slow_reader(words: str) -> None:
    """The same with data: all of it arrives once somebody reads."""
    child, reader = _impatient(words)
    with os.fdopen(reader, "rb") as stream:
        select.select([stream], [], [])
        got = stream.read()
    _, err = child.communicate(timeout=60)

    assert (0, b"done\n", 500_000) == (child.returncode, err, got.count(b"x"))
