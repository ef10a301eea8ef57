"""Everything that stands between the words of a campaign and a plan: list, template, judge, and the pass that checks all rows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from mailmerge_cli.address import AddressFault
from mailmerge_cli.campaign.columns import Roles, assign_roles
from mailmerge_cli.campaign.exclusions import allowed_domain, read_exclusions
from mailmerge_cli.campaign.grouping import grouped
from mailmerge_cli.campaign.hands import Aid
from mailmerge_cli.campaign.inputs import digest_inputs, digest_premises
from mailmerge_cli.campaign.judge import NO_ADDRESS, Judge
from mailmerge_cli.campaign.kit import Kit
from mailmerge_cli.campaign.moment import constants
from mailmerge_cli.campaign.notices import sentences
from mailmerge_cli.campaign.plan import Plan, make_plan
from mailmerge_cli.campaign.runs import Choice
from mailmerge_cli.config.account_url import is_loopback
from mailmerge_cli.config.list_password import ListPasswords
from mailmerge_cli.errors import ConfigFault, FileMissing, Problem, Refused
from mailmerge_cli.ledger.draft import Draft
from mailmerge_cli.ledger.new_addresses import new_addresses
from mailmerge_cli.ledger.premises import Premises
from mailmerge_cli.ledger.reading import Reading
from mailmerge_cli.model.account import Account, Security
from mailmerge_cli.model.campaign import Campaign, OnInvalid
from mailmerge_cli.model.delivery import Run
from mailmerge_cli.model.notice import NOTHING, Notices
from mailmerge_cli.model.table import Column, Row, Source
from mailmerge_cli.offspring import cores
from mailmerge_cli.render.headers import read_template
from mailmerge_cli.render.phrase import Expression, Phrase
from mailmerge_cli.render.template import Template
from mailmerge_cli.secret import Secret
from mailmerge_cli.sources import open_source

_PLACEHOLDERS = frozenset({"you@example.org", "your.name@gmail.com"})  # of `init` and of the README
_SAMPLE = 50  # rows by which columns are guessed


@dataclass(slots=True)
class Inputs:
    """The list and the template of one run, opened and understood.

    Attributes:
        notes: what a person should know about them.
        premises: a digest of all that the plan follows from; empty where only the plan itself can tell.
        sample: the list's first rows.
        guess: the list's encoding, if that is only a guess; empty if it is known.
    """

    campaign: Campaign
    choice: Choice
    names: dict[str, object]
    source: Source
    roles: Roles
    template: Template
    judge: Judge
    notes: tuple[str, ...]
    premises: str = ""
    sample: tuple[Row, ...] = ()
    guess: str = ""


@dataclass(slots=True)
class Preparation:
    """Inputs with the plan that they make.

    Attributes:
        digest: of what the plan comes to.
        notices: what a person should look at; it is among the inputs' notes.
        unchanged: the run's last plan followed from the very same: it stands in the ledger, and was not made again. `plan` has its figures,
            and no entries.
    """

    inputs: Inputs
    plan: Plan
    digest: str
    unchanged: bool = False
    notices: Notices = NOTHING

    def look_back(self, ledger: Reading) -> None:
        """Notice whose address is another one than in the run before; the ledger may have nothing of this run."""
        if self.unchanged or self.inputs.roles.key is None:
            return  # it was told when the run began, or the address itself is the key
        found = new_addresses(self.plan.draft, ledger, self.inputs.choice.run)
        self.notices = replace(
            found, same_files=self.notices.same_files, same_files_total=self.notices.same_files_total
        )
        self.inputs.notes = tuple(dict.fromkeys((*self.inputs.notes, *sentences(self.notices))))

    def refuse_problems(self) -> None:
        """Refused (65) with all problems, unless the campaign sends the others and only single rows are bad."""
        plan, campaign = self.plan, self.inputs.campaign
        if plan.faults:
            problems = (*plan.faults, *plan.problems)
            total = plan.faults_total + plan.problems_total
            raise Refused(_told(total, campaign), problems=problems, problems_total=total)
        if plan.problems_total and campaign.sending.on_invalid is OnInvalid.REFUSE:
            raise Refused(
                _told(plan.problems_total, campaign),
                problems=tuple(plan.problems),
                problems_total=plan.problems_total,
                hint=f"Mend them, {_of_no_address(plan, campaign)}or send to the others with --on-invalid send-others.",
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
    ask: Callable[[str], Secret | None] | None = None,
    lenient: bool = False,
) -> Inputs:
    """Open list and template for a run; what the stack closes stays open until then. `ask` asks for the list's password.

    With `lenient`, a missing file that all mails share is told by `prepare`, together with what is wrong with rows.
    """
    names = constants(campaign.name, campaign.values, choice.label, choice.opened, campaign.timezone)
    source = stack.enter_context(_open_list(campaign, names, stdin, spool, ask))
    settings, guess = campaign.recipients, source.guess
    text = _read_message(campaign)
    own_to = (
        read_template(text, campaign.message.file, Path(campaign.message.file).suffix).one("To") is not None
    )
    sample = list(islice(source.rows(), _SAMPLE))
    roles = assign_roles(source.columns, settings, set(campaign.values), sample, own_to=own_to)
    where: Callable[[Row], object] | None = None
    if settings.where:
        where = Expression(settings.where, source.columns, names)
    if settings.group_by:
        source, roles, where = grouped(source, settings, roles, where, own_to=own_to)
    template = _template(campaign, text, source.columns, names, account, roles, lenient=lenient)
    exclusions = read_exclusions(
        [campaign.folder / _filled(each, names, "exclude") for each in settings.exclude]
    )
    judge = Judge(
        roles,
        where=where,
        to=template.addressee if own_to else None,
        exclusions=exclusions,
        only_domains=_domains(campaign),
        no_address=settings.no_address,
    )
    notes = [*source.notes, *roles.reasons, *template.warnings]
    if not template.has_subject:
        notes.append(f"{template.file} has no Subject; the mails go without one.")
    notes += _of_sender(template, account)
    premises = digest_premises(campaign, names, source, template, exclusions)
    return Inputs(
        campaign, choice, names, source, roles, template, judge, tuple(notes), premises, tuple(sample), guess
    )


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


def prepare(
    stack: ExitStack,
    inputs: Inputs,
    ledger: Reading | None = None,
    *,
    going_on: bool = False,
    bear: Callable[[], Aid] | None = None,
) -> Preparation:
    """The pass over all rows; `bear` gives processes that may help, if they are there anyway (see `Hands`).

    With `going_on` there is none where the run's last plan still stands: each row is held against its hash before it is sent anyway.
    """
    campaign, run = inputs.campaign, inputs.choice.run
    draft = stack.enter_context(Draft())
    lacking = inputs.template.lacking
    if (
        going_on
        and not lacking
        and ledger is not None
        and run is not None
        and (last := _standing(inputs, ledger, run))
    ):
        plan = Plan(draft, read=last.read, unselected=last.unselected, mails=last.mails, skipped=last.skipped)
        return Preparation(inputs, plan, run.inputs, unchanged=True)
    plan = make_plan(
        Kit(inputs.source, inputs.judge, inputs.template),
        draft,
        duplicates=campaign.recipients.duplicates,
        key_is_address=inputs.roles.key is None,
        ledger=ledger,
        run=run,
        hands=_hands(campaign.sending.workers),
        bear=bear,
        share=campaign.said("duplicates", "send"),
    )
    for fault in lacking:
        plan.add_fault(fault)
    notices = Notices(same_files=tuple(plan.same_files), same_files_total=plan.same_files_total)
    inputs.notes = tuple(dict.fromkeys((*inputs.notes, *plan.notes, *sentences(notices))))
    if inputs.premises and not plan.problems_total and not plan.faults_total:
        draft.premises = Premises(inputs.premises, plan.read, plan.unselected, plan.mails, plan.skipped)
    digest = digest_inputs(campaign, draft.digest(), campaign.values)
    return Preparation(inputs, plan, digest, notices=notices)


def _standing(inputs: Inputs, ledger: Reading, run: Run) -> Premises | None:
    """The premises of the run's last plan if they are those of now. A run in which nothing was begun is entered anew all the same."""
    last = ledger.premises(run)
    if not inputs.premises or last is None or last.digest != inputs.premises or ledger.nothing_begun(run):
        return None
    return last


