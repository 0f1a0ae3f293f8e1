"""The reading process: what it may not do to the service."""

import asyncio
import os
from zoneinfo import ZoneInfo

import pytest

from digest.collect.reader import Reader
from digest.collect.source import Parsed
from digest.errors import SourceUnreadableError
from tests.collect.paper import item, rss

pytestmark = pytest.mark.anyio


async def read(reader: Reader, body: bytes) -> Parsed:
    return await reader.read("feed", body, "text/xml", "https://paper.example/rss", ZoneInfo("Asia/Seoul"))


def slow() -> bytes:
    """A document that takes the parser very long: its comments never end, and each is looked for to the end."""
    return b"<rss>" + b"<!--" * 300_000


async def test_documents_are_read_in_one_lasting_process_of_their_own() -> None:
    """Starting one for each would cost half a second a fetch."""
    async with Reader() as reader:
        first = await read(reader, rss(item(1)).encode())
        child = reader.pid
        second = await read(reader, rss(item(2)).encode())
        assert [one.articles[0].guid for one in (first, second)] == ["paper-1", "paper-2"]
        assert reader.pid == child != os.getpid()
    assert reader.pid is None


async def test_a_document_that_takes_too_long_costs_only_its_own_turn() -> None:
    """The child is killed, and the next document gets a new one."""
    async with Reader(max_seconds=0.5) as reader:
        with pytest.raises(SourceUnreadableError, match=r"more than 0\.5 seconds"):
            await read(reader, slow())
        assert reader.pid is None
    async with Reader() as reader:
        assert len((await read(reader, rss(item(1)).encode())).articles) == 1


async def test_one_that_takes_too_long_takes_none_along_that_were_asked_for_with_it() -> None:
    """Documents lie ready in the child; each has its own time, and its own answer."""
    async with Reader(max_seconds=0.5) as reader:
        await read(reader, rss(item(0)).encode())  # so that starting it is over
        bodies = [rss(item(1)).encode(), slow(), rss(item(2)).encode(), rss(item(3)).encode()]
        answers = await asyncio.gather(*(read(reader, body) for body in bodies), return_exceptions=True)
    guids = [one.articles[0].guid if isinstance(one, Parsed) else type(one).__name__ for one in answers]
    assert guids == ["paper-1", "SourceUnreadableError", "paper-2", "paper-3"]


async def test_the_service_goes_on_while_a_document_is_read() -> None:
    """Web pages and mails must not wait for a parser."""
    async with Reader(max_seconds=0.5) as reader:
        reading = asyncio.create_task(read(reader, slow()))
        turns = 0
        while not reading.done():
            await asyncio.sleep(0.01)
            turns += 1
        assert turns > 5
        with pytest.raises(SourceUnreadableError):
            await reading


async def test_a_document_that_needs_too_much_memory_is_unreadable() -> None:
    """And the reader is of use again at once."""
    async with Reader(max_memory_bytes=250_000_000) as reader:
        big = rss(item(1, description="가" * 25_000_000)).encode()
        with pytest.raises(SourceUnreadableError, match="memory"):
            await read(reader, big)
        assert len((await read(reader, rss(item(1)).encode())).articles) == 1


async def test_a_cancelled_reading_leaves_no_answer_for_the_next() -> None:
    """Otherwise one source's articles would be stored as another's."""
    async with Reader() as reader:
        await read(reader, rss(item(1)).encode())
        cancelled = asyncio.create_task(read(reader, rss(item(2)).encode()))
        await asyncio.sleep(0)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        assert (await read(reader, rss(item(3)).encode())).articles[0].guid == "paper-3"


async def test_an_adapter_that_fails_unforeseen_is_told_and_survived() -> None:
    """A fault of ours must not pass for a fault of the paper."""
    async with Reader() as reader:
        with pytest.raises(SourceUnreadableError, match="not foreseen"):
            await reader.read("no-such-type", b"<rss/>", "", "https://p.example/", ZoneInfo("Asia/Seoul"))
        assert len((await read(reader, rss(item(1)).encode())).articles) == 1
