"""Slots become editions: when, of which articles, and once."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from digest.compose import composer, editor
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database, alerts, editions
from digest.database import articles as article_rows
from digest.database.slots import keep_in_step, know_slots, lock
from digest.database.tables import deliveries, share_counts, slots, sources
from digest.errors import NotFoundError, WrongStateError
from digest.models.articles import MostRead
from digest.models.deliveries import DeliveryState
from digest.models.editions import Edition, EditionState, PlacedArticle, Placement, Role, Slot
from digest.models.shares import SharedOften
from digest.models.sources import SourceState
from tests.support.clock import StoppedClock
from tests.support.newsroom import Newsroom
from tests.support.settings import make_settings

pytestmark = pytest.mark.anyio


def seoul(hour: int, minute: int = 0, *, day: int = 23) -> datetime:
    """A time of November 2026 in Seoul; the 23rd is a Monday."""
    return datetime(2026, 11, day, tzinfo=UTC) + timedelta(hours=hour - 9, minutes=minute)


class Desk(Newsroom):
    """A service that has been running since 06:00, with one slot looked at and one reader; its acts at its clock."""

    def __init__(self, database: Database, clock: StoppedClock, settings: Settings) -> None:
        super().__init__(database, clock)
        self.settings = settings
        self.slot = settings.editions[0]
        self.renderer = Renderer(None)

    async def open_due(self) -> Edition | None:
        return await editor.open_due(self.database, self.settings, self.slot, clock=self.clock)

    async def open_now(self, slot: Slot | None = None) -> Edition | None:
        return await editor.open_now(self.database, self.settings, slot or self.slot, clock=self.clock)

    async def open_planned(self, planned_at: datetime) -> int | None:
        return await editor.open_planned(self.database, self.slot, planned_at, now=self.clock())

    async def choose(self, edition_id: int) -> Edition | None:
        return await editor.choose_articles(self.database, self.slot, edition_id, now=self.clock())

    async def plan(self) -> list[PlacedArticle]:
        return await editor.plan(self.database, self.settings, self.slot, now=self.clock())

    async def advance(self) -> list[Edition]:
        return await editor.advance(self.database, self.settings, self.renderer, clock=self.clock)

    async def release(self, edition_id: int) -> Edition:
        return await editor.release(self.database, self.settings, self.renderer, edition_id, clock=self.clock)

    async def cancel(self, edition_id: int, *, reason: str = "", give_back: bool | None) -> Edition:
        cancelled = await editor.cancel(self.database, edition_id, reason=reason, give_back=give_back, clock=self.clock)
        return cancelled.edition

    async def get(self, edition_id: int) -> Edition:
        async with self.database.read() as connection:
            return await editions.get_edition(connection, edition_id)

    async def articles_of(self, edition: Edition | None) -> list[PlacedArticle]:
        assert edition is not None
        async with self.database.read() as connection:
            return await editions.placed_articles(connection, edition.id)

    async def titles_of(self, edition: Edition | None) -> set[str]:
        return {placed.article.text.title for placed in await self.articles_of(edition)}

    async def open_matters(self) -> set[str]:
        async with self.database.read() as connection:
            return {alert.matter for alert in await alerts.list_open(connection)}


@pytest.fixture
async def desk(database: Database, clock: StoppedClock, settings: Settings) -> Desk:
    clock.set(seoul(6))
    desk = Desk(database, clock, settings)
    async with database.begin() as connection:
        await know_slots(connection, [desk.slot.name], now=clock())
    await desk.subscribe("kim")
    return desk


# ── when ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_edition_is_chosen_at_its_cut_off_and_due_at_its_planned_time(desk: Desk) -> None:
    """A reader has the paper at seven, not when the composing is over."""
    await desk.publish("예산안")
    desk.clock.set(seoul(6, 49))
    assert await desk.open_due() is None
    desk.clock.set(seoul(6, 50))
    edition = await desk.open_due()
    assert edition is not None
    assert (edition.planned_at, edition.cutoff_at, edition.deadline_at) == (seoul(7), seoul(6, 50), seoul(10))
    (released,) = await desk.advance()
    assert (released.state, released.released_at) == (EditionState.RELEASED, seoul(6, 50))
    async with desk.database.read() as connection:
        row = (await connection.execute(sa.select(deliveries.c.due_at, deliveries.c.deadline_at))).one()
    assert (row.due_at, row.deadline_at) == (seoul(7), seoul(10))


async def test_first_start_back_fills_no_planned_time(desk: Desk) -> None:
    """Installing the service at noon must not mail this morning's edition."""
    desk.slot = replace(desk.slot, name="unknown-yet")
    await desk.publish("예산안")
    for hour, minute in [(7, 5), (12, 0), (23, 0)]:
        desk.clock.set(seoul(hour, minute))
        assert await desk.open_due() is None
    desk.clock.set(seoul(6, 50, day=24))
    edition = await desk.open_due()
    assert edition is not None
    assert edition.planned_at == seoul(7, day=24)


