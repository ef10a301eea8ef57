"""Kits for tests: a list on the disk, a template, and a judge with all that a campaign can ask of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mailmerge_cli.campaign.columns import assign_roles
from mailmerge_cli.campaign.exclusions import Exclusions
from mailmerge_cli.campaign.judge import Judge
from mailmerge_cli.campaign.kit import Kit, unpacked
from mailmerge_cli.campaign.plan import Plan, make_plan
from mailmerge_cli.ledger.draft import Draft
from mailmerge_cli.model.campaign import Duplicates, NoAddress, RecipientSettings
from mailmerge_cli.model.delivery import Entry
from mailmerge_cli.model.mail import Recipient
from mailmerge_cli.render.phrase import Expression
from mailmerge_cli.render.template import Template
from mailmerge_cli.sources import open_source

LETTER = "From: hr@example.org\nSubject: For {{ name }}\n\nNumber {{ id }}, {{ name }}.\n"


@contextmanager
def kit_of(
    file: Path,
    *,
    letter: str = LETTER,
    where: str = "",
    excluded: str = "",
    own_to: bool = False,
    no_address: NoAddress = NoAddress.REFUSE,
    attachments: tuple[str, ...] = (),
) -> Iterator[Kit]:
    """A list with the columns id, name and email."""
    if own_to:
        letter = "To: {{ name }} <{{ email }}>\n" + letter
    with open_source(file) as source:
        roles = assign_roles(
            source.columns, RecipientSettings(email="email", key="id"), (), [], own_to=own_to
        )
        template = Template(
            letter, path=None, folder=file.parent, columns=source.columns, constants={}, attachments=attachments,
            address_column=2, name_column=1,
        )  # fmt: skip
        yield Kit(
            source,
            Judge(
                roles,
                where=Expression(where, source.columns, {}) if where else None,
                to=template.addressee if own_to else None,
                exclusions=Exclusions({excluded: "gone.txt"}, {}) if excluded else None,
                no_address=no_address,
            ),
            template,
        )


def write_people(file: Path, rows: int, bad: dict[int, str] | None = None) -> Path:
    """A list of so many people; `bad` replaces the lines of some."""
    lines = [f"S{n},Person {n},p{n}@example.org" for n in range(1, rows + 1)]
    for number, line in (bad or {}).items():
        lines[number - 1] = line
    file.write_text("\n".join(["id,name,email", *lines]) + "\n", encoding="utf-8")
    return file


def told(plan: Plan) -> tuple[object, ...]:
    """All that a plan says."""
    entries: list[Entry] = list(plan.draft.entries())
    return (
        entries, plan.draft.digest(), plan.problems, plan.problems_total, plan.faults, plan.faults_total, plan.same_files,
        plan.same_files_total, plan.read, plan.unselected, plan.mails, plan.invalid, plan.skipped,
    )  # fmt: skip


def plan_of(kit: Kit, duplicates: Duplicates = Duplicates.REFUSE) -> tuple[object, ...]:
    """What one process makes of a kit."""
    with Draft() as draft:
        return told(make_plan(kit, draft, duplicates=duplicates, key_is_address=False))


def made_of(kit: Kit) -> list[tuple[Any, ...]]:
    """What a kit makes of its list."""
    made = []
    for row in kit.source.rows():
        verdict = kit.judge.judge(row)
        letter = kit.template.render(row, verdict) if isinstance(verdict, Recipient) else None
        made.append((row.number, tuple(map(str, row.cells)), verdict, letter.content_hash if letter else b""))
    return made


def make_elsewhere(octets: bytes, answer: Any) -> None:
    """In another process: what a kit makes of its list there."""
    answer.send(made_of(unpacked(octets)))
    answer.close()
