"""Laws of addresses over all texts."""

from __future__ import annotations

from email.headerregistry import Address as StandardAddress

from hypothesis import given
from hypothesis import strategies as st

from mailmerge_cli.address import AddressFault, parse_address, parse_mailbox, parse_mailboxes
from mailmerge_cli.render.words import format_mailbox

ATOM = st.text("abcXYZ019!#$%&'*+-/^_`{|}~", min_size=1, max_size=8)
LABEL = st.from_regex(r"[a-zA-Z0-9]([a-zA-Z0-9]{0,6}[a-zA-Z0-9])?", fullmatch=True)
SPECS = st.builds(
    lambda atoms, labels, top: f"{'.'.join(atoms)}@{'.'.join([*labels, top])}",
    st.lists(ATOM, min_size=1, max_size=3),
    st.lists(LABEL, min_size=1, max_size=3),
    st.sampled_from(["org", "com", "test", "local"]),
)
NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=40).map(
    lambda text: text.strip(" ")
)


@given(SPECS)
def test_every_dot_atom_is_taken_whole(spec: str) -> None:
    """What is an address by grammar comes back letter for letter, and the standard library reads the same mailbox."""
    address = parse_address(spec)
    local, _, domain = spec.rpartition("@")
    assert (address.local, address.domain) == (local, domain.lower())
    assert StandardAddress(addr_spec=address.spec).username == local


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_a_fault(text: str) -> None:
    """Nothing else ever comes out, and what is taken has one @, no white space and nothing that SMTP would read as more."""
    try:
        address = parse_address(text)
    except AddressFault:
        return
    assert address.spec.count("@") == 1
    assert not set(address.spec) & set(' \t\r\n<>(),;:\\"\0')
    assert parse_address(address.spec) == address


@given(st.text('ab@.<>,;:"() \\\n=?-é\u200b', max_size=24))
def test_texts_of_address_characters_are_addresses_or_faults(text: str) -> None:
    """The same for texts that look like addresses."""
    test_any_text_is_an_address_or_a_fault.hypothesis.inner_test(text)  # type: ignore[attr-defined]
    for parse in (parse_mailbox, parse_mailboxes):
        try:
            parse(text)
        except AddressFault:
            continue


@given(NAMES.filter(lambda name: "=?" not in name and name.isascii()), SPECS)
def test_written_mailboxes_are_read_again(name: str, spec: str) -> None:
    """A mailbox in ASCII that is written for a header is read back as the same name and address."""
    address = parse_address(spec)
    assert parse_mailbox(format_mailbox(name, address)) == (name, address)
