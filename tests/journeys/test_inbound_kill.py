"""The door dies at any moment: a real process, a real kill -9, a mail server in front that keeps what was not answered.

What was answered 250 is in the database and acted upon after the restart; what was not is brought again. Readers leave
by mail meanwhile, so each act is seen in the ledger of consents and in the notices of the result.
"""

import asyncio
import random
import shutil
import smtplib
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from digest.clock import utc_now
from digest.config import Settings
from digest.database import Database
from digest.database.tables import consents, deliveries, messages, raw_mails, subscribers
from digest.models.consents import ConsentAct
from digest.models.deliveries import MessageKind
from digest.models.inbound import Outcome
from digest.models.readers import SubscriberState
from digest.tokens import TokenPurpose
from tests.support.commands import SETTINGS
from tests.support.rows import add_subscriber
from tests.support.service import Service, wait_until
from tests.support.settings import make_settings

READERS = 60
KILLS = 4


@dataclass
class MailServer:
    """The server in front, as an LMTP client: it brings every mail until that is answered 250, never giving up."""

    port: int
    mails: dict[str, bytes]
    answered: int = 0
    brought: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def bring_all(self) -> None:
        for recipient, content in self.mails.items():
            while not self.stop.is_set() and not self._bring(recipient, content):
                time.sleep(0.02)
            self.answered += 1

    def _bring(self, recipient: str, content: bytes) -> bool:
        try:
            with smtplib.LMTP("127.0.0.1", self.port, timeout=10) as peer:  # type: ignore[arg-type]
                self.brought += 1
                peer.sendmail("kim@naver.example", [recipient], content)
        except (OSError, smtplib.SMTPException):
            return False
        return True


async def add_readers(database_url: str) -> list[int]:
    database = Database.open(database_url)
    async with database.begin() as connection:
        ids = [
            await add_subscriber(connection, f"reader{number}@reader.example", at=utc_now())
            for number in range(READERS)
        ]
    await database.close()
    return ids


async def found(database_url: str) -> dict[str, Counter[object]]:
    """What became of mails and readers, how often each left, and how many notices each was queued."""
    database = Database.open(database_url)
    withdrawn = sa.select(consents.c.subscriber_id).where(consents.c.act == ConsentAct.WITHDRAWN)
    notices = sa.select(deliveries.c.recipient).join(messages, messages.c.id == deliveries.c.message_id)
    queries = {
        "mails": sa.select(raw_mails.c.outcome),
        "readers": sa.select(subscribers.c.state),
        "left": withdrawn,
        "notices": notices.where(messages.c.kind == MessageKind.NOTICE),
    }
    async with database.read() as connection:
        rows = {name: Counter((await connection.execute(query)).scalars()) for name, query in queries.items()}
    await database.close()
    return rows


def mails_of(ids: list[int], settings: Settings) -> dict[str, bytes]:
    """Every reader's mail to the address that leaves."""
    return {
        settings.own_addresses.leave(settings.keyring.make(TokenPurpose.LEAVE, reader)): (
            f"From: kim@naver.example\r\nMessage-ID: <{reader}@naver.example>\r\n\r\n해지\r\n".encode()
        )
        for reader in ids
    }


def test_nothing_that_was_answered_is_lost_and_nothing_acts_twice(migrated_sqlite: Path, tmp_path: Path) -> None:
    """After four deaths every reader has left, once, with one notice; every mail is kept once."""
    database_url = f"sqlite:///{tmp_path}/digest.sqlite3"
    shutil.copy(migrated_sqlite, tmp_path / "digest.sqlite3")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ids = asyncio.run(add_readers(database_url))
    door = {"INBOUND_ADDRESS": "news@gaon.example", "INBOUND_PORT": str(port), "LOG_LEVEL": "warning"}
    service = Service(tmp_path, {**SETTINGS, **door, "DATABASE_URL": database_url, "DATA_DIR": str(tmp_path / "var")})
    settings = make_settings(inbound_address="news@gaon.example", inbound_port=port)
    server = MailServer(port, mails_of(ids, settings))
    bringing = threading.Thread(target=server.bring_all)
    bringing.start()
    try:
        _kill_again_and_again(service, server)
        last = service.start("inbound")
        wait_until(lambda: server.answered == READERS, seconds=60, what="the last answer")
        wait_until(
            lambda: asyncio.run(found(database_url))["mails"][Outcome.KEPT] == 0,
            seconds=60,
            what="the last act",
            pause=0.3,
        )
        last.terminate()
        assert last.wait(timeout=10) == 0, service.log()
    finally:
        server.stop.set()
        bringing.join(timeout=20)
        service.close()

    after = asyncio.run(found(database_url))
    assert after == {
        "mails": Counter({Outcome.COMMANDED: READERS}),
        "readers": Counter({SubscriberState.LEFT: READERS}),
        "left": Counter(ids),
        "notices": Counter(f"reader{number}@reader.example" for number in range(READERS)),
    }


def _kill_again_and_again(service: Service, server: MailServer) -> None:
    chance = random.Random(7)
    for kill in range(1, KILLS + 1):
        until = kill * (READERS // (KILLS + 1)) - chance.randint(0, 3)
        process = service.start("inbound")
        wait_until(lambda until=until: server.brought >= until, seconds=60, what="the next mails", pause=0.001)  # type: ignore[misc]
        time.sleep(chance.random() * 0.01)
        process.kill()
        process.wait(timeout=10)
