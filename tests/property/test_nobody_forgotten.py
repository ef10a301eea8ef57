"""Whatever rows a list has: as many as there are in it are accounted for at the end, and each mail went to its own row's address."""

from __future__ import annotations

import csv
import io
import tempfile
from collections import Counter
from email import policy
from email.parser import BytesParser
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.program import log_lines, run_here, write_campaign, write_toml

GOOD = st.integers(1, 6).map(lambda n: f"p{n}@example.org")
BAD = st.sampled_from(
    [
        "",
        "nobody",
        "a@b@example.org",
        "x@",
        "@example.org",
        "p1@example.org, p2@example.org",
        "ü@",
        "a\nb@example.org",
    ]
)
NAME = st.sampled_from(
    ["Ann", "", "Zoë 王", "=1+1", 'O"Neil', "a;b,c", "two\nlines", "\u202eevil", "{{ id }}"]
)
ROW = st.one_of(st.tuples(st.one_of(GOOD, GOOD, BAD), NAME), st.just(None))


@given(
    rows=st.lists(ROW, max_size=12),
    excluded=st.sets(GOOD, max_size=2),
    limit=st.one_of(st.none(), st.integers(1, 5)),
)
@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_rows_in_are_rows_accounted_for(
    rows: list[tuple[str, str] | None], excluded: set[str], limit: int | None
) -> None:
    """Blank rows apart, each has one line in the log, in one state; the counts add up; sent ones have their mail, and nobody else has any."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "c"
        told = written(rows)
        write_campaign(folder, [], message="From: o@example.org\nSubject: Pay\n\nYours: {{ id }}\n")
        (folder / "people.csv").write_text(told, encoding="utf-8", newline="")
        (folder / "gone.txt").write_text("".join(f"{address}\n" for address in excluded), encoding="utf-8")
        write_toml(
            folder, "outbox:out", recipients='duplicates = "skip"\nexclude = ["gone.txt"]\nallow_empty = true'
        )
        words = ["--limit", limit] if limit else []
        ran = run_here("send", folder, "--yes", "--json", "--on-invalid", "send-others", *words)
        assert ran.code in (0, 1, 75), ran.err

        there = {str(number): row for number, row in enumerate(rows, 1) if row is not None}
        log = {line["key"]: line for line in log_lines(folder)} if there else {}
        counts = ran.json["counts"]
        assert counts["rows"] == len(there) == sum(counts.values()) - counts["rows"]
        assert set(log) == set(there)
        assert Counter(line["state"] for line in log.values()) == Counter(
            {state: number for state, number in counts.items() if state != "rows" and number}
        )
        assert mails(folder / "out") == {
            key: there[key][0] for key, line in log.items() if line["state"] == "sent"
        }
        assert ran.json["sent_now"] == counts["sent"] <= (limit or len(there))


def written(rows: list[tuple[str, str] | None]) -> str:
    """The list; a row's key is its place, and a None is a blank row."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["id", "email", "name"])
    for number, row in enumerate(rows, 1):
        writer.writerow(["", "", ""] if row is None else [number, *row])
    return text.getvalue()


def mails(outbox: Path) -> dict[str, str]:
    """Whose key each mail holds → to whom it went."""
    found = {}
    for file in sorted(outbox.rglob("*.eml")) if outbox.is_dir() else []:
        mail = BytesParser(policy=policy.default).parsebytes(file.read_bytes())
        key = mail.get_content().split()[-1]
        assert key not in found
        (only,) = mail["To"].addresses
        found[key] = only.addr_spec
    return found
