"""Messages, and the deliveries that are made of them.

A message is stored once per idempotency key; an edition has one per variant. The deliveries of a whole audience are
one INSERT … SELECT that joins readers and messages by the parts of the variant's key, in the same transaction as the
messages: never half of them (how long a million takes: benchmarks/README.md). Mails for one person are
queued singly, in the lane for what somebody waits for. What becomes of a delivery afterwards is in `deliveries`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import sqlalchemy as sa

from digest.addresses import Address
from digest.database import suppressions, walks
from digest.database.audience import Past, select_audience
from digest.database.connection import Connection, tell_of_mail
from digest.database.domains import provider_of
from digest.database.drops import dropped
from digest.database.editions import get_edition
from digest.database.many import given_rows, rows_for
from digest.database.once import insert_once
from digest.database.tables import (
    Instant,
    Serial,
    deliveries,
    delivery_id,
    message_articles,
    messages,
    next_single,
    of_edition,
)
from digest.errors import NotFoundError
from digest.models.deliveries import DeliveryState, DropReason, Lane, Mail, MessageKind, NewMessage
from digest.models.readers import Variant

OWN_HOURS = range(6, 23)  # a reader may ask for nothing before one of these, in the newspaper's zone
SHARED = "shared:"  # the keys of mails that name nobody and go to many without being an edition's
_KEY_LENGTH = 255
_FAN_OUT_MEMORY = "256MB"  # PostgreSQL's, for one statement; a million readers take about 110 MB of it
_KEY_COLUMNS: tuple[sa.ColumnClause[Any], ...] = (
    sa.column("language", sa.Text),
    sa.column("format", sa.Text),
    sa.column("sections", sa.Text),
    sa.column("had", sa.Text),
    sa.column("headlines", sa.Boolean),
    sa.column("words", sa.Text),
    sa.column("adverts", sa.Boolean),
    sa.column("message_id", Serial),
)
_UNREAD = (DeliveryState.QUEUED, DeliveryState.DEFERRED, DeliveryState.DROPPED, DeliveryState.REFUSED)


def edition_key(edition_id: int, variant: Variant) -> str:
    """Return the idempotency key of an edition's message; a variant too long for the column is hashed."""
    key = f"edition:{edition_id}:{variant.key}"
    if len(key) <= _KEY_LENGTH:
        return key
    return f"edition:{edition_id}:sha256:{hashlib.sha256(variant.key.encode()).hexdigest()}"


async def store(connection: Connection, message: NewMessage, *, at: datetime) -> int:
    """Store a message and return its id; if its key is stored already, that message's id, unchanged."""
    inserted = await connection.execute(
        insert_once(connection, messages).values(new_row(message, at=at)).returning(messages.c.id)
    )
    message_id: int | None = inserted.scalar_one_or_none()
    if message_id is None:
        stored = await connection.execute(sa.select(messages.c.id).where(messages.c.key == message.key))
        message_id = stored.scalar_one()
    return message_id


def new_row(message: NewMessage, *, at: datetime) -> dict[str, Any]:  # Any: the columns of the table
    """Return the row of a message that is to be stored."""
    return {
        "key": message.key,
        "kind": message.kind,
        "edition_id": message.edition_id,
        "variant": message.variant,
        "language": message.language,
        "subject": message.mail.subject,
        "headers": message.mail.headers,
        "text": message.mail.text,
        "html": message.mail.html,
        "keeps_copy": message.keeps_copy,
        "created_at": at,
    }


async def note_articles(connection: Connection, message_id: int, shown: Sequence[tuple[int, int]]) -> None:
    """Note which articles a message shows, in which revision: corrections go by it. Noting twice changes nothing."""
    if shown:
        await connection.execute(
            insert_once(connection, message_articles),
            [
                {"message_id": message_id, "article_id": article_id, "revision": revision}
                for article_id, revision in shown
            ],
        )


