"""A source's turn, from claim to stored articles, on both databases."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from aiohttp import web

from digest import events
from digest.collect import collector, memory, pictures
from digest.collect.reader import Reader
from digest.collect.sources import feed
from digest.database import Database, alerts, arrivals, articles, most_read, pages, sources, tables
from digest.database.connection import Connection
from digest.errors import NotFoundError, SettingsError, SourceUnreachableError, WrongStateError
from digest.models.sources import SourceSpec, SourceState
from digest.outbound import Fetched
from tests.collect.conftest import Room
from tests.collect.paper import item, rss
from tests.support.clock import StoppedClock
from tests.support.settings import make_settings

pytestmark = pytest.mark.anyio

OLD = "Sat, 21 Nov 2026 06:00:00 +0900"
INTERVAL = 600
SEOUL = ZoneInfo("Asia/Seoul")


async def test_new_articles_are_stored_once_and_a_change_makes_a_revision(
    room: Room, database: Database, clock: StoppedClock
) -> None:
    """The whole turn, three times: new, the same again, changed."""
    await room.provision(database, clock)
    room.paper.serve(rss(item(2), item(1)))
    first = await room.collect(database, clock)
    again = await room.collect(database, clock)
    room.paper.serve(rss(item(2, title="고친 제목"), item(1)))
    changed = await room.collect(database, clock)
    assert [(report.found, report.new, report.revised) for report in (first, again, changed)] == [
        (2, 2, 0),
        (2, 0, 0),
        (2, 0, 1),
    ]
    async with database.read() as connection:
        kept = await articles.list_articles(connection, limit=10)
    assert [(one.text.title, one.revision) for one in kept] == [("고친 제목", 2), ("가온시 소식 1", 1)]


async def test_what_cannot_be_kept_with_many_others_is_kept_in_the_ordinary_way(
    room: Room, database: Database, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of the quick way costs no article, and does not hide: the log has it."""
    failures: list[str] = []
    monkeypatch.setattr(events, "failure", lambda name, **_fields: failures.append(name))

    def fail(*_args: object, **_named: object) -> None:
        raise ValueError("not foreseen")

    monkeypatch.setattr(arrivals, "store", fail)
    await room.provision(database, clock)
    room.paper.serve(rss(item(2), item(1)))
    report = await room.collect(database, clock)
    assert (report.new, report.problem) == (2, "")
    assert failures == ["source.batch_failed"]


async def test_an_unchanged_feed_is_not_read_again(room: Room, database: Database, clock: StoppedClock) -> None:
    """A 304 costs one short exchange; the marks of the last good answer are sent."""
    await room.provision(database, clock)

    async def conditional(request: web.Request) -> web.StreamResponse:
        if request.headers.get("If-None-Match") == '"v1"':
            return web.Response(status=304)
        return web.Response(body=rss(item(1)).encode(), headers={"ETag": '"v1"', "Last-Modified": "yesterday"})

    room.paper.answer("/rss.xml", conditional)
    await room.collect(database, clock)
    second = await room.collect(database, clock)
    assert (second.found, second.problem) == (0, "")
    assert room.paper.requests[1].headers["If-Modified-Since"] == "yesterday"
    async with database.read() as connection:
        assert (await sources.get_source(connection, "gaon")).etag == '"v1"'


async def test_marks_of_an_answer_that_could_not_be_read_are_not_kept(
    room: Room, database: Database, clock: StoppedClock
) -> None:
    """Otherwise the next answer would be "unchanged", and a broken feed look well for ever."""
    await room.provision(database, clock)
    room.paper.serve("<html></html>", headers={"ETag": '"broken"'})
    await room.collect(database, clock)
    await room.collect(database, clock)
    assert "If-None-Match" not in room.paper.requests[1].headers


async def test_a_first_fetch_keeps_the_backlog_but_does_not_mail_it(
    room: Room, database: Database, clock: StoppedClock
) -> None:
    """Older than a day at the first fetch: kept, not eligible. Later finds are eligible however old."""
    await room.provision(database, clock)
    room.paper.serve(rss(item(1), item(2, pubDate=OLD), item(3, pubDate=None)))
    await room.collect(database, clock)
    room.paper.serve(rss(item(4, pubDate=OLD)))
    await room.collect(database, clock)
    async with database.read() as connection:
        kept = await articles.list_articles(connection, limit=10)
    assert {one.text.link[-1]: one.eligible for one in kept} == {"1": True, "2": False, "3": True, "4": True}


