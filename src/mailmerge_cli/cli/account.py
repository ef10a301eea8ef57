"""`mailmerge account`: add, list, show, test, login, remove sending accounts."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailmerge_cli.cli.options import spread
from mailmerge_cli.cli.screen import Screen
from mailmerge_cli.errors import CredentialsFault, ExitCode, MailmergeError, UsageFault

if TYPE_CHECKING:
    from mailmerge_cli.config.secrets import SecretChain
    from mailmerge_cli.model.account import Account
    from mailmerge_cli.model.mail import Mail
    from mailmerge_cli.model.transport import Transport
    from mailmerge_cli.secret import Secret

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]}
)

_Name = Annotated[str, typer.Argument(metavar="NAME", help="The account's name.")]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
_Stdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the secret from standard input, one line.")
]
_Option = typer.Option


@app.command("add")
@spread
def add(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="What to call it.", show_default=False)
    ] = None,
    address: Annotated[
        str | None,
        typer.Argument(
            metavar="[ADDRESS]", help="Your address, or a URL without password.", show_default=False
        ),
    ] = None,
    provider: Annotated[str | None, _Option(help="A preset, such as gmail, qq, microsoft365.")] = None,
    host: Annotated[str | None, _Option(help="The mail server.")] = None,
    port: Annotated[int | None, _Option(help="Its port.")] = None,
    security: Annotated[
        str | None, _Option(metavar="tls|starttls|none", help="How the connection is protected.")
    ] = None,
    user: Annotated[str | None, _Option(help="Login name; default: the address.")] = None,
    sender: Annotated[str | None, _Option(help="From, when a template has none.")] = None,
    auth: Annotated[
        str | None,
        _Option(metavar="plain|login|cram-md5|xoauth2|none", help="How to log in; default: found out."),
    ] = None,
    rate: Annotated[
        list[str] | None, _Option(metavar="N/UNIT", help="At most so many mails. Repeatable; all hold.")
    ] = None,
    connections: Annotated[int | None, _Option(help="Connections at a time.")] = None,
    max_per_connection: Annotated[int | None, _Option(help="Mails after which to reconnect.")] = None,
    pipelining: Annotated[
        str | None, _Option(metavar="envelope|next|auto|off", help="How much is written ahead.")
    ] = None,
    envelope_from: Annotated[
        str | None, _Option(help="Where bounces go; default: the address of From.")
    ] = None,
    ca_file: Annotated[str | None, _Option(help="A private certificate authority (PEM).")] = None,
    token_command: Annotated[
        str | None, _Option(help="Prints an OAuth 2 access token; run without a shell.")
    ] = None,
    password_command: Annotated[str | None, _Option(help="Prints the password; run without a shell.")] = None,
    timeout: Annotated[str | None, _Option(help="How long to wait for a reply, such as 60s.")] = None,
    password_stdin: _Stdin = False,
    no_auth: Annotated[bool, _Option("--no-auth", help="The server wants no login.")] = False,
    allow_insecure: Annotated[
        bool, _Option("--allow-insecure", help="Allow --security none to another machine.")
    ] = False,
    no_test: Annotated[bool, _Option("--no-test", help="Do not try to log in.")] = False,
    yes: _Yes = False,
    *,
    screen: Screen,
) -> int:
    """Add an account, or change one; asks for what is missing and ends with a login test."""
    typed: dict[str, Any] = {**locals(), "auth": "none" if no_auth else auth}
    from mailmerge_cli.cli.account_form import fill_in, read_options
    from mailmerge_cli.config.accounts_file import load_accounts, save_account

    if no_auth and auth not in (None, "none"):
        raise UsageFault("--no-auth and --auth exclude each other.")
    account = fill_in(name, address, read_options(typed), screen)
    if account.name in load_accounts() and not screen.confirm(
        f'There is an account "{account.name}". Replace it?', yes=yes
    ):
        raise UsageFault("Nothing was changed.")
    secret = _new_secret(account, screen, password_stdin=password_stdin)
    save_account(account)
    screen.say(f'The account "{account.name}" is written.')
    told = {"account": _told(account), "secret_kept": _keep(account, secret, screen)}
    tested = _login_test(account, secret, screen, wanted=not no_test)
    return _end(screen, {**told, "tested": tested})


@app.command("list")
@spread
def list_(*, screen: Screen) -> int:
    """All accounts."""
    from mailmerge_cli.config.accounts_file import load_accounts
    from mailmerge_cli.config.places import accounts_path

    accounts = [_told(account) for account in load_accounts().values()]
    columns = ("name", "sender", "server", "security", "rate", "provider")
    if screen.as_json:
        pass
    elif accounts:
        screen.table(columns, [[_cell(told[column]) for column in columns] for told in accounts])
    else:
        screen.say("There is no account yet. Type: mailmerge account add")
    return _end(screen, {"file": str(accounts_path()), "accounts": accounts})


@app.command("show")
@spread
def show(name: _Name, *, screen: Screen) -> int:
    """One account, and where its secret would come from (never the secret)."""
    account = _account(name)
    told, source = _told(account), ""
    if _wants_secret(account):
        source = _chain(account).look()
    if not screen.as_json:
        secret = source or ("there is none yet" if _wants_secret(account) else "none is needed")
        said = {key: value for key, value in told.items() if value not in ("", None, [], False)}
        screen.table(
            ("setting", "value"), [(key, _cell(value)) for key, value in {**said, "secret": secret}.items()]
        )
    return _end(screen, {"account": told, "secret": source or None})


@app.command("test")
@spread
def test(
    name: _Name,
    to: Annotated[str | None, _Option(metavar="ADDRESS", help="Send one test mail there too.")] = None,  # noqa: PT028
    password_stdin: _Stdin = False,  # noqa: PT028 - a command, not a test
    *,
    screen: Screen,
) -> int:
    """Connect and log in; send nothing, unless --to says where."""
    account = _account(name)
    chain = _chain(account, _from_stdin(), None) if password_stdin else _chain(account, None, screen)
    mail = None
    if to is not None:
        from mailmerge_cli.cli.account_trial import trial_mail

        mail = trial_mail(account, to)
    screen.say(_checked(account, chain, screen))
    told: dict[str, Any] = {"account": account.name, "server": account.server, "login": True}
    code = ExitCode.OK
    if mail is not None:
        code, told["test_mail"] = _send(account, chain, mail, screen)
    return _end(screen, {**told, "secret": chain.source or None}, code)


@app.command("login")
@spread
def login(name: _Name, password_stdin: _Stdin = False, *, screen: Screen) -> int:
    """Enter the account's secret again; it is kept in the keyring."""
    from mailmerge_cli.config.secrets import keep_secret

    account = _account(name)
    if not _wants_secret(account):
        raise UsageFault(f'The account "{account.name}" does not log in, so it has no secret.')
    if not (password_stdin or screen.can_ask):
        raise UsageFault("There is no terminal to ask on.", hint="Use --password-stdin.")
    secret = _new_secret(account, screen, password_stdin=password_stdin, wanted=True)
    if secret is None:
        raise CredentialsFault("Nothing was typed, so nothing was changed.")
    ring = keep_secret(account, secret)
    screen.say(f"Kept in the keyring ({ring}). To try it: mailmerge account test {account.name}")
    return _end(screen, {"account": account.name, "secret_kept": True})


