"""One try: splice one recipient's values into the mail, hand it over, and decide what the ledger is told.

`attempt` acts (one conversation with the relay), `settle_result` decides what state follows from the outcome: the
deadline turns a deferral into `dropped`, and the kind of mail whether an unanswered one is tried again.
"""

from dataclasses import replace
from datetime import datetime

from digest.config import Settings
from digest.database.attempts import PREFERS_DOUBLE, Result
from digest.deliver import retry, wire
from digest.deliver.transport import RelayConnection
from digest.models import Delivery, DeliveryState, DropReason, Mail, MessageKind, Outcome


async def attempt(
    connection: RelayConnection, mail: Mail, delivery: Delivery, settings: Settings, *, now: datetime
) -> Outcome:
    """Send one delivery and return what came of it.

    Raises `UnsendableMailError`, with nothing sent, for a mail that breaks the rules of mail.
    """
    values = wire.values_for(delivery, settings, now)
    content = wire.assemble(mail, values, eight_bit=connection.eight_bit)
    return await connection.send(str(settings.sender), str(delivery.recipient), content)


def settle_result(delivery: Delivery, kind: MessageKind, outcome: Outcome, *, now: datetime, chance: float) -> Result:
    """Return what to write down. Pure; `chance` from 0 to 1 spreads the next tries."""
    result = Result(delivery.id, outcome.state, outcome, ended_at=now)
    repeat = outcome.state is DeliveryState.DEFERRED
    repeat = repeat or (outcome.state is DeliveryState.UNCERTAIN and PREFERS_DOUBLE[kind])
    if not repeat:
        return result
    due_at = retry.next_try_at(delivery, outcome, now=now, chance=chance)
    if due_at is not None:
        return replace(result, state=DeliveryState.DEFERRED, due_at=due_at)
    if outcome.state is DeliveryState.UNCERTAIN:
        return result
    return replace(result, state=DeliveryState.DROPPED, drop_reason=DropReason.TOO_LATE)
