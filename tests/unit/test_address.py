"""One address is exactly one address; everything else is refused with its own reason."""

from __future__ import annotations

import time

import pytest

from mailmerge_cli.address import (
    Address,
    AddressFault,
    NoAddress,
    mixed_script,
    parse_address,
    parse_mailbox,
    parse_mailboxes,
)


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("ann@example.org", "ann@example.org"),
        ("Ann.Smith+pay@EXAMPLE.Org", "Ann.Smith+pay@example.org"),
        (" \tann@example.org\r\n", "ann@example.org"),
        ("o'neil@example.org", "o'neil@example.org"),
        ("a@x-y.example.org", "a@x-y.example.org"),
        ("a@mail.internal.test", "a@mail.internal.test"),
        ("a@printer.local", "a@printer.local"),
        ("a@a--b.example.org", "a@a--b.example.org"),
        ("a" * 64 + "@example.org", "a" * 64 + "@example.org"),
    ],
)
def test_plain_addresses_are_taken(text: str, spec: str) -> None:
    """An address comes back as written, without white space around it and with its domain in lower case."""
    assert parse_address(text).spec == spec


@pytest.mark.parametrize(
    "text",
    ["a@x.org; b@y.org", "a@x.org,b@y.org", "a@x.org b@y.org", "a@x.org\nb@y.org", "a@x.org; b@y.org;"],
)
def test_A01_two_addresses_in_one_cell_are_refused(text: str) -> None:
    """Two addresses are not one, whatever stands between them."""
    with pytest.raises(AddressFault, match="more than one address"):
        parse_address(text)


@pytest.mark.parametrize("text", ["friends: a@x.org, b@y.org;", "undisclosed-recipients:;"])
def test_A02_groups_are_refused(text: str) -> None:
    """A group is never expanded."""
    with pytest.raises(AddressFault, match="group"):
        parse_address(text)


def test_A08_a_command_in_an_address_is_refused() -> None:
    """What would become a second RCPT is no address."""
    with pytest.raises(AddressFault):
        parse_address("a@x.org>\r\nRCPT TO:<evil@x.org")


@pytest.mark.parametrize("text", ['"a b"@example.org', '"a@b"@example.org', r'"a\"b"@example.org'])
def test_A09_quoted_local_parts_are_refused(text: str) -> None:
    """The documented rule: no quoted local part."""
    with pytest.raises(AddressFault, match="quoted local part"):
        parse_address(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a@", "nothing behind"),
        ("@x.org", "nothing before"),
        ("root", "no @"),
        ("", "empty"),
        ("  ", "empty"),
        ("a..b@x.org", "dot"),
        (".a@x.org", "dot"),
        ("a.@x.org", "dot"),
        ("a@x.", "dot"),
        ("a@.x.org", "dot"),
        ("a@x..org", "dot"),
        ("a@-x.org", "hyphen"),
        ("a@x-.org", "hyphen"),
        ("a@[127.0.0.1]", "IP address"),
        ("a@127.0.0.1", "cannot exist"),
        ("a@localhost", "without a dot"),
        ("a@x_y.org", "character in its domain"),
        ("a b@x.org", "white space"),
        ("a@x.org!", "character in its domain"),
        ("a" * 65 + "@x.org", "64 characters"),
        ("ü" * 33 + "@x.org", "64 characters"),
        ("a@" + "b" * 64 + ".org", "63 characters"),
        ("a" * 60 + "@" + "b." * 97 + "org", "254"),
        ("a@" + "b." * 130 + "org", "cannot exist"),
        ("a＠x.org", "full-width"),
    ],
)
def test_A10_malformed_addresses_are_refused_with_their_reason(text: str, reason: str) -> None:
    """Each malformed address is told apart."""
    with pytest.raises(AddressFault, match=reason):
        parse_address(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("alice@example.org(<bob@example.org>", "angle brackets"),
        ("ann@example.org@evil.org", "more than one @"),
        ("mailto:a@x.org", "mailto"),
        ("=?utf-8?q?bob=40evil.org?= <a@x.org>", "angle brackets"),
        ("=?utf-8?q?bob?=@x.org", "encoded word"),
        ("<a@x.org>", "angle brackets"),
        ("Ann <a@x.org>", "angle brackets"),
        ("a(comment)@x.org", "comment"),
    ],
)
def test_A11_anything_but_a_bare_address_is_refused(text: str, reason: str) -> None:
    """Nothing is taken out of brackets, comments or encoded words."""
    with pytest.raises(AddressFault, match=reason):
        parse_address(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("\u00a0a@x.org", r"U\+00A0 .* at 1$"),
        ("a@x.org\u200b", r"U\+200B .* at 8$"),
        ("a\u200e@x.org", r"U\+200E .* at 2$"),
        ("\ufeffa@x.org", r"U\+FEFF .* at 1$"),
        ("a\u00ad@x.org", r"U\+00AD .* at 2$"),
        ("a\0@x.org", r"U\+0000 .* at 2$"),
        ("a\x7f@x.org", r"U\+007F .* at 2$"),
    ],
)
def test_A12_invisible_characters_are_named_with_their_place(text: str, told: str) -> None:
    """An invisible character is refused by code point and position, never stripped."""
    with pytest.raises(AddressFault, match=told):
        parse_address(text)


