"""campaign.toml: what is read, what wins, what is refused."""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailmerge_cli.config.campaign_file import RESERVED_NAMES, CampaignOptions, load_campaign
from mailmerge_cli.config.keys import ACCOUNT_KEYS, CAMPAIGN_KEYS, markdown
from mailmerge_cli.config.toml_text import value_text
from mailmerge_cli.errors import ConfigFault, ExitCode, FileMissing, UsageFault
from mailmerge_cli.model.campaign import (
    Campaign,
    Duplicates,
    MessageSettings,
    NoAddress,
    OnInvalid,
    RecipientSettings,
    SendingSettings,
    Unfinished,
)
from mailmerge_cli.model.rate import Rate

NOTHING = CampaignOptions()
SMALLEST = '[recipients]\nfile = "people.csv"\n[message]\nfile = "letter.md"\n'
EXAMPLE = """
name = "payslips"
account = "hr"
run = "{{ last_month }}"
unfinished = "finish"
timezone = "Asia/Shanghai"

[recipients]
file = "payroll.xlsx"
sheet = "{{ run }}"
email = "Work e-mail"
key = "Staff no."
where = "net > 0"
required = ["net", "Staff no."]
exclude = ["unsubscribed.csv"]
grows = true
no_address = "skip"
duplicates = "send"
hidden = "Skip"
table = "{{ campaign }}"
start = "$b$3"
header_rows = 2
allow_empty = true

[message]
file = "payslip.md"
attachments = ["slips/{{ staff_no }}.pdf"]

[values]
company = "Example Ltd"
bonus = 12.5
months = 13
final = true

[sending]
rate = ["30/min", "2000/day"]
connections = 2
only_domains = ["@example.org"]
on_invalid = "send-others"
attempts = 3
give_up_after = "36h"
retry_after = "30s"
stop_after = 4
workers = 2
"""


def written(folder: Path, text: str | bytes = SMALLEST, name: str = "campaign.toml") -> Path:
    """A campaign file in `folder`."""
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_every_key_arrives_where_it_belongs(tmp_path: Path) -> None:
    """The example of the contract, with every default changed, fills every attribute."""
    file = written(tmp_path, EXAMPLE)

    campaign = load_campaign(tmp_path, NOTHING, Path("/"))

    assert campaign == Campaign(
        name="payslips",
        folder=tmp_path.resolve(),
        file=file.resolve(),
        account="hr",
        run="{{ last_month }}",
        unfinished=Unfinished.FINISH,
        timezone="Asia/Shanghai",
        recipients=RecipientSettings(
            file="payroll.xlsx",
            sheet="{{ run }}",
            email="Work e-mail",
            key="Staff no.",
            where="net > 0",
            required=("net", "Staff no."),
            exclude=("unsubscribed.csv",),
            grows=True,
            no_address=NoAddress.SKIP,
            duplicates=Duplicates.SEND,
            hidden="skip",
            table="{{ campaign }}",
            start="B3",
            header_rows=2,
            allow_empty=True,
        ),
        message=MessageSettings(file="payslip.md", attachments=("slips/{{ staff_no }}.pdf",)),
        sending=SendingSettings(
            rates=(Rate(30, 60), Rate(2000, 86400)),
            connections=2,
            workers="2",
            only_domains=("example.org",),
            on_invalid=OnInvalid.SEND_OTHERS,
            attempts=3,
            give_up_after=timedelta(hours=36),
            retry_after=timedelta(seconds=30),
            stop_after=4,
        ),
        values={"company": "Example Ltd", "bonus": 12.5, "months": 13, "final": True},
    )


def test_the_smallest_campaign_has_the_defaults_of_the_model(tmp_path: Path) -> None:
    """What is not said is as model/campaign.py has it; the name is the folder's."""
    written(tmp_path)

    campaign = load_campaign(None, NOTHING, tmp_path)

    assert campaign.name == tmp_path.name
    assert campaign.sending == SendingSettings()
    assert campaign.recipients == RecipientSettings(file="people.csv")
    assert campaign.unfinished is Unfinished.REFUSE


