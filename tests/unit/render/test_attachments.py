"""Attachments: inside the folder, regular files, under safe names; what was checked is what is sent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mailmerge_cli.errors import FileMissing, Refused
from mailmerge_cli.model.cell import RealCell
from mailmerge_cli.render import RowFault
from support.letters import FROM, MESSAGE_ID, MOMENT, Bench, parsed

OWN = FROM + "Attachment: slips/{{ staff_no }}.pdf\n\nbody"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A folder with one person's file, and another folder beside it."""
    (tmp_path / "outside.pdf").write_bytes(b"%PDF-secret")
    (tmp_path / "campaign").mkdir()
    bench = Bench((tmp_path / "campaign").resolve(), staff_no="0042")
    bench.write("slips/0042.pdf", b"%PDF-1.4 of 0042")
    return bench


def problem(bench: Bench, text: str = OWN, **cells: object) -> str:
    """The one thing that is told about a row."""
    template = bench.template(text)
    with pytest.raises(RowFault) as fault:
        bench.letter(template, **cells)
    [found] = fault.value.problems
    assert (found.row, found.kind) == (2, "attachment")
    return f"{found.column}: {found.message}"


def refusal(bench: Bench, text: str) -> str:
    """The one thing that is told about a template."""
    with pytest.raises(Refused) as refused:
        bench.template(text)
    [found] = refused.value.problems
    return f"{found.column}: {found.message}"


def test_a_rows_own_file_is_attached(bench: Bench) -> None:
    """Under its own name or the one the template gives; the letter tells path, hash and that cells chose it."""
    template = bench.template(
        FROM + 'Attachment: slips/{{ staff_no }}.pdf; name="工资单 {{ name }}.pdf"\n\nbody'
    )
    [attachment] = bench.letter(template).attachments
    assert (attachment.path, attachment.name, attachment.from_cells, attachment.size) == (
        "slips/0042.pdf",
        "工资单 Wang Fang.pdf",
        True,
        16,
    )
    [part] = bench.mail(template).iter_attachments()
    assert (part.get_filename(), part.get_content_type(), part.get_payload(decode=True)) == (
        "工资单 Wang Fang.pdf",
        "application/pdf",
        b"%PDF-1.4 of 0042",
    )


def test_campaign_and_command_line_attach_too(bench: Bench, tmp_path: Path) -> None:
    """`[message] attachments` are templates in the folder; files of the command line lie anywhere, once for all mails."""
    template = bench.template(
        "\nbody", attachments=("slips/{{ staff_no }}.pdf",), files=(tmp_path / "outside.pdf",)
    )
    names = [part.get_filename() for part in bench.mail(template).iter_attachments()]
    assert names == ["outside.pdf", "0042.pdf"]
    with pytest.raises(FileMissing):
        bench.template("\nbody", files=(tmp_path / "none.pdf",))
    with pytest.raises(Refused, match="regular file"):
        bench.template("\nbody", files=(tmp_path,))


def test_shared_files_are_the_same_octets_in_all_mails(bench: Bench) -> None:
    """A file for everybody is read and encoded once."""
    bench.write("terms.pdf", b"%PDF" + os.urandom(50_000))
    template = bench.template(FROM + "Attachment: terms.pdf\n\nDear {{ name }}")
    ann, ben = (
        template.compose(bench.letter(template, name=name), MESSAGE_ID, MOMENT) for name in ("Ann", "Ben")
    )
    shared = [piece for piece in ann if len(piece) > 50_000]
    assert len(shared) == 1
    assert any(piece is shared[0] for piece in ben)


@pytest.mark.parametrize("cell", ["0043", "0042 ", " 0042"])
def test_B01_a_missing_file_is_told_with_row_and_path(bench: Bench, cell: str) -> None:
    """The path as it was filled in, so that the person finds it."""
    assert problem(bench, staff_no=cell) == f"Attachment: there is no file 'slips/{cell}.pdf'; letter.txt:3"


def test_B01_a_missing_file_of_campaign_toml_has_no_line(bench: Bench) -> None:
    """An entry of `attachments` has no line in the template; its sentence ends with the path."""
    template = bench.template(FROM + "\nb", attachments=("slips/{{ name }}.pdf",))
    with pytest.raises(RowFault) as fault:
        bench.letter(template, name="nobody")
    assert fault.value.problems[0].message == "there is no file 'slips/nobody.pdf'"


def test_B01_a_missing_file_of_all_rows_is_told_before_any_row(bench: Bench) -> None:
    """A fault of the campaign, with its line."""
    assert (
        refusal(bench, FROM + "Attachment: terms.pdf\n\nb")
        == "Attachment: letter.txt:3: there is no file 'terms.pdf'"
    )


