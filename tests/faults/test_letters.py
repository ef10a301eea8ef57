"""Catalogue T, as the program meets it: a letter that is wrong sends nothing, and no cell is more than text."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from faults.trial import HEAD, Trial, once, text_of
from support.program import people, run_here
from support.soon import soon

TOKEN = "{{ token }}"


def test_T02_a_blank_cell_is_nothing_or_a_fault(trial: Trial) -> None:
    """Blank prints as nothing and can be replaced; a required blank is its row's problem."""
    rows = ["1,Ann,p1@example.org,tok1", "2,Bob,p2@example.org, "]
    trial.write(
        rows,
        letter=HEAD + "\n[{{ token.strip() }}] {{ token.strip() or 'n/a' }}\n",
        recipients='required = ["token"]',
    )
    trial.is_bad_row((3, "token"), key="2", said="empty")
    trial.write(rows, letter=HEAD + "\n[{{ token.strip() }}] {{ token.strip() or 'n/a' }}\n")
    assert 0 == trial.send("--new-run").code
    assert "[] n/a" == text_of(trial.mails()[-1]).strip()
    assert not any(word in mail.as_string() for mail in trial.mails() for word in ("None", "nan"))


ATTACKS = ("{{ 7*7 }}", "{% raw %}", "{{ ''.__class__ }}", "{# note #}", "{% include 'campaign.toml' %}")


@pytest.mark.parametrize("kind", ["txt", "md", "html"])
def test_T05_a_cell_is_never_a_template(trial: Trial, kind: str) -> None:
    """Braces in a cell arrive as braces: in subject, name, bodies and a file's name; nothing is computed."""
    rows = [f"{n},{cell},p{n}@example.org,{cell}" for n, cell in enumerate(ATTACKS, 1)]
    letter = f'From: office@example.org\nSubject: S {TOKEN}\nX-T: {TOKEN}\nAttachment: a.txt; name="{{{{ id }}}} {TOKEN[:0]}x.txt"\n\nBody {TOKEN}\n'
    trial.write(rows, letter=letter)
    trial.file("a.txt", "x")
    (trial.folder / "letter.txt").rename(trial.folder / f"letter.{kind}")
    toml = trial.folder / "campaign.toml"
    toml.write_text(toml.read_text().replace("letter.txt", f"letter.{kind}"))
    assert 0 == (ran := trial.send()).code, ran.err
    for cell, mail in zip(ATTACKS, trial.mails(), strict=True):
        assert (f"S {cell}", cell, cell) == (
            mail["Subject"],
            mail["X-T"],
            mail["To"].addresses[0].display_name,
        )
        if kind != "html":
            assert f"Body {cell}" in text_of(mail)
        assert "49" not in text_of(mail)


@pytest.mark.parametrize(
    "expression",
    [
        "''.__class__.__mro__",
        "cycler.__init__.__globals__",
        "''|attr('__class__')",
        "'{0.__class__}'.format(name)",
        "name.__init__.__globals__['os'].popen('id').read()",
        "self._TemplateReference__context",
        "lipsum.__globals__",
    ],
)
def test_T06_the_sandbox_sends_nothing(trial: Trial, expression: str) -> None:
    """Whatever reaches for Python's insides: 65, with the letter's name, and nobody gets anything, whatever is wished for bad rows."""
    trial.letter(HEAD + f"\nDear {{{{ name }}}} {{{{ {expression} }}}}\n")
    trial.refused(trial.send(), "letter.txt")
    ran = trial.send_others()

    assert (0, []) == (ran.json["sent_now"], trial.server.accepted), ran.err
    assert ran.code in (1, 65), (
        "a name that is made at run time fails in each row, the others in the letter itself"
    )