async def test_nothing_new_no_edition_and_no_late_one(desk: Desk) -> None:
    """An article five minutes after seven goes into the next planned edition, not into a late one."""
    desk.clock.set(seoul(7))
    assert await desk.open_due() is None
    desk.clock.set(seoul(7, 5))
    await desk.publish("속보")
    assert await desk.open_due() is None
    assert await desk.count_editions() == 0
    desk.clock.set(seoul(6, 50, day=24))
    assert await desk.titles_of(await desk.open_due()) == {"속보"}


async def test_fewer_than_the_minimum_stay_free_for_the_next_edition(desk: Desk) -> None:
    """Two articles make no edition of three; a third the next day brings all."""
    desk.slot = replace(desk.slot, minimum=3)
    await desk.publish("하나", "둘")
    desk.clock.set(seoul(6, 50))
    assert await desk.open_due() is None
    desk.clock.set(seoul(6, 50, day=24))
    await desk.publish("셋")
    edition = await desk.open_due()
    assert await desk.titles_of(edition) == {"하나", "둘", "셋"}


async def test_open_now_plans_for_now_and_does_not_cost_the_planned_edition(desk: Desk) -> None:
    """A person's extra edition takes what is new; the planned one brings what comes after."""
    assert await desk.open_now() is None
    await desk.publish("호외")
    edition = await desk.open_now()
    assert edition is not None
    assert (edition.planned_at, edition.state) == (seoul(6), EditionState.CHOSEN)
    await desk.publish("예산안")
    desk.clock.set(seoul(6, 50))
    planned = await desk.open_due()
    assert await desk.titles_of(planned) == {"예산안"}


# ── the outage ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_outage_over_the_cut_off_brings_what_was_collected_until_now(desk: Desk) -> None:
    """The machine was off from 06:45 to 08:30: the late edition holds both halves and still goes out by itself."""
    await desk.publish("전")
    desk.clock.set(seoul(8, 30))
    await desk.publish("후")
    edition = await desk.open_due()
    assert await desk.titles_of(edition) == {"전", "후"}
    (released,) = await desk.advance()
    assert (released.planned_at, released.cutoff_at) == (seoul(7), seoul(8, 30))
    assert (released.state, released.deadline_at) == (EditionState.RELEASED, seoul(10))


async def test_past_its_deadline_an_edition_is_held_and_only_a_person_releases_it(desk: Desk) -> None:
    """Yesterday's mornings must not come in the evening by surprise."""
    await desk.publish("예산안")
    desk.clock.set(seoul(10, 1))
    edition = await desk.open_due()
    assert edition is not None
    (held,) = await desk.advance()
    assert held.state is EditionState.HELD
    assert await desk.open_matters() == {f"edition:{held.id}"}
    assert await desk.advance() == []
    assert await desk.recipients(held.id) == []

    desk.clock.set(seoul(14))
    released = await desk.release(held.id)
    assert (released.state, released.deadline_at, released.reason) == (EditionState.RELEASED, seoul(17), "")
    assert await desk.recipients(held.id) == ["kim"]
    assert await desk.open_matters() == set()


async def test_outage_of_days_makes_up_one_edition_not_one_a_day(desk: Desk) -> None:
    """Nobody wants three papers at once; the latest one brings all that is new."""
    await desk.publish("월요일")
    desk.clock.set(seoul(7, 30, day=26))
    await desk.publish("목요일")
    edition = await desk.open_due()
    assert edition is not None
    assert edition.planned_at == seoul(7, day=26)
    assert await desk.titles_of(edition) == {"월요일", "목요일"}
    assert await desk.open_due() is None
    assert await desk.count_editions() == 1


