"""Which characters the bytes are: found, proved, or refused with the place of the first bad byte (F02)."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from mailmerge_cli.errors import Refused
from mailmerge_cli.sources import open_source

CHINESE = "姓名,邮箱,部门,实发工资\n王伟,wang.wei@example.com,人事部,12345.60\n李娜,li.na@example.com,财务部,9800.00\n"
TAIWAN = (
    "姓名,電子郵件,部門,實發工資\n王偉,wang@example.com,人事部,12345\n陳怡君,chen@example.com,財務部,9800\n"
)
JAPANESE = "氏名,メール,部署,支給額\n山田太郎,yamada@example.com,総務部,250000\n佐藤花子,sato@example.com,経理部,260000\n"
KOREAN = (
    "이름,이메일,부서,급여\n김민수,kim@example.com,인사부,3000000\n이영희,lee@example.com,재무부,3100000\n"
)
FRENCH = (
    "Prénom,Courriel,Département\nZoé,zoe@example.com,Comptabilité\nFrançois,francois@example.com,Études\n"
)
GERMAN = "Name;E-Mail;Gehalt\nJürgen Müller;j@example.com;1.234,50 €\nGröße Süß;s@example.com;999,00 €\n"
RUSSIAN = "Имя;Почта;Отдел\nИван Петров;ivan@example.com;Бухгалтерия\nОльга Смирнова;olga@example.com;Кадры\n"
POLISH = "Imię;E-mail;Dział\nŁukasz Żółć;l@example.com;Księgowość\n"


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    return path


def texts(source) -> list[tuple[str, ...]]:
    with source:
        return [tuple(column.title for column in source.columns), *(row.cells for row in source.rows())]


def expected(text: str) -> list[tuple[str, ...]]:
    mark = ";" if ";" in text.splitlines()[0] else ","
    return [tuple(line.split(mark)) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("gb18030", CHINESE), ("gbk", CHINESE), ("gbk", "name,email\nWang 王伟,w@example.com\n"), ("big5", TAIWAN), ("cp950", TAIWAN),
        ("cp932", JAPANESE), ("euc_jp", JAPANESE), ("euc_kr", KOREAN), ("cp1252", FRENCH), ("cp1252", GERMAN),
        ("cp1251", RUSSIAN), ("cp1250", POLISH),
    ],
)  # fmt: skip
def test_F02_guessed_and_told(tmp_path, encoding, text):
    """What Excel writes in many countries is read rightly, and a note says that it was a guess."""
    source = open_source(written(tmp_path, text.encode(encoding)))
    assert texts(source) == expected(text)
    assert any("guess" in note for note in source.notes)


def test_F02_two_chinese_names_are_enough(tmp_path):
    """A list of few rows is not taken for Cyrillic."""
    with open_source(written(tmp_path, "姓名,邮箱\n王芳,w@example.com\n".encode("gb18030"))) as source:
        assert [column.title for column in source.columns] == ["姓名", "邮箱"]


def test_F02_few_cyrillic_names_are_not_taken_for_chinese(tmp_path):
    """Words of small letters do not look like pairs of usual characters."""
    with open_source(written(tmp_path, "Имя;E\nИван;i@example.com\n".encode("cp1251"))) as source:
        assert max(source.columns[0].title) < "\u3000"


@pytest.mark.parametrize("text", [CHINESE, GERMAN, JAPANESE])
@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""), ("utf-8", codecs.BOM_UTF8), ("utf-16-le", codecs.BOM_UTF16_LE), ("utf-16-be", codecs.BOM_UTF16_BE),
        ("utf-32-le", codecs.BOM_UTF32_LE),
    ],
)  # fmt: skip
def test_F02_unicode_needs_no_guess(tmp_path, text, encoding, mark):
    """UTF-8, and what begins with a mark, is certain."""
    source = open_source(written(tmp_path, mark + text.encode(encoding)))
    assert texts(source) == expected(text)
    assert not any("guess" in note for note in source.notes)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_F02_utf16_without_mark(tmp_path, encoding):
    """It is known by the zeros beside Latin letters."""
    assert texts(open_source(written(tmp_path, CHINESE.encode(encoding)))) == expected(CHINESE)


@pytest.mark.parametrize("text", [CHINESE, "name,email\nAnn,a@example.com\n"])
def test_F02_guess_far_into_the_file(tmp_path, text):
    """The first letter that is no ASCII may stand behind thousands of lines that are."""
    body = "name,email\n" + "Plain Name,plain@example.com\n" * 20_000
    rows = texts(open_source(written(tmp_path, (body + "王伟,w@example.com\n").encode("gbk"))))
    assert rows[-1] == ("王伟", "w@example.com")


@pytest.mark.parametrize("wanted", ["gbk", "GB18030", "cp936"])
def test_F02_said_by_the_person(tmp_path, wanted):
    """The person's word counts, and no note doubts it."""
    source = open_source(written(tmp_path, CHINESE.encode("gbk")), encoding=wanted)
    assert texts(source) == expected(CHINESE)
    assert not any("guess" in note for note in source.notes)


