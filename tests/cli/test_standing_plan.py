"""A `send` that goes on with a run does not plan all rows again where the last plan still stands; where anything differs, it does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailmerge_cli.campaign import inputs as digests
from mailmerge_cli.campaign.judge import Judge
from mailmerge_cli.campaign.runs import choose_run
from mailmerge_cli.cli import prepare as preparing
from mailmerge_cli.cli.prepare import Preparation, open_inputs, prepare
from mailmerge_cli.config.campaign_file import load_campaign
from mailmerge_cli.config.options import CampaignOptions
from mailmerge_cli.ledger.ledger import Ledger
from mailmerge_cli.model.account import Account
from mailmerge_cli.model.campaign import Campaign
from mailmerge_cli.render.template import Template
from support.arrivals import got, once
from support.parts import Change, edit, repaint, turn_round, write_parts
from support.program import people, run_here, write_campaign, write_list
from support.scripted_smtp import ScriptedServer

TOML = """\
name = "trial"
timezone = "Asia/Shanghai"
run = "november"
[recipients]
file = "people.csv"
key = "id"
where = "id != 'X'"
required = ["name"]
exclude = ["gone.txt"]
duplicates = "send"
no_address = "skip"
[message]
file = "letter.html"
attachments = ["terms.txt"]
[values]
company = "Example"
[sending]
only_domains = ["example.org"]
rate = ["5/s"]
connections = 1
"""
LETTER = """\
From: hr@example.org
Subject: For {{ name }}

<p>{{ company }} {% include "foot.html" %} <img src="logo.png" alt="logo"></p>
"""
ACCOUNT = Account(
    "hr",
    host="mail.example.org",
    sender="hr@example.org",
    envelope_from="back@example.org",
)


def _write(name: str, text: str) -> Change:
    return lambda folder: (folder / name).write_text(text, encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = write_campaign(tmp_path / "c", people(5), toml=TOML)
    write_parts(folder, LETTER)
    return folder


def prepared(folder: Path, account: Account = ACCOUNT, **options: object) -> Preparation:
    """What a `send` prepares that goes on with the run, after the first one had entered it and begun a mail."""
    campaign = load_campaign(folder, CampaignOptions(**options), folder)  # type: ignore[arg-type]
    with _open(folder) as ledger, ExitStack() as stack:
        return _prepare(stack, campaign, ledger, account)


def _open(folder: Path) -> Ledger:
    return Ledger.open(folder / ".mailmerge" / "ledger.sqlite3", home=folder)


def _prepare(stack: ExitStack, campaign: Campaign, ledger: Ledger, account: Account) -> Preparation:
    choice = choose_run(ledger, campaign, datetime.now(UTC), label=campaign.run)
    inputs = open_inputs(stack, campaign, choice, account)
    return prepare(stack, inputs, ledger if choice.run else None, going_on=True)


@pytest.fixture
def begun(folder: Path) -> Path:
    """A run whose first mail is in doubt."""
    enter(folder)
    return folder


def enter(folder: Path) -> Preparation:
    from mailmerge_cli.ledger.records import Intent, Record

    campaign = load_campaign(folder, CampaignOptions(), folder)
    with _open(folder) as ledger, ExitStack() as stack:
        preparation = _prepare(stack, campaign, ledger, ACCOUNT)
        plan, now = preparation.plan, datetime.now(UTC)
        opened = preparation.inputs.choice.opened
        run = ledger.enter("november", opened, "Asia/Shanghai", plan.draft, preparation.digest)
        first = next(ledger.deliveries(run))
        ledger.write([Record(begun=Intent(first.id, "<1@example.org>", "hr"))], now)
        ledger.recover()
    return preparation


@pytest.fixture
def nobody_looks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No row is judged or rendered."""

    def never(*_: object) -> None:
        raise AssertionError("a row was looked at")

    with monkeypatch.context() as patch:
        patch.setattr(Judge, "judge", never)
        patch.setattr(Template, "render", never)
        yield


