"""campaign.toml and the message around a person's own list."""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailmerge_cli.model.guess import Guess
from mailmerge_cli.model.table import Column, template_name
from mailmerge_cli.starter import How, Kind, OwnList, write_campaign
from mailmerge_cli.starter.message import value_of
from mailmerge_cli.starter.own import own_files


def column(at: int, title: str) -> Column:
    return Column(at, title, template_name(title), chr(65 + at))


NUMBER, NAME, MAIL, NET, PAID = (
    column(at, title) for at, title in enumerate(("工号", "姓名", "Work e-mail", "Net pay", "in"))
)
GUESS = Guess(MAIL, NAME, NUMBER, ("Address: one.", "Name: two.", "Key: three."), figures=(NET, PAID))


def own(
    path: Path = Path("list.xlsx"), guess: Guess = GUESS, columns: tuple[Column, ...] = (), **how: Any
) -> OwnList:
    return OwnList(path, columns or (NUMBER, NAME, MAIL, NET, PAID), guess, How(**how))


def settings(folder: Path) -> dict[str, dict[str, str]]:
    return tomllib.loads((folder / "campaign.toml").read_text(encoding="utf-8"))


def rendered(text: str, **row: str) -> str:
    return jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False).from_string(text).render(
        row=row, run="2026-10", **{template_name(title): value for title, value in row.items()}
    )  # fmt: skip


@pytest.mark.parametrize("kind", Kind)
def test_columns_are_named(tmp_path: Path, kind: Kind) -> None:
    """The guessed columns stand in campaign.toml by their titles; all columns in comments with their template names."""
    write_campaign(kind, tmp_path, own=own())

    assert {key: value for key, value in settings(tmp_path)["recipients"].items() if key != "duplicates"} | {"file": ""} == {
        "file": "", "email": "Work e-mail", "name": "姓名", "key": "工号"
    } | ({"required": ["工号", "姓名", "Net pay", "in"]} if kind is Kind.PAYSLIP else {})  # fmt: skip
    assert settings(tmp_path)["account"] == "outbox:outbox"
    comments = [
        line
        for line in (tmp_path / "campaign.toml").read_text(encoding="utf-8").splitlines()
        if line[:1] == "#"
    ]
    for value, title in (
        ("{{ 工号 }}", "工号"),
        ("{{ work_e_mail }}", "Work e-mail"),
        ('{{ row["in"] }}', "in"),
    ):
        assert any(value in line and line.endswith(title) for line in comments)
    assert "# Address: one." in comments


def test_what_a_payslip_needs_is_required_where_the_list_has_it(tmp_path: Path) -> None:
    """Key, name and figures must not be empty, but for columns with empty cells; those are told in a comment."""
    write_campaign(Kind.PAYSLIP, tmp_path, own=own(guess=replace(GUESS, gaps=(PAID,))))

    assert settings(tmp_path)["recipients"]["required"] == ["工号", "姓名", "Net pay"]
    text = (tmp_path / "campaign.toml").read_text(encoding="utf-8")
    assert "because cells are empty there now: in" in text


@pytest.mark.parametrize("kind", Kind)
def test_a_household_gets_one_newsletter(tmp_path: Path, kind: Kind) -> None:
    """Two rows with one address are no fault of a newsletter; of payslips and letters they are."""
    write_campaign(kind, tmp_path, own=own())

    assert (settings(tmp_path)["recipients"].get("duplicates") == "skip") == (kind is Kind.NEWSLETTER)


@pytest.mark.parametrize("kind", Kind)
def test_message_is_a_strict_template(tmp_path: Path, kind: Kind) -> None:
    """The message renders with nothing but the list's own columns, and greets by name."""
    write_campaign(kind, tmp_path, own=own())

    row = {
        "工号": "00417",
        "姓名": "王秀英",
        "Work e-mail": "w@example.org",
        "Net pay": "¥16,010.10",
        "in": "5",
    }
    text = rendered((tmp_path / kind.message).read_text(encoding="utf-8"), **row)
    assert "Dear 王秀英," in text
    assert ("| Net pay | ¥16,010.10 |" in text) == (kind is Kind.PAYSLIP)
    assert "w@example.org" not in text


