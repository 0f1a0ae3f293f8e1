"""What readers choose: what they then get, what becomes of what waits, and what a form may say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from digest.compose import editor, renewal
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database, articles, audience, choices, editions, leaving, messages
from digest.database import deliveries as delivery_rows
from digest.database.tables import deliveries
from digest.database.tables import messages as messages_table
from digest.models.deliveries import DeliveryState, DropReason
from digest.models.editions import Slot
from digest.models.readers import ALL_DAYS, Choices, Format, SlotChoice, SubscriberState, Variant
from digest.subscribe import preferences
from digest.subscribe.preferences import Desk, Offer, Problem
from digest.subscribe.waiting import Followed
from digest.tokens import TokenPurpose
from tests.support.clock import StoppedClock
from tests.support.newsroom import Newsroom

pytestmark = pytest.mark.anyio

RENDERER = Renderer(None)
MONDAY = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)  # 07:00 in Seoul
MORNING = SlotChoice("morning")
PLAIN = Choices("ko", Format.HTML, (MORNING,))
SLOT = Slot("morning", "아침 소식", "0 7 * * *")
DESK_OFFER = Offer(SLOT, ALL_DAYS, (8, 9), ("시정", "의회"))


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock(MONDAY - timedelta(minutes=10))


@pytest.fixture
def newsroom(database: Database, clock: StoppedClock) -> Newsroom:
    return Newsroom(database, clock)


async def choose(database: Database, settings: Settings, clock: StoppedClock, reader: int, wanted: Choices) -> None:
    """Save as the page does."""
    token = settings.keyring.make(TokenPurpose.CHOOSE, reader)
    desk = await preferences.open_desk(database, settings, token, now=clock())
    assert desk is not None
    assert await preferences.save(database, settings, RENDERER, desk, wanted, now=clock()) is not None


async def release(newsroom: Newsroom, settings: Settings, clock: StoppedClock) -> int:
    """Open, compose and release this Monday's edition."""
    slot = settings.editions[0]
    opened = await editor.open_now(newsroom.database, settings, slot, clock=clock, planned_at=MONDAY)
    assert opened is not None
    await editor.advance(newsroom.database, settings, Renderer(None), clock=clock)
    return opened.id


async def stored(database: Database, *columns: sa.ColumnElement[object]) -> list[tuple[object, ...]]:
    async with database.read() as connection:
        query = sa.select(*columns).select_from(deliveries)
        query = query.join(messages_table, messages_table.c.id == deliveries.c.message_id)
        return [tuple(row) for row in await connection.execute(query.order_by(deliveries.c.id))]


async def texts(database: Database, reader: int) -> list[str]:
    """Return the texts of the mails that were made for a reader."""
    async with database.read() as connection:
        query = sa.select(messages_table.c.text).join(deliveries, messages_table.c.id == deliveries.c.message_id)
        found = (await connection.execute(query.where(deliveries.c.subscriber_id == reader))).scalars()
        return [each.decode() for each in found]


async def test_weekday_decides_who_is_in_the_audience(
    database: Database, settings: Settings, newsroom: Newsroom, clock: StoppedClock
) -> None:
    """The planned time's day in the newspaper's zone counts: it is Monday in Seoul and Sunday in UTC."""
    monday, sunday = await newsroom.subscribe("monday", "sunday")
    await choose(database, settings, clock, monday.id, replace(PLAIN, slots=(replace(MORNING, weekdays=1),)))
    await choose(database, settings, clock, sunday.id, replace(PLAIN, slots=(replace(MORNING, weekdays=64),)))
    await newsroom.publish("첫 소식")

    edition_id = await release(newsroom, settings, clock)

    assert await newsroom.recipients(edition_id) == ["monday"]


async def test_own_hour_moves_due_time_and_deadline_and_makes_no_message(
    database: Database, settings: Settings, newsroom: Newsroom, clock: StoppedClock
) -> None:
    """One message for both; the later one's deadline is as long after its hour. An hour before the edition is none."""
    usual, late, early = await newsroom.subscribe("a-usual", "b-late", "c-early")
    await choose(database, settings, clock, late.id, replace(PLAIN, slots=(replace(MORNING, hour=9),)))
    await choose(database, settings, clock, early.id, replace(PLAIN, slots=(replace(MORNING, hour=6),)))
    await newsroom.publish("첫 소식")

    await release(newsroom, settings, clock)

    rows = await stored(database, deliveries.c.subscriber_id, deliveries.c.due_at, deliveries.c.deadline_at)
    hours = timedelta(hours=1)
    assert sorted(rows) == [
        (usual.id, MONDAY, MONDAY + 3 * hours),
        (late.id, MONDAY + 2 * hours, MONDAY + 5 * hours),
        (early.id, MONDAY, MONDAY + 3 * hours),
    ]
    assert len({message for (message,) in await stored(database, deliveries.c.message_id)}) == 1