async def queue_one(
    connection: Connection,
    message: NewMessage,
    recipient: Address,
    *,
    lane: Lane,
    at: datetime,
    deadline_at: datetime | None = None,
    subscriber_id: int | None = None,
    address_hash: str | None = None,
) -> int | None:
    """Store a message for one recipient and queue its delivery; return the delivery's id, None if it was queued before.

    The message is stored without an edition, even if it shows one: a test or an alert counts in no edition's sum.
    With an `address_hash` (of `hashes`) nothing is queued to an address that is suppressed; without it that
    is not asked: the confirmation that somebody suppressed asked for anew is such a mail.
    """
    if address_hash is not None and await suppressions.is_suppressed(connection, address_hash):
        return None
    message_id = await store(connection, replace(message, edition_id=None), at=at)
    inserted = await connection.execute(
        insert_once(connection, deliveries)
        .values(
            **({"id": next_single()} if connection.dialect.name == "sqlite" else {}),
            message_id=message_id,
            subscriber_id=subscriber_id,
            recipient=str(recipient),
            recipient_key=recipient.key,
            domain=recipient.domain,
            provider=await provider_of(connection, recipient.domain),
            lane=lane,
            state=DeliveryState.QUEUED,
            created_at=at,
            due_at=at,
            deadline_at=deadline_at,
        )
        .returning(deliveries.c.id)
    )
    delivery_id: int | None = inserted.scalar_one_or_none()
    tell_of_mail(connection)
    return delivery_id


async def make_deliveries(
    connection: Connection,
    edition_id: int,
    *,
    earlier: Sequence[Past] = (),
    now: datetime,
    due_at: datetime,
    deadline_at: datetime,
    zone: tzinfo,
    adverts: bool = False,
) -> int:
    """Make the deliveries of an edition's whole audience and return how many.

    Readers whose variant has no message are left out: for them nothing was left of the edition. `earlier` must be the
    editions that the messages' variants were made with. `zone` is the newspaper's: in it, an hour of a reader's own is
    one of the planned day, and their deadline is as long after it as the others' is after `due_at`. All others are in
    turn (`walks`). `adverts`: the edition carries some; who has not agreed to them, as it stands now, gets the message
    without.
    """
    edition = await get_edition(connection, edition_id)
    audience = select_audience(edition, earlier, at=now, zone=zone, adverts=adverts)
    hours = own_hours(edition.planned_at, zone, after=due_at)
    keys = _keys(sqlite=connection.dialect.name == "sqlite")
    columns: dict[str, sa.ColumnElement[Any]] = {  # Any: columns of different types
        "id": sa.literal(delivery_id(edition_id, 0), Serial) + audience.c.subscriber_id,
        "message_id": keys.c.message_id,
        "edition_id": sa.literal(edition_id, deliveries.c.edition_id.type),
        "subscriber_id": audience.c.subscriber_id,
        "recipient": audience.c.address,
        "domain": audience.c.domain,
        "provider": audience.c.provider,
        "lane": sa.literal(Lane.BULK, deliveries.c.lane.type),
        "state": sa.literal(DeliveryState.QUEUED, deliveries.c.state.type),
        "in_turn": _is_in_turn(audience.c.hour, hours),
        "created_at": sa.literal(now, Instant),
        "due_at": _by_hour(audience.c.hour, hours, otherwise=due_at),
        "deadline_at": _by_hour(audience.c.hour, hours, otherwise=deadline_at, later_by=deadline_at - due_at),
    }
    parts = ["language", "format", "sections", "headlines", "words"]
    parts += ["had"] * bool(earlier) + ["adverts"] * adverts  # otherwise all keys end alike
    matches = [keys.c[part] == audience.c[part] for part in parts]
    rows = sa.select(*columns.values()).select_from(audience).join(keys, sa.and_(*matches))
    if connection.dialect.name == "postgresql":
        rows = await _in_order(connection, rows, audience)
    stored = await connection.execute(
        sa.select(messages.c.variant, messages.c.id).where(messages.c.edition_id == edition_id)
    )
    found = [(*_key_parts(row.variant), row.id) for row in stored]
    if not found:
        return 0
    given = rows_for(connection, found)
    result = await connection.execute(sa.insert(deliveries).from_select(list(columns), rows), given)
    made = result.rowcount
    if connection.dialect.name == "sqlite":  # its driver counts no WITH
        made = (await connection.execute(sa.select(sa.func.changes()))).scalar_one()
    if made:
        await connection.execute(walks.begin(edition_id))
    return made


async def _in_order(connection: Connection, rows: sa.Select[Any], audience: sa.Subquery) -> sa.Select[Any]:
    """Have readers come in the order of their ids, as SQLite finds them anyhow: every index grows at its end.

    PostgreSQL joins by hashing, in as many portions as its 4 MB of memory make of a million readers, and each portion
    begins again at the edition's first number. The memory is this transaction's alone.
    """
    await connection.execute(sa.text(f"SET LOCAL work_mem = '{_FAN_OUT_MEMORY}'"))
    return rows.order_by(audience.c.subscriber_id)


