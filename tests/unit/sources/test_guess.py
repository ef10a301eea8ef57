"""Which column is the address, the name, the key: by titles in many languages, and by what stands below them."""

from datetime import datetime

import pytest

from mailmerge_cli.model.cell import Cell, FaultCell, MomentCell, RealCell, WholeCell
from mailmerge_cli.model.guess import Guess
from mailmerge_cli.model.table import Column, Row, template_name
from mailmerge_cli.sources import titles
from mailmerge_cli.sources.guess import guess_columns
from mailmerge_cli.sources.titles import Sense, Standing, fits, words


def columns(*names: str) -> tuple[Column, ...]:
    return tuple(Column(at, title, template_name(title), chr(65 + at)) for at, title in enumerate(names))


def guess(names: list[str], *rows: tuple[Cell, ...]) -> Guess:
    return guess_columns(columns(*names), [Row(number, cells) for number, cells in enumerate(rows, 2)])


def title(column: Column | None) -> str | None:
    return column.title if column else None


EMAILS = [
    "E-mail", "e-mail", "Email", "EMAIL", "eMail", "Mail", "E-Mail-Adresse", "Emailadresse", "Email address", "email_address",
    "emailAddress", "E-mail:", "邮箱", "邮箱地址", "电子邮箱", "电子邮件", "電子郵件", "メールアドレス", "Eメール", "이메일", "correo electrónico",
    "Correo", "Adresse e-mail", "Courriel", "Indirizzo e-mail", "Posta elettronica", "E-post", "Sähköposti", "Эл. почта",
    "Электронная почта", "E-posta", "البريد الإلكتروني", 'דוא"ל', "ईमेल", "อีเมล", "Thư điện tử", "Ｅ－ｍａｉｌ",
]  # fmt: skip


@pytest.mark.parametrize("name", EMAILS)
def test_address_by_its_title(name: str) -> None:
    """A title that says "e-mail" in the list's language is the address column, even of a list without rows."""
    assert title(guess(["工号", name, "Net pay"]).email) == name


@pytest.mark.parametrize(
    "name", ["Work e-mail", "工作邮箱", "E-Mail (dienstlich)", "Private email", "WorkEmail"]
)
def test_the_only_address_by_a_longer_title(name: str) -> None:
    """A longer title is enough where it is the only one, and its cells are addresses."""
    assert title(guess(["Name", name], ("A", "a@example.org")).email) == name


@pytest.mark.parametrize("name", ["Kontakt", "Spalte3", "Login", "", "送付先"])
def test_address_by_its_cells(name: str) -> None:
    """Cells that are addresses make the address column, whatever its title."""
    found = guess(["x", name], ("a", "a@example.org"), ("b", ""), ("c", " c@example.org "), ("d", "later"))

    assert found.email is not None
    assert found.email.index == 1


def test_title_and_cells_are_more_than_cells() -> None:
    """Of two columns of addresses, the one that is titled so is plain."""
    found = guess(["Login", "E-mail"], ("a@example.com", "a@example.org"))

    assert title(found.email) == "E-mail"


@pytest.mark.parametrize(
    "pair",
    [
        ("Work e-mail", "Private e-mail"),
        ("E-mail", "E-mail 2"),
        ("Email", "Work email"),
        ("邮箱", "个人邮箱"),
        ("Kontakt", "Login"),
    ],
)
def test_two_address_columns_are_none(pair: tuple[str, str]) -> None:
    """Where two columns could be it, the person says which; the reason names both."""
    found = guess([*pair, "x"], ("a@example.org", "b@example.org", "1"))

    assert found.email is None
    assert all(f"“{each}”" in found.reasons[0] for each in pair)


@pytest.mark.parametrize(
    "name", ["Manager's e-mail", "CC", "上级邮箱", "Supervisor", "Absender E-Mail", "Reply-to email"]
)
def test_somebody_elses_address_is_none(name: str) -> None:
    """The manager's address is never guessed, not even where it is the only one; beside a plain one it is no rival."""
    alone = guess(["Name", name], ("A", "boss@example.org"))
    beside = guess(["Email", name], ("a@example.org", "boss@example.org"))

    assert alone.email is None
    assert f"“{name}”" in alone.reasons[0]
    assert title(beside.email) == "Email"


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("E-mail sent", ("yes", "no")),
        ("Mailing address", ("Mill Lane 4", "High Street 1")),
        ("Newsletter by e-mail?", ("1", "0")),
        ("Note", ("write to a@example.org", "")),
        ("Addresses", ("a@example.org; b@example.org", "c@example.org, d@example.org")),
    ],
)
def test_what_only_speaks_of_mail_is_no_address(name: str, cells: tuple[str, str]) -> None:
    """A longer title over other cells, or cells that only hold an address among other words, are none."""
    found = guess(["Name", name], *(("A", cell) for cell in cells))

    assert found.email is None
    assert found.reasons[0] == "Address: no column looks like it."


