"""Mails that came back: kept once, claimed by one, acted upon once."""

from datetime import timedelta

import pytest

from digest.database import Database, raw_mails
from digest.models.inbound import Acted, Door, Outcome
from tests.support.clock import StoppedClock

pytestmark = pytest.mark.anyio

LEASE = timedelta(minutes=5)
PAUSES = (timedelta(minutes=1), timedelta(minutes=10))
MAIL = b"Received: from a\r\nMessage-ID: <1@naver.example>\r\nSubject: x\r\n\r\nbody\r\n"


async def keep(database: Database, clock: StoppedClock, content: bytes = MAIL, *recipients: str) -> list[int]:
    to = recipients or ("news@gaon.example",)
    mail = raw_mails.NewRawMail(Door.LMTP, to, "hong@naver.example", clock(), content)
    return await database.write(lambda connection: raw_mails.keep(connection, mail))


async def claim(database: Database, clock: StoppedClock, owner: str = "one", limit: int = 10) -> list[int]:
    async with database.begin() as connection:
        mails = await raw_mails.claim(connection, owner=owner, now=clock(), lease=LEASE, limit=limit)
    return [mail.id for mail in mails]


async def test_a_mail_is_kept_once_for_each_recipient(database: Database, clock: StoppedClock) -> None:
    """Its peer delivers it again when our answer was lost."""
    first = await keep(database, clock, MAIL, "a@gaon.example", "b@gaon.example")
    again = await keep(database, clock, MAIL, "a@gaon.example", "b@gaon.example", "c@gaon.example")

    assert (len(first), len(again)) == (2, 1)


async def test_the_same_mail_by_another_way_is_kept_once(database: Database, clock: StoppedClock) -> None:
    """What servers add above, and how they end their lines, does not make it another."""
    await keep(database, clock)

    other_way = b"Received: from b\nDelivered-To: news@gaon.example\n" + MAIL.replace(b"\r\n", b"\n")

    assert await keep(database, clock, other_way) == []


@pytest.mark.parametrize(
    "content",
    [MAIL.replace(b"<1@", b"<2@"), MAIL.replace(b"body", b"other"), b"", b"\0\xff", b"no header", MAIL[:40]],
)
async def test_another_mail_is_another(database: Database, clock: StoppedClock, content: bytes) -> None:
    """Who copies a Message-ID must not make another's mail vanish."""
    await keep(database, clock)

    assert len(await keep(database, clock, content)) == 1


async def test_what_comes_out_is_what_went_in(database: Database, clock: StoppedClock) -> None:
    """A signature over the mail, or a lawyer, asks for every byte."""
    content = bytes(range(256)) * 3
    await keep(database, clock, content)

    async with database.begin() as connection:
        (mail,) = await raw_mails.claim(connection, owner="one", now=clock(), lease=LEASE, limit=1)

    assert (mail.content, mail.recipient, mail.envelope_from) == (content, "news@gaon.example", "hong@naver.example")


async def test_two_workers_never_hold_the_same_mail(database: Database, clock: StoppedClock) -> None:
    """Until the lease of the one is over, who may have died."""
    kept = await keep(database, clock)

    assert await claim(database, clock) == kept
    assert await claim(database, clock, "other") == []
    clock.advance(minutes=5)
    assert await claim(database, clock, "other") == kept


async def test_only_the_holder_takes_a_mail_and_once(database: Database, clock: StoppedClock) -> None:
    """The condition stands inside the UPDATE: a worker that slept through its lease acts no more."""
    (mail_id,) = await keep(database, clock)
    await claim(database, clock, "late")
    clock.advance(minutes=5)
    await claim(database, clock, "new")

    async with database.begin() as connection:
        late = await raw_mails.take(connection, mail_id, owner="late", at=clock())
        new = await raw_mails.take(connection, mail_id, owner="new", at=clock())
        await raw_mails.mark_acted(connection, mail_id, Acted(Outcome.PERSON), at=clock())
        again = await raw_mails.take(connection, mail_id, owner="new", at=clock())

    assert (late, new, again) == (False, True, False)
    clock.advance(days=1)
    assert await claim(database, clock) == []


async def test_a_failing_mail_comes_ever_later_and_then_waits_for_a_person(
    database: Database, clock: StoppedClock
) -> None:
    """It is never dropped, and never keeps the others waiting."""
    (mail_id,) = await keep(database, clock)
    seen = []
    for minutes in (0, 1, 10):
        clock.advance(minutes=minutes)
        seen.append(await claim(database, clock) == [mail_id])
        async with database.begin() as connection:
            await raw_mails.put_off(connection, mail_id, "TemplateError", pauses=PAUSES, at=clock())
        seen.append(await claim(database, clock) == [])
    clock.advance(days=1)

    assert seen == [True] * 6
    assert await claim(database, clock) == []
