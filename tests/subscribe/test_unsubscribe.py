"""Leaving, as an act: who it works for, what it stops, and that it does so once."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
import structlog
from structlog.testing import capture_logs

from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database
from digest.database import subscribers as subscriber_rows
from digest.database.tables import consents, deliveries, messages, subscribers
from digest.errors import BadTokenError
from digest.models.consents import ConsentAct, ConsentWay
from digest.models.deliveries import DeliveryState, DropReason, MessageKind
from digest.models.readers import SubscriberState
from digest.subscribe import unsubscribe
from digest.tokens import Keyring, TokenPurpose
from tests.support import rows
from tests.support.clock import StoppedClock
from tests.support.settings import make_settings

pytestmark = pytest.mark.anyio

RENDERER = Renderer(None)


@pytest.fixture
def logs() -> Iterator[list[structlog.typing.EventDict]]:
    with capture_logs() as captured:
        yield captured


@pytest.fixture
def keyring(settings: Settings) -> Keyring:
    return settings.keyring


@pytest.fixture
async def reader(database: Database, clock: StoppedClock) -> int:
    async with database.begin() as connection:
        return await rows.add_subscriber(connection, at=clock())


async def test_leaving_drops_every_mail_that_waits(
    database: Database, clock: StoppedClock, settings: Settings, keyring: Keyring, reader: int
) -> None:
    """법 제50조: who says no is written to no more, also by mails composed before."""
    async with database.begin() as connection:
        queued = await rows.add_delivery(connection, reader, at=clock())
        deferred = await rows.add_delivery(connection, reader, at=clock(), state=DeliveryState.DEFERRED)

    left = await unsubscribe.leave(database, settings, RENDERER, keyring.make(TokenPurpose.LEAVE, reader), now=clock())

    assert (left.changed, left.dropped) == (True, 2)
    async with database.read() as connection:
        after = await subscriber_rows.get(connection, reader)
        assert (after.state, after.left_at) == (SubscriberState.LEFT, clock())
        found = await connection.execute(
            sa.select(deliveries.c.id, deliveries.c.state, deliveries.c.drop_reason)
            .where(deliveries.c.subscriber_id == reader)
            .order_by(deliveries.c.id)
        )
        assert found.all() == [
            (queued, DeliveryState.DROPPED, DropReason.LEFT),
            (deferred, DeliveryState.DROPPED, DropReason.LEFT),
        ]


async def test_what_was_sent_stays_as_it_was(
    database: Database, clock: StoppedClock, settings: Settings, keyring: Keyring, reader: int
) -> None:
    """The ledger tells what happened; a mail on the wire cannot be called back by a word in it."""
    async with database.begin() as connection:
        accepted = await rows.add_delivery(connection, reader, at=clock(), state=DeliveryState.ACCEPTED)
        attempting = await rows.add_delivery(connection, reader, at=clock(), state=DeliveryState.ATTEMPTING)
    await unsubscribe.leave(database, settings, RENDERER, keyring.make(TokenPurpose.LEAVE, reader), now=clock())
    assert await rows.state_of(database, deliveries, accepted) == DeliveryState.ACCEPTED
    assert await rows.state_of(database, deliveries, attempting) == DeliveryState.ATTEMPTING


async def test_leaving_touches_nobody_else(
    database: Database, clock: StoppedClock, settings: Settings, keyring: Keyring, reader: int
) -> None:
    """One token, one reader."""
    async with database.begin() as connection:
        other = await rows.add_subscriber(connection, "kim@daum.example", at=clock())
        theirs = await rows.add_delivery(connection, other, at=clock())
    await unsubscribe.leave(database, settings, RENDERER, keyring.make(TokenPurpose.LEAVE, reader), now=clock())
    assert await rows.state_of(database, subscribers, other) == SubscriberState.ACTIVE
    assert await rows.state_of(database, deliveries, theirs) == DeliveryState.QUEUED


async def test_leaving_twice_is_leaving_once(
    database: Database, clock: StoppedClock, settings: Settings, keyring: Keyring, reader: int
) -> None:
    """Mail providers repeat their posts, and people press buttons again."""
    token = keyring.make(TokenPurpose.LEAVE, reader)
    await unsubscribe.leave(database, settings, RENDERER, token, now=clock())
    after_once = await rows.everything(database)
    clock.advance(hours=1)
    again = await unsubscribe.leave(database, settings, RENDERER, token, now=clock())
    assert (again.changed, again.dropped) == (False, 0)
    assert await rows.everything(database) == after_once


async def test_leaving_takes_back_the_consent_to_adverts(
    database: Database, clock: StoppedClock, settings: Settings, keyring: Keyring, reader: int
) -> None:
    """제50조②: who comes back for the news alone has not agreed to adverts again."""
    async with database.begin() as connection:
        await connection.execute(sa.update(subscribers).values(advert_consent_at=clock()))

    await unsubscribe.leave(database, settings, RENDERER, keyring.make(TokenPurpose.LEAVE, reader), now=clock())

    async with database.read() as connection:
        assert (await subscriber_rows.get(connection, reader)).advert_consent_at is None


async def test_who_is_taken_off_by_the_operator_is_told_the_result_once(
    database: Database, clock: StoppedClock, settings: Settings, reader: int
) -> None:
    """제50조⑦ asks for the notice however the refusal came: by telephone, too."""
    left = await unsubscribe.take_off(database, settings, RENDERER, reader, now=clock())
    again = await unsubscribe.take_off(database, settings, RENDERER, reader, now=clock())

    assert (left.changed, again.changed) == (True, False)
    async with database.read() as connection:
        queued = (await connection.execute(sa.select(deliveries.c.recipient, deliveries.c.subscriber_id))).all()
        subjects = (await connection.execute(sa.select(messages.c.kind))).scalars().all()
        acts = (await connection.execute(sa.select(consents.c.act, consents.c.how))).all()
    assert queued == [("hong@naver.example", None)]
    assert subjects == [MessageKind.NOTICE]
    assert acts == [(ConsentAct.WITHDRAWN, ConsentWay.COMMAND)]


async def test_erased_reader_has_left(
    database: Database, clock: StoppedClock, settings: Settings, keyring: Keyring, reader: int
) -> None:
    """Their old mails still hold the link, and it must not frighten them with an error."""
    async with database.begin() as connection:
        await connection.execute(sa.delete(subscribers))
    left = await unsubscribe.leave(database, settings, RENDERER, keyring.make(TokenPurpose.LEAVE, reader), now=clock())
    assert left == unsubscribe.Left(None, "", changed=False, dropped=0)


@pytest.mark.parametrize("purpose", [purpose for purpose in TokenPurpose if purpose is not TokenPurpose.LEAVE])
async def test_token_for_another_purpose_does_not_leave(  # noqa: PLR0917 (fixtures)
    database: Database, clock: StoppedClock, settings: Settings, keyring: Keyring, reader: int, purpose: TokenPurpose
) -> None:
    """Every Message-ID holds a token that everyone who is sent the mail can read."""
    before = await rows.everything(database)
    with pytest.raises(BadTokenError):
        await unsubscribe.leave(database, settings, RENDERER, keyring.make(purpose, reader), now=clock())
    assert await rows.everything(database) == before


async def test_link_made_with_a_retired_key_goes_on_working(
    database: Database, clock: StoppedClock, settings: Settings, keyring: Keyring, reader: int
) -> None:
    """Old mails must be good for leaving long after the secret was changed (D13: at least 60 days)."""
    token = keyring.make(TokenPurpose.LEAVE, reader)
    old_key = make_settings().secret_key.get_secret_value()
    changed = make_settings(secret_key="b" * 40, retired_secret_keys=f" {old_key} , ")
    left = await unsubscribe.leave(database, changed, RENDERER, token, now=clock())
    assert left.changed


async def test_event_holds_ids_and_neither_address_nor_token(  # noqa: PLR0917 (fixtures)
    database: Database,
    settings: Settings,
    clock: StoppedClock,
    keyring: Keyring,
    reader: int,
    logs: list[structlog.typing.EventDict],
) -> None:
    """Logs outlive erasures."""
    token = keyring.make(TokenPurpose.LEAVE, reader)
    await unsubscribe.leave(database, settings, RENDERER, token, now=clock())
    assert logs == [{"event": "subscriber.left", "subscriber_id": reader, "dropped": 0, "log_level": "info"}]