def test_every_setting_of_the_model_has_a_key_and_every_key_a_setting() -> None:
    """keys.py and model/campaign.py name the same things."""
    owners = {"recipients": RecipientSettings, "message": MessageSettings, "sending": SendingSettings}
    settings_ = {(table, field.name) for table, owner in owners.items() for field in fields(owner)}
    settings_.remove(
        ("message", "files")
    )  # what --attach names outside the campaign's folder; no file says it
    settings_ |= {("", name) for name in ("name", "account", "run", "unfinished", "results", "timezone")}

    assert settings_ == {(key.table, key.attribute) for key in CAMPAIGN_KEYS}


def test_every_option_has_a_key_and_stands_in_the_table() -> None:
    """No option of CampaignOptions lacks a key; `--set` is the table [values] itself."""
    assert {field.name for field in fields(CampaignOptions)} - {"set_"} == {
        k.given for k in CAMPAIGN_KEYS if k.given
    }
    assert all(bool(key.option) == bool(key.given) for key in CAMPAIGN_KEYS)
    assert len(markdown(CAMPAIGN_KEYS).splitlines()) == len(CAMPAIGN_KEYS) + 2
    assert all(key.meaning.endswith(".") for key in (*CAMPAIGN_KEYS, *ACCOUNT_KEYS))


def test_F01_a_bom_is_accepted(tmp_path: Path) -> None:
    """Notepad puts a BOM before UTF-8; the first key is still the first key."""
    written(tmp_path, b"\xef\xbb\xbf" + ('name = "工资条"\r\n' + SMALLEST).encode())

    assert load_campaign(tmp_path, NOTHING, tmp_path).name == "工资条"


def test_a_single_text_stands_for_a_list_of_one(tmp_path: Path) -> None:
    """`attachments = "a.pdf"` and `rate = "1/s"` need no brackets."""
    written(tmp_path, SMALLEST + 'attachments = "a.pdf"\n[sending]\nrate = "1/s"\n')

    campaign = load_campaign(tmp_path, NOTHING, tmp_path)

    assert campaign.message.attachments == ("a.pdf",)
    assert campaign.sending.rates == (Rate(1, 1),)


@pytest.mark.parametrize("written_", ["space", " ", "::", '\\"'])
def test_what_can_part_no_list_is_no_delimiter(tmp_path: Path, written_: str) -> None:
    """A blank stands within names, so a list is never parted by blanks; sources would refuse it later."""
    written(tmp_path, SMALLEST.replace("[message]", f'delimiter = "{written_}"\n[message]'))

    with pytest.raises(ConfigFault, match="one character is expected"):
        load_campaign(tmp_path, NOTHING, tmp_path)


@pytest.mark.parametrize(
    ("written_", "read"), [("tab", "\t"), ("\\\\t", "\t"), (";", ";"), ("Comma", ","), ("\\t", "\t")]
)
def test_delimiters_may_be_words(tmp_path: Path, written_: str, read: str) -> None:
    """A tab is hard to type; its name and its escape will do."""
    written(tmp_path, f'[recipients]\nfile = "p.txt"\ndelimiter = "{written_}"\n[message]\nfile = "m.md"\n')

    assert load_campaign(tmp_path, NOTHING, tmp_path).recipients.delimiter == read


def test_single_options_win_over_the_file(tmp_path: Path) -> None:
    """What is typed replaces what is written."""
    written(tmp_path, EXAMPLE)
    options = CampaignOptions(
        account="it", sender="a@example.org", subject="S", sheet="S2", encoding="gbk", delimiter="tab",
        email_column="E", name_column="N", key_column="K", where="x", connections=7, workers="auto",
        on_invalid="refuse", no_address="refuse", duplicates="skip", run="two",
    )  # fmt: skip

    campaign = load_campaign(tmp_path, options, tmp_path)

    assert (campaign.account, campaign.account_typed, campaign.run) == ("it", True, "two")
    assert (campaign.message.sender, campaign.message.subject) == ("a@example.org", "S")
    recipients = campaign.recipients
    assert (recipients.sheet, recipients.encoding, recipients.delimiter) == ("S2", "gbk", "\t")
    assert (recipients.email, recipients.name, recipients.key, recipients.where) == ("E", "N", "K", "x")
    assert (recipients.no_address, recipients.duplicates) == (NoAddress.REFUSE, Duplicates.SKIP)
    assert (campaign.sending.connections, campaign.sending.workers) == (7, "auto")
    assert campaign.sending.on_invalid is OnInvalid.REFUSE
    assert recipients.file == "payroll.xlsx"


