"""What to type next: for every way in which a run can end, the sentences of CONTRACT's table "what to do"."""

from __future__ import annotations

from dataclasses import dataclass

from mailmerge_cli.errors import ExitCode
from mailmerge_cli.report.lines import iso
from mailmerge_cli.report.summary import RunOutcome, Summary


@dataclass(frozen=True, slots=True)
class Typed:
    """What the person typed, as far as the next command repeats it; each part quoted for a shell.

    Attributes:
        again: the whole command that sends, such as `mailmerge send payslips --run 2026-10`.
        campaign: the CAMPAIGN that was given; empty for the current folder.
        options: what else names the run, such as `--run 2026-10`, or `-r list.csv -m letter.md`; may be empty.
        account: the account's name; empty if it has none.
        first: the whole command word for word, for the same send once more when nothing came of it; empty: `again`.
        remark: a sentence on what `again` does not hold; empty where it holds everything.
        inputs: all that names and reads list and message, and the account, without `--run`; for `send` and `preview`.
        found_by: what names the campaign whatever the run: CAMPAIGN, or `-r list.csv -m letter.md`; may be empty.
        secret: where the secret came from, as `SecretChain.source` tells; empty if that is not known.
    """

    again: str
    campaign: str = ""
    options: str = ""
    account: str = ""
    first: str = ""
    remark: str = ""
    found_by: str = ""
    inputs: str = ""
    secret: str = ""

    def on(self, command: str, *options: str) -> str:
        """A command on the same run: `mailmerge log payslips --run 2026-10 --state failed`."""
        return " ".join(filter(None, ("mailmerge", command, self.campaign, self.options, *options)))

    def on_keys(self, command: str, *options: str) -> str:
        """The same for a command whose arguments are keys: there the campaign is an option."""
        campaign = f"-c {self.campaign}" if self.campaign else ""
        return " ".join(filter(None, ("mailmerge", command, campaign, self.options, *options)))


def next_steps(summary: Summary, typed: Typed) -> tuple[str, ...]:
    """One or more sentences, each with the command to type; none where nothing is left to do.

    The first belongs to the exit code; others follow for rows in doubt, failed or invalid that the code leaves unsaid.
    """
    code, counts = summary.exit_code, summary.counts
    steps = [_first(summary, typed)]
    if (counts.in_doubt or counts.sending) and code is not ExitCode.IN_DOUBT:
        steps.append(_in_doubt(typed))
    if (counts.failed or counts.invalid) and code in (ExitCode.IN_DOUBT, ExitCode.STOPPED):
        steps.append(_failed(summary, typed))
    if typed.remark and any(typed.again in step for step in steps):
        steps.append(typed.remark)
    return tuple(filter(None, steps))


def _first(summary: Summary, typed: Typed) -> str:
    again, name = typed.again, typed.account or "NAME"
    if summary.outcome is RunOutcome.INTERRUPTED and summary.untouched:
        entered = summary.results is not None
        return f"Nothing was sent. To send: {again if entered else typed.first or again}"
    match summary.exit_code:
        case ExitCode.OK | ExitCode.INTERRUPTED | ExitCode.TERMINATED if not summary.counts.left:
            return ""
        case ExitCode.SOME_FAILED:
            return _failed(summary, typed)
        case ExitCode.IN_DOUBT:
            return _in_doubt(typed)
        case ExitCode.STOPPED:
            return _stopped(summary, typed)
        case ExitCode.REFUSED if summary.sent_now:
            left = f"Sent before that: {summary.sent_now}; left: {summary.counts.left}."
            return f"{left} Look at it: {typed.on('check')}; mend it, then: {again}"
    plain = {
        ExitCode.OK: f"To send: {again}",
        ExitCode.REFUSED: f"Nothing was sent. Mend that, then: {typed.on('check')}",
        ExitCode.CREDENTIALS: f"{_secret(typed, name)}, then: {again}",
        ExitCode.CONFIG: f"Mend the settings, try them (mailmerge account test {name}), then: {again}",
        ExitCode.UNREACHABLE: f"Run it again later: {again}",
        ExitCode.LEDGER: f"Mend that; the same command then goes on where it stopped: {again}",
        ExitCode.INTERRUPTED: f"To go on: {again}",
        ExitCode.TERMINATED: f"To go on: {again}",
    }
    return plain.get(summary.exit_code, "")


def _secret(typed: Typed, name: str) -> str:
    """How the right secret gets to where the wrong one came from. The keyring serves accounts of accounts.toml alone."""
    source = typed.secret
    if source == "--password-stdin":
        return "Give the right password on standard input"
    if source == "$CREDENTIALS_DIRECTORY":
        return f"Put the right password into the systemd credential {name} ($CREDENTIALS_DIRECTORY/{name})"
    if source.endswith("_FILE"):
        return f"Put the right password into the file that {source} names"
    if source.startswith("MAILMERGE_"):
        return f"Set {source} to the right password"
    if source.endswith("_command"):
        return f"See to it that the account's {source} prints the right secret"
    if source == "prompt" or "://" in name:
        return "Have the right password at hand"
    return f"Enter the right secret: mailmerge account login {name}"


def _failed(summary: Summary, typed: Typed) -> str:
    counts = summary.counts
    states = [
        f"--state {state}"
        for state, count in (("failed", counts.failed), ("invalid", counts.invalid))
        if count
    ]
    mends = [
        option
        for option, count in (("--retry-failed", counts.failed), ("--accept-changes", counts.invalid))
        if count and option not in typed.again.split()
    ]
    see = typed.on("log", *states)
    return f"See which and why: {see}; mend the list, then: {' '.join([typed.again, *mends])}"


def _in_doubt(typed: Typed) -> str:
    return (
        "In doubt means: the server may have the mail, its answer was lost. Look in the Sent folder or ask the person "
        f"({typed.on('log', '--state in_doubt')}), then: {typed.on_keys('resolve', '--sent KEY…')}, "
        f"or: {typed.on_keys('resolve', '--resend KEY…')}"
    )


def _stopped(summary: Summary, typed: Typed) -> str:
    again = typed.again
    when = f"at {_clock(summary)}" if summary.resume_at else "later"
    match summary.reason:
        case "locked":
            return f"Another process is at work on this campaign; see how far it is: {typed.on('status')}"
        case "quota":
            return f"A quota is used up. The same command goes on {when}: {again} (or let it wait: {again} --wait)"
        case "breaker":
            return f"The server refused several alike in a row. See what it says: {typed.on('log')}; then: {again}"
        case "limit" if "--limit" in again:
            return f"Stopped at --limit. The next ones: {again}"
        case "unreachable":
            return f"The server went away. Run it again later: {again}"
        case "changed":
            return f"The list changed while it was being sent. Look at it: {typed.on('check')}; then: {again}"
        case _:
            if summary.reason != "limit" and (summary.resume_at or summary.counts.deferred):
                return f"Rows are left. The same command goes on {when}: {again}"
            return f"Rows are left. To go on: {again}"


def _clock(summary: Summary) -> str:
    assert summary.resume_at is not None
    return iso(summary.resume_at, summary.zone)[:16].replace("T", " ")
