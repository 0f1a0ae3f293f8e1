"""One request at a time per host, with a pause between two: everything that is fetched of strangers goes through here.

A `HostQueue` is shared by all fetching of a process: lists, pages, robots.txt's delays. Who waits for a host holds
nothing else meanwhile. Hosts of `PRIVATE_HOSTS` are the operator's own and get no pause, but still one request at a
time. Other processes have queues of their own; that two of them are not at one host at once is the leases' matter
(`sources.claim_due` leaves a host's sources to the worker that holds one of them).
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from digest.clock import monotonic_seconds
from digest.outbound import is_named

LONGEST_DELAY_SECONDS = 30.0
"""A crawl-delay is honoured up to this; with more, a paper's feeds could not be read in a morning."""
_REMEMBERED = 2000


@dataclass(slots=True)
class _Host:
    pause_seconds: float
    free_at: float = 0.0  # by the monotonic clock
    waiting: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class HostQueue:
    """Gives turns at hosts. `async with hosts.turn(url): …` around one request."""

    def __init__(self, *, pause_seconds: float, private_hosts: Iterable[str] = ()) -> None:
        """`pause_seconds` lie between the end of one request and the beginning of the next to the same host."""
        self._pause_seconds = pause_seconds
        self._private = frozenset(host.lower() for host in private_hosts)
        self._hosts: dict[str, _Host] = {}

    @asynccontextmanager
    async def turn(self, url: str) -> AsyncIterator[None]:
        """Wait until it is `url`'s turn at its host, and keep the host until the end."""
        host = self._host(url)
        host.waiting += 1
        try:
            async with host.lock:
                wait = host.free_at - monotonic_seconds()
                if wait > 0:
                    await asyncio.sleep(wait)
                try:
                    yield
                finally:
                    host.free_at = monotonic_seconds() + host.pause_seconds
        finally:
            host.waiting -= 1

    def slow_down(self, url: str, seconds: float) -> None:
        """Leave at least `seconds` between requests to the host of `url` from now on (robots.txt's crawl-delay)."""
        host = self._host(url)
        if not self._is_own(url):
            host.pause_seconds = max(self._pause_seconds, min(seconds, LONGEST_DELAY_SECONDS))

    def _host(self, url: str) -> _Host:
        name = host_of(url)
        host = self._hosts.get(name)
        if host is None:
            if len(self._hosts) >= _REMEMBERED:
                self._forget()
            host = self._hosts[name] = _Host(0.0 if self._is_own(url) else self._pause_seconds)
        return host

    def _is_own(self, url: str) -> bool:
        return is_named(self._private, url)

    def _forget(self) -> None:
        """Drop the hosts that nobody waits for and whose pause is over."""
        now = monotonic_seconds()
        self._hosts = {name: host for name, host in self._hosts.items() if host.waiting or host.free_at > now}


def host_of(url: str) -> str:
    """Return host and port of an address in small letters; empty where there is none."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""