def test_lists_of_options_add_to_the_file(tmp_path: Path) -> None:
    """All limits hold together; what is excluded in the file stays excluded."""
    written(tmp_path, EXAMPLE)
    options = CampaignOptions(
        rate=("1/s",), exclude=("left.csv",), require=("name",), only_domain=("@example.com",), attach=("x.pdf",),
        set_=("company=Other = Co", "year=2026"),
    )  # fmt: skip

    campaign = load_campaign(tmp_path, options, tmp_path / "sub")

    assert campaign.sending.rates == (Rate(30, 60), Rate(2000, 86400), Rate(1, 1))
    assert campaign.recipients.exclude == ("unsubscribed.csv", str(tmp_path / "sub" / "left.csv"))
    assert campaign.recipients.required == ("net", "Staff no.", "name")
    assert campaign.sending.only_domains == ("example.org", "example.com")
    assert campaign.message.attachments == ("slips/{{ staff_no }}.pdf", "sub/x.pdf")
    assert campaign.values["company"] == "Other = Co"
    assert campaign.values["year"] == "2026"


def test_typed_paths_are_relative_to_the_current_folder_and_written_ones_to_the_file(tmp_path: Path) -> None:
    """`-r list.csv` means the file that the person sees; standard input stays what it is."""
    (tmp_path / "c").mkdir()
    written(tmp_path / "c")

    typed = load_campaign(Path("c"), CampaignOptions(recipients="../{{ month }}.csv"), tmp_path)
    piped = load_campaign(Path("c"), CampaignOptions(recipients="-"), tmp_path)

    assert typed.recipients.file == str(tmp_path.parent / "{{ month }}.csv")
    assert typed.message.file == "letter.md"
    assert piped.recipients.file == "-"


@pytest.mark.parametrize(
    ("cwd", "typed", "expected"),
    [
        ("c", "slips/{{ no }}.pdf", "slips/{{ no }}.pdf"),
        (".", "c/slips/{{ no }}.pdf", "slips/{{ no }}.pdf"),
        ("c/slips", "{{ no }}.pdf", "slips/{{ no }}.pdf"),
        ("c/slips", "../a.pdf", "a.pdf"),
        ("c", "slips/no-{{ a }}/{{ b }}.pdf", "slips/no-{{ a }}/{{ b }}.pdf"),
        ("c", "{{ no }}.pdf", "{{ no }}.pdf"),
        (".", "c/{{ no }}.pdf", "{{ no }}.pdf"),
        ("link", "a.pdf", "a.pdf"),
    ],
)
def test_typed_attachments_are_relative_to_the_campaign(
    tmp_path: Path, cwd: str, typed: str, expected: str
) -> None:
    """Attachments are found inside the campaign's folder only, whatever folder the person stands in."""
    (tmp_path / "c" / "slips").mkdir(parents=True)
    (tmp_path / "link").symlink_to("c")
    written(tmp_path / "c")

    campaign = load_campaign(tmp_path / "c", CampaignOptions(attach=(typed,)), tmp_path / cwd)
    absolute = load_campaign(
        tmp_path / "c", CampaignOptions(attach=(str(tmp_path / cwd / typed),)), Path("/")
    )

    assert campaign.message.attachments == absolute.message.attachments == (expected,)


def test_a_file_typed_from_elsewhere_goes_along(tmp_path: Path) -> None:
    """`--attach ../programme.pdf` is a plain file of the person's own; a template never leads out of the folder."""
    (tmp_path / "c").mkdir()
    written(tmp_path / "c")
    typed = CampaignOptions(attach=("out.pdf", "out-{{ no }}.pdf"))

    message = load_campaign(tmp_path / "c", typed, tmp_path).message

    assert message.files == (str(tmp_path / "out.pdf"),)
    assert message.attachments == ("../out-{{ no }}.pdf",)


