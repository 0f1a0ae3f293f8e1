"""Hearing back: what a notice changes, once, and only by a token of ours."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from digest.addresses import parse
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database, alerts, deliveries, notices, suppressions
from digest.database import subscribers as subscriber_rows
from digest.database.tables import attempts, messages, subscribers
from digest.database.tables import deliveries as delivery_rows
from digest.database.tables import notices as notice_rows
from digest.deliver import feedback
from digest.deliver.feedback import Heard, Known
from digest.hashes import address_hash
from digest.inbound import refusals
from digest.models.consents import SuppressionReason
from digest.models.deliveries import DeliveryState, DropReason, MessageKind
from digest.models.notices import Cause, FoundToken, Notice, NoticeClass, TokenPlace
from digest.models.readers import Format, SubscriberState
from digest.subscribe import probe
from digest.tokens import TokenPurpose
from tests.support import ledger, rows
from tests.support.clock import StoppedClock

pytestmark = pytest.mark.anyio

DEAD = Notice(NoticeClass.HARD, Cause.GONE, status="5.1.1", is_status_told=True, diagnostic="550 5.1.1 no such user")
WORDS = Notice(NoticeClass.HARD, Cause.GONE, status="5.1.1", diagnostic="no such user")
FULL = Notice(NoticeClass.SOFT, Cause.FULL, status="5.2.2", is_status_told=True, diagnostic="552 5.2.2 mailbox full")
POLICY = Notice(NoticeClass.SOFT, Cause.POLICY, status="5.7.1", is_status_told=True, diagnostic="550 5.7.1 spam")
COMPLAINT = Notice(NoticeClass.COMPLAINT, feedback_type="abuse")


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(None)


class Paper:
    """A reader who was sent mails; `tell` hears a notice about the newest or another of them."""

    def __init__(self, database: Database, settings: Settings, renderer: Renderer, clock: StoppedClock) -> None:
        self.database, self.settings, self.renderer, self.clock = database, settings, renderer, clock
        self.reader_id = 0

    async def subscribe(self, state: SubscriberState = SubscriberState.ACTIVE) -> None:
        async with self.database.begin() as connection:
            self.reader_id = await rows.add_subscriber(connection, at=self.clock(), state=state)

    async def send(self, state: DeliveryState = DeliveryState.ACCEPTED) -> int:
        async with self.database.begin() as connection:
            delivery_id = await rows.add_delivery(connection, self.reader_id, at=self.clock(), state=state)
            await connection.execute(
                sa.update(delivery_rows)
                .where(delivery_rows.c.id == delivery_id)
                .values(recipient="hong@naver.example", domain="naver.example")
            )
        return delivery_id

    async def tell(self, notice: Notice, delivery_id: int, *, is_strong: bool = True) -> Heard:
        ear = probe.ear(self.settings, self.renderer, "mail", now=self.clock())
        async with self.database.begin() as connection:
            return await feedback.hear(connection, ear, notice, Known(delivery_id, is_strong=is_strong))

    async def fails(self, notice: Notice, *, times: int) -> None:
        for _ in range(times):
            await self.tell(notice, await self.send())
            self.clock.advance(days=1)

    async def state(self) -> SubscriberState:
        return SubscriberState(await rows.state_of(self.database, subscribers, self.reader_id))

    async def probes(self) -> list[int]:
        query = (
            sa.select(delivery_rows.c.id)
            .join(messages, messages.c.id == delivery_rows.c.message_id)
            .where(messages.c.kind == MessageKind.PROBE)
            .order_by(delivery_rows.c.id)
        )
        async with self.database.read() as connection:
            return list((await connection.execute(query)).scalars())

    async def sent(self, delivery_id: int) -> int:
        async with self.database.begin() as connection:
            await connection.execute(
                sa.update(delivery_rows).where(delivery_rows.c.id == delivery_id).values(state=DeliveryState.ACCEPTED)
            )
        return delivery_id


@pytest.fixture
async def paper(database: Database, settings: Settings, renderer: Renderer, clock: StoppedClock) -> Paper:
    made = Paper(database, settings, renderer, clock)
    await made.subscribe()
    return made


async def test_a_dead_address_is_stopped_at_once(paper: Paper) -> None:
    """5.1.1 with our own token: the delivery, the reader, what waits, and the hash that no import may bring back."""
    came_back, waiting = await paper.send(), await paper.send(DeliveryState.QUEUED)

    heard = await paper.tell(DEAD, came_back)

    assert heard.is_stopped
    assert await paper.state() is SubscriberState.STOPPED
    assert await rows.state_of(paper.database, delivery_rows, came_back) == DeliveryState.BOUNCED
    assert await rows.state_of(paper.database, delivery_rows, waiting) == DeliveryState.DROPPED
    async with paper.database.read() as connection:
        found = await suppressions.find(connection, address_hash(paper.settings, parse("hong@naver.example")))
    assert found is not None
    assert found.reason is SuppressionReason.BOUNCED


async def test_the_same_notice_twice_changes_nothing_the_second_time(paper: Paper) -> None:
    """The relay sends a bounce by mail and its provider a webhook of the same."""
    delivery_id = await paper.send()
    await paper.tell(FULL, delivery_id)
    before = await rows.everything(paper.database)

    heard = await paper.tell(FULL, delivery_id)

    assert not heard.is_new
    assert await rows.everything(paper.database) == before


async def test_words_alone_score_and_are_probed_first(paper: Paper) -> None:
    """Two mails to an address that is dead by its words: one more mail decides."""
    await paper.fails(WORDS, times=2)

    assert await paper.state() is SubscriberState.ACTIVE
    assert len(await paper.probes()) == 1


async def test_a_token_that_is_quoted_everywhere_never_stops_by_itself(paper: Paper) -> None:
    """Whoever has an answer to a mail has its Message-ID."""
    heard = await paper.tell(DEAD, await paper.send(), is_strong=False)

    assert heard.is_new
    assert not heard.is_stopped


async def test_a_probe_that_comes_back_stops(paper: Paper) -> None:
    """It was tried twice, and told once more."""
    await paper.fails(WORDS, times=2)
    (probe_id,) = await paper.probes()

    await paper.tell(WORDS, await paper.sent(probe_id))

    assert await paper.state() is SubscriberState.STOPPED


async def test_a_full_mailbox_is_never_the_end(paper: Paper) -> None:
    """It is emptied some day: weeks of it bring probes, and no stop, even when the probes come back."""
    await paper.fails(FULL, times=6)
    (probe_id,) = await paper.probes()
    await paper.tell(FULL, await paper.sent(probe_id))
    await paper.fails(FULL, times=12)

    assert len(await paper.probes()) > 1
    assert await paper.state() is SubscriberState.ACTIVE


async def test_who_comes_back_begins_without_points(paper: Paper) -> None:
    """Asking anew has shown that mail reaches them: one more failure is one, not the sixth."""
    await paper.fails(WORDS, times=1)
    async with paper.database.begin() as connection:
        await subscriber_rows.stop(connection, paper.reader_id, at=paper.clock())
        await subscriber_rows.add(
            connection, parse("hong@naver.example"), slots=["morning"], language="ko", format=Format.HTML,
            consent="asked anew", at=paper.clock(),
        )  # fmt: skip

    await paper.fails(WORDS, times=1)

    assert await paper.state() is SubscriberState.ACTIVE
    assert await paper.probes() == []


async def test_a_score_ages_out(paper: Paper) -> None:
    """A bounce a month is bad luck."""
    for _ in range(6):
        await paper.fails(WORDS, times=1)
        paper.clock.advance(days=30)

    assert await paper.probes() == []


async def test_a_probe_that_arrives_wipes_the_score_out(paper: Paper) -> None:
    """What was said before it counts no more; a week later it would take two more to be tried again."""
    await paper.fails(WORDS, times=2)
    paper.clock.advance(days=8)

    await paper.fails(WORDS, times=1)

    assert len(await paper.probes()) == 1


async def test_policy_counts_against_nobody_and_is_told_per_domain(paper: Paper) -> None:
    """A blocked sender would otherwise lose all of its readers there."""
    await paper.fails(POLICY, times=3)

    async with paper.database.read() as connection:
        score = await notices.score(connection, paper.reader_id, since=paper.clock() - timedelta(days=30))
        raised = [alert.matter for alert in await alerts.list_open(connection)]
    assert score == 0
    assert raised == ["bounces:naver.example"]
    assert await paper.state() is SubscriberState.ACTIVE


async def test_a_delayed_mail_changes_nothing(paper: Paper) -> None:
    """It is still being tried."""
    delivery_id = await paper.send()
    before = await rows.everything(paper.database)

    await paper.tell(Notice(NoticeClass.SOFT, Cause.LATER, status="4.4.1", is_delayed=True), delivery_id)

    assert await rows.everything(paper.database) == before


async def test_a_bounce_of_an_earlier_address_does_not_stop_the_new_one(paper: Paper) -> None:
    """A reader changed their address because the old mailbox was closed."""
    delivery_id = await paper.send()
    async with paper.database.begin() as connection:
        await connection.execute(
            sa.update(subscribers).values(address="kim@new.example", address_key="kim@new.example")
        )

    await paper.tell(DEAD, delivery_id)

    assert await paper.state() is SubscriberState.ACTIVE
    assert await rows.state_of(paper.database, delivery_rows, delivery_id) == DeliveryState.BOUNCED


async def test_a_notice_may_be_faster_than_our_own_worker(paper: Paper) -> None:
    """The mail was taken and came back before the outcome was written down."""
    delivery_id = await paper.send(DeliveryState.ATTEMPTING)

    await paper.tell(DEAD, delivery_id)

    assert await rows.state_of(paper.database, delivery_rows, delivery_id) == DeliveryState.BOUNCED


async def test_a_complaint_suppresses_at_once_also_what_is_queued(paper: Paper) -> None:
    """D19: nothing more goes out, not even what was composed already."""
    complained, queued = await paper.send(), await paper.send(DeliveryState.QUEUED)

    await paper.tell(COMPLAINT, complained)

    assert await paper.state() is SubscriberState.STOPPED
    assert await rows.state_of(paper.database, delivery_rows, complained) == DeliveryState.COMPLAINED
    async with paper.database.read() as connection:
        reason = await connection.scalar(sa.select(delivery_rows.c.drop_reason).where(delivery_rows.c.id == queued))
        found = await suppressions.find(connection, address_hash(paper.settings, parse("hong@naver.example")))
    assert reason is DropReason.SUPPRESSED
    assert found is not None
    assert found.reason is SuppressionReason.COMPLAINED


async def test_a_friend_who_complains_about_a_share_is_never_written_to_again(
    database: Database, settings: Settings, renderer: Renderer, clock: StoppedClock
) -> None:
    """They are no reader; the address is suppressed all the same."""
    delivery_id = await ledger.make_single(database, at=clock(), recipient="friend@naru.example")
    ear = probe.ear(settings, renderer, "mail", now=clock())
    async with database.begin() as connection:
        await connection.execute(sa.update(delivery_rows).values(state=DeliveryState.ACCEPTED))
        await feedback.hear(connection, ear, COMPLAINT, Known(delivery_id))

    async with database.read() as connection:
        assert await suppressions.is_suppressed(connection, address_hash(settings, parse("friend@naru.example")))


async def test_an_edition_still_adds_up(
    database: Database, settings: Settings, renderer: Renderer, clock: StoppedClock
) -> None:
    """Bounced and complained are states of the same deliveries."""
    edition = await ledger.make_edition(database, at=clock(), readers=4)
    ear = probe.ear(settings, renderer, "mail", now=clock())
    async with database.begin() as connection:
        ids = list((await connection.execute(sa.select(delivery_rows.c.id))).scalars())
        await connection.execute(sa.update(delivery_rows).values(state=DeliveryState.ACCEPTED))
        await feedback.hear(connection, ear, DEAD, Known(ids[0], is_strong=True))
        await feedback.hear(connection, ear, COMPLAINT, Known(ids[1]))
        await feedback.hear(connection, ear, COMPLAINT, Known(ids[2]))

    async with database.read() as connection:
        counts = await deliveries.counts(connection, edition.id)
        raised = {alert.matter for alert in await alerts.list_open(connection)}
    assert counts.adds_up
    assert counts.by_state[DeliveryState.BOUNCED] == 1
    assert counts.by_state[DeliveryState.COMPLAINED] == 2
    assert f"complaints:{edition.id}" in raised


async def test_what_a_relay_refuses_is_heard_like_a_bounce(paper: Paper) -> None:
    """The same words at RCPT: stopped, and heard once."""
    delivery_id = await paper.send(DeliveryState.REFUSED)
    async with paper.database.begin() as connection:
        await connection.execute(
            sa.update(delivery_rows)
            .where(delivery_rows.c.id == delivery_id)
            .values(reply_code=550, reply_status="5.1.1", reply_text="5.1.1 user unknown")
        )
        await connection.execute(
            sa.insert(attempts).values(
                delivery_id=delivery_id, ended_at=paper.clock(), outcome=DeliveryState.REFUSED, charged=True
            )
        )

    first = await refusals.hear_refusals(paper.database, paper.settings, paper.renderer, now=paper.clock())
    again = await refusals.hear_refusals(paper.database, paper.settings, paper.renderer, now=paper.clock())

    assert (first, again) == (1, 0)
    assert await paper.state() is SubscriberState.STOPPED
    assert await rows.state_of(paper.database, delivery_rows, delivery_id) == DeliveryState.REFUSED


@pytest.mark.parametrize(
    ("reply", "reason", "points"),
    [
        ((452, "4.2.2", "4.2.2 user unknown or mailbox full"), DropReason.TOO_LATE, [(NoticeClass.SOFT, 1)]),
        ((552, None, "quota exceeded"), DropReason.TOO_LATE, [(NoticeClass.SOFT, 1)]),
        ((451, "4.3.0", "try again"), DropReason.TOO_LATE, []),
        ((452, "4.2.2", "4.2.2 mailbox full"), DropReason.LEFT, []),
    ],
)
async def test_a_mailbox_that_stayed_full_until_the_deadline_counts_softly(
    paper: Paper, reply: tuple[int, str | None, str], reason: DropReason, points: list[tuple[NoticeClass, int]]
) -> None:
    """As where the relay gives up after days and writes: one point for the mail, whatever often it was tried."""
    delivery_id = await paper.send(DeliveryState.DROPPED)
    said = dict(zip(("reply_code", "reply_status"), reply, strict=False))
    tried = {"delivery_id": delivery_id, "ended_at": paper.clock(), "outcome": DeliveryState.DEFERRED, "charged": True}
    async with paper.database.begin() as connection:
        await connection.execute(
            sa.update(delivery_rows)
            .where(delivery_rows.c.id == delivery_id)
            .values(**said, reply_text=reply[2], drop_reason=reason)
        )
        await connection.execute(sa.insert(attempts), [tried | said, tried | said])

    for _ in range(2):
        await refusals.hear_refusals(paper.database, paper.settings, paper.renderer, now=paper.clock())

    async with paper.database.read() as connection:
        heard = (await connection.execute(sa.select(notice_rows.c.kind, notice_rows.c.points))).all()
    assert [tuple(each) for each in heard] == points
    assert await paper.state() is SubscriberState.ACTIVE


async def test_who_pauses_is_not_probed(
    database: Database, settings: Settings, renderer: Renderer, clock: StoppedClock
) -> None:
    """Nothing is mailed to them, a probe neither."""
    paper = Paper(database, settings, renderer, clock)
    await paper.subscribe(SubscriberState.PAUSED)

    await paper.fails(WORDS, times=3)

    assert await paper.probes() == []


def test_only_our_own_token_names_a_delivery(settings: Settings) -> None:
    """T20: a forged notice names a victim, and nobody is found."""
    _, returning = settings.keyring.make_message_tokens(7)
    leave = settings.keyring.make(TokenPurpose.LEAVE, 9)

    def found(place: TokenPlace, token: str) -> Known | None:
        return feedback.identify(settings.keyring, (FoundToken(place, token),))

    assert found(TokenPlace.RETURN_PATH, returning) == Known(7, is_strong=True)
    assert found(TokenPlace.UNSUBSCRIBE, leave) == Known(None, 9)
    assert found(TokenPlace.RETURN_PATH, returning[:-1] + "a") is None
    assert found(TokenPlace.RETURN_PATH, leave) is None
    assert feedback.identify(settings.keyring, ()) is None
