"""Suppressions: stopping is at once, and no way of adding brings anybody back."""

import pytest
import sqlalchemy as sa

from digest.addresses import parse
from digest.database import Database, imports, marks, subscribers, suppressions
from digest.database.imports import NewReader
from digest.database.tables import deliveries
from digest.errors import FixSetupError, SuppressedError
from digest.hashes import address_hash, fingerprint, network_of
from digest.models.consents import SuppressionReason
from digest.models.deliveries import DeliveryState
from digest.models.readers import Format, Subscriber, SubscriberState
from tests.support.clock import StoppedClock
from tests.support.rows import add_delivery, state_of
from tests.support.settings import make_settings

pytestmark = pytest.mark.anyio

KIM = parse("kim@naver.example")
HASH = address_hash(make_settings(), KIM)


async def add(database: Database, clock: StoppedClock, consent: str = "a form") -> Subscriber:
    async with database.begin() as connection:
        return await subscribers.add(
            connection,
            KIM,
            slots=["morning"],
            language="ko",
            format=Format.HTML,
            consent=consent,
            at=clock(),
            address_hash=HASH,
        )


async def suppress(database: Database, clock: StoppedClock) -> bool:
    async with database.begin() as connection:
        return await suppressions.suppress(connection, HASH, SuppressionReason.COMPLAINED, at=clock())


async def test_suppressing_stops_the_reader_and_drops_what_waits(database: Database, clock: StoppedClock) -> None:
    """The next batch may be claimed a moment later."""
    reader = await add(database, clock)
    async with database.begin() as connection:
        delivery_id = await add_delivery(connection, reader.id, at=clock())

    assert await suppress(database, clock)

    async with database.read() as connection:
        assert (await subscribers.get(connection, reader.id)).state is SubscriberState.STOPPED
    assert await state_of(database, deliveries, delivery_id) == DeliveryState.DROPPED
    assert not await suppress(database, clock)


async def test_a_new_consent_does_not_bring_back_who_is_suppressed(database: Database, clock: StoppedClock) -> None:
    """Only they themselves may lift it; `add` is what commands and imports call."""
    await add(database, clock)
    await suppress(database, clock)

    with pytest.raises(SuppressedError):
        await add(database, clock, consent="another form")
    async with database.begin() as connection:
        assert await suppressions.lift(connection, HASH, at=clock())
    assert (await add(database, clock, consent="asked anew")).state is SubscriberState.ACTIVE


async def test_an_import_adds_nobody_who_is_suppressed(database: Database, clock: StoppedClock) -> None:
    """Looked at again in the transaction that adds: they may have been suppressed after the list was checked."""
    await suppress(database, clock)
    lee = parse("lee@naver.example")
    both = [NewReader(KIM, HASH), NewReader(lee, "1" * 64)]

    async with database.begin() as connection:
        ids = await imports.add_all(
            connection, both, slots=["morning"], language="ko", format=Format.HTML, consent="a list", at=clock()
        )

    assert list(ids) == [lee.key]


async def test_another_key_is_refused_once_hashes_are_stored(database: Database, clock: StoppedClock) -> None:
    """With another key nobody would be found suppressed, and nobody would notice."""
    settings, other = make_settings(), make_settings(suppression_key="another-key-of-hashes-0123456789abcdef")
    await marks.require_key(database, fingerprint(settings), now=clock())
    await marks.require_key(database, fingerprint(other), now=clock())
    await suppress(database, clock)

    await marks.require_key(database, fingerprint(other), now=clock())
    with pytest.raises(FixSetupError, match="SUPPRESSION_KEY"):
        await marks.require_key(database, fingerprint(settings), now=clock())


def test_a_hash_is_of_the_mailbox_and_of_the_key() -> None:
    """Two spellings are one person; without the key nobody can try addresses."""
    other = make_settings(suppression_key="another-key-of-hashes-0123456789abcdef")

    assert address_hash(make_settings(), parse("KIM@Naver.example")) == HASH
    assert address_hash(other, KIM) != HASH
    rotated = make_settings(secret_key="n" * 40, retired_secret_keys=make_settings().secret_key.get_secret_value())
    assert address_hash(rotated, KIM) == HASH


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("testclient", None),
        (None, None),
    ],
)
def test_a_network_is_never_a_whole_address(host: str | None, network: str | None) -> None:
    """What the ledger keeps of from where, is the prefix."""
    assert network_of(host) == network


async def test_readers_stay_stopped_after_lifting(database: Database, clock: StoppedClock) -> None:
    """Lifting lets somebody ask; it subscribes nobody."""
    reader = await add(database, clock)
    await suppress(database, clock)

    async with database.begin() as connection:
        await suppressions.lift(connection, HASH, at=clock())
        count = await connection.scalar(sa.select(sa.func.count()).select_from(sa.table("suppressions")))
        assert (await subscribers.get(connection, reader.id)).state is SubscriberState.STOPPED
    assert count == 0
