"""Sign what is claimed beside the event loop, while the lanes send what was signed before.

An RSA signature takes longer than everything else that is done for a mail. In: claimed deliveries, from the stock; out:
the same with their envelopes, back to the stock. What cannot be signed comes back with its reason, and whoever hands
it over deals with that. What is given back while it is being signed is let go by the stock.

Signed is before marked: a mail that waits for its signature is not in doubt when the worker is killed. How many are
signed ahead is bounded by the memory they take, the size of a mail each. Each group that comes back is soon a commit of
the journal, so the groups are not small (measured: 32 at once instead of 16, 7 % more mails).

`signatures` are given a group at a time, and only what the signatures are made of: whole mails made elsewhere would
have to be brought back, or keep the loop waiting for the interpreter's lock.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from digest.clock import Clock
from digest.deliver.attempt import Envelopes
from digest.deliver.dkim import Draft, Signer
from digest.deliver.signatures import Signatures
from digest.deliver.stock import Due, Stock
from digest.deliver.transport import Envelope
from digest.deliver.waiting import cancelled

_AT_ONCE = 32
_AHEAD = 192
_MANY = 64  # at once: an edition


class Signing:
    """The signing of one worker. `signed` is called when something may be marked."""

    def __init__(
        self, stock: Stock, envelopes: Envelopes, signer: Signer, *, clock: Clock, signed: Callable[[], None]
    ) -> None:
        self._stock = stock
        self._envelopes = envelopes
        self._clock = clock
        self._signed = signed
        self._signatures = Signatures(signer.key)
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self) -> None:
        """Have signed what comes next."""
        dues = self._stock.take_to_sign(_AHEAD)
        if len(dues) >= _MANY:
            self._signatures.expect_many()
        for start in range(0, len(dues), _AT_ONCE):
            drafts = self._drafts(dues[start : start + _AT_ONCE])
            task = asyncio.create_task(self._sign(drafts))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Give up what is not signed yet; a few milliseconds, for what is just being signed."""
        await cancelled(self._tasks)
        await self._signatures.close()

    def _drafts(self, dues: list[Due]) -> list[tuple[Due, Envelope, Draft]]:
        now, failed = self._clock(), []
        drafts: list[tuple[Due, Envelope, Draft]] = []
        for due in dues:
            try:
                drafts.append((due, *self._envelopes.draft(due, now=now)))
            except Exception as error:  # told by whoever hands it over
                failed.append(replace(due, made=error))
        self._stock.put_signed(failed)
        return drafts

    async def _sign(self, drafts: list[tuple[Due, Envelope, Draft]]) -> None:
        signatures = await self._signatures.make([draft.canonical for _, _, draft in drafts])
        self._stock.put_signed(
            replace(due, made=replace(envelope, content=draft.signed(signature)))
            for (due, envelope, draft), signature in zip(drafts, signatures, strict=True)
        )
        self._signed()
