"""Giving up a delivery: the one change that every reason for it makes.

Which deliveries, is each caller's condition; it must hold nothing that is on the wire. A claim on them is void with it,
so that a worker which has claimed one sends nothing.
"""

from datetime import datetime

import sqlalchemy as sa

from digest.database.tables import deliveries
from digest.models.deliveries import DeliveryState, DropReason


def dropped(reason: DropReason, *, at: datetime) -> sa.Update:
    """Return the UPDATE that drops deliveries for `reason`; whoever runs it adds which."""
    return sa.update(deliveries).values(
        state=DeliveryState.DROPPED, drop_reason=reason, settled_at=at, lease_owner=None, lease_until=None
    )
