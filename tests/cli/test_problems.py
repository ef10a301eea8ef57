"""What is wrong with the inputs is told all together, with row and column, before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.program import LETTER, Ran, people, run_here, states, write_campaign, write_list, write_toml
from support.scripted_smtp import ScriptedServer

HEADER = "id,name,email,token,net"
ATTACHED = 'attachments = ["slips/{{ id }}.txt"]'


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A campaign of 5 people, an attachment for each."""
    folder = write_campaign(tmp_path / "c", people(5))
    monkeypatch.chdir(folder)
    return folder


def url(server: ScriptedServer) -> str:
    return f"smtp+insecure://127.0.0.1:{server.port}"


def send(*words: object) -> Ran:
    return run_here("send", "--yes", "--json", *words)


def thousand(folder: Path) -> None:
    """A thousand rows; those of the lines 900, 901 and 902 have a bad address, no attachment, an empty required cell."""
    rows = [f"{n},Person {n},p{n}@example.org,tok{n:06d}x,{n}.50" for n in range(2, 1002)]
    rows[900 - 2] = rows[900 - 2].replace("p900@example.org", "p900@example")
    rows[902 - 2] = rows[902 - 2].replace("902.50", " ")
    write_list(folder, rows, header=HEADER)
    (folder / "slips").mkdir()
    for number in range(2, 1002):
        if number != 901:
            (folder / f"slips/{number}.txt").write_text(f"slip of {number}")


def test_three_bad_rows_of_a_thousand_are_told_together_and_nothing_is_sent(folder: Path, server: ScriptedServer) -> None:
    """Bad address in row 900, missing attachment in 901, empty required cell in 902: 65, all three, nobody gets anything."""
    thousand(folder)
    write_toml(folder, url(server), recipients='required = ["net"]', message=ATTACHED)
    for ran in (run_here("check", "--json"), send()):
        assert (65, "refused", "invalid", 3) == (ran.code, ran.json["outcome"], ran.json["reason"], ran.json["problems_total"])
        told = [(one["row"], one["column"], one["kind"]) for one in ran.json["problems"]]
        assert [(900, "email", "address"), (901, "Attachment", "attachment"), (902, "net", "required")] == told
        for place in ("row 900, email", "row 901, Attachment", "row 902, net"):
            assert place in ran.err
        assert "slips/901.txt" in ran.err
    assert (0, False) == (server.connections, (folder / "results").exists())
    assert 65 == run_here("status").code


def test_the_others_go_when_the_campaign_says_so(folder: Path, server: ScriptedServer) -> None:
    """on_invalid = "send-others": 997 go, three are invalid and told, exit 1; mended, --accept-changes sends just those."""
    thousand(folder)
    write_toml(folder, url(server), recipients='required = ["net"]', message=ATTACHED, sending='on_invalid = "send-others"')
    ran = send()

    assert (1, "complete", "invalid") == (ran.code, ran.json["outcome"], ran.json["reason"]), ran.err
    assert (997, 997, 3) == (ran.json["sent_now"], ran.json["counts"]["sent"], ran.json["counts"]["invalid"])
    assert [900, 901, 902] == [one["row"] for one in ran.json["problems"]]
    assert {"900", "901", "902"} == set(states(folder, "--state", "invalid"))
    assert 1 == run_here("send", "--yes").code
    assert 997 == len(server.accepted)

    text = (folder / "people.csv").read_text().replace("p900@example,", "p900@example.org,").replace("tok000902x, ", "tok000902x,902.50")
    (folder / "people.csv").write_text(text)
    (folder / "slips/901.txt").write_text("slip of 901")
    assert 65 == send().code
    mended = send("--accept-changes")
    assert (0, 3, 1000) == (mended.code, mended.json["sent_now"], mended.json["counts"]["sent"]), mended.err
    assert {"p900@example.org", "p901@example.org", "p902@example.org"} == {m.recipients[0] for m in server.accepted[997:]}


def test_one_row_may_have_several_problems(folder: Path, server: ScriptedServer) -> None:
    """All that is wrong with a row is told at once, not the first alone."""
    write_list(folder, ["1,Ann,not an address,tok1, ", "2,Bob,b@example.org,tok2,1"], header=HEADER)
    write_toml(folder, url(server), recipients='required = ["net", "name"]')
    told = send().json["problems"]

    assert [(2, "email"), (2, "net")] == [(one["row"], one["column"]) for one in told]


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
    folder: Path, server: ScriptedServer, letter: str, near: str, sending: str
) -> None:
    """In body, subject, header, attachment, even where no row comes by: refused, with the nearest column."""
    (folder / "letter.txt").write_text(letter)
    write_toml(folder, url(server), sending=sending)
    ran = send()

    assert (65, "refused", 0) == (ran.code, ran.json["outcome"], server.connections), ran.err
    assert f"'{near}'" in ran.err or f"“{near}”" in ran.err
    assert "letter.txt" in ran.err


