"""What is changed or withdrawn after it was chosen, while it is being sent, and after it was mailed."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from digest.compose import editor, renewal
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import (
    Database,
    articles,
    attempts,
    corrections,
    deliveries,
    editions,
    finds,
    kept_mails,
    messages,
    sources,
    stories,
)
from digest.database.tables import deliveries as delivery_table
from digest.models.articles import ArticleText, FoundArticle, WithdrawnBy
from digest.models.deliveries import DeliveryState, Lane
from digest.models.editions import Edition, Role
from digest.models.sources import SourceSpec
from digest.models.stories import Facts, Likeness, Signature
from tests.support.clock import StoppedClock
from tests.support.newsroom import Newsroom
from tests.support.settings import make_settings

pytestmark = pytest.mark.anyio

SEEDS = "gaon@naver.example, gaon@gmail.example"
NO_FACTS = Facts(frozenset(), frozenset(), frozenset())


class Desk(Newsroom):
    """A newsroom with one slot and editions made out of turn."""

    def __init__(self, database: Database, clock: StoppedClock, settings: Settings) -> None:
        super().__init__(database, clock)
        self.settings = settings
        self.slot = settings.editions[0]
        self.renderer = Renderer(None)

    async def make(self, look: editor.Look | None = None) -> Edition:
        """Open, choose, compose and release an edition of what is new."""
        self.clock.advance(hours=1)
        edition = await editor.open_now(self.database, self.settings, self.slot, clock=self.clock)
        assert edition is not None
        await editor.advance(self.database, self.settings, self.renderer, clock=self.clock, look=look)
        async with self.database.read() as connection:
            return await editions.get_edition(connection, edition.id)

    async def change(self, known: str, section: str = "시정", **text: object) -> None:
        """Let the source list an article in other words."""
        assert self.source is not None
        link = f"https://gaon.example/{section}/{known}"
        values = {"link": link, "section": section, "excerpt": f"{known}의 요약", **text}
        one = FoundArticle(
            f"{section}/{known}", ArticleText(**{"title": known, "registered_at": self.clock(), **values})
        )  # type: ignore[arg-type]
        async with self.database.begin() as connection:
            await finds.store_found(connection, self.source, [one], now=self.clock())

    async def withdraw(self, article_id: int) -> None:
        async with self.database.begin() as connection:
            assert await articles.withdraw(connection, article_id, at=self.clock())

    async def renew(self) -> list[int]:
        return await renewal.renew_stale(self.database, self.settings, self.renderer, clock=self.clock)

    async def mail_for(self, edition: Edition, name: str) -> str:
        """The text part that this reader's delivery of the edition would send now."""
        async with self.database.read() as connection:
            query = sa.select(delivery_table.c.message_id).where(
                delivery_table.c.edition_id == edition.id,
                delivery_table.c.recipient == f"{name}@reader.example",
            )
            _, mail = await messages.load_mail(connection, (await connection.execute(query)).scalar_one())
        return mail.text.decode()

    async def seeds(self, edition: Edition) -> list[tuple[DeliveryState, str]]:
        """The state and the text of each seed of the edition, in the order of queueing."""
        async with self.database.read() as connection:
            found = await kept_mails.seeds_of(connection, edition.id)
            query = sa.select(delivery_table.c.message_id)
            texts = []
            for seed in found:
                message_id = await connection.scalar(query.where(delivery_table.c.id == seed.delivery_id))
                texts.append((await messages.load_mail(connection, message_id))[1].text.decode())
        return [(seed.state, text) for seed, text in zip(found, texts, strict=True)]

    async def claim(self) -> list[int]:
        now = self.clock()
        claimed = await self.database.write(
            lambda connection: attempts.claim_due(
                connection, owner="w", lane=Lane.BULK, now=now, lease_until=now + timedelta(minutes=1), limit=10
            )
        )
        return [one.id for one in claimed.deliveries]

    async def mark_attempting(self, ids: Collection[int]) -> set[int]:
        now: datetime = self.clock()
        return await self.database.write(
            lambda connection: attempts.mark_attempting(
                connection, ids, owner="w", now=now, lease_until=now + timedelta(minutes=1)
            )
        )


@pytest.fixture
def desk(database: Database, clock: StoppedClock) -> Desk:
    return Desk(database, clock, make_settings())


async def test_what_the_last_look_finds_is_shown(desk: Desk) -> None:
    """An edition is chosen at its cut-off; a headline corrected until it is composed goes out corrected."""
    await desk.subscribe("kim")
    (article_id, _) = await desk.publish("예산안", "축제")
    looked: list[list[int]] = []

    async def look(article_ids: Collection[int]) -> None:
        looked.append(sorted(article_ids))
        assert desk.source is not None
        async with desk.database.begin() as connection:
            text = (await articles.get_article(connection, article_id)).text
            await finds.revise(connection, article_id, 1, text, replace(text, title="예산안 철회"), now=desk.clock())

    edition = await desk.make(look)
    assert looked == [[article_id, article_id + 1]]
    assert "예산안 철회" in await desk.mail_for(edition, "kim")