@pytest.mark.parametrize(
    ("guess", "greeting"),
    [
        (Guess(MAIL, None, None, given=NAME, family=NUMBER), "Dear A B,"),
        (Guess(MAIL, None, None, given=NAME), "Dear A,"),
        (Guess(MAIL, None, None, family=NAME), "Dear colleague,"),
        (Guess(MAIL, None, None), "Dear colleague,"),
    ],
)
def test_greeting_by_the_parts_of_a_name(tmp_path: Path, guess: Guess, greeting: str) -> None:
    """Given and family name greet together; a family name alone, or none, greets nobody by name."""
    write_campaign(Kind.PAYSLIP, tmp_path, own=own(guess=guess))

    text = (tmp_path / "payslip.md").read_text(encoding="utf-8")
    assert greeting in rendered(text, 姓名="A", 工号="B")


def test_a_blank_name_is_greeted_all_the_same(tmp_path: Path) -> None:
    """`Dear ,` never goes out."""
    write_campaign(Kind.LETTER, tmp_path, own=own())

    assert "Dear Sir or Madam," in rendered((tmp_path / "letter.txt").read_text(encoding="utf-8"), 姓名="")


def test_what_is_not_plain_is_asked(tmp_path: Path) -> None:
    """Where nothing was guessed, a comment says what to write; no column is named on the off chance."""
    write_campaign(Kind.LETTER, tmp_path, own=own(guess=Guess(None, None, None, ("Address: not plain.",))))

    assert set(settings(tmp_path)["recipients"]) == {"file"}
    text = (tmp_path / "campaign.toml").read_text(encoding="utf-8")
    assert "# Address: not plain." in text
    assert '# email = "…"' in text


@pytest.mark.parametrize(
    ("titles", "greeting"),
    [
        (("工号", "姓名", "邮箱", "实发工资（元）", "E-mail 2"), "王秀英，您好："),
        (("社員番号", "姓名", "メール", "差引支給額"), "Dear 王秀英,"),
        (("No", "姓名", "E-mail", "Net"), "Dear 王秀英,"),
    ],
)
@pytest.mark.parametrize("kind", Kind)
def test_a_chinese_list_gets_a_chinese_message(
    tmp_path: Path, kind: Kind, titles: tuple[str, ...], greeting: str
) -> None:
    """Where most titles are Chinese, so is the message, but for header names; kanji beside kana are Japanese."""
    columns = tuple(column(at, title) for at, title in enumerate(titles))
    guess = Guess(columns[2], columns[1], columns[0], figures=columns[3:])
    write_campaign(kind, tmp_path, own=own(guess=guess, columns=columns))

    text = rendered((tmp_path / kind.message).read_text(encoding="utf-8"), **dict.fromkeys(titles, "王秀英"))
    assert greeting in text
    body = text.partition("\n\n")[2]
    english = [word for word in ("Dear", "regards", "Amount", "write", "Your Name") if word in body]
    assert (english == []) == ("您好" in greeting)
    assert "you@example.org" in text.splitlines()[0]


def test_a_chinese_name_has_the_family_first(tmp_path: Path) -> None:
    """Where 姓 and 名 are columns of their own, no blank is between them; two blank ones greet nobody by name."""
    family, given = column(0, "姓"), column(1, "名")
    chinese = Guess(MAIL, None, None, given=given, family=family)
    write_campaign(Kind.PAYSLIP, tmp_path, own=own(guess=chinese, columns=(family, given)))

    text = (tmp_path / "payslip.md").read_text(encoding="utf-8")
    assert "王秀英，您好：" in rendered(text, 姓="王", 名="秀英")
    assert "同事，您好：" in rendered(text, 姓="", 名="")