def test_T03_a_template_that_makes_no_sense_is_65(folder: Path, server: ScriptedServer) -> None:
    """A syntax error and an unclosed block: file and line, nothing sent."""
    write_toml(folder, url(server), sending='on_invalid = "send-others"')
    for broken in ("{% if token %}never closed\n", "{{ token | }}\n"):
        (folder / "letter.txt").write_text(LETTER + broken)
        ran = send()
        assert (65, 0) == (ran.code, server.connections), ran.err
        assert "letter.txt" in ran.err


def test_T04_a_row_that_cannot_be_rendered_is_bad_like_any_other(folder: Path, server: ScriptedServer) -> None:
    """A division by nothing in row 4: told with its row; the others go if the campaign says so. No cell is shown."""
    write_list(folder, [f"{n},Person {n},p{n}@example.org,tok{n},{0 if n == 3 else 7771}" for n in range(1, 6)], header=HEADER)
    (folder / "letter.txt").write_text(LETTER + "{{ 100 / (net | number) }}\n")
    write_toml(folder, url(server))
    ran = send()
    assert (65, [4]) == (ran.code, [one["row"] for one in ran.json["problems"]]), ran.err
    others = send("--on-invalid", "send-others")
    assert (1, 4) == (others.code, others.json["sent_now"])
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
    folder: Path, server: ScriptedServer, header: str, word: str
) -> None:
    """Also after NFKC, case and `_`, also a name of [values]: 65, both are named, nothing sent, whatever the setting."""
    write_list(folder, ["1,Ann,p1@example.org,tok1,x"], header=header)
    (folder / "letter.txt").write_text("From: office@example.org\nSubject: Hello\n\nHello {{ name }}\n")
    write_toml(folder, url(server), sending='on_invalid = "send-others"\n[values]\ncompany = "Example Ltd"')
    ran = send()

    assert (65, 0) == (ran.code, server.connections), ran.err
    assert word in ran.err.casefold()


def test_a_value_with_a_built_in_name_is_refused(folder: Path, server: ScriptedServer) -> None:
    """--set today=…: 2; [values] today = …: 65 or 78, and nothing is sent."""
    write_toml(folder, url(server))
    assert 2 == send("--set", "today=x").code
    write_toml(folder, url(server), sending='[values]\ntoday = "x"')
    assert send().code in (65, 78)
    assert 0 == server.connections


def test_where_with_an_unknown_name_is_65_with_the_nearest_column(folder: Path, server: ScriptedServer) -> None:
    """A typing error in `where` selects nobody in silence nowhere."""
    write_toml(folder, url(server), recipients="where = \"tokne != ''\"", sending='on_invalid = "send-others"')
    ran = send()

    assert (65, 0) == (ran.code, server.connections)
    assert "'token'" in ran.err or "“token”" in ran.err
    assert 65 == send("--where", "token ==").code


def test_where_that_selects_nobody_is_refused(folder: Path, server: ScriptedServer) -> None:
    """0 mails and exit 0 would look like success: 65, unless allow_empty."""
    write_toml(folder, url(server), recipients="where = \"token == 'nobody'\"")
    ran = send()
    assert (65, "invalid", 0) == (ran.code, ran.json["reason"], server.connections)
    assert "where" in ran.err
    assert 65 == run_here("check").code


def test_F07_an_empty_list_is_refused(folder: Path, server: ScriptedServer) -> None:
    """A header alone, or no octet at all: 65."""
    write_toml(folder, url(server))
    write_list(folder, [])
    assert (65, 65) == (send().code, run_here("check").code)
    (folder / "people.csv").write_bytes(b"")
    assert 65 == send().code
    assert 0 == server.connections


def test_allow_empty_is_0_and_asks_no_server(folder: Path) -> None:
    """allow_empty = true: a day without rows is a good day, even while the server is down."""
    empty = "allow_empty = true"
    write_toml(folder, "smtp+insecure://127.0.0.1:1", recipients=empty)
    write_list(folder, [])
    for _ in range(2):
        ran = send()
        assert (0, "complete", 0) == (ran.code, ran.json["outcome"], ran.json["counts"]["rows"]), ran.err
    assert 0 == run_here("check").code
    assert 0 == run_here("status", "--exit-code").code

    write_list(folder, people(3))
    write_toml(folder, "smtp+insecure://127.0.0.1:1", recipients=empty + "\nwhere = \"token == 'nobody'\"")
    assert 0 == send().code


