"""Sign in a few threads what is claimed, while the lanes send what was signed before.

An RSA signature takes longer than everything else that is done for a mail, and the library lets other threads run
meanwhile: so the event loop goes on, and every core helps. In: claimed deliveries, from the stock; out: the same with
their envelopes, back to the stock. What cannot be signed comes back with its reason, and whoever hands it over deals
with that. What is given back while it is being signed is let go by the stock.

Signed is before marked: a mail that waits for its signature is not in doubt when the worker is killed. How many are
signed ahead is bounded by the memory they take, the size of a mail each.

A thread is handed some mails at a time, and only what the signatures are made of: whatever else it did would keep the
loop waiting for the interpreter's lock at its every `send` (measured: whole mails made in the threads, 0.25 of L29).
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from digest.clock import Clock
from digest.deliver.attempt import Envelopes
from digest.deliver.dkim import Draft, Signer
from digest.deliver.stock import Due, Stock
from digest.deliver.transport import Envelope

_AT_ONCE = 16
_AHEAD = 128
_MOST_THREADS = 4


class Signing:
    """The signing of one worker. `signed` is called when something may be marked."""

    def __init__(
        self, stock: Stock, envelopes: Envelopes, signer: Signer, *, clock: Clock, signed: Callable[[], None]
    ) -> None:
        self._stock = stock
        self._envelopes = envelopes
        self._signer = signer
        self._clock = clock
        self._signed = signed
        self._threads: ThreadPoolExecutor | None = None

    def begin(self) -> None:
        """Have signed what comes next."""
        dues = self._stock.take_to_sign(_AHEAD)
        if not dues:
            return
        if self._threads is None:
            count = min(_MOST_THREADS, os.cpu_count() or 1)
            self._threads = ThreadPoolExecutor(count, thread_name_prefix="signing")
        for start in range(0, len(dues), _AT_ONCE):
            self._begin(self._threads, dues[start : start + _AT_ONCE])

    def finish(self) -> None:
        """Give up what is not signed yet; a few milliseconds, for what is just being signed."""
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
            self._threads = None

    def _begin(self, threads: ThreadPoolExecutor, dues: list[Due]) -> None:
        now, failed = self._clock(), []
        drafts: list[tuple[Due, Envelope, Draft]] = []
        for due in dues:
            try:
                drafts.append((due, *self._envelopes.draft(due, now=now)))
            except Exception as error:  # told by whoever hands it over
                failed.append(replace(due, made=error))
        self._stock.put_signed(failed)
        texts = [draft.canonical for _, _, draft in drafts]
        signing = asyncio.get_running_loop().run_in_executor(threads, self._signatures, texts)
        signing.add_done_callback(lambda done: self._take_in(drafts, done))

    def _signatures(self, texts: list[bytes]) -> list[bytes]:
        return [self._signer.signature(text) for text in texts]

    def _take_in(self, drafts: list[tuple[Due, Envelope, Draft]], signing: asyncio.Future[list[bytes]]) -> None:
        if signing.cancelled():
            return
        self._stock.put_signed(
            replace(due, made=replace(envelope, content=draft.signed(signature)))
            for (due, envelope, draft), signature in zip(drafts, signing.result(), strict=True)
        )
        self._signed()
