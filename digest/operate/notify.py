"""Mail alerts to the operator through the same queue as everything else, ahead of the bulk.

Claiming an alert for mailing and queueing its mail are one transaction, so two workers do not mail it twice and a
crash in between mails it later.
"""

from digest import addresses, events
from digest.compose.kinds import alert as alert_kind
from digest.database import alerts, messages
from digest.models.deliveries import Lane, MessageKind, NewMessage
from digest.operate.house import House


async def mail_alerts(house: House) -> int:
    """Queue one mail about every alert that is due; return how many alerts it tells of."""
    if not house.settings.operator_email:
        return 0
    now = house.clock()
    operator = addresses.parse(house.settings.operator_email)
    async with house.database.begin() as connection:
        due = await alerts.claim_for_mail(connection, now=now)
        if not due:
            return 0
        message = NewMessage(
            key=f"alert:{now.isoformat()}:{due[0].matter}",
            kind=MessageKind.ALERT,
            variant="",
            language="en",
            mail=alert_kind.compose(house.renderer, house.settings, due),
        )
        await messages.queue_one(connection, message, operator, lane=Lane.FIRST, at=now)
    events.event("alerts.mailed", count=len(due))
    return len(due)
