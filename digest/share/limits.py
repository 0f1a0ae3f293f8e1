"""How much may be shared: by one network, one sender, to one person, of one article to them, by the whole site.

Each limit is claimed in one statement that counts and decides at once (`database.counters`), before anything is queued
and in the same transaction, in the order below, so that two transactions never wait for each other crosswise. What was
counted stays counted, whatever becomes of the mail. Keys are keyed hashes. The figures are the specification's; of the
products that kept the feature, Magento lets 5 an hour pass, Drupal 10, to one recipient each.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from digest.config import Settings
from digest.database import Connection, counters
from digest.models.shares import NewShare

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Limit:
    """`count` in each `window`, by `scope`."""

    scope: str
    count: int
    window: timedelta


NETWORK = (Limit("share-network-hour", 5, _HOUR), Limit("share-network-day", 15, _DAY))
CONFIRMATION = (Limit("share-confirm-hour", 1, _HOUR), Limit("share-confirm-day", 3, _DAY))
SENDER = (Limit("share-sender-hour", 5, _HOUR), Limit("share-sender-day", 10, _DAY))
RECIPIENT = (Limit("share-friend-day", 3, _DAY), Limit("share-friend-month", 10, timedelta(days=30)))
PAIR = Limit("share-article", 1, timedelta(days=7))
_SITE = "share-site"


async def may_ask(connection: Connection, network: str, *, now: datetime) -> bool:
    """Claim one request from a network (a keyed hash)."""
    return await _claim(connection, NETWORK, network, now)


async def may_confirm(connection: Connection, sender_hash: str, *, now: datetime) -> bool:
    """Claim one mail that asks a sender to confirm."""
    return await _claim(connection, CONFIRMATION, sender_hash, now)


async def may_send(connection: Connection, settings: Settings, share: NewShare, *, now: datetime) -> str:
    """Claim one share; return "" if it may go, else the scope of the limit that is used up."""
    pair = hashlib.sha256(f"{share.article_id}\0{share.recipient_hash}".encode()).hexdigest()
    claims = [
        *((limit, share.sender_hash) for limit in SENDER),
        (PAIR, pair),
        *((limit, share.recipient_hash) for limit in RECIPIENT),
        (Limit(_SITE, settings.shares_per_day, _DAY), "all"),
    ]
    for limit, key in claims:
        if not await _claim(connection, (limit,), key, now):
            return limit.scope
    return ""


def is_of_site(scope: str) -> bool:
    """Whether the limit is the whole site's: operators hear of it."""
    return scope == _SITE


async def _claim(connection: Connection, limits: tuple[Limit, ...], key: str, now: datetime) -> bool:
    for limit in limits:
        if not await counters.claim(connection, limit.scope, key, now=now, limit=limit.count, window=limit.window):
            return False
    return True