# ── which articles ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_article_fetched_late_is_in_the_next_edition(desk: Desk) -> None:
    """A source that was down over the cut-off brings an article dated before it: it must not fall between two."""
    await desk.publish("예산안")
    desk.clock.set(seoul(6, 50))
    await desk.open_due()
    desk.clock.set(seoul(6, 51))
    await desk.publish("늦은 기사", registered_at=seoul(6, 10))
    desk.clock.set(seoul(6, 50, day=24))
    assert await desk.titles_of(await desk.open_due()) == {"늦은 기사"}


async def test_backlog_of_a_new_source_is_not_mailed(desk: Desk) -> None:
    """A feed of a hundred old articles, added today, brings those of the last 24 hours."""
    await desk.use_new_source()
    await desk.publish("지난달", registered_at=seoul(6) - timedelta(days=30))
    await desk.use_new_source()
    await desk.publish("어제저녁", registered_at=seoul(6) - timedelta(hours=10))
    desk.clock.set(seoul(6, 50))
    assert await desk.titles_of(await desk.open_due()) == {"어제저녁"}


async def test_new_slot_of_an_old_service_does_not_bring_the_archive(desk: Desk) -> None:
    """What was first seen more than a day before the slot was known is not its news."""
    await desk.publish("오래된 기사")
    desk.clock.set(seoul(8, day=25))
    await desk.publish("어제 기사")
    desk.clock.set(seoul(7, day=26))
    evening = Slot("evening", "저녁 소식", "0 18 * * *")
    assert await desk.titles_of(await desk.open_now(evening)) == {"어제 기사"}


async def test_article_is_in_one_edition_of_a_slot_and_in_other_slots_too(desk: Desk) -> None:
    """A weekly repeats what the dailies brought, knowingly."""
    weekly = Slot("weekly", "주간 소식", "0 9 * * sat")
    await desk.publish("예산안")
    assert await desk.titles_of(await desk.open_now()) == {"예산안"}
    desk.clock.advance(hours=1)
    assert await desk.open_now() is None
    assert await desk.titles_of(await desk.open_now(weekly)) == {"예산안"}


async def test_removed_sources_and_withdrawn_articles_are_not_chosen(desk: Desk) -> None:
    """An operator who takes something out has taken it out of the next edition."""
    kept, withdrawn = await desk.publish("남은 기사", "내린 기사")
    async with desk.database.begin() as connection:
        await article_rows.withdraw(connection, withdrawn, at=desk.clock())
    planned = await desk.plan()
    assert [placed.article.id for placed in planned] == [kept]
    async with desk.database.begin() as connection:
        await connection.execute(sa.update(sources).values(state=SourceState.REMOVED))
    assert await desk.open_now() is None


async def test_what_was_chosen_stays_as_it_was_chosen(desk: Desk) -> None:
    """All readers of an edition read the same text, whenever their mail is made."""
    await desk.publish("예산안", picture=None)
    edition = await desk.open_now()
    desk.clock.advance(minutes=1)
    await desk.publish("예산안", excerpt="고친 요약")
    (placed,) = await desk.articles_of(edition)
    assert (placed.placement.revision, placed.article.text.excerpt) == (1, "예산안의 요약")
    assert (placed.placement.role, placed.placement.section) == (Role.LEAD, "시정")


async def test_most_read_list_is_stored_with_the_edition(desk: Desk) -> None:
    """The list of the moment of choosing, however late the mail is composed."""
    await desk.publish("예산안")
    await desk.read_most(("많이 본", "https://gaon.example/1"))
    edition = await desk.open_now()
    assert edition is not None
    assert edition.most_read == (MostRead("많이 본", "https://gaon.example/1"),)