@pytest.mark.parametrize(
    "body",
    [
        "{{ 'a' * 10 ** 10 }}",
        "{% for a in range(90000) %}{% for b in range(90000) %}{{ a }}{% endfor %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    ],
)
def test_T07_a_letter_that_would_eat_the_machine_sends_nothing(trial: Trial, body: str) -> None:
    """Size, loops and recursion are bounded in each row: 65 in seconds."""
    trial.letter(HEAD + f"\n{{{{ name }}}} {body}\n")
    with soon():
        ran = trial.send()

    assert (65, []) == (ran.code, trial.server.accepted), ran.err
    assert "letter.txt" in ran.err


@pytest.mark.parametrize("name", ["/etc/hostname", "../outside.txt", "link.txt", "sub/../../outside.txt"])
def test_T08_a_letter_includes_nothing_from_outside(trial: Trial, name: str) -> None:
    """By absolute path, by dots, by a link: 65, and no word of the file anywhere."""
    (trial.folder.parent / "outside.txt").write_text("very private")
    (trial.folder / "link.txt").symlink_to(trial.folder.parent / "outside.txt")
    (trial.folder / "sub").mkdir()
    trial.letter(HEAD + f'\n{{% include "{name}" %}}\n')
    ran = trial.send()

    trial.refused(ran, "folder")
    assert "very private" not in ran.err + ran.out


def test_T09_a_cell_is_text_in_every_part(trial: Trial) -> None:
    """Tags, quotes and ampersands of a cell: escaped in HTML, as they are in the text part and the subject; no script in a link."""
    cell = "<b>&'x</b><script>alert(1)</script>"
    trial.write(
        [f"1,Ann,p1@example.org,{cell}"],
        letter=HEAD.replace("Hello", TOKEN) + f'\n<p title="{TOKEN}">{TOKEN}</p>\n',
    )
    (trial.folder / "letter.txt").rename(trial.folder / "letter.html")
    assert 0 == (ran := trial.send("-m", trial.folder / "letter.html")).code, ran.err
    mail = trial.mail()
    page = text_of(mail, "html")
    assert cell == mail["Subject"]
    assert cell in text_of(mail)
    assert "<script>" not in page
    assert "<b>" not in page

    trial.list(["1,Ann,p1@example.org,javascript:alert(1)"])
    (trial.folder / "letter.html").write_text(HEAD + f'\n<a href="{TOKEN}">here</a>\n')
    ran = trial.send("-m", trial.folder / "letter.html", "--new-run")
    assert 65 == ran.code, ran.err
    assert not trial.server.saw(b"javascript:")


def test_T10_a_subject_is_one_line(trial: Trial) -> None:
    """Line breaks that statements leave at its ends are trimmed; one inside is the row's problem and never a header."""
    trial.write(
        ["1,Ann,p1@example.org,tok1", '2,Bob,p2@example.org,"tok2\nBcc: evil@example.com"'],
        letter=f"From: office@example.org\nSubject: {{% if true %}} Your {TOKEN} {{% endif %}}\n\nx\n",
    )
    trial.is_bad_row((3, "token"), key="2", said="U+000A")

    assert (once(1), "Your tok1") == (trial.got(), trial.mail()["Subject"])
    assert not trial.server.saw(b"evil@example.com")


def test_T11_no_row_sees_another_rows_values(trial: Trial) -> None:
    """Variables, namespaces, macros and conditions begin anew with each row: who has no token shows none."""
    rows = [f"{n},Person {n},p{n}@example.org,{f'tok{n:06d}x' if n % 2 else ' '}" for n in range(1, 21)]
    body = (
        "{% set kept = namespace() %}{% if token.strip() %}{% set kept.mine = token %}{% endif %}{% set box = namespace(all='') %}{% set box.all = box.all ~ token %}"
        "{% macro m(seen=[]) %}{{ token }}{% endmacro %}[{{ kept.mine | default('none') }}] [{{ box.all }}] [{{ m() }}]\n"
    )
    trial.write(rows, letter=HEAD + "\n" + body)
    assert (0, once(*range(1, 21))) == ((ran := trial.send()).code, trial.got()), ran.err
    for mail in trial.mails():
        number = int(str(mail["To"].addresses[0].username)[1:])
        assert ({f"tok{number:06d}x"} if number % 2 else set()) == set(re.findall(r"tok\d+x", text_of(mail)))


@pytest.mark.parametrize("how", [(), ("--connections", "4"), ("--workers", "2", "--connections", "4")])
def test_T12_each_mail_holds_its_own_token_alone(trial: Trial, how: tuple[str, ...]) -> None:
    """Subject, To, text, HTML, own header, file name and attachment: one token each, whatever goes on at the same time; also after a stop in the middle."""
    letter = (
        f"From: Office <office@example.org>\nSubject: {TOKEN}\nX-Token: {TOKEN}\nReply-To: {TOKEN}@example.org\n"
        f'Attachment: slips/{TOKEN}.txt; name="for {TOKEN}.txt"\n\n# Dear {TOKEN}\n\nYours: {TOKEN}\n'
    )
    count = 60
    rows = [row.replace("Person", f"tok{n:06d}x") for n, row in enumerate(people(count), 1)]
    trial.write(rows)
    (trial.folder / "letter.md").write_text(letter)
    for n in range(1, count + 1):
        trial.file(f"slips/tok{n:06d}x.txt", f"pay of tok{n:06d}x")
    words = ("-m", trial.folder / "letter.md", *how)
    assert 75 == (ran := trial.send(*words, "--limit", "25")).code, ran.err
    assert 0 == (ran := trial.send(*words)).code, ran.err

    assert once(*range(1, count + 1)) == trial.got()
    for mail, taken in zip(trial.mails(), trial.server.accepted, strict=True):
        number = int(taken.recipients[0][1:].partition("@")[0])
        (slip,) = mail.iter_attachments()
        everything = [str(value) for value in mail.values()]
        everything += [text_of(mail), text_of(mail, "html"), str(slip.get_filename()), slip.get_content()]
        assert {f"tok{number:06d}x"} == set(re.findall(r"tok\d+x", "\n".join(everything)))
        assert f"pay of tok{number:06d}x" == slip.get_content().strip()


def test_T13_a_long_subject_of_all_scripts_arrives_whole(trial: Trial) -> None:
    """400 characters, emoji, right to left, combining marks: ASCII on the wire, words of 75, lines of 78 at most, and read back as meant."""
    subject = ("工资单 👩‍👩‍👧 שלום é́ Straße " * 16)[:400].strip()
    trial.write([f"1,Ann,p1@example.org,{subject}"], letter=HEAD.replace("Hello", TOKEN) + "\nx\n")
    assert 0 == trial.send().code
    content = trial.server.accepted[0].content
    head = content.partition(b"\r\n\r\n")[0]

    assert subject == trial.mail()["Subject"]
    assert head.isascii()
    assert max(map(len, head.split(b"\r\n"))) <= 78
    assert 0 < max(map(len, re.findall(rb"=\?\S+\?=", head))) <= 75


@pytest.mark.parametrize("kind", ["txt", "html"])
def test_T14_any_body_is_safe_on_the_wire(trial: Trial, kind: str) -> None:
    """A line of 20,000 characters, lines of dots, lone carriage returns, form feeds: the server sees nothing against the rules."""
    body = "x" * 20_000 + "\n.\n..\n.dot\na\fb\n" + "end\n"
    trial.letter(HEAD + "\n" + body)
    (trial.folder / "letter.txt").rename(trial.folder / f"letter.{kind}")
    assert 0 == (ran := trial.send("-m", trial.folder / f"letter.{kind}")).code, ran.err

    assert ([], 3) == (trial.server.violations, len(trial.server.accepted))
    if kind == "txt":
        assert body.replace("\f", "") == text_of(trial.mails()[0]).replace("\f", "")


def test_T15_a_preview_connects_to_nobody_and_records_nothing(trial: Trial) -> None:
    """All mails as files of the owner alone; no connection, no ledger, and the real run is as if it had not been."""
    before = os.umask(0)
    try:
        assert 0 == run_here("preview", trial.folder, "--out", trial.folder / "eml").code
    finally:
        os.umask(before)
    files = list(Path(trial.folder / "eml").iterdir())

    assert (3, {0o600}) == (len(files), {stat.S_IMODE(file.stat().st_mode) for file in files})
    assert (0, False) == (trial.server.connections, (trial.folder / ".mailmerge").exists())
    assert (0, once(1, 2, 3)) == (trial.send().code, trial.got())
