"""List, judge and template travel to another process together, and make the same of the same list there."""

from __future__ import annotations

import multiprocessing
import os
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from mailmerge_cli.campaign.judge import LeftOut
from mailmerge_cli.campaign.kit import Kit, packed, unpacked
from mailmerge_cli.errors import Refused
from mailmerge_cli.sources import open_source
from support.kits import kit_of, made_of, make_elsewhere
from support.tables import write_workbook

PEOPLE = [
    ("S1", "Li", "li@example.org"),
    ("S2", "Wang", "wang@example.org"),
    ("S3", "Zhao", "x@"),
    ("S4", "Q", "q@example.org"),
]


def _csv(folder: Path) -> Path:
    return _text(
        folder / "people.csv", "\n".join(",".join(row) for row in [("id", "name", "email"), *PEOPLE])
    )


def _chinese(folder: Path) -> Path:
    text = "id;name;email\nS1;李雷;li@example.org\nS2;王芳;wang@example.org\n"
    (folder / "people.csv").write_bytes(text.encode("gb18030"))
    return folder / "people.csv"


def _jsonl(folder: Path) -> Path:
    lines = [f'{{"id": "{key}", "name": "{name}", "email": "{address}"}}' for key, name, address in PEOPLE]
    return _text(folder / "people.jsonl", "\n".join(lines))


def _xlsx(folder: Path) -> Path:
    write_workbook(folder / "people.xlsx", [["id", "name", "email", "net"], *[[*row, 1.5] for row in PEOPLE]])
    return folder / "people.xlsx"


def _text(file: Path, text: str) -> Path:
    file.write_text(text + "\n", encoding="utf-8")
    return file


def in_another_process(kit: Kit) -> Any:
    octets = packed(kit)
    assert octets is not None
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=make_elsewhere, args=(octets, theirs))
    process.start()
    theirs.close()
    try:
        return ours.recv()
    finally:
        ours.close()
        process.join()
        process.close()


def here_again(kit: Kit) -> list[tuple[Any, ...]]:
    octets = packed(kit)
    assert octets is not None
    return made_of(unpacked(octets))


@pytest.mark.parametrize("write", [_csv, _chinese, _jsonl, _xlsx])
def test_every_kind_of_list_travels(tmp_path: Path, write: Any) -> None:
    """The same rows, judged and rendered the same, from an object that opened nothing itself."""
    with kit_of(write(tmp_path), where="id != 'S4'", excluded="wang@example.org") as kit:
        expected = made_of(kit)

        assert expected == here_again(kit)
        assert any(isinstance(verdict, LeftOut) for _, _, verdict, _ in expected)


def test_it_travels_to_a_spawned_process_with_its_own_to(tmp_path: Path) -> None:
    """`where`, the template's own To and exclusions go along."""
    with kit_of(_xlsx(tmp_path), where="net > 1", excluded="li@example.org", own_to=True) as kit:
        assert made_of(kit) == in_another_process(kit)


def test_the_judge_asks_the_very_template_that_came_with_it(tmp_path: Path) -> None:
    """One template in the other process, not two."""
    with kit_of(_csv(tmp_path), own_to=True) as kit:
        arrived = unpacked(packed(kit) or b"")

        assert arrived.judge._to is not None
        assert arrived.template is arrived.judge._to.__self__  # type: ignore[attr-defined]


def test_a_list_from_standard_input_travels_by_its_spool(tmp_path: Path) -> None:
    """The file lives as long as the process that keeps it."""
    octets = _csv(tmp_path).read_bytes()
    with kit_of(_csv(tmp_path)) as kit, open_source(None, stdin=BytesIO(octets)) as source:
        assert made_of(kit) == here_again(kit._replace(source=source))


def test_a_pass_under_way_stays_at_home(tmp_path: Path) -> None:
    """An open stream is no part of what travels."""
    with kit_of(_csv(tmp_path)) as kit:
        rows = kit.source.rows()
        next(rows)

        assert made_of(kit) == here_again(kit)
        rows.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("write", [_csv, _jsonl, _xlsx])
def test_F26_a_list_that_changed_on_the_way_is_refused(tmp_path: Path, write: Any) -> None:
    """Whoever reads it later reads what was opened, or nothing (65, `changed`)."""
    file = write(tmp_path)
    with kit_of(file) as kit:
        octets = packed(kit)
        assert octets is not None
        os.utime(file, ns=(1, 1))

        with pytest.raises(Refused) as caught:
            list(unpacked(octets).source.rows())
    assert "changed" == caught.value.reason


class _Stubborn:
    """A third party's source that cannot be pickled."""

    columns = ()
    fingerprint = "1"
    notes = ()

    def __reduce__(self) -> Any:
        raise TypeError("not me")


def test_a_source_that_cannot_travel_stays_at_home(tmp_path: Path) -> None:
    """No error: there is one process, then."""
    with kit_of(_csv(tmp_path)) as kit:
        assert packed(kit._replace(source=_Stubborn())) is None  # type: ignore[arg-type]
