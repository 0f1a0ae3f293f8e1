"""Sign in a few threads what is claimed, while the lanes send what was signed before.

An RSA signature takes longer than everything else that is done for a mail, and the library lets other threads run
meanwhile: so the event loop goes on, and every core helps. In: claimed deliveries, from the stock; out: the same with
their envelopes, back to the stock. What cannot be signed comes back with its reason, and whoever hands it over deals
with that. What is given back while it is being signed is let go by the stock.

Signed is before marked: a mail that waits for its signature is not in doubt when the worker is killed. How many are
signed ahead is bounded by the memory they take, the size of a mail each.

A thread is handed a few mails at a time: to hand over one costs a tenth of a signature.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

from digest.clock import Clock
from digest.deliver.attempt import Envelopes
from digest.deliver.stock import Due, Stock
from digest.deliver.transport import Envelope

_AT_ONCE = 8
_AHEAD = 64
_MOST_THREADS = 4


class Signing:
    """The signing of one worker. `signed` is called when something may be marked."""

    def __init__(self, stock: Stock, envelopes: Envelopes, *, clock: Clock, signed: Callable[[], None]) -> None:
        self._stock = stock
        self._envelopes = envelopes
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
        loop, now = asyncio.get_running_loop(), self._clock()
        for start in range(0, len(dues), _AT_ONCE):
            making = loop.run_in_executor(self._threads, self._make, dues[start : start + _AT_ONCE], now)
            making.add_done_callback(self._take_in)

    def finish(self) -> None:
        """Give up what is not signed yet; a few milliseconds, for what is just being signed."""
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
            self._threads = None

    def _make(self, dues: list[Due], now: datetime) -> list[Due]:
        return [replace(due, made=self._envelope(due, now)) for due in dues]

    def _envelope(self, due: Due, now: datetime) -> Envelope | Exception:
        try:
            return self._envelopes.make(due, eight_bit=False, now=now)
        except Exception as error:  # told by whoever hands it over
            return error

    def _take_in(self, making: asyncio.Future[list[Due]]) -> None:
        if not making.cancelled():
            self._stock.put_signed(making.result())
            self._signed()
