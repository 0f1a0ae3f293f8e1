"""Who is to get an edition, and as which variant of it.

The audience is one SELECT: active readers of the slot on the weekday of its planned time, each with what decides their
variant (language, format, sections, headlines, words and `had`, written as in `Variant.key`), so that one join hands
each reader the right message, however many there are, and with the hour before which they want nothing.
`had` are the other slots' editions (`except=`) whose articles are left out for those readers who were sent them; at
most eight are looked at, the newest.

A reader counts as having had an edition when a delivery of it was neither dropped nor refused, and their sections of
the other slot were not narrower than of this one: better an article twice than never.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

import sqlalchemy as sa

from digest.database.connection import Connection
from digest.database.editions import PUBLIC
from digest.database.tables import (
    deliveries,
    delivery_id,
    edition_articles,
    editions,
    of_edition,
    subscribers,
    subscriptions,
)
from digest.models.deliveries import DeliveryState
from digest.models.editions import Edition, Role, Told
from digest.models.readers import Format, SubscriberState, Variant

MAX_HAD = 8
_MAY_BE_READ = (
    DeliveryState.ATTEMPTING,
    DeliveryState.ACCEPTED,
    DeliveryState.UNCERTAIN,
    DeliveryState.COMPLAINED,
)


@dataclass(frozen=True, slots=True)
class Earlier:
    """An edition of another slot that shows some of this one's articles."""

    edition_id: int
    slot: str


Past = Earlier | Told
"""What a reader may have been sent before, and what of this edition depends on it."""


async def earlier_editions(connection: Connection, edition: Edition, slots: Collection[str]) -> list[Earlier]:
    """Return the public editions of `slots` that show an article of `edition`: the newest eight, by ascending id."""
    if not slots:
        return []
    ours = sa.select(edition_articles.c.article_id).where(edition_articles.c.edition_id == edition.id)
    shows_ours = sa.exists().where(
        edition_articles.c.edition_id == editions.c.id,
        edition_articles.c.role.not_in((Role.LEFT_OUT, Role.REPEATED)),
        edition_articles.c.article_id.in_(ours.scalar_subquery()),
    )
    rows = await connection.execute(
        sa.select(editions.c.id, editions.c.slot)
        .where(editions.c.slot.in_(slots), editions.c.state.in_(PUBLIC), editions.c.id != edition.id, shows_ours)
        .order_by(editions.c.planned_at.desc(), editions.c.id.desc())
        .limit(MAX_HAD)
    )
    return sorted((Earlier(row.id, row.slot) for row in rows), key=lambda earlier: earlier.edition_id)


def select_audience(
    edition: Edition, earlier: Sequence[Past], *, at: datetime, zone: tzinfo, adverts: bool = False
) -> sa.Subquery:
    """Return the readers of an edition at a moment, with columns for their deliveries and for their variant.

    `zone` is the newspaper's: the weekdays that readers chose are those of the planned time there. `adverts`: the
    edition carries some, so that their consent to adverts decides the variant (정보통신망법 제50조①②).
    """
    weekday = 1 << edition.planned_at.astimezone(zone).weekday()
    return (
        sa.select(
            subscribers.c.id.label("subscriber_id"),
            subscribers.c.address,
            subscribers.c.domain,
            subscribers.c.provider,
            subscribers.c.language,
            subscribers.c.format,
            subscribers.c.headlines,
            subscribers.c.words,
            subscriptions.c.sections,
            subscriptions.c.hour,
            _had(earlier).label("had"),
            (subscribers.c.advert_consent_at.is_not(None) if adverts else sa.false()).label("adverts"),
        )
        .join(subscriptions, subscriptions.c.subscriber_id == subscribers.c.id)
        .where(
            subscribers.c.state == SubscriberState.ACTIVE,
            subscriptions.c.slot == edition.slot,
            subscriptions.c.since_at <= at,
            subscriptions.c.weekdays.bitwise_and(weekday) != 0,
        )
        .subquery("audience")
    )


async def variants_in_use(
    connection: Connection,
    edition: Edition,
    earlier: Sequence[Past],
    *,
    at: datetime,
    zone: tzinfo,
    adverts: bool = False,
) -> list[Variant]:
    """Return every variant that at least one reader of the edition needs, in a stable order."""
    return await _variants(connection, select_audience(edition, earlier, at=at, zone=zone, adverts=adverts))


