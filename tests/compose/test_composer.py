"""Editions become messages per variant and one delivery per reader."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from digest.compose import composer, editor
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database, alerts, articles, editions, leaving, messages
from digest.database.tables import deliveries, picture_hosts, subscriptions
from digest.database.tables import messages as messages_table
from digest.database.tables import subscribers as subscribers_table
from digest.errors import WrongStateError
from digest.models.articles import Picture
from digest.models.deliveries import DeliveryState, MessageKind
from digest.models.editions import Edition, EditionState
from digest.models.readers import Format, SubscriberState, Variant
from tests.support.clock import StoppedClock
from tests.support.newsroom import Newsroom
from tests.support.settings import make_settings

pytestmark = pytest.mark.anyio

EXCEPT = """
morning | 아침 소식 | 0 7 * * * | cutoff=10m deadline=3h
short | 짧은 소식 | 0 8 * * * | limit=1
evening | 저녁 소식 | 0 18 * * * | cutoff=10m deadline=3h except=morning,short
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(editions=EXCEPT, data_dir=tmp_path / "var")


@pytest.fixture
def renderer() -> Renderer:
    return Renderer(None)


@pytest.fixture
def newsroom(database: Database, clock: StoppedClock) -> Newsroom:
    return Newsroom(database, clock)


@pytest.fixture
def bring(
    database: Database, settings: Settings, renderer: Renderer, clock: StoppedClock
) -> Callable[[str], Coroutine[None, None, Edition]]:
    """Open, choose and release the edition of a slot that is due now."""

    async def bring(slot_name: str) -> Edition:
        slot = settings.slot(slot_name)
        assert slot is not None
        clock.advance(minutes=1)
        edition = await editor.open_now(database, settings, slot, clock=clock)
        assert edition is not None
        (released,) = await editor.advance(database, settings, renderer, clock=clock)
        assert released.state is EditionState.RELEASED
        return released

    return bring


async def variants_of(database: Database, edition: Edition) -> dict[str, str]:
    """The text part of each message of an edition, by variant."""
    async with database.read() as connection:
        rows = await connection.execute(
            sa.select(messages_table.c.variant, messages_table.c.text).where(messages_table.c.edition_id == edition.id)
        )
        return {row.variant: row.text.decode() for row in rows}


async def variant_of(database: Database, edition: Edition, name: str) -> str:
    async with database.read() as connection:
        found: str = (
            await connection.execute(
                sa.select(messages_table.c.variant)
                .join(deliveries, deliveries.c.message_id == messages_table.c.id)
                .where(deliveries.c.edition_id == edition.id, deliveries.c.recipient == f"{name}@reader.example")
            )
        ).scalar_one()
        return found


Bring = Callable[[str], Coroutine[None, None, Edition]]


async def test_there_is_one_message_per_variant_in_use(database: Database, newsroom: Newsroom, bring: Bring) -> None:
    """Composing is per set of wishes, not per reader; each reader gets the one they asked for."""
    await newsroom.publish("예산안")
    await newsroom.subscribe("kim", "lee")
    await newsroom.subscribe("smith", language="en", format=Format.TEXT)
    edition = await bring("morning")
    assert set(await variants_of(database, edition)) == {"ko|html||", "en|text||"}
    assert await variant_of(database, edition, "lee") == "ko|html||"
    assert await variant_of(database, edition, "smith") == "en|text||"
    assert await newsroom.eligible(edition.id) == 3


async def test_reader_of_some_sections_gets_only_those(database: Database, newsroom: Newsroom, bring: Bring) -> None:
    """Somebody asked for the council only; somebody for a section that brought nothing is not eligible."""
    await newsroom.publish("예산안", section="시정")
    await newsroom.publish("조례안", section="의회")
    await newsroom.subscribe("kim", sections=["의회", "교육"])
    await newsroom.subscribe("lee", sections=["문화"])
    edition = await bring("morning")
    texts = await variants_of(database, edition)
    assert list(texts) == ["ko|html|교육,의회|"]
    assert "조례안" in texts["ko|html|교육,의회|"]
    assert "예산안" not in texts["ko|html|교육,의회|"]
    assert await newsroom.recipients(edition.id) == ["kim"]
    assert await newsroom.eligible(edition.id) == 1


