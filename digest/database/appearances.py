"""In which mails of which editions an article stands, and how far those have got.

In: an article. Out: for each edition whose messages showed it, how many of the deliveries that were to bring it went
out, wait, or were given up because nothing was left of their mail. Which message showed what is in `message_articles`;
a delivery that was handed over to a renewed message (`renewals`) is not counted here any more: it comes without.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from digest.database.connection import Connection
from digest.database.tables import deliveries, editions, is_of_edition, message_articles, messages
from digest.models.deliveries import DeliveryState, DropReason

_WAITS = (DeliveryState.QUEUED, DeliveryState.DEFERRED)
_WENT_OUT = (
    DeliveryState.ATTEMPTING,
    DeliveryState.ACCEPTED,
    DeliveryState.UNCERTAIN,
    DeliveryState.BOUNCED,
    DeliveryState.COMPLAINED,
)

_d = deliveries.c


@dataclass(frozen=True, slots=True)
class Appearance:
    """An edition whose mails show an article: deliveries that went out (or are on the wire), wait, were given up."""

    edition_id: int
    slot: str
    went_out: int
    waiting: int
    given_up: int


async def of_article(connection: Connection, article_id: int) -> list[Appearance]:
    """Return the editions whose mails show an article, the latest planned first."""
    shows = (
        sa.select(messages.c.id)
        .join(message_articles, message_articles.c.message_id == messages.c.id)
        .where(message_articles.c.article_id == article_id)
    )
    shown_in = sa.select(messages.c.edition_id).where(messages.c.id.in_(shows))
    rows = await connection.execute(
        sa.select(editions.c.id, editions.c.slot, _d.state, _d.drop_reason, sa.func.count())
        .select_from(editions)
        .join(deliveries, sa.and_(_d.edition_id == editions.c.id, is_of_edition))
        .where(editions.c.id.in_(shown_in), _d.message_id.in_(shows))
        .group_by(editions.c.id, editions.c.slot, editions.c.planned_at, _d.state, _d.drop_reason)
        .order_by(editions.c.planned_at.desc(), editions.c.id.desc())
    )
    found: dict[int, Appearance] = {}
    for edition_id, slot, state, reason, count in rows:
        one = found.get(edition_id, Appearance(edition_id, slot, 0, 0, 0))
        found[edition_id] = Appearance(
            edition_id,
            slot,
            one.went_out + (count if state in _WENT_OUT else 0),
            one.waiting + (count if state in _WAITS else 0),
            one.given_up + (count if reason is DropReason.WITHDRAWN else 0),
        )
    return list(found.values())
