"""Who is written to: one To, the same in header and envelope; Cc, Bcc, Reply-To by the template's word only."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailmerge_cli.address import parse_address
from mailmerge_cli.errors import Refused
from mailmerge_cli.render import RowFault
from support.letters import MESSAGE_ID, MOMENT, Bench, assert_safe_for_smtp, parsed

HEAD = "From: HR <hr@example.org>\nSubject: s\n"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A table with a second address and a list of them."""
    return Bench(tmp_path, boss="boss@example.org", boss_name="Boss", team="")


def problem(bench: Bench, head: str, **cells: str) -> str:
    """The one thing that is told about a row."""
    template = bench.template(HEAD + head + "\nbody")
    with pytest.raises(RowFault) as fault:
        bench.letter(template, **cells)
    [found] = fault.value.problems
    return f"{found.column}: {found.message}"


@pytest.mark.parametrize(
    "name",
    [
        "Ann <evil@example.com>, y",
        'Ann" <evil@example.com>',
        "evil@example.com",
        "a, b",
        "x; y",
        "<>",
        "=?utf-8?q?evil=40example.com?=",
        "(c)",
        "\\",
        '"',
        "🧧 王芳",
    ],
)
@pytest.mark.parametrize("head", ["", "To: {{ name }} <{{ email }}>\n", 'To: "{{ name }}" <{{ email }}>\n'])
def test_A03_a_name_cannot_change_who_is_addressed(bench: Bench, head: str, name: str) -> None:
    """Whatever the name's cell holds, To has the one address of the address column, and the name as it is."""
    template = bench.template(HEAD + head + "\nbody")
    letter = bench.letter(template, name=name)
    assert letter.envelope.recipients == ("wang@example.org",)
    assert letter.to[0] == name
    message = bench.mail(template, name=name)
    [address] = message["To"].addresses
    assert (address.addr_spec, address.display_name) == ("wang@example.org", name)


@pytest.mark.parametrize(
    "cell",
    ["a@example.org, b@example.org", "Ann <a@example.org>", "a@example.org> b", "mailto:a@example.org", ""],
)
def test_A08_an_address_cell_in_to_is_one_address(bench: Bench, cell: str) -> None:
    """No cell adds a second address, a name or a bracket to To."""
    assert problem(bench, "To: {{ boss }}\n", boss=cell).startswith("To: ")
    assert problem(bench, "To: X <{{ boss }}>\n", boss=cell).startswith("To: ")


def test_A18_to_and_envelope_are_one_person(bench: Bench) -> None:
    """A To that names somebody else than the row's recipient is the row's problem."""
    assert "names another address" in problem(bench, "To: {{ boss }}\n")
    letter = bench.letter(
        bench.template(HEAD + "To: {{ name }} <{{ email }}>\n\nbody"), email="WANG@Example.Org"
    )
    assert letter.envelope.recipients == ("WANG@example.org",)


@pytest.mark.parametrize(
    "to", ["{{ email }}, {{ boss }}", "{{ email }}, boss@example.org", "A <{{ email }}>, B <{{ boss }}>"]
)
def test_a_to_of_two_is_told_with_the_templates_other_faults(bench: Bench, to: str) -> None:
    """What is wrong with To in every row is told once, before the rows, beside a name that does not exist."""
    with pytest.raises(Refused) as refusal:
        bench.template(f"{HEAD}To: {to}\n\nDear {{{{ nobody }}}}")

    assert {(None, "To"), (None, None)} == {(one.row, one.column) for one in refusal.value.problems}
    assert any("more than one address; keep the one" in one.message for one in refusal.value.problems)


def test_to_can_say_who_the_recipient_is(bench: Bench) -> None:
    """`addressee` gives name and address by the template's own To; nobody is an empty text; two are a fault."""
    template = bench.template(HEAD + "To: {{ boss_name }} <{{ boss }}>\n\nbody")
    assert template.addressee(bench.row()) == ("Boss", "boss@example.org")
    assert template.addressee(bench.row(boss="", boss_name="")) == ("", "")
    assert 0 not in template.used
    with pytest.raises(RowFault, match="more than one"):
        template.addressee(bench.row(boss="a@example.org, b@example.org"))


