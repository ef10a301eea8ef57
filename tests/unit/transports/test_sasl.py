"""The words of each login mechanism, against the RFCs' own examples."""

from __future__ import annotations

import base64
import hmac

import pytest

from mailmerge_cli.errors import ConfigFault
from mailmerge_cli.model.account import Auth
from mailmerge_cli.secret import Secret
from mailmerge_cli.transports.smtp.sasl import Exchange


def test_plain() -> None:
    """RFC 4616 §4."""
    assert Exchange(Auth.PLAIN, "tim", Secret("tanstaaftanstaaf")).opening() == (
        "PLAIN",
        base64.b64encode(b"\0tim\0tanstaaftanstaaf").decode(),
    )


def test_cram_md5() -> None:
    """RFC 2195 §2."""
    exchange = Exchange(Auth.CRAM_MD5, "tim", Secret("tanstaaftanstaaf"))
    assert exchange.opening() == ("CRAM-MD5",)
    challenge = b"PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+"
    assert exchange.answer(challenge) == b"dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw"


def test_login_does_not_read_the_prompts() -> None:
    """User, then password, whatever the prompts say: they are in many languages, and some are no base64."""
    exchange = Exchange(Auth.LOGIN, "hr", Secret("pässword"))
    assert exchange.opening() == ("LOGIN",)
    assert [exchange.answer(prompt) for prompt in (b"???", b"")] == [
        base64.b64encode(b"hr"),
        base64.b64encode("pässword".encode()),
    ]


def test_xoauth2() -> None:
    """The form that Google and Microsoft describe; an error is answered by an empty line."""
    exchange = Exchange(Auth.XOAUTH2, "someuser@example.com", Secret("ya29.vF9dft4"))
    _, words = exchange.opening()
    assert base64.b64decode(words) == b"user=someuser@example.com\x01auth=Bearer ya29.vF9dft4\x01\x01"
    assert exchange.answer(b"eyJzdGF0dXMiOiI0MDEifQ==") == b""


def test_a_challenge_too_many_is_cancelled() -> None:
    """RFC 4954 §4: `*` ends an exchange; no secret is said twice."""
    exchange = Exchange(Auth.PLAIN, "hr", Secret("pw"))
    assert exchange.answer(b"") == b"*"


def test_a_challenge_that_is_no_base64_is_an_empty_one() -> None:
    """The answer is wrong then and the server says so; nothing breaks."""
    good = Exchange(Auth.CRAM_MD5, "hr", Secret("pw")).answer(b"")
    assert Exchange(Auth.CRAM_MD5, "hr", Secret("pw")).answer(b"A") == good


def test_a_python_without_md5_says_which_setting_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    """FIPS: no traceback, but another mechanism."""

    def forbidden(*_: object) -> None:
        raise ValueError("disabled for FIPS")

    monkeypatch.setattr(hmac, "new", forbidden)
    with pytest.raises(ConfigFault, match="CRAM-MD5") as fault:
        Exchange(Auth.CRAM_MD5, "hr", Secret("pw")).answer(b"")
    assert "plain" in fault.value.hint
