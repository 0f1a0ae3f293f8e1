"""What every process of the service does alike: how it writes its log, and how a signal ends it.

Apart from the worker, because doors for mail are processes too, and the worker's timetable knows of them.
"""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from digest.config import Settings


@contextmanager
def stopped_by_signals(stop: asyncio.Event) -> Iterator[None]:
    """Let SIGINT and SIGTERM set `stop`, and do nothing else."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def json_lines(settings: Settings) -> bool | None:
    """Return how logs are written; None leaves it to the terminal."""
    return {"auto": None, "lines": False, "json": True}[settings.log_format]
