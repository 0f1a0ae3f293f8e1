"""Mails that came back, as they were taken, one row per recipient, until 30 days after.

A mail is kept once: the unique key is (recipient, print), and the print is the hash of Message-ID and body, because
what stands above them differs with each way a mail takes. A mail without a Message-ID is known by all its bytes.
Acting is claimed with a lease; `take` is the condition inside the UPDATE that lets one act through, in the act's
transaction.
"""

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from digest.addresses import Address
from digest.database.connection import Connection, PlainConnection
from digest.database.once import insert_once
from digest.database.searching import is_whole
from digest.database.tables import raw_mails
from digest.errors import NotFoundError
from digest.models.inbound import Acted, Door, Outcome, RawMail, StoredMail

MAIL_DOORS = (Door.LMTP, Door.SMTP, Door.IMAP)

_r = raw_mails.c
_LONGEST_LEASE = timedelta(hours=1)  # a later one was made by a clock that was wrong
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_MESSAGE_ID = re.compile(rb"(?im)^message-id:[ \t]*(?:\r?\n[ \t]+)?(<[^<>\s]{1,500}>)[ \t]*\r?$")
_STORED = (
    _r.id,
    _r.door,
    _r.recipient,
    _r.envelope_from,
    _r.received_at,
    sa.func.length(_r.content),
    _r.outcome,
    _r.detail,
    _r.sender,
    _r.subscriber_id,
    _r.delivery_id,
    _r.tries,
    _r.due_at,
    _r.acted_at,
)
_is_kept = _r.outcome == sa.literal_column("'kept'")  # written out, for the partial index


@dataclass(frozen=True, slots=True)
class NewRawMail:
    """What is to be kept, for each of `recipients`, which are in small letters."""

    door: Door
    recipients: tuple[str, ...]
    envelope_from: str
    received_at: datetime
    content: bytes


def keep(connection: PlainConnection, mail: NewRawMail) -> list[int]:
    """Keep a mail; return the ids of its new rows, none for what was kept before. For `Database.write`."""
    values = {
        "door": mail.door,
        "envelope_from": mail.envelope_from,
        "received_at": mail.received_at,
        "content": mail.content,
        "print": print_of(mail.content),
        "outcome": Outcome.KEPT,
        "due_at": mail.received_at,
    }
    rows = [{"recipient": recipient, **values} for recipient in mail.recipients]
    kept = connection.execute(insert_once(connection, raw_mails).values(rows).returning(_r.id))
    return sorted(kept.scalars())


def print_of(content: bytes) -> str:
    """Return what a mail is known by: the hash of its Message-ID and its body, or of all of it where it has none."""
    blank = _BLANK_LINE.search(content)
    head = content[: blank.start() + 1] if blank else content
    named = _MESSAGE_ID.search(head)
    if named is None or blank is None:
        return hashlib.sha256(content).hexdigest()
    body = content[blank.end() :].replace(b"\r\n", b"\n").rstrip(b"\n")
    return hashlib.sha256(named.group(1) + b"\0" + body).hexdigest()


async def claim(
    connection: Connection,
    *,
    owner: str,
    now: datetime,
    lease: timedelta,
    limit: int,
    doors: Collection[Door] = MAIL_DOORS,
) -> list[RawMail]:
    """Take up to `limit` kept mails of those doors that are due and nobody holds, the oldest first."""
    is_free = sa.or_(_r.lease_until.is_(None), _r.lease_until <= now, _r.lease_until > now + _LONGEST_LEASE)
    due = sa.and_(_is_kept, _r.due_at <= now, is_free, _r.door.in_(sorted(doors)))
    # A CTE is run once. A plain subquery PostgreSQL may run for every row, each time with the next `limit` rows.
    some = sa.select(_r.id).where(due).order_by(_r.id).limit(limit).with_for_update(skip_locked=True).cte("free")
    rows = await connection.execute(
        sa.update(raw_mails)
        .where(_r.id.in_(sa.select(some.c.id)), due)
        .values(lease_owner=owner, lease_until=now + lease)
        .returning(_r.id, _r.door, _r.recipient, _r.envelope_from, _r.received_at, _r.content)
    )
    mails = [RawMail(*row) for row in rows]
    return sorted(mails, key=lambda mail: mail.id)


async def count_waiting(connection: Connection, door: Door) -> int:
    """Return how many mails of a door wait to be acted upon."""
    waiting = sa.select(sa.func.count()).select_from(raw_mails).where(_is_kept, _r.door == door)
    return int(await connection.scalar(waiting) or 0)


async def take(connection: Connection, mail_id: int, *, owner: str, at: datetime) -> bool:
    """Begin to act, in the act's transaction; False if it was acted upon, or is another's by now."""
    taken = await connection.execute(
        sa.update(raw_mails)
        .where(_r.id == mail_id, _is_kept, _r.lease_owner == owner)
        .values(acted_at=at, lease_owner=None, lease_until=None)
    )
    return taken.rowcount > 0


async def mark_acted(connection: Connection, mail_id: int, acted: Acted, *, at: datetime) -> None:
    """Write down what became of a mail that `take` has let through. Its act may have erased it."""
    await connection.execute(
        sa.update(raw_mails)
        .where(_r.id == mail_id, _is_kept)
        .values(
            outcome=acted.outcome,
            detail=acted.detail,
            sender=None if acted.sender is None else str(acted.sender),
            subscriber_id=acted.subscriber_id,
            delivery_id=acted.delivery_id,
            acted_at=at,
        )
    )


