"""One try: splice one recipient's values into the message, and decide what the ledger is told of the outcome.

`Envelopes` makes the bytes for the wire, signed if we sign. `settle_result` decides what state follows from an outcome:
the deadline turns a deferral into `dropped`, and the kind of mail whether an unanswered one is tried again.
"""

from dataclasses import replace
from datetime import datetime

from digest.config import Settings
from digest.database.attempts import PREFERS_DOUBLE
from digest.database.results import Result
from digest.deliver import retry, wire
from digest.deliver.dkim import Signer
from digest.deliver.stock import Due
from digest.deliver.transport import Envelope
from digest.models.deliveries import Delivery, DeliveryState, DropReason, Lane, MessageKind, Outcome
from digest.splice import RECIPIENT


class Envelopes:
    """Makes envelopes for one sender address. `signer` None: the relay signs."""

    def __init__(self, settings: Settings, signer: Signer | None) -> None:
        self._values = wire.Values(settings)
        self._sender = str(settings.sender).encode("ascii")
        self._signer = signer
        # Shares have a sender of their own, and are signed for its domain: they cannot harm the editions' name.
        sharer = settings.share_sender or settings.sender
        self._share_sender = str(sharer).encode("ascii")
        self._share_signer = signer and replace(signer, domain=sharer.domain)

    def make(self, due: Due, *, eight_bit: bool, now: datetime) -> Envelope:
        """Return what goes over the wire; if it was made ahead, that, or its error.

        Raises `UnsendableMailError` for a mail that breaks the rules of mail.
        """
        if isinstance(due.made, Exception):
            raise due.made
        if due.made is not None:
            return due.made
        delivery, sender, signer = due.delivery, self._sender, self._signer
        if delivery.lane is Lane.SHARE:
            sender, signer = self._share_sender, self._share_signer
        # What is signed must not be recoded on its way, so it goes as base64.
        prepared = due.message.prepared(eight_bit=eight_bit and signer is None)
        values = self._values.of(delivery, now, prepared.names)
        content = prepared.content(values)
        if signer is not None:
            content = signer.sign(content, at=now)
        return Envelope(delivery.id, sender, values[RECIPIENT], content)


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