def test_options_alone_are_enough(tmp_path: Path) -> None:
    """A list and a message make a campaign without a file; its name is the message's."""
    options = CampaignOptions(recipients="people.csv", message="sub/hello.md")

    for path in (None, Path()):
        campaign = load_campaign(path, options, tmp_path)

        assert campaign.file is None
        assert campaign.folder == tmp_path.resolve()
        assert campaign.name == "hello"
        assert campaign.recipients.file == str(tmp_path / "people.csv")


def test_a_campaign_file_of_another_name(tmp_path: Path) -> None:
    """`send june.toml`: the file is the campaign, named after it."""
    file = written(tmp_path, name="june.toml")

    campaign = load_campaign(file, NOTHING, Path("/"))

    assert (campaign.file, campaign.name) == (file.resolve(), "june")


def test_the_folder_is_a_real_path(tmp_path: Path) -> None:
    """Two ways to one folder are one campaign."""
    (tmp_path / "real").mkdir()
    written(tmp_path / "real")
    (tmp_path / "link").symlink_to("real")

    assert load_campaign(tmp_path / "link", NOTHING, Path("/")).folder == (tmp_path / "real").resolve()


@pytest.mark.parametrize("path", [None, Path("nowhere"), Path("nowhere.toml")])
def test_no_campaign_is_66_and_says_what_to_type(tmp_path: Path, path: Path | None) -> None:
    """Who stands in the wrong folder is told so."""
    with pytest.raises(FileMissing) as caught:
        load_campaign(path, CampaignOptions(recipients="people.csv"), tmp_path)

    assert caught.value.exit_code is ExitCode.FILE_MISSING
    assert str(tmp_path) in caught.value.message
    assert "campaign.toml" in caught.value.message + caught.value.hint


def test_a_named_place_that_is_missing_is_66_even_if_options_are_enough(tmp_path: Path) -> None:
    """A slip in the campaign's name must not start another campaign."""
    with pytest.raises(FileMissing):
        load_campaign(Path("payslps"), CampaignOptions(recipients="a.csv", message="b.md"), tmp_path)