@pytest.mark.parametrize(
    ("text", "spec", "shown"),
    [
        ("a@exämple.org", "a@xn--exmple-cua.org", "a@exämple.org"),
        ("a@EXÄMPLE.org", "a@xn--exmple-cua.org", "a@exämple.org"),
        ("a@xn--exmple-cua.org", "a@xn--exmple-cua.org", "a@exämple.org"),
        ("王@例子.中国", "王@xn--fsqu00a.xn--fiqs8s", "王@例子.中国"),
        ("a@straße.example.org", "a@xn--strae-oqa.example.org", "a@straße.example.org"),
    ],
)
def test_A13_international_domains_become_a_labels(text: str, spec: str, shown: str) -> None:
    """The wire gets the A-label (IDNA 2008), people see the U-label."""
    address = parse_address(text)
    assert (address.spec, address.shown) == (spec, shown)


@pytest.mark.parametrize("text", ["a@xn--a.org", "a@ex☃ample.org", "a@xn--ä.org"])
def test_A13_labels_that_idna_2008_does_not_know_are_refused(text: str) -> None:
    """An invalid international label is no domain."""
    with pytest.raises(AddressFault, match="IDNA"):
        parse_address(text)


@pytest.mark.parametrize(
    ("domain", "mixed"),
    [
        ("exаmple.org", True),
        ("example.org", False),
        ("пример.example.org", False),
        ("xn--a.org", False),
        ("ελληνικά1.org", False),
        ("pαypal.org", True),
    ],
)
def test_A14_scripts_that_look_alike_are_seen(domain: str, mixed: bool) -> None:
    """One label with letters of two look-alike scripts is mixed; two labels of one script each are not."""
    assert mixed_script(domain) is mixed


def test_A15_a_local_part_beyond_ascii_asks_for_smtputf8() -> None:
    """Only the local part decides: the domain is always ASCII."""
    assert parse_address("jürgen@example.org").needs_smtputf8
    assert not parse_address("a@exämple.org").needs_smtputf8


def test_addresses_compare_without_case() -> None:
    """Two spellings of one mailbox have one folded form."""
    assert parse_address("Ann@Example.org").folded == parse_address("ann@EXAMPLE.ORG").folded


def test_an_empty_address_is_told_apart_from_a_wrong_one() -> None:
    """Blank cells have a policy of their own."""
    with pytest.raises(NoAddress):
        parse_address(" ")


def test_a_reason_never_repeats_the_cell() -> None:
    """The sentence can be logged wherever the address may not."""
    for text in ("secret word", "a,secret@x.org", "secret@@x.org", "secret(x)@y.org"):
        with pytest.raises(AddressFault) as fault:
            parse_address(text)
        assert "secret" not in str(fault.value)


@pytest.mark.parametrize(
    ("text", "name", "spec"),
    [
        ("a@x.org", "", "a@x.org"),
        ("Ann <a@x.org>", "Ann", "a@x.org"),
        ("<a@x.org>", "", "a@x.org"),
        ('"Smith, Ann" <a@x.org>', "Smith, Ann", "a@x.org"),
        (r'"A \"B\" C" <a@x.org>', 'A "B" C', "a@x.org"),
        ("王芳 <wang@exämple.org>", "王芳", "wang@xn--exmple-cua.org"),
    ],
)
def test_mailboxes_that_people_write(text: str, name: str, spec: str) -> None:
    """A name may stand before an address in brackets, in quotes if it has to."""
    found, address = parse_mailbox(text)
    assert (found, address.spec) == (name, spec)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a@x.org, b@y.org",
        "Ann <a@x.org> b",
        "Ann a@x.org>",
        '"Ann <a@x.org>',
        "Smith, Ann <a@x.org>",
        "A: b@x.org;",
        "a@b <c@x.org>",
        "Ann <a@x.org>, <b@y.org>",
    ],
)
def test_mailboxes_that_are_not_one_are_refused(text: str) -> None:
    """One mailbox is exactly one."""
    with pytest.raises(AddressFault):
        parse_mailbox(text)


def test_lists_of_mailboxes() -> None:
    """Commas part mailboxes, but not inside quotes; nothing is an empty list, a stray comma a fault."""
    found = parse_mailboxes('"A, B" <a@x.org>, b@y.org,\n C <c@z.org>')
    assert [(name, address.spec) for name, address in found] == [
        ("A, B", "a@x.org"),
        ("", "b@y.org"),
        ("C", "c@z.org"),
    ]
    assert parse_mailboxes(" ") == ()
    with pytest.raises(AddressFault, match="comma"):
        parse_mailboxes("a@x.org,,b@y.org")


def test_an_address_is_a_value() -> None:
    """Equal addresses are equal, and can be keys."""
    assert {parse_address("a@x.org"), Address("a", "x.org")} == {Address("a", "x.org")}


def test_a_cell_as_long_as_a_cell_may_be_is_refused_at_once():
    """A letter in the address column costs no minutes: looking for several addresses would take the square of its length."""
    before = time.process_time()
    with pytest.raises(AddressFault, match="longer than 254"):
        parse_address("x" * 131_072)
    assert time.process_time() - before < 20
