"""Everything that stands between the words of a campaign and a plan: list, template, judge, and the pass that checks all rows."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from mailmerge_cli.address import AddressFault
from mailmerge_cli.campaign.columns import Roles, assign_roles
from mailmerge_cli.campaign.exclusions import allowed_domain, read_exclusions
from mailmerge_cli.campaign.inputs import digest_inputs
from mailmerge_cli.campaign.judge import Judge
from mailmerge_cli.campaign.moment import constants
from mailmerge_cli.campaign.plan import Plan, make_plan
from mailmerge_cli.campaign.runs import Choice
from mailmerge_cli.config.account_url import is_loopback
from mailmerge_cli.errors import ConfigFault, FileMissing, Problem, Refused
from mailmerge_cli.ledger.draft import Draft
from mailmerge_cli.ledger.reading import Reading
from mailmerge_cli.model.account import Account, Security
from mailmerge_cli.model.campaign import Campaign, OnInvalid
from mailmerge_cli.model.table import Column, Source
from mailmerge_cli.render.headers import read_template
from mailmerge_cli.render.phrase import Expression, Phrase
from mailmerge_cli.render.template import Template
from mailmerge_cli.sources import open_source

_PLACEHOLDERS = frozenset({"you@example.org", "your.name@gmail.com"})  # of `init` and of the README
_SAMPLE = 50  # rows by which columns are guessed


@dataclass(slots=True)
class Inputs:
    """The list and the template of one run, opened and understood.

    Attributes:
        notes: what a person should know about them.
    """

    campaign: Campaign
    choice: Choice
    names: dict[str, object]
    source: Source
    roles: Roles
    template: Template
    judge: Judge
    notes: tuple[str, ...]


@dataclass(slots=True)
class Preparation:
    """Inputs with the plan that they make."""

    inputs: Inputs
    plan: Plan
    digest: str

    def refuse_problems(self) -> None:
        """Refused (65) with all problems, unless the campaign sends the others and only single rows are bad."""
        plan, campaign = self.plan, self.inputs.campaign
        if plan.faults:
            problems = (*plan.faults, *plan.problems)
            total = len(plan.faults) + plan.problems_total
            raise Refused(_told(total, campaign), problems=problems, problems_total=total)
        if plan.problems_total and campaign.sending.on_invalid is OnInvalid.REFUSE:
            raise Refused(
                _told(plan.problems_total, campaign),
                problems=tuple(plan.problems),
                problems_total=plan.problems_total,
                hint="Mend them, or send to the others with --on-invalid send-others.",
            )
        if not plan.read and not campaign.recipients.allow_empty:
            raise Refused("The list has no rows below its header, so there is nobody to send to.")
        if plan.read == plan.unselected and plan.read and not campaign.recipients.allow_empty:
            raise Refused(
                f"where = {campaign.recipients.where!r} selects none of the {plan.read} rows.",
                problems=(Problem(None, "where", "where", "selects nobody"),),
            )


def open_inputs(
    stack: ExitStack,
    campaign: Campaign,
    choice: Choice,
    account: Account | None,
    *,
    stdin: BinaryIO | None = None,
    spool: Path | None = None,
) -> Inputs:
    """Open list and template for a run; what the stack closes stays open until then."""
    names = constants(campaign.name, campaign.values, choice.label, choice.opened, campaign.timezone)
    source = stack.enter_context(_open_list(campaign, names, stdin, spool))
    settings = campaign.recipients
    text = _read_message(campaign)
    own_to = (
        read_template(text, campaign.message.file, Path(campaign.message.file).suffix).one("To") is not None
    )
    sample = list(islice(source.rows(), _SAMPLE))
    roles = assign_roles(source.columns, settings, set(campaign.values), sample, own_to=own_to)
    template = _template(campaign, text, source.columns, names, account, roles)
    judge = Judge(
        roles,
        where=Expression(settings.where, source.columns, names) if settings.where else None,
        to=template.addressee if own_to else None,
        exclusions=read_exclusions(
            [campaign.folder / _filled(each, names, "exclude") for each in settings.exclude]
        ),
        only_domains=_domains(campaign),
        no_address=settings.no_address,
    )
    notes = [*source.notes, *roles.reasons, *template.warnings]
    if not template.has_subject:
        notes.append(f"{template.file} has no Subject; the mails go without one.")
    notes += _of_sender(template, account)
    return Inputs(campaign, choice, names, source, roles, template, judge, tuple(notes))


def _of_sender(template: Template, account: Account | None) -> list[str]:
    """A note while From is a placeholder; Refused where mails would leave this machine with it."""
    sender = template.sender[1].spec
    if sender.lower() not in _PLACEHOLDERS:
        return []
    told = f"From is still {sender}: write your own address at the top of {template.file}"
    if account is None or account.kind == "outbox" or _is_own_machine(account):
        return [f"{told}."]
    raise Refused(f"{told}.", problems=(Problem(None, None, "header", told),))


def _is_own_machine(account: Account) -> bool:
    return account.security is Security.NONE and is_loopback(account.host)


def prepare(stack: ExitStack, inputs: Inputs, ledger: Reading | None = None) -> Preparation:
    """The pass over all rows."""
    campaign = inputs.campaign
    draft = stack.enter_context(Draft())
    plan = make_plan(
        inputs.source.rows(),
        inputs.judge,
        inputs.template,
        draft,
        duplicates=campaign.recipients.duplicates,
        key_is_address=inputs.roles.key is None,
        ledger=ledger,
        run=inputs.choice.run,
    )
    return Preparation(inputs, plan, digest_inputs(campaign, draft.digest(), campaign.values))


def _open_list(
    campaign: Campaign, names: dict[str, object], stdin: BinaryIO | None, spool: Path | None
) -> Source:
    settings = campaign.recipients
    path: Path | None = campaign.folder / _filled(settings.file, names, "[recipients] file")
    if settings.file == "-":
        path = _spooled(stdin, spool)
    return open_source(
        path,
        sheet=_filled(settings.sheet, names, "[recipients] sheet"),
        encoding=settings.encoding,
        delimiter=settings.delimiter,
        hidden=settings.hidden,
        stdin=stdin,
        spool=spool,
    )


def _spooled(stdin: BinaryIO | None, spool: Path | None) -> Path | None:
    """The list that was kept, for `--from-ledger`; None where it comes from standard input now."""
    if stdin is not None:
        if spool is not None:
            spool.unlink(missing_ok=True)
        return None
    if spool is None or not spool.exists():
        raise Refused(
            "--from-ledger: no list from standard input is kept for this run; give it again with --recipients -."
        )
    return spool


def _read_message(campaign: Campaign) -> str:
    file = campaign.folder / campaign.message.file
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FileMissing(f"The message {file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise Refused(f"The message {file.name} is not UTF-8 (line {line}); save it as UTF-8.") from error


def _template(
    campaign: Campaign,
    text: str,
    columns: tuple[Column, ...],
    names: dict[str, object],
    account: Account | None,
    roles: Roles,
) -> Template:
    return Template(
        text,
        path=campaign.folder / campaign.message.file,
        folder=campaign.folder,
        columns=columns,
        constants=names,
        attachments=campaign.message.attachments,
        files=tuple(map(Path, campaign.message.files)),
        subject=campaign.message.subject,
        sender=campaign.message.sender,
        default_sender=account.sender if account else "",
        address_column=roles.email.index if roles.email else 0,
        name_column=roles.name.index if roles.name else None,
        envelope_from=account.envelope_from if account else "",
    )


def _filled(text: str, names: dict[str, object], what: str) -> str:
    return Phrase(text, constants=names, what=what)() if "{" in text else text


def _domains(campaign: Campaign) -> frozenset[str]:
    try:
        return frozenset(allowed_domain(domain) for domain in campaign.sending.only_domains)
    except AddressFault as fault:
        raise ConfigFault(f"only_domains: {fault}.") from fault


def _told(count: int, campaign: Campaign) -> str:
    things = "1 problem" if count == 1 else f"{count} problems"
    return f"{things} in {campaign.name}; nothing was sent."
