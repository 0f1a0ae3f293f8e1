"""Leaving in groups: what one transaction does for many is what one for each would do, and nobody pays for another."""

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database, erasing
from digest.database.erasing import Due
from digest.database.tables import consents, deliveries, messages, subscribers
from digest.errors import DatabaseUnavailableError, TemplateError
from digest.hashes import address_hash
from digest.models.consents import ConsentWay, SuppressionReason
from digest.models.deliveries import DeliveryState, Lane
from digest.models.readers import SubscriberState
from digest.subscribe import result_notice, together
from digest.subscribe.together import Together
from digest.subscribe.unsubscribe import Leaver
from tests.support import rows
from tests.support.clock import StoppedClock

pytestmark = pytest.mark.anyio

RENDERER = Renderer(None)


def _leaver(reader: int, clock: StoppedClock) -> Leaver:
    return Leaver(reader, ConsentWay.ONE_CLICK, "/u", "192.0.2.7", clock())


async def _readers(database: Database, clock: StoppedClock, count: int, *, language: str = "ko") -> list[int]:
    async with database.begin() as connection:
        found = []
        for number in range(count):
            reader = await rows.add_subscriber(
                connection, f"{language}{number}@naver.example", at=clock(), language=language
            )
            await rows.add_delivery(connection, reader, at=clock())
            found.append(reader)
    return found


async def _notices(database: Database) -> list[str]:
    async with database.read() as connection:
        query = sa.select(deliveries.c.recipient).where(deliveries.c.lane == Lane.FIRST)
        return sorted((await connection.execute(query)).scalars())


