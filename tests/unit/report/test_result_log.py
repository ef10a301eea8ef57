"""The result log grows by whole lines, survives a crash, and never takes the place of somebody's own file."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import pytest

from mailmerge_cli.errors import LedgerFault, UsageFault
from mailmerge_cli.model.delivery import Delivery, State
from mailmerge_cli.report.formats import LogFormat, heading, line_writer
from mailmerge_cli.report.lines import ATTEMPT_COLUMNS, LOG_COLUMNS
from mailmerge_cli.report.log_file import write_log_file
from mailmerge_cli.report.result_log import ResultLog
from support.deliveries import delivery

HEAD = heading(LogFormat.CSV, LOG_COLUMNS)


def log(path: Path) -> ResultLog:
    return ResultLog(path, run="2026-10", zone=UTC)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_L04_a_line_is_in_the_file_when_add_returns(tmp_path: Path) -> None:
    """A reader sees each row as soon as it is settled, while the log is still open."""
    path = tmp_path / "r.csv"
    with log(path).open() as results:
        assert path.read_bytes() == HEAD
        for number in (1, 2):
            results.add(delivery(number))
            assert [line["key"] for line in read(path)][-1] == f"{number:05}"


def test_C14_log_and_new_folders_are_private_whatever_the_umask(tmp_path: Path) -> None:
    """0600 and 0700, also under umask 0 and for a log that was wider, before and after the rewrite."""
    path = tmp_path / "a" / "b" / "r.csv"
    before = os.umask(0)
    try:
        with log(path).open() as results:
            assert (mode(path), mode(path.parent), mode(path.parent.parent)) == (0o600, 0o700, 0o700)
            path.chmod(0o644)
        with log(path).open() as results:
            assert mode(path) == 0o600
            results.rewrite([])
    finally:
        os.umask(before)
    assert mode(path) == 0o600


def test_a_later_call_goes_on_in_the_same_file(tmp_path: Path) -> None:
    """The same command again adds behind what is there; the heading stands once."""
    path = tmp_path / "r.csv"
    for number in (1, 2):
        with log(path).open() as results:
            results.add(delivery(number))

    assert [line["row"] for line in read(path)] == ["2", "3"]


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl"])
def test_L04_every_torn_end_is_mended(tmp_path: Path, name: str) -> None:
    """Wherever a crash cut the file, reopening leaves whole lines only and the next line starts on its own."""
    path = tmp_path / name
    with log(path).open() as results:
        results.add(delivery(1, reply='日本語, "quoted"\nand more'))
        results.add(delivery(2))
    whole = path.read_bytes()
    begins = [at for at in range(1, len(whole)) if whole[at - 1 : at] == b"\n"]

    for cut in range(len(whole)):
        path.write_bytes(whole[:cut] + b"\0" * (cut % 3))
        with log(path).open() as results:
            kept = path.read_bytes()
            results.add(delivery(3))
        head = HEAD if name == "r.csv" else b""
        assert kept == (whole[: max((at for at in begins if at <= cut), default=0)] or head)
        assert path.read_bytes().startswith(kept)
        assert path.read_bytes().count(b"00003") == 1


def test_L04_a_long_torn_line_is_mended(tmp_path: Path) -> None:
    """The end of the last whole line is found however far back it is."""
    path = tmp_path / "r.csv"
    path.write_bytes(HEAD + b"x" * 200_000)
    with log(path).open():
        assert path.read_bytes() == HEAD


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl"])
def test_L04_kill_at_any_moment_leaves_whole_lines(tmp_path: Path, name: str) -> None:
    """A child that is killed while it writes leaves every line that it said was written, whole."""
    path = tmp_path / name
    script = f"""
        from pathlib import Path
        from support.deliveries import delivery
        from mailmerge_cli.report.result_log import ResultLog
        log = ResultLog(Path({str(path)!r}), run="2026-10").open()
        number = 0
        while True:
            number += 1
            log.add(delivery(number))
            if number % 50 == 0:
                print(number, flush=True)
    """
    chance = random.Random(4)
    for _ in range(3):
        path.unlink(missing_ok=True)
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        with child:
            assert child.stdout is not None
            lines = [child.stdout.readline() for _ in range(chance.randrange(1, 40))]
            child.send_signal(signal.SIGKILL)
            lines += child.stdout.readlines()
        promised = int(lines[-1])
        with log(path).open():
            pass
        found = (
            read(path) if name == "r.csv" else [json.loads(line) for line in path.read_text().splitlines()]
        )
        assert len(found) >= promised
        assert [line["key"] for line in found] == [f"{number:05}" for number in range(1, len(found) + 1)]


def test_rewrite_leaves_one_line_a_recipient(tmp_path: Path) -> None:
    """At the end the file equals the ledger: attempts that were superseded are gone, rows never tried are there."""
    path = tmp_path / "r.csv"
    with log(path).open() as results:
        results.add(delivery(1, State.DEFERRED))
        results.add(delivery(1))
        results.rewrite([delivery(1), delivery(2, State.PENDING), delivery(3, State.SENDING)])

    assert [(line["key"], line["state"]) for line in read(path)] == [
        ("00001", "sent"), ("00002", "pending"), ("00003", "in_doubt"),
    ]  # fmt: skip
    assert [file.name for file in tmp_path.iterdir()] == ["r.csv"]


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_long_rewrite_is_line_for_line_what_each_row_is(tmp_path: Path, ending: str) -> None:
    """However many rows are made at a time, and whether or not one of them needs care."""
    path = tmp_path / f"r.{ending}"
    rows = [delivery(number, reply="=1;2" if number == 700 else "Ok") for number in range(1, 1203)]
    results = log(path).open()

    results.rewrite(iter(rows))

    line = line_writer(LogFormat(ending), LOG_COLUMNS)
    one_by_one = b"".join(line(results.lines.cells(row)) for row in rows)
    assert path.read_bytes() == heading(LogFormat(ending), LOG_COLUMNS) + one_by_one
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_K13_a_rewrite_that_fails_leaves_the_old_log(tmp_path: Path) -> None:
    """A ledger that breaks in the middle of telling costs no line of what was there, and leaves no rubbish."""

    def broken() -> Iterator[Delivery]:
        yield delivery(1)
        raise LedgerFault("the ledger cannot be read")

    path = tmp_path / "r.csv"
    with log(path).open() as results:
        results.add(delivery(1))
        before = path.read_bytes()
        with pytest.raises(LedgerFault, match="ledger"):
            results.rewrite(broken())

    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["r.csv"]


def test_rewrite_after_rewrite_is_the_same(tmp_path: Path) -> None:
    """Telling the same ledger twice gives the same octets."""
    path = tmp_path / "r.jsonl"
    log(path).rewrite([delivery(1)])
    before = path.read_bytes()
    log(path).rewrite([delivery(1)])

    assert (
        path.read_bytes()
        == before
        == line_writer(LogFormat.JSONL, LOG_COLUMNS)([json.loads(before)[column] for column in LOG_COLUMNS])
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("r.csv", b"name,e-mail\r\nWang,wang@example.org\r\n"),
        ("r.csv", b"\r\nrun,row"),
        ("r.csv", b"\xef\xbb\xbfrun,row\r\n1,2\r\n"),
        ("r.csv", b"one word"),
        ("r.jsonl", b'{"email": "wang@example.org"}\n'),
        ("r.xlsx", b"no workbook at all"),
    ],
)
def test_another_file_is_never_overwritten(tmp_path: Path, name: str, content: bytes) -> None:
    """`--results recipients.csv` by mistake must not cost the list: neither open nor rewrite touches it."""
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(LedgerFault, match="is not a result log"):
        log(path).open()
    with pytest.raises(LedgerFault, match="is not a result log"):
        log(path).rewrite([delivery(1)])

    assert path.read_bytes() == content


def test_a_workbook_of_somebody_s_own_is_never_overwritten(tmp_path: Path) -> None:
    """The payroll itself, named as result log."""
    from openpyxl import Workbook

    path = tmp_path / "payroll.xlsx"
    book = Workbook()
    book.worksheets[0].append(["Staff no.", "net"])
    book.save(path)

    with pytest.raises(LedgerFault, match="is not a result log"):
        log(path).open()


def test_a_damaged_workbook_is_told_and_left_alone(tmp_path: Path) -> None:
    """Whatever openpyxl makes of it, it is no log that may be overwritten."""
    from zipfile import ZipFile

    path = tmp_path / "r.xlsx"
    write_log_file(path, LOG_COLUMNS, [])
    with ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    with ZipFile(path, "w") as book:
        for name, content in parts.items():
            book.writestr(name, content[: len(content) // 2] if name == "xl/workbook.xml" else content)

    with pytest.raises(LedgerFault, match="is not a result log"):
        log(path).open()


@pytest.mark.parametrize("columns", [LOG_COLUMNS, ATTEMPT_COLUMNS, (*LOG_COLUMNS, "later")])
@pytest.mark.parametrize("name", ["r.csv", "r.xlsx", "r.jsonl"])
def test_a_log_of_ours_may_be_replaced(tmp_path: Path, name: str, columns: tuple[str, ...]) -> None:
    """Logs of rows or of attempts, and those of a later version with more columns, are known again."""
    path = tmp_path / name
    write_log_file(path, columns, [["2026-10", *range(len(columns) - 1)]])

    log(path).rewrite([delivery(1)])

    assert path.stat().st_size > 0


def test_C15_links_and_devices_are_refused(tmp_path: Path) -> None:
    """A symbolic link is not followed, a pipe does not hang, a folder is named as what it is."""
    own = tmp_path / "own.csv"
    own.write_bytes(HEAD)
    (tmp_path / "link.csv").symlink_to(own)
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()

    for name, why in (("link", "symbolic link"), ("pipe", "no regular file"), ("folder", "no regular file")):
        with pytest.raises(LedgerFault, match=why):
            log(tmp_path / f"{name}.csv").open()


def test_K14_a_log_that_cannot_be_written_is_told_before_the_first_send(tmp_path: Path) -> None:
    """The sentence names the file and the cause, and says where the results are anyway."""
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(
        LedgerFault, match=r"r\.csv cannot be written: a part of the path is not a folder"
    ) as caught:
        log(tmp_path / "file" / "r.csv").open()

    assert "--results" in caught.value.hint
    assert caught.value.exit_code == 74


def test_K14_a_read_only_folder_is_told_before_the_first_send() -> None:
    """The rename at the end needs the folder, so it is tried at once. Root may write anywhere, so somebody else tries."""
    script = """
        import os, sys
        from pathlib import Path
        from mailmerge_cli.errors import LedgerFault
        from mailmerge_cli.report.result_log import ResultLog
        if os.geteuid() == 0:
            os.setuid(65534)
        try:
            ResultLog(Path(sys.argv[1]) / "r.csv", run="r").open()
        except LedgerFault as error:
            print(error.message)
    """
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        shown = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script), folder],
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert "r.csv cannot be written: no permission" in shown


def test_K14_a_full_disk_in_mid_run_is_told_and_leaves_whole_lines(tmp_path: Path) -> None:
    """The write that does not fit raises 74; the file ends with the last line that did."""
    path = tmp_path / "r.csv"
    script = f"""
        import resource
        from pathlib import Path
        from support.deliveries import delivery
        from mailmerge_cli.errors import LedgerFault
        from mailmerge_cli.report.result_log import ResultLog
        log = ResultLog(Path({str(path)!r}), run="2026-10").open()
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            for number in range(1, 100):
                log.add(delivery(number))
        except LedgerFault as error:
            print(number, error.message)
    """
    shown = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert "cannot be written: the file may not grow any more" in shown
    assert [line["key"] for line in read(path)] == [
        f"{number:05}" for number in range(1, int(shown.split()[0]))
    ]
    assert path.read_bytes().endswith(b"\r\n")


def test_a_workbook_is_written_at_the_end_only(tmp_path: Path) -> None:
    """.xlsx cannot grow by lines: `add` costs nothing, `rewrite` writes all."""
    path = tmp_path / "r.xlsx"
    with log(path).open() as results:
        results.add(delivery(1))
        assert not path.exists()
        results.rewrite([delivery(1)])

    assert path.read_bytes().startswith(b"PK")
    assert mode(path) == 0o600
    log(path).open().close()


def test_another_ending_is_refused_before_anything_else(tmp_path: Path) -> None:
    """A name that no form belongs to is a fault of the command line."""
    with pytest.raises(UsageFault):
        log(tmp_path / "results.txt")
