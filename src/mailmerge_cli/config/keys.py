"""Every key of campaign.toml and accounts.toml in one table: the reader, the docs and a test live by it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mailmerge_cli.config import kinds
from mailmerge_cli.config.kinds import Kind
from mailmerge_cli.model.account import Auth, Pipelining, Security

REST = "values"
"""The table of campaign.toml whose keys are the person's own."""

SECRET_WORDS = frozenset(("password", "passwd", "pass", "secret", "token", "api_key", "apikey"))
"""Keys that people write a secret behind; neither file takes one."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key.

    Attributes:
        table: the table that it stands in; empty for the top of the file, and for accounts.toml (one table a name).
        name: the key.
        kind: how its value is read.
        default: what holds without it, as the docs say it.
        option: the option of the command line that does the same; empty if there is none.
        meaning: one sentence.
        field: the attribute of the settings that it fills.
        given: the attribute of `CampaignOptions`; empty if there is no option.
        is_path: its value is a path (relative in the file to the file's folder, in an option to the current folder).
    """

    table: str
    name: str
    kind: Kind
    default: str
    option: str
    meaning: str
    field: str = ""
    given: str = ""
    is_path: bool = False

    @property
    def attribute(self) -> str:
        """The attribute of the settings that it fills."""
        return self.field or self.name

    @property
    def place(self) -> str:
        """How a message names it: `[recipients] file`."""
        return f"[{self.table}] {self.name}" if self.table else self.name


def _top(name: str, kind: Kind, default: str, option: str, meaning: str, given: str = "") -> Key:
    return Key("", name, kind, default, option, meaning, given=given)


CAMPAIGN_KEYS: tuple[Key, ...] = (
    _top("name", kinds.TEXT, "the folder's name", "", "What people call the campaign."),
    _top("account", kinds.TEXT, "", "--account", "The sending account: a name in accounts.toml, or a URL.", "account"),
    _top("run", kinds.TEXT, "the latest run", "--run",
         "The run's label, a template; the first run is called by its date.", "run"),
    _top("unfinished", kinds.UNFINISHED, '"refuse"', "",
         "Another run has rows left: refuse, finish it first, or cancel it."),
    _top("results", kinds.RESULTS, '"results/{{ run }}.csv"', "",
         "The result log (.csv, .jsonl, .xlsx), a template in which run and campaign can stand; the option --results wins."),
    _top("timezone", kinds.TIMEZONE, "the machine's", "", "The time zone of today and now."),
    Key("recipients", "file", kinds.TEXT, "", "--recipients", 'The list, a template; on the command line "-" is standard input.',
        given="recipients", is_path=True),
    Key("recipients", "sheet", kinds.TEXT, "the only visible one", "--sheet", "The sheet of a workbook, a template.", given="sheet"),
    Key("recipients", "table", kinds.TEXT, "", "--table", "An Excel table or a named range of a workbook, a template.", given="table"),
    Key("recipients", "start", kinds.CELL, "the top", "--start", "The cell where the titles begin.", given="start"),
    Key("recipients", "header_rows", kinds.FEW, "found out", "--header-rows", "How many rows the titles take.",
        given="header_rows"),
    Key("recipients", "encoding", kinds.ENCODING, "found out", "--encoding", "The encoding of a text file.", given="encoding"),
    Key("recipients", "delimiter", kinds.DELIMITER, "found out", "--delimiter",
        'What stands between the cells of a text file: one character, or "tab".', given="delimiter"),
    Key("recipients", "email", kinds.TEXT, "the one that is plainly an address column", "--email-column",
        "The column of addresses, by its title or its template name.", given="email_column"),
    Key("recipients", "name", kinds.TEXT, "none", "--name-column", "The column of display names for To.", given="name_column"),
    Key("recipients", "key", kinds.TEXT, "the address", "--key-column", "The column that names a person.", given="key_column"),
    Key("recipients", "group_by", kinds.TEXT, "each row is a mail", "--group-by",
        "A column; rows with the same value in it are one mail, and templates have them as `rows`.", given="group_by"),
    Key("recipients", "where", kinds.LINES, "all rows", "--where", "An expression; rows for which it is not true are left out.",
        given="where"),
    Key("recipients", "required", kinds.TEXTS, "none", "--require", "Columns that must not be empty.", given="require"),
    Key("recipients", "exclude", kinds.TEXTS, "none", "--exclude", "Files of addresses or @domains that are skipped.",
        given="exclude", is_path=True),
    Key("recipients", "grows", kinds.FLAG, "false", "", "New keys are taken in without asking, as with --accept-new."),
    Key("recipients", "no_address", kinds.NO_ADDRESS, '"refuse"', "--no-address", "What a row without an address is.",
        given="no_address"),
    Key("recipients", "duplicates", kinds.DUPLICATES, '"refuse"', "--duplicates",
        "What happens when one address stands behind several keys.", given="duplicates"),
    Key("recipients", "hidden", kinds.HIDDEN, '"refuse"', "--hidden", "What rows are that the sheet hides, by hand or by a filter.",
        given="hidden"),
    Key("recipients", "allow_empty", kinds.FLAG, "false", "", "A list without any row is no fault."),
    Key("message", "file", kinds.TEXT, "", "--message", "The message template.", given="message", is_path=True),
    Key("message", "subject", kinds.TEXT, "the template's", "--subject", "Wins over the template's Subject.", given="subject"),
    Key("message", "from", kinds.TEXT, "the template's, else the account's", "--from", "Wins over the template's From.",
        field="sender", given="sender"),
    Key("message", "attachments", kinds.TEXTS, "none", "--attach", "Files to attach, templates; a path, never a pattern.",
        given="attach", is_path=True),
    Key("sending", "rate", kinds.RATES, "the account's", "--rate",
        "At most so many mails in any such time; all limits of account, campaign and option hold together.",
        field="rates", given="rate"),
    Key("sending", "connections", kinds.COUNT, "the account's", "--connections", "At most so many connections at a time.",
        given="connections"),
    Key("sending", "workers", kinds.WORKERS, "auto", "--workers", 'Processes that check the list and make messages; "auto": as many as help; 1: one alone.',
        given="workers"),
    Key("sending", "only_domains", kinds.DOMAINS, "any", "--only-domain", "An address of another domain is an error.",
        given="only_domain"),
    Key("sending", "on_invalid", kinds.ON_INVALID, '"refuse"', "--on-invalid",
        "Bad rows stop everything, or the others are sent and exit is 1.", given="on_invalid"),
    Key("sending", "attempts", kinds.COUNT, "5", "", "Attempts for each row."),
    Key("sending", "retry_after", kinds.DURATION, '"1min"', "", "The wait before the second attempt; it doubles, an hour at most."),
    Key("sending", "give_up_after", kinds.DURATION, '"2d"', "", "What is still deferred after this long is failed."),
    Key("sending", "stop_after", kinds.COUNT, "10", "", "Equal permanent refusals in a row after which the run stops."),
)  # fmt: skip