async def test_only_due_sources_are_fetched(room: Room, database: Database, clock: StoppedClock) -> None:
    """A pass that comes every few seconds fetches a source every ten minutes."""
    await room.provision(database, clock)
    room.paper.serve(rss(item(1)))
    assert len(await room.collect_due(database, clock)) == 1
    assert await room.collect_due(database, clock) == []
    clock.advance(seconds=INTERVAL)
    assert len(await room.collect_due(database, clock)) == 1


async def test_one_broken_source_never_stops_another(room: Room, database: Database, clock: StoppedClock) -> None:
    """A page, a dead port, a name that leads inside and a good feed in one pass."""
    lines = [
        f"good | feed | {room.paper.url('/good.xml')}",
        f"page | feed | {room.paper.url('/page')}",
        "dead | feed | http://127.0.0.1:1/rss",
        "inside | feed | http://169.254.169.254/rss",
    ]
    settings = make_settings(sources="\n".join(lines), private_hosts=f"{room.paper.host} 127.0.0.1:1")
    several = replace(room, settings=settings)
    await several.provision(database, clock)
    room.paper.serve(rss(item(1)), "/good.xml")
    room.paper.serve("<html>", "/page")
    reports = {report.source: report for report in await several.collect_due(database, clock)}
    assert (reports["good"].new, reports["good"].problem) == (1, "")
    assert "web page" in reports["page"].problem
    assert reports["inside"].problem.startswith("169.254.169.254 is a private address")
    assert reports["dead"].problem


async def test_failures_back_off_raise_an_alert_and_recover_by_themselves(
    room: Room, database: Database, clock: StoppedClock
) -> None:
    """Three in a row are told to a person once, and taken back at the first success."""
    await room.provision(database, clock)
    room.paper.serve("", status=500)
    waits = []
    for failures in range(1, 4):
        async with database.read() as connection:
            assert await alerts.list_open(connection) == []
        await room.collect(database, clock)
        async with database.read() as connection:
            source = await sources.get_source(connection, "gaon")
        assert source.failures == failures
        assert source.next_fetch_at is not None
        waits.append((source.next_fetch_at - clock()).total_seconds() / INTERVAL)
    async with database.read() as connection:
        (alert,) = await alerts.list_open(connection)
    assert waits == [2, 4, 8]
    assert alert.matter == "source:gaon"
    assert "HTTP 500" in alert.text
    assert "digest sources check gaon" in alert.text

    room.paper.serve(rss(item(1)))
    await room.collect(database, clock)
    async with database.read() as connection:
        source = await sources.get_source(connection, "gaon")
        assert await alerts.list_open(connection) == []
    assert (source.failures, source.problem) == (0, "")


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "7200"}, timedelta(hours=2)),
        ({"Retry-After": "Mon, 23 Nov 2026 03:00:00 GMT", "Date": "Mon, 23 Nov 2026 00:00:00 GMT"}, timedelta(hours=3)),
        ({"Retry-After": "soon"}, timedelta(seconds=2 * INTERVAL)),
    ],
)
async def test_a_site_that_asks_for_a_pause_gets_it(
    room: Room, database: Database, clock: StoppedClock, headers: dict[str, str], wait: timedelta
) -> None:
    """429 and 503 with Retry-After, in seconds or as a date by the site's own clock."""
    await room.provision(database, clock)
    room.paper.serve("", status=503, headers=headers)
    await room.collect(database, clock)
    async with database.read() as connection:
        source = await sources.get_source(connection, "gaon")
    assert source.next_fetch_at == clock() + wait


async def test_two_workers_at_once_store_once(room: Room, database: Database, clock: StoppedClock) -> None:
    """Only one of them gets the source."""
    await room.provision(database, clock)
    room.paper.serve(rss(*(item(number) for number in range(20))))
    passes = await asyncio.gather(*(room.collect_due(database, clock, f"worker {number}") for number in range(4)))
    assert [report.new for reports in passes for report in reports] == [20]


async def test_a_worker_that_lost_its_source_meanwhile_stores_nothing(
    room: Room, database: Database, clock: StoppedClock
) -> None:
    """It slept over its lease, another took over; the late answer is the older one."""
    await room.provision(database, clock)

    async def taken_over(_request: web.Request) -> web.StreamResponse:
        clock.advance(minutes=30)
        async with database.begin() as connection:
            await sources.claim_named(connection, "gaon", owner="other", now=clock(), lease=timedelta(minutes=5))
        return web.Response(body=rss(item(1)).encode())

    room.paper.answer("/rss.xml", taken_over)
    report = await room.collect(database, clock)
    assert "Another worker" in report.problem
    async with database.read() as connection:
        assert await articles.list_articles(connection, limit=10) == []
    with pytest.raises(WrongStateError, match="Another worker"):
        await room.collect(database, clock)


