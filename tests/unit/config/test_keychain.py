"""The OS keyring: which back ends serve, and what is told when none does."""

from __future__ import annotations

import json

import keyring.backend
import pytest
from keyring.backends import chainer, fail, null

from mailmerge_cli.config import keychain
from mailmerge_cli.config.keychain import NoKeyring, forget_secret, keep_secret, kept_secret
from mailmerge_cli.errors import CredentialsFault
from mailmerge_cli.model.account import Account
from mailmerge_cli.secret import Secret
from support.keyrings import (
    AskingKeyring,
    BrokenKeyring,
    LockedKeyring,
    MemoryKeyring,
    PlainTextKeyring,
    keyring_in_place,
)

ACCOUNT = Account(name="hr", host="smtp.example.org", port=465, user="hr@example.org", in_file=True)


class Chain(chainer.ChainerBackend):
    """A chain of chosen back ends."""

    backends: tuple[keyring.backend.KeyringBackend, ...] = ()
    priority = 0.1  # type: ignore[assignment]


def test_keep_find_forget(ring: MemoryKeyring) -> None:
    """One entry an account, with its server; forgetting it twice is no fault."""
    name = keep_secret(ACCOUNT, Secret("pässword"))

    assert name.endswith("MemoryKeyring")
    assert json.loads(ring.entries["mailmerge-cli", "hr"]) == {
        "server": "smtp.example.org:465",
        "secret": "pässword",
    }
    assert kept_secret(ACCOUNT) == Secret("pässword")
    assert forget_secret(ACCOUNT) is True
    assert forget_secret(ACCOUNT) is False
    assert kept_secret(ACCOUNT) is None


@pytest.mark.parametrize(
    ("ring_", "words"),
    [
        (fail.Keyring(), "no desktop keyring answers (keyring.backends.fail.Keyring)"),
        (null.Keyring(), "it is switched off (keyring.backends.null.Keyring)"),
        (PlainTextKeyring(), "keyrings.alt.file.PlainTextKeyring keeps plain text"),
        (AskingKeyring(), "keyrings.cryptfile.cryptfile.AskingKeyring asks for a password of its own"),
    ],
    ids=["fail", "null", "plain", "asking"],
)
def test_C12_back_ends_that_cannot_be_trusted_are_named(
    ring_: keyring.backend.KeyringBackend, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No secret is written, none is read, and the message names the back end and the other ways."""
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND", raising=False)
    with keyring_in_place(ring_):
        with pytest.raises(CredentialsFault) as caught:
            keep_secret(ACCOUNT, Secret("hunter2"))
        with pytest.raises(NoKeyring):
            kept_secret(ACCOUNT)
        assert forget_secret(ACCOUNT) is False

    assert words in caught.value.message
    assert "MAILMERGE_PASSWORD_HR" in caught.value.hint
    assert "hunter2" not in caught.value.message + caught.value.hint
    assert getattr(ring_, "entries", {}) == {}


def test_C12_a_chain_gives_the_first_that_can_be_trusted() -> None:
    """A plain-text back end that was merely installed stands in front; it is passed over."""
    plain, good = PlainTextKeyring(), MemoryKeyring()
    chain = Chain()
    type(chain).backends = (plain, good)
    with keyring_in_place(chain):
        keep_secret(ACCOUNT, Secret("x"))

        assert kept_secret(ACCOUNT) == Secret("x")
    assert (plain.entries, len(good.entries)) == ({}, 1)

    type(chain).backends = (plain,)
    with keyring_in_place(chain), pytest.raises(CredentialsFault, match="keeps plain text"):
        keep_secret(ACCOUNT, Secret("x"))


def test_an_encrypted_file_serves_when_it_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who names keyrings.cryptfile in the environment means it."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyrings.cryptfile.cryptfile.CryptFileKeyring")
    with keyring_in_place(AskingKeyring()):
        keep_secret(ACCOUNT, Secret("x"))

        assert kept_secret(ACCOUNT) == Secret("x")


def test_C13_a_back_end_that_fails_does_not_tell_the_secret() -> None:
    """Its own text is not repeated; its kind is."""
    with (
        keyring_in_place(BrokenKeyring()),
        pytest.raises(CredentialsFault, match=r"failed \(RuntimeError\)") as caught,
    ):
        keep_secret(ACCOUNT, Secret("hunter2"))

    assert "hunter2" not in caught.value.message + caught.value.hint
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_C12_a_locked_keyring_is_given_up_on_every_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep, find and forget each end after the time-out."""
    monkeypatch.setattr(keychain, "TIMEOUT", 0.05)
    with keyring_in_place(LockedKeyring()):
        with pytest.raises(CredentialsFault, match="may be locked"):
            keep_secret(ACCOUNT, Secret("x"))
        with pytest.raises(NoKeyring, match="may be locked"):
            kept_secret(ACCOUNT)
        assert forget_secret(ACCOUNT) is False


def test_the_time_out_is_the_contracts() -> None:
    """Five seconds."""
    assert keychain.TIMEOUT == 5.0
    assert keychain.SERVICE == "mailmerge-cli"
