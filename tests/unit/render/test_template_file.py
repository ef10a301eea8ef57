"""A template file is read like a mail, and says with file and line what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailmerge_cli.errors import Refused
from mailmerge_cli.render.headers import read_template
from support.letters import Bench, parsed


def refusal(text: str, file: str = "payslip.md") -> list[str]:
    """What is told about a template file."""
    with pytest.raises(Refused) as refused:
        read_template(text, file, ".md")
    return [problem.message for problem in refused.value.problems]


def test_headers_in_any_case_a_bom_and_crlf() -> None:
    """Case, byte order mark and line ends do not matter; folded lines are one; the body keeps its lines."""
    template = read_template(
        "\ufeffSUBJECT: Pay\r\n slip\r\nfrom: a@example.org\r\n\r\nDear\r\n\r\nyou\r\n", "p.txt"
    )
    assert [(field.name, field.value, field.line) for field in template.fields] == [
        ("Subject", "Pay slip", 1),
        ("From", "a@example.org", 3),
    ]
    assert (template.body, template.body_line) == ("Dear\n\nyou\n", 5)


@pytest.mark.parametrize(
    ("ending", "header", "kind"),
    [
        (".md", "", "markdown"),
        (".markdown", "", "markdown"),
        (".html", "", "html"),
        (".HTM", "", "html"),
        (".txt", "", "text"),
        (".eml", "", "text"),
        (".md", "Content-Type: text/plain; charset=UTF-8\n", "text"),
        (".txt", "content-type: TEXT/HTML\n", "html"),
        (".txt", "Content-Type: text/markdown\n", "markdown"),
    ],
)
def test_the_kind_comes_from_content_type_or_the_ending(ending: str, header: str, kind: str) -> None:
    """Content-Type decides, else the file's ending."""
    assert read_template(f"{header}Subject: x\n\nbody", "p" + ending, ending).kind == kind


def test_a_file_without_headers_is_told_what_a_template_looks_like() -> None:
    """Text alone is no template; the sentence shows one."""
    for text in ("Dear {{ name }},\nhello\n", "", "\nSubject: x\n\nbody", "Hello dear: all\n"):
        [message] = refusal(text)
        assert "a template looks like a mail" in message


def test_a_line_without_colon_is_told_with_its_line() -> None:
    """The line, not the next one, is named."""
    [message] = refusal("Subject: x\nDear all\n\nbody")
    assert message.startswith("payslip.md:2: this line has no header name and colon")


def test_all_faults_of_the_headers_are_told_at_once() -> None:
    """A person mends a template once."""
    messages = refusal("Subjekt: x\nDate: today\nSubject: a\nSubject: b\nContent-Type: image/png\n\nbody")
    assert [message.split(": ")[0] for message in messages] == [
        "payslip.md:1",
        "payslip.md:2",
        "payslip.md:5",
        "payslip.md:4",
    ]
    assert "did you mean Subject?" in messages[0]


@pytest.mark.parametrize("name", ["Sub ject", "X-Über", "X\tY"])
def test_A06_header_names_with_odd_characters_are_refused(name: str) -> None:
    """A header's name is printable ASCII without colon and space."""
    messages = refusal(f"From: a@example.org\n{name}: x\n\nbody")
    assert any("payslip.md:2" in message for message in messages)


@pytest.mark.parametrize(
    "name",
    [
        "Date",
        "Message-ID",
        "MIME-Version",
        "DKIM-Signature",
        "Return-Path",
        "Received",
        "Sender",
        "Content-Transfer-Encoding",
        "Resent-To",
        "Auto-Submitted",
        "ARC-Seal",
    ],
)
def test_A07_headers_that_are_the_programs_own_are_refused(name: str) -> None:
    """What the program writes itself, or what would hide something, cannot be written in a template."""
    [message] = refusal(f"{name}: x\nSubject: y\n\nbody")
    assert message.startswith(f"payslip.md:1: {name!r} is not")


@pytest.mark.parametrize("name", ["From", "To", "Bcc", "Subject", "X-Run"])
def test_A07_a_header_stands_once(name: str) -> None:
    """Two of one name are refused, whatever their case."""
    [message] = refusal(f"{name}: a@example.org\n{name.lower()}: b@example.org\n\nbody")
    assert "twice (first in line 1)" in message