def test_a_file_that_cannot_be_read_is_66(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No right to read is told as such (root may read everything, so the refusal is played)."""
    written(tmp_path)

    def refused(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refused)

    with pytest.raises(FileMissing, match="cannot be read: Permission denied"):
        load_campaign(tmp_path, NOTHING, tmp_path)


def test_incomplete_campaigns_serve_commands_that_read_a_ledger(tmp_path: Path) -> None:
    """`status` needs no list in campaign.toml; `send` does."""
    written(tmp_path, 'account = "hr"\n')

    assert load_campaign(tmp_path, NOTHING, tmp_path, complete=False).account == "hr"
    with pytest.raises(ConfigFault, match="names no list"):
        load_campaign(tmp_path, NOTHING, tmp_path)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (CampaignOptions(rate=("fast",)), "--rate: 'fast' is not a rate"),
        (CampaignOptions(duplicates="skipp"), '--duplicates: .*did you mean "skip"'),
        (CampaignOptions(workers="0"), "--workers: a whole number"),
        (CampaignOptions(connections=0), "--connections: a whole number"),
        (CampaignOptions(set_=("company",)), "--set company: NAME=VALUE"),
        (CampaignOptions(set_=("a b=1",)), "--set a b: a name of letters"),
        (CampaignOptions(set_=("today=1",)), "--set today: templates have this name"),
        (CampaignOptions(encoding="klingon"), "--encoding: 'klingon'"),
        (CampaignOptions(subject="a\nb"), "--subject: a text of one line"),
        (CampaignOptions(account="smtps://hr:hunter2@example.org"), "--account: a password"),
    ],
)
def test_wrong_options_are_2_and_name_the_option(
    tmp_path: Path, options: CampaignOptions, words: str
) -> None:
    """A slip on the command line is the command line's fault, not the file's."""
    written(tmp_path)

    with pytest.raises(UsageFault) as caught:
        load_campaign(tmp_path, options, tmp_path)

    assert re.search(words, caught.value.message)
    assert "hunter2" not in caught.value.message + caught.value.hint


def test_reserved_names_are_all_refused(tmp_path: Path) -> None:
    """No value can stand in for a built-in name of the templates."""
    for name in RESERVED_NAMES:
        written(tmp_path, SMALLEST + f'[values]\n{name} = "x"\n')
        with pytest.raises(ConfigFault, match=name):
            load_campaign(tmp_path, NOTHING, tmp_path)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{value_text(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, float):
        return {"inf": "inf", "-inf": "-inf", "nan": "nan"}.get(repr(value), repr(value))
    return value.isoformat() if isinstance(value, date) else value_text(value)


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_SCALAR = st.one_of(_TEXT, st.integers(-(2**63), 2**63), st.booleans(), st.dates(), st.floats())
_ANY = st.recursive(
    _SCALAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=4,
)
_PLACE = st.sampled_from([(key.table, key.name) for key in CAMPAIGN_KEYS]) | st.tuples(
    st.sampled_from(["", "recipients", "message", "sending", "values"]), _TEXT
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(place=_PLACE, value=_ANY)
def test_any_value_for_any_key_is_read_or_refused_in_words(
    tmp_path: Path, place: tuple[str, str], value: Any
) -> None:
    """Whatever TOML can say, the answer is a campaign or a ConfigFault, never a traceback."""
    table, name = place
    header = f"[{table}]\n" if table else ""
    written(tmp_path, f"{header}{value_text(name)} = {_toml(value)}\n")

    came: Campaign | ConfigFault
    try:
        came = load_campaign(tmp_path, NOTHING, tmp_path, complete=False)
    except ConfigFault as fault:
        came = fault

    assert isinstance(came, Campaign) or str(tmp_path) in came.message


@pytest.mark.parametrize(
    ("file", "what", "use"),
    [
        ("工资表.xlsx", "a workbook", "-r 工资表.xlsx -m MESSAGE"),
        ("people.csv", "a list", "-r people.csv -m MESSAGE"),
        ("my letter.md", "a message", '-r FILE -m "my letter.md"'),
    ],
)
def test_another_file_is_told_for_what_it_is(tmp_path: Path, file: str, what: str, use: str) -> None:
    """A list or a message in the campaign's place: what it is and how to use it."""
    (tmp_path / file).write_bytes(b"PK")
    with pytest.raises(ConfigFault) as caught:
        load_campaign(tmp_path / file, CampaignOptions(), tmp_path)
    assert f"is {what}, not a campaign" in caught.value.message
    assert use in caught.value.hint
    assert "mailmerge init" in caught.value.hint


@pytest.mark.parametrize(
    "line",
    ['start = "3"', 'start = "B"', 'start = "Sheet!B3"', "header_rows = 0", "header_rows = 6", "start = 3"],
)
def test_what_is_no_place_for_titles(tmp_path: Path, line: str) -> None:
    """A start that is no cell, more rows of titles than anybody has."""
    written(tmp_path, SMALLEST.replace("[message]", f"{line}\n[message]"))
    with pytest.raises(ConfigFault, match=line.partition(" ")[0]):
        load_campaign(tmp_path, NOTHING, Path("/"))


def test_files_of_the_older_mailmerge_are_named_in_the_hint(tmp_path: Path) -> None:
    """Both under its names in the current folder, and no campaign.toml: the words that take them."""
    for name in ("mailmerge_template.txt", "mailmerge_database.csv"):
        with pytest.raises(FileMissing) as before:
            load_campaign(None, NOTHING, tmp_path)
        assert "mailmerge_" not in before.value.hint
        (tmp_path / name).touch()
    with pytest.raises(FileMissing) as caught:
        load_campaign(None, NOTHING, tmp_path)
    assert "-m mailmerge_template.txt -r mailmerge_database.csv" in caught.value.hint
