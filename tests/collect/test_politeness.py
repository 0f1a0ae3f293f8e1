"""One request at a time per host, and when a source is asked again."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from digest.clock import monotonic_seconds
from digest.collect import freshness, memory
from digest.collect.politeness import HostQueue, host_of
from digest.outbound import is_named

NOW = datetime(2026, 11, 23, tzinfo=UTC)
BOUNDS = freshness.Bounds(timedelta(minutes=10), timedelta(minutes=5), timedelta(hours=24))


@pytest.mark.anyio
async def test_a_host_gets_one_request_at_a_time_and_others_do_not_wait() -> None:
    """Whatever asks, in whatever order."""
    hosts, at_once, most = HostQueue(pause_seconds=0), {"a": 0, "b": 0}, {"a": 0, "b": 0}

    async def ask(host: str) -> None:
        async with hosts.turn(f"https://{host}/rss"):
            at_once[host] += 1
            most[host] = max(most[host], at_once[host])
            await asyncio.sleep(0)
            at_once[host] -= 1

    await asyncio.gather(*(ask(host) for host in "ab" * 10))
    assert most == {"a": 1, "b": 1}


@pytest.mark.anyio
async def test_a_pause_lies_between_two_requests_but_not_at_the_operators_own_host() -> None:
    """And a crawl-delay makes it longer."""
    hosts = HostQueue(pause_seconds=0.02, private_hosts=["own.example:8000"])

    async def seconds(url: str) -> float:
        began = monotonic_seconds()
        for _ in range(2):
            async with hosts.turn(url):
                pass
        return monotonic_seconds() - began

    assert await seconds("https://paper.example/rss") >= 0.02
    hosts.slow_down("https://paper.example/", 0.05)
    assert await seconds("https://paper.example/rss") >= 0.05
    hosts.slow_down("http://own.example:8000/", 30)
    assert await seconds("http://own.example:8000/rss") < 30


@pytest.mark.parametrize("named", ["own.example", "own.example:8000", "OWN.example"])
@pytest.mark.anyio
async def test_the_operators_own_host_may_be_named_without_its_port(named: str) -> None:
    """As the address guard takes it; another port is another server, and one that is not named gets its pause."""
    hosts = HostQueue(pause_seconds=3600, private_hosts=[named])
    for _ in range(2):
        async with hosts.turn("http://own.example:8000/rss"):
            pass
    hosts.slow_down("http://own.example:8000/", 30)
    async with asyncio.timeout(5), hosts.turn("http://own.example:8000/rss"):
        pass
    assert not is_named(frozenset(["own.example:8000"]), "http://own.example/rss")


def test_a_host_is_named_without_login_and_in_small_letters() -> None:
    """Ports are different servers."""
    assert [host_of(url) for url in ("HTTPS://me:pw@Paper.Example:81/x", "http://[::1", "")] == [
        "paper.example:81", "", "",
    ]  # fmt: skip


def test_the_interval_follows_how_often_a_source_brings_something() -> None:
    """From five minutes to a day; one below the shortest bound stays as the operator wrote it."""
    interval: timedelta | None = None
    for _ in range(10):
        interval = freshness.next_interval(interval, BOUNDS, has_brought=True)
    assert interval == timedelta(minutes=5)
    for _ in range(100):
        interval = freshness.next_interval(interval, BOUNDS, has_brought=False)
    assert interval == timedelta(hours=24)
    own = freshness.Bounds(timedelta(seconds=20), timedelta(minutes=5), timedelta(hours=24))
    assert freshness.next_interval(None, own, has_brought=False) == timedelta(seconds=20)


def test_what_the_site_asks_is_heeded_up_to_an_hour() -> None:
    """ttl, max-age, Expires: whole days are defaults of servers."""

    def minutes(quiet_seconds: float) -> float:
        at = freshness.planned(
            NOW, interval=timedelta(minutes=10), quiet_seconds=quiet_seconds, cutoffs=(), source_id=1
        )
        return (at - NOW) / timedelta(minutes=1)

    assert [minutes(seconds) for seconds in (0, 60, 1800, 86_400)] == [10, 10, 30, 60]


def test_sources_are_looked_at_shortly_before_a_cutoff_unless_asked_not_to() -> None:
    """Each at a time of its own, and never later than the interval says."""
    cutoff = NOW + timedelta(hours=2)

    def at(source_id: int, *, hours: float = 5, quiet_seconds: float = 0) -> datetime:
        interval = timedelta(hours=hours)
        return freshness.planned(
            NOW, interval=interval, quiet_seconds=quiet_seconds, cutoffs=[cutoff], source_id=source_id
        )

    looks = {at(number) for number in range(50)}
    assert len(looks) == 50
    assert all(timedelta(minutes=2) <= cutoff - look <= timedelta(minutes=10) for look in looks)
    assert at(1, hours=1) == NOW + timedelta(hours=1)
    cutoff = NOW + timedelta(minutes=30)
    assert at(1, quiet_seconds=3600) == NOW + timedelta(hours=5)


def test_a_source_is_given_up_after_two_weeks_of_trying() -> None:
    """Not after two weeks of being switched off."""
    weeks_ago = NOW - timedelta(days=14)
    assert freshness.is_given_up(NOW, failing_since=weeks_ago, failures=56)
    assert not freshness.is_given_up(NOW, failing_since=weeks_ago, failures=3)
    assert not freshness.is_given_up(NOW, failing_since=weeks_ago + timedelta(hours=1), failures=56)


def test_a_memory_is_read_back_only_with_the_same_settings() -> None:
    """Another section, another release, another zone: everything is read anew."""
    known = {"0a" * 8: "1" * 48, "ff" * 8: "2" * 48}
    kept = memory.Memory(b"settings", b"b" * 16, 3600, memory.packed_entries(known))
    assert memory.unpacked(memory.packed(kept), b"settings") == kept
    assert (kept.count, memory.entries_of(kept)) == (2, known)
    assert memory.unpacked(memory.packed(kept), b"settingz") == memory.Memory(b"settingz")
    assert memory.unpacked(memory.packed(kept) + b"more", b"settings") == memory.Memory(b"settings")
    assert memory.unpacked(None, b"settings") == memory.Memory(b"settings")


def test_articles_that_share_a_mark_clash() -> None:
    """Marks they do not have are not shared."""
    one, two = (memory.marks((guid * 64, "2" * 64, title * 64)) for guid, title in (("1", "3"), ("4", "5")))
    bare = memory.marks((None, None, "6" * 64))
    assert memory.clash([one], [two])
    assert memory.clash([], [one, two])
    assert not memory.clash([one], [bare, memory.marks((None, None, "7" * 64))])