@app.command("remove")
@spread
def remove(name: _Name, yes: _Yes = False, *, screen: Screen) -> int:
    """Remove an account and its secret from the keyring."""
    from mailmerge_cli.config.account_url import is_url
    from mailmerge_cli.config.accounts_file import remove_account
    from mailmerge_cli.config.secrets import forget_secret

    if is_url(name):
        raise UsageFault("A URL is no account of accounts.toml.", hint="Type: mailmerge account list")
    account = _account(name)
    if not screen.confirm(f'Remove the account "{account.name}" and its secret?', yes=yes):
        raise UsageFault("Nothing was changed.")
    remove_account(account.name)
    forgotten = _wants_secret(account) and forget_secret(account)
    also = ", and its secret from the keyring" if forgotten else ""
    screen.say(f'The account "{account.name}" is removed{also}.')
    return _end(screen, {"account": account.name, "secret_forgotten": forgotten})


def _end(screen: Screen, told: Mapping[str, Any], code: ExitCode = ExitCode.OK) -> int:
    """Print the one object of `--json`."""
    if screen.as_json:
        screen.json({"schema": 1, **told, "exit_code": int(code)})
    return int(code)


def _account(name: str) -> Account:
    from mailmerge_cli.config.accounts_file import find_account

    return find_account(name, typed=True)


