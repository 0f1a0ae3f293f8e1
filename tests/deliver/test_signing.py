"""Signing in threads: every mail that goes out is signed, and what is not signed yet is never lost or doubled."""

import asyncio
import base64

import dkim
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from digest.config import Settings
from digest.database import Database
from digest.database.tables import deliveries
from digest.deliver.sender import Sender
from digest.models.deliveries import DeliveryState, Lane, Mail
from tests.support import ledger
from tests.support.clock import StoppedClock
from tests.support.relay import relay_to
from tests.support.settings import make_settings
from tests.support.smtp_server import HostileServer, Received

pytestmark = pytest.mark.anyio

ACCEPTED, QUEUED, REFUSED = DeliveryState.ACCEPTED, DeliveryState.QUEUED, DeliveryState.REFUSED


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def signing(key: rsa.RSAPrivateKey) -> Settings:
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return make_settings(
        smtp_connections=3, dkim_selector="mail2026", dkim_private_key=key.private_bytes(*form).decode()
    )


async def test_every_mail_of_an_edition_goes_out_signed(
    database: Database, clock: StoppedClock, signing: Settings, key: rsa.RSAPrivateKey
) -> None:
    """Mails that are sent while others are being signed are signed too, each with its own reader's links."""
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
    edition = await ledger.make_edition(database, at=clock(), readers=60)

    async with HostileServer() as server:
        sent = await Sender(database, signing, relay_to(server), clock=clock, owner="a").send_due()

    assert sent == 60
    assert sorted(server.recipients) == sorted(edition.recipients)
    assert await ledger.states(database) == {ACCEPTED: 60}
    assert all(dkim.verify(mail.content, dnsfunc=lambda name, timeout=5: record) for mail in server.mails)


async def test_a_share_goes_out_under_its_own_name(database: Database, clock: StoppedClock, signing: Settings) -> None:
    """T21: own return path and signing domain, so that complaints about shares do not hurt the editions."""
    settings = signing.model_copy(
        update={"share_address": "share@share.gaon.example", "abuse_contact": "abuse@gaon.example"}
    )
    await ledger.make_single(database, at=clock(), recipient="operator@gaon.example")
    shared = await ledger.make_single(database, at=clock(), recipient="friend@naru.example")
    async with database.begin() as connection:
        await connection.execute(sa.update(deliveries).where(deliveries.c.id == shared).values(lane=Lane.SHARE))

    async with HostileServer() as server:
        await Sender(database, settings, relay_to(server), clock=clock, owner="a").send_due()

    sent = {mail.recipient: mail for mail in server.mails}
    assert sent["friend@naru.example"].envelope_from == "share@share.gaon.example"
    assert b"d=share.gaon.example;" in sent["friend@naru.example"].content
    assert sent["operator@gaon.example"].envelope_from == str(settings.sender)
    assert b"d=share." not in sent["operator@gaon.example"].content


async def test_what_is_being_signed_at_a_stop_is_given_back(
    database: Database, clock: StoppedClock, signing: Settings
) -> None:
    """It is marked, but it was never on the wire: another worker must send it, and nobody ask whether it went out."""
    await ledger.make_edition(database, at=clock(), readers=200)
    stop = asyncio.Event()
    async with HostileServer() as server:

        def look(_mail: Received) -> None:
            stop.set()

        server.on_mail = look
        await Sender(database, signing, relay_to(server), clock=clock, owner="a").run(stop)

        found = await ledger.states(database)
        assert set(found) == {ACCEPTED, QUEUED}
        assert found[ACCEPTED] == len(server.mails) < 200
        assert {row["lease_owner"] for row in await ledger.rows(database) if row["state"] is QUEUED} == {None}

        server.on_mail = None
        await Sender(database, signing, relay_to(server), clock=clock, owner="b").send_due()
    assert await ledger.states(database) == {ACCEPTED: 200}
    assert len(set(server.recipients)) == len(server.recipients) == 200


async def test_a_mail_that_cannot_be_made_is_settled_like_one_that_is_not_signed(
    database: Database, clock: StoppedClock, signing: Settings
) -> None:
    """A fault found in a thread must not leave a delivery marked for ever."""
    await ledger.make_single(database, at=clock(), mail=Mail("Alert", b"To: <somebody@gaon.example>\r\n", b"text\r\n"))

    async with HostileServer() as server:
        await Sender(database, signing, relay_to(server), clock=clock, owner="a").send_due()

    assert server.mails == []
    assert await ledger.states(database) == {REFUSED: 1}