async def variants_without_delivery(
    connection: Connection,
    edition: Edition,
    earlier: Sequence[Past],
    *,
    at: datetime,
    zone: tzinfo,
    adverts: bool = False,
    made: int,
) -> list[Variant]:
    """Return the variants of those readers for whom the edition has no delivery; `made` is how many it has.

    Nearly always that is one for each reader. On SQLite, where nobody else writes meanwhile, to count them is enough,
    and takes a quarter of the time under its one lock. On PostgreSQL one reader may come in the moment another leaves.
    """
    if connection.dialect.name == "sqlite":
        everybody = select_audience(edition, (), at=at, zone=zone)
        if await connection.scalar(sa.select(sa.func.count()).select_from(everybody)) == made:
            return []
    audience = select_audience(edition, earlier, at=at, zone=zone, adverts=adverts)
    has_delivery = sa.exists().where(
        of_edition(edition.id), deliveries.c.id == delivery_id(edition.id, audience.c.subscriber_id)
    )
    return await _variants(connection, audience, ~has_delivery)


async def _variants(
    connection: Connection, audience: sa.Subquery, *conditions: sa.ColumnElement[bool]
) -> list[Variant]:
    rows = await connection.execute(
        sa.select(
            audience.c.language,
            audience.c.format,
            audience.c.sections,
            audience.c.had,
            audience.c.headlines,
            audience.c.words,
            audience.c.adverts,
        )
        .where(*conditions)
        .distinct()
    )
    return sorted((_variant(row) for row in rows), key=lambda variant: variant.key)


def _had(earlier: Sequence[Past]) -> sa.ColumnElement[str]:
    """The ids of those editions the reader was sent, and of the corrections that concern them, joined by commas."""
    text: sa.ColumnElement[str] = sa.literal("", sa.String)
    for each in earlier:
        if isinstance(each, Earlier):
            text = text + sa.case((_was_sent(each), f"{each.edition_id},"), else_="")
        else:
            text = text + sa.case((_has_read(each), f"c{each.correction_id},"), else_="")
    return sa.func.rtrim(text, ",", type_=sa.String)


def _was_sent(earlier: Earlier) -> sa.ColumnElement[bool]:
    other = subscriptions.alias("other")
    has_delivery = sa.exists().where(
        of_edition(earlier.edition_id),
        deliveries.c.id == delivery_id(earlier.edition_id, subscribers.c.id),
        deliveries.c.state.not_in((DeliveryState.DROPPED, DeliveryState.REFUSED)),
    )
    asked_for_less = sa.exists().where(
        other.c.subscriber_id == subscribers.c.id,
        other.c.slot == earlier.slot,
        other.c.sections != "",
        other.c.sections != subscriptions.c.sections,
    )
    return sa.and_(has_delivery, ~asked_for_less)


def _has_read(told: Told) -> sa.ColumnElement[bool]:
    """Whether a message that showed an article in a wrong state may have reached the reader, and none that told so."""
    has_read = sa.exists().where(
        deliveries.c.id.in_([delivery_id(each, subscribers.c.id) for each in told.edition_ids]),
        deliveries.c.message_id.in_(told.message_ids),
        deliveries.c.state.in_(_MAY_BE_READ),
    )
    if not told.telling_message_ids:
        return has_read
    was_told = sa.exists().where(
        deliveries.c.id.in_([delivery_id(each, subscribers.c.id) for each in told.telling_edition_ids]),
        deliveries.c.message_id.in_(told.telling_message_ids),
        deliveries.c.state.not_in((DeliveryState.DROPPED, DeliveryState.REFUSED)),
    )
    return sa.and_(has_read, ~was_told)


def _variant(row: Any) -> Variant:  # Any: a row of the audience
    past = row.had.split(",") if row.had else []
    return Variant(
        language=row.language,
        format=Format(row.format),
        sections=tuple(row.sections.split(",")) if row.sections else (),
        had=tuple(int(one) for one in past if not one.startswith("c")),
        told=tuple(int(one[1:]) for one in past if one.startswith("c")),
        headlines=row.headlines,
        words=tuple(row.words.split(",")) if row.words else (),
        adverts=bool(row.adverts),
    )
