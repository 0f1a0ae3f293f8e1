"""A reader comes and goes by mail alone: through the LMTP door, the ledger, and a real SMTP server for what we send."""

import asyncio
import base64
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path

import pytest

from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database
from digest.deliver.sender import Sender
from digest.deliver.transports import TRANSPORTS
from digest.inbound import route
from digest.inbound.door import Intake
from digest.inbound.doors.lmtp import Listener
from tests.inbound.conftest import listener, serving
from tests.inbound.letters import US, Postbox
from tests.inbound.test_listener import Peer, connected
from tests.support.clock import StoppedClock
from tests.support.settings import make_settings
from tests.support.sink import Sink, running_sink

pytestmark = pytest.mark.anyio

LEE = "lee@reader.example"


class Town:
    """The newspaper's door and sender, and a reader's mail program."""

    def __init__(self, database: Database, settings: Settings, clock: StoppedClock, sink: Sink, door: Listener) -> None:
        self.database, self.settings, self.clock, self.sink, self.door = database, settings, clock, sink, door
        self.written = 0

    async def bring(self, raw: bytes, to: str, sender: str = LEE) -> None:
        """Bring a mail through the door, act upon it, and send what that queued."""
        async with connected(self.door) as peer:
            assert isinstance(peer, Peer)
            [answer] = await peer.bring(raw.replace(b"\r\n.", b"\r\n.."), to, sender=sender)
            assert answer.startswith("250")
        await route.act_due(self.database, self.settings, Renderer(None), clock=self.clock, owner="journey")
        async with TRANSPORTS["smtp"](self.settings, self.clock) as transport:
            await Sender(self.database, self.settings, transport, clock=self.clock, owner="journey").send_due()

    async def write(self, text: str, *, to: str, subject: str, fields: str = "") -> None:
        """Write what a reader writes, in EUC-KR as Korean webmail does, vouched for by our mail server."""
        self.written += 1
        head = (
            f"Authentication-Results: {US}; dkim=pass header.d=reader.example\r\nFrom: <{LEE}>\r\nTo: <{to}>\r\n"
            f"Message-ID: <{self.written}@reader.example>\r\n{fields}MIME-Version: 1.0\r\n"
            f"Subject: =?euc-kr?B?{base64.b64encode(subject.encode('cp949')).decode()}?=\r\n"
            "Content-Type: text/plain; charset=ks_c_5601-1987\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        )
        await self.bring(head.encode() + base64.encodebytes(text.encode("cp949")).replace(b"\n", b"\r\n"), to)

    def got(self) -> list[EmailMessage]:
        """Return what the reader was sent last, in a list, empty if nothing."""
        return [mail for recipient, mail in self.sink.mails().items() if recipient == LEE]

    @property
    def times(self) -> int:
        return self.sink.times_taken()[LEE]


@asynccontextmanager
async def open_town(migrated: Path, folder: Path, clock: StoppedClock) -> AsyncIterator[Town]:
    shutil.copy(migrated, folder / "town.sqlite3")
    database = Database.open(f"sqlite:///{folder / 'town.sqlite3'}")
    with running_sink(folder, keep=True) as sink:
        settings = make_settings(
            inbound_address="news@gaon.example",
            inbound_port=2424,
            inbound_authserv_id=US,
            data_dir=folder / "var",
            smtp_host="127.0.0.1",
            smtp_port=sink.port,
            smtp_tls="none",
        )
        door = listener(Intake(database, settings, clock))
        async with serving(door):
            yield Town(database, settings, clock, sink, door)
    await database.close()


async def test_coming_and_going_by_mail(migrated_sqlite: Path, tmp_path: Path, clock: StoppedClock) -> None:
    """구독 by mail and confirm by reply; an absence notice confirms nothing before; 해지 by mail; each told once."""
    async with open_town(migrated_sqlite, tmp_path, clock) as town:
        box = Postbox(town.database, town.settings, clock)
        await town.write("", to="news@gaon.example", subject="구독 신청합니다")
        [confirmation] = town.got()
        back, its_id = str(confirmation["Reply-To"]), str(confirmation["Message-ID"])
        subject = f"Re: {confirmation['Subject']}"

        await town.write("현재 부재중입니다. 복귀 후 회신드리겠습니다.", to=back, subject=subject)
        await town.write("", to=back, subject=f"부재중: {subject}", fields="Auto-Submitted: auto-replied\r\n")
        assert (await box.states(), town.times) == ({}, 1)

        quoted = "\r\n\r\n-----Original Message-----\r\nFrom: 가온일보\r\nTo: x\r\n\r\n해지\r\n"
        await town.write(f"확인합니다{quoted}", to=back, subject=subject, fields=f"In-Reply-To: {its_id}\r\n")
        assert (await box.states(), town.times) == ({LEE: "active"}, 2)

        await town.write("구독 해지", to="news@gaon.example", subject="안녕하세요")
        assert (await box.states(), town.times) == ({LEE: "left"}, 3)


async def test_answers_go_out_under_the_null_sender_and_end_there(
    migrated_sqlite: Path, tmp_path: Path, clock: StoppedClock
) -> None:
    """The very bytes of our answer, sent back to us as by another robot of this make, are answered by nothing."""
    async with open_town(migrated_sqlite, tmp_path, clock) as town:
        await town.write("", to="news@gaon.example", subject="도움말")
        [line] = [line for line in town.sink.lines() if line["recipient"] == LEE]
        assert line["sender"] == ""
        raw = base64.b64decode(line["content"])
        assert b"Auto-Submitted: auto-replied" in raw

        await town.bring(
            raw.replace(b"news@gaon.example", LEE.encode()), "news@gaon.example", sender="x@reader.example"
        )
        await asyncio.sleep(0)

        assert town.times == 1
        assert len(town.sink.lines()) == 1
