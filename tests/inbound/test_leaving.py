"""Leaving by an address with a token: the mailto of List-Unsubscribe, which mail programs write by themselves."""

import pytest
import sqlalchemy as sa

from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database
from digest.database.tables import consents, messages, raw_mails, subscribers
from digest.inbound import receive, route
from digest.models.consents import ConsentAct, ConsentWay
from digest.models.deliveries import MessageKind
from digest.models.inbound import Door, Outcome
from digest.models.readers import SubscriberState
from digest.tokens import TokenPurpose
from tests.support.clock import StoppedClock
from tests.support.rows import add_subscriber, state_of

pytestmark = pytest.mark.anyio


async def write(database: Database, settings: Settings, clock: StoppedClock, to: str, content: bytes) -> None:
    """Let a mail arrive and be acted upon."""
    taken = receive.Taken(Door.LMTP, [to], "stranger@elsewhere.example", content)
    await receive.keep(database, settings, taken, now=clock())
    renderer = Renderer(settings.templates_dir)
    await route.act_due(database, settings, renderer, clock=clock, owner="one")


async def add(database: Database, clock: StoppedClock) -> int:
    async with database.begin() as connection:
        return await add_subscriber(connection, at=clock())


def mail(number: int) -> bytes:
    return b"From: stranger@elsewhere.example\r\nMessage-ID: <%d@x.example>\r\nSubject: unsubscribe\r\n\r\n" % number


async def test_whose_token_it_is_leaves(database: Database, settings: Settings, clock: StoppedClock) -> None:
    """Whoever sends it, whatever they write; the ledger tells how, and the notice of the result waits."""
    reader = await add(database, clock)
    token = settings.keyring.make(TokenPurpose.LEAVE, reader)

    await write(database, settings, clock, f"news+leave+{token.upper()}@GAON.example", mail(1))

    assert await state_of(database, subscribers, reader) == SubscriberState.LEFT
    async with database.read() as connection:
        acts = (await connection.execute(sa.select(consents.c.act, consents.c.how))).all()
        kinds = (await connection.execute(sa.select(messages.c.kind))).scalars().all()
        outcome = (await connection.execute(sa.select(raw_mails.c.outcome, raw_mails.c.subscriber_id))).one()
    assert [tuple(each) for each in acts] == [(ConsentAct.WITHDRAWN, ConsentWay.MAIL)]
    assert kinds == [MessageKind.NOTICE]
    assert tuple(outcome) == (Outcome.COMMANDED, reader)


async def test_leaving_twice_is_leaving_once(database: Database, settings: Settings, clock: StoppedClock) -> None:
    """Some programs send a mail and press the link besides."""
    reader = await add(database, clock)
    token = settings.keyring.make(TokenPurpose.LEAVE, reader)

    for number in (1, 2):
        await write(database, settings, clock, f"news+leave+{token}@gaon.example", mail(number))

    async with database.read() as connection:
        assert await connection.scalar(sa.select(sa.func.count()).select_from(messages)) == 1
        details = (await connection.execute(sa.select(raw_mails.c.detail).order_by(raw_mails.c.id))).scalars().all()
    assert details == ["left", "had left before"]


@pytest.mark.parametrize("purpose", [TokenPurpose.CHOOSE, TokenPurpose.NEVER, TokenPurpose.MESSAGE_ID])
async def test_a_token_for_something_else_leaves_nobody(
    database: Database, settings: Settings, clock: StoppedClock, purpose: TokenPurpose
) -> None:
    """Links that are forwarded, and ids that everybody sees, must not unsubscribe."""
    reader = await add(database, clock)
    token = settings.keyring.make(purpose, reader)

    await write(database, settings, clock, f"news+leave+{token}@gaon.example", mail(1))

    assert await state_of(database, subscribers, reader) == SubscriberState.ACTIVE
