"""One try: splice one recipient's values into the message, and decide what the ledger is told of the outcome.

`Envelopes` makes the bytes for the wire, signed if we sign. `settle_result` decides what state follows from an outcome:
the deadline turns a deferral into `dropped`, and the kind of mail whether an unanswered one is tried again.
"""

from dataclasses import replace
from datetime import datetime

from digest import addresses
from digest.addresses import Address
from digest.config import Settings
from digest.database.attempts import PREFERS_DOUBLE
from digest.database.results import Result
from digest.deliver import retry, wire
from digest.deliver.dkim import Draft, Signer
from digest.deliver.stock import Due
from digest.deliver.transport import Envelope
from digest.errors import UnsendableMailError
from digest.models.deliveries import Delivery, DeliveryState, DropReason, Lane, MessageKind, Outcome
from digest.splice import RECIPIENT, RETURN_TOKEN


class Envelopes:
    """Makes envelopes. `signer` None: the relay signs.

    With a `BOUNCE_ADDRESS` each has a return path that names its delivery (VERP), whatever its stream; answers that
    nothing may be answered to have the null sender.
    """

    def __init__(self, settings: Settings, signer: Signer | None) -> None:
        self._values = wire.Values(settings)
        self._sender = str(settings.sender).encode("ascii")
        self._signer = signer
        self._return_path = _return_path(settings, None)
        self._has_null_sender = settings.inbound_null_sender
        # Shares have a sender of their own, and are signed for its domain: they cannot harm the editions' name.
        sharer = settings.share_sender or settings.sender
        self._share_sender = str(sharer).encode("ascii")
        self._share_return_path = _return_path(settings, settings.share_sender)
        self._share_signer = signer and replace(signer, domain=sharer.domain)

    def make(self, due: Due, *, eight_bit: bool, now: datetime) -> Envelope:
        """Return what goes over the wire; if it was made ahead, that, or its error.

        Raises `UnsendableMailError` for a mail that breaks the rules of mail.
        """
        if isinstance(due.made, Exception):
            raise due.made
        if due.made is not None:
            return due.made
        sender, signer = self._stream(due)
        # What is signed must not be recoded on its way, so it goes as base64.
        envelope = self._envelope(due, sender, eight_bit=eight_bit and signer is None, now=now)
        return envelope if signer is None else replace(envelope, content=signer.sign(envelope.content, at=now))

    def draft(self, due: Due, *, now: datetime) -> tuple[Envelope, Draft]:
        """Return what is to be signed, in its envelope, and by what; only if we sign. Raises as `make`."""
        sender, signer = self._stream(due)
        assert signer is not None
        if not due.message.prepared(eight_bit=False).may_be_signed:
            raise UnsendableMailError("The body of the mail would be hashed in another form than it is sent in.")
        envelope = self._envelope(due, sender, eight_bit=False, now=now)
        return envelope, signer.draft(envelope.content, at=now)

    def _stream(self, due: Due) -> tuple[bytes, Signer | None]:
        """Whose name a mail goes under: a share's, or that of everything else."""
        if due.delivery.lane is Lane.SHARE:
            return self._share_sender, self._share_signer
        if due.message.kind is MessageKind.REPLY and self._has_null_sender:
            return b"", self._signer
        return self._sender, self._signer

    def _envelope(self, due: Due, sender: bytes, *, eight_bit: bool, now: datetime) -> Envelope:
        prepared = due.message.prepared(eight_bit=eight_bit)
        values = self._values.of(due.delivery, now, prepared.names)
        content = prepared.content(values)
        if not (sender and self._return_path[0]):
            return Envelope(due.delivery.id, sender, values[RECIPIENT], content)
        token = values[RETURN_TOKEN]
        before, after = self._share_return_path if due.delivery.lane is Lane.SHARE else self._return_path
        return Envelope(due.delivery.id, before + token + after, values[RECIPIENT], content, token)


def _return_path(settings: Settings, of: Address | None) -> tuple[bytes, bytes]:
    """Return what stands before and behind the token in return paths, in the domain of the stream's own sender `of`."""
    if not settings.bounce_address:
        return b"", b""
    bounce = addresses.parse(settings.bounce_address)
    domain = of.domain if of else bounce.domain
    return f"{bounce.local}{settings.inbound_delimiter}".encode("ascii"), f"@{domain}".encode("ascii")


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