async def test_except_leaves_out_what_another_slot_brought_this_reader(
    database: Database, newsroom: Newsroom, bring: Bring
) -> None:
    """Who has the morning gets only the rest in the evening; who has the evening alone gets all of it."""
    await newsroom.subscribe("both", slots=["morning", "evening"])
    await newsroom.subscribe("only", slots=["evening"])
    await newsroom.publish("아침 기사")
    first = await bring("morning")
    await newsroom.publish("낮 기사")
    edition = await bring("evening")
    texts = await variants_of(database, edition)
    assert set(texts) == {"ko|html||", f"ko|html||{first.id}"}
    assert "낮 기사" in texts[f"ko|html||{first.id}"]
    assert "아침 기사" not in texts[f"ko|html||{first.id}"]
    assert "아침 기사" in texts["ko|html||"]
    assert await variant_of(database, edition, "both") == f"ko|html||{first.id}"
    assert await variant_of(database, edition, "only") == "ko|html||"


async def test_reader_for_whom_except_leaves_nothing_is_not_eligible(
    database: Database, newsroom: Newsroom, bring: Bring
) -> None:
    """No empty mail, and the edition's sum still adds up."""
    await newsroom.subscribe("both", slots=["morning", "evening"])
    await newsroom.subscribe("only", slots=["evening"])
    await newsroom.publish("아침 기사")
    await bring("morning")
    edition = await bring("evening")
    assert await newsroom.recipients(edition.id) == ["only"]
    assert await newsroom.eligible(edition.id) == 1


@pytest.mark.parametrize("state", [DeliveryState.REFUSED, DeliveryState.DROPPED])
async def test_except_counts_only_what_was_sent(newsroom: Newsroom, bring: Bring, state: DeliveryState) -> None:
    """A reader whose morning was refused has not had it: the evening brings it."""
    await newsroom.subscribe("kim", slots=["morning", "evening"])
    await newsroom.publish("아침 기사")
    first = await bring("morning")
    await newsroom.mark(first.id, state, "kim")
    assert await newsroom.recipients((await bring("evening")).id) == ["kim"]


async def test_except_does_not_count_what_the_other_edition_only_counted(
    database: Database, newsroom: Newsroom, bring: Bring
) -> None:
    """Beyond its limit an article was not brought; the evening is its first chance to be read."""
    await newsroom.subscribe("kim", slots=["short", "evening"])
    await newsroom.publish("밀린 기사", "머리기사")
    first = await bring("short")
    texts = await variants_of(database, await bring("evening"))
    assert list(texts) == [f"ko|html||{first.id}"]
    assert "밀린 기사" in texts[f"ko|html||{first.id}"]
    assert "머리기사" not in texts[f"ko|html||{first.id}"]


async def test_except_does_not_hide_sections_the_other_slot_was_not_asked_for(
    database: Database, newsroom: Newsroom, bring: Bring, clock: StoppedClock
) -> None:
    """The morning brought only the council; the evening, of all sections, must not drop the rest of the morning."""
    (kim,) = await newsroom.subscribe("kim", slots=["morning"], sections=["의회"])
    async with database.begin() as connection:
        await connection.execute(
            sa.insert(subscriptions).values(subscriber_id=kim.id, slot="evening", sections="", since_at=clock())
        )
    await newsroom.publish("예산안", section="시정")
    await newsroom.publish("조례안", section="의회")
    await bring("morning")
    edition = await bring("evening")
    assert await variant_of(database, edition, "kim") == "ko|html||"


async def test_only_active_readers_of_the_slot_who_were_there_get_it(
    database: Database, newsroom: Newsroom, bring: Bring, clock: StoppedClock
) -> None:
    """Who left, pauses, reads another slot or comes tomorrow is not in the audience."""
    await newsroom.publish("예산안")
    kim, gone, paused = await newsroom.subscribe("kim", "gone", "paused")
    await newsroom.subscribe("other", slots=["evening"])
    async with database.begin() as connection:
        await connection.run_sync(leaving.leave, [gone.id], at=clock())
        await connection.execute(
            sa.update(subscribers_table).where(subscribers_table.c.id == paused.id).values(state=SubscriberState.PAUSED)
        )
    now = clock()
    clock.set(now + timedelta(days=1))
    await newsroom.subscribe("tomorrow")
    clock.set(now)
    edition = await bring("morning")
    assert await newsroom.recipients(edition.id) == [str(kim.address).split("@")[0]]


