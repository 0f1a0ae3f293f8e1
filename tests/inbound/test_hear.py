"""Notices that come by mail: from the door to the reader who is stopped, or is not."""

import pytest
import sqlalchemy as sa

from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database, alerts
from digest.database.tables import deliveries, messages, raw_mails, subscribers
from digest.inbound import receive, route
from digest.models.deliveries import DeliveryState, MessageKind
from digest.models.inbound import Door, Outcome
from digest.models.readers import SubscriberState
from tests.inbound.test_notices import TOKEN, complaint, report
from tests.support.clock import StoppedClock
from tests.support.rows import add_delivery, add_subscriber, everything, state_of

pytestmark = pytest.mark.anyio


class Post:
    """A reader with a mail that was taken, and what comes back of it."""

    def __init__(self, database: Database, settings: Settings, clock: StoppedClock) -> None:
        self.database, self.settings, self.clock = database, settings, clock
        self.reader = 0

    async def subscribe(self) -> None:
        async with self.database.begin() as connection:
            self.reader = await add_subscriber(connection, at=self.clock())

    async def send(self, state: DeliveryState = DeliveryState.ACCEPTED) -> int:
        self.clock.advance(days=1)
        async with self.database.begin() as connection:
            return await add_delivery(connection, self.reader, at=self.clock(), state=state)

    def token(self, delivery_id: int) -> str:
        return self.settings.keyring.make_message_tokens(delivery_id)[1]

    async def comes(self, content: bytes, to: str) -> None:
        taken = receive.Taken(Door.LMTP, [to], "", content)
        await receive.keep(self.database, self.settings, taken, now=self.clock())
        renderer = Renderer(self.settings.templates_dir)
        await route.act_due(self.database, self.settings, renderer, clock=self.clock, owner="one")

    async def comes_back(self, content: bytes, delivery_id: int) -> None:
        token = self.token(delivery_id)
        await self.comes(content.replace(TOKEN.encode(), token.encode()), f"bounce+{token}@bounce.gaon.example")

    async def state(self) -> SubscriberState:
        return SubscriberState(await state_of(self.database, subscribers, self.reader))

    async def probe(self) -> int | None:
        query = (
            sa.select(deliveries.c.id)
            .join(messages, messages.c.id == deliveries.c.message_id)
            .where(messages.c.kind == MessageKind.PROBE)
        )
        async with self.database.read() as connection:
            found: int | None = await connection.scalar(query)
        return found

    async def outcomes(self) -> list[tuple[Outcome, str]]:
        query = sa.select(raw_mails.c.outcome, raw_mails.c.detail).order_by(raw_mails.c.id)
        async with self.database.read() as connection:
            return [tuple(row) for row in await connection.execute(query)]


@pytest.fixture
async def post(database: Database, settings: Settings, clock: StoppedClock) -> Post:
    made = Post(database, settings, clock)
    await made.subscribe()
    return made


FULL = {"status": "5.2.2", "diagnostic": "552 5.2.2 mailbox full"}


async def test_a_dead_address_is_the_end(post: Post) -> None:
    """The report of 5.1.1 comes to our return path: stopped, and the operator is told in which words."""
    delivery_id = await post.send()

    await post.comes_back(report(), delivery_id)

    assert await post.state() is SubscriberState.STOPPED
    assert await state_of(post.database, deliveries, delivery_id) == DeliveryState.BOUNCED
    assert await post.outcomes() == [(Outcome.BOUNCE, "gone 5.1.1: written to no more")]


async def test_a_full_mailbox_is_not_the_end(post: Post) -> None:
    """A week of it: a probe, which comes back too, and the reader goes on being written to."""
    for _ in range(6):
        await post.comes_back(report(**FULL), await post.send())
    probe_id = await post.probe()
    assert probe_id is not None
    async with post.database.begin() as connection:
        which = sa.update(deliveries).where(deliveries.c.id == probe_id)
        await connection.execute(which.values(state=DeliveryState.ACCEPTED))

    await post.comes_back(report(**FULL), probe_id)

    assert await post.state() is SubscriberState.ACTIVE


async def test_a_forged_notice_changes_nothing(post: Post) -> None:
    """T20: it names the victim, quotes 5.1.1, and has the shape of a token. Only the kept mail itself is new."""
    await post.send()
    before = await everything(post.database)

    await post.comes(report(), f"bounce+{TOKEN}@bounce.gaon.example")

    after = [line for line in (await everything(post.database)).splitlines() if not line.startswith("raw_mails")]
    assert after == [line for line in before.splitlines() if not line.startswith("raw_mails")]
    assert await post.outcomes() == [(Outcome.BOUNCE, "without a token of ours: changes nothing")]


async def test_the_token_in_the_mail_that_came_back_is_enough_for_a_complaint(post: Post) -> None:
    """Feedback loops send to one address for all; queued mails are given up, too."""
    delivery_id, queued = await post.send(), await post.send(DeliveryState.QUEUED)
    content = complaint("abuse").replace(TOKEN.encode(), post.token(delivery_id).encode())

    await post.comes(content, "news@gaon.example")

    assert await post.state() is SubscriberState.STOPPED
    assert await state_of(post.database, deliveries, delivery_id) == DeliveryState.COMPLAINED
    assert await state_of(post.database, deliveries, queued) == DeliveryState.DROPPED


@pytest.mark.parametrize(
    ("results", "state"),
    [
        ("", SubscriberState.ACTIVE),
        ("Authentication-Results: mx.gaon.example; dkim=pass header.d=evil.example\r\n", SubscriberState.ACTIVE),
        ("Authentication-Results: mx.other.example; dkim=pass header.d=example.net\r\n", SubscriberState.ACTIVE),
        ("Authentication-Results: mx.gaon.example; dkim=pass header.d=example.net\r\n", SubscriberState.STOPPED),
    ],
)
async def test_a_complaint_by_mail_must_be_of_whom_it_says(post: Post, results: str, state: SubscriberState) -> None:
    """T20: a friend who was passed on an edition has its token. Who is not believed is told to the operator."""
    post.settings = post.settings.model_copy(update={"inbound_authserv_id": "mx.gaon.example"})

    await post.comes_back(results.encode() + complaint("abuse"), await post.send())

    assert await post.state() is state
    async with post.database.read() as connection:
        told = [each.matter for each in await alerts.list_open(connection)]
    assert told == ([] if state is SubscriberState.STOPPED else ["complaints:unproven"])


async def test_a_report_on_authentication_stops_nobody(post: Post) -> None:
    """A broken DKIM signature is the operator's matter."""
    delivery_id = await post.send()

    await post.comes_back(complaint("auth-failure"), delivery_id)

    assert await post.state() is SubscriberState.ACTIVE