@pytest.mark.parametrize(("senders", "is_shown"), [(5, True), (4, False)])
async def test_what_enough_people_sent_to_friends_is_listed(desk: Desk, senders: int, is_shown: bool) -> None:
    """많이 보낸 기사, without numbers; below five people somebody could be recognised by it. Then it is withdrawn."""
    [article_id] = await desk.publish("도서관 개관")
    async with desk.database.begin() as connection:
        values = {"article_id": article_id, "day": desk.clock().date(), "count": 9, "senders": senders}
        await connection.execute(sa.insert(share_counts).values(values))
    edition = await desk.open_now()
    assert edition is not None
    listed = (SharedOften(article_id, "도서관 개관", "https://gaon.example/시정/도서관 개관"),)
    assert edition.most_shared == (listed if is_shown else ())
    async with desk.database.begin() as connection:
        await article_rows.withdraw(connection, article_id, at=desk.clock())
        shown, _ = await composer.load_edition(connection, edition.id)
    assert shown.most_shared == ()


async def test_plan_shows_what_would_be_chosen_and_stores_nothing(desk: Desk) -> None:
    """An editor looks before the cut-off."""
    await desk.publish("의회", section="의회")
    await desk.publish("시정")
    planned = await desk.plan()
    assert await desk.count_editions() == 0
    assert planned == await desk.articles_of(await desk.open_now())


# ── twice, or not at all ─────────────────────────────────────────────────────────────────────────────────────────


async def test_two_workers_at_once_make_one_edition_and_one_set_of_deliveries(desk: Desk, database_url: str) -> None:
    """Somebody starts the service twice, or on two machines."""
    await desk.publish("예산안")
    await desk.subscribe("lee", "park")
    desk.clock.set(seoul(6, 50))
    other = Database.open(database_url)
    try:
        both = [desk.database, other, desk.database, other]
        opened = await asyncio.gather(
            *(editor.open_due(each, desk.settings, desk.slot, clock=desk.clock) for each in both)
        )
        assert sum(edition is not None for edition in opened) == 1
        desk.clock.set(seoul(6, 58))
        moved = await asyncio.gather(
            *(editor.advance(each, desk.settings, desk.renderer, clock=desk.clock) for each in both)
        )
        assert sum(len(each) for each in moved) == 1
    finally:
        await other.close()
    (edition,) = [edition for edition in opened if edition is not None]
    assert await desk.count_editions() == 1
    assert await desk.recipients(edition.id) == ["kim", "lee", "park"]
    assert await desk.open_matters() == set()


async def test_two_people_making_an_edition_at_once_do_not_share_articles(desk: Desk, database_url: str) -> None:
    """Two different planned times, the same free articles: one edition gets them, the other is not made."""
    await desk.publish("예산안", "조례안")
    other = Database.open(database_url)
    later = desk.clock() + timedelta(minutes=1)
    try:
        made = await asyncio.gather(
            desk.open_now(),
            editor.open_now(other, desk.settings, desk.slot, clock=desk.clock, planned_at=later),
        )
    finally:
        await other.close()
    assert sum(edition is not None for edition in made) == 1
    assert await desk.count_editions() == 1


async def test_choosing_waits_for_another_choice_of_the_same_slot(desk: Desk, database_url: str) -> None:
    """The second one must look at the free articles after the first has taken them, not before."""
    await desk.publish("예산안")
    first_id = await desk.open_planned(seoul(7))
    async with desk.database.begin() as connection:
        second_id = await editions.open_edition(connection, desk.slot, planned_at=seoul(6), cutoff_at=seoul(6))
    assert first_id is not None
    assert second_id is not None
    other = Database.open(database_url)
    try:
        async with desk.database.begin() as connection:
            await lock(connection, desk.slot.name)
            task = asyncio.create_task(editor.choose_articles(other, desk.slot, second_id, now=desk.clock()))
            await asyncio.sleep(0.3)  # time enough to choose, if nothing made it wait
            first = await editions.take_open(connection, first_id, now=desk.clock())
            assert first is not None
            places = [Placement(placed.article.id, 1, Role.LEAD, "시정", 0) for placed in await desk.plan()]
            await editions.place(connection, first, places, [])
        assert await task is None
    finally:
        await other.close()
    assert await desk.titles_of(first) == {"예산안"}