def test_a_list_in_the_folder_moves_with_it(tmp_path: Path) -> None:
    """A list inside the campaign's folder or the one around it is named relative to it, one elsewhere in full; none is touched."""
    inside = tmp_path / "campaign" / "lists" / "payroll.xlsx"
    inside.parent.mkdir(parents=True)
    outside = tmp_path / "payroll.xlsx"
    for path in (inside, outside):
        path.write_bytes(b"mine")

    write_campaign(Kind.PAYSLIP, tmp_path / "campaign", own=own(inside))
    write_campaign(Kind.PAYSLIP, tmp_path / "other", own=own(outside))
    write_campaign(Kind.PAYSLIP, tmp_path / "deep" / "other", own=own(outside))
    write_campaign(Kind.PAYSLIP, tmp_path / "third", own=own(inside))

    assert settings(tmp_path / "campaign")["recipients"]["file"] == "lists/payroll.xlsx"
    assert settings(tmp_path / "other")["recipients"]["file"] == "../payroll.xlsx"
    assert settings(tmp_path / "third")["recipients"]["file"] == "../campaign/lists/payroll.xlsx"
    assert settings(tmp_path / "deep" / "other")["recipients"]["file"] == str(outside.resolve())
    assert sorted(path.name for path in (tmp_path / "other").iterdir()) == ["campaign.toml", "payslip.md"]
    assert inside.read_bytes() == outside.read_bytes() == b"mine"


def test_paths_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`init . --recipients payroll.xlsx`: both are relative, and so is the result."""
    monkeypatch.chdir(tmp_path)

    write_campaign(Kind.PAYSLIP, Path(), own=own(Path("payroll.xlsx")))

    assert settings(tmp_path)["recipients"]["file"] == "payroll.xlsx"


def test_how_the_list_was_opened_is_kept(tmp_path: Path) -> None:
    """Sheet, encoding and delimiter stand in campaign.toml where they had to be said."""
    write_campaign(Kind.LETTER, tmp_path, own=own(sheet="October", encoding="gb18030", delimiter="tab"))

    found = settings(tmp_path)["recipients"]
    assert (found["sheet"], found["encoding"], found["delimiter"]) == ("October", "gb18030", "tab")


@given(
    text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
        lambda text: "endraw" not in text
    )
)
def test_any_sheet_and_title_survive(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Quotes, backslashes, braces and control characters in a title or a sheet's name come back as they were."""
    odd = Column(0, text, template_name(text), "A")
    files = own_files(
        Kind.PAYSLIP,
        own(
            Path("/lists/x.csv"),
            Guess(odd, None, odd, (f"Address: {text}.",), figures=(odd,)),
            (odd,),
            sheet=text,
        ),
        Path("/campaign"),
    )

    found = tomllib.loads(files["campaign.toml"].decode())["recipients"]
    assert (found["email"], found["key"]) == (text, text)
    # Jinja makes one kind of line break of all, and takes one from the end: no sheet's name can hold any.
    if not set(text) & set("\r\n"):
        assert jinja2.Environment(autoescape=False).from_string(found["sheet"]).render() == text
    assert files["campaign.toml"].decode().count("\n[") == 3


@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip))
def test_any_title_makes_a_template(text: str) -> None:
    """Whatever a title is, what stands for it in the message gives the cell of that column."""
    odd = Column(0, text, template_name(text), "A")
    template = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False).from_string(
        value_of(odd)
    )

    assert template.render({"row": {text: "cell"}} | ({odd.name: "cell"} if odd.name else {})) == "cell"


def test_a_title_does_not_break_the_table(tmp_path: Path) -> None:
    """Bars, braces, markup and line breaks in a title stay inside its cell."""
    odd = column(3, "Net|pay\n*{{ x }}* <b>")
    write_campaign(
        Kind.PAYSLIP,
        tmp_path,
        own=own(guess=Guess(MAIL, NAME, None, figures=(odd,)), columns=(NAME, MAIL, odd)),
    )

    text = (tmp_path / "payslip.md").read_text(encoding="utf-8")
    assert "| Net\\|pay \\*&#123;&#123; x &#125;&#125;\\* &lt;b&gt; | {{ net_pay_x_b }} |" in text