async def test_those_who_come_at_once_leave_in_one_transaction(
    database: Database, clock: StoppedClock, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commits one after the other beside a sender kept a mail provider's program waiting for seconds."""
    readers, groups = await _readers(database, clock, 5), []
    really = together.leave_all

    async def counted(*given: object) -> object:
        groups.append(given)
        return await really(*given)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(together, "leave_all", counted)
    leaving_all = Together(database, settings, RENDERER)
    left = await asyncio.gather(*(leaving_all.leave(_leaver(each, clock)) for each in readers))

    assert len(groups) == 1
    assert [(each.changed, each.dropped) for each in left] == [(True, 1)] * 5
    assert [str(each.address) for each in left] == [f"ko{number}@naver.example" for number in range(5)]


async def test_warming_lets_nobody_leave(database: Database, clock: StoppedClock, settings: Settings) -> None:
    """It is done at every start, whether the database can be used or not."""
    await _readers(database, clock, 2)
    before = await rows.everything(database)
    await Together(database, settings, RENDERER).warm(clock())
    assert await rows.everything(database) == before
    gone = Database.open("postgresql://nobody@127.0.0.1:1/gone")
    await Together(gone, settings, RENDERER).warm(clock())
    await gone.close()


async def test_each_of_a_group_has_their_own_proof_and_notice(
    database: Database, clock: StoppedClock, settings: Settings
) -> None:
    """제50조⑦: each is told the result once; what they are told is stored once for all."""
    readers = await _readers(database, clock, 3) + await _readers(database, clock, 2, language="en")
    leaving_all = Together(database, settings, RENDERER)
    await asyncio.gather(*(leaving_all.leave(_leaver(each, clock)) for each in readers))

    async with database.read() as connection:
        acts = (await connection.execute(sa.select(consents.c.subscriber_id, consents.c.how, consents.c.network))).all()
        states = (await connection.execute(sa.select(subscribers.c.state))).scalars().all()
        told = (await connection.execute(sa.select(messages.c.language).where(messages.c.kind == "notice"))).scalars()
    assert sorted(acts) == [(each, ConsentWay.ONE_CLICK, "192.0.2.0/24") for each in readers]
    assert states == [SubscriberState.LEFT] * 5
    assert sorted(told) == ["en", "ko"]
    assert await _notices(database) == sorted(f"{each}@naver.example" for each in ("ko0", "ko1", "ko2", "en0", "en1"))


async def test_a_reader_twice_in_a_group_leaves_once(
    database: Database, clock: StoppedClock, settings: Settings
) -> None:
    """Mail providers post again while the first answer is under way."""
    [reader] = await _readers(database, clock, 1)
    leaving_all = Together(database, settings, RENDERER)
    left = await asyncio.gather(*(leaving_all.leave(_leaver(reader, clock)) for _ in range(3)))

    assert [(each.changed, each.dropped) for each in left] == [(True, 1), (False, 0), (False, 0)]
    assert await _notices(database) == ["ko0@naver.example"]


async def test_who_leaves_first_does_not_wait_for_the_notice_to_be_composed(
    database: Database, clock: StoppedClock, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Composing the first one takes a tenth of a second, and everybody who came meanwhile had to wait for it."""
    readers = await _readers(database, clock, 1) + await _readers(database, clock, 1, language="en")
    leaving_all = Together(database, settings, RENDERER)
    leaving_all.prepare(clock())
    monkeypatch.setattr(result_notice.notice, "compose", None)

    assert [(await leaving_all.leave(_leaver(each, clock))).changed for each in readers] == [True, True]


async def test_nobody_fails_for_a_neighbour(
    database: Database, clock: StoppedClock, settings: Settings, tmp_path: Path
) -> None:
    """A mistake in an operator's template that only English notices meet must not hold a Korean reader."""
    (tmp_path / "notice").mkdir()
    (tmp_path / "notice" / "body.txt").write_text(
        "{% if language == 'en' %}{{ nothing }}{% endif %}끝", encoding="utf-8"
    )
    [korean], [english] = await _readers(database, clock, 1), await _readers(database, clock, 1, language="en")
    leaving_all = Together(database, settings, Renderer(tmp_path))
    wishes = (leaving_all.leave(_leaver(each, clock)) for each in (english, korean))
    failed, left = await asyncio.gather(*wishes, return_exceptions=True)

    assert isinstance(failed, TemplateError)
    assert not isinstance(left, BaseException)
    assert left.changed
    assert await rows.state_of(database, subscribers, korean) == SubscriberState.LEFT
    assert await rows.state_of(database, subscribers, english) == SubscriberState.ACTIVE


async def test_without_a_database_all_are_told_and_the_next_time_works(
    database: Database, clock: StoppedClock, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 has mail providers ask again; nothing of the failed group may be left in the way."""
    readers = await _readers(database, clock, 2)
    leaving_all = Together(database, settings, RENDERER)

    async def fail(*_: object) -> None:
        raise DatabaseUnavailableError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(together, "leave_all", fail)
        told = await asyncio.gather(
            *(leaving_all.leave(_leaver(each, clock)) for each in readers), return_exceptions=True
        )
    left = await asyncio.gather(*(leaving_all.leave(_leaver(each, clock)) for each in readers))

    assert [type(each) for each in told] == [DatabaseUnavailableError] * 2
    assert [each.changed for each in left] == [True, True]


async def test_who_comes_back_and_leaves_again_the_same_day_is_told_again(
    database: Database, clock: StoppedClock, settings: Settings
) -> None:
    """The notice is stored once a day, and a recipient has each message once: theirs is a further one."""
    [reader] = await _readers(database, clock, 1)
    leaving_all = Together(database, settings, RENDERER)
    for _ in range(2):
        async with database.begin() as connection:
            await connection.execute(sa.update(subscribers).values(state=SubscriberState.ACTIVE))
        assert (await leaving_all.leave(_leaver(reader, clock))).changed
        clock.advance(minutes=1)
    assert await _notices(database) == ["ko0@naver.example"] * 2


async def test_the_notice_stays_whole_when_one_who_got_it_is_erased(
    database: Database, clock: StoppedClock, settings: Settings
) -> None:
    """It names nobody; the next who leaves that day must not be sent an empty mail."""
    first, second = await _readers(database, clock, 2)
    leaving_all = Together(database, settings, RENDERER)
    left = await leaving_all.leave(_leaver(first, clock))
    assert left.address is not None
    address = left.address
    async with database.begin() as connection:
        due = Due(address, address_hash(settings, address), SuppressionReason.ERASED)
        assert (await erasing.erase(connection, due, how=ConsentWay.COMMAND, at=clock())).readers == 1
    await leaving_all.leave(_leaver(second, clock))

    async with database.read() as connection:
        waiting = sa.select(messages.c.subject).join(deliveries, deliveries.c.message_id == messages.c.id)
        subjects = (await connection.execute(waiting.where(deliveries.c.state == DeliveryState.QUEUED))).scalars().all()
    assert len(subjects) == 1
    assert subjects[0]
