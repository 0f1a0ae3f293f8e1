"""Webhooks: kept at the door, believed only when the provider signed, heard once."""

import base64
import contextlib
import json
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database
from digest.database.tables import deliveries, raw_mails, subscribers
from digest.deliver import webhook
from digest.deliver.webhook import Means, Post
from digest.deliver.webhooks import WEBHOOKS, sendgrid, ses, ses_certificate
from digest.errors import HookRefusedError
from digest.inbound import hooks
from digest.models.deliveries import DeliveryState
from digest.models.inbound import Outcome
from digest.models.readers import SubscriberState
from tests.support import sns
from tests.support.clock import StoppedClock
from tests.support.rows import add_delivery, add_subscriber, everything, state_of
from tests.support.settings import make_settings

pytestmark = pytest.mark.anyio


class Amazon:
    """What the guarded client would fetch, and what was asked for."""

    def __init__(self, now: datetime, issuer: str = "authority") -> None:
        self.root = sns.authority("authority", now)
        self.answers = {sns.CERTIFICATE_URL: sns.pem(sns.leaf("sns", issuer, now))}
        self.asked: list[str] = []

    async def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        return self.answers.get(url, b"")


@pytest.fixture
def settings() -> Settings:
    return make_settings(hook_ses_topics=(sns.TOPIC,), bounce_address="bounce@bounce.gaon.example")


@pytest.fixture
def amazon(clock: StoppedClock, monkeypatch: pytest.MonkeyPatch) -> Amazon:
    """An authority of our own instead of the system's, and nothing kept from another test."""
    made = Amazon(clock())
    root = made.root.public_bytes(serialization.Encoding.DER)
    monkeypatch.setattr(ses_certificate, "system_authorities", lambda: (root,))
    ses_certificate.forget()
    return made


def means(settings: Settings, amazon: Amazon, clock: StoppedClock) -> Means:
    return Means(settings, amazon.fetch, clock())


async def comes(database: Database, settings: Settings, amazon: Amazon, clock: StoppedClock, body: bytes) -> None:
    post = Post({}, body)
    ses.look(settings, post, clock())
    await hooks.keep(database, "ses", post, clock=clock)
    await hooks.act_due(database, settings, Renderer(None), amazon.fetch, clock=clock, owner="one")


async def sent(database: Database, settings: Settings, clock: StoppedClock) -> tuple[int, int, str]:
    """A reader, a mail that was taken, and the token of its return path."""
    async with database.begin() as connection:
        reader = await add_subscriber(connection, at=clock())
        delivery_id = await add_delivery(connection, reader, at=clock(), state=DeliveryState.ACCEPTED)
    return reader, delivery_id, settings.keyring.make_message_tokens(delivery_id)[1]


@pytest.mark.parametrize("version", ["1", "2"])
async def test_a_signed_bounce_of_a_dead_address_stops(
    database: Database, settings: Settings, amazon: Amazon, clock: StoppedClock, version: str
) -> None:
    """Both versions of Amazon's signature, with the certificate from its own host alone."""
    reader, delivery_id, token = await sent(database, settings, clock)

    await comes(database, settings, amazon, clock, sns.message(clock(), told=sns.bounce(token), version=version))

    assert await state_of(database, subscribers, reader) == SubscriberState.STOPPED
    assert await state_of(database, deliveries, delivery_id) == DeliveryState.BOUNCED
    assert amazon.asked == [sns.CERTIFICATE_URL]


async def test_a_replay_changes_nothing(
    database: Database, settings: Settings, amazon: Amazon, clock: StoppedClock
) -> None:
    """The same post again, and the same event in a new envelope."""
    _, _, token = await sent(database, settings, clock)
    body = sns.message(clock(), told=sns.complaint(token))
    await comes(database, settings, amazon, clock, body)
    before = await everything(database)

    await comes(database, settings, amazon, clock, body)

    assert await everything(database) == before
    clock.advance(minutes=5)
    await comes(database, settings, amazon, clock, sns.message(clock(), told=sns.complaint(token)))
    async with database.read() as connection:
        details = (await connection.execute(sa.select(raw_mails.c.detail).order_by(raw_mails.c.id))).scalars().all()
    assert details == ["told 1, heard 1", "told 1, heard 0"]