def _account(name: str, kind: Kind, default: str, option: str, meaning: str, field: str = "") -> Key:
    return Key("", name, kind, default, option, meaning, field=field)


ACCOUNT_KEYS: tuple[Key, ...] = (
    _account("kind", kinds.TEXT, '"smtp"', "", 'The transport: "smtp", "outbox" or a plug-in\'s.'),
    _account("provider", kinds.TEXT, "", "--provider", "A preset; fills in what is not said."),
    _account("host", kinds.TEXT, "the provider's", "--host", "The server's name."),
    _account("port", kinds.PORT, "465 tls, 587 starttls, 25 none", "--port", "The server's port."),
    _account("security", kinds.one_of(Security), '"tls"', "--security", "How the connection is protected."),
    _account("user", kinds.TEXT, "", "--user", "The login name."),
    _account("sender", kinds.TEXT, "the user, if it is an address", "--sender", "From, when the template has none."),
    _account("envelope_from", kinds.TEXT, "the address of From", "--envelope-from", "MAIL FROM, where bounces go."),
    _account("auth", kinds.one_of(Auth), '"auto"', "--auth", "How to log in."),
    _account("rate", kinds.RATES, "the provider's", "--rate", "At most so many mails in any such time.", "rates"),
    _account("connections", kinds.COUNT, "1", "--connections", "At most so many connections at a time."),
    _account("max_per_connection", kinds.SIZE, "0", "--max-per-connection", "Mails after which to reconnect; 0 for no limit."),
    _account("pipelining", kinds.one_of(Pipelining), '"envelope"', "--pipelining", "How much is written ahead."),
    _account("ca_file", kinds.TEXT, "the system's", "--ca-file", "Further certificate authorities (PEM)."),
    _account("timeout", kinds.SECONDS, "60", "--timeout", "Seconds to wait for a reply."),
    _account("timeout_end_of_data", kinds.SECONDS, "600", "", "Seconds to wait for the reply to a whole message."),
    _account("allow_insecure", kinds.FLAG, "false", "--allow-insecure", 'Allows security = "none" to another machine.'),
    _account("password_command", kinds.ARGV, "", "--password-command", "Prints the password on its first line."),
    _account("token_command", kinds.ARGV, "", "--token-command", "Prints an OAuth 2 access token on its first line."),
    _account("folder", kinds.TEXT, "", "", 'Where kind = "outbox" puts its .eml files.'),
)  # fmt: skip


def markdown(keys: Iterable[Key]) -> str:
    """The table as the docs show it."""
    lines = ["| key | value | default | option | meaning |", "|---|---|---|---|---|"]
    for key in keys:
        option = f"`{key.option}`" if key.option else ""
        lines.append(f"| `{key.place}` | {key.kind.name} | {key.default} | {option} | {key.meaning} |")
    return "\n".join(lines) + "\n"