def _chain(account: Account, secret: Secret | None = None, screen: Screen | None = None) -> SecretChain:
    from mailmerge_cli.config.secrets import SecretChain

    return SecretChain(account, stdin_secret=secret, prompt=screen.secret if screen else None)


def _wants_secret(account: Account) -> bool:
    return account.kind != "outbox" and account.auth.value != "none"


def _new_secret(
    account: Account, screen: Screen, *, password_stdin: bool, wanted: bool = False
) -> Secret | None:
    """What the person gives for a secret; None where none is needed, a command has it, or nobody can be asked."""
    from mailmerge_cli.config.secrets import prompt_text

    if not _wants_secret(account):
        return None
    if password_stdin:
        return _from_stdin()
    if (account.password_command or account.token_command) and not wanted:
        return None
    return screen.secret(prompt_text(account))


def _from_stdin() -> Secret:
    from mailmerge_cli.config.secrets import read_secret

    return read_secret(sys.stdin.buffer)


def _keep(account: Account, secret: Secret | None, screen: Screen) -> bool:
    """Put a new secret into the keyring; without one the account stands all the same, and the person is told."""
    from mailmerge_cli.config.secrets import keep_secret

    if secret is None:
        return False
    try:
        keep_secret(account, secret)
    except CredentialsFault as fault:
        screen.warn(f"{fault.message} {fault.hint}")
        return False
    return True


def _login_test(account: Account, secret: Secret | None, screen: Screen, *, wanted: bool) -> bool:
    """Log in once; False where it is not wanted or there is no secret. A fault keeps its exit code, and the account stays."""
    from mailmerge_cli.config.providers import provider_of, secret_word

    chain = _chain(account, secret)
    if _wants_secret(account) and not chain.look():
        preset = provider_of(account)
        screen.note(
            f"it has no {secret_word(account)} yet, so the login was not tried. "
            f"{preset.note + ' ' if preset and preset.note else ''}"
            f"{chain.advice()}"
        )
        return False
    if not wanted:
        return False
    try:
        screen.say(_checked(account, chain, screen))
    except MailmergeError as fault:
        kept = f"The account is kept; to try again: mailmerge account test {account.name}"
        fault.hint = f"{fault.hint} {kept}".strip()
        raise
    return True


def _checked(account: Account, chain: SecretChain, screen: Screen) -> str:
    """Connect and log in; what to tell when it worked."""
    import asyncio

    if _wants_secret(account):
        chain.find()  # a person is asked before the loop runs
    asyncio.run(_transport(account, chain, screen).check())
    if account.kind == "outbox":
        return f"{account.folder} can be written. Mails stay on this machine."
    login = f", and the login of {account.user} works" if _wants_secret(account) else ""
    return f"{account.server} answers{login}. Nothing was sent."


def _send(
    account: Account, chain: SecretChain, mail: Mail, screen: Screen
) -> tuple[ExitCode, dict[str, Any]]:
    """One test mail: the exit code, and what to tell with `--json`."""
    import asyncio

    from mailmerge_cli.cli.account_trial import reply_text, send_trial, verdict_code

    outcome = asyncio.run(send_trial(_transport(account, chain, screen), mail))
    code, to = verdict_code(outcome), mail.envelope.recipients[0]
    screen.say(f"Test mail to {to}: {outcome.verdict.value}. {reply_text(outcome)} {outcome.hint}".rstrip())
    told = {
        "to": to,
        "verdict": outcome.verdict.value,
        "reply": reply_text(outcome),
        "message_id": mail.message_id,
    }
    return code, told


def _transport(account: Account, chain: SecretChain, screen: Screen) -> Transport:
    from mailmerge_cli.transports.registry import open_transport

    return open_transport(account, chain, screen.trace if screen.debug else None)


def _told(account: Account) -> dict[str, Any]:
    """An account for people and for `--json`: every setting but how it was found; of a command its program only."""
    told: dict[str, Any] = {}
    for field in fields(account):
        value = getattr(account, field.name)
        if field.name in ("in_file", "typed"):
            continue
        if field.name in ("password_command", "token_command"):
            value = value[0] if value else ""  # arguments may hold what nobody should see
        told["rate" if field.name == "rates" else field.name] = _plain(value)
        if field.name == "port":
            told["server"] = account.server
    return told


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [str(part) for part in value]
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


def _cell(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else "" if value is None else str(value)
