"""The breaker at work on both databases: from what was heard of mails to what is claimed, told and resumed."""

from contextlib import suppress
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from digest.addresses import parse
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database, alerts, attempts, counters, notices, share_stops
from digest.database import shares as share_rows
from digest.database.notices import NewNotice
from digest.database.tables import deliveries, shares
from digest.hashes import address_hash
from digest.models.deliveries import DeliveryState, Lane
from digest.models.notices import Cause, NoticeClass
from digest.models.shares import EVERYBODY, ShareState
from digest.share import limits, request, stops
from digest.share.request import Asked, Wanted
from digest.tokens import TokenPurpose
from tests.support import ledger, rows
from tests.support.clock import StoppedClock
from tests.support.settings import make_settings

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings() -> Settings:
    return make_settings(share_address="share@share.gaon.example", abuse_contact="abuse@gaon.example")


async def share(
    database: Database, settings: Settings, clock: StoppedClock, *, sender: str, friend: str, name: str = ""
) -> Asked:
    """Let a confirmed sender share one more article."""
    async with database.begin() as connection:
        article_id = await rows.add_article(connection, name or f"{sender[:9]}-{friend[:9]}", at=clock())
    wanted = Wanted(article_id, parse(sender), "", (parse(friend),), "", "ko", f"192.0.2.{article_id}")
    return await request.ask(database, settings, Renderer(None), wanted, is_proven=True, is_confirmed=True, now=clock())


async def ended(
    database: Database,
    clock: StoppedClock,
    number: int,
    *,
    state: DeliveryState,
    kind: NoticeClass = NoticeClass.HARD,
    **reply: object,
) -> list[int]:
    """Put so many shares of different people to as many others into the tables, whose mails ended alike."""
    ids = [await ledger.make_single(database, at=clock(), recipient=f"f{each}@naru.example") for each in range(number)]
    async with database.begin() as connection:
        article_id = await rows.add_article(connection, "ended", at=clock())
        await connection.execute(
            sa.update(deliveries).values(lane=Lane.SHARE, state=state, settled_at=clock(), **reply)
        )
        for each in ids:
            if state is DeliveryState.BOUNCED:
                said = NewNotice(each, None, None, "naru.example", kind, Cause.UNKNOWN, "", "mail", 0, clock())
                await notices.add(connection, said)
            await connection.execute(
                sa.insert(shares).values(
                    article_id=article_id,
                    state=ShareState.RELEASED,
                    sender_hash=f"sender {each}",
                    recipient_hash=f"friend {each}",
                    language="ko",
                    report_id=str(each),
                    delivery_id=each,
                    created_at=clock(),
                    expires_at=clock(),
                )
            )
    clock.advance(seconds=1)
    return ids


async def claimed(database: Database, clock: StoppedClock) -> int:
    async with database.begin() as connection:
        found = await connection.run_sync(
            lambda plain: attempts.claim_due(
                plain, owner="a", lane=Lane.SHARE, now=clock(), lease_until=clock.advance(seconds=1), limit=10
            )
        )
    return len(found.deliveries)


async def open_alerts(database: Database) -> list[str]:
    async with database.read() as connection:
        return [alert.matter for alert in await alerts.list_open(connection)]


@pytest.mark.parametrize(
    ("state", "reply", "is_stopped"),
    [
        (DeliveryState.BOUNCED, {"kind": NoticeClass.HARD}, True),
        (DeliveryState.BOUNCED, {"kind": NoticeClass.SOFT}, False),
        (DeliveryState.REFUSED, {"reply_code": 550, "reply_status": "5.1.1"}, True),
        (DeliveryState.REFUSED, {"reply_code": 550, "reply_status": ""}, True),
        (DeliveryState.REFUSED, {"reply_code": 550, "reply_status": "5.2.1"}, False),
        (DeliveryState.UNCERTAIN, {}, False),
        (DeliveryState.ACCEPTED, {}, False),
    ],
)
async def test_addresses_that_do_not_exist_stop_it_whoever_says_so(
    database: Database, clock: StoppedClock, *, state: DeliveryState, reply: dict[str, Any],
    is_stopped: bool,
) -> None:  # fmt: skip
    """A notice days later counts like a refusal at once; a mailbox that is full or closed is no list being tried."""
    await ended(database, clock, 6, state=state, **reply)
    await stops.look(database, now=clock())
    async with database.read() as connection:
        assert await share_stops.is_stopped(connection, EVERYBODY) is is_stopped
    assert await open_alerts(database) == (["shares"] if is_stopped else [])


