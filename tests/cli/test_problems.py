"""What is wrong with the inputs is told all together, with row and column, before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.arrivals import url
from support.program import LETTER, Ran, people, run_here, states, write_list, write_toml
from support.scripted_smtp import ScriptedServer

HEADER = "id,name,email,token,net"
ATTACHED = 'attachments = ["slips/{{ id }}.txt"]'


def send(*words: object) -> Ran:
    return run_here("send", "--yes", "--json", *words)


def thousand(here: Path) -> None:
    """A thousand rows; those of the lines 900, 901 and 902 have a bad address, no attachment, an empty required cell."""
    rows = [f"{n},Person {n},p{n}@example.org,tok{n:06d}x,{n}.50" for n in range(2, 1002)]
    rows[900 - 2] = rows[900 - 2].replace("p900@example.org", "p900@example")
    rows[902 - 2] = rows[902 - 2].replace("902.50", " ")
    write_list(here, rows, header=HEADER)
    (here / "slips").mkdir()
    for number in range(2, 1002):
        if number != 901:
            (here / f"slips/{number}.txt").write_text(f"slip of {number}")


def test_three_bad_rows_of_a_thousand_are_told_together_and_nothing_is_sent(
    here: Path, server: ScriptedServer
) -> None:
    """Bad address in row 900, missing attachment in 901, empty required cell in 902: 65, all three, nobody gets anything."""
    thousand(here)
    write_toml(here, url(server), recipients='required = ["net"]', message=ATTACHED)
    for ran in (run_here("check", "--json"), send()):
        assert (
            ran.code,
            ran.json["outcome"],
            ran.json["reason"],
            ran.json["problems_total"],
        ) == (65, "refused", "invalid", 3)
        told = [(one["row"], one["column"], one["kind"]) for one in ran.json["problems"]]
        assert told == [
            (900, "email", "address"),
            (901, "Attachment", "attachment"),
            (902, "net", "required"),
        ]
        for place in ("row 900, email", "row 901, Attachment", "row 902, net"):
            assert place in ran.err
        assert "slips/901.txt" in ran.err
    assert (server.connections, (here / "results").exists()) == (0, False)
    assert run_here("status").code == 65


def test_the_others_go_when_the_campaign_says_so(here: Path, server: ScriptedServer) -> None:
    """on_invalid = "send-others": 997 go, three are invalid and told, exit 1; mended, --accept-changes sends just those."""
    thousand(here)
    write_toml(
        here,
        url(server),
        recipients='required = ["net"]',
        message=ATTACHED,
        sending='on_invalid = "send-others"',
    )
    ran = send()

    assert (ran.code, ran.json["outcome"], ran.json["reason"]) == (1, "complete", "invalid"), ran.err
    assert (ran.json["sent_now"], ran.json["counts"]["sent"], ran.json["counts"]["invalid"]) == (997, 997, 3)
    assert [one["row"] for one in ran.json["problems"]] == [900, 901, 902]
    assert {"900", "901", "902"} == set(states(here, "--state", "invalid"))
    assert run_here("send", "--yes").code == 1
    assert len(server.accepted) == 997

    text = (
        (here / "people.csv")
        .read_text()
        .replace("p900@example,", "p900@example.org,")
        .replace("tok000902x, ", "tok000902x,902.50")
    )
    (here / "people.csv").write_text(text)
    (here / "slips/901.txt").write_text("slip of 901")
    assert send().code == 65
    mended = send("--accept-changes")
    assert (mended.code, mended.json["sent_now"], mended.json["counts"]["sent"]) == (0, 3, 1000), mended.err
    assert {"p900@example.org", "p901@example.org", "p902@example.org"} == {
        m.recipients[0] for m in server.accepted[997:]
    }


def test_one_row_may_have_several_problems(here: Path, server: ScriptedServer) -> None:
    """All that is wrong with a row is told at once, not the first alone."""
    write_list(here, ["1,Ann,not an address,tok1, ", "2,Bob,b@example.org,tok2,1"], header=HEADER)
    write_toml(here, url(server), recipients='required = ["net", "name"]')
    told = send().json["problems"]

    assert [(one["row"], one["column"]) for one in told] == [(2, "email"), (2, "net")]


@pytest.mark.parametrize("sending", ["", 'on_invalid = "send-others"'])
@pytest.mark.parametrize(
    ("letter", "near"),
    [
        (LETTER.replace("{{ token }}.", "{{ tokne }}."), "token"),
        (LETTER.replace("{{ name }}", "{{ nmae }}"), "name"),
        (LETTER.replace("Subject: Your token {{ token }}", "Subject: {{ Token }}"), "token"),
        ("Reply-To: {{ emial }}\n" + LETTER, "email"),
        ("Attachment: {{ idd }}.txt\n" + LETTER, "id"),
        (LETTER + "{% if never %}{{ nmae }}{% endif %}\n", "name"),
    ],
)
def test_T01_an_unknown_name_is_65_whatever_the_setting(
    here: Path, server: ScriptedServer, letter: str, near: str, sending: str
) -> None:
    """In body, subject, header, attachment, even where no row comes by: refused, with the nearest column."""
    (here / "letter.txt").write_text(letter)
    write_toml(here, url(server), sending=sending)
    ran = send()

    assert (ran.code, ran.json["outcome"], server.connections) == (65, "refused", 0), ran.err
    assert f"'{near}'" in ran.err or f"“{near}”" in ran.err
    assert "letter.txt" in ran.err


def test_T03_a_template_that_makes_no_sense_is_65(here: Path, server: ScriptedServer) -> None:
    """A syntax error and an unclosed block: file and line, nothing sent."""
    write_toml(here, url(server), sending='on_invalid = "send-others"')
    for broken in ("{% if token %}never closed\n", "{{ token | }}\n"):
        (here / "letter.txt").write_text(LETTER + broken)
        ran = send()
        assert (ran.code, server.connections) == (65, 0), ran.err
        assert "letter.txt" in ran.err


def test_T04_a_row_that_cannot_be_rendered_is_bad_like_any_other(here: Path, server: ScriptedServer) -> None:
    """A division by nothing in row 4: told with its row; the others go if the campaign says so. No cell is shown."""
    write_list(
        here,
        [f"{n},Person {n},p{n}@example.org,tok{n},{0 if n == 3 else 7771}" for n in range(1, 6)],
        header=HEADER,
    )
    (here / "letter.txt").write_text(LETTER + "{{ 100 / (net | number) }}\n")
    write_toml(here, url(server))
    ran = send()
    assert (ran.code, [one["row"] for one in ran.json["problems"]]) == (65, [4]), ran.err
    others = send("--on-invalid", "send-others")
    assert (others.code, others.json["sent_now"]) == (1, 4)
    assert "7771" not in ran.err + ran.out + others.err + others.out


@pytest.mark.parametrize(
    ("header", "word"),
    [
        ("id,name,email,token,token", "token"),
        ("id,name,email,token,Token ", "token"),
        ("id,name,email,Net pay,net_pay", "net_pay"),
        ("id,name,email,token,today", "today"),
        ("id,name,email,token,run", "run"),
        ("id,name,email,token,row", "row"),
        ("id,name,email,token,company", "company"),
    ],
)
def test_F06_two_columns_with_one_name_or_a_built_in_one(
    here: Path, server: ScriptedServer, header: str, word: str
) -> None:
    """Also after NFKC, case and `_`, also a name of [values]: 65, both are named, nothing sent, whatever the setting."""
    write_list(here, ["1,Ann,p1@example.org,tok1,x"], header=header)
    (here / "letter.txt").write_text("From: office@example.org\nSubject: Hello\n\nHello {{ name }}\n")
    write_toml(here, url(server), sending='on_invalid = "send-others"\n[values]\ncompany = "Example Ltd"')
    ran = send()

    assert (ran.code, server.connections) == (65, 0), ran.err
    assert word in ran.err.casefold()


def test_a_value_with_a_built_in_name_is_refused(here: Path, server: ScriptedServer) -> None:
    """--set today=…: 2; [values] today = …: 65 or 78, and nothing is sent."""
    write_toml(here, url(server))
    assert send("--set", "today=x").code == 2
    write_toml(here, url(server), sending='[values]\ntoday = "x"')
    assert send().code in (65, 78)
    assert server.connections == 0


def test_where_with_an_unknown_name_is_65_with_the_nearest_column(here: Path, server: ScriptedServer) -> None:
    """A typing error in `where` selects nobody in silence nowhere."""
    write_toml(here, url(server), recipients="where = \"tokne != ''\"", sending='on_invalid = "send-others"')
    ran = send()

    assert (ran.code, server.connections) == (65, 0)
    assert "'token'" in ran.err or "“token”" in ran.err
    assert send("--where", "token ==").code == 65


def test_where_that_selects_nobody_is_refused(here: Path, server: ScriptedServer) -> None:
    """0 mails and exit 0 would look like success: 65, unless allow_empty."""
    write_toml(here, url(server), recipients="where = \"token == 'nobody'\"")
    ran = send()
    assert (ran.code, ran.json["reason"], server.connections) == (65, "invalid", 0)
    assert "where" in ran.err
    assert run_here("check").code == 65


def test_F07_an_empty_list_is_refused(here: Path, server: ScriptedServer) -> None:
    """A header alone, or no octet at all: 65."""
    write_toml(here, url(server))
    write_list(here, [])
    assert (send().code, run_here("check").code) == (65, 65)
    (here / "people.csv").write_bytes(b"")
    assert send().code == 65
    assert server.connections == 0


def test_allow_empty_is_0_and_asks_no_server(here: Path) -> None:
    """allow_empty = true: a day without rows is a good day, even while the server is down."""
    empty = "allow_empty = true"
    write_toml(here, "smtp+insecure://127.0.0.1:1", recipients=empty)
    write_list(here, [])
    for _ in range(2):
        ran = send()
        assert (ran.code, ran.json["outcome"], ran.json["counts"]["rows"]) == (0, "complete", 0), ran.err
    assert run_here("check").code == 0
    assert run_here("status", "--exit-code").code == 0

    write_list(here, people(3))
    write_toml(here, "smtp+insecure://127.0.0.1:1", recipients=empty + "\nwhere = \"token == 'nobody'\"")
    assert send().code == 0


def test_a_day_on_which_all_are_left_out_asks_no_server(here: Path) -> None:
    """Everybody excluded is knowingly skipped: 0, and the result log says why."""
    (here / "out.txt").write_text("@example.org\n")
    write_toml(here, "smtp+insecure://127.0.0.1:1", recipients='exclude = ["out.txt"]')
    ran = send()

    assert (ran.code, ran.json["counts"]["skipped"]) == (0, 5), ran.err
    assert len(Path(ran.json["results"]).read_text(encoding="utf-8-sig").splitlines()) == 6


def test_F07_no_address_column_names_the_columns(here: Path, server: ScriptedServer) -> None:
    """Nothing looks like an address: 65, with the columns that there are and the option that names one."""
    write_list(here, ["1,Ann,x"], header="id,name,note")
    (here / "letter.txt").write_text("From: office@example.org\nSubject: Hello\n\nHello\n")
    write_toml(here, url(server))
    ran = send()

    assert (ran.code, server.connections) == (65, 0)
    assert "--email-column" in ran.err
    assert "note" in ran.err
    wrong = send("--email-column", "emial")
    assert wrong.code == 65
    assert "[recipients] email (or --email-column)" in wrong.err


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("a@example.org; b@example.org", "A01"),
        ('"a@example.org, b@example.org"', "A01"),
        ("friends: a@example.org;", "A02"),
        ("a@", "A10"),
        ("root", "A10"),
        ("a..b@example.org", "A10"),
        ("a@[127.0.0.1]", "A10"),
        ("ann@example.org@example.com", "A11"),
        ("mailto:a@example.org", "A11"),
        ("Ann <a@example.org>", "A11"),
        ("a\u200b@example.org", "A12"),
        ("\u00a0a@example.org", "A12"),
        ('"a@example.org>\nRCPT TO:<b@example.org"', "A08"),
    ],
)
def test_A_bad_addresses_never_leave(here: Path, server: ScriptedServer, cell: str, name: str) -> None:
    """Each kind of bad address (catalogue A) is its row's problem, in its column, and nothing is sent."""
    write_list(here, [f"1,Ann,{cell},tok1"])
    write_toml(here, url(server))
    ran = send()

    assert (ran.code, server.connections) == (65, 0), (name, ran.err)
    assert [one["column"] for one in ran.json["problems"]] == ["email"]