async def test_a_most_read_source_replaces_its_list(room: Room, database: Database, clock: StoppedClock) -> None:
    """많이 본 뉴스: ranked as the paper ranks, at most twenty, and no articles of the digest."""
    popular = replace(
        room,
        settings=make_settings(
            sources=f"gaon | feed | {room.paper.url()} | purpose=most_read", private_hosts=room.paper.host
        ),
    )
    await popular.provision(database, clock)
    room.paper.serve(rss(*(item(number) for number in range(30))))
    await popular.collect(database, clock)
    room.paper.serve(rss(*(item(number) for number in range(5, 35))))
    report = await popular.collect(database, clock)
    async with database.read() as connection:
        listed = await most_read.latest(connection, now=clock(), limit=50)
        assert await articles.list_articles(connection, limit=10) == []
    assert (report.found, report.new) == (30, 0)
    assert [one.title for one in listed] == [f"가온시 소식 {number}" for number in range(5, 25)]


async def test_articles_without_a_section_get_the_sources_own(
    room: Room, database: Database, clock: StoppedClock
) -> None:
    """Papers have one feed for each section and do not repeat it in the articles."""
    named = replace(
        room,
        settings=make_settings(
            sources=f"gaon | feed | {room.paper.url()} | section=시정", private_hosts=room.paper.host
        ),
    )
    await named.provision(database, clock)
    room.paper.serve(rss(item(1), item(2, category="의회")))
    await named.collect(database, clock)
    async with database.read() as connection:
        kept = await articles.list_articles(connection, limit=10)
    assert {one.text.link[-1]: one.text.section for one in kept} == {"1": "시정", "2": "의회"}


async def test_a_feed_that_moved_for_good_is_doubted(room: Room, database: Database, clock: StoppedClock) -> None:
    """It works today, and stops working when the old address is given up."""
    await room.provision(database, clock)
    room.paper.serve("", status=301, headers={"Location": "/new.xml"})
    room.paper.serve(rss(item(1)), "/new.xml")
    report = await room.collect(database, clock)
    assert (report.new, report.doubts) == (
        1,
        (f"has moved for good to {room.paper.url('/new.xml')}; name that address",),
    )
    async with database.begin() as connection:
        (told,) = await alerts.claim_for_mail(connection, now=clock())
    assert room.paper.url("/new.xml") in told.text
    clock.advance(hours=2)
    await room.collect(database, clock)
    async with database.begin() as connection:
        assert await alerts.claim_for_mail(connection, now=clock()) == []
    room.paper.serve(rss(item(2)))
    await room.collect(database, clock)
    async with database.read() as connection:
        assert await alerts.list_open(connection) == []