async def test_edition_without_any_reader_is_released_with_none(newsroom: Newsroom, bring: Bring) -> None:
    """A new paper's first day: the page of the edition is there, and nothing waits."""
    await newsroom.publish("예산안")
    edition = await bring("morning")
    assert (await newsroom.recipients(edition.id), await newsroom.eligible(edition.id)) == ([], 0)


async def test_article_withdrawn_after_choosing_is_not_mailed(
    database: Database,
    settings: Settings,
    renderer: Renderer,
    clock: StoppedClock,
    newsroom: Newsroom,
) -> None:
    """Between cut-off and composing a person takes an article out."""
    await newsroom.subscribe("kim")
    (withdrawn, _kept) = await newsroom.publish("내린 기사", "남은 기사")
    await editor.open_now(database, settings, settings.editions[0], clock=clock)
    async with database.begin() as connection:
        await articles.withdraw(connection, withdrawn, at=clock())
    (edition,) = await editor.advance(database, settings, renderer, clock=clock)
    (text,) = (await variants_of(database, edition)).values()
    assert "남은 기사" in text
    assert "내린 기사" not in text


async def test_article_withdrawn_while_it_is_rendered_is_not_mailed(
    database: Database, settings: Settings, clock: StoppedClock, newsroom: Newsroom
) -> None:
    """The last second counts as well: whoever withdraws an article is told that the edition leaves it out."""
    await newsroom.subscribe("kim", "lee")
    (withdrawn, _kept) = await newsroom.publish("내린 기사", "남은 기사")
    await editor.open_now(database, settings, settings.editions[0], clock=clock)

    async def withdraw() -> None:
        async with database.begin() as connection:
            assert await articles.withdraw(connection, withdrawn, at=clock())

    renderer = RendererThatLetsSomethingHappen(withdraw, asyncio.get_running_loop())
    (edition,) = await editor.advance(database, settings, renderer, clock=clock)
    (text,) = (await variants_of(database, edition)).values()
    assert "남은 기사" in text
    assert "내린 기사" not in text
    assert await newsroom.eligible(edition.id) == 2


async def test_withdrawn_article_leaves_the_most_read_ones_as_well(
    database: Database, settings: Settings, renderer: Renderer, clock: StoppedClock, newsroom: Newsroom
) -> None:
    """A libel stays in the newspaper's own list for hours; neither the mail nor the page repeats it."""
    await newsroom.subscribe("kim")
    (early,) = await newsroom.publish("먼저 내린 기사", link="https://gaon.example/1")
    (late,) = await newsroom.publish("나중에 내린 기사", link="https://gaon.example/2")
    await newsroom.publish("남은 기사", link="https://gaon.example/3")
    await newsroom.read_most(
        ("먼저", "http://gaon.example/1?utm_source=list"),
        ("나중", "https://gaon.example/2"),
        ("남은", "https://gaon.example/3"),
    )
    for number, article_id in enumerate((early, late)):
        async with database.begin() as connection:
            await articles.withdraw(connection, article_id, at=clock())
        if number == 0:
            chosen = await editor.open_now(database, settings, settings.editions[0], clock=clock)
            assert chosen is not None
            assert [line.title for line in chosen.most_read] == ["나중", "남은"]
    await editor.advance(database, settings, renderer, clock=clock)
    async with database.read() as connection:
        edition, _ = await composer.load_edition(connection, chosen.id)
    (text,) = (await variants_of(database, edition)).values()
    assert "나중" not in text
    assert [line.title for line in edition.most_read] == ["남은"]


