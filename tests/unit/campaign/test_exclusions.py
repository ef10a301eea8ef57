"""Who must not get mail: what a list of them may look like, and what is refused rather than passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailmerge_cli.address import parse_address
from mailmerge_cli.campaign.exclusions import Exclusions, read_exclusions
from mailmerge_cli.errors import Refused


def read(tmp_path: Path, text: str) -> Exclusions:
    file = tmp_path / "out.csv"
    file.write_text(text, encoding="utf-8")
    return read_exclusions([file])


@pytest.mark.parametrize(
    "text",
    [
        "ann@example.org",
        "email\nANN@example.org\n",
        "# exported\n\nE-mail\nann@example.org # left\n",
        '"email"\n"ann@example.org"\n',
        'email;date\nann@example.org;"1,5"\n',
        "when;who;by\n1,5;ann@example.org;boss@example.org\n",
    ],
)
def test_W09_exports_of_many_programs_are_read(tmp_path: Path, text: str) -> None:
    """A title, comments, quotes, other columns and other delimiters hide nobody; of a table the first address counts."""
    assert list(read(tmp_path, text).addresses) == ["ann@example.org"]


def test_W09_all_addresses_of_a_line_count(tmp_path: Path) -> None:
    """Whoever stands second on a line of addresses must not get mail either."""
    found = read(tmp_path, "ann@example.org; bob@example.org\n@example.com, cat@example.org\n")
    assert sorted(found.addresses) == ["ann@example.org", "bob@example.org", "cat@example.org"]
    assert found.reason(parse_address("x@EXAMPLE.com")) == "excluded by out.csv"


@pytest.mark.parametrize(
    "text",
    [
        "ann@exam ple.org\nbob@example.org\n",
        "a#b@example.org\nbob@example.org\n",
        "bob@example.org\nnobody\n",
        "bob@example.org\n" + "x" * 200_000 + ",y\n",
    ],
)
def test_W09_an_unknown_line_is_refused(tmp_path: Path, text: str) -> None:
    """A mistyped address is never passed over, not as a title on the first line either."""
    with pytest.raises(Refused, match="holds neither an address"):
        read(tmp_path, text)