async def test_an_edition_that_was_composed_early_is_composed_anew_when_the_last_look_finds_a_change(
    desk: Desk,
) -> None:
    """With seeds there is an hour between composing and sending; readers get what the papers say at the end of it."""
    await desk.subscribe("kim")
    (article_id,) = await desk.publish("예산안")
    edition = await desk.make()

    async def look(article_ids: Collection[int]) -> None:
        await desk.change("예산안", title="예산안 철회")

    await editor.advance(desk.database, desk.settings, desk.renderer, clock=desk.clock, look=look)
    assert await desk.claim() == []
    assert await desk.renew() == [edition.id]
    assert "예산안 철회" in await desk.mail_for(edition, "kim")
    assert len(await desk.claim()) == 1
    assert article_id


async def test_an_edition_goes_out_when_looking_fails(desk: Desk) -> None:
    """The papers' sites are down at seven: readers get what is stored."""
    await desk.subscribe("kim")
    await desk.publish("예산안")

    async def look(article_ids: Collection[int]) -> None:
        raise RuntimeError(f"no network for {len(article_ids)}")

    edition = await desk.make(look)
    assert "예산안" in await desk.mail_for(edition, "kim")
    assert edition.looked_at is not None


async def test_a_withdrawal_stops_what_waits_until_it_is_composed_anew(desk: Desk) -> None:
    """`digest articles withdraw` takes effect at once on all that is still to be sent, claimed or not."""
    await desk.subscribe("kim", "lee")
    (withdrawn, _) = await desk.publish("오보", "축제")
    edition = await desk.make()
    claimed = await desk.claim()
    assert len(claimed) == 2
    await desk.withdraw(withdrawn)
    assert await desk.mark_attempting(claimed) == set()
    assert await desk.claim() == []

    assert await desk.renew() == [edition.id]
    assert await desk.mark_attempting(claimed) == set()
    for name in ("kim", "lee"):
        text = await desk.mail_for(edition, name)
        assert "오보" not in text
        assert "축제" in text
    assert await desk.claim() == claimed
    assert await desk.mark_attempting(claimed) == set(claimed)
    assert await desk.renew() == []


async def test_the_seeds_of_an_edition_composed_anew_are_sent_anew(desk: Desk) -> None:
    """What the operator sees at the large providers must be what readers get, not what was withdrawn."""
    desk.settings = make_settings(seed_addresses=SEEDS)
    await desk.subscribe("kim")
    (withdrawn, _) = await desk.publish("오보", "축제")
    edition = await desk.make()

    await desk.withdraw(withdrawn)
    desk.clock.advance(minutes=1)
    assert await desk.renew() == [edition.id]

    seeds = await desk.seeds(edition)
    assert [(state, "오보" in text) for state, text in seeds] == [
        *[(DeliveryState.DROPPED, True)] * 2,
        *[(DeliveryState.QUEUED, False)] * 2,
    ]


async def test_the_seeds_of_a_cancelled_edition_are_given_up(desk: Desk) -> None:
    """Nobody compares an edition that will not be."""
    desk.settings = make_settings(seed_addresses=SEEDS)
    await desk.subscribe("kim")
    await desk.publish("축제")
    edition = await desk.make()

    await editor.cancel(desk.database, edition.id, reason="test", give_back=None, clock=desk.clock)

    assert [state for state, _ in await desk.seeds(edition)] == [DeliveryState.DROPPED] * 2


async def test_what_comes_back_from_the_wire_is_not_sent_with_what_was_withdrawn(desk: Desk) -> None:
    """A mail that was on the wire when the article was withdrawn, and deferred, goes out without it."""
    await desk.subscribe("kim", "lee")
    (withdrawn, _) = await desk.publish("오보", "축제")
    edition = await desk.make()
    claimed = await desk.claim()
    await desk.mark_attempting(claimed[:1])
    await desk.withdraw(withdrawn)
    await desk.renew()
    await desk.database.write(lambda connection: attempts.give_back(connection, claimed[:1], owner="w"))
    assert await desk.claim() == claimed[1:]
    await desk.renew()
    assert "오보" not in await desk.mail_for(edition, "kim")
    assert await desk.claim() == claimed[:1]