async def test_what_is_queued_waits_in_every_process_until_a_person_resumes_it(
    database: Database, clock: StoppedClock
) -> None:
    """The stop stands in the database, so all workers see it; nothing of what waits is lost."""
    waiting, *_ = await ended(database, clock, 6, state=DeliveryState.BOUNCED)
    async with database.begin() as connection:
        await connection.execute(
            sa.update(deliveries).where(deliveries.c.id == waiting).values(state=DeliveryState.QUEUED, settled_at=None)
        )
        await share_stops.stop(connection, EVERYBODY, "a test", at=clock())
    assert await claimed(database, clock) == 0

    async with database.begin() as connection:
        assert await share_stops.resume(connection, EVERYBODY, at=clock())
        assert not await share_stops.resume(connection, EVERYBODY, at=clock())
    assert await claimed(database, clock) == 1


async def test_while_it_rests_nothing_is_asked_for_and_the_word_is_clear(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """Nothing is queued, no address is stored, and both ways of asking are told the same."""
    async with database.begin() as connection:
        await share_stops.stop(connection, EVERYBODY, "a test", at=clock())
        article_id = await rows.add_article(connection, "1", at=clock())
    wanted = Wanted(article_id, parse("a@gaon.example"), "", (parse("b@naru.example"),), "", "ko", "192.0.2.1")
    for is_known in (True, False):
        answer = await request.ask(
            database, settings, Renderer(None), wanted, is_proven=is_known, is_confirmed=is_known, now=clock()
        )
        assert answer is Asked.STOPPED
    async with database.read() as connection:
        assert (await connection.execute(sa.select(shares.c.id))).all() == []


async def test_while_it_rests_what_its_sender_confirms_waits_on(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """It was asked for before the stop; pressing the button again after a person's word sends it."""
    async with database.begin() as connection:
        article_id = await rows.add_article(connection, "1", at=clock())
    wanted = Wanted(article_id, parse("a@gaon.example"), "", (parse("b@naru.example"),), "", "ko", "192.0.2.1")
    await request.ask(database, settings, Renderer(None), wanted, is_proven=True, is_confirmed=False, now=clock())
    async with database.begin() as connection:
        token = settings.keyring.make(
            TokenPurpose.SHARE, (await connection.execute(sa.select(sa.func.max(deliveries.c.id)))).scalar_one()
        )
        await share_stops.stop(connection, EVERYBODY, "a test", at=clock())

    pressed = await request.release(database, settings, Renderer(None), token, now=clock())

    assert pressed is not None
    assert (pressed.sent, pressed.waiting) == (0, 1)
    async with database.begin() as connection:
        assert (await connection.execute(sa.select(shares.c.state))).scalar_one() == ShareState.WAITING
        await share_stops.resume(connection, EVERYBODY, at=clock())
    again = await request.release(database, settings, Renderer(None), token, now=clock())
    assert again is not None
    assert again.sent == 1


async def test_resuming_forgets_what_led_to_the_stop_and_hears_what_comes_later(
    database: Database, clock: StoppedClock
) -> None:
    """Otherwise the same six mails would stop it again a moment later; six more are six more."""
    await ended(database, clock, 6, state=DeliveryState.BOUNCED)
    await stops.look(database, now=clock())
    async with database.begin() as connection:
        await share_stops.resume(connection, EVERYBODY, at=clock.advance(minutes=1))
    await stops.look(database, now=clock())
    async with database.read() as connection:
        assert not await share_stops.is_stopped(connection, EVERYBODY)

    async with database.begin() as connection:
        await connection.execute(sa.update(deliveries).values(settled_at=clock.advance(minutes=1)))
    await stops.look(database, now=clock())
    async with database.read() as connection:
        assert await share_stops.is_stopped(connection, EVERYBODY)


async def test_complaints_about_one_sender_stop_that_sender_only(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """Two friends cannot switch it off for all: others go on, and the sender is told when they ask again."""
    spammer, others = "spam@gaon.example", "other@gaon.example"
    for friend in ("a@naru.example", "b@naru.example"):
        await share(database, settings, clock, sender=spammer, friend=friend)
    async with database.begin() as connection:
        await connection.execute(sa.update(deliveries).values(state=DeliveryState.COMPLAINED, settled_at=clock()))
    clock.advance(seconds=1)

    assert await share(database, settings, clock, sender=spammer, friend="c@naru.example") is Asked.SENDER_STOPPED
    assert await share(database, settings, clock, sender=others, friend="c@naru.example") is Asked.SENT
    assert await open_alerts(database) == ["shares:senders"]
    async with database.begin() as connection:
        assert await share_stops.resume(connection, address_hash(settings, parse(spammer)), at=clock())
    assert await share(database, settings, clock, sender=spammer, friend="d@naru.example") is Asked.SENT


async def test_a_share_that_waits_is_dropped_when_its_friend_wants_no_more(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """The last look is where it is claimed: whoever has said no must not be sent what was queued a moment before."""
    await share(database, settings, clock, sender="a@gaon.example", friend="b@naru.example")
    async with database.begin() as connection:
        await share_rows.refuse(connection, address_hash(settings, parse("b@naru.example")), at=clock())

    assert await claimed(database, clock) == 0

    async with database.read() as connection:
        assert (await connection.execute(sa.select(deliveries.c.state))).scalar_one() == DeliveryState.DROPPED


async def test_pressing_never_again_is_no_complaint(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """It is the polite way out, and is counted apart."""
    for each in range(4):
        await share(database, settings, clock, sender=f"s{each}@gaon.example", friend=f"f{each}@naru.example")
    async with database.read() as connection:
        ids = (await connection.execute(sa.select(deliveries.c.id))).scalars().all()
    for each in ids:
        await request.never_again(database, settings, settings.keyring.make(TokenPurpose.NEVER, each), now=clock())
    await stops.look(database, now=clock())
    async with database.read() as connection:
        assert await share_stops.list_stops(connection) == []
        assert await share_stops.refusing(connection, since=clock()) == 4


async def test_the_whole_site_has_a_limit_and_a_person_is_told(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """The alert says what is used up and is over by itself when the day is; what was refused keeps no address."""
    small = settings.model_copy(update={"shares_per_day": 2})
    answers = [
        await share(database, small, clock, sender=f"s{each}@gaon.example", friend=f"f{each}@naru.example")
        for each in range(3)
    ]
    assert answers == [Asked.SENT, Asked.SENT, Asked.TOO_MANY]
    async with database.read() as connection:
        ended = (
            await connection.execute(sa.select(shares.c.recipient).where(shares.c.state == ShareState.EXPIRED))
        ).one()
        assert await counters.counted(connection, limits.SITE, limits.ALL, now=clock(), window=limits.DAY) == 2
    assert ended.recipient is None
    await stops.tend(database, small, now=clock())
    assert await open_alerts(database) == ["shares:limit"]
    await stops.tend(database, small, now=clock.advance(days=1))
    assert await open_alerts(database) == []


async def test_questions_to_senders_are_limited_for_the_whole_site_too(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """T3: a thousand addresses from a thousand networks are mails to strangers as well; the answer tells no address."""
    small = settings.model_copy(update={"shares_per_day": 2})
    async with database.begin() as connection:
        article_id = await rows.add_article(connection, "1", at=clock())
    answers = []
    for number, name in enumerate(("a", "a", "b", "a", "b")):
        wanted = Wanted(
            article_id, parse(f"{name}@gaon.example"), "", (parse("f@naru.example"),), "", "ko", f"192.0.2.{number}"
        )
        answers.append(
            await request.ask(database, small, Renderer(None), wanted, is_proven=False, is_confirmed=False, now=clock())
        )
    assert answers == [Asked.CONFIRM, Asked.CONFIRM, Asked.TOO_MANY, Asked.TOO_MANY, Asked.TOO_MANY]


@pytest.mark.parametrize("is_undone", [False, True])
async def test_what_was_undone_is_not_in_the_log(
    database: Database, settings: Settings, clock: StoppedClock, is_undone: bool
) -> None:
    """The limit is met, but the transaction fails later on: nothing was counted, and no alert raised."""
    one = settings.model_copy(update={"shares_per_day": 1})
    with capture_logs() as logs, suppress(RuntimeError):
        async with database.begin() as connection:
            for _ in range(2):
                await limits.may_confirm_at_all(connection, one, now=clock())
            if is_undone:
                raise RuntimeError

    assert [each["event"] for each in logs] == ([] if is_undone else ["share.site_limit"])