async def test_a_full_mailbox_told_by_webhook_is_not_the_end(
    database: Database, settings: Settings, amazon: Amazon, clock: StoppedClock
) -> None:
    """Amazon calls it transient; its words do."""
    reader, _, token = await sent(database, settings, clock)

    told = sns.bounce(token, kind="Transient", sub="MailboxFull", status="5.2.2")
    await comes(database, settings, amazon, clock, sns.message(clock(), told=told))

    assert await state_of(database, subscribers, reader) == SubscriberState.ACTIVE


async def test_what_somebody_changed_is_put_aside(
    database: Database, settings: Settings, amazon: Amazon, clock: StoppedClock
) -> None:
    """The signature covers the message, the topic and the time."""
    reader, _, token = await sent(database, settings, clock)
    body = sns.message(clock(), told={}).replace(
        b'"Message": "{}"', b'"Message": ' + json.dumps(json.dumps(sns.complaint(token))).encode()
    )

    await comes(database, settings, amazon, clock, body)

    assert await state_of(database, subscribers, reader) == SubscriberState.ACTIVE
    async with database.read() as connection:
        found = (await connection.execute(sa.select(raw_mails.c.outcome, raw_mails.c.detail))).one()
    assert tuple(found) == (Outcome.IGNORED, "its signature does not fit")


async def test_a_certificate_of_another_authority_is_not_believed(
    settings: Settings, clock: StoppedClock, amazon: Amazon
) -> None:
    """It stands at Amazon's host, and leads to nobody the system trusts."""
    amazon.answers[sns.CERTIFICATE_URL] = sns.pem(sns.leaf("sns", "another", clock()))

    with pytest.raises(HookRefusedError, match="no trusted authority"):
        await ses.prove(means(settings, amazon, clock), Post({}, sns.message(clock())))


@pytest.mark.parametrize(
    "url",
    [
        "https://sns.ap-northeast-2.amazonaws.com.evil.example/x.pem",
        "http://sns.ap-northeast-2.amazonaws.com/x.pem",
        "https://evil.example/sns.ap-northeast-2.amazonaws.com/x.pem",
        "https://user@sns.ap-northeast-2.amazonaws.com/x.pem",
        "https://sns.ap-northeast-2.amazonaws.com:8443/x.pem",
        "https://sns.ap-northeast-2.amazonaws.com/x.txt",
        "https://bucket.s3.amazonaws.com/x.pem",
        "file:///etc/passwd",
        "https://[",
    ],
)
async def test_certificates_are_fetched_from_amazon_alone(
    settings: Settings, amazon: Amazon, clock: StoppedClock, url: str
) -> None:
    """Whoever posts chooses the address: nothing else is even asked for."""
    with pytest.raises(HookRefusedError, match="not Amazon's"):
        await ses.prove(means(settings, amazon, clock), Post({}, sns.message(clock(), SigningCertURL=url)))
    assert amazon.asked == []


async def test_a_subscription_to_our_topic_is_confirmed(
    database: Database, settings: Settings, amazon: Amazon, clock: StoppedClock
) -> None:
    """Amazon asks once; the answer is to fetch the address it gives, after the signature was checked."""
    body = sns.message(
        clock(),
        Type="SubscriptionConfirmation",
        SubscribeURL=sns.SUBSCRIBE_URL,
        Token="t",
    )

    await comes(database, settings, amazon, clock, body)

    assert amazon.asked == [sns.CERTIFICATE_URL, sns.SUBSCRIBE_URL]


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/?Action=ConfirmSubscription",
        "https://sns.ap-northeast-2.amazonaws.com/?Action=DeleteTopic&TopicArn=" + sns.TOPIC,
        "https://sns.ap-northeast-2.amazonaws.com/?Action=ConfirmSubscription&TopicArn=another",
    ],
)
async def test_nothing_else_is_fetched_for_a_subscription(
    settings: Settings, amazon: Amazon, clock: StoppedClock, url: str
) -> None:
    """Even what is signed may ask for our own topic alone."""
    body = sns.message(clock(), Type="SubscriptionConfirmation", SubscribeURL=url, Token="t")

    with pytest.raises(HookRefusedError):
        await ses.read(means(settings, amazon, clock), Post({}, body))
    assert amazon.asked == []


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"TopicArn": "arn:aws:sns:us-east-1:1:other"}, "topic"),
        ({"Timestamp": "2020-01-01T00:00:00.000Z"}, "older"),
        ({"Timestamp": "yesterday"}, "timestamp"),
        ({"Type": "Notice"}, "type"),
    ],
)
def test_what_cannot_be_ours_is_not_even_kept(
    settings: Settings, clock: StoppedClock, changed: dict[str, str], why: str
) -> None:
    """Another's topic, an old recording, an unknown type."""
    body = json.dumps({**json.loads(sns.message(clock())), **changed}).encode()
    with pytest.raises(HookRefusedError, match=why):
        ses.look(settings, Post({}, body), clock())


