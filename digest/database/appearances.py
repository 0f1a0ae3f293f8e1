"""In which mails of which editions an article stands, and how far those have got.

In: an article. Out: for each edition whose messages showed it, how many of the deliveries that were to bring it went
out, wait, or were given up because nothing was left of their mail. Which message showed what is in `message_articles`;
a delivery that was handed over to a renewed message (`renewals`) is not counted here any more: it comes without.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from digest.database.connection import Connection
from digest.database.tables import deliveries, editions, message_articles, messages, of_edition
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
        sa.select(editions.c.id, editions.c.slot)
        .where(editions.c.id.in_(shown_in))
        .order_by(editions.c.planned_at.desc(), editions.c.id.desc())
    )
    found = [await _in_edition(connection, row.id, row.slot, shows) for row in rows]
    return [each for each in found if each is not None]


async def _in_edition(
    connection: Connection, edition_id: int, slot: str, shows: sa.Select[tuple[int]]
) -> Appearance | None:
    rows = await connection.execute(
        sa.select(_d.state, _d.drop_reason, sa.func.count())
        .where(of_edition(edition_id), _d.message_id.in_(shows))
        .group_by(_d.state, _d.drop_reason)
    )
    told = [(state, reason, count) for state, reason, count in rows]
    if not told:
        return None
    return Appearance(
        edition_id,
        slot,
        sum(count for state, _, count in told if state in _WENT_OUT),
        sum(count for state, _, count in told if state in _WAITS),
        sum(count for _, reason, count in told if reason is DropReason.WITHDRAWN),
    )