async def put_off(
    connection: Connection, mail_id: int, why: str, *, pauses: Sequence[timedelta], at: datetime
) -> int | None:
    """Note that acting failed: due again after the next of `pauses`, `failed` after the last; return the tries.

    None: somebody else has acted upon it.
    """
    tries = (
        await connection.execute(
            sa.update(raw_mails)
            .where(_r.id == mail_id, _is_kept)
            .values(tries=_r.tries + 1, detail=why, lease_owner=None, lease_until=None)
            .returning(_r.tries)
        )
    ).scalar_one_or_none()
    if tries is None:
        return None
    if tries > len(pauses):
        further: dict[str, object] = {"outcome": Outcome.FAILED, "acted_at": at}
    else:
        further = {"due_at": at + pauses[tries - 1]}
    await connection.execute(sa.update(raw_mails).where(_r.id == mail_id).values(further))
    return int(tries)


async def list_mails(connection: Connection, *, outcome: Outcome | None = None, limit: int = 50) -> list[StoredMail]:
    """Return the newest mails, newest first, without their contents; `outcome` None: whatever became of them."""
    query = sa.select(*_STORED).order_by(_r.id.desc()).limit(limit)
    return [
        _stored(row)
        for row in await connection.execute(query if outcome is None else query.where(_r.outcome == outcome))
    ]


async def list_about(
    connection: Connection, address: Address, subscriber_id: int | None, *, limit: int = 20
) -> list[StoredMail]:
    """Return the newest mails that are from an address or about its reader, newest first."""
    texts = (_r.sender, _r.envelope_from)
    theirs = [sa.func.lower(each) == address.key for each in texts]
    if subscriber_id is not None:
        theirs.append(_r.subscriber_id == subscriber_id)
    query = sa.select(*_STORED).where(sa.or_(*theirs)).order_by(_r.id.desc()).limit(limit)
    return [_stored(row) for row in await connection.execute(query)]


async def get(connection: Connection, mail_id: int) -> tuple[StoredMail, bytes]:
    """Return a mail and its content, or raise `NotFoundError`."""
    row = (await connection.execute(sa.select(*_STORED, _r.content).where(_r.id == mail_id))).one_or_none()
    if row is None:
        raise NotFoundError("mail", mail_id)
    return _stored(row[:-1]), row.content


async def again(connection: Connection, mail_id: int, *, at: datetime) -> bool:
    """Let a mail that waits for a person, or for its next try, be acted upon now; False for any other.

    One that was acted upon is not: its act was done once and for all.
    """
    waits = _r.outcome.in_((Outcome.KEPT, Outcome.FAILED, Outcome.UNREADABLE))
    renewed = await connection.execute(
        sa.update(raw_mails)
        .where(_r.id == mail_id, waits)
        .values(outcome=Outcome.KEPT, tries=0, due_at=at, acted_at=None, lease_owner=None, lease_until=None)
    )
    return renewed.rowcount > 0


async def counts(connection: Connection) -> dict[tuple[Door, Outcome], int]:
    """Return how many mails of the last 30 days came in by each door, and what became of them."""
    rows = await connection.execute(sa.select(_r.door, _r.outcome, sa.func.count()).group_by(_r.door, _r.outcome))
    return {(door, outcome): count for door, outcome, count in rows}


async def lease_owners(connection: Connection) -> set[str]:
    """Return who holds mails at the moment, or held them and died."""
    rows = await connection.execute(sa.select(_r.lease_owner).where(_is_kept, _r.lease_owner.is_not(None)).distinct())
    return {str(owner) for owner in rows.scalars()}


async def free_leases(connection: Connection, owners: Collection[str]) -> int:
    """Free what `owners` hold, who are known to be dead; return how many mails."""
    freed = await connection.execute(
        sa.update(raw_mails)
        .where(_is_kept, _r.lease_owner.in_(sorted(owners)))
        .values(lease_owner=None, lease_until=None)
    )
    return freed.rowcount


async def prune(connection: Connection, *, before: datetime) -> int:
    """Remove what was received before that time; return how many."""
    result = await connection.execute(sa.delete(raw_mails).where(_r.received_at <= before))
    return result.rowcount


async def forget_person(connection: Connection, addresses: Sequence[Address], subscriber_ids: Sequence[int]) -> int:
    """Remove the mails that are from or about a person, or name one of their addresses in clear; return how many."""
    texts = (_r.sender, _r.envelope_from, _r.recipient)
    ids = set((await connection.execute(sa.select(_r.id).where(_r.subscriber_id.in_(subscriber_ids)))).scalars())
    for address in addresses:
        names_it = [sa.func.lower(each).contains(address.key, autoescape=True) for each in texts]
        found = sa.or_(*names_it, _holds(connection, address.key))
        for row in await connection.execute(sa.select(_r.id, *texts, _r.content).where(found)):
            told = " ".join(each or "" for each in row[1:-1]) + "\n" + row.content.decode("utf-8", "replace")
            if is_whole(told, address):  # and not a part of somebody else's
                ids.add(row.id)
    removed = await connection.execute(sa.delete(raw_mails).where(_r.id.in_(sorted(ids))))
    return removed.rowcount


def _holds(connection: Connection, key: str) -> sa.ColumnElement[bool]:
    if connection.dialect.name == "postgresql":
        return sa.func.strpos(sa.func.lower(sa.func.encode(_r.content, "escape")), key) > 0
    return sa.func.instr(sa.func.lower(sa.cast(_r.content, sa.Text)), key) > 0


def _stored(row: Any) -> StoredMail:  # Any: a row of `_STORED`
    return StoredMail(*row)
