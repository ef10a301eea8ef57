"""Delimited text files, as people's programs write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailmerge_cli.errors import Refused
from mailmerge_cli.sources import open_source


def opened(tmp_path: Path, content: str | bytes, name: str = "list.csv", **choices: str):
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return open_source(path, **choices)


def table(source):
    with source:
        return [column.title for column in source.columns], [
            (row.number, *row.cells) for row in source.rows()
        ]


def refusal(tmp_path: Path, content: str | bytes, **choices: str) -> Refused:
    with pytest.raises(Refused) as caught:
        list(opened(tmp_path, content, **choices).rows())
    assert "list.csv" in str(caught.value)
    return caught.value


def test_F01_mark_of_utf8_is_no_part_of_the_title(tmp_path):
    """Excel's CSV begins with a mark that nobody sees."""
    assert table(opened(tmp_path, "\ufeffemail,name\na@example.com,Ann\n")) == (
        ["email", "name"],
        [(2, "a@example.com", "Ann")],
    )


@pytest.mark.parametrize(
    "content",
    [
        "email;net\na@example.com;1,5\n",
        "email\tnet\na@example.com\t1,5\n",
        "email|net\na@example.com|1,5\n",
        "sep=;\nemail;net\na@example.com;1,5\n",
    ],
)
def test_F03_delimiters(tmp_path, content):
    """Semicolon, tab and bar are found though the numbers have commas; `sep=;` is believed; a note tells."""
    source = opened(tmp_path, content)
    titles, rows = table(source)
    assert (titles, [row[1:] for row in rows]) == (["email", "net"], [("a@example.com", "1,5")])
    assert rows[0][0] == content.count("\n")
    assert any("parted by" in note for note in source.notes)


def test_F03_a_list_of_addresses_is_one_column(tmp_path):
    """Nothing but the usual delimiters is ever found."""
    assert table(opened(tmp_path, "email\na@example.com\nb@example.com\n"))[0] == ["email"]


def test_F03_delimiter_option(tmp_path):
    """What the person says counts, in words too."""
    assert table(opened(tmp_path, "a;b,c\n1;2,3\n", delimiter=","))[0] == ["a;b", "c"]
    assert table(opened(tmp_path, "a,b\tc\n1,2\t3\n", delimiter="tab"))[0] == ["a,b", "c"]
    assert table(opened(tmp_path, "a^b\n1^2\n", delimiter="^"))[0] == ["a", "b"]


@pytest.mark.parametrize("delimiter", ['"', "ab", "\n", "x", " "])
def test_F03_impossible_delimiter(tmp_path, delimiter):
    """What cannot part fields is refused."""
    with pytest.raises(Refused, match="cannot part fields"):
        opened(tmp_path, "a,b\n", delimiter=delimiter)


def test_F03_addresses_parted_by_semicolon_within_a_cell(tmp_path):
    """A cell that holds semicolons does not change the delimiter."""
    assert table(opened(tmp_path, "email,cc\na@example.com,b@example.com;c@example.com\n"))[1] == [
        (2, "a@example.com", "b@example.com;c@example.com")
    ]


def test_F04_unclosed_quote_to_the_end(tmp_path):
    """A quote that is never closed is told with the line where it opens."""
    fault = refusal(tmp_path, 'email,name\na@example.com,Ann\nb@example.com,"Bob\nc@example.com,Cle\n')
    assert "line 3" in str(fault)
    assert "never closed" in str(fault)
    assert fault.problems[0].row == 3


def test_F04_unclosed_quote_that_another_one_closes(tmp_path):
    """A quote that closes within a later field is told where it opens."""
    fault = refusal(tmp_path, 'email,name\na@example.com,"Ann\nb@example.com,"Bob"\n')
    assert fault.problems[0].row == 2


def test_F04_line_of_the_quote_within_a_long_record(tmp_path):
    """The line is that of the quote, not that of the record."""
    fault = refusal(tmp_path, 'email,a,b\nx@example.com,"one\ntwo","three\nfour\n')
    assert fault.problems[0].row == 3


def test_F04_swallowed_rows_that_parse(tmp_path):
    """Two stray quotes can swallow whole rows and still be sound CSV; that is seen by the addresses."""
    fault = refusal(
        tmp_path, 'email,name,net\na@example.com,"Ann,1\nb@example.com,Bob,2\nc@example.com,Cle",3\n'
    )
    assert "swallows lines up to 4" in str(fault)
    assert "b@example.com" not in str(fault)


def test_F04_swallowed_rows_with_the_address_last(tmp_path):
    """The same where the address is the last column, or the only one."""
    refusal(tmp_path, 'name,email\n"Ann,a@example.com\nBob,b@example.com\nCle",c@example.com\n')
    refusal(tmp_path, 'email\n"a@example.com\nb@example.com\nc@example.com"\n')


def test_F04_quote_within_a_field(tmp_path):
    """A quote inside an unquoted field is text."""
    assert table(opened(tmp_path, 'a,b\n5" pipe,x\n'))[1] == [(2, '5" pipe', "x")]


def test_F05_short_and_long_rows(tmp_path):
    """Both are problems of their rows, with the counts; the others go on."""
    with opened(tmp_path, "a,b,c\n1,2,3\n1,2\n1,2,3,4\n5,6,7\n") as source:
        rows = list(source.rows())
    assert [(row.number, len(row.cells), len(row.problems)) for row in rows] == [
        (2, 3, 0),
        (3, 3, 1),
        (4, 3, 1),
        (5, 3, 0),
    ]
    assert "2 fields where the header has 3" in rows[1].problems[0].message
    assert "4 fields where the header has 3" in rows[2].problems[0].message