def _hands(workers: str) -> int:
    """How many processes may help this one to check a long list."""
    if workers == "auto":
        return cores() - 1
    return int(workers) if int(workers) > 1 else 0


def _open_list(
    campaign: Campaign,
    names: dict[str, object],
    stdin: BinaryIO | None,
    spool: Path | None,
    ask: Callable[[str], Secret | None] | None,
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
        table=_filled(settings.table, names, "[recipients] table"),
        start=settings.start,
        header_rows=settings.header_rows,
        persons=(settings.email, settings.name, settings.key),
        stdin=stdin,
        spool=spool,
        passwords=ListPasswords(prompt=ask),
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
    *,
    lenient: bool,
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
        lenient=lenient,
    )


def _filled(text: str, names: dict[str, object], what: str) -> str:
    return Phrase(text, constants=names, what=what)() if "{" in text else text


def _domains(campaign: Campaign) -> frozenset[str]:
    try:
        return frozenset(allowed_domain(domain) for domain in campaign.sending.only_domains)
    except AddressFault as fault:
        raise ConfigFault(f"only_domains: {fault}.") from fault


def _of_no_address(plan: Plan, campaign: Campaign) -> str:
    """Where nothing else is wrong with rows than that they have no address: they may be meant so."""
    if any(problem.message != NO_ADDRESS for problem in plan.problems):
        return ""
    return f"or leave rows without an address out with {campaign.said('no_address', 'skip')}, "


def _told(count: int, campaign: Campaign) -> str:
    things = "1 problem" if count == 1 else f"{count} problems"
    return f"{things} in {campaign.name}; nothing was sent."