async def test_words_and_headlines_make_a_message_per_distinct_set(
    database: Database, settings: Settings, newsroom: Newsroom, clock: StoppedClock
) -> None:
    """Two readers with the same words share one; a word's article is named first, whatever its section."""
    plain, one, other, short = await newsroom.subscribe("plain", "one", "other", "short")
    for reader in (one, other):
        await choose(database, settings, clock, reader.id, replace(PLAIN, words=("도서관", "시장")))
    await choose(database, settings, clock, short.id, replace(PLAIN, headlines=True))
    await newsroom.publish("새 도서관 문 열어", section="문화")
    await newsroom.publish("시의회 예산 의결", section="시정")

    await release(newsroom, settings, clock)

    rows = await stored(database, deliveries.c.subscriber_id, messages_table.c.variant, messages_table.c.text)
    variants = {reader: Variant.of_key(str(key)) for reader, key, _ in rows}
    texts = {reader: bytes(text).decode() for reader, _, text in rows}  # type: ignore[call-overload]  # a row
    assert variants[plain.id] == Variant("ko", Format.HTML)
    assert variants[one.id] == variants[other.id] == Variant("ko", Format.HTML, words=("도서관", "시장"))
    assert variants[short.id] == Variant("ko", Format.HTML, headlines=True)
    assert "알림어: 도서관" in texts[one.id]
    body = texts[one.id].partition("=====")[2]
    assert body.index("새 도서관 문 열어") < body.index("시의회 예산 의결")
    assert "알림어" not in texts[plain.id]
    assert "의 요약" in texts[plain.id]
    assert "의 요약" not in texts[short.id]


@pytest.mark.parametrize(
    "variant",
    [
        Variant("ko", Format.HTML),
        Variant("en", Format.TEXT, ("시정", "의회"), (3, 7), (2,)),
        Variant("ko", Format.HTML, (), headlines=True),
        Variant("ko", Format.HTML, ("시정",), (3,), words=("도서관", "시장")),
    ],
)
async def test_variant_and_its_key_say_the_same(variant: Variant) -> None:
    """The ledger joins by the key; one that says less would send somebody's mail to others."""
    assert Variant.of_key(variant.key) == variant


async def test_readers_without_such_choices_keep_the_key_they_had() -> None:
    """Editions that were composed before must still find their messages."""
    assert Variant("ko", Format.HTML, ("시정",), (3,)).key == "ko|html|시정|3"


async def test_pause_drops_what_waits_and_ends_by_itself(
    database: Database, settings: Settings, newsroom: Newsroom, clock: StoppedClock
) -> None:
    """Holidays: nothing comes, and on the day everything is as before without anybody doing anything."""
    (reader,) = await newsroom.subscribe("kim")
    await newsroom.publish("첫 소식")
    edition_id = await release(newsroom, settings, clock)
    until = clock() + timedelta(days=7)

    await choose(database, settings, clock, reader.id, replace(PLAIN, paused_until=until))

    assert await newsroom.recipients(edition_id, DeliveryState.DROPPED) == ["kim"]
    assert await stored(database, deliveries.c.drop_reason) == [(DropReason.PAUSED,)]
    async with database.begin() as connection:
        assert await choices.end_pauses(connection, now=until - timedelta(seconds=1)) == 0
        edition = await editions.get_edition(connection, edition_id)
        assert await audience.variants_in_use(connection, edition, (), at=clock(), zone=settings.zone) == []
        assert await choices.end_pauses(connection, now=until) == 1
        assert (await choices.load(connection, reader.id)).paused_until is None
        assert len(await audience.variants_in_use(connection, edition, (), at=clock(), zone=settings.zone)) == 1