@pytest.mark.parametrize(
    "cell",
    [
        "../outside",
        "../../etc/passwd",
        "a/b",
        "a\\b",
        "..",
        ".",
        "*",
        "00?2",
        "[0]042",
        "a\nb",
        "a\0b",
        "a\u202eb",
        "~root",
        "\u2028",
    ],
)
def test_B02_a_cell_is_a_piece_of_a_name_only(bench: Bench, cell: str) -> None:
    """Separators, patterns, control and direction characters of a cell are refused, with its column."""
    assert problem(bench, staff_no=cell).startswith("staff_no: ")
    assert problem(
        bench, FROM + "Attachment: {% set p = staff_no %}slips/{{ p }}.pdf\n\nb", staff_no=cell
    ).startswith("staff_no: ")
    assert problem(
        bench, FROM + 'Attachment: slips/{{ row["staff_no"] ~ "" }}.pdf\n\nb', staff_no=cell
    ).startswith("staff_no: ")


@pytest.mark.parametrize(
    "path",
    [
        "../outside.pdf",
        "/etc/hostname",
        "~/x.pdf",
        "C:\\x.pdf",
        "C:/x.pdf",
        "\\\\host\\share\\x.pdf",
        "https://example.org/x.pdf",
        "file:///etc/hostname",
        "slips/../../outside.pdf",
        "slips",
    ],
)
def test_B02_a_path_leads_nowhere_but_into_the_folder(bench: Bench, path: str) -> None:
    """Also when the template says so, with or without cells."""
    refusal(bench, FROM + f"Attachment: {path}\n\nb")
    problem(bench, FROM + "Attachment: " + path + "{% if name == 1 %}x{% endif %}\n\nb")


def test_B02_a_pattern_is_not_searched_for(bench: Bench) -> None:
    """One path, never a choice."""
    assert "is a pattern" in refusal(bench, FROM + "Attachment: slips/*.pdf\n\nb")


def test_constants_may_hold_folders(bench: Bench) -> None:
    """The sender's own values are no cells."""
    template = bench.template(
        FROM + "Attachment: {{ place }}/{{ staff_no }}.pdf\n\nb", constants={"place": "slips/."}
    )
    assert bench.letter(template).attachments[0].name == "0042.pdf"


def test_B03_links_lead_nowhere_but_into_the_folder(bench: Bench, tmp_path: Path) -> None:
    """A link to the outside is refused; one inside is the file that it leads to."""
    (bench.folder / "slips/0043.pdf").symlink_to(tmp_path / "outside.pdf")
    (bench.folder / "slips/0044.pdf").symlink_to("0042.pdf")
    (bench.folder / "elsewhere").symlink_to(tmp_path)
    assert "leads out" in problem(bench, staff_no="0043")
    assert "leads out" in refusal(bench, FROM + "Attachment: elsewhere/outside.pdf\n\nb")
    assert bench.letter(bench.template(OWN), staff_no="0044").attachments[0].file == str(
        bench.folder / "slips/0042.pdf"
    )


def test_B03_a_file_that_became_a_link_after_the_check_is_not_sent(bench: Bench, tmp_path: Path) -> None:
    """The real path is opened without following."""
    template = bench.template(OWN)
    letter = bench.letter(template)
    (bench.folder / "slips/0042.pdf").unlink()
    (bench.folder / "slips/0042.pdf").symlink_to(tmp_path / "outside.pdf")
    with pytest.raises(RowFault) as fault:
        template.compose(letter, MESSAGE_ID, MOMENT)
    assert fault.value.reason == "changed"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_B03_a_pipe_or_folder_is_no_attachment(bench: Bench) -> None:
    """And nothing hangs."""
    os.mkfifo(bench.folder / "slips/0043.pdf")
    (bench.folder / "slips/0044.pdf").mkdir()
    for cell in ("0043", "0044"):
        assert "not a regular file" in problem(bench, staff_no=cell)


def test_B04_paths_are_told_so_that_twins_can_be_found(bench: Bench) -> None:
    """Two rows with one file: the letters show the same file, and that cells chose it."""
    template = bench.template(OWN)
    first, second = bench.letter(template).attachments[0], bench.letter(template, name="Other").attachments[0]
    assert first.file == second.file
    assert first.from_cells