@pytest.mark.parametrize(
    "header", ["email,n,email", "email,n, email ", "E-Mail,n,e-mail", "Straße,n,STRASSE"]
)
def test_F06_duplicate_titles(tmp_path, header):
    """Titles that are the same but for blanks and case are refused, with both places."""
    fault = refusal(tmp_path, f"{header}\na,b,c\n")
    assert "columns 1 and 3" in str(fault)
    assert fault.problems[0].row == 1


def test_F07_empty_files(tmp_path):
    """A file without anything, or with blanks alone, has no table."""
    assert "empty" in str(refusal(tmp_path, ""))
    assert "empty" in str(refusal(tmp_path, "\n\n"))
    assert "empty" in str(refusal(tmp_path, ",,\n,,\n"))
    assert "empty" in str(refusal(tmp_path, "\ufeff"))


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x1b", "\x7f", "\x85", "\ufffe"])
def test_F08_control_characters(tmp_path, character):
    """Such a cell makes its row invalid; place and character are told, the text is not."""
    with opened(tmp_path, f"email,name\na@example.com,An{character}n\nb@example.com,Bob\n") as source:
        bad, good = source.rows()
    assert good.problems == ()
    (problem,) = bad.problems
    assert (problem.row, problem.column, problem.kind) == (2, "name", "character")
    assert f"U+{ord(character):04X}" in problem.message
    assert "character 3" in problem.message
    assert "An" not in problem.message


def test_F08_control_character_in_a_title(tmp_path):
    """A title with one is refused."""
    assert "control character" in str(refusal(tmp_path, "em\x07ail,b\n1,2\n"))


def test_F09_huge_field(tmp_path):
    """A field that is too long is a problem of its row, no traceback."""
    with opened(tmp_path, "a,b\n" + "x" * 200_000 + ",1\n2,3\n") as source:
        rows = list(source.rows())
    assert [len(row.problems) for row in rows] == [1, 0]
    assert rows[0].problems[0].column == "a"
    assert "131,072" in rows[0].problems[0].message


def test_F09_field_without_end(tmp_path):
    """An unclosed quote in a huge file stops early."""
    fault = refusal(tmp_path, 'a,b\n"' + "x,y\n" * 3_000_000)
    assert fault.problems[0].row == 2


def test_F10_line_break_within_a_cell(tmp_path):
    """It belongs to the cell; the next row's number is its physical line."""
    content = 'name,address\r\nAnn,"1 High Street\r\nTown"\r\nBob,Elsewhere\r\n'
    assert table(opened(tmp_path, content))[1] == [
        (2, "Ann", "1 High Street\r\nTown"),
        (4, "Bob", "Elsewhere"),
    ]


def test_F10_address_block_with_a_mail_address(tmp_path):
    """A cell of several lines that ends in an address is no swallowed row."""
    content = 'name,block\nAnn,"1 High Street, Town\nann@example.com"\nBob,"Tel. 5, Fax 6\nwrite to bob@example.com, please"\n'
    assert len(table(opened(tmp_path, content))[1]) == 2


def test_F16_blank_rows(tmp_path):
    """Blank rows are skipped and counted, wherever they are but at the end; nothing stops at them."""
    source = opened(tmp_path, "\na,b\n\n1,2\n,\n  , \n3,4\n\n\n,\n")
    assert table(source) == (["a", "b"], [(4, "1", "2"), (7, "3", "4")])
    assert "3 blank rows were skipped" in source.notes


def test_F16_text_is_left_alone(tmp_path):
    """Blanks at a cell's ends belong to it; those of a title do not."""
    assert table(opened(tmp_path, " a ,b\u3000\n x , y\n")) == (["a", "b"], [(2, " x ", " y")])


def test_title_over_two_lines(tmp_path):
    """A line break in a title is a blank."""
    assert table(opened(tmp_path, '"Net\npay",b\n1,2\n'))[0] == ["Net pay", "b"]


def test_columns_without_title(tmp_path):
    """They are allowed, cannot be named, and a note tells."""
    source = opened(tmp_path, "a,,b,\n1,2,3,4\n")
    assert [column.name for column in source.columns] == ["a", "", "b", ""]
    assert any("columns 2, 4 are without a title" in note for note in source.notes)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(tmp_path, end):
    """Unix, Windows and the old Macintosh end lines differently."""
    assert table(opened(tmp_path, f"a,b{end}1,2{end}3,4"))[1] == [(2, "1", "2"), (3, "3", "4")]


def test_F28_many_rows_in_little_memory(tmp_path):
    """Memory does not grow with the list."""
    import tracemalloc

    path = tmp_path / "list.csv"
    with path.open("w") as stream:
        stream.write("email,name\n")
        stream.writelines(f"user{number}@example.com,Somebody {number}\n" for number in range(100_000))
    tracemalloc.start()
    try:
        with open_source(path) as source:
            count = sum(1 for _ in source.rows())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 100_000
    assert peak < 12 << 20


def test_fingerprint_depends_on_the_choices(tmp_path):
    """The same bytes read in another way are other rows."""
    one = opened(tmp_path, "a;b,c\n1;2,3\n", delimiter=",").fingerprint
    other = opened(tmp_path, "a;b,c\n1;2,3\n", delimiter=";").fingerprint
    assert one != other


def test_F09_line_without_end(tmp_path):
    """A file without line ends is refused before it fills the memory."""
    assert "longer than" in str(refusal(tmp_path, "a,b\n" + "x" * (6 << 20)))


def test_F04_a_long_cell_does_not_keep_the_search_busy(tmp_path):
    """The look for swallowed rows takes bounded time."""
    import time

    before = time.process_time()
    with opened(tmp_path, 'a,b\n"x\n' + "y" * 120_000 + '",1\n"x\n' + "y@" * 60_000 + '",1\n') as source:
        assert len(list(source.rows())) == 2
    assert time.process_time() - before < 20