def test_A19_bcc_is_in_the_envelope_only(bench: Bench) -> None:
    """Cc stands in header and envelope, Bcc in the envelope alone, everybody once, the row's own address first."""
    head = (
        HEAD
        + "Cc: {{ boss_name }} <{{ boss }}>, Team <team@example.org>\nBcc: archive@example.org, TEAM@example.org\nReply-To: pay@example.org\n"
    )
    template = bench.template(head + "\nbody")
    assert bench.letter(template).envelope.recipients == (
        "wang@example.org",
        "boss@example.org",
        "team@example.org",
        "archive@example.org",
    )
    octets = bench.octets(template)
    assert b"archive" not in octets
    message = parsed(octets)
    assert "Bcc" not in message
    assert [address.addr_spec for address in message["Cc"].addresses] == [
        "boss@example.org",
        "team@example.org",
    ]
    assert message["Reply-To"] == "pay@example.org"


@pytest.mark.parametrize(
    ("cell", "specs"),
    [
        ("", []),
        (" ", []),
        ("a@example.org", ["a@example.org"]),
        ("a@example.org; B <b@example.org>", ["a@example.org", "b@example.org"]),
        ("a@example.org,b@example.org", ["a@example.org", "b@example.org"]),
    ],
)
def test_A19_a_cell_that_stands_alone_in_cc_may_be_a_list(bench: Bench, cell: str, specs: list[str]) -> None:
    """The template says so by giving it the whole place."""
    letter = bench.letter(bench.template(HEAD + "Cc: {{ team }}\n\nbody"), team=cell)
    assert [address.spec for _, address in letter.cc] == specs


@pytest.mark.parametrize(
    "cell", ["a@", "a@example.org, ", "x", "A: b@example.org;", "a@example.org <b@example.org"]
)
def test_A19_a_wrong_cc_is_the_rows_problem(bench: Bench, cell: str) -> None:
    """Nobody is left out in silence."""
    assert problem(bench, "Cc: {{ team }}\n", team=cell).startswith("Cc: ")
    assert problem(bench, "Cc: T <{{ team }}>\n", team=cell).startswith("Cc: ")


def test_a_blank_boss_is_nobody(bench: Bench) -> None:
    """`{{ name }} <{{ address }}>` with both blank adds nobody; a name without address is a fault."""
    head = "Cc: {{ boss_name }} <{{ boss }}>\n"
    assert bench.letter(bench.template(HEAD + head + "\nb"), boss="", boss_name="").cc == ()
    assert problem(bench, head, boss="").startswith("Cc: is empty")


def test_conditions_in_address_headers(bench: Bench) -> None:
    """A statement may leave a person out."""
    template = bench.template(HEAD + "Cc: {% if boss %}{{ boss }},{% endif %} t@example.org\n\nb")
    assert [a.spec for _, a in bench.letter(template).cc] == ["boss@example.org", "t@example.org"]
    assert [a.spec for _, a in bench.letter(template, boss="").cc] == ["t@example.org"]


@pytest.mark.parametrize("sender", ["{{ name }} <hr@example.org>", "{{ boss }}", "HR <{{ row['boss'] }}>"])
def test_A17_no_cells_in_from(bench: Bench, sender: str) -> None:
    """A cell cannot make the sender."""
    with pytest.raises(Refused, match="no cells in From"):
        bench.template(f"From: {sender}\nSubject: s\n\nb")


@pytest.mark.parametrize(
    "sender", ["a@example.org, b@example.org", "hr", "HR", "{{ nope }}", "HR <hr@example.org"]
)
def test_A17_from_is_one_mailbox(bench: Bench, sender: str) -> None:
    """Anything else is refused before any row."""
    with pytest.raises(Refused) as refused:
        bench.template(f"From: {sender}\nSubject: s\n\nb")
    assert refused.value.problems[0].column == "From"