@pytest.mark.parametrize("wanted", ["utf-8", "utf-8-sig", "UTF8"])
def test_F02_said_with_a_mark(tmp_path, wanted):
    """A mark is no letter, whatever was said."""
    assert texts(
        open_source(written(tmp_path, codecs.BOM_UTF8 + CHINESE.encode()), encoding=wanted)
    ) == expected(CHINESE)


@pytest.mark.parametrize("wanted", ["utf-16", "utf-16-le"])
def test_F02_said_utf16(tmp_path, wanted):
    """`utf-16` stands for either order of bytes."""
    content = codecs.BOM_UTF16_LE + CHINESE.encode("utf-16-le")
    assert texts(open_source(written(tmp_path, content), encoding=wanted)) == expected(CHINESE)


@pytest.mark.parametrize("wanted", ["klingon", "rot13", "hex", "utf-8\x00"])
def test_F02_no_encoding(tmp_path, wanted):
    """A word that names no encoding is refused."""
    with pytest.raises(Refused, match="no character encoding"):
        open_source(written(tmp_path, b"a,b\n"), encoding=wanted)


def test_F02_bad_byte_is_placed(tmp_path):
    """One damaged byte in a UTF-8 file refuses it, with line and column, and nothing is guessed."""
    lines = CHINESE.encode().splitlines(keepends=True)
    lines[2] = lines[2].replace("娜".encode(), "娜".encode()[:2])
    with pytest.raises(Refused, match=r"line 3: byte 0xE5 in column 2 ") as caught:
        open_source(written(tmp_path, b"".join(lines)))
    assert caught.value.problems[0].row == 3
    assert "--encoding" in caught.value.hint


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_F02_bad_byte_behind_any_line_end(tmp_path, end):
    """Lines are counted as an editor counts them, over the border of two chunks too."""
    good = ("name,email" + end + f"Ünal,u@example.com{end}" * 70_000).encode()
    with pytest.raises(Refused, match=r"line 70002: byte 0xFF in column 3 "):
        open_source(written(tmp_path, good + b"ab\xff,x\n"))


def test_F02_wrong_word_of_the_person(tmp_path):
    """An encoding that does not fit is refused, and not replaced by a guess."""
    with pytest.raises(Refused, match=r"line 1: byte .* UTF-8"):
        open_source(written(tmp_path, CHINESE.encode("gbk")), encoding="utf-8")


def test_F02_guess_that_does_not_hold(tmp_path):
    """A guess is proved on the whole file."""
    content = (
        JAPANESE.encode("euc_jp") + b"ok,ok@example.com,x,1\n" * 40_000 + b"\xff\xff\xff,x@example.com,x,1\n"
    )
    with pytest.raises(Refused, match=r"line 40004: byte 0xFF"):
        open_source(written(tmp_path, content))


def test_F08_nul_in_utf8_is_no_utf16(tmp_path):
    """A NUL or two do not make UTF-16 of a file."""
    with open_source(written(tmp_path, b"a,b\n1,\x00\n" + b"x,y\n" * 50)) as source:
        assert [len(row.problems) for row in source.rows()][:2] == [1, 0]


def test_F02_bytes_that_cp932_has_no_character_for(tmp_path):
    """Python's cp932 makes private characters of them; such a row is invalid."""
    content = JAPANESE.encode("cp932") + b"\xff\xff,x@example.com,x,1\n"
    with open_source(written(tmp_path, content), encoding="cp932") as source:
        assert [len(row.problems) for row in source.rows()] == [0, 0, 1]


def test_F02_replacement_character(tmp_path):
    """A U+FFFD says that a program before us lost a letter; such a row is invalid."""
    with open_source(written(tmp_path, "a,b\n1,M\ufffdller\n".encode())) as source:
        (row,) = source.rows()
    assert "U+FFFD" in row.problems[0].message


@pytest.mark.parametrize("said", ["utf-16", "utf-32"])
def test_F02_an_encoding_that_was_said_and_is_not_so(tmp_path, said):
    """A codec that complains in its own way is told like any other."""
    with pytest.raises(Refused) as caught:
        open_source(written(tmp_path, GERMAN.encode()), encoding=said)
    assert "list.csv" in str(caught.value)


@pytest.mark.parametrize("name", ["latin-1", "ISO-8859-1"])
def test_F02_windows_signs_in_a_list_called_latin_1_are_told_once(tmp_path, name):
    """What Windows writes under that name: one refusal with the place and the encoding to say, not one a row."""
    text = "Name;E-Mail\n" + "„Jürgen“;j@example.com\n" * 38
    path = written(tmp_path, text.encode("cp1252"))
    with pytest.raises(Refused, match="line 2: byte 0x84 in column 1 ") as caught:
        open_source(path, encoding=name)
    assert (len(caught.value.problems), "--encoding cp1252" in caught.value.hint) == (1, True)
    assert texts(open_source(path, encoding="cp1252")) == expected(text)


def test_F02_latin_1_without_windows_signs_is_read_as_it_was(tmp_path):
    """Letters alone are the same in both."""
    with open_source(written(tmp_path, FRENCH.encode("latin-1")), encoding="latin-1") as source:
        assert [row.cells for row in source.rows()] == expected(FRENCH)[1:]
