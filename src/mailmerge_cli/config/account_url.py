"""An account as a URL: `smtps://`, `smtp://`, `smtp+insecure://` and `outbox:DIR`.

Rule: no message here repeats the URL; somebody may have typed a password into it.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit

from mailmerge_cli.config.nearest import did_you_mean, sentence
from mailmerge_cli.errors import ConfigFault
from mailmerge_cli.model.account import Account, Auth, Security

_SCHEMES = {
    "smtps": (Security.TLS, 465),
    "smtp": (Security.STARTTLS, 587),
    "smtp+insecure": (Security.NONE, 25),
}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
_FORM = "Write smtps://user@host:465, smtp://user@host:587, smtp+insecure://127.0.0.1:2525 or outbox:DIR."


def is_url(text: str) -> bool:
    """Whether this is a URL and not the name of an account (a name holds no colon)."""
    return _SCHEME.match(text) is not None


def has_password(url: str) -> bool:
    """Whether a password stands in it, or what looks like one."""
    netloc = url.partition("//")[2]
    user, at, _ = netloc.rpartition("@")
    return bool(at) and ":" in user


def is_loopback(host: str) -> bool:
    """Whether a server of this name is on this machine."""
    return host in ("localhost", "::1") or re.fullmatch(r"127\.\d{1,3}\.\d{1,3}\.\d{1,3}", host) is not None


def account_of_url(url: str, *, typed: bool, folder: Path) -> Account:
    """The account that a URL describes; its name is the URL in its plainest form.

    Args:
        url: as above, user names percent-encoded.
        typed: it was typed on the command line.
        folder: what a relative DIR of `outbox:` is relative to.

    Raises:
        ConfigFault: the URL makes no sense, or holds a password.
    """
    match = _SCHEME.match(url)
    scheme = match[1].lower() if match else ""
    if match and scheme == "outbox":
        return _outbox(match[2], typed=typed, folder=folder)
    if scheme not in _SCHEMES:
        near = did_you_mean(scheme, (*_SCHEMES, "outbox")) if match and "@" not in scheme else ""
        raise ConfigFault(
            sentence(f"The account's URL begins with a word that means nothing here{near}"), hint=_FORM
        )
    if has_password(url):
        raise ConfigFault(
            "A password does not belong in an account's URL.",
            hint="Leave it out; you are asked for it, or use --password-stdin. Write an @ in a user name as %40.",
        )
    return _smtp(url, scheme, typed=typed)


def _outbox(place: str, *, typed: bool, folder: Path) -> Account:
    path = unquote(place.removeprefix("//"))
    if not path or "\0" in path:
        raise ConfigFault(
            "The account's URL names no folder.", hint="Write outbox:DIR, such as outbox:outbox."
        )
    name = f"outbox:{place}"
    return Account(name=name, kind="outbox", auth=Auth.NONE, folder=folder.absolute() / path, typed=typed)


def _smtp(url: str, scheme: str, *, typed: bool) -> Account:
    from mailmerge_cli.config.providers import provider_at  # not needed to tell a URL from a name

    security, default_port = _SCHEMES[scheme]
    parts = _split(url)
    host, port = (parts.hostname or "").lower(), parts.port or default_port
    user = _decoded(parts.netloc.rpartition("@")[0])
    if security is Security.NONE and not is_loopback(host):
        raise ConfigFault(
            "smtp+insecure:// serves 127.0.0.1 only: mail and password would cross the network in the clear.",
            hint="Write smtps:// or smtp:// (STARTTLS).",
        )
    preset = provider_at(host, user)
    shown_host = f"[{host}]" if ":" in host else host
    return Account(
        name=f"{scheme}://{quote(user, safe='') + '@' if user else ''}{shown_host}:{port}",
        provider=preset.name if preset else "",
        host=host,
        port=port,
        security=security,
        user=user,
        sender=user if "@" in user else "",
        auth=(preset.auth if preset else Auth.AUTO) if user else Auth.NONE,
        rates=preset.rates if preset else (),
        connections=preset.connections if preset else 1,
        max_per_connection=preset.max_per_connection if preset else 0,
        typed=typed,
    )


def _split(url: str) -> SplitResult:
    """The parts, proven; port and host are read here because reading them can fail."""
    try:
        parts = urlsplit(url)
        sound = bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or any(char <= " " for char in url):
        raise ConfigFault("The account's URL names no server, or no port from 1 to 65535.", hint=_FORM)
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ConfigFault("Nothing may stand behind the port in an account's URL.", hint=_FORM)
    return parts


def _decoded(user: str) -> str:
    try:
        text = unquote(user, errors="strict")
    except UnicodeDecodeError:
        text = "\0"
    if any(char < " " or char == "\x7f" for char in text):
        raise ConfigFault(
            "The user name in the account's URL holds characters that no user name has.", hint=_FORM
        )
    return text
