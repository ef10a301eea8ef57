"""How to log in: which mechanism, and what it says at each challenge (RFC 4954, 4616, 2195; XOAUTH2 as Google and Microsoft do it).

Rule 1: one mechanism, tried once; a second one with the same password would be a second failed login (accounts get locked).
Rule 2: no input and output; secrets are revealed here and go nowhere else.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable

from mailmerge_cli.errors import ConfigFault
from mailmerge_cli.model.account import Auth
from mailmerge_cli.secret import Secret

_NAMES = {Auth.PLAIN: "PLAIN", Auth.LOGIN: "LOGIN", Auth.CRAM_MD5: "CRAM-MD5", Auth.XOAUTH2: "XOAUTH2"}

# Under TLS the password is out of sight whatever the mechanism, so the simplest comes first: PLAIN is one round trip, and
# works where the server keeps only a salted hash. LOGIN says the same in three. CRAM-MD5 makes the server keep the password
# itself, and often is offered by servers where it does not work. Without TLS (this machine, or by wish) it is the best of the three.
_UNDER_TLS = (Auth.PLAIN, Auth.LOGIN, Auth.CRAM_MD5)
_IN_CLEAR = (Auth.CRAM_MD5, Auth.PLAIN, Auth.LOGIN)


def choose(wanted: Auth, offered: tuple[str, ...], *, secured: bool, server: str) -> Auth:
    """The one mechanism to try. `ConfigFault` where the server does not offer what is wanted (C06)."""
    order = (_UNDER_TLS if secured else _IN_CLEAR) if wanted is Auth.AUTO else (wanted,)
    for auth in order:
        if _NAMES[auth] in offered:
            return auth
    known = ", ".join(offered) or "no login at all"
    if wanted is Auth.AUTO and "XOAUTH2" in offered:
        hint = 'This server wants OAuth: set auth = "xoauth2" and a token_command.'
    elif not offered:
        hint = (
            'Check the port (587 or 465 take logins, 25 mostly does not); without a login, set auth = "none".'
        )
    else:
        hint = "Set auth to one that it offers."
    what = "PLAIN, LOGIN or CRAM-MD5" if wanted is Auth.AUTO else _NAMES[wanted]
    raise ConfigFault(f"{server} does not offer the login {what}; it offers {known}.", hint=hint)


class Exchange:
    """One login: the words for `AUTH`, then an answer to each challenge."""

    def __init__(self, auth: Auth, user: str, secret: Secret) -> None:
        self._auth = auth
        self._answers: list[Callable[[bytes], bytes]] = []
        self._first: bytes | None = None
        password = secret.reveal()
        if auth is Auth.PLAIN:
            self._first = f"\0{user}\0{password}".encode()
        elif auth is Auth.LOGIN:
            self._answers = [lambda _: user.encode(), lambda _: password.encode()]
        elif auth is Auth.CRAM_MD5:
            self._answers = [lambda challenge: _cram(user, password, challenge)]
        else:
            self._first = f"user={user}\x01auth=Bearer {password}\x01\x01".encode()
            # A challenge here is the error as JSON; an empty line gets the 535 that belongs to it.
            self._answers = [lambda _: b""]

    def opening(self) -> tuple[str, ...]:
        """The words of the AUTH command."""
        words = (_NAMES[self._auth],)
        return words if self._first is None else (*words, base64.b64encode(self._first).decode())

    def answer(self, challenge: bytes) -> bytes:
        """The line for a 334; `*` (cancel, RFC 4954 §4) where the mechanism has nothing more to say."""
        if not self._answers:
            return b"*"
        try:
            plain = base64.b64decode(challenge, validate=False)
        except binascii.Error:
            plain = b""
        return base64.b64encode(self._answers.pop(0)(plain))


def _cram(user: str, password: str, challenge: bytes) -> bytes:
    try:
        digest = hmac.new(password.encode(), challenge, hashlib.md5).hexdigest()
    except ValueError as error:
        raise ConfigFault(
            "This Python has no MD5 (FIPS), which CRAM-MD5 needs.", hint='Set auth to "plain" or "login".'
        ) from error
    return f"{user} {digest}".encode()
