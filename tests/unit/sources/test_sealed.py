"""Workbooks with a password are opened in memory, and nowhere else."""

from __future__ import annotations

import io
import os
import pickle
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailmerge_cli.errors import ConfigFault, CredentialsFault, MailmergeError, Refused
from mailmerge_cli.secret import Secret
from mailmerge_cli.sources import open_source, sealed
from mailmerge_cli.sources.sealed import Passwords
from mailmerge_cli.sources.testing import SourceContract, Table
from support.sealed_books import seal, seal_as_2007, with_head
from support.tables import sheet_xml, text_rows, write_package

PASSWORD = "Sésame 开门"
ROWS = [("E-mail", "name"), ("ann@example.com", "Ann"), ("bob@example.com", "Bob")]


def saying(*words: str) -> Passwords:
    """Passwords, one after the other, and then the end."""

    def passwords(path: Path, name: str) -> Iterator[Secret]:
        yield from map(Secret, words)
        raise CredentialsFault(f"none opens {name}")

    return passwords


def book(path: Path) -> Path:
    return write_package(path, sheet_xml(text_rows(ROWS)))


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sealed workbook; whoever changes it takes a copy."""
    return seal(book(tmp_path_factory.mktemp("sealed") / "pay.xlsx"), PASSWORD)


class TestSealedWorkbook(SourceContract):
    """What is inside is a workbook like any other."""

    ending = ".xlsx"

    def write(self, path: Path, table: Table) -> None:
        seal(write_package(path, sheet_xml(text_rows(table))), PASSWORD)

    def open(self, path: Path):
        return open_source(path, passwords=saying(PASSWORD))


@pytest.mark.parametrize("close", [seal, seal_as_2007])
def test_both_ways_of_excel_are_read(tmp_path: Path, close: Callable[[Path, str], Path]) -> None:
    """What Excel 2007 encrypts is read, and what it encrypts since; wrong passwords before the right one do no harm."""
    path = close(book(tmp_path / "pay.xlsx"), PASSWORD)
    with open_source(path, passwords=saying("no", "", PASSWORD)) as source:
        assert [row.cells for row in source.rows()] == ROWS[1:]


def test_a_wrong_password_is_what_the_passwords_say(closed: Path) -> None:
    """Whoever gives the passwords says what a wrong one means; nothing of the list is known."""
    with pytest.raises(CredentialsFault, match="none opens"):
        open_source(closed, passwords=saying("wrong", "sésame 开门"))
    with pytest.raises(CredentialsFault, match="protected by a password"):
        open_source(closed)


def test_what_nobody_gave_a_password_opens_by_itself(tmp_path: Path) -> None:
    """Excel encrypts write-protected workbooks with a password of its own, and opens them without a question."""
    path = seal(book(tmp_path / "pay.xlsx"), "VelvetSweatshop")
    with open_source(path, passwords=saying()) as source:
        assert len(list(source.rows())) == 2


def test_the_same_list_is_the_same_list_without_its_password(tmp_path: Path) -> None:
    """The fingerprint is of what is inside: taking the password off, or saving with another, changes nothing."""
    path = book(tmp_path / "plain.xlsx")
    one = seal(path, PASSWORD, into=tmp_path / "one.xlsx")
    with open_source(one, passwords=saying(PASSWORD)) as source, open_source(path) as plain:
        assert source.fingerprint == plain.fingerprint


def test_nothing_opened_touches_a_disk(closed: Path, tmp_path: Path) -> None:
    """No file is opened for writing while a sealed list is opened and read, a temporary one no more than any other."""
    written: list[object] = []
    awake = False

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if (
            awake
            and event == "open"
            and isinstance(arguments[2], int)
            and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        ):
            written.append(arguments[0])

    sys.addaudithook(watch)
    with open_source(closed, passwords=saying(PASSWORD)):
        pass  # all modules are loaded by now
    awake = True
    with open_source(closed, passwords=saying(PASSWORD)) as source:
        assert len(list(source.rows())) == 2
    (tmp_path / "ours").write_text("the watch is awake")
    awake = False
    assert written == [str(tmp_path / "ours")] or written == [tmp_path / "ours"]


def test_it_does_not_travel(closed: Path) -> None:
    """A list that a password opened is pickled for no other process."""
    with open_source(closed, passwords=saying(PASSWORD)) as source, pytest.raises(TypeError):
        pickle.dumps(source)


def test_a_missing_library_is_told(closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra a sentence says what to install; nobody is asked for a password first."""
    monkeypatch.setitem(sys.modules, "msoffcrypto", None)
    monkeypatch.setitem(sys.modules, "msoffcrypto.exceptions", None)
    with pytest.raises(ConfigFault) as caught:
        open_source(closed, passwords=saying(PASSWORD))
    assert 'pip install "mailmerge-cli[encrypted]"' in caught.value.hint