@pytest.mark.parametrize("cell", ["../1", "/etc/passwd", "a*", "a?b", "a\\b", "[ab]", "", "."])
def test_B02_a_cell_that_is_no_part_of_a_path_is_refused(
    here: Path, server: ScriptedServer, cell: str
) -> None:
    """A cell that holds / \\ * ? [, or nothing, cannot make the path of an attachment."""
    (here / "slips").mkdir()
    (here / "slips/.txt").write_text("nobody's")
    (here / "1.txt").write_text("nobody's")
    write_list(here, [f"x,Ann,p1@example.org,{cell}"])
    (here / "letter.txt").write_text("From: office@example.org\nSubject: Hello\n\nHello\n")
    write_toml(here, url(server), message='attachments = ["slips/{{ token }}.txt"]')
    ran = send()

    assert (ran.code, server.connections, [one["row"] for one in ran.json["problems"]]) == (65, 0, [2]), (
        ran.err
    )


def test_B04_one_persons_file_goes_to_one_person(here: Path, server: ScriptedServer) -> None:
    """Two rows whose cells name the same file: refused, both rows told."""
    (here / "slips").mkdir()
    (here / "slips/same.txt").write_text("private")
    write_list(here, ["1,Ann,a@example.org,same", "2,Bob,b@example.org,same"])
    write_toml(here, url(server), message='attachments = ["slips/{{ token }}.txt"]')
    ran = send()

    assert (ran.code, server.connections) == (65, 0)
    assert "row 2" in ran.err
    assert "row 3" in ran.err


