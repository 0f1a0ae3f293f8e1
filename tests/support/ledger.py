"""Rows for tests of the delivery room: an edition that goes out to some readers, a mail for one person.

Written with SQLAlchemy directly, so that these tests stand without the rooms that make such rows in earnest.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from digest.addresses import Address, parse
from digest.database import Database, walks
from digest.database.tables import attempts, deliveries, delivery_id, editions, messages, next_single, subscribers
from digest.models.deliveries import DeliveryState, Lane, Mail, MessageKind
from digest.models.editions import EditionState
from digest.models.readers import Format, SubscriberState
from digest.splice import DATE, MESSAGE_ID, RECIPIENT, UNSUBSCRIBE_URL, marker

TEXT = (
    "가온시의회, 내년 예산안 의결\r\n.점으로 시작하는 줄\r\n.\r\n구독을 그만두려면 " + marker(UNSUBSCRIBE_URL) + "\r\n"
)
HTML = f'<p lang="ko">가온시의회, 내년 예산안 의결</p>\r\n<a href="{marker(UNSUBSCRIBE_URL)}">그만 받기</a>\r\n'


def make_headers(*, leave: bool = True) -> bytes:
    """Return the headers of a mail; `leave`: with the List-Unsubscribe fields of an edition."""
    lines = [
        "From: =?utf-8?b?6rCA7Jio7J2867O0?= <news@gaon.example>",
        f"To: <{marker(RECIPIENT)}>",
        "Subject: =?utf-8?b?7JWE7LmoIOyGjOyLnQ==?=",
        f"Date: {marker(DATE)}",
        f"Message-ID: {marker(MESSAGE_ID)}",
    ]
    if leave:
        lines += [f"List-Unsubscribe: <{marker(UNSUBSCRIBE_URL)}>", "List-Unsubscribe-Post: List-Unsubscribe=One-Click"]
    return "".join(f"{line}\r\n" for line in lines).encode("ascii")


DIGEST = Mail("아침 소식", make_headers(), TEXT.encode(), HTML.encode())
ALERT = Mail("Alert", make_headers(leave=False), b"The relay refuses the login.\r\n")


@dataclass(frozen=True)
class MadeEdition:
    """An edition with one message and one delivery per reader, in the order of `recipients`."""

    id: int
    message_id: int
    delivery_ids: tuple[int, ...]
    subscriber_ids: tuple[int, ...]
    recipients: tuple[str, ...]


async def make_edition(
    database: Database,
    *,
    at: datetime,
    readers: int = 3,
    state: EditionState = EditionState.RELEASED,
    deadline: timedelta = timedelta(hours=3),
    slot: str = "morning",
    mail: Mail = DIGEST,
) -> MadeEdition:
    """Store an edition that is due at `at`, with its deliveries queued."""
    recipients = tuple(f"reader{number}@{slot}.example" for number in range(readers))
    async with database.begin() as connection:
        edition_id = await _insert(
            connection,
            editions,
            slot=slot,
            title="아침 소식",
            planned_at=at,
            cutoff_at=at,
            deadline_at=at + deadline,
            state=state,
            most_read=[],
            eligible=readers,
            released_at=at,
        )
        message_id = await _insert(
            connection,
            messages,
            **_message(f"edition:{edition_id}", MessageKind.DIGEST, mail, at),
            edition_id=edition_id,
        )
        subscriber_ids = [await _insert(connection, subscribers, **_subscriber(each, at)) for each in recipients]
        delivery_ids = [
            await _insert(
                connection,
                deliveries,
                id=delivery_id(edition_id, subscriber_id),
                **_delivery(message_id, parse(each), Lane.BULK, at, at + deadline),
                edition_id=edition_id,
                subscriber_id=subscriber_id,
                in_turn=True,
            )
            for each, subscriber_id in zip(recipients, subscriber_ids, strict=True)
        ]
        await connection.execute(walks.begin(edition_id))
    return MadeEdition(edition_id, message_id, tuple(delivery_ids), tuple(subscriber_ids), recipients)


async def make_single(
    database: Database,
    *,
    at: datetime,
    recipient: str = "operator@gaon.example",
    kind: MessageKind = MessageKind.ALERT,
    mail: Mail = ALERT,
    key: str = "",
    deadline: timedelta | None = None,
) -> int:
    """Store a mail for one person in the first lane and return the id of its delivery."""
    async with database.begin() as connection:
        message_id = await _insert(connection, messages, **_message(key or f"alert:{recipient}", kind, mail, at))
        deadline_at = None if deadline is None else at + deadline
        number = {"id": next_single()} if connection.dialect.name == "sqlite" else {}
        return await _insert(
            connection, deliveries, **number, **_delivery(message_id, parse(recipient), Lane.FIRST, at, deadline_at)
        )


async def states(database: Database) -> Counter[DeliveryState]:
    """Return how many deliveries are in each state."""
    return Counter(row["state"] for row in await rows(database))


async def rows(database: Database, ids: Sequence[int] | None = None) -> list[Any]:
    """Return the deliveries' rows, by id."""
    query = sa.select(deliveries).order_by(deliveries.c.id)
    if ids is not None:
        query = query.where(deliveries.c.id.in_(ids))
    async with database.read() as connection:
        return list((await connection.execute(query)).mappings())


