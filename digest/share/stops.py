"""The breaker's act: look at how the newest shares fared, stop what must stop, and tell a person what to do.

Looked at before each share goes out and by a pass of every worker, so that nothing has to be heard first by the one
process that acts. What is stopped stands in the database. Who stopped is told clearly: the form says that sharing
rests, what waits for its sender goes on waiting, what is queued goes out when it is resumed before its deadline.

Events: `share.stopped`. Alerts: `shares`, `shares:senders`.
"""

from datetime import datetime, timedelta

from digest.config import Settings
from digest.database import Database, alerts, share_stops, when_committed
from digest.events import warning
from digest.models.shares import EVERYBODY
from digest.share import breaker, limits

ALERT = "shares"
SENDERS_ALERT = "shares:senders"
_MONTH = timedelta(days=30)


async def look(database: Database, *, now: datetime) -> None:
    """Stop what must be stopped."""
    async with database.read() as connection:
        newest = await share_stops.newest_mails(connection, limit=breaker.WINDOW)
        complained = await share_stops.complained_of(connection, now=now, within=_MONTH)
    verdict = breaker.decide(newest, complained)
    if verdict.everybody:
        await _stop_everybody(database, verdict.everybody, now)
    for sender in verdict.senders:
        await _stop_sender(database, sender, now)


async def tend(database: Database, settings: Settings, *, now: datetime) -> None:
    """Look, and resolve the alert about the site's limit when it is over. Run by every worker."""
    await look(database, now=now)
    async with database.begin() as connection:
        await limits.see_to_alert(connection, settings, now=now)


async def _stop_everybody(database: Database, reason: str, now: datetime) -> None:
    text = (
        f"Sharing has stopped: {reason}. Nothing is lost: what is queued waits up to a day, and the form says that "
        "sharing rests. Look at it with: digest shares status. When the cause is found (a list of addresses that was "
        "tried, complaints about what was sent), go on with: digest shares resume"
    )
    async with database.begin() as connection:
        if await share_stops.stop(connection, EVERYBODY, reason, at=now):
            await alerts.raise_alert(connection, ALERT, text, at=now)
            when_committed(connection, lambda: warning("share.stopped", whose=EVERYBODY, reason=reason))


async def _stop_sender(database: Database, sender: str, now: datetime) -> None:
    reason = f"{breaker.COMPLAINTS_ABOUT_ONE} or more people complained about what this sender shared"
    text = (
        "A sender of shares was stopped: two or more people complained about their shares. All others go on. Look at "
        "it with: digest shares status. Let the sender go on with: digest shares resume --sender ADDRESS"
    )
    async with database.begin() as connection:
        if await share_stops.stop(connection, sender, reason, at=now):
            await alerts.raise_alert(connection, SENDERS_ALERT, text, at=now)
            when_committed(connection, lambda: warning("share.stopped", whose="one sender", reason=reason))
