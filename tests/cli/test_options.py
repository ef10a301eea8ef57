"""What `send`, `check` and `preview` are asked for by their options is what happens."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import webbrowser
from email import policy
from email.parser import BytesParser
from pathlib import Path

import pytest

from mailmerge_cli.errors import LedgerFault
from support.arrivals import NOBODY, csv_keys, got, once, read, url
from support.program import (
    log_lines,
    people,
    run_here,
    run_process,
    states,
    write_list,
    write_toml,
)
from support.scripted_smtp import ScriptedServer
from support.tables import write_workbook


def test_limit_begins_so_many_and_the_plan_is_whole(campaign: Path, server: ScriptedServer) -> None:
    """`--limit N`: at most N begun by this call; again, the next ones."""
    first = run_here("send", "--yes", "--json", "--limit", "2")

    assert (
        first.code, first.json["reason"], first.json["sent_now"], first.json["counts"]["rows"], first.json["counts"]["pending"],
    ) == (75, "limit", 2, 5, 3)  # fmt: skip
    assert run_here("send", "--yes", "--limit", "2").code == 75
    assert run_here("send", "--yes", "--limit", "2").code == 0
    assert once(1, 2, 3, 4, 5) == got(server)


def test_a_test_goes_to_me_and_counts_for_nobody(here: Path, server: ScriptedServer) -> None:
    """`--test ADDRESS`: marked in the subject, an own Message-ID, Cc and Bcc left out, nothing recorded."""
    head = "From: Office <office@example.org>\nCc: boss@example.org\nBcc: archive@example.org\nSubject: Token {{ token }}\n\n"
    (here / "letter.txt").write_text(head + "Dear {{ name }}, {{ token }}\n")
    write_toml(here, url(server))
    ran = run_here("send", "--yes", "--test", "me@example.com")
    chosen = run_here("send", "--yes", "--test", "me@example.com", "--key", "4", "--json")
    row = run_here("send", "--yes", "--test", "me@example.com", "--row", "3")
    three = run_here("send", "--yes", "--test", "me@example.com", "--limit", "3")

    assert [ran.code, chosen.code, row.code, three.code] == [0, 0, 0, 0], ran.err
    mails = [read(mail) for mail in server.accepted]
    assert [mail.recipients for mail in server.accepted] == [("me@example.com",)] * 6
    assert [int(re.findall(r"tok0*(\d+)x", str(mail["Subject"]))[0]) for mail in mails] == [1, 4, 2, 1, 2, 3]
    for mail in mails:
        assert str(mail["Subject"]).startswith("[TEST]")
        assert mail["Cc"] is None
        assert mail["Bcc"] is None
        assert "me@example.com" in str(mail["To"])
    assert not (here / ".mailmerge").exists()
    assert not (here / "results").exists()

    assert run_here("send", "--yes").code == 0
    real = {str(read(mail)["Message-ID"]) for mail in server.accepted[6:]}
    assert len(real) == 5
    assert real.isdisjoint(str(mail["Message-ID"]) for mail in mails)


def test_T15_a_dry_run_is_a_check(campaign: Path, server: ScriptedServer) -> None:
    """`--dry-run` and `check`: no connection, no ledger, no result log; the real run is as if they had not been."""
    assert [
        run_here("send", "-n").code,
        run_here("send", "--dry-run", "--yes").code,
        run_here("check").code,
    ] == [0, 0, 0]
    assert (
        server.connections,
        (campaign / ".mailmerge").exists(),
        (campaign / "results").exists(),
    ) == (0, False, False)
    online = run_here("check", "--online")
    assert (online.code, server.connections, server.accepted) == (0, 1, [])
    assert "MAIL" not in server.verbs()


def test_preview_shows_one_or_writes_all(campaign: Path, server: ScriptedServer) -> None:
    """One message on the screen by row or key, or all as .eml files, 0600; no connection, nothing recorded."""
    first, row, key = (
        run_here("preview"),
        run_here("preview", "--row", "3"),
        run_here("preview", "--key", "5"),
    )
    assert [re.findall(r"tok\w+x", ran.out)[0] for ran in (first, row, key)] == [
        "tok000001x",
        "tok000002x",
        "tok000005x",
    ]
    for words in (("--row", "77"), ("--key", "nobody")):
        assert run_here("preview", *words).code == 65

    assert run_here("preview", "--out", "eml").code == 0
    files = sorted((campaign / "eml").glob("*.eml"))
    assert len(files) == 5
    assert {0o600} == {file.stat().st_mode & 0o777 for file in files}
    for number, file in enumerate(files, 1):
        mail = BytesParser(policy=policy.default).parsebytes(file.read_bytes())
        assert f"Your token tok{number:06d}x" == mail["Subject"]
        assert f"p{number}@example.org" in str(mail["To"])
    assert (server.connections, (campaign / ".mailmerge").exists()) == (0, False)


def test_preview_as_it_looks(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--html: one page, private, elsewhere than the campaign; --open alone opens it; Bcc and the HTML are told in the text."""
    head = "From: A <a@example.org>\nBcc: Boss <boss@example.org>\nSubject: s\n\n"
    (here / "letter.md").write_text(head + "# Dear {{ name }}\n")
    words = ("preview", "-r", "people.csv", "-m", "letter.md", "-a", "outbox:o")
    (elsewhere := tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) or len(opened) == 1)
    before = sorted(here.iterdir())

    text = run_here(*words, "--row", "3").out
    assert "Bcc:     Boss <boss@example.org>\n" in text
    assert "HTML:    " in text
    assert "--open" in text
    assert list(elsewhere.iterdir()) == []

    ran = run_here(*words, "--row", "3", "--html")
    file = next(elsewhere.glob("*/*"))
    assert f"1 mail written to {file}.\n" in ran.out
    assert (file.name, file.stat().st_mode & 0o777) == ("row-00003.html", 0o600)
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert "Bcc<td>Boss" in file.read_text()
    assert (opened, sorted(here.iterdir())) == ([], before)

    assert run_here(*words, "--html", "--row", "77").code == 65
    assert len(list(elsewhere.iterdir())) == 1

    ran = run_here(*words, "--open", "--json")
    assert opened == [Path(ran.json["file"]).as_uri()]

    ran = run_here(*words, "--open", "--out", "pages")
    assert len(list((here / "pages").glob("*.html"))) == 5
    assert (len(opened), ran.code) == (2, 0)
    assert f"Open {Path('pages/row-00002.html')} with yours." in ran.err