async def test_end_of_a_pause_wakes_nobody_who_left(
    database: Database, settings: Settings, newsroom: Newsroom, clock: StoppedClock
) -> None:
    """Leaving while paused is leaving."""
    (reader,) = await newsroom.subscribe("kim")
    await choose(database, settings, clock, reader.id, replace(PLAIN, paused_until=clock() + timedelta(days=7)))
    async with database.begin() as connection:
        from digest.database import subscribers

        assert await connection.run_sync(leaving.leave, [reader.id], at=clock())
        assert await choices.end_pauses(connection, now=clock() + timedelta(days=8)) == 0
        assert (await subscribers.get(connection, reader.id)).state is SubscriberState.LEFT


@pytest.mark.parametrize(
    "wanted",
    [replace(PLAIN, slots=()), replace(PLAIN, slots=(replace(MORNING, weekdays=2),))],
    ids=["slot", "weekday"],
)
async def test_what_is_not_wanted_any_more_is_dropped_though_it_waits(
    database: Database, settings: Settings, newsroom: Newsroom, clock: StoppedClock, wanted: Choices
) -> None:
    """Ten minutes before seven is early enough; the edition's sum still adds up."""
    kim, _ = await newsroom.subscribe("kim", "lee")
    await newsroom.publish("첫 소식")
    edition_id = await release(newsroom, settings, clock)

    await choose(database, settings, clock, kim.id, wanted)

    assert await newsroom.recipients(edition_id, DeliveryState.DROPPED) == ["kim"]
    assert await newsroom.recipients(edition_id, DeliveryState.QUEUED) == ["lee"]


async def test_hour_moves_what_waits_and_back(
    database: Database, settings: Settings, newsroom: Newsroom, clock: StoppedClock
) -> None:
    """Changing one's mind leaves due time and deadline as they were."""
    (kim,) = await newsroom.subscribe("kim")
    await newsroom.publish("첫 소식")
    await release(newsroom, settings, clock)
    times = (deliveries.c.due_at, deliveries.c.deadline_at)
    before = await stored(database, *times)

    await choose(database, settings, clock, kim.id, replace(PLAIN, slots=(replace(MORNING, hour=20),)))
    moved = await stored(database, *times)
    await choose(database, settings, clock, kim.id, PLAIN)

    assert moved == [(MONDAY + timedelta(hours=13), MONDAY + timedelta(hours=16))]
    assert await stored(database, *times) == before


async def test_waiting_mail_is_handed_over_where_its_new_form_exists(
    database: Database, settings: Settings, newsroom: Newsroom, clock: StoppedClock
) -> None:
    """English was composed for somebody else: nothing is composed again."""
    (kim,) = await newsroom.subscribe("kim")
    await newsroom.subscribe("lee", language="en")
    await newsroom.publish("첫 소식")
    await release(newsroom, settings, clock)

    english = replace(PLAIN, language="en")
    saved = await preferences.save(database, settings, RENDERER, Desk(kim, PLAIN, ()), english, now=clock())

    assert saved == Followed(0, 0)
    assert await stored(database, messages_table.c.language) == [("en",), ("en",)]
    assert len({each for (each,) in await stored(database, deliveries.c.message_id)}) == 1


@pytest.mark.parametrize(
    ("changes", "holds", "lacks"),
    [
        ({"language": "en"}, "Unsubscribe", "틀린 말"),
        ({"slots": (replace(MORNING, sections=("의회",)),)}, "의회 소식", "시정 소식"),
        ({"headlines": True}, "시정 소식", "첫 문장입니다"),
        ({"words": ("조례",)}, "조례", "없는 말"),
    ],
)
async def test_waiting_mail_comes_in_a_form_that_nobody_had(  # noqa: PLR0917 (fixtures)
    database: Database,
    settings: Settings,
    newsroom: Newsroom,
    clock: StoppedClock,
    changes: dict[str, Any],  # Any: fields of the choices
    holds: str,
    lacks: str,
) -> None:
    """Every change holds for the next mail, queued or not: what nobody's choice had made is composed now."""
    (kim,) = await newsroom.subscribe("kim")
    await newsroom.publish("시정 소식", section="시정", excerpt="첫 문장입니다.")
    await newsroom.publish("의회 소식", section="의회", excerpt="조례를 고쳤다.")
    edition_id = await release(newsroom, settings, clock)

    wanted = replace(PLAIN, **changes)
    saved = await preferences.save(database, settings, RENDERER, Desk(kim, PLAIN, ()), wanted, now=clock())

    assert saved == Followed(0, 0)
    [text] = await texts(database, kim.id)
    assert holds in text
    assert lacks not in text
    async with database.read() as connection:
        counts = await delivery_rows.counts(connection, edition_id)
    assert (counts.eligible, counts.adds_up) == (1, True)