class SendGrid:
    """A key of our own, and posts that are signed with it."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        public = self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.settings = make_settings(hook_sendgrid_key=base64.b64encode(public).decode())

    def post(self, events: list[dict[str, str]], now: datetime) -> Post:
        stamp, body = str(int(now.timestamp())), json.dumps(events).encode()
        signature = self.key.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return Post({sendgrid.SIGNATURE: base64.b64encode(signature).decode(), sendgrid.TIMESTAMP: stamp}, body)


@pytest.mark.parametrize(
    ("event", "state"),
    [
        ({"event": "bounce", "type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 unknown user"}, "stopped"),
        ({"event": "bounce", "type": "blocked", "status": "5.7.1", "reason": "550 5.7.1 spam"}, "active"),
        ({"event": "spamreport"}, "stopped"),
        ({"event": "open"}, "active"),
    ],
)
async def test_sendgrid_is_heard_by_its_message_id(
    database: Database, clock: StoppedClock, event: dict[str, str], state: str
) -> None:
    """What it signed is believed as much as a return path; what it blocked counts against nobody."""
    provider = SendGrid()
    reader, delivery_id, _ = await sent(database, provider.settings, clock)
    message_id, _ = provider.settings.keyring.make_message_tokens(delivery_id)
    post = provider.post([{**event, "smtp-id": f"<{message_id}@gaon.example>"}], clock())

    sendgrid.look(provider.settings, post, clock())
    await hooks.keep(database, "sendgrid", post, clock=clock)
    await hooks.act_due(database, provider.settings, Renderer(None), Amazon(clock()).fetch, clock=clock, owner="one")

    assert await state_of(database, subscribers, reader) == state


async def test_sendgrid_posts_that_were_changed_are_refused(clock: StoppedClock, amazon: Amazon) -> None:
    """Body and time are signed."""
    provider = SendGrid()
    post = provider.post([{"event": "spamreport"}], clock())
    for changed in (
        Post(post.headers, post.body + b" "),
        Post({**post.headers, sendgrid.TIMESTAMP: str(int(clock().timestamp()) + 1)}, post.body),
        Post({**post.headers, sendgrid.SIGNATURE: "AAAA"}, post.body),
    ):
        with pytest.raises(HookRefusedError):
            await sendgrid.prove(means(provider.settings, amazon, clock), changed)


def test_old_sendgrid_posts_are_refused(clock: StoppedClock) -> None:
    """A recording of last week is nobody's news."""
    provider = SendGrid()
    with pytest.raises(HookRefusedError):
        sendgrid.look(provider.settings, provider.post([], clock() - timedelta(days=2)), clock())


@pytest.mark.parametrize("name", sorted(WEBHOOKS))
@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"null", b"\xff\x00", b"[" * 5000, b'{"Type": 1}', b'[{"event": []}]']
)
async def test_no_post_crashes_an_adapter(
    settings: Settings, amazon: Amazon, clock: StoppedClock, name: str, body: bytes
) -> None:
    """Every entry of the table, hostile posts: refused or read as nothing, never another error."""
    hook, post = WEBHOOKS[name], Post({}, body)
    with pytest.raises(HookRefusedError):
        hook.look(settings, post, clock())
    with contextlib.suppress(HookRefusedError):
        assert await hook.read(means(settings, amazon, clock), post) == []


def test_a_post_is_unpacked_as_it_was_packed() -> None:
    """What was signed must come back byte for byte, blank lines and all."""
    for post in (Post({}, b"\r\n\r\n{}\r\n"), Post({"x-a": "1: 2", "x-b": ""}, b"body\r\n\r\nmore")):
        assert webhook.unpack(webhook.pack(post)) == post
