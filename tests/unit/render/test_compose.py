"""The octets: dates, encodings, boundaries, sizes of pieces."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailmerge_cli.render.compose import encode_body, rfc5322_date
from support.letters import FROM, MESSAGE_ID, MOMENT, Bench, assert_safe_for_smtp, parsed

ZONES = st.timedeltas(timedelta(hours=-14), timedelta(hours=14)).map(
    lambda delta: timezone(timedelta(minutes=int(delta.total_seconds() // 60)))
)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=ZONES))
def test_A21_dates_have_their_zone(moment: datetime) -> None:
    """As the standard library writes them, whatever the locale."""
    assert rfc5322_date(moment) == format_datetime(moment.replace(microsecond=0))


def test_A21_equal_moments_have_each_their_zone(tmp_path: Path) -> None:
    """A date is made once for a pass, but 09:30 in London is not written where 17:30 in Shanghai is meant."""
    bench = Bench(tmp_path)
    template = bench.template("\nb")
    letter = bench.letter(template)
    there = MOMENT.astimezone(timezone(timedelta(hours=8)))
    assert there == MOMENT
    dates = [
        parsed(b"".join(template.compose(letter, MESSAGE_ID, moment)))["Date"]
        for moment in (MOMENT, MOMENT, there, MOMENT)
    ]
    assert dates == [format_datetime(moment) for moment in (MOMENT, MOMENT, there, MOMENT)]


def test_A20_the_message_id_is_the_given_one(tmp_path: Path) -> None:
    """Nothing is made up here; all attempts of one intent have one."""
    bench = Bench(tmp_path)
    assert parsed(bench.octets(bench.template("\nb")))["Message-ID"] == MESSAGE_ID


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("plain\n", 0),
        ("a" * 990 + "\n", 0),
        ("a" * 991 + "\n", 1),
        ("f\xfcr dich\n" * 5, 1),
        ("工资单\n", 2),
        (".\n", 1),
        ("a\n.b\n", 2),
        ("a\x0cb\n", 1),
        ("a\0\n", 1),
        ("\n", 0),
    ],
)
def test_T14_how_bodies_are_encoded(text: str, encoding: int) -> None:
    """Plainly where it is safe; readable where most is Latin; base64 else."""
    found, octets = encode_body(text)
    assert found == encoding
    assert_safe_for_smtp(octets)


@given(
    st.lists(
        st.one_of(
            st.sampled_from(["a", ".a", "", "-" * 24, "\t", "\x07", "\x7f", "\r", "é", "." * 5, "=_"]),
            st.integers(980, 1000).map("b".__mul__),
            st.integers(980, 1000).map("é".__mul__),
            st.text(max_size=60),
        ),
        max_size=9,
    )
)
def test_T14_a_body_goes_as_it_is_where_each_of_its_lines_may(lines: list[str]) -> None:
    """Looked at as a whole, it is what looking at each line alone would find."""
    boundary, text = "-" * 24, "\n".join([*lines, ""]) or "\n"
    octets = text.encode().split(b"\n")
    controls = {chr(octet) for octet in (*range(32), 127)} - {"\t", "\n"}
    may = text.isascii() and boundary not in text and not set(text) & controls
    may = may and all(len(line) <= 990 and not line.startswith(b".") for line in octets)
    assert (encode_body(text, boundary)[0] == 0) == may
    if may:
        assert encode_body(text, boundary)[1] == b"\r\n".join(octets)


def test_a_body_cannot_hold_the_boundary(tmp_path: Path) -> None:
    """Whoever copies a boundary out of an earlier mail into a cell ends no part with it."""
    bench = Bench(tmp_path)
    template = bench.template("\n<p>{{ name }}</p>", "m.html")
    boundary = bench.mail(template).get_boundary()
    attack = f"x\n--{boundary}--\n--{boundary}\nContent-Type: text/html\n\nevil"
    row = bench.row(name=attack)
    from mailmerge_cli.model.mail import Recipient

    letter = template.render(row, Recipient(2, "k", "wang@example.org"))
    message = parsed(b"".join(template.compose(letter, MESSAGE_ID, MOMENT)))
    parts = list(message.iter_parts())
    assert len(parts) == 2
    assert [part.get_content().replace("\r\n", "\n").rstrip() for part in parts] == [
        (letter.text or "").rstrip(),
        (letter.html or "").rstrip(),
    ]


def test_A05_an_encoded_word_of_a_cell_stays_a_text(tmp_path: Path) -> None:
    """What looks like an encoded word is encoded itself, so nothing is decoded out of it."""
    bench = Bench(tmp_path)
    attack = "hi =?utf-8?q?=0D=0ABcc:_inj@example.com?= there"
    message = bench.mail(
        bench.template("From: a@example.org\nSubject: {{ name }}\nX-N: {{ name }}\n\nb"), name=attack
    )
    assert (message["Subject"], message["X-N"]) == (attack, attack)
    # Python 3.11 puts a space between two encoded words of a phrase, where RFC 2047 §6.2 has none.
    assert message["To"].addresses[0].display_name.replace(" ", "") == attack.replace(" ", "")
    assert sorted(message.keys()) == sorted(
        [
            "From",
            "To",
            "Subject",
            "X-N",
            "Date",
            "Message-ID",
            "MIME-Version",
            "Content-Type",
            "Content-Transfer-Encoding",
        ]
    )


def test_small_mails_are_one_piece(tmp_path: Path) -> None:
    """One write for the transport."""
    bench = Bench(tmp_path)
    template = bench.template(FROM + "\n<p>x</p>", "m.html")
    assert len(template.compose(bench.letter(template), MESSAGE_ID, MOMENT)) == 1
