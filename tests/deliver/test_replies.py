"""Cutting what a server sends into replies."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.deliver.transports.smtp.replies import UNREADABLE, ReplyReader

SAID = b"250-2.1.0 first\r\n250 2.1.0 second\r\n354 go\r\n421\r\n550 5.1.1 \xea\xb0\x80\xec\x98\xa8\r\n"
READ = [(250, b"2.1.0 first\r 2.1.0 second\r"), (354, b"go\r"), (421, b""), (550, b"5.1.1 \xea\xb0\x80\xec\x98\xa8\r")]


@given(cuts=st.lists(st.integers(0, len(SAID))))
def test_replies_are_the_same_however_they_were_split(cuts: list[int]) -> None:
    """A network may cut anywhere, in the middle of a code too."""
    reader = ReplyReader()
    edges = [0, *sorted(cuts), len(SAID)]
    read = [reply for start, end in pairwise(edges) for reply in reader.feed(SAID[start:end])]
    assert read == READ
    assert not reader.unfinished


@pytest.mark.parametrize("said", [b"banana", b"2", b"25x ok", b"199 low", b"600 high", b"250_ok", b"", b"\xff50 ok"])
def test_what_is_no_reply_is_told_and_ends_the_reading(said: bytes) -> None:
    """Nothing after it could be paired with a command."""
    read = ReplyReader().feed(b"250 fine\r\n" + said + b"\r\n250 late\r\n")
    assert [code for code, _ in read] == [250, UNREADABLE]


@pytest.mark.parametrize("line_end", [b"", b"\r\n"])
def test_a_line_without_end_is_not_kept(line_end: bytes) -> None:
    """A server must not fill our memory."""
    reader = ReplyReader()
    read = [reply for _ in range(3) for reply in reader.feed(b"250 " + b"x" * 4000)]
    assert (read or reader.feed(line_end))[0][0] == UNREADABLE


def test_a_reply_of_endless_lines_is_not_kept() -> None:
    """The same in small pieces."""
    reader = ReplyReader()
    read = [reply for _ in range(100) for reply in reader.feed(b"250-" + b"x" * 1000 + b"\r\n")]
    assert read[0][0] == UNREADABLE