async def test_reader_who_changes_while_it_is_rendered_is_not_missed(
    database: Database, settings: Settings, clock: StoppedClock, newsroom: Newsroom
) -> None:
    """Switching to text in the second between rendering and releasing must not cost the edition."""
    await newsroom.publish("예산안")
    await newsroom.subscribe("kim", "lee")
    await editor.open_now(database, settings, settings.editions[0], clock=clock)

    async def switch() -> None:
        async with database.begin() as connection:
            query = sa.update(subscribers_table).where(subscribers_table.c.address == "kim@reader.example")
            await connection.execute(query.values(format=Format.TEXT))

    renderer = RendererThatLetsSomethingHappen(switch, asyncio.get_running_loop())
    (edition,) = await editor.advance(database, settings, renderer, clock=clock)
    assert await variant_of(database, edition, "kim") == "ko|text||"
    assert await variant_of(database, edition, "lee") == "ko|html||"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_reader_who_comes_as_another_leaves_while_it_is_released_is_not_missed(
    database: Database, settings: Settings, clock: StoppedClock, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are as many readers as deliveries, and yet one of them has none."""
    await newsroom.publish("예산안")
    await newsroom.subscribe("kim", "lee")
    await editor.open_now(database, settings, settings.editions[0], clock=clock)
    make = messages.make_deliveries
    times = []

    async def make_and_let_somebody_come(*given: Any, **named: Any) -> int:  # Any: as `make_deliveries`
        made = await make(*given, **named)
        if not times:
            async with database.begin() as connection:
                query = sa.update(subscribers_table).where(subscribers_table.c.address == "kim@reader.example")
                await connection.execute(query.values(state=SubscriberState.LEFT))
            await newsroom.subscribe("park")
        times.append(made)
        return made

    monkeypatch.setattr(messages, "make_deliveries", make_and_let_somebody_come)
    (edition,) = await editor.advance(database, settings, Renderer(None), clock=clock)
    assert times == [2, 2]
    assert await variant_of(database, edition, "park") == "ko|html||"


class RendererThatLetsSomethingHappen(Renderer):
    """Renders as always, and runs `act` before its first text."""

    def __init__(self, act: Callable[[], Coroutine[None, None, None]], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(None)
        self._act, self._loop, self._acted = act, loop, False

    def text(self, name: str, language: str, context: Mapping[str, object], **carried: Any) -> str:
        if not self._acted:
            self._acted = True
            asyncio.run_coroutine_threadsafe(self._act(), self._loop).result(10)
        return super().text(name, language, context, **carried)


async def test_edition_that_cannot_be_composed_waits_and_stops_no_other(
    database: Database, settings: Settings, clock: StoppedClock, newsroom: Newsroom, tmp_path: Path
) -> None:
    """An operator's template breaks on one edition: a person hears of it, and mending it is enough."""
    template = tmp_path / "digest" / "subject.txt"
    template.parent.mkdir()
    template.write_text("{{ edition.title }}{% if edition.title == '아침 소식' %}{{ edition.nonsense }}{% endif %}")
    await newsroom.publish("예산안")
    await newsroom.subscribe("kim", slots=["morning", "evening"])
    broken, sound = [
        await editor.open_now(database, settings, slot, clock=clock)
        for slot in (settings.editions[0], settings.editions[2])
    ]
    assert broken is not None
    assert sound is not None
    moved = await editor.advance(database, settings, Renderer(tmp_path), clock=clock)
    assert [edition.id for edition in moved] == [sound.id]
    async with database.read() as connection:
        assert (await editions.get_edition(connection, broken.id)).state is EditionState.CHOSEN
        (alert,) = await alerts.list_open(connection)
    assert alert.matter == f"edition:{broken.id}"
    assert "digest/subject.txt" in alert.text

    template.write_text("{{ edition.title }}")
    moved = await editor.advance(database, settings, Renderer(tmp_path), clock=clock)
    assert [edition.id for edition in moved] == [broken.id]
    async with database.read() as connection:
        assert await alerts.list_open(connection) == []


async def test_what_had_to_be_cut_from_a_mail_is_told_to_the_operator(
    database: Database, newsroom: Newsroom, bring: Bring
) -> None:
    """A mail near the size that mail programs clip raises an alert, until one of the slot fits."""
    await newsroom.publish(*(f"{number}번째 기사 " + "가" * 150 for number in range(60)), byline="나" * 400)
    await newsroom.subscribe("kim")
    await bring("morning")
    async with database.read() as connection:
        assert [alert.matter for alert in await alerts.list_open(connection)] == ["slot:morning:size"]
    await newsroom.publish("짧은 기사")
    await bring("morning")
    async with database.read() as connection:
        assert await alerts.list_open(connection) == []


async def test_pictures_go_out_over_https_where_the_host_answers_so(
    database: Database, newsroom: Newsroom, bring: Bring, clock: StoppedClock
) -> None:
    """Mail programs block or warn about plain http; a host that has no https keeps its address."""
    async with database.begin() as connection:
        await connection.execute(
            sa.insert(picture_hosts),
            [
                {"host": "new.gaon.example", "answers_https": True, "checked_at": clock()},
                {"host": "old.gaon.example", "answers_https": False, "checked_at": clock()},
            ],
        )
    addresses = [
        "http://new.gaon.example/a.jpg",
        "http://new.gaon.example:80/b.jpg",
        "http://new.gaon.example:8080/c.jpg",
        "http://old.gaon.example/d.jpg",
        "http://unknown.gaon.example/e.jpg",
    ]
    for number, url in enumerate(addresses):
        await newsroom.publish(f"기사 {number}", picture=Picture(url))
    edition = await bring("morning")
    async with database.read() as connection:
        _, placed = await composer.load_edition(connection, edition.id)
    assert {each.article.text.picture.url for each in placed if each.article.text.picture} == {
        "https://new.gaon.example/a.jpg",
        "https://new.gaon.example/b.jpg",
        *addresses[2:],
    }


async def test_preview_is_the_stored_mail_and_stores_nothing(
    database: Database, settings: Settings, renderer: Renderer, newsroom: Newsroom, clock: StoppedClock
) -> None:
    """What the editor looks at is what readers get."""
    await newsroom.publish("예산안")
    await newsroom.subscribe("kim")
    chosen = await editor.open_now(database, settings, settings.editions[0], clock=clock)
    assert chosen is not None
    variant = Variant("ko", Format.HTML)
    looked_at = await composer.preview(database, settings, renderer, chosen.id, variant)
    assert await variants_of(database, chosen) == {}
    await editor.advance(database, settings, renderer, clock=clock)
    async with database.read() as connection:
        message_id = (await connection.execute(sa.select(messages_table.c.id))).scalar_one()
        assert await messages.load_mail(connection, message_id) == (MessageKind.DIGEST, looked_at)
    with pytest.raises(WrongStateError, match="no article for these sections"):
        await composer.preview(database, settings, renderer, chosen.id, Variant("ko", Format.HTML, ("문화",)))


async def test_twenty_thousand_readers_in_four_variants_get_one_delivery_each(
    database: Database, newsroom: Newsroom, bring: Bring, clock: StoppedClock
) -> None:
    """The whole audience is one statement; counts and addresses are exact."""
    await newsroom.publish("예산안")
    people = [
        {
            "id": number,
            "address": f"Reader{number}@reader.example",
            "address_key": f"reader{number}@reader.example",
            "domain": "reader.example",
            "language": "en" if number % 10 == 0 else "ko",
            "format": Format.TEXT if number % 4 == 0 else Format.HTML,
            "state": SubscriberState.ACTIVE,
            "consent": "test",
            "created_at": clock(),
        }
        for number in range(1, 20_001)
    ]
    async with database.begin() as connection:
        await connection.execute(sa.insert(subscribers_table), people)
        await connection.execute(
            sa.insert(subscriptions),
            [{"subscriber_id": each["id"], "slot": "morning", "since_at": clock()} for each in people],
        )
    edition = await bring("morning")
    async with database.read() as connection:
        rows = await connection.execute(
            sa.select(messages_table.c.variant, sa.func.count(deliveries.c.recipient.distinct()))
            .join(deliveries, deliveries.c.message_id == messages_table.c.id)
            .group_by(messages_table.c.variant)
        )
        counted = {row[0]: row[1] for row in rows}
    assert counted == {"en|text||": 1000, "ko|text||": 4000, "en|html||": 1000, "ko|html||": 14_000}
    assert await newsroom.eligible(edition.id) == 20_000


async def test_withdrawing_waits_for_an_edition_that_is_being_released(
    database: Database, settings: Settings, clock: StoppedClock, newsroom: Newsroom
) -> None:
    """Its answer must be true: what it calls still to come leaves the article out, what went out had it."""
    (article_id,) = await newsroom.publish("내린 기사")
    edition = await editor.open_now(database, settings, settings.editions[0], clock=clock)
    assert edition is not None

    async def withdraw() -> EditionState:
        async with database.begin() as connection:
            await articles.withdraw(connection, article_id, at=clock())
            return (await editions.get_edition(connection, edition.id)).state

    async with database.begin() as connection:
        states = {EditionState.CHOSEN}
        assert await editions.mark_released(connection, edition.id, states=states, at=clock(), deadline_at=clock())
        assert not await articles.any_withdrawn(connection, [article_id])
        withdrawing = asyncio.create_task(withdraw())
        assert await asyncio.wait({withdrawing}, timeout=0.2) == (set(), {withdrawing})
    assert await withdrawing is EditionState.RELEASED
