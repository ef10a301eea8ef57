"""What csv writes, in any dialect and encoding, is read back cell by cell."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mailmerge_cli.sources import open_source
from mailmerge_cli.sources.scruple import FORBIDDEN

# An address behind a line break may be a swallowed row (F04), so `@` is left out here.
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="@"), max_size=12).map(
    lambda text: FORBIDDEN.sub("", text)
)
CELL = st.one_of(
    TEXT,
    st.sampled_from(
        ['"', '""', "a\nb", "a\r\nb", "\n", ";", ",,", "\t", "|", " x ", "sep=;", "0012", "\ufeff"]
    ),
)
TITLE = st.sampled_from(["email", "Name", "姓名", "Net pay", "13薪", "größe"])


@given(
    titles=st.lists(TITLE, min_size=2, max_size=5, unique=True),
    rows=st.lists(st.lists(CELL, min_size=5, max_size=5), max_size=8),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030"]),
)
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_round_trip(titles, rows, delimiter, end, quoting, encoding):
    """The cells are the same, to the character; each row's number is the line where its record begins."""
    rows = [row[: len(titles)] for row in rows]
    assume(all("".join(row).strip() for row in rows))
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerow(titles)
    begins = []
    for row in rows:
        begins.append(text.getvalue().replace("\r\n", "\n").count("\n") + 1)
        writer.writerow(row)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.csv"
        path.write_bytes(text.getvalue().encode(encoding))
        said = {"encoding": encoding} if encoding == "gb18030" else {}
        with open_source(path, delimiter=delimiter, **said) as source:
            assert [column.title for column in source.columns] == titles
            read = list(source.rows())
    assert [row.cells for row in read] == [tuple(row) for row in rows]
    assert [row.number for row in read] == begins
    assert not any(row.problems for row in read)


@given(content=st.binary(max_size=300))
@settings(deadline=None, max_examples=300)
def test_any_bytes_end_in_rows_or_a_sentence(content):
    """Whatever a file holds, there are rows, or a refusal that names it; never a traceback."""
    from mailmerge_cli.errors import MailmergeError

    with tempfile.TemporaryDirectory() as folder:
        for name in ("list.csv", "list.jsonl", "list.xlsx", "list"):
            path = Path(folder) / name
            path.write_bytes(content)
            try:
                with open_source(path) as source:
                    for row in source.rows():
                        assert len(row.cells) == len(source.columns)
            except MailmergeError as fault:
                assert name in str(fault)  # noqa: PT017  both ends are right


@given(
    rows=st.lists(st.lists(st.text(st.sampled_from('ab",;\n\r\t @.é'), max_size=8), max_size=4), max_size=6),
    lines=st.text(st.sampled_from('ab",;|\n\r\t @.='), max_size=60),
)
@settings(deadline=None, max_examples=300)
def test_sloppy_text_ends_in_rows_or_a_sentence(rows, lines):
    """So does text that is nearly CSV; row numbers rise whatever happens."""
    from mailmerge_cli.errors import Refused

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.csv"
        path.write_text(lines + "\n" + "\n".join(",".join(row) for row in rows), encoding="utf-8", newline="")
        try:
            with open_source(path) as source:
                numbers = [row.number for row in source.rows()]
        except Refused as fault:
            assert "list.csv" in str(fault)  # noqa: PT017  both ends are right
        else:
            assert numbers == sorted(set(numbers))