def test_values_may_stand_in_from(bench: Bench) -> None:
    """`{{ company }}` is no cell, and its comma does not part mailboxes."""
    template = bench.template(
        "From: {{ company }} <hr@example.org>\nSubject: s\n\nb", constants={"company": "Example, Ltd"}
    )
    assert template.sender[0] == "Example, Ltd"
    [address] = bench.mail(template)["From"].addresses
    assert (address.display_name, address.addr_spec) == ("Example, Ltd", "hr@example.org")


@pytest.mark.parametrize(
    ("given", "wire"), [("", "hr@example.org"), ("bounce@example.com", "bounce@example.com"), ("<>", "")]
)
def test_the_envelopes_sender(bench: Bench, given: str, wire: str) -> None:
    """MAIL FROM is From's address unless the account has another, or the null sender."""
    assert bench.letter(bench.template(HEAD + "\nb", envelope_from=given)).envelope.sender == wire


def test_an_envelope_sender_that_is_no_address_is_refused(bench: Bench) -> None:
    """Before any row."""
    with pytest.raises(Refused, match="envelope_from"):
        bench.template(HEAD + "\nb", envelope_from="bounce")


def test_A13_international_domains_go_as_a_labels(bench: Bench) -> None:
    """In header and envelope; no SMTPUTF8 is asked for."""
    template = bench.template(HEAD + "Cc: b@exämple.org\n\nb")
    letter = bench.letter(template, email="a@exämple.org")
    assert letter.envelope.recipients == ("a@xn--exmple-cua.org", "b@xn--exmple-cua.org")
    assert not letter.envelope.smtputf8
    assert_safe_for_smtp(bench.octets(template, email="a@exämple.org"))


@pytest.mark.parametrize("head", ["", "Cc: {{ team }}\n", "Reply-To: {{ team }}\n", "Bcc: {{ team }}\n"])
def test_A15_smtputf8_only_if_a_local_part_needs_it(bench: Bench, head: str) -> None:
    """A name beyond ASCII never asks for it, an address does, wherever it stands."""
    template = bench.template(HEAD + head + "\nb")
    cells = {"email": "jürgen@example.org"} if not head else {"team": "jürgen@example.org"}
    assert not bench.letter(template, name="Jürgen").envelope.smtputf8
    assert bench.letter(template, **cells).envelope.smtputf8
    octets = bench.octets(template, **cells)
    assert_safe_for_smtp(octets, utf8=True)
    assert head.startswith("Bcc") or "jürgen@example.org".encode() in octets


def test_a_test_goes_elsewhere(bench: Bench) -> None:
    """Another To, a mark in the subject, neither Cc nor Bcc; the content is the same."""
    template = bench.template(HEAD + "Cc: c@example.org\nBcc: d@example.org\n\nbody")
    letter = bench.letter(template)
    test = template.redirected(letter, parse_address("me@example.org"), "[TEST]")
    assert test.envelope.recipients == ("me@example.org",)
    message = parsed(b"".join(template.compose(test, MESSAGE_ID, MOMENT)))
    assert (message["Subject"], message["To"], message["Cc"]) == (
        "[TEST] s",
        "Wang Fang <me@example.org>",
        None,
    )
    assert parsed(b"".join(template.compose(letter, MESSAGE_ID, MOMENT)))["Subject"] == "s"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("Bcc: archive@example.org", "Bcc is the same for all rows: every mail goes to archive@example.org"),
        ("Bcc: {{ boss }}, archive@example.org", "Bcc holds archive@example.org in all rows: every mail goes there"),
        ("Cc: {{ keeper }}, {{ boss_name }} <it@example.org>, {{ boss_name }} <{{ boss }}>",
         "Cc holds keeper@example.org, it@example.org in all rows: every mail goes there"),
        ("Bcc: {{ name }}@example.org, {{ boss }}", None),
        ("Bcc: {% if team %}archive@example.org{% endif %}, {{ boss }}", None),
    ],
)  # fmt: skip
def test_who_gets_every_mail_is_told_by_address(bench: Bench, line: str, told: str | None) -> None:
    """Also where he stands beside addresses of the row; nobody is told of whom a row decides."""
    template = bench.template(f"{HEAD}{line}\n\nbody", constants={"keeper": "keeper@example.org"})

    assert template.warnings == ((told,) if told else ())
