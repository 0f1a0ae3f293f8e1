"""Return paths that name their delivery (VERP), and delivery reports that do (DSN)."""

import pytest
import sqlalchemy as sa

from digest.config import Settings
from digest.database import Database
from digest.database.tables import deliveries
from digest.deliver.sender import Sender
from digest.deliver.transport import Envelope
from digest.deliver.transports.smtp.commands import Abilities, make_commands, xtext
from digest.errors import BadTokenError
from digest.models.deliveries import Lane
from digest.tokens import Keyring, TokenPurpose
from tests.support import ledger
from tests.support.clock import StoppedClock
from tests.support.relay import relay_to
from tests.support.settings import make_settings
from tests.support.smtp_server import HostileServer, Script

pytestmark = pytest.mark.anyio

DSN = Script(extensions=("8BITMIME", "SIZE 33554432", "PIPELINING", "ENHANCEDSTATUSCODES", "DSN"))
OFFERS_DSN = Abilities(pipelining=True, eight_bit=False, size=False, dsn=True)


@pytest.fixture
def returning() -> Settings:
    return make_settings(bounce_address="bounce@bounce.gaon.example")


async def test_each_mail_has_a_return_path_of_its_own(
    database: Database, clock: StoppedClock, returning: Settings
) -> None:
    """D16: a bounce names its delivery by where it comes to, whatever is written in it."""
    edition = await ledger.make_edition(database, at=clock(), readers=3)

    async with HostileServer() as server:
        await Sender(database, returning, relay_to(server), clock=clock, owner="a").send_due()

    local_parts = [mail.envelope_from.partition("@")[0] for mail in server.mails]
    tokens = [local.removeprefix("bounce+") for local in local_parts]
    named = {returning.keyring.read(TokenPurpose.RETURN, token) for token in tokens}
    assert len(named) == len(edition.recipients) == 3
    assert max(map(len, local_parts)) <= 64
    assert {mail.envelope_from.partition("@")[2] for mail in server.mails} == {"bounce.gaon.example"}


async def test_shares_return_to_their_own_domain(database: Database, clock: StoppedClock, returning: Settings) -> None:
    """T21: captured mails of the two streams differ in their return path, too."""
    settings = returning.model_copy(
        update={"share_address": "share@share.gaon.example", "abuse_contact": "abuse@gaon.example"}
    )
    shared = await ledger.make_single(database, at=clock(), recipient="friend@naru.example")
    async with database.begin() as connection:
        await connection.execute(sa.update(deliveries).where(deliveries.c.id == shared).values(lane=Lane.SHARE))

    async with HostileServer() as server:
        await Sender(database, settings, relay_to(server), clock=clock, owner="a").send_due()

    assert server.mails[0].envelope_from.endswith("@share.gaon.example")
    assert server.mails[0].envelope_from.startswith("bounce+")


async def test_without_an_address_for_bounces_nothing_is_different(
    database: Database, clock: StoppedClock, settings: Settings
) -> None:
    """The return path is the sender, and no report is asked for, whatever the relay offers."""
    await ledger.make_single(database, at=clock(), recipient="reader@naru.example")

    async with HostileServer(DSN) as server:
        await Sender(database, settings, relay_to(server), clock=clock, owner="a").send_due()

    assert server.mails[0].envelope_from == str(settings.sender)
    assert not any("ENVID" in command or "NOTIFY" in command for command in server.commands)


async def test_a_relay_that_offers_dsn_is_told_the_delivery(
    database: Database, clock: StoppedClock, returning: Settings
) -> None:
    """D17: failures only, headers only, and whom the mail was for before anybody forwarded it."""
    delivery_id = await ledger.make_single(database, at=clock(), recipient="a+b@naru.example")

    async with HostileServer(DSN) as server:
        await Sender(database, returning, relay_to(server), clock=clock, owner="a").send_due()

    mail_from = next(command for command in server.commands if command.startswith("MAIL"))
    recipient = next(command for command in server.commands if command.startswith("RCPT"))
    envelope_id = mail_from.split("ENVID=")[1].split()[0]
    assert returning.keyring.read(TokenPurpose.RETURN, envelope_id) == delivery_id
    assert " RET=HDRS " in mail_from
    assert recipient == "RCPT TO:<a+b@naru.example> NOTIFY=FAILURE ORCPT=rfc822;a+2Bb@naru.example"


def test_a_mail_without_a_sender_asks_for_no_report() -> None:
    """RFC 5230 §5.1: an automatic answer must not bring another mail back."""
    _, recipient, _ = make_commands(Envelope(1, b"", b"reader@naru.example", b"x\r\n.\r\n"), OFFERS_DSN)
    assert recipient == b"RCPT TO:<reader@naru.example> NOTIFY=NEVER\r\n"


def test_what_could_end_a_parameter_is_written_in_hex() -> None:
    """RFC 3461 §4: blanks, plus and equals signs."""
    assert xtext(b"a b=c+d@e.f") == b"a+20b+3Dc+2Bd@e.f"


def test_message_id_does_not_tell_the_return_path() -> None:
    """A Message-ID is quoted wherever a mail is answered; nobody may make bounces of it."""
    keyring = Keyring.of("s" * 40)
    message_id, returning = keyring.make_message_tokens(7)
    assert message_id == keyring.make_lasting(TokenPurpose.MESSAGE_ID, 7)
    assert keyring.read(TokenPurpose.RETURN, returning) == 7
    with pytest.raises(BadTokenError):
        keyring.read(TokenPurpose.RETURN, message_id)


def test_return_path_of_before_a_change_of_keys_is_known() -> None:
    """A bounce may come days after the secret was changed."""
    _, returning = Keyring.of("s" * 40).make_message_tokens(7)
    assert Keyring.of("t" * 40, ("s" * 40,)).read(TokenPurpose.RETURN, returning) == 7