async def test_edition_left_open_by_a_dead_worker_is_carried_on(desk: Desk) -> None:
    """Death between opening and choosing, between choosing and releasing, and after: the next pass goes on."""
    await desk.publish("예산안")
    desk.clock.set(seoul(6, 50))
    edition_id = await desk.open_planned(seoul(7))
    assert edition_id is not None
    assert (await desk.get(edition_id)).state is EditionState.OPEN

    desk.clock.set(seoul(6, 52))
    chosen = await desk.open_due()
    assert chosen is not None
    assert (chosen.id, chosen.state, chosen.cutoff_at) == (edition_id, EditionState.CHOSEN, seoul(6, 52))
    assert await desk.open_due() is None

    desk.clock.set(seoul(6, 58))
    assert [edition.id for edition in await desk.advance()] == [edition_id]
    assert await desk.advance() == []
    assert await desk.recipients(edition_id) == ["kim"]


async def test_edition_left_open_gives_way_to_a_later_planned_one(desk: Desk) -> None:
    """Articles must not be locked into yesterday's edition, which is too late to be sent."""
    await desk.publish("예산안")
    desk.clock.set(seoul(6, 50))
    await desk.open_planned(seoul(7))
    desk.clock.set(seoul(6, 50, day=24))
    edition = await desk.open_due()
    assert edition is not None
    assert edition.planned_at == seoul(7, day=24)
    assert await desk.titles_of(edition) == {"예산안"}
    assert await desk.count_editions() == 1


async def test_opening_twice_and_choosing_twice_change_nothing(desk: Desk) -> None:
    """Each step repeated by a worker that lost the race."""
    await desk.publish("예산안")
    desk.clock.set(seoul(6, 50))
    edition_id = await desk.open_planned(seoul(7))
    assert edition_id is not None
    assert await desk.open_planned(seoul(7)) is None
    assert await desk.choose(edition_id) is not None
    assert await desk.choose(edition_id) is None


async def test_clock_that_jumps_back_opens_nothing_twice(desk: Desk) -> None:
    """The clock is set back over the cut-off, and over a day, and catches up."""
    await desk.publish("예산안")
    desk.clock.set(seoul(6, 50))
    assert await desk.open_due() is not None
    await desk.publish("속보")
    for back in [seoul(6, 40), seoul(7, day=22), seoul(6, 50), seoul(7)]:
        desk.clock.set(back)
        assert await desk.open_due() is None
    assert await desk.count_editions() == 1


async def test_clock_that_jumped_a_year_ahead_neither_blocks_the_slot_nor_hides_articles(desk: Desk) -> None:
    """A wrong clock for a minute must not cost the readers a year of editions."""
    desk.clock.set(seoul(7) + timedelta(days=365))
    await desk.publish("예산안")
    assert await desk.open_due() is not None
    await desk.publish("그사이 기사")
    desk.clock.set(seoul(6, 45))
    await desk.publish("조례안")
    desk.clock.set(seoul(6, 50))
    edition = await desk.open_due()
    assert edition is not None
    assert edition.planned_at == seoul(7)
    assert await desk.titles_of(edition) == {"그사이 기사", "조례안"}
    assert await desk.open_due() is None


# ── by a person's hand ───────────────────────────────────────────────────────────────────────────────────────────


async def test_cancelled_edition_gives_its_articles_to_the_next_one(desk: Desk) -> None:
    """Cancelled before anybody could read it: nothing is lost to the readers."""
    await desk.publish("예산안")
    desk.clock.set(seoul(6, 50))
    edition = await desk.open_due()
    assert edition is not None
    desk.clock.set(seoul(6, 58))
    await desk.advance()
    cancelled = await desk.cancel(edition.id, reason="오보", give_back=None)
    assert (cancelled.state, cancelled.reason) == (EditionState.CANCELLED, "오보")
    assert await desk.recipients(edition.id, DeliveryState.DROPPED) == ["kim"]
    assert await desk.open_due() is None
    desk.clock.set(seoul(6, 50, day=24))
    assert await desk.titles_of(await desk.open_due()) == {"예산안"}


async def test_cancelled_edition_keeps_its_articles_when_somebody_may_have_read_them(desk: Desk) -> None:
    """Half of the readers have it: it does not come again, and what is on the wire is left alone."""
    await desk.subscribe("lee")
    await desk.publish("예산안")
    edition = await desk.open_now()
    assert edition is not None
    await desk.advance()
    await desk.mark(edition.id, DeliveryState.ATTEMPTING, "lee")
    await desk.cancel(edition.id, reason="", give_back=None)
    assert await desk.recipients(edition.id, DeliveryState.ATTEMPTING) == ["lee"]
    desk.clock.advance(hours=1)
    assert await desk.open_now() is None