async def test_two_who_choose_the_same_new_form_share_its_message(
    database: Database, settings: Settings, newsroom: Newsroom, clock: StoppedClock
) -> None:
    """A message per variant, not per reader, also after the release."""
    readers = await newsroom.subscribe("kim", "lee")
    await newsroom.publish("첫 소식")
    await release(newsroom, settings, clock)
    for reader in readers:
        await choose(database, settings, clock, reader.id, replace(PLAIN, format=Format.TEXT))
    assert len({each for (each,) in await stored(database, deliveries.c.message_id)}) == 1


async def test_waiting_mail_of_which_the_new_choice_leaves_nothing_is_dropped(
    database: Database, settings: Settings, newsroom: Newsroom, clock: StoppedClock
) -> None:
    """Whoever wants 교육 alone is not sent an edition without a word of it."""
    (kim,) = await newsroom.subscribe("kim")
    await newsroom.publish("시정 소식", section="시정")
    await release(newsroom, settings, clock)
    wanted = replace(PLAIN, slots=(replace(MORNING, sections=("교육",)),))
    saved = await preferences.save(database, settings, RENDERER, Desk(kim, PLAIN, ()), wanted, now=clock())
    assert saved == Followed(1, 0)
    assert await stored(database, deliveries.c.state) == [(DeliveryState.DROPPED,)]


async def test_a_new_form_holds_nothing_that_was_withdrawn(
    database: Database, settings: Settings, newsroom: Newsroom, clock: StoppedClock
) -> None:
    """The text form was composed before, and nobody waits for it any more: it was not renewed, and must not go out."""
    (kim,) = await newsroom.subscribe("kim")
    (lee,) = await newsroom.subscribe("lee")
    await choose(database, settings, clock, lee.id, replace(PLAIN, format=Format.TEXT))
    [wrong] = await newsroom.publish("틀린 소식")
    await newsroom.publish("맞는 소식")
    await release(newsroom, settings, clock)
    async with database.begin() as connection:
        sent = deliveries.c.subscriber_id == lee.id
        await connection.execute(sa.update(deliveries).where(sent).values(state=DeliveryState.ACCEPTED))
        await articles.withdraw(connection, wrong, at=clock())
    clock.advance(minutes=1)
    await renewal.renew_stale(database, settings, RENDERER, clock=clock)

    await choose(database, settings, clock, kim.id, replace(PLAIN, format=Format.TEXT))

    [text] = await texts(database, kim.id)
    assert "맞는 소식" in text
    assert "틀린 소식" not in text


