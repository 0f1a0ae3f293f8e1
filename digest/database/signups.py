"""Requests to subscribe that wait for their confirmation, and what confirming makes of them.

A request is not yet a subscriber: nothing else in the ledger knows of it, and when its 72 hours are over its row is
removed. Confirming is conditional in its own update, so a link works once, also when it is pressed twice at the same
moment. Who is subscribed already and confirms anew gets what was chosen now, in place of what was chosen before.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from digest.addresses import parse
from digest.database import subscribers as reader_rows
from digest.database.connection import Connection
from digest.database.tables import signups, subscribers, subscriptions, suppressions
from digest.models.consents import NewSignup, Signup, SuppressionReason
from digest.models.readers import Format, Subscriber, SubscriberState

_s = signups.c
_GONE = (SubscriberState.LEFT, SubscriberState.STOPPED, SubscriberState.EXPIRED)


async def may_be_asked(connection: Connection, address_hash: str) -> bool:
    """Whether a confirmation mail may go to this address: to everyone but whom a person of ours has ruled out.

    Who left, bounced or was erased may come back, and only by that mail.
    """
    is_ruled_out = sa.exists().where(
        suppressions.c.address_hash == address_hash, suppressions.c.reason == SuppressionReason.PERSON
    )
    return not (await connection.execute(sa.select(is_ruled_out))).scalar_one()


async def add(connection: Connection, signup: NewSignup) -> int:
    """Store a request and return its id."""
    inserted = await connection.execute(
        sa.insert(signups)
        .values(
            address=str(signup.address),
            address_hash=signup.address_hash,
            slots=",".join(signup.slots),
            sections=",".join(signup.sections),
            language=signup.language,
            advert=signup.advert,
            how=signup.how,
            source=signup.source,
            network=signup.network,
            texts={kind: list(text) for kind, text in signup.texts.items()},
            created_at=signup.created_at,
            expires_at=signup.expires_at,
        )
        .returning(_s.id)
    )
    return int(inserted.scalar_one())


async def note_delivery(connection: Connection, signup_id: int, delivery_id: int) -> None:
    """Note the delivery of the confirmation mail: the link in it is made of its number."""
    await connection.execute(sa.update(signups).where(_s.id == signup_id).values(delivery_id=delivery_id))


async def of_delivery(connection: Connection, delivery_id: int) -> Signup | None:
    """Return the request that this delivery's mail confirms, None if there is none (any more)."""
    row = (await connection.execute(sa.select(signups).where(_s.delivery_id == delivery_id))).mappings().one_or_none()
    return None if row is None else _signup(row)


async def confirm(connection: Connection, signup_id: int, *, at: datetime) -> bool:
    """Note that a request was confirmed; False if it was before, or its time is over."""
    result = await connection.execute(
        sa.update(signups)
        .where(_s.id == signup_id, _s.confirmed_at.is_(None), _s.expires_at > at)
        .values(confirmed_at=at)
    )
    return result.rowcount > 0


async def activate(connection: Connection, signup: Signup, *, at: datetime) -> Subscriber:
    """Make an active reader of a confirmed request, with exactly what was chosen in it; return that reader."""
    asked = signup.asked
    is_theirs = subscribers.c.address_key == asked.address.key
    # Whoever was gone had taken back every consent; one to adverts holds only if it is given anew.
    await connection.execute(
        sa.update(subscribers).where(is_theirs, subscribers.c.state.in_(_GONE)).values(advert_consent_at=None)
    )
    consent = f"sign-up {signup.id}"
    reader = await reader_rows.add(
        connection,
        asked.address,
        slots=asked.slots,
        language=asked.language,
        format=Format.HTML,
        consent=consent,
        address_hash=asked.address_hash,
        sections=asked.sections,
        at=at,
    )
    stored: dict[str, Any] = {  # Any: values of columns of different types
        "state": SubscriberState.ACTIVE,
        "address_hash": asked.address_hash,
        "language": asked.language,
        "consent": consent,
        "left_at": None,
    }
    if asked.advert:
        stored |= {"advert_consent_at": at, "advert_checked_at": None, "advert_ends_at": None}
    await connection.execute(sa.update(subscribers).where(is_theirs).values(stored))
    of_reader = subscriptions.c.subscriber_id == reader.id
    await connection.execute(sa.delete(subscriptions).where(of_reader, subscriptions.c.slot.not_in(asked.slots)))
    await connection.execute(
        sa.update(subscriptions).where(of_reader).values(sections=",".join(sorted(asked.sections)))
    )
    return await reader_rows.get(connection, reader.id)


def _signup(row: Any) -> Signup:  # Any: a row mapping
    asked = NewSignup(
        address=parse(row["address"]),
        address_hash=row["address_hash"],
        slots=tuple(row["slots"].split(",")),
        sections=tuple(row["sections"].split(",")) if row["sections"] else (),
        language=row["language"],
        advert=row["advert"],
        how=row["how"],
        network=row["network"],
        texts={kind: (version, text_hash) for kind, (version, text_hash) in row["texts"].items()},
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        source=row["source"],
    )
    return Signup(row["id"], asked, row["confirmed_at"])
