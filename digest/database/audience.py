"""Who is to get an edition, and as which variant of it.

The audience is one SELECT: active readers of the slot, each with the key of the variant they share with others. The
key is put together in SQL exactly as `Variant.key` does it in Python, so that one join hands each reader the right
message, however many there are. `had` are the other slots' editions (`except=`) whose articles are left out for those
readers who were sent them; at most eight are looked at, the newest.

A reader counts as having had an edition when a delivery of it was neither dropped nor refused, and their sections of
the other slot were not narrower than of this one: better an article twice than never.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from digest.database.connection import Connection
from digest.database.editions import PUBLIC
from digest.database.tables import deliveries, edition_articles, editions, subscribers, subscriptions
from digest.models import DeliveryState, Edition, Format, Role, SubscriberState, Variant

MAX_HAD = 8


@dataclass(frozen=True, slots=True)
class Earlier:
    """An edition of another slot that shows some of this one's articles."""

    edition_id: int
    slot: str


async def earlier_editions(connection: Connection, edition: Edition, slots: Collection[str]) -> list[Earlier]:
    """Return the public editions of `slots` that show an article of `edition`: the newest eight, by ascending id."""
    if not slots:
        return []
    ours = sa.select(edition_articles.c.article_id).where(edition_articles.c.edition_id == edition.id)
    shows_ours = sa.exists().where(
        edition_articles.c.edition_id == editions.c.id,
        edition_articles.c.role != Role.LEFT_OUT,
        edition_articles.c.article_id.in_(ours.scalar_subquery()),
    )
    rows = await connection.execute(
        sa.select(editions.c.id, editions.c.slot)
        .where(editions.c.slot.in_(slots), editions.c.state.in_(PUBLIC), editions.c.id != edition.id, shows_ours)
        .order_by(editions.c.planned_at.desc(), editions.c.id.desc())
        .limit(MAX_HAD)
    )
    return sorted((Earlier(row.id, row.slot) for row in rows), key=lambda earlier: earlier.edition_id)


def select_audience(edition: Edition, earlier: Sequence[Earlier], *, at: datetime) -> sa.Subquery:
    """Return the readers of an edition at a moment, with columns for their deliveries and `variant`, their key."""
    had = _had(earlier)
    parts = (sa.type_coerce(subscribers.c.language, sa.String), sa.type_coerce(subscribers.c.format, sa.String))
    variant = parts[0] + "|" + parts[1] + "|" + subscriptions.c.sections + "|" + had
    return (
        sa.select(
            subscribers.c.id.label("subscriber_id"),
            subscribers.c.address,
            subscribers.c.address_key,
            subscribers.c.domain,
            subscribers.c.language,
            subscribers.c.format,
            subscriptions.c.sections,
            had.label("had"),
            variant.label("variant"),
        )
        .join(subscriptions, subscriptions.c.subscriber_id == subscribers.c.id)
        .where(
            subscribers.c.state == SubscriberState.ACTIVE,
            subscriptions.c.slot == edition.slot,
            subscriptions.c.since_at <= at,
        )
        .subquery("audience")
    )


async def variants_in_use(
    connection: Connection, edition: Edition, earlier: Sequence[Earlier], *, at: datetime
) -> list[Variant]:
    """Return every variant that at least one reader of the edition needs, in a stable order."""
    return await _variants(connection, select_audience(edition, earlier, at=at))


async def variants_without_delivery(
    connection: Connection, edition: Edition, earlier: Sequence[Earlier], *, at: datetime
) -> list[Variant]:
    """Return the variants of those readers for whom the edition has no delivery."""
    audience = select_audience(edition, earlier, at=at)
    has_delivery = sa.exists().where(
        deliveries.c.edition_id == edition.id, deliveries.c.recipient_key == audience.c.address_key
    )
    return await _variants(connection, audience, ~has_delivery)


async def _variants(
    connection: Connection, audience: sa.Subquery, *conditions: sa.ColumnElement[bool]
) -> list[Variant]:
    rows = await connection.execute(
        sa.select(audience.c.language, audience.c.format, audience.c.sections, audience.c.had)
        .where(*conditions)
        .distinct()
    )
    return sorted((_variant(row) for row in rows), key=lambda variant: variant.key)


def _had(earlier: Sequence[Earlier]) -> sa.ColumnElement[str]:
    """The ids of those editions the reader was sent, joined by commas."""
    text: sa.ColumnElement[str] = sa.literal("", sa.String)
    for each in earlier:
        text = text + sa.case((_was_sent(each), f"{each.edition_id},"), else_="")
    return sa.func.rtrim(text, ",", type_=sa.String)


def _was_sent(earlier: Earlier) -> sa.ColumnElement[bool]:
    other = subscriptions.alias("other")
    has_delivery = sa.exists().where(
        deliveries.c.edition_id == earlier.edition_id,
        deliveries.c.recipient_key == subscribers.c.address_key,
        deliveries.c.state.not_in((DeliveryState.DROPPED, DeliveryState.REFUSED)),
    )
    asked_for_less = sa.exists().where(
        other.c.subscriber_id == subscribers.c.id,
        other.c.slot == earlier.slot,
        other.c.sections != "",
        other.c.sections != subscriptions.c.sections,
    )
    return sa.and_(has_delivery, ~asked_for_less)


def _variant(row: Any) -> Variant:  # Any: a row of the audience
    return Variant(
        language=row.language,
        format=Format(row.format),
        sections=tuple(row.sections.split(",")) if row.sections else (),
        had=tuple(int(edition_id) for edition_id in row.had.split(",")) if row.had else (),
    )
