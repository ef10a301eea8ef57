"""The presets: sound, complete, and found from an address."""

from __future__ import annotations

import re

import pytest

from mailmerge_cli.config.providers import (
    PROVIDERS,
    Provider,
    provider_at,
    provider_for,
    provider_named,
    secret_word,
)
from mailmerge_cli.model.account import Account, Auth, Security


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("a@gmail.com", "gmail"), ("a@GoogleMail.com", "gmail"), ("a@qq.com", "qq"), ("a@foxmail.com", "qq"),
        ("a@163.com", "163"), ("a@126.com", "126"), ("a@yeah.net", "yeah"), ("a@outlook.com", "outlook"),
        ("a@hotmail.com", "outlook"), ("a@live.com", "outlook"), ("A <a@icloud.com>", "icloud"), ("a@web.de", "web.de"),
        ("a@example.org", None), ("", None), ("gmail.com", "gmail"), ("a@notgmail.com", None),
    ],
)  # fmt: skip
def test_the_provider_of_an_address(address: str, name: str | None) -> None:
    """Its own domains only; a company's domain cannot be told."""
    found = provider_for(address)

    assert name == (found.name if found else None)


def test_names_and_domains_are_unique() -> None:
    """One name one preset, one domain one provider."""
    names = [provider.name for provider in PROVIDERS]
    domains = [domain for provider in PROVIDERS for domain in provider.domains]

    assert len(names) == len(set(names))
    assert len(domains) == len(set(domains))
    assert all(provider_named(name.upper()) for name in names)
    assert provider_named("nobody") is None


def test_all_rows_of_the_table_of_presets_are_here() -> None:
    """The names that the documentation promises."""
    promised = """gmail google-relay microsoft365 outlook qq 163 126 yeah exmail aliyun-dm aliyun-qiye yahoo aol icloud zoho
        fastmail gmx web.de yandex mail.ru naver ses sendgrid mailgun postmark infobip"""

    assert set(promised.split()) <= {provider.name for provider in PROVIDERS}


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_every_preset_is_sound(provider: Provider) -> None:
    """TLS always, the port that goes with it, a word for the secret."""
    assert provider.security in (Security.TLS, Security.STARTTLS)
    assert provider.port == {Security.TLS: 465, Security.STARTTLS: 587}[provider.security]
    assert provider.host or provider.host_hint
    assert re.fullmatch(r"[a-z0-9.-]*", provider.host)
    assert all(re.fullmatch(r"[a-z0-9.-]+", name) for name in (*provider.hosts, *provider.domains))
    assert provider.word
    assert provider.connections >= 1
    assert provider.where or provider.auth is Auth.XOAUTH2
    if provider.host:
        assert provider_at(provider.host) is not None


def test_a_server_tells_its_provider() -> None:
    """An account without `provider` still gets the right words."""
    assert provider_at("SMTP.163.com.") == provider_named("163")
    assert provider_at("email-smtp.eu-west-1.amazonaws.com") == provider_named("ses")
    assert provider_at("smtp.gmail.com", "hr@example.org") == provider_named("google-workspace")
    assert provider_at("smtp.gmail.com", "hr@gmail.com") == provider_named("gmail")
    assert provider_at("") is None
    assert provider_at("smtp.example.org") is None


def test_the_word_for_the_secret() -> None:
    """What the provider calls it; a token for OAuth, and a password where OAuth was switched off by hand."""
    assert secret_word(Account(name="a", host="smtp.qq.com")) == "授权码"
    assert secret_word(Account(name="a", host="smtp.office365.com", auth=Auth.XOAUTH2)) == "access token"
    assert secret_word(Account(name="a", host="smtp.office365.com", auth=Auth.LOGIN)) == "password"
    assert secret_word(Account(name="a", host="smtp.example.org")) == "password"
