"""What can go wrong, and the exit code that each fault has.

Rule 1: an error that a person can cause or meet is a `MailmergeError`; its text names the file, row or column and what to do.
Rule 2: a remote server's refusal of one mail is no error: it is an `Outcome` (model/outcome.py).

    MailmergeError
     ├─ Refused            65  the inputs: rows, template, attachments, changes, an unfinished run
     ├─ FileMissing        66  a named file does not exist or cannot be read
     ├─ UsageFault          2  the command line
     ├─ Unreachable        69  the server cannot be reached or used
     ├─ LedgerFault        74  ledger, result log or disk
     ├─ Stopped            75  stopped early, rows are left (locked, quota, breaker, …)
     ├─ CredentialsFault   77  credentials missing or refused
     └─ ConfigFault        78  campaign.toml, accounts.toml, TLS, provider settings
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """What the process says when it ends; scripts and cron rely on the numbers (sysexits.h where one fits)."""

    OK = 0
    SOME_FAILED = 1
    USAGE = 2
    IN_DOUBT = 3
    REFUSED = 65
    FILE_MISSING = 66
    UNREACHABLE = 69
    BUG = 70
    LEDGER = 74
    STOPPED = 75
    CREDENTIALS = 77
    CONFIG = 78
    INTERRUPTED = 130
    TERMINATED = 143


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with the inputs.

    Attributes:
        row: the line that the person sees in the sheet; None where no row is meant.
        column: the column's title, or a header's name for headers and attachments; None where none applies.
        kind: a stable word for scripts, such as `address` or `attachment`.
        message: a sentence that says what is wrong and what to do. Holds no cell's value beyond the address and key.
    """

    row: int | None
    column: str | None
    kind: str
    message: str


class MailmergeError(Exception):
    """Base of all errors that a person sees; never raised itself.

    Args:
        message: what is wrong, and where.
        hint: what to type or do next; empty where the message says it.
        reason: the `reason` of `--json`; empty for the class's own.
        problems: the single faults behind this error.
        problems_total: how many there are where `problems` does not hold all; 0: as many as it holds.
    """

    exit_code: ExitCode = ExitCode.BUG
    default_reason: str = "failed"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        reason: str = "",
        problems: tuple[Problem, ...] = (),
        problems_total: int = 0,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.reason = reason or self.default_reason
        self.problems = problems
        self.problems_total = max(problems_total, len(problems))


class Refused(MailmergeError):
    """The inputs are refused before anything was sent."""

    exit_code = ExitCode.REFUSED
    default_reason = "invalid"


class FileMissing(MailmergeError):
    """A file that was named does not exist or cannot be read."""

    exit_code = ExitCode.FILE_MISSING
    default_reason = "invalid"


class UsageFault(MailmergeError):
    """The command line is wrong, or a question could not be asked."""

    exit_code = ExitCode.USAGE
    default_reason = "config"


class Unreachable(MailmergeError):
    """The server cannot be reached or used at all (for now).

    Args:
        wait: seconds that the server asks us to leave it alone; 0 if it does not say.
        fewer_connections: it has too many connections from us.
    """

    exit_code = ExitCode.UNREACHABLE
    default_reason = "unreachable"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        reason: str = "",
        problems: tuple[Problem, ...] = (),
        wait: float = 0.0,
        fewer_connections: bool = False,
    ) -> None:
        super().__init__(message, hint=hint, reason=reason, problems=problems)
        self.wait = wait
        self.fewer_connections = fewer_connections


class LedgerFault(MailmergeError):
    """The ledger or the result log cannot be read or written."""

    exit_code = ExitCode.LEDGER
    default_reason = "failed"


class Stopped(MailmergeError):
    """Stopped early, rows are left; the same command goes on later."""

    exit_code = ExitCode.STOPPED
    default_reason = "deferred"


class CredentialsFault(MailmergeError):
    """Credentials are missing or were refused."""

    exit_code = ExitCode.CREDENTIALS
    default_reason = "credentials"


class ConfigFault(MailmergeError):
    """campaign.toml, accounts.toml, an account's settings or TLS are wrong."""

    exit_code = ExitCode.CONFIG
    default_reason = "config"