def test_B06_a_file_that_changed_after_the_check_is_not_sent(bench: Bench) -> None:
    """What is sent is what was hashed; the content hash tells the change too."""
    template = bench.template(OWN)
    letter = bench.letter(template)
    bench.write("slips/0042.pdf", b"%PDF-1.4 of 0043")
    with pytest.raises(RowFault) as fault:
        template.compose(letter, MESSAGE_ID, MOMENT)
    assert (fault.value.reason, fault.value.problems[0].kind) == ("changed", "changed")
    assert bench.letter(template).content_hash != letter.content_hash
    (bench.folder / "slips/0042.pdf").unlink()
    with pytest.raises(RowFault, match="there is no file"):
        template.compose(letter, MESSAGE_ID, MOMENT)


def test_B06_octets_that_are_kept_are_the_ones_that_were_hashed(bench: Bench) -> None:
    """What `keep` has read is what is written, whatever becomes of the file; the hash is the same, and no repr shows it."""
    template = bench.template(OWN)
    bench.write("slips/0042.pdf", b"%PDF-checked")
    row = bench.row()
    plain, kept = (template.render(row, bench.person(row), keep=keep) for keep in (False, True))
    assert (plain, plain.content_hash) == (kept, kept.content_hash)
    expected = b"".join(template.compose(plain, MESSAGE_ID, MOMENT))
    bench.write("slips/0042.pdf", b"%PDF-another")
    assert b"".join(template.compose(kept, MESSAGE_ID, MOMENT)) == expected
    assert "checked" not in repr(kept) + repr(kept.attachments)
    assert plain.attachments[0].content == b""


def test_B07_an_empty_or_huge_file_is_refused(bench: Bench) -> None:
    """0 bytes are a mistake; 150 million cannot be mailed (and are not read)."""
    bench.write("slips/0043.pdf", b"")
    with (bench.folder / "slips/0044.pdf").open("wb") as file:
        file.truncate(150_000_001)
    assert "0 bytes" in problem(bench, staff_no="0043")
    assert "too big" in problem(bench, staff_no="0044")


def test_B07_the_letters_size_tells_what_will_be_sent(bench: Bench) -> None:
    """Within a few per cent, so that a server's limit can be held against it."""
    bench.write("slips/0042.pdf", b"%PDF" + b"x" * 200_000)
    for body in ("body " * 400, "工资单" * 3000):
        template = bench.template(FROM + "Attachment: slips/{{ staff_no }}.pdf\n\n" + body)
        assert bench.letter(template).size == pytest.approx(len(bench.octets(template)), rel=0.05)


@pytest.mark.parametrize(
    "name",
    [
        "a/b.pdf",
        "a\\b.pdf",
        "..",
        "a\nb.pdf",
        "a\x00.pdf",
        "a\u202efdp.exe",
        "x" * 300 + ".pdf",
        "CON.pdf",
        "nul",
        'a"b.pdf',
        "a:b.pdf",
        "",
        " ",
    ],
)
def test_B08_names_that_cannot_be_saved_are_refused(bench: Bench, name: str) -> None:
    """Separators, control and direction characters, reserved and overlong names."""
    problem(bench, FROM + 'Attachment: slips/0042.pdf; name="{{ staff_no }}"\n\nb', staff_no=name)


def test_B08_one_mail_has_each_name_once(bench: Bench) -> None:
    """Two files of one name: the receiver would see one."""
    bench.write("a/x.pdf", b"%PDF-a")
    bench.write("b/X.pdf", b"%PDF-b")
    assert "called 'X.pdf'" in refusal(bench, FROM + "Attachment: a/x.pdf\nAttachment: b/X.pdf\n\nb")
    assert "called '0042.pdf'" in problem(
        bench,
        FROM + "Attachment: slips/{{ staff_no }}.pdf\nAttachment: a/x.pdf; name={{ staff_no }}.pdf\n\nb",
    )


def test_B09_files_that_are_not_what_their_names_say_are_told(bench: Bench) -> None:
    """A warning, not a refusal: the sender may know better."""
    bench.write("page.pdf", b"<html>")
    bench.write("tool.exe", b"MZ")
    template = bench.template(FROM + "Attachment: page.pdf\nAttachment: tool.exe\n\nb")
    assert [warning.split(" ")[0] for warning in template.warnings] == ["'page.pdf'", "'tool.exe'"]
    assert bench.template(OWN).warnings == ()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root reads everything")
def test_B10_an_unreadable_file_is_refused(bench: Bench) -> None:
    """No partial attachment."""
    (bench.folder / "slips/0042.pdf").chmod(0)
    assert "cannot be read" in problem(bench)