async def test_where_nothing_is_left_what_waits_is_dropped(desk: Desk) -> None:
    """An empty mail is none; the edition adds up all the same."""
    await desk.subscribe("kim")
    (withdrawn,) = await desk.publish("오보")
    edition = await desk.make()
    await desk.withdraw(withdrawn)
    await desk.renew()
    async with desk.database.read() as connection:
        counts = await deliveries.counts(connection, edition.id)
    assert counts.by_state == {DeliveryState.DROPPED: 1}
    assert counts.adds_up


async def test_only_readers_of_the_wrong_version_are_told_in_the_next_edition(desk: Desk) -> None:
    """지난 호 기사 수정·삭제 알림: kim got the wrong headline, lee's mail was refused, park came later."""
    await desk.subscribe("kim", "lee")
    (withdrawn, *_) = await desk.publish("오보", "예산안", "축제")
    first = await desk.make()
    await desk.mark(first.id, DeliveryState.ACCEPTED, "kim")
    await desk.mark(first.id, DeliveryState.REFUSED, "lee")
    await desk.subscribe("park")
    await desk.change("예산안", title="예산안 철회")
    await desk.withdraw(withdrawn)
    await desk.publish("새 소식")
    second = await desk.make()
    told = {name: "지난 호 기사 수정·삭제 알림" in await desk.mail_for(second, name) for name in ("kim", "lee", "park")}
    assert told == {"kim": True, "lee": False, "park": False}
    text = await desk.mail_for(second, "kim")
    assert "예산안 철회" in text
    assert "오보" in text

    await desk.publish("다음 소식")
    third = await desk.make()
    assert "지난 호 기사" not in await desk.mail_for(third, "kim")


async def test_a_retouch_is_not_told(desk: Desk) -> None:
    """Readers are told of corrections, not of commas."""
    await desk.subscribe("kim")
    await desk.publish("예산안")
    first = await desk.make()
    await desk.mark(first.id, DeliveryState.ACCEPTED)
    await desk.change("예산안", byline="홍길동 기자")
    await desk.publish("새 소식")
    assert "지난 호 기사" not in await desk.mail_for(await desk.make(), "kim")


async def test_a_text_that_is_again_what_a_reader_got_is_not_told(desk: Desk) -> None:
    """An editor takes a change back within the hour: what kim has is right again, and no correction."""
    await desk.subscribe("kim")
    await desk.publish("예산안", excerpt="예산은 500원이다.")
    first = await desk.make()
    await desk.mark(first.id, DeliveryState.ACCEPTED)
    await desk.change("예산안", excerpt="예산은 900원이다.")
    await desk.publish("축제")
    second = await desk.make()
    async with desk.database.begin() as connection:
        assert len((await corrections.of_edition(connection, second.id))[1]) == 1
    await editor.cancel(desk.database, second.id, reason="", give_back=None, clock=desk.clock)
    await desk.change("예산안", excerpt="예산은 500원이다.")
    assert "지난 호 기사" not in await desk.mail_for(await desk.make(), "kim")


async def test_a_reader_whom_the_next_edition_does_not_reach_is_told_in_the_one_after(desk: Desk) -> None:
    """lee reads of sports alone: nothing was left of the next edition for lee. kim is told once."""
    await desk.subscribe("kim")
    await desk.subscribe("lee", sections=("체육",))
    await desk.publish("4강 진출", section="체육")
    await desk.mark((await desk.make()).id, DeliveryState.ACCEPTED)
    await desk.change("4강 진출", "체육", title="8강 진출")
    await desk.publish("예산안")
    second = await desk.make()
    assert "8강 진출" in await desk.mail_for(second, "kim")
    await desk.mark(second.id, DeliveryState.ACCEPTED)
    await desk.publish("개막전", section="체육")
    third = await desk.make()
    assert {name: "8강 진출" in await desk.mail_for(third, name) for name in ("kim", "lee")} == {
        "kim": False,
        "lee": True,
    }
    await desk.mark(third.id, DeliveryState.ACCEPTED)
    await desk.publish("결승전", section="체육")
    assert "8강 진출" not in await desk.mail_for(await desk.make(), "lee")


async def test_what_changed_before_a_withdrawal_is_told_when_the_article_is_back(desk: Desk) -> None:
    """The withdrawal takes the change's place; undone, it must not take the change along."""
    await desk.subscribe("kim")
    (changed, _) = await desk.publish("예산안", "축제")
    first = await desk.make()
    await desk.mark(first.id, DeliveryState.ACCEPTED)
    await desk.change("예산안", title="예산안 철회")
    await desk.withdraw(changed)
    async with desk.database.begin() as connection:
        assert await articles.bring_back(connection, changed, at=desk.clock(), by=WithdrawnBy.PERSON)
    await desk.publish("새 소식")
    assert "수정되었습니다" in await desk.mail_for(await desk.make(), "kim")