def test_a_page_that_was_asked_for_is_told_or_not_there(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--html --quiet: the path alone, as data; where the page cannot be written, its folder goes too."""
    words = ("preview", "-r", "people.csv", "-m", "letter.txt", "-a", "outbox:o", "--html", "--quiet")
    (elsewhere := tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))

    ran = run_here(*words)
    file = next(elsewhere.glob("*/*"))
    assert (0, f"{file}\n", "") == (ran.code, ran.out, ran.err)
    assert Path(run_here(*words, "--json").json["file"]) in set(elsewhere.glob("*/*")) - {file}

    before = sorted(elsewhere.iterdir())
    monkeypatch.setattr("mailmerge_cli.cli.rehearsal.page", _no_room)
    assert run_here(*words).code == 74
    assert before == sorted(elsewhere.iterdir())


def _no_room(*_: object) -> str:
    raise LedgerFault("no room")


def test_a_browser_does_not_write_into_our_json(here: Path, tmp_path: Path) -> None:
    """What the browser says on its standard output is on standard error: on ours is one object."""
    script = (
        "import subprocess, sys, webbrowser; from mailmerge_cli.cli.main import main; "
        "webbrowser.open = lambda url: not subprocess.call([sys.executable, '-c', 'print(\"Opening\")']); "
        "sys.exit(main(sys.argv[1:]))"
    )
    words = (
        "preview",
        "-r",
        "people.csv",
        "-m",
        "letter.txt",
        "-a",
        "outbox:o",
        "--open",
        "--out",
        "p",
        "--json",
    )
    done = subprocess.run([sys.executable, "-c", script, *words], cwd=here, capture_output=True, check=True)

    assert json.loads(done.stdout)["written"] == 5
    assert b"Opening" in done.stderr


def test_a_file_that_was_there_is_private_too(here: Path) -> None:
    """`preview --out` over a file that all may read: the new one is the person's own."""
    words = ("preview", "-r", "people.csv", "-m", "letter.txt", "-a", "outbox:o", "--out", "eml")
    (file := here / "eml" / "row-00002.eml").parent.mkdir()
    file.write_text("old")
    file.chmod(0o666)

    with file.open() as somebody:
        assert run_here(*words).code == 0
        assert (0o600, "old") == (file.stat().st_mode & 0o777, somebody.read())


def test_the_selection_options(campaign: Path, server: ScriptedServer) -> None:
    """--where, --exclude (addresses and @domains): skipped or not selected, and nobody else."""
    write_list(campaign, [*people(4), "5,Eve,eve@example.com,tok5", "6,Kim,kim@example.com,tok6"])
    (campaign / "out.csv").write_text("email,since\nP2@example.org,2024\n")
    (campaign / "domains.txt").write_text("# partners\n@example.com\n")
    ran = run_here(
        "send",
        "--yes",
        "--json",
        "--where",
        "id | number != 3",
        "--exclude",
        "out.csv",
        "--exclude",
        "domains.txt",
    )

    assert (ran.code, ran.json["sent_now"], ran.json["counts"]["skipped"]) == (0, 2, 3), ran.err
    assert once(1, 4) == got(server)
    told = {line["key"]: line["reason"] for line in log_lines(campaign, "--state", "skipped")}
    assert told == {
        "2": "excluded by out.csv",
        "5": "excluded by domains.txt",
        "6": "excluded by domains.txt",
    }


def test_A16_only_domain_refuses_others(campaign: Path, server: ScriptedServer) -> None:
    """One address outside the allowed domain: 65 and nothing sent."""
    write_list(campaign, [*people(3), "4,Eve,eve@example.com,tok4"])
    ran = run_here("send", "--yes", "--json", "--only-domain", "example.org")

    assert (ran.code, [p["row"] for p in ran.json["problems"]], server.accepted) == (65, [5], [])
    assert run_here("send", "--yes", "--only-domain", "example.org", "--only-domain", "example.com").code == 0


def test_no_address_is_refused_or_skipped(campaign: Path, server: ScriptedServer) -> None:
    """--no-address refuse|skip: listed, not an error."""
    write_list(campaign, [*people(2), "3,Nobody,,tok3"])
    assert run_here("send", "--yes").code == 65
    ran = run_here("send", "--yes", "--json", "--no-address", "skip")

    assert (ran.code, ran.json["sent_now"], ran.json["counts"]["skipped"]) == (0, 2, 1)
    assert states(campaign)["3"] == "skipped"


def test_the_options_of_the_inputs_do_what_they_say(here: Path, server: ScriptedServer) -> None:
    """--sheet, --email-column, --name-column, --key-column, --from, --subject, --attach, --set, --require, --rate, --connections."""
    book, _ = write_workbook(here / "list.xlsx", [["nothing"], [1]], title="Notes")
    sheet = book.create_sheet("Oct 2026")
    for row in (["Private", "Work e-mail", "Staff no.", "Display", "Pay"], *(
        [f"x{n}@example.com", f"p{n}@example.org", f"{n:05d}", f"Ünal {n}", 1000.5 * n] for n in range(1, 4)
    )):  # fmt: skip
        sheet.append(row)
    for line in range(2, 5):
        sheet[f"E{line}"].number_format = "#,##0.00"
    book.save(here / "list.xlsx")
    (here / "00001.txt").write_text("one")
    (here / "00002.txt").write_text("two")
    (here / "00003.txt").write_text("three")
    (here / "notice.md").write_text(
        "Reply-To: pay@example.org\n\nDear **{{ Display }}**, {{ firm }} pays {{ Pay }} ({{ row['Staff no.'] }}).\n"
    )
    ran = run_here(
        "send", "-r", "list.xlsx", "-m", "notice.md", "-a", url(server), "--sheet", "Oct 2026", "--email-column", "Work e-mail",
        "--name-column", "Display", "--key-column", "staff_no", "--from", "Büro <office@example.org>", "--subject", "Für {{ Display }}",
        "--attach", "{{ staff_no }}.txt", "--set", "firm=Example & Co", "--require", "Pay", "--rate", "50/s", "--connections", "2",
        "--yes", "--json",
    )  # fmt: skip

    assert (ran.code, ran.json["sent_now"]) == (0, 3), ran.err
    for mail in server.accepted:
        message, n = read(mail), int(mail.recipients[0][1])
        assert f"Für Ünal {n}" == message["Subject"]
        assert (f"p{n}@example.org", f"Ünal {n}") == (
            message["To"].addresses[0].addr_spec,
            message["To"].addresses[0].display_name,
        )
        assert message["From"].addresses[0].display_name == "Büro"
        text = message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
        assert f"Example & Co pays {1000.5 * n:,.2f} ({n:05d})" in text
        assert "Example &amp; Co pays" in message.get_body(("html",)).get_content()  # type: ignore[union-attr]
        assert [f"{n:05d}.txt"] == [part.get_filename() for part in message.iter_attachments()]
    assert {"00001", "00002", "00003"} == set(csv_keys(here / "results" / f"notice-{ran.json['run']}.csv"))


def test_json_lines_are_a_list(here: Path, server: ScriptedServer) -> None:
    """A .jsonl list, by its keys as columns."""
    lines = [
        {"id": n, "email": f"p{n}@example.org", "name": f"王 {n}", "token": f"tok{n:06d}x"} for n in (1, 2)
    ]
    (here / "list.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    ran = run_here("send", "-r", "list.jsonl", "-m", "letter.txt", "-a", url(server), "--yes")

    assert ran.code == 0, ran.err
    assert {"王 1", "王 2"} == {read(mail)["To"].addresses[0].display_name for mail in server.accepted}


def test_encoding_and_delimiter_are_taken_at_their_word(here: Path, server: ScriptedServer) -> None:
    """--encoding and --delimiter for a list that does not tell them."""
    (here / "people.csv").write_bytes(
        "id|name|email|token\n1|Jürgen Straße|p1@example.org|t\n".encode("cp1252")
    )
    ran = run_here("send", "-r", "people.csv", "-m", "letter.txt", "-a", url(server), "--encoding", "cp1252", "--delimiter", "|", "--yes")  # fmt: skip

    assert ran.code == 0, ran.err
    assert "Jürgen Straße" in read(server.accepted[0]).get_content()


def test_a_list_from_standard_input_is_kept_until_its_run_has_ended(
    here: Path, server: ScriptedServer
) -> None:
    """`-r -` spools the list beside the ledger, --from-ledger goes on with it, and a complete run keeps no cell."""
    words = (
        "send",
        "-r",
        "-",
        "-m",
        "letter.txt",
        "-a",
        url(server),
        "--yes",
        "--json",
        "--key-column",
        "id",
    )
    piped = (here / "people.csv").read_bytes()
    first = run_process(*words, "--limit", "2", cwd=here, stdin=piped)
    assert (first.code, first.json["sent_now"]) == (75, 2), first.err

    state = Path(first.json["ledger"]).parent
    assert any(b"tok000005x" in file.read_bytes() for file in state.rglob("*") if file.is_file())
    second = run_process(*words, "--from-ledger", cwd=here)
    assert (second.code, second.json["sent_now"]) == (0, 3), second.err
    assert once(1, 2, 3, 4, 5) == got(server)
    assert not [file for file in state.rglob("*") if file.is_file() and b"tok000005x" in file.read_bytes()]
    again = run_process(*words, cwd=here, stdin=piped)
    assert (again.code, again.json["sent_now"]) == (0, 0), again.err


def test_standard_input_carries_one_thing(here: Path) -> None:
    """The list or the password, not both: 2."""
    assert (
        run_here("send", "-r", "-", "-m", "letter.txt", "-a", NOBODY, "--password-stdin", "--yes").code == 2
    )
    assert (
        run_here("send", "-r", "people.csv", "-m", "letter.txt", "-a", NOBODY, "--from-ledger", "--yes").code
        == 2
    )


def test_an_outbox_keeps_a_private_file_a_mail(here: Path) -> None:
    """outbox:DIR: one .eml file a message, 0600, and `send` says that nothing leaves this machine."""
    before = os.umask(0)
    try:
        ran = run_here("send", "-r", "people.csv", "-m", "letter.txt", "-a", "outbox:out", "--yes")
    finally:
        os.umask(before)
    files = list((here / "out").rglob("*.eml"))

    assert (0, 5, {0o600}) == (ran.code, len(files), {file.stat().st_mode & 0o777 for file in files})
    assert "othing leaves this machine" in ran.out + ran.err
