"""How much may be shared: by one network, one sender, to one person, of one article to them, by the whole site.

Each limit is claimed in one statement that counts and decides at once (`database.counters`), before anything is queued
and in the same transaction, in the order below, so that two transactions never wait for each other crosswise. What was
counted stays counted, whatever becomes of the mail. "An hour" and "a day" are any hour and any day, not those of a
calendar; the whole site's alone are counted in windows that begin with their first share. Keys are keyed hashes. The
figures are the specification's; of the products that kept the feature, Magento lets 5 an hour pass, Drupal 10, to one
recipient each. The site's figure holds for the questions to senders, too, apart: they are mails to whoever's address
somebody typed.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from digest.config import Settings
from digest.database import Connection, alerts, counters, when_committed
from digest.events import warning
from digest.models.shares import NewShare

ALERT = "shares:limit"

_HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Limit:
    """`count` in each `window`, by `scope`."""

    scope: str
    count: int
    window: timedelta


NETWORK = (Limit("share-network-hour", 5, _HOUR), Limit("share-network-day", 15, DAY))
CONFIRMATION = (Limit("share-confirm-hour", 1, _HOUR), Limit("share-confirm-day", 3, DAY))
SENDER = (Limit("share-sender-hour", 5, _HOUR), Limit("share-sender-day", 10, DAY))
RECIPIENT = (Limit("share-friend-day", 3, DAY), Limit("share-friend-month", 10, timedelta(days=30)))
PAIR = (Limit("share-article", 1, timedelta(days=7)),)
SITE, SITE_CONFIRMATION = "share-site", "share-site-confirm"
ALL = "all"


async def may_ask(connection: Connection, network: str, *, now: datetime) -> bool:
    """Claim one request from a network (a keyed hash)."""
    return await _claim(connection, NETWORK, network, now)


async def may_confirm(connection: Connection, sender_hash: str, *, now: datetime) -> bool:
    """Claim one mail that asks a sender to confirm."""
    return await _claim(connection, CONFIRMATION, sender_hash, now)


async def may_confirm_at_all(connection: Connection, settings: Settings, *, now: datetime) -> bool:
    """Claim one such mail of the whole site. Comes before `may_confirm`: its answer must not depend on the address."""
    return await _claim_of_site(connection, settings, SITE_CONFIRMATION, now)


async def may_send(connection: Connection, settings: Settings, share: NewShare, *, now: datetime) -> bool:
    """Claim one share: of its sender, of the article to this friend, of the friend, of the whole site."""
    pair = hashlib.sha256(f"{share.article_id}\0{share.recipient_hash}".encode()).hexdigest()
    return (
        await _claim(connection, SENDER, share.sender_hash, now)
        and await _claim(connection, PAIR, pair, now)
        and await _claim(connection, RECIPIENT, share.recipient_hash, now)
        and await _claim_of_site(connection, settings, SITE, now)
    )


async def free_at(connection: Connection, network: str, *, now: datetime) -> datetime:
    """Return from when one more request from a network is taken; `now` if it is not the network that is at its limit.

    When a limit of a sender or a friend is over is nobody's business: it would tell when they were written to.
    """
    times = [
        await counters.next_within(connection, each.scope, network, limit=each.count, window=each.window)
        for each in NETWORK
    ]
    return max([now, *(each for each in times if each)])


async def see_to_alert(connection: Connection, settings: Settings, *, now: datetime) -> None:
    """Resolve the alert about the site's limit when shares may go out again."""
    for scope in (SITE, SITE_CONFIRMATION):
        if await counters.counted(connection, scope, ALL, now=now, window=DAY) >= settings.shares_per_day:
            return
    await alerts.resolve(connection, ALERT, at=now)


async def _claim(connection: Connection, limits: tuple[Limit, ...], key: str, now: datetime) -> bool:
    for limit in limits:
        if not await counters.claim_within(
            connection, limit.scope, key, now=now, limit=limit.count, window=limit.window
        ):
            return False
    return True


async def _claim_of_site(connection: Connection, settings: Settings, scope: str, now: datetime) -> bool:
    limit = settings.shares_per_day
    if await counters.claim(connection, scope, ALL, now=now, limit=limit, window=DAY):
        return True
    what = "shares" if scope == SITE else "questions to senders of shares"
    text = (
        f"SHARES_PER_DAY is used up: {limit} {what} have gone out within a day, and no more do until it is over. Look "
        "at them with: digest shares status. If all is well, raise SHARES_PER_DAY."
    )
    await alerts.raise_alert(connection, ALERT, text, at=now)
    when_committed(connection, lambda: warning("share.site_limit", scope=scope))
    return False