async def test_a_cancelled_edition_leaves_its_corrections_to_the_next(desk: Desk) -> None:
    """Nobody may miss a correction because an edition was stopped."""
    await desk.subscribe("kim")
    (withdrawn, _) = await desk.publish("오보", "축제")
    first = await desk.make()
    await desk.mark(first.id, DeliveryState.ACCEPTED)
    await desk.withdraw(withdrawn)
    await desk.publish("새 소식")
    second = await desk.make()
    await editor.cancel(desk.database, second.id, reason="", give_back=None, clock=desk.clock)
    third = await desk.make()
    assert "지난 호 기사 수정·삭제 알림" in await desk.mail_for(third, "kim")


async def test_a_contested_article_is_marked_wherever_it_appears(desk: Desk) -> None:
    """언론중재법 제17조의2: a claimed correction is shown at once."""
    await desk.subscribe("kim")
    (article_id,) = await desk.publish("예산안")
    async with desk.database.begin() as connection:
        assert await articles.contest(connection, article_id, at=desk.clock())
        assert not await articles.contest(connection, article_id, at=desk.clock())
    assert "정정보도 청구 등이 있는 기사입니다" in await desk.mail_for(await desk.make(), "kim")


def _alike(one: Signature, other: Signature) -> Likeness:
    return Likeness(1.0, is_same=one.title == other.title, reason="test")


async def _place(desk: Desk, article_id: int, story: str) -> None:
    async with desk.database.begin() as connection:
        signature = Signature(title=story, lead="", minhash=b"", shingles=0, facts=NO_FACTS, bands=(len(story),))
        await stories.place(connection, article_id, 1, signature, compare=_alike, now=desk.clock())


async def test_of_two_that_a_person_joins_the_first_named_is_shown(desk: Desk) -> None:
    """Though the machine would take the other, which shows more."""
    (plain, rich) = await desk.publish("짧은 기사", "긴 기사")
    async with desk.database.begin() as connection:
        await stories.join(connection, [rich, plain], at=desk.clock())
    first, second = await desk.make(), {rich: Role.LEAD, plain: Role.REPEATED}
    async with desk.database.read() as connection:
        placed = await editions.placed_articles(connection, first.id)
    assert {one.article.id: one.placement.role for one in placed} == second


async def test_what_a_person_separates_after_an_edition_is_in_the_next_one(desk: Desk, database: Database) -> None:
    """Readers have seen one of the two alone; the count beside it is right on the edition's page from now on."""
    await desk.subscribe("kim")
    (shown,) = await desk.publish("가온시, 예산안 설명회 열어")
    await _place(desk, shown, "budget")
    async with database.begin() as connection:
        desk.source = await sources.add_source(connection, SourceSpec("naru", "feed", "https://naru.example/rss"))
    (hidden,) = await desk.publish("나루시, 예산안 설명회 개최")
    await _place(desk, hidden, "budget")
    edition = await desk.make()
    async with database.begin() as connection:
        assert await stories.separate(connection, shown, at=desk.clock())
    following = await desk.make()
    async with database.read() as connection:
        placed = [await editions.placed_articles(connection, one.id) for one in (edition, following)]
    assert [(one.article.id, one.placement.same_sources) for one in placed[0]][:1] == [(shown, 0)]
    assert [one.article.id for one in placed[1]] == [hidden]


async def test_one_story_of_two_sources_is_shown_once(desk: Desk, database: Database) -> None:
    """A press release that two papers print is one line with 같은 소식 1건, and does not come back tomorrow."""
    await desk.subscribe("kim")
    (first,) = await desk.publish("가온시, 예산안 설명회 열어")
    await _place(desk, first, "budget")
    own = desk.source
    async with database.begin() as connection:
        desk.source = await sources.add_source(connection, SourceSpec("naru", "feed", "https://naru.example/rss"))
    (second,) = await desk.publish("예산안 설명회 개최")
    await _place(desk, second, "budget")
    edition = await desk.make()
    async with database.read() as connection:
        placed = {one.article.id: one.placement for one in await editions.placed_articles(connection, edition.id)}
    assert (placed[first].role, placed[first].same_sources) == (Role.LEAD, 1)
    assert placed[second].role is Role.REPEATED
    assert "같은 소식 1건" in await desk.mail_for(edition, "kim")

    desk.source = own
    (third, fourth) = await desk.publish("예산안 설명회 이모저모", "새 소식")
    await _place(desk, third, "budget")
    edition = await desk.make()
    async with database.read() as connection:
        roles = {one.article.id: one.placement.role for one in await editions.placed_articles(connection, edition.id)}
    assert roles == {third: Role.REPEATED, fourth: Role.LEAD}