def test_own_headers_and_importance_are_written(tmp_path: Path) -> None:
    """X-…, Importance (with X-Priority for older programs) and unsubscribe links reach the mail, templated."""
    bench = Bench(tmp_path, level="high", link="https://example.org/u?k=0042")
    head = "From: HR <hr@example.org>\nSubject: s\nX-Run: {{ run }}\nImportance: {{ level }}\n"
    head += "List-Unsubscribe: <mailto:u@example.org>, <{{ link }}>\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\n"
    message = bench.mail(bench.template(head + "\nbody"))
    assert message["X-Run"] == "2026-11"
    assert (message["Importance"], message["X-Priority"]) == ("high", "1")
    assert message["List-Unsubscribe"] == "<mailto:u@example.org>, <https://example.org/u?k=0042>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


@pytest.mark.parametrize(
    "head",
    [
        "Importance: urgent\n",
        "List-Unsubscribe: https://example.org/u\n",
        "List-Unsubscribe-Post: yes\nList-Unsubscribe: <https://example.org/u>\n",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\n",
    ],
)
def test_headers_with_a_form_of_their_own_keep_it(tmp_path: Path, head: str) -> None:
    """A wrong value is refused before any row."""
    with pytest.raises(Refused) as refused:
        Bench(tmp_path).template(f"From: a@example.org\nSubject: s\n{head}\nbody")
    assert refused.value.problems[0].kind == "header"


def test_an_unsubscribe_link_of_a_cell_is_checked(tmp_path: Path) -> None:
    """A cell that is no link makes its row invalid."""
    bench = Bench(tmp_path, link="https://example.org/ü")
    template = bench.template("From: a@example.org\nSubject: s\nList-Unsubscribe: <{{ link }}>\n\nbody")
    with pytest.raises(Refused, match="List-Unsubscribe"):
        bench.letter(template)


def test_a_template_without_from_or_body(tmp_path: Path) -> None:
    """No From is refused with what to do, unless the account has a sender; an empty body is a mail all the same."""
    bench = Bench(tmp_path)
    with pytest.raises(Refused, match="has no From") as refused:
        bench.template("Subject: s\n\nbody")
    assert refused.value.problems[0].column == "From"
    message = bench.mail(bench.template("Subject: s", default_sender="Pay <pay@example.org>"))
    assert message["From"] == "Pay <pay@example.org>"
    assert message.get_content().strip() == ""


def test_options_win_over_the_file(tmp_path: Path) -> None:
    """Sender and subject of the command line stand before those of the template, which stand before the account's."""
    bench = Bench(tmp_path)
    template = bench.template(
        "From: a@example.org\nSubject: s\n\nb",
        sender="B <b@example.org>",
        subject="For {{ name }}",
        default_sender="c@example.org",
    )
    message = bench.mail(template)
    assert (message["From"], message["Subject"]) == ("B <b@example.org>", "For Wang Fang")


def test_a_mail_without_subject_can_be_told(tmp_path: Path) -> None:
    """No Subject header is written where there is none, and the template says so."""
    bench = Bench(tmp_path)
    template = bench.template("From: a@example.org\n\nbody")
    assert not template.has_subject
    assert "Subject" not in parsed(bench.octets(template))


def test_problems_of_headers_and_body_are_told_together(tmp_path: Path) -> None:
    """From, Subject and body: three problems in one refusal, each with its line."""
    bench = Bench(tmp_path)
    bench.write("letter.txt", "")
    with pytest.raises(Refused) as refused:
        bench.template("From: {{ name }} <hr@example.org>\nSubject: {{ nmae }}\n\nDear {{ nett }},\n")
    told = {problem.message.split(" ")[0] for problem in refused.value.problems}
    assert told == {"letter.txt:1", "letter.txt:2:", "letter.txt:4:"}


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ('Content-Type: multipart/alternative; boundary="b"', "the program makes the parts"),
        ("MIME-Version: 1.0", "take this line out"),
    ],
)
def test_what_the_program_writes_itself_is_to_be_taken_out(line: str, advice: str) -> None:
    """Templates of other programs have such lines; the refusal says what to do with them."""
    [message] = refusal(f"Subject: x\n{line}\n\nbody")
    assert message.startswith("payslip.md:2: ")
    assert advice in message


def test_two_people_in_to_are_told_of_cc(tmp_path: Path) -> None:
    """One mail has one person in To; the others belong in Cc."""
    with pytest.raises(Refused) as refused:
        Bench(tmp_path.resolve()).template(
            "Subject: x\nFrom: a@example.org\nTo: b@example.org, c@example.org\n\nb"
        )
    assert "letter.txt:3" in refused.value.message
    assert "Cc" in refused.value.message
