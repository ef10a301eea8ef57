"""Accounts as URLs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailmerge_cli.config.account_url import account_of_url, has_password, is_url
from mailmerge_cli.config.accounts_file import find_account
from mailmerge_cli.errors import ConfigFault
from mailmerge_cli.model.account import Account, Auth, Security
from mailmerge_cli.model.rate import Rate

HERE = Path("/campaign")


def url(text: str, *, typed: bool = True) -> Account:
    """The account of a URL."""
    return account_of_url(text, typed=typed, folder=HERE)


@pytest.mark.parametrize(
    ("text", "host", "port", "security", "user"),
    [
        ("smtps://hr@smtp.example.org:466", "smtp.example.org", 466, Security.TLS, "hr"),
        ("smtps://hr@smtp.example.org", "smtp.example.org", 465, Security.TLS, "hr"),
        ("smtp://hr@smtp.example.org", "smtp.example.org", 587, Security.STARTTLS, "hr"),
        ("SMTPS://SMTP.Example.ORG/", "smtp.example.org", 465, Security.TLS, ""),
        ("smtp+insecure://127.0.0.1:2525", "127.0.0.1", 2525, Security.NONE, ""),
        ("smtp+insecure://[::1]:2525", "::1", 2525, Security.NONE, ""),
        ("smtp+insecure://localhost", "localhost", 25, Security.NONE, ""),
        (
            "smtps://hr%40example.org@smtp.example.org",
            "smtp.example.org",
            465,
            Security.TLS,
            "hr@example.org",
        ),
        ("smtps://%E4%BA%BA%E4%BA%8B@smtp.example.org", "smtp.example.org", 465, Security.TLS, "人事"),
        ("smtps://a%3Ab%25@smtp.example.org", "smtp.example.org", 465, Security.TLS, "a:b%"),
    ],
)
def test_what_a_url_says(text: str, host: str, port: int, security: Security, user: str) -> None:
    """Scheme, server, port and percent-encoded user, with the usual port of each scheme."""
    account = url(text)

    assert (account.host, account.port, account.security, account.user) == (host, port, security, user)
    assert account.auth is (Auth.AUTO if user else Auth.NONE)
    assert account.sender == (user if "@" in user else "")
    assert account.typed
    assert not account.in_file


@given(
    user=st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), max_size=20),
    port=st.integers(1, 65535),
    scheme=st.sampled_from(["smtps", "smtp"]),
)
def test_a_name_is_a_url_again(user: str, port: int, scheme: str) -> None:
    """The account's name is its URL in the plainest form: reading it gives the same account."""
    from urllib.parse import quote

    account = url(f"{scheme}://{quote(user, safe='')}@smtp.example.org:{port}")

    assert user == account.user
    assert account == url(account.name)


@given(
    st.text(max_size=40) | st.from_regex(r"(smtps?|outbox|smtp\+insecure):(//)?[^\n]{0,30}", fullmatch=True)
)
def test_any_text_is_an_account_or_refused_without_being_repeated(text: str) -> None:
    """No URL makes a traceback, and no error repeats one: it may hold a password."""
    told = ""
    try:
        url(text)
    except ConfigFault as fault:
        told = fault.message

    assert len(text) < 12 or text not in told


@pytest.mark.parametrize(
    "text",
    [
        "smtps://hr:hunter2@smtp.example.org",
        "smtps://hr@example.org:hunter2@smtp.example.org",
        "smtps://:hunter2@smtp.example.org:465",
        "smtps://hr:hunter2/x@smtp.example.org",
        "smtps://hr:hunter2#x@smtp.example.org",
        "smtps://hr:@smtp.example.org",
        "smtp+insecure://hr:hunter2@127.0.0.1",
        "hr:hunter2@smtp.example.org",
    ],
)
def test_C13_a_password_in_a_url_is_refused_and_not_repeated(text: str) -> None:
    """A URL is seen by `ps`, by the shell's history and in campaign.toml."""
    with pytest.raises(ConfigFault) as caught:
        find_account(text, True)

    assert "hunter2" not in caught.value.message + caught.value.hint
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "text",
    [
        "smtp+insecure://smtp.example.org", "smtp+insecure://127.0.0.1.example.org", "smtps://", "smtps:smtp.example.org",
        "smtps://smtp.example.org:0", "smtps://smtp.example.org:99999", "smtps://smtp.example.org:x",
        "smtps://smtp.example.org/inbox", "smtps://smtp.example.org?tls=no", "smtps://[::1", "smtps://a%00b@example.org",
        "smtps://a%ff@example.org", "smtps://smtp example.org", "imap://smtp.example.org", "outbox:", "outbox:a%00b",
    ],
)  # fmt: skip
def test_urls_that_make_no_sense_are_78_with_the_right_form(text: str) -> None:
    """Whoever mistypes a URL is shown how one looks."""
    with pytest.raises(ConfigFault) as caught:
        url(text)

    assert "smtps://" in caught.value.hint or "outbox:DIR" in caught.value.hint


def test_a_slip_in_the_scheme_is_guessed() -> None:
    """`smpts` is `smtps`."""
    with pytest.raises(ConfigFault, match='did you mean "smtps"'):
        url("smpts://smtp.example.org")


def test_a_url_of_a_known_provider_keeps_its_limits() -> None:
    """Limits hold however the account is named; a company's mailbox at Google has the company's."""
    assert url("smtps://someone%40gmail.com@smtp.gmail.com").rates == (Rate(500, 86400),)
    assert url("smtps://hr%40example.org@smtp.gmail.com").rates == (Rate(2000, 86400),)
    assert url("smtp://hr%40example.org@smtp.office365.com").auth is Auth.XOAUTH2


def test_outbox_is_a_folder_beside_the_campaign() -> None:
    """`outbox:outbox` in a campaign.toml is relative to that file's folder."""
    account = url("outbox:out%20box", typed=False)

    assert (account.kind, account.folder, account.auth) == ("outbox", HERE / "out box", Auth.NONE)
    assert account.server == str(HERE / "out box")


def test_names_are_no_urls() -> None:
    """A colon tells them apart."""
    assert not any(map(is_url, ("hr", "hr@example.org", "hr.main", "人事")))
    assert is_url("outbox:x")
    assert not has_password("smtps://hr@example.org:465")