def test_F26_another_file_in_its_place_is_refused(tmp_path: Path, closed: Path) -> None:
    """What was opened is given out only while the file is still that file."""
    path = tmp_path / "pay.xlsx"
    shutil.copy(closed, path)
    with open_source(path, passwords=saying(PASSWORD)) as source:
        seal(book(path), PASSWORD)
        with pytest.raises(Refused, match="changed"):
            list(source.rows())


def test_F23_what_is_inside_is_told(tmp_path: Path) -> None:
    """A sealed Word document is no list."""
    import zipfile

    path = tmp_path / "letter.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "[Content_Types].xml",
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        )
        archive.writestr("word/document.xml", "<x/>")
    with pytest.raises(Refused, match="a Word document"):
        open_source(seal(path, PASSWORD), passwords=saying(PASSWORD))


def test_F20_large_ones_are_not_opened(closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: a file above the limit is refused before anything is read."""
    monkeypatch.setattr(sealed, "LARGEST", 1000)
    with pytest.raises(Refused, match="larger than"):
        open_source(closed, passwords=saying(PASSWORD))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'spinCount="100000"', b'spinCount="10000000"'),
        (b'spinCount="100000"', b'spinCount="99999999999999999999999"'),
        (b'spinCount="100000"', b""),
        (b"<encryption ", b'<!DOCTYPE x [<!ENTITY a "a">]><encryption '),
        (b"</encryption>", b"</encryption>\0"),
    ],
)
def test_F21_a_head_that_would_take_for_ever_is_refused(tmp_path: Path, old: bytes, new: bytes) -> None:
    """Countless rounds and document types are refused before a library counts or expands them."""
    path = with_head(seal(book(tmp_path / "pay.xlsx"), PASSWORD), lambda head: head.replace(old, new))
    with pytest.raises(Refused, match="damaged"):
        open_source(path, passwords=saying(PASSWORD))


def test_F23_other_kinds_of_encryption_are_told(tmp_path: Path) -> None:
    """What only a certificate opens is refused with what to do."""
    path = with_head(seal(book(tmp_path / "pay.xlsx"), PASSWORD), lambda head: b"\4\0\3\0" + head[4:])
    with pytest.raises(Refused, match=r"version 4\.3"):
        open_source(path, passwords=saying(PASSWORD))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_F23_a_torn_one_is_refused_with_a_sentence(tmp_path: Path, closed: Path, data: st.DataObject) -> None:
    """Whatever is wrong with its octets, a person gets a sentence, never a traceback; or the list, where nothing was hurt."""
    octets = bytearray(closed.read_bytes())
    if data.draw(st.booleans()):
        del octets[data.draw(st.integers(8, len(octets))) :]
    for _ in range(data.draw(st.integers(0, 6))):
        octets[data.draw(st.integers(8, 600)) if len(octets) > 600 else len(octets) - 1] = data.draw(
            st.integers(0, 255)
        )
    path = tmp_path / "torn.xlsx"
    path.write_bytes(octets)
    told = str(path)
    try:
        with open_source(path, passwords=saying(PASSWORD)) as source:
            assert [row.cells for row in source.rows()] == ROWS[1:]
    except MailmergeError as fault:
        told = str(fault)
    assert str(path) in told


def test_from_standard_input(tmp_path: Path, closed: Path) -> None:
    """A sealed list may come that way too; what is kept beside the ledger is sealed."""
    spool = tmp_path / "list"
    with open_source(
        None, stdin=io.BytesIO(closed.read_bytes()), spool=spool, passwords=saying(PASSWORD)
    ) as source:
        assert len(list(source.rows())) == 2
    assert spool.read_bytes() == closed.read_bytes()