def test_what_a_plan_tells_comes_from_the_ledger(begun: Path, request: pytest.FixtureRequest) -> None:
    """The same figures, no problem, the same digest; and no row is judged or rendered."""
    with _open(begun) as ledger, ExitStack() as stack:
        campaign = load_campaign(begun, CampaignOptions(), begun)
        choice = choose_run(ledger, campaign, datetime.now(UTC), label="november")
        full = prepare(stack, open_inputs(stack, campaign, choice, ACCOUNT), ledger)
        assert not full.unchanged
    request.getfixturevalue("nobody_looks")
    standing = prepared(begun)

    assert standing.unchanged
    assert (5, 0, 5, 0) == _figures(standing)
    assert _figures(full) == _figures(standing)
    assert (full.digest, [], 0) == (
        standing.digest,
        standing.plan.problems,
        standing.plan.problems_total,
    )
    standing.refuse_problems()


def _figures(preparation: Preparation) -> tuple[int, ...]:
    plan = preparation.plan
    return plan.read, plan.unselected, plan.mails, plan.skipped


CHANGES: dict[str, Change] = {
    "a cell": edit("people.csv", "p3@", "q3@"),
    "the order": turn_round,
    "the template": edit("letter.html", "<p>", "<p>Dear "),
    "From": edit("letter.html", "hr@example.org", "boss@example.org"),
    "an included file": edit("foot.html", "<b>", "<i>"),
    "the text beside it": _write("letter.txt", "Other {{ id }}"),
    "no text beside it": lambda folder: (folder / "letter.txt").unlink(),
    "an image": repaint,
    "a shared attachment": _write("terms.txt", "other terms"),
    "an excluded address": edit("gone.txt", "a@", "p2@"),
    "an excluded domain": _write("gone.txt", "a@example.org\n@example.com\n"),
    "a value": edit("campaign.toml", '"Example"', '"Other"'),
    "where": edit("campaign.toml", "id != 'X'", "id != 'Y'"),
    "required": edit("campaign.toml", '["name"]', '["id"]'),
    "the key column": edit("campaign.toml", 'key = "id"', 'key = "name"'),
    "no_address": edit("campaign.toml", 'no_address = "skip"', 'no_address = "refuse"'),
    "duplicates": edit("campaign.toml", 'duplicates = "send"', 'duplicates = "skip"'),
    "domains": edit("campaign.toml", '["example.org"]', '["example.org", "a.example"]'),
    "no attachment": edit("campaign.toml", 'attachments = ["terms.txt"]', ""),
    "the campaign's name": edit("campaign.toml", '"trial"', '"try"'),
    "the zone": edit("campaign.toml", "Asia/Shanghai", "Asia/Tokyo"),
    "on_invalid": edit("campaign.toml", "rate =", 'on_invalid = "send-others"\nrate ='),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_differs_is_planned_anew(begun: Path, change: Change) -> None:
    """Any single input."""
    change(begun)

    assert not prepared(begun).unchanged


@pytest.mark.parametrize(
    "account",
    [
        replace(ACCOUNT, sender="Payroll <pay@example.org>"),
        replace(ACCOUNT, envelope_from="other@example.org"),
    ],
)
def test_another_sender_is_planned_anew(begun: Path, account: Account) -> None:
    """The account's sender and envelope_from are in every mail."""
    assert not prepared(begun, account).unchanged


def test_options_count_as_the_file_does(begun: Path) -> None:
    """A subject on the command line is another message."""
    assert not prepared(begun, subject="Other").unchanged
    assert prepared(begun, connections=3).unchanged


def test_another_version_of_the_program_plans_anew(begun: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may make other mails of the same inputs."""
    assert prepared(begun).unchanged
    monkeypatch.setattr(digests, "__version__", "99")

    assert not prepared(begun).unchanged


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(edit("campaign.toml", '"5/s"', '"7/s"'), id="rate"),
        pytest.param(edit("campaign.toml", "connections = 1", 'connections = 2\nworkers = "auto"'), id="workers"),
        pytest.param(lambda folder: (folder / "people.csv").touch(), id="touched"),
    ],
)  # fmt: skip
def test_what_decides_about_no_row_makes_no_difference(begun: Path, change: Change) -> None:
    """Rates, connections and workers are no inputs; nor is the list's time stamp."""
    change(begun)

    assert prepared(begun).unchanged


def test_a_file_of_a_row_may_have_changed_without_a_trace(folder: Path) -> None:
    """Attachments that cells name are read again by a whole plan."""
    for number in range(1, 6):
        _write(f"{number}.txt", str(number))(folder)
    edit("campaign.toml", '"terms.txt"', '"{{ id }}.txt"')(folder)
    (folder / "people.csv").write_text(
        "id,name,email\n" + "".join(f"{n},P,p{n}@example.org\n" for n in range(1, 6))
    )
    enter(folder)

    assert not prepared(folder).unchanged


def test_a_plan_with_bad_rows_is_made_again(folder: Path) -> None:
    """Their problems are told each time, and the ledger does not keep them whole."""
    edit("campaign.toml", "rate =", 'on_invalid = "send-others"\nrate =')(folder)
    edit("people.csv", "p3@example.org", "p3")(folder)
    enter(folder)

    assert not prepared(folder).unchanged


def test_a_run_in_which_nothing_was_begun_is_entered_anew(folder: Path) -> None:
    """As ever: what was cancelled in it, say, is due again."""
    campaign = load_campaign(folder, CampaignOptions(), folder)
    with _open(folder) as ledger, ExitStack() as stack:
        preparation = _prepare(stack, campaign, ledger, ACCOUNT)
        ledger.enter(
            "november",
            datetime.now(UTC),
            "Asia/Shanghai",
            preparation.plan.draft,
            preparation.digest,
        )

    assert not prepared(folder).unchanged


def test_an_older_ledger_knows_no_premises_and_is_read_all_the_same(
    begun: Path,
) -> None:
    """`check` opens it read-only and does not mend it."""
    with _open(begun) as ledger:
        ledger._connection.execute("ALTER TABLE runs DROP COLUMN premises")
        run = ledger.runs()[0]
        ledger._connection.execute("PRAGMA user_version = 1")
    with Ledger.read(begun / ".mailmerge" / "ledger.sqlite3") or pytest.fail("no ledger") as old:
        assert old.premises(run) is None
    with _open(begun) as mended:
        assert mended.premises(run) is None
    assert not prepared(begun).unchanged


def _never(*_: object, **__: object) -> None:
    raise AssertionError("all rows were planned again")


def test_a_send_that_goes_on_sends_the_rest_without_a_new_plan(
    campaign: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody has one mail in the end; a finished run stays finished without one, too."""
    assert 75 == run_here("send", "--yes", "--limit", "2").code
    monkeypatch.setattr(preparing, "make_plan", _never)
    rest, again = (
        run_here("send", "--yes", "--json"),
        run_here("send", "--yes", "--json"),
    )

    assert (0, 3) == (rest.code, rest.json["sent_now"]), rest.err
    assert (0, 0, "complete") == (
        again.code,
        again.json["sent_now"],
        again.json["outcome"],
    )
    assert once(1, 2, 3, 4, 5) == got(server)


@pytest.mark.usefixtures("server")
def test_a_send_after_a_change_plans_anew(campaign: Path) -> None:
    """And tells what differs."""
    run_here("send", "--yes", "--limit", "2")
    write_list(campaign, people(6))
    ran = run_here("send", "--yes", "--json")

    assert (65, "changed") == (ran.code, ran.json["reason"])


def test_failed_rows_are_tried_again_by_a_new_plan(campaign: Path, server: ScriptedServer) -> None:
    """`--retry-failed` takes the row as it is now."""
    server.replies["RCPT"] = {1: "550 5.1.1 unknown"}
    assert 1 == run_here("send", "--yes").code
    server.replies.clear()

    assert 0 == run_here("send", "--yes", "--retry-failed").code
    assert once(1, 2, 3, 4, 5) == got(server)


@pytest.mark.usefixtures("server")
def test_a_plan_that_a_row_belied_does_not_stand(campaign: Path) -> None:
    """A row that came out otherwise stops the run; the same command then tells what differs, and does not stop there again."""
    run_here("send", "--yes", "--limit", "2")
    with Ledger.open(campaign / ".mailmerge" / "ledger.sqlite3", home=campaign) as ledger:
        ledger._connection.execute(
            "UPDATE deliveries SET content_hash = zeroblob(32) WHERE state = 'pending'"
        )
    first, second = (
        run_here("send", "--yes", "--json"),
        run_here("send", "--yes", "--json"),
    )

    assert (65, 65) == (first.code, second.code)
    assert "is not what was checked" in first.err
    assert "3 have other content" in second.err