def test_a_day_on_which_all_are_left_out_asks_no_server(folder: Path) -> None:
    """Everybody excluded is knowingly skipped: 0, and the result log says why."""
    (folder / "out.txt").write_text("@example.org\n")
    write_toml(folder, "smtp+insecure://127.0.0.1:1", recipients='exclude = ["out.txt"]')
    ran = send()

    assert (0, 5) == (ran.code, ran.json["counts"]["skipped"]), ran.err
    assert 6 == len(Path(ran.json["results"]).read_text(encoding="utf-8-sig").splitlines())


def test_F07_no_address_column_names_the_columns(folder: Path, server: ScriptedServer) -> None:
    """Nothing looks like an address: 65, with the columns that there are and the option that names one."""
    write_list(folder, ["1,Ann,x"], header="id,name,note")
    (folder / "letter.txt").write_text("From: office@example.org\nSubject: Hello\n\nHello\n")
    write_toml(folder, url(server))
    ran = send()

    assert (65, 0) == (ran.code, server.connections)
    assert "--email-column" in ran.err
    assert "note" in ran.err
    wrong = send("--email-column", "emial")
    assert 65 == wrong.code


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
def test_A_bad_addresses_never_leave(folder: Path, server: ScriptedServer, cell: str, name: str) -> None:
    """Each kind of bad address (catalogue A) is its row's problem, in its column, and nothing is sent."""
    write_list(folder, [f"1,Ann,{cell},tok1"])
    write_toml(folder, url(server))
    ran = send()

    assert (65, 0) == (ran.code, server.connections), (name, ran.err)
    assert ["email"] == [one["column"] for one in ran.json["problems"]]


@pytest.mark.parametrize("cell", ["../1", "/etc/passwd", "a*", "a?b", "a\\b", "[ab]", "", "."])
def test_B02_a_cell_that_is_no_part_of_a_path_is_refused(folder: Path, server: ScriptedServer, cell: str) -> None:
    """A cell that holds / \\ * ? [, or nothing, cannot make the path of an attachment."""
    (folder / "slips").mkdir()
    (folder / "slips/.txt").write_text("nobody's")
    (folder / "1.txt").write_text("nobody's")
    write_list(folder, [f"x,Ann,p1@example.org,{cell}"])
    (folder / "letter.txt").write_text("From: office@example.org\nSubject: Hello\n\nHello\n")
    write_toml(folder, url(server), message='attachments = ["slips/{{ token }}.txt"]')
    ran = send()

    assert (65, 0, [2]) == (ran.code, server.connections, [one["row"] for one in ran.json["problems"]]), ran.err


def test_B04_one_persons_file_goes_to_one_person(folder: Path, server: ScriptedServer) -> None:
    """Two rows whose cells name the same file: refused, both rows told."""
    (folder / "slips").mkdir()
    (folder / "slips/same.txt").write_text("private")
    write_list(folder, ["1,Ann,a@example.org,same", "2,Bob,b@example.org,same"])
    write_toml(folder, url(server), message='attachments = ["slips/{{ token }}.txt"]')
    ran = send()

    assert (65, 0) == (ran.code, server.connections)
    assert "row 2" in ran.err
    assert "row 3" in ran.err


def test_F04_an_unclosed_quote_sends_nothing(folder: Path, server: ScriptedServer) -> None:
    """A quote that swallows the rest of the list would put other people's rows into one mail: 65."""
    write_list(folder, ['1,"Ann,p1@example.org,tok1', *people(4, 2)])
    write_toml(folder, url(server), sending='on_invalid = "send-others"')

    assert (65, 0) == (send().code, server.connections)


def test_F05_short_and_long_rows_are_told(folder: Path, server: ScriptedServer) -> None:
    """A row with other than the header's number of fields is bad, and says how many it has."""
    write_list(folder, [*people(2), "3,Person 3,p3@example.org", "4,Person 4,p4@example.org,tok,one more"])
    write_toml(folder, url(server))
    ran = send()

    assert (65, [4, 5]) == (ran.code, [one["row"] for one in ran.json["problems"]]), ran.err
    others = send("--on-invalid", "send-others")
    assert (1, 2) == (others.code, others.json["sent_now"])
