"""Messages are stored once, and mails for one person are queued once."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from digest import addresses
from digest.database import Database, messages
from digest.database.tables import deliveries
from digest.database.tables import messages as messages_table
from digest.errors import NotFoundError
from digest.models.deliveries import DeliveryState, Lane, Mail, MessageKind, NewMessage
from digest.models.readers import Format, Variant
from tests.support.clock import StoppedClock

pytestmark = pytest.mark.anyio

MAIL = Mail("제목", b"Subject: \r\n", "본문\r\n".encode(), b"<p>\0unsubscribe_url\0</p>\r\n")
KIM = addresses.parse("Kim@reader.example")


def message(key: str = "alert:1") -> NewMessage:
    return NewMessage(key=key, kind=MessageKind.ALERT, variant="", language="ko", mail=MAIL)


async def test_same_key_is_stored_once_and_comes_back_as_it_was(database: Database, clock: StoppedClock) -> None:
    """A pass that is run again finds the message of the first, byte for byte, NULs of the slots included."""
    async with database.begin() as connection:
        first = await messages.store(connection, message(), at=clock())
        again = NewMessage("alert:1", MessageKind.DIGEST, "", "en", Mail("anders", b"x", b"y"))
        assert await messages.store(connection, again, at=clock()) == first
        assert await messages.store(connection, message("alert:2"), at=clock()) != first
        assert await messages.load_mail(connection, first) == (MessageKind.ALERT, MAIL)
        with pytest.raises(NotFoundError, match="There is no message 999"):
            await messages.load_mail(connection, 999)


async def test_mail_for_one_person_is_queued_once_per_recipient(database: Database, clock: StoppedClock) -> None:
    """Two workers that mail the same alert mail it once; another recipient is another delivery."""
    deadline_at = clock() + timedelta(hours=1)
    async with database.begin() as connection:
        delivery_id = await messages.queue_one(
            connection, message(), KIM, lane=Lane.FIRST, at=clock(), deadline_at=deadline_at
        )
        other_spelling = addresses.parse("kim@reader.example")
        assert await messages.queue_one(connection, message(), other_spelling, lane=Lane.FIRST, at=clock()) is None
        lee = addresses.parse("lee@reader.example")
        assert await messages.queue_one(connection, message(), lee, lane=Lane.FIRST, at=clock()) is not None
        row = (await connection.execute(sa.select(deliveries).where(deliveries.c.id == delivery_id))).one()
    assert (row.recipient, row.recipient_key, row.domain) == (
        "Kim@reader.example",
        "kim@reader.example",
        "reader.example",
    )
    assert (row.lane, row.state, row.attempts) == (Lane.FIRST, DeliveryState.QUEUED, 0)
    assert (row.due_at, row.deadline_at, row.edition_id) == (clock(), deadline_at, None)


async def test_a_queued_mail_is_told_of_once_it_is_stored(database: Database, clock: StoppedClock) -> None:
    """A sender of the same process looks at once; before the commit it would find nothing, after an undoing neither."""
    with pytest.raises(RuntimeError):
        async with database.begin() as connection:
            await messages.queue_one(connection, message(), KIM, lane=Lane.FIRST, at=clock())
            raise RuntimeError
    async with database.begin() as connection:
        await messages.store(connection, message(), at=clock())
    undone = database.mail_queued.is_set()
    async with database.begin() as connection:
        await messages.queue_one(connection, message(), KIM, lane=Lane.FIRST, at=clock())
        early = database.mail_queued.is_set()
    assert (undone, early, database.mail_queued.is_set()) == (False, False, True)


async def test_variant_of_many_sections_still_has_a_key_of_its_own(database: Database, clock: StoppedClock) -> None:
    """PostgreSQL refuses a longer text than the column; two long variants must not share a message either."""
    long = [Variant("ko", Format.HTML, tuple(f"섹션 {number} 이름" for number in range(end))) for end in (60, 61)]
    keys = [messages.edition_key(7, variant) for variant in (*long, Variant("ko", Format.HTML))]
    async with database.begin() as connection:
        for key in keys:
            await messages.store(connection, message(key), at=clock())
        assert (await connection.execute(sa.select(sa.func.count()).select_from(messages_table))).scalar_one() == 3
    assert keys[2] == "edition:7:ko|html||"