def test_F04_an_unclosed_quote_sends_nothing(here: Path, server: ScriptedServer) -> None:
    """A quote that swallows the rest of the list would put other people's rows into one mail: 65."""
    write_list(here, ['1,"Ann,p1@example.org,tok1', *people(4, 2)])
    write_toml(here, url(server), sending='on_invalid = "send-others"')

    assert (send().code, server.connections) == (65, 0)


def test_F05_short_and_long_rows_are_told(here: Path, server: ScriptedServer) -> None:
    """A row with other than the header's number of fields is bad, and says how many it has."""
    write_list(here, [*people(2), "3,Person 3,p3@example.org", "4,Person 4,p4@example.org,tok,one more"])
    write_toml(here, url(server))
    ran = send()

    assert (ran.code, [one["row"] for one in ran.json["problems"]]) == (65, [4, 5]), ran.err
    others = send("--on-invalid", "send-others")
    assert (others.code, others.json["sent_now"]) == (1, 2)


@pytest.mark.parametrize("others", ["refuse", "send-others"])
def test_a_missing_file_of_all_rows_is_told_with_the_faults_of_rows(
    here: Path, server: ScriptedServer, others: str
) -> None:
    """Both in one refusal, whatever `on_invalid` says, and nobody gets a mail; put there, the run goes."""
    write_list(here, [*people(2), "3,C,nonsense,tok000003x"])
    more = {"message": 'attachments = ["terms.txt"]', "sending": f'on_invalid = "{others}"'}
    write_toml(here, url(server), **more)
    for ran in (run_here("check", "--json"), send()):
        told = [(one["row"], one["kind"]) for one in ran.json["problems"]]
        assert (ran.code, told, ran.json["problems_total"]) == (65, [(None, "attachment"), (4, "address")], 2)
    assert run_here("preview").code == 65
    assert run_here("send", "--test", "me@example.org", "--yes").code == 65
    assert (server.connections, (here / "results").exists()) == (0, False)

    (here / "terms.txt").write_text("terms", encoding="utf-8")
    write_list(here, people(2))
    assert send().code == 0


def test_a_missing_file_of_all_rows_stops_a_run_that_goes_on(here: Path, server: ScriptedServer) -> None:
    """Nothing else changed since the last `send`, and no row is checked again: all the same nobody gets a mail without it."""
    (here / "terms.txt").write_text("terms", encoding="utf-8")
    write_toml(here, url(server), message='attachments = ["terms.txt"]')
    assert send("--limit", "2").code == 75
    (here / "terms.txt").unlink()
    assert (send().code, len(server.accepted)) == (65, 2)


def test_two_faults_of_a_template_are_each_told_once(here: Path, server: ScriptedServer) -> None:
    """The sentence above the list counts them, and repeats none."""
    text = "From: me@example.org\nTo: {{ email }}, {{ email }}\nSubject: {{ nobody }}\n\nHi\n"
    (here / "letter.txt").write_text(text, encoding="utf-8")
    write_toml(here, url(server))
    ran = run_here("check")
    assert (ran.code, ran.err.count("more than one address"), ran.err.count("'nobody'")) == (65, 1, 1), (
        ran.err
    )