def test_B10_a_file_that_shrinks_while_it_is_read_is_refused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read must be as long as the file said it was."""
    real = os.read
    monkeypatch.setattr(os, "read", lambda descriptor, size: real(descriptor, size)[:5] if size > 5 else b"")
    template = bench.template(OWN)
    whole = os.read
    assert whole is not real
    monkeypatch.setattr(os, "read", lambda descriptor, size: b"" if size <= 12 else real(descriptor, 5))
    with pytest.raises(RowFault, match="changed while it was read"):
        bench.letter(template)


def test_B10_an_error_while_reading_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A vanished share."""

    def broken(descriptor: int, size: int) -> bytes:
        raise OSError(5, "Input/output error")

    template = bench.template(OWN)
    monkeypatch.setattr(os, "read", broken)
    with pytest.raises(RowFault, match="Input/output error"):
        bench.letter(template)


@pytest.mark.parametrize("cell", ["", "  "])
def test_B11_a_blank_cell_makes_no_path(bench: Bench, cell: str) -> None:
    """`.pdf` may exist, and would go to everybody."""
    bench.write("slips/.pdf", b"%PDF-default")
    bench.write("slips/None.pdf", b"%PDF-default")
    assert problem(bench, staff_no=cell).startswith("staff_no: is blank")
    spared = bench.template(FROM + "Attachment: slips/{{ staff_no.strip() or '0042' }}.pdf\n\nb")
    assert bench.letter(spared, staff_no=cell).attachments[0].name == "0042.pdf"


def test_a_condition_may_leave_an_attachment_out(bench: Bench) -> None:
    """Without a file for this row the mail is not mixed at all."""
    template = bench.template(FROM + "Attachment: {% if staff_no %}slips/{{ staff_no }}.pdf{% endif %}\n\nb")
    assert len(bench.letter(template).attachments) == 1
    assert parsed(bench.octets(template, staff_no="")).get_content_type() == "text/plain"


def test_numbers_in_paths_are_as_the_sheet_shows_them(bench: Bench) -> None:
    """`0042`, not `42.0`."""
    assert (
        bench.letter(bench.template(OWN), staff_no=RealCell(42.0, "0000")).attachments[0].name == "0042.pdf"
    )


@pytest.mark.parametrize(
    "value", ["a.pdf; type=x", "a.pdf; name=x; name=y", "", "slips/{{ staff.pdf", "; name=x"]
)
def test_attachment_headers_that_make_no_sense_are_refused(bench: Bench, value: str) -> None:
    """With their line."""
    assert "letter.txt:3" in refusal(bench, FROM + f"Attachment: {value}\n\nb")


def test_media_types(bench: Bench) -> None:
    """By the ending, the same on every machine; text says its charset; a mail in a mail is a plain file."""
    files = {
        "a.csv": ("ü,1".encode(), "text/csv", "utf-8"),
        "b.txt": (b"\xff\xfe", "application/octet-stream", None),
        "c.eml": (b"Subject: x\r\n\r\ny", "application/octet-stream", None),
        "d.docx": (b"PK", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", None),
        "e": (b"x", "application/octet-stream", None),
        "f.ics": (b"BEGIN:VCALENDAR", "text/calendar", "utf-8"),
    }
    head = FROM
    for name, (content, _, _) in files.items():
        bench.write(name, content)
        head += f"Attachment: {name}\n"
    parts = list(bench.mail(bench.template(head + "\nb")).iter_attachments())
    assert [
        (part.get_content_type(), part.get_content_charset(), part.get_payload(decode=True)) for part in parts
    ] == [(kind, charset, content) for content, kind, charset in files.values()]


@pytest.mark.parametrize(
    ("paths", "attached"),
    [
        ((), (0, 0)),
        (("terms.txt", "slips/{{ staff_no }}.pdf"), (2, 2)),
        (("{{ staff_no | trim }}",), (1, 1)),
        (("slips/{% if name %}{{ staff_no }}{% endif %}.pdf",), (1, 1)),
        (("terms.txt", "{% if staff_no %}slips/{{ staff_no }}.pdf{% endif %}"), (1, 2)),
        (("{{ folder }}{% if staff_no %}terms.txt{% endif %}",), (0, 1)),
        (("{% if folder %}terms.txt{% endif %}",), (0, 0)),
    ],
)
def test_how_many_files_a_mail_has_is_known_of_all_mails(
    bench: Bench, paths: tuple[str, ...], attached: tuple[int, int]
) -> None:
    """The fewest and the most: what is asked before a send is true of every row, not of the first alone."""
    bench.write("terms.txt", "terms")
    template = bench.template("\nb", attachments=paths, constants={"folder": ""})

    assert attached == template.attached