async def test_edition_held_while_it_is_sent_goes_on_with_a_new_deadline(desk: Desk) -> None:
    """It is not composed again: who has it keeps it, who waits gets the same mail."""
    await desk.subscribe("lee")
    await desk.publish("예산안")
    edition = await desk.open_now()
    assert edition is not None
    await desk.advance()
    await desk.mark(edition.id, DeliveryState.ACCEPTED, "lee")
    held = await editor.hold(desk.database, edition.id, reason="제목 확인")
    assert (held.state, held.reason) == (EditionState.HELD, "제목 확인")

    await desk.subscribe("park")
    desk.clock.advance(hours=5)
    released = await desk.release(edition.id)
    assert (released.state, released.deadline_at) == (EditionState.RELEASED, desk.clock() + timedelta(hours=3))
    async with desk.database.read() as connection:
        rows = await connection.execute(sa.select(deliveries.c.state, deliveries.c.deadline_at))
        assert {row.state: row.deadline_at for row in rows} == {
            DeliveryState.ACCEPTED: seoul(9),
            DeliveryState.QUEUED: desk.clock() + timedelta(hours=3),
        }


async def test_edition_of_a_slot_that_is_gone_is_released_with_three_hours(desk: Desk) -> None:
    """A line was taken out of EDITIONS while its edition was held."""
    await desk.publish("예산안")
    edition = await desk.open_now()
    assert edition is not None
    await editor.hold(desk.database, edition.id, reason="")
    desk.clock.advance(hours=9)
    desk.settings = make_settings(editions="")
    released = await desk.release(edition.id)
    assert released.deadline_at == desk.clock() + timedelta(hours=3)


async def test_acts_that_do_not_fit_the_state_are_refused_with_a_sentence(desk: Desk) -> None:
    """A person who types the wrong number must change nothing."""
    await desk.publish("예산안")
    edition = await desk.open_now()
    assert edition is not None
    await desk.release(edition.id)
    with pytest.raises(WrongStateError, match="is released; only a chosen or held edition can be released"):
        await desk.release(edition.id)
    await desk.cancel(edition.id, reason="", give_back=False)
    with pytest.raises(WrongStateError, match="is cancelled"):
        await desk.cancel(edition.id, reason="", give_back=True)
    with pytest.raises(WrongStateError, match="is cancelled"):
        await editor.hold(desk.database, edition.id, reason="")
    with pytest.raises(WrongStateError, match="is cancelled"):
        await desk.release(edition.id)
    with pytest.raises(NotFoundError, match="There is no edition 999"):
        await desk.release(999)
    with pytest.raises(NotFoundError):
        await desk.cancel(999, reason="", give_back=False)
    async with desk.database.read() as connection:
        assert (await connection.execute(sa.select(sa.func.count()).select_from(slots))).scalar_one() == 1


@pytest.mark.parametrize(("days", "brought"), [(6, {"예산안", "축제", "오늘"}), (8, {"오늘"})])
async def test_a_slot_that_comes_back_to_the_settings_brings_no_archive(
    desk: Desk, database: Database, days: int, brought: set[str]
) -> None:
    """Taken out for months it begins anew; taken out by mistake for some days it has missed nothing."""
    await desk.publish("예산안")
    async with database.begin() as connection:
        await keep_in_step(connection, ["evening"], now=desk.clock())
    desk.clock.advance(days=1)
    await desk.publish("축제")
    desk.clock.advance(days=days - 1, minutes=1)
    async with database.begin() as connection:
        await keep_in_step(connection, [desk.slot.name], now=desk.clock())
    await desk.publish("오늘")
    desk.clock.advance(hours=1)
    assert await desk.titles_of(await desk.open_due()) == brought


async def test_an_outage_of_weeks_loses_nothing(desk: Desk, database: Database) -> None:
    """The service was down, its settings named the slot all the time."""
    await desk.publish("예산안")
    for _ in range(2):
        desk.clock.advance(days=20)
        async with database.begin() as connection:
            await keep_in_step(connection, [desk.slot.name], now=desk.clock())
    desk.clock.advance(hours=1)
    assert await desk.titles_of(await desk.open_due()) == {"예산안"}
