"""Mails of people for tests: written, brought to the door's handler, acted upon, and what came of them."""

from dataclasses import dataclass, field
from itertools import count
from typing import Any

import sqlalchemy as sa

from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database
from digest.database.tables import consents, deliveries, messages, raw_mails, subscribers
from digest.inbound import receive, route
from digest.models.deliveries import MessageKind
from digest.models.inbound import Door
from digest.tokens import TokenPurpose
from tests.support.clock import StoppedClock

US = "mx.gaon.example"
RENDERER = Renderer(None)


@dataclass
class Postbox:
    """Writes to `database` what people write, at the time of `clock`, and tells what became of it."""

    database: Database
    settings: Settings
    clock: StoppedClock
    numbers: Any = field(default_factory=count)  # Any: an iterator of numbers

    async def write(
        self,
        text: str = "",
        *,
        subject: str = "",
        sender: str = "kim@reader.example",
        to: str = "news@gaon.example",
        vouched: bool = False,
        envelope: str | None = None,
        fields: str = "",
    ) -> tuple[str, str]:
        """Let a mail arrive and be acted upon; return its outcome and what was done."""
        domain = sender.rpartition("@")[2]
        proof = f"Authentication-Results: {US}; dkim=pass header.d={domain}\r\n" if vouched else ""
        raw = (
            f"{proof}From: 김독자 <{sender}>\r\nTo: <{to}>\r\nSubject: {subject}\r\n"
            f"Message-ID: <{next(self.numbers)}@mail.example>\r\nDate: Mon, 23 Nov 2026 07:00:00 +0900\r\n"
            f"{fields}\r\n{text}"
        ).encode()
        return await self.bring(raw, to=to, envelope=sender if envelope is None else envelope)

    async def bring(self, raw: bytes, *, to: str, envelope: str) -> tuple[str, str]:
        """Let these bytes arrive and be acted upon."""
        taken = receive.Taken(Door.LMTP, [to], envelope, raw)
        await receive.keep(self.database, self.settings, taken, now=self.clock())
        await route.act_due(self.database, self.settings, RENDERER, clock=self.clock, owner="one")
        async with self.database.read() as connection:
            newest = sa.select(raw_mails.c.outcome, raw_mails.c.detail).order_by(raw_mails.c.id.desc()).limit(1)
            row = (await connection.execute(newest)).one()
        return row.outcome, row.detail

    async def queued(self) -> list[tuple[MessageKind, str, str]]:
        """Return kind, variant and recipient of every mail that is queued, the oldest first."""
        async with self.database.read() as connection:
            rows = await connection.execute(
                sa.select(messages.c.kind, messages.c.variant, deliveries.c.recipient)
                .join(messages, messages.c.id == deliveries.c.message_id)
                .order_by(deliveries.c.id)
            )
            return [(row.kind, row.variant, row.recipient) for row in rows]

    async def kinds(self) -> list[MessageKind]:
        """Return the kinds of the mails that are queued."""
        return [kind for kind, _, _ in await self.queued()]

    async def last_delivery(self) -> int:
        """Return the number of the newest delivery."""
        async with self.database.read() as connection:
            return int((await connection.execute(sa.select(sa.func.max(deliveries.c.id)))).scalar_one())

    async def last_id(self) -> str:
        """Return the Message-ID that the newest delivery has when it is sent."""
        token = self.settings.keyring.make_lasting(TokenPurpose.MESSAGE_ID, await self.last_delivery())
        return f"<{token}@{self.settings.sender.domain}>"

    async def confirm_address(self) -> str:
        """Return the address that the newest delivery asks to be answered to."""
        token = self.settings.keyring.make(TokenPurpose.CONFIRM, await self.last_delivery())
        return self.settings.own_addresses.confirm(token)

    async def states(self) -> dict[str, str]:
        """Return every reader's state by address."""
        async with self.database.read() as connection:
            rows = await connection.execute(sa.select(subscribers.c.address, subscribers.c.state))
            return {row.address: row.state for row in rows}

    async def consents(self) -> list[tuple[str, str, Any]]:
        """Return act, way and details of the ledger of consents, the oldest first."""
        async with self.database.read() as connection:
            rows = await connection.execute(
                sa.select(consents.c.act, consents.c.how, consents.c.details).order_by(consents.c.id)
            )
            return [(row.act, row.how, row.details) for row in rows]
