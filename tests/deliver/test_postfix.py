"""A real Postfix takes an edition over our lanes and hands it on: what it says about us counts, not our own servers."""

import asyncio
from collections import Counter
from email import message_from_bytes, policy
from typing import Any

import pytest

from digest.config import Tls
from digest.database import Database
from digest.deliver.sender import Sender
from digest.deliver.transports.smtp import Relay, SmtpTransport
from digest.models.deliveries import DeliveryState
from tests.support import ledger, postfix
from tests.support.clock import StoppedClock
from tests.support.settings import make_settings
from tests.support.smtp_server import HostileServer, Received

pytestmark = [  # on one database: starting and ending a Postfix takes seconds, and the ledger is tested elsewhere
    pytest.mark.anyio,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]

_READERS = 40
_GONE = "reader7@morning.example"


async def _sent(
    database: Database, clock: StoppedClock, *, take_over: bool, messages: int
) -> tuple[Any, HostileServer]:
    """Send an edition by Postfix, of whose readers one is refused; return it and the server it was handed on to."""
    edition = await ledger.make_edition(database, at=clock(), readers=_READERS)
    async with HostileServer() as behind:
        arrived = asyncio.Event()

        def note(_mail: Received) -> None:
            if len(behind.mails) >= _READERS - 1:
                arrived.set()

        behind.on_mail = note
        relay = await asyncio.to_thread(postfix.start, behind.port, refused=[_GONE])
        if isinstance(relay, str):
            pytest.skip(relay)
        try:
            way = Relay("127.0.0.1", relay.port, tls=Tls.NONE, messages=messages)
            transport = SmtpTransport(way, take_over=take_over)
            sender = Sender(database, make_settings(smtp_connections=4), transport, clock=clock, owner="a")
            assert await sender.send_due() == _READERS
            await asyncio.wait_for(arrived.wait(), 60)
        finally:
            await asyncio.to_thread(relay.stop)
    return edition, behind


@pytest.mark.parametrize("take_over", [True, False], ids=["pipelined", "plain"])
async def test_a_real_postfix_takes_an_edition_once_for_each_reader(
    database: Database, clock: StoppedClock, take_over: bool
) -> None:
    """Over several connections; one refused reader (DATA is refused with it, or gets the bare dot) stops nobody."""
    edition, behind = await _sent(database, clock, take_over=take_over, messages=7)

    assert Counter(behind.recipients) == Counter(set(edition.recipients) - {_GONE})
    assert await ledger.states(database) == {DeliveryState.ACCEPTED: _READERS - 1, DeliveryState.REFUSED: 1}
    [refused] = [row for row in await ledger.rows(database) if row["state"] is DeliveryState.REFUSED]
    assert (refused["recipient"], refused["reply_code"], refused["reply_status"]) == (_GONE, 550, "5.1.1")


async def test_a_real_postfix_hands_on_what_we_composed(database: Database, clock: StoppedClock) -> None:
    """Lines with a dot at their beginning, 8bit Korean and each reader's own link arrive as they were written."""
    _, behind = await _sent(database, clock, take_over=True, messages=500)

    mail = message_from_bytes(behind.mails[0].content, policy=policy.SMTP)
    text = mail.get_body(("plain",))
    assert text is not None
    lines = text.get_content().splitlines()
    assert lines[:3] == ["가온시의회, 내년 예산안 의결", ".점으로 시작하는 줄", "."]
    assert len({message_from_bytes(each.content)["Message-ID"] for each in behind.mails}) == _READERS - 1