async def test_new_http_picture_hosts_are_probed_once_a_week(
    room: Room, database: Database, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mails carry https pictures only; a host that answers there is remembered, one that does not too."""
    probed: list[str] = []

    async def peek(url: str, *, timeout_seconds: float) -> Fetched:
        probed.append(url)
        if "old" in url:
            raise SourceUnreachableError("Nobody answers.")
        return Fetched(url, 206, {}, b"")

    monkeypatch.setattr(room.outbound, "peek", peek)
    await room.provision(database, clock)
    pictures = [
        "http://img.example/1.jpg",
        "http://img.example/2.jpg",
        "http://old.example/1.jpg",
        "https://tls.example/1.jpg",
    ]
    pictures += [room.paper.url("/1.jpg"), "http://img.example:8080/1.jpg"]
    room.paper.serve(rss(*(item(number, description=f'<img src="{url}">') for number, url in enumerate(pictures))))
    await room.collect(database, clock)
    await room.collect(database, clock)
    async with database.read() as connection:
        assert await articles.picture_hosts(connection) == {"img.example": True, "old.example": False}
    assert len(probed) == 2
    clock.advance(days=8)
    room.paper.serve(rss(*(item(10 + number, description=f'<img src="{url}">') for number, url in enumerate(pictures))))
    await room.collect(database, clock)
    assert len(probed) == 4


async def test_a_known_picture_host_is_looked_up_once_in_a_pass(
    room: Room, database: Database, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The articles of a newspaper's twenty feeds come in several batches and name one host."""
    lookups: list[set[str]] = []
    ask = articles.unprobed_picture_hosts

    async def unprobed(connection: Connection, hosts: Iterable[str], *, now: datetime) -> set[str]:
        lookups.append(set(hosts))
        return await ask(connection, hosts, now=now)

    monkeypatch.setattr(articles, "unprobed_picture_hosts", unprobed)
    async with database.begin() as connection:
        await articles.note_picture_host(connection, "img.example", answers_https=True, at=clock())
    document = rss(item(1, description='<img src="http://img.example/1.jpg">')).encode()
    found = feed.read(document, "", "https://paper.example/rss", SEOUL).articles
    looked_at: set[str] = set()
    for _ in range(2):
        await pictures.probe_hosts(database, room.outbound, room.settings, [found], clock=clock, looked_at=looked_at)
    assert lookups == [{"img.example"}]


async def test_looking_at_a_source_stores_nothing(room: Room, database: Database) -> None:
    """`sources check` before `sources add`."""
    room.paper.serve(rss(item(1), item(2)))
    look = await room.look()
    assert (look.kind, look.title, len(look.articles)) == ("rss20", "가온일보", 2)
    async with database.read() as connection:
        assert await sources.list_sources(connection) == []


async def test_a_source_type_that_does_not_exist_is_a_mistake_in_the_settings(
    room: Room, database: Database, clock: StoppedClock
) -> None:
    """Told at start, with what may be written instead."""
    spec = SourceSpec("gaon", "telegraph", "https://paper.example/")
    wrong = replace(room, settings=room.settings.model_copy(update={"sources": (spec,)}))
    with pytest.raises(SettingsError, match=r"SOURCES.*telegraph.*feed"):
        await wrong.provision(database, clock)


async def test_collecting_an_unknown_source_says_so(room: Room, database: Database, clock: StoppedClock) -> None:
    """`digest collect gaonn`."""
    with pytest.raises(NotFoundError, match="source gaon"):
        await room.collect(database, clock)


async def test_known_articles_are_not_read_again_and_changed_ones_are(
    room: Room, database: Database, clock: StoppedClock
) -> None:
    """Two new, one changed, one that was away and is back: the report counts all, the ledger changes little."""
    await room.provision(database, clock)
    room.paper.serve(rss(item(2), item(1)))
    await room.collect(database, clock)
    room.paper.serve(rss(item(4), item(3), item(2, title="고친 제목")))
    second = await room.collect(database, clock)
    room.paper.serve(rss(item(4), item(3), item(2, title="고친 제목"), item(1)))
    third = await room.collect(database, clock)
    assert [(one.found, one.new, one.revised) for one in (second, third)] == [(3, 2, 1), (4, 0, 0)]


async def test_that_a_feed_is_plain_is_remembered_until_all_of_it_is_read_again(
    room: Room, database: Database, clock: StoppedClock
) -> None:
    """feedparser judged it when it read the whole; an attribute around the entries makes all of them unknown."""
    await room.provision(database, clock)
    judged = []
    for document in (rss(item(1)), rss(item(2), item(1)), rss(item(1)).replace("<channel>", '<channel xml:lang="ko">')):
        room.paper.serve(document)
        await room.collect(database, clock)
        async with database.begin() as connection:
            source = await sources.get_source(connection, "gaon")
        remembered = memory.unpacked(source.memory, (source.memory or b"")[:8])
        judged.append((remembered.is_plain, remembered.count))
    assert judged == [(True, 1), (True, 2), (False, 1)]


async def test_a_source_with_other_settings_is_read_wholly(room: Room, database: Database, clock: StoppedClock) -> None:
    """The same bytes, another section: what is remembered of them no longer holds."""
    await room.provision(database, clock)
    room.paper.serve(rss(item(1)), headers={"ETag": '"v1"'})
    await room.collect(database, clock)
    line = f"gaon | feed | {room.paper.url()} | section=시정"
    named = replace(room, settings=make_settings(sources=line, private_hosts=room.paper.host))
    await named.provision(database, clock)
    report = await named.collect(database, clock)
    assert (report.found, report.revised) == (1, 1)
    assert "If-None-Match" not in room.paper.requests[1].headers


async def test_an_article_that_shares_its_guid_with_a_known_one_has_the_whole_read(
    room: Room, database: Database, clock: StoppedClock
) -> None:
    """A guid that two articles have is no mark; that is seen only by looking at both."""
    await room.provision(database, clock)
    room.paper.serve(rss(item(1, guid="same")))
    await room.collect(database, clock)
    room.paper.serve(rss(item(2, guid="same"), item(1, guid="same")))
    report = await room.collect(database, clock)
    assert (report.found, report.new, report.revised) == (2, 1, 0)


async def test_two_weeks_of_failures_are_two_pieces_of_news(
    room: Room, database: Database, clock: StoppedClock
) -> None:
    """That it fails, and that it was given up; each of sixty tries as a mail of its own would be read by nobody."""
    await room.provision(database, clock)
    room.paper.serve("", status=500)
    mailed = []
    for _ in range(15):
        await room.collect(database, clock)
        async with database.begin() as connection:
            mailed += await alerts.claim_for_mail(connection, now=clock())
            said = await alerts.list_open(connection)
        clock.advance(days=1)
    assert ["given up" in alert.text for alert in mailed] == [False, True]
    assert "failed 15 times" in said[0].text


async def test_a_source_that_was_given_up_is_looked_at_once_a_day_and_goes_on_by_itself(
    room: Room, database: Database, clock: StoppedClock
) -> None:
    """A site that moves house for a month is found again, though nobody has read the alert."""
    await room.provision(database, clock)
    room.paper.serve("", status=500)
    for _ in range(15):
        await room.collect(database, clock)
        clock.advance(days=1)
    assert [bool(report.problem) for report in await room.collect_due(database, clock)] == [True]
    async with database.read() as connection:
        (alert,) = await alerts.list_open(connection)
        assert (await sources.get_source(connection, "gaon")).state is SourceState.PAUSED
    assert "digest collect gaon" in alert.text
    clock.advance(hours=23)
    assert await room.collect_due(database, clock) == []
    room.paper.serve(rss(item(1)))
    clock.advance(hours=1)
    assert [report.found for report in await room.collect_due(database, clock)] == [1]
    async with database.read() as connection:
        assert (await sources.get_source(connection, "gaon")).state is SourceState.ACTIVE
        assert await alerts.list_open(connection) == []


async def test_a_source_that_was_given_up_begins_anew_at_another_address(
    room: Room, database: Database, clock: StoppedClock
) -> None:
    """The alert says to repair its address; doing so in SOURCES must be enough."""
    await room.provision(database, clock)
    async with database.begin() as connection:
        await connection.execute(sa.update(tables.sources).values(state=SourceState.PAUSED, given_up_at=clock()))
    room.paper.serve(rss(item(1)), "/new.xml")
    line = f"gaon | feed | {room.paper.url('/new.xml')}"
    moved = replace(room, settings=make_settings(sources=line, private_hosts=room.paper.host))
    await moved.provision(database, clock)
    assert [report.found for report in await moved.collect_due(database, clock)] == [1]


async def test_a_document_that_kills_its_reader_costs_one_source_one_turn(
    room: Room, database: Database, clock: StoppedClock
) -> None:
    """The source beside it is read in the same pass."""
    lines = [f"slow | feed | {room.paper.url('/slow')}", f"good | feed | {room.paper.url('/good')}"]
    settings = make_settings(sources="\n".join(lines), private_hosts=room.paper.host)
    room.paper.serve(b"<rss>" + b"<!--" * 300_000, "/slow")
    room.paper.serve(rss(item(1)), "/good")
    async with Reader(max_seconds=1) as impatient:
        both = replace(room, settings=settings, reader=impatient)
        await both.provision(database, clock)
        reports = {report.source: report for report in await both.collect_due(database, clock)}
    assert "seconds" in reports["slow"].problem
    assert (reports["good"].new, reports["good"].problem) == (1, "")


async def test_a_wrong_selector_in_the_settings_is_told_at_the_start(
    room: Room, database: Database, clock: StoppedClock
) -> None:
    """With the source's name and the option, as it stands in the line."""
    settings = make_settings(sources="gaon | feed | https://gaon.example/rss | page.body='div['")
    with pytest.raises(SettingsError, match=r"source gaon: page\.body='div\['"):
        await collector.provision(database, settings, now=clock())


async def test_pages_of_a_source_that_says_so_are_not_read(room: Room, database: Database, clock: StoppedClock) -> None:
    """`read=no`: its articles are mailed with what it lists, whichever way they are stored."""
    settings = make_settings(sources=f"gaon | feed | {room.paper.url()} | read=no", private_hosts=room.paper.host)
    other = replace(room, settings=settings)
    await other.provision(database, clock)
    room.paper.serve(rss(item(1)))
    await other.collect(database, clock)
    room.paper.serve(rss(item(2), item(1)))
    await other.collect(database, clock)
    async with database.read() as connection:
        assert len(await articles.list_articles(connection, limit=10)) == 2
        assert await pages.counts(connection) == {}
