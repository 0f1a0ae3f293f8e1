"""How long a test may take: one that hangs fails by its name, and shows where it stood; the others go on.

A limit is set against hanging, not for measuring; what takes long on purpose says `@pytest.mark.patience(300)`. An
asynchronous test is cancelled at its limit, so that its failure shows what it was waiting for and its fixtures end in
order. Anything else (a test that blocks, a fixture that hangs) gets an exception in the main thread ten seconds later.
What does not end by that either is named on standard error with what every thread was doing, and its process is ended,
and with it the run. (pytest-timeout knows only the last two ways, and the first of them leaves in the event loop what
the next fixture then waits for without end.)
"""

import asyncio
import faulthandler
import functools
import inspect
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

LIMIT_SECONDS = 120.0
_MARKER = "patience"
_LONGER_SECONDS = 10
_LAST_SECONDS = 20


def limit_of(item: pytest.Item) -> float:
    """The seconds that a test may take."""
    marker = item.get_closest_marker(_MARKER)
    return float(marker.args[0]) if marker else LIMIT_SECONDS


def cancelled_after(seconds: float, test: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """The same test, with `TimeoutError` where it stands after so many seconds."""

    @functools.wraps(test)
    async def limited(*args: Any, **named: Any) -> Any:
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return await test(*args, **named)
        except TimeoutError as error:
            if limit.expired():
                raise TimeoutError(f"it took more than {seconds:g} s, and stood where it is seen above") from error
            raise

    return limited


@contextmanager
def watched(item: pytest.Item, stderr: int) -> Iterator[None]:
    """End a phase of the test soon after its limit. `stderr`: the descriptor that is not captured."""
    alarms = 0
    limit = limit_of(item)

    def ring(_number: int, _frame: FrameType | None) -> None:
        nonlocal alarms
        alarms += 1
        if alarms == 1:
            raise TimeoutError(f"{item.nodeid} took more than {limit:g} s")
        os.write(stderr, f"\nHANGS: {item.nodeid} did not end after {limit:g} s, nor when it was told to\n".encode())
        faulthandler.dump_traceback(stderr, all_threads=True)
        os._exit(1)

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, limit + _LONGER_SECONDS, _LAST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Patience:
    """The plugin; `stderr` is where it speaks when all else is captured."""

    def __init__(self) -> None:
        self.stderr = os.dup(sys.__stderr__.fileno()) if sys.__stderr__ else 2

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
        with watched(item, self.stderr):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        with watched(item, self.stderr):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Iterator[None]:
        with watched(item, self.stderr):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Iterator[None]:
        if inspect.iscoroutinefunction(pyfuncitem.obj):
            pyfuncitem.obj = cancelled_after(limit_of(pyfuncitem), pyfuncitem.obj)
        return (yield)


def pytest_configure(config: pytest.Config) -> None:
    """Watch over all tests, but not while somebody looks into one with a debugger."""
    config.addinivalue_line("markers", f"{_MARKER}(seconds): may take longer than {LIMIT_SECONDS:g} s")
    if not config.option.usepdb:
        config.pluginmanager.register(Patience())