async def row(database: Database, delivery_id: int) -> Any:
    """Return one delivery's row."""
    return (await rows(database, [delivery_id]))[0]


async def attempt_rows(database: Database) -> list[Any]:
    """Return the rows about attempts that were not accepted, oldest first."""
    async with database.read() as connection:
        return list((await connection.execute(sa.select(attempts).order_by(attempts.c.id))).mappings())


async def edition_state(database: Database, edition_id: int) -> EditionState:
    """Return the edition's state."""
    async with database.read() as connection:
        state: EditionState = (
            await connection.execute(sa.select(editions.c.state).where(editions.c.id == edition_id))
        ).scalar_one()
    return state


async def set_edition(database: Database, edition_id: int, **values: Any) -> None:
    """Change an edition's row behind everybody's back."""
    async with database.begin() as connection:
        await connection.execute(sa.update(editions).where(editions.c.id == edition_id).values(**values))


async def set_deliveries(database: Database, ids: Sequence[int] | None = None, **values: Any) -> None:
    """Change deliveries' rows (all of them if `ids` is None) behind everybody's back; the walk has passed them then."""
    change = sa.update(deliveries).values(**{"in_turn": False, **values})
    if ids is not None:
        change = change.where(deliveries.c.id.in_(ids))
    async with database.begin() as connection:
        await connection.execute(change)


async def _insert(connection: Any, table: sa.Table, **values: Any) -> int:
    return int((await connection.execute(sa.insert(table).values(**values).returning(table.c.id))).scalar_one())


def _message(key: str, kind: MessageKind, mail: Mail, at: datetime) -> dict[str, Any]:
    return {
        "key": key,
        "kind": kind,
        "variant": "",
        "language": "ko",
        "subject": mail.subject,
        "headers": mail.headers,
        "text": mail.text,
        "html": mail.html,
        "created_at": at,
    }


def _subscriber(address: str, at: datetime) -> dict[str, Any]:
    return {
        "address": address,
        "address_key": address,
        "domain": address.partition("@")[2],
        "language": "ko",
        "format": Format.HTML,
        "state": SubscriberState.ACTIVE,
        "consent": "test",
        "created_at": at,
    }


def _delivery(
    message_id: int, recipient: Address, lane: Lane, at: datetime, deadline_at: datetime | None
) -> dict[str, Any]:
    return {
        "message_id": message_id,
        "recipient": str(recipient),
        "recipient_key": recipient.key,
        "domain": recipient.domain,
        "lane": lane,
        "state": DeliveryState.QUEUED,
        "created_at": at,
        "due_at": at,
        "deadline_at": deadline_at,
    }