def own_hours(planned_at: datetime, zone: tzinfo, *, after: datetime) -> dict[int, datetime]:
    """Return when the hours of a reader's own are on the planned day: those later than `after`, which alone matter."""
    day = planned_at.astimezone(zone).replace(minute=0, second=0, microsecond=0)
    hours = {hour: day.replace(hour=hour).astimezone(UTC) for hour in OWN_HOURS}
    return {hour: at for hour, at in hours.items() if at > after}


def _by_hour(
    hour: sa.ColumnElement[int], hours: dict[int, datetime], *, otherwise: datetime, later_by: timedelta = timedelta(0)
) -> sa.ColumnElement[datetime]:
    """A time for each reader: that of their hour, and for nearly all of them, who have none, one look."""
    same = sa.literal(otherwise, Instant)
    if not hours:
        return same
    own = sa.case({each: sa.literal(at + later_by, Instant) for each, at in hours.items()}, value=hour, else_=same)
    return sa.case((hour.is_(None), same), else_=own)


def _is_in_turn(hour: sa.ColumnElement[int], hours: dict[int, datetime]) -> sa.ColumnElement[bool]:
    """Whether a reader's mail goes out with the edition, and at no hour of their own."""
    if not hours:
        return sa.true()
    return sa.case((hour.is_(None), sa.true()), else_=hour.not_in(sorted(hours)))  # not OR: SQLite looks at both


def _keys(*, sqlite: bool) -> sa.CTE:
    """The edition's messages by the parts of their variant's key, given as rows.

    Joined on the parts and not on the key: to put a text together for each reader took half of the time. The types are
    said once more, and it is materialised, because SQLite makes an index for the join only then: with a hundred
    variants it went through all of them for each reader.
    """
    given = given_rows(_KEY_COLUMNS, sqlite=sqlite)
    typed = [sa.cast(given.c[column.name], column.type).label(column.name) for column in _KEY_COLUMNS]
    return sa.select(*typed).cte("keys").prefix_with("MATERIALIZED")


def _key_parts(key: str) -> tuple[str, str, str, str, bool, str, bool]:
    """Return language, format, sections, `had` and so on of a variant's key, as readers' rows say them."""
    language, kind, sections, had, headlines, words, adverts = (*key.split("|"), "", "", "")[:7]
    return language, kind, sections, had, bool(headlines), words, bool(adverts)


async def load_mail(connection: Connection, message_id: int) -> tuple[MessageKind, Mail]:
    """Return a message's kind and its stored mail, or raise `NotFoundError`."""
    row = (await connection.execute(sa.select(messages).where(messages.c.id == message_id))).mappings().one_or_none()
    if row is None:
        raise NotFoundError("message", message_id)
    mail = Mail(subject=row["subject"], headers=row["headers"], text=row["text"], html=row["html"])
    return row["kind"], mail


async def keeps_copy(connection: Connection, message_id: int) -> bool:
    """Whether mails of this message are kept as they went over the wire."""
    found = await connection.scalar(sa.select(messages.c.keeps_copy).where(messages.c.id == message_id))
    return bool(found)


async def drop_waiting(connection: Connection, edition_id: int, *, reason: DropReason, at: datetime) -> int:
    """Give up every delivery of an edition that was not begun; return how many. What is on the wire is left alone."""
    parts = await walks.waiting_parts(connection, edition_id)
    return sum([(await connection.execute(dropped(reason, at=at).where(which))).rowcount for which in parts])


async def move_deadline(connection: Connection, edition_id: int, *, deadline_at: datetime) -> int:
    """Give the waiting deliveries of an edition a new deadline, but none an earlier one; return how many there are."""
    has_later = deliveries.c.deadline_at > sa.literal(deadline_at, Instant)
    later = sa.case((has_later, deliveries.c.deadline_at), else_=sa.literal(deadline_at, Instant))
    moved = sa.update(deliveries).values(deadline_at=later)
    parts = await walks.waiting_parts(connection, edition_id)
    return sum([(await connection.execute(moved.where(which))).rowcount for which in parts])


async def may_have_arrived(connection: Connection, edition_id: int) -> bool:
    """Return whether a delivery of the edition is on the wire, accepted or uncertain: somebody may have read it."""
    query = sa.select(sa.exists().where(of_edition(edition_id), deliveries.c.state.not_in(_UNREAD)))
    return bool((await connection.execute(query)).scalar_one())
