"""Base64 is what the standard library writes, with CRLF, at every length and from several threads."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailmerge_cli.render.base64 import base64_lines

BOARD = 1024 * 57


def expected(content: bytes) -> bytes:
    """Lines of 76, each ended by CRLF (RFC 2045 §6.8)."""
    return base64.encodebytes(content).replace(b"\n", b"\r\n")


@given(st.binary(max_size=400))
def test_short_ones(content: bytes) -> None:
    """Whole lines, a rest, and nothing at all."""
    assert base64_lines(content) == expected(content)
    assert base64_lines(content, b"A: b\r\n\r\n") == b"A: b\r\n\r\n" + expected(content)


@pytest.mark.parametrize("more", [-58, -57, -1, 0, 1, 57, BOARD, 2 * BOARD + 3])
def test_long_ones(more: int) -> None:
    """Around the board's size, and of several boards."""
    content = bytes(number * 7 % 251 for number in range(BOARD + more))
    assert base64_lines(content, b"X: y\r\n") == b"X: y\r\n" + expected(content)


def test_threads_have_boards_of_their_own() -> None:
    """No octet of one file in another one's lines (law 1)."""
    contents = [bytes([number]) * (1000 * number + 5) for number in range(1, 60)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(base64_lines, contents * 20))
    assert made == [expected(content) for content in contents] * 20
