"""What nearly every mail is goes a quick way: it says exactly what the general way says, or leaves it to that."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailmerge_cli.transports.smtp import SmtpTransport, commands, replies
from mailmerge_cli.transports.smtp.conversation import Conversation
from mailmerge_cli.transports.smtp.envelope import group
from mailmerge_cli.transports.smtp.offers import Offers
from mailmerge_cli.transports.smtp.reply import Botched, Reply, ReplyParser
from mailmerge_cli.transports.smtp.states import WRITABLE, Step
from support.feeds import KnownSecrets, RecordingFeed, a_mail, an_account
from support.scripted_smtp import ScriptedServer

OCTETS = st.lists(st.sampled_from([b".", b"\r\n", b"\n", b"\r", b"a", b"b.c"]), max_size=8).map(b"".join)


@given(OCTETS)
@example(b"")
@example(b"\n")
@example(b".\r\n")
@example(b"a\r\n.\r\n")
@example(b"a\r\n.")
def test_P22_a_whole_content_is_a_stuffed_one(content: bytes) -> None:
    """Octet by octet what stuffing gives; and where a line's end ends it and no line begins with a dot, it is given."""
    general = b"".join((*commands.stuffed((content,)), commands.END_OF_DATA))
    nothing_to_stuff = content.endswith(b"\n") and not (content.startswith(b".") or b"\n." in content)
    assert commands.whole((content,)) == (general if nothing_to_stuff else None)


@pytest.mark.parametrize("content", [(), (b"a\r\n", b"b\r\n"), (b"a" * 9000 + b"\r\n",)])
def test_only_a_small_content_in_one_piece_is_whole(content: tuple[bytes, ...]) -> None:
    """Neither is a large piece copied, nor are pieces joined to be looked at."""
    assert commands.whole(content) is None


LINE = st.one_of(
    st.binary(max_size=30),
    st.from_regex(rb"[2-5]\.[0-9]{1,4}\.[0-9]{1,3}[ \t]{0,2}[ -\xff]{0,30}", fullmatch=True),
    st.builds(lambda text, count: b"2.0.0 " + text * count, st.sampled_from([b"x", b"x ", b" x"]), st.integers(0, 600)),
)  # fmt: skip


@given(LINE)
@example(b"2.0.0 Ok: queued as 4F00A12B3C")
@example(b"2.0.0 Ok ")
@example(b"2.0.0  Ok")
@example(b"2.0.0 ")
@example(b"2.0.0\n Ok")
@example(b"2.0.0 Ok\n")
def test_a_plain_reply_tells_what_any_reply_tells(line: bytes) -> None:
    """A second line that is empty takes the general way, and adds nothing to the text."""
    assert Reply(250, (line,)).told == Reply(250, (line, b"")).told


TEXT = st.one_of(
    st.text(max_size=12),
    st.from_regex(r"(?i)ok: queued as [0-9a-z<>;,. _²é-]{0,140}", fullmatch=True),
    st.from_regex(r"(?:id=|ok |queued as |1 )[0-9a-z.-]{0,8}", fullmatch=True),
)


@given(TEXT)
@example("Ok: queued as 4F00A12B3C")
@example("Ok: queued as " + "a" * 129)
@example("Ok: queued as A\n")
@example("Ok: queued as A.")
@example("Ok: queued as A;B")
@example("id=")
@example("id=7")
@example("Ok")
def test_an_id_is_found_as_the_forms_find_it(text: str) -> None:
    """The usual answer and the one that is too short for an id: the list of forms says the same."""
    found = (match[1].rstrip(".") for form in replies._ID if (match := form.search(text)))
    assert replies.remote_id(text) == next(found, "")


@given(st.one_of(st.binary(max_size=6), st.from_regex(rb"[0-9]{1,4}[ _-]?[a-z]?", fullmatch=True)))
def test_P17_a_code_is_three_digits_from_200_to_599(line: bytes) -> None:
    """RFC 5321 §4.2: digits, a separator or nothing; all else is no SMTP."""
    line = line.replace(b"\n", b"")
    bare = line.removesuffix(b"\r")
    code = bare[:3]
    good = code.isdigit() and len(code) == 3 and 200 <= int(code) < 600 and bare[3:4] in (b"", b" ", b"-")
    found: list[Reply] = []
    parser = ReplyParser()
    try:
        parser.receive(line + b"\n", found)
    except Botched:
        assert not good
        return
    assert good
    assert found == ([] if bare[3:4] == b"-" else [Reply(int(code), (bare[4:],))])


@given(st.lists(st.sampled_from(list(Step)), min_size=1, max_size=4))
def test_a_step_that_may_not_be_in_a_group_is_found_at_any_place(steps: list[Step]) -> None:
    """All replies are in and the state is READY: a group passes if each of its steps may be written then."""
    talk = Conversation()
    talk.receive(b"220 hi\r\n")
    talk.ask(Step.EHLO)
    talk.receive(b"250 hi\r\n")
    if all(step not in WRITABLE or talk.state in WRITABLE[step] for step in steps):
        talk.ask(*steps)
        assert list(talk.asked) == steps
    else:
        with pytest.raises(AssertionError):
            talk.ask(*steps)


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("recipients", [1, 2, 3])
def test_a_group_is_its_lines(recipients: int, reset: bool) -> None:
    """RSET if it is wanted, MAIL, a RCPT each, and DATA for one recipient only."""
    addresses = tuple(f"p{number}@example.org" for number in range(recipients))
    mail = a_mail(1, addresses)
    lines = ["RSET"] * reset + [f"MAIL FROM:<hr@example.org> SIZE={mail.size}"]
    lines += [f"RCPT TO:<{address}>" for address in addresses] + ["DATA"] * (recipients == 1)
    assert group(mail, Offers(sized=True), reset=reset).decode() == "".join(f"{line}\r\n" for line in lines)


@pytest.mark.parametrize("pipelining", ["off", "envelope", "next"])
def test_the_trace_has_every_reply_of_an_accepted_mail(pipelining: str) -> None:
    """Replies that need no weighing are told all the same: as many as there were commands, and the greeting."""
    told: list[str] = []
    with ScriptedServer(extensions=("PIPELINING", "SIZE 1000000")) as server:
        feed = RecordingFeed([a_mail(1), a_mail(2), a_mail(3)], server=server)
        transport = SmtpTransport(an_account(server, pipelining=pipelining), KnownSecrets(), told.append)
        asyncio.run(transport.carry(feed))
    feed.check()
    assert sum(line.startswith("S: ") for line in told) == 1 + sum(line.startswith("C: ") for line in told)
    assert sum(line.startswith("S: 354") for line in told) == 3
