"""Which transport an account's `kind` means: the built-in ones by lazy names, others by the entry points of installed packages."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Protocol, cast

from mailmerge_cli.errors import ConfigFault
from mailmerge_cli.model.account import Account, Credentials
from mailmerge_cli.model.transport import Transport

ENTRY_POINTS = "mailmerge_cli.transports"
"""The entry-point group in which another package names its transports."""

_BUILT_IN = {
    "smtp": "mailmerge_cli.transports.smtp:SmtpTransport",
    "outbox": "mailmerge_cli.transports.outbox:OutboxTransport",
}


class TransportFactory(Protocol):
    """What a name in the registry stands for; mostly a class."""

    def __call__(
        self, account: Account, credentials: Credentials, trace: Callable[[str], None] | None = None
    ) -> Transport:
        """A transport for this account; nothing is connected, read or asked yet."""
        ...


def open_transport(
    account: Account, credentials: Credentials, trace: Callable[[str], None] | None = None
) -> Transport:
    """The transport that `account.kind` names. `ConfigFault` where there is none, or where its package cannot be loaded.

    Args:
        account: whose server, how to log in, what is tolerated.
        credentials: asked only when the server wants a login.
        trace: gets a line for each command and reply; never a secret, never content.
    """
    return _factory(account.kind)(account, credentials, trace)


def _factory(kind: str) -> TransportFactory:
    """The built-in names win: an installed package must not take over `smtp` unseen."""
    if target := _BUILT_IN.get(kind):
        module, _, name = target.partition(":")
        return cast(TransportFactory, getattr(import_module(module), name))
    from importlib.metadata import entry_points  # a tenth of a start-up, and hardly ever needed

    others = {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}
    if kind not in others:
        known = ", ".join([*_BUILT_IN, *sorted(others)])
        raise ConfigFault(f"There is no transport {kind!r}.", hint=f"Known are: {known}.")
    try:
        return cast(TransportFactory, others[kind].load())
    except Exception as error:
        message = f"The transport {kind!r} of {others[kind].value} cannot be loaded: {error}"
        raise ConfigFault(message, hint="Install or mend the package that brings it.") from error