async def test_after_many_new_forms_in_a_day_a_mail_comes_as_it_was(
    database: Database, settings: Settings, newsroom: Newsroom, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each form costs work and a stored mail, and editions are forwarded; the page says which form comes."""
    monkeypatch.setattr(preferences, "MAX_FORMS", 1)
    (kim,) = await newsroom.subscribe("kim")
    await newsroom.publish("첫 소식")
    await release(newsroom, settings, clock)
    forms = [replace(PLAIN, words=(word,)) for word in ("하나", "둘")]
    desk = Desk(kim, PLAIN, ())
    saved = [await preferences.save(database, settings, RENDERER, desk, each, now=clock()) for each in forms]
    assert saved == [Followed(0, 0), Followed(0, 1)]


async def test_a_broken_template_does_not_keep_anybody_from_choosing(
    database: Database, settings: Settings, newsroom: Newsroom, clock: StoppedClock, tmp_path: Path
) -> None:
    """The choices are stored; what waits comes as it was composed."""
    (tmp_path / "digest").mkdir()
    (tmp_path / "digest" / "body.txt").write_text("{{ nothing }}", encoding="utf-8")
    (kim,) = await newsroom.subscribe("kim")
    await newsroom.publish("첫 소식")
    await release(newsroom, settings, clock)
    english = replace(PLAIN, language="en")
    saved = await preferences.save(database, settings, Renderer(tmp_path), Desk(kim, PLAIN, ()), english, now=clock())
    assert saved == Followed(0, 1)


async def test_hundreds_of_sets_of_words_are_composed(
    database: Database, settings: Settings, newsroom: Newsroom, clock: StoppedClock
) -> None:
    """More than 200 variants take longer and nothing else: everybody gets theirs, in one transaction."""
    readers = await newsroom.subscribe(*(f"r{number}" for number in range(210)))
    async with database.begin() as connection:
        for number, reader in enumerate(readers):
            await choices.save(connection, reader.id, replace(PLAIN, words=(f"낱말{number}",)), at=clock())
    await newsroom.publish("첫 소식")

    edition_id = await release(newsroom, settings, clock)

    assert await newsroom.eligible(edition_id) == 210
    assert len({message for (message,) in await stored(database, deliveries.c.message_id)}) == 210


async def test_longer_deadline_of_an_own_hour_is_not_cut_by_releasing_again(
    database: Database, settings: Settings, newsroom: Newsroom, clock: StoppedClock
) -> None:
    """Releasing a held edition gives more time, never less."""
    (kim,) = await newsroom.subscribe("kim")
    await choose(database, settings, clock, kim.id, replace(PLAIN, slots=(replace(MORNING, hour=20),)))
    await newsroom.publish("첫 소식")
    edition_id = await release(newsroom, settings, clock)
    async with database.begin() as connection:
        await messages.move_deadline(connection, edition_id, deadline_at=MONDAY + timedelta(hours=4))
    assert await stored(database, deliveries.c.deadline_at) == [(MONDAY + timedelta(hours=16),)]


# ── the form ─────────────────────────────────────────────────────────────────────────────────────────────────────


GOOD: dict[str, list[str]] = {
    "slot": ["morning"],
    "days.morning": ["0", "4"],
    "hour.morning": ["9"],
    "sections.morning": ["의회"],
    "words": ["도서관, 시장"],
    "headlines": [""],
    "format": ["html"],
    "language": ["ko"],
    "paused_until": [""],
}


async def read(settings: Settings, newsroom: Newsroom, **changes: list[str]) -> Choices | Problem:
    (kim,) = await newsroom.subscribe("kim")
    form = {**GOOD, **{name.replace("__", "."): value for name, value in changes.items()}}
    return preferences.read_form(Desk(kim, PLAIN, (DESK_OFFER,)), settings, form, now=MONDAY)


async def test_form_is_read_as_it_was_filled_in(settings: Settings, newsroom: Newsroom) -> None:
    """Days become a sum, sections and words are sorted."""
    read_choices = await read(settings, newsroom, words=["시장, 도서관,시장 ,, LIBRARY"], paused_until=["2026-11-30"])
    assert read_choices == Choices(
        "ko",
        Format.HTML,
        (SlotChoice("morning", weekdays=17, hour=9, sections=("의회",)),),
        words=("library", "도서관", "시장"),
        paused_until=datetime(2026, 11, 29, 15, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("words", "제어\x07문자", Problem.WORDS_SIGNS),
        ("words", "\u202e뒤집힌", Problem.WORDS_SIGNS),
        ("words", "a\x00b", Problem.WORDS_SIGNS),
        ("words", "<b>시장</b>", Problem.WORDS_SIGNS),
        ("words", "{{7*7}}", Problem.WORDS_SIGNS),
        ("words", "시|장", Problem.WORDS_SIGNS),
        ("words", "a\rBcc: x@y", Problem.WORDS_SIGNS),
        ("words", "가" * 21, Problem.WORDS_LONG),
        ("words", "가" * 10_000, Problem.WORDS_LONG),
        ("words", ",".join(f"낱말{number}" for number in range(11)), Problem.WORDS_MANY),
        ("paused_until", "2026-11-23", Problem.PAUSE),
        ("paused_until", "2028-01-01", Problem.PAUSE),
        ("paused_until", "0000-00-00", Problem.PAUSE),
        ("paused_until", "{{7*7}}", Problem.PAUSE),
        ("language", "fr", Problem.UNKNOWN),
        ("format", "<b>", Problem.UNKNOWN),
        ("headlines", "\r\n", Problem.UNKNOWN),
        ("slot", "evening", Problem.UNKNOWN),
        ("days__morning", "7", Problem.UNKNOWN),
        ("hour__morning", "5", Problem.UNKNOWN),
        ("hour__morning", "٩", Problem.UNKNOWN),
        ("sections__morning", "시정,의회", Problem.UNKNOWN),
        ("sections__morning", "a|b", Problem.UNKNOWN),
    ],
)
async def test_bad_input_is_named(
    settings: Settings, newsroom: Newsroom, field: str, value: str, problem: Problem
) -> None:
    """Nothing of it comes near a variant's key, a template or a header."""
    assert await read(settings, newsroom, **{field: [value]}) is problem