def test_a_plain_title_stands_over_bad_cells() -> None:
    """`E-mail` is the address column even if its cells are wrong: the check then names each wrong cell."""
    assert title(guess(["Name", "E-mail"], ("A", "a at example.org")).email) == "E-mail"


NAMES = [
    "Name", "name", "NAMES", "Full name", "Name of employee", "Employee name", "Display name", "姓名", "员工姓名", "Name/姓名", "氏名",
    "お名前", "社員名", "이름", "성명", "직원명", "Nombre completo", "Nom", "Nome", "ФИО", "Имя", "Jméno", "Họ và tên", "الاسم", "שם",
    "नाम", "ชื่อ", "ad soyad", "Ονοματεπώνυμο",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_name_by_its_title(name: str) -> None:
    """A title that says "name" in the list's language is the name column."""
    assert title(guess(["Nr", name], ("1", "王秀英")).name) == name


@pytest.mark.parametrize(
    "name",
    [
        "Company name",
        "File name",
        "User name",
        "Manager name",
        "项目名称",
        "Firmenname",
        "Name of bank",
        "Vorname des Chefs",
    ],
)
def test_names_of_other_things(name: str) -> None:
    """The name of a firm, a file or a manager is not the person's."""
    assert guess(["Nr", name], ("1", "Something")).name is None


def test_name_needs_words() -> None:
    """A column of numbers or addresses is no name, whatever its title."""
    assert guess(["Name"], ("a@example.org",), ("b@example.org",)).name is None
    assert guess(["Name"], (WholeCell(3),)).name is None


@pytest.mark.parametrize(
    "pair",
    [
        ("Vorname", "Nachname"),
        ("First name", "Last name"),
        ("given_name", "family_name"),
        ("名", "姓"),
        ("Prénom", "Nom de famille"),
    ],
)
def test_given_and_family(pair: tuple[str, str]) -> None:
    """Two columns of parts are told as parts; there is no whole name then."""
    found = guess([*pair, "E-mail"], ("Emma", "Clarke", "e@example.org"))

    assert (found.name, title(found.given), title(found.family)) == (None, *pair)
    assert "no column holds the whole name" in found.reasons[1]


def test_name_beside_a_given_name() -> None:
    """`Name` beside `Vorname` is the family's, unless it holds the given name too; `Nombre` beside `Apellidos` is the given."""
    family = guess(["Name", "Vorname"], ("Müller", "Jürgen"))
    whole = guess(["Name", "Vorname"], ("Jürgen Müller", "Jürgen"))
    given = guess(["Nombre", "Apellidos"], ("Ana", "García"))

    assert (family.name, title(family.given), title(family.family)) == (None, "Vorname", "Name")
    assert title(whole.name) == "Name"
    assert (given.name, title(given.given), title(given.family)) == (None, "Nombre", "Apellidos")


KEYS = [
    "Staff no.", "Staff No", "staff_number", "Employee ID", "EmployeeID", "employee number", "Emp. no.", "工号", "员工编号", "学号",
    "会员号", "社員番号", "사번", "Personalnummer", "Pers.-Nr.", "Personal-Nr.", "Mitarbeiter-Nr.", "Mitgliedsnummer", "Matricule",
    "Legajo", "Табельный номер", "Member no", "Customer number", "工号 Staff no.", "ID", "编号",
]  # fmt: skip


@pytest.mark.parametrize("name", KEYS)
def test_key_by_its_title(name: str) -> None:
    """A staff or member number is the key where every row has its own."""
    assert title(guess([name, "E-mail"], ("007", "a@example.org"), ("008", "b@example.org")).key) == name


@pytest.mark.parametrize(
    "name",
    [
        "No.",
        "Nr",
        "#",
        "序号",
        "Tax ID",
        "身份证号",
        "Personal number",
        "Personnummer",
        "Contact no.",
        "IBAN",
        "Invoice no",
        "Manager ID",
    ],
)
def test_what_is_no_key(name: str) -> None:
    """A row's place, a thing's number, a telephone, the state's number of a person: none names somebody in a ledger."""
    assert guess([name, "E-mail"], ("1", "a@example.org"), ("2", "b@example.org")).key is None


@pytest.mark.parametrize("second", ["1", " 1 ", "", FaultCell("#N/A in A3")])
def test_key_must_tell_apart(second: Cell) -> None:
    """Repeated, blank or broken cells make no key; the reason says so."""
    found = guess(["Staff no.", "E-mail"], ("1", "a@example.org"), (second, "b@example.org"))

    assert found.key is None
    assert "“Staff no.”" in found.reasons[2]


def test_a_better_key_wins() -> None:
    """A staff number is more than an ID; an ID is not taken without rows to prove it."""
    assert title(guess(["ID", "Staff no."], ("1", "7"), ("2", "8")).key) == "Staff no."
    assert guess(["ID", "E-mail"]).key is None


def test_figures() -> None:
    """Amounts are told apart from dates, truth values, telephone numbers, post codes and the key."""
    day = MomentCell(datetime(2026, 10, 30), "yyyy-mm-dd")
    names = [
        "Staff no.",
        "Net pay",
        "Days",
        "Pay date",
        "Active",
        "Phone",
        "PLZ",
        "Text pay",
        "Count",
        "Name",
    ]
    row = (
        "1",
        RealCell(1.5, "0.00"),
        WholeCell(3),
        day,
        WholeCell(1, "BOOLEAN"),
        WholeCell(4412345),
        "10115",
        "1.234,50 €",
        "3",
        "x",
    )

    assert [column.title for column in guess(names, row).figures] == ["Net pay", "Days", "Text pay"]


def test_reasons_hold_no_cell() -> None:
    """Reasons are written to disk and screen; what a cell holds is not in them."""
    found = guess(
        ["Staff no.", "Name", "E-mail", "Login"],
        ("S-4711", "Xaverine", "secret@example.org", "q@example.org"),
    )

    assert not any(
        cell in reason for reason in found.reasons for cell in ("4711", "Xaverine", "secret", "q@")
    )
    assert len(found.reasons) == 3


def test_short_rows_and_no_columns() -> None:
    """A row that is too short, and a list without columns, are no fault here."""
    assert guess(["Name", "E-mail"], ("A",), ("B", "b@example.org")).email is not None
    assert guess([]).email is None


def test_words_are_written_as_they_are_read() -> None:
    """Every listed word is in the form that `words` makes, else it could never be found."""
    listed = [
        word
        for name, words_ in vars(titles).items()
        if name.startswith("_") and isinstance(words_, (frozenset, tuple))
        for word in words_
    ]

    assert len(listed) > 300
    assert [word for word in listed if "".join(words(word)) != word] == []


def test_words() -> None:
    """Case, hyphens, underscores, camels and full width do not matter; `e` joins its mail."""
    assert words("E-Mail_adresseDienst") == ("email", "adresse", "dienst")
    assert words("Ｎａｍｅ（必填）") == ("name", "必填")
    assert words("  ?! ") == ()


def test_an_empty_title_fits_nothing() -> None:
    """No words, no sense."""
    assert {sense for sense in Sense if fits("", sense) is not Standing.NONE} <= {Sense.AMOUNT}


def test_gaps_are_the_columns_with_a_blank_cell() -> None:
    """A blank cell, and a number that is formatted to show nothing, are gaps of key, name and figures; of nothing else."""
    names = ["工号", "姓名", "邮箱", "基本工资", "奖金", "实发工资", "备注"]
    zero = RealCell(0.0, "0;-0;;@")
    found = guess(
        names,
        ("1", "王芳", "w@example.org", RealCell(1.5, "0.00"), zero, RealCell(1.5, "0.00"), "x"),
        ("2", "李娜", "l@example.org", RealCell(2.5, "0.00"), RealCell(2.5, "0"), "", ""),
    )
    assert [title(column) for column in found.gaps] == ["奖金", "实发工资"]


def test_F11_a_cell_that_cannot_be_read_now_is_no_word_against_its_column() -> None:
    """Formulas fresh from a program that does not compute: name and salary stay what their titles say, no gaps, and are named."""
    names = ["工号", "姓名", "邮箱", "基本工资", "实发工资", "备注"]
    fault = FaultCell("cell E2: its formula has no stored value")
    found = guess(
        names,
        ("1", fault, "w@example.org", RealCell(1.5, "0.00"), fault, "x"),
        ("2", fault, "l@example.org", fault, fault, "y"),
    )
    assert (title(found.name), title(found.key)) == ("姓名", "工号")
    assert ["基本工资", "实发工资"] == [title(column) for column in found.figures]
    assert ["姓名", "基本工资", "实发工资"] == [title(column) for column in found.faulty]
    assert () == found.gaps
    assert "实发工资" not in map(title, guess(names, ("1", "王芳", "w@example.org", "", "", "")).figures)


def test_F11_a_key_that_cannot_be_read_now_is_not_called_blank() -> None:
    """The address is the key, and the reason is the true one."""
    found = guess(["工号", "邮箱"], (FaultCell("cell A2: …"), "w@example.org"))
    assert found.key is None
    assert "cannot be read now" in found.reasons[2]
