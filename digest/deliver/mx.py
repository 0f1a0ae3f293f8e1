"""Learn from the DNS whose servers receive a domain's mail: companies' domains often stand behind a large provider's.

Twice a day the domains with many readers that nobody knows yet are looked up, a few at a time and twenty seconds at
most in all. Without a network nothing is learned and nothing is harmed: they stay among the others and are tried
again the next time. What comes from the DNS is foreign text: only its host's name is kept, as a row.

Event: `domains.learned`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import dns.asyncresolver
import dns.exception
import dns.resolver

from digest import providers
from digest.database import Database, domains
from digest.events import event

LookUp = Callable[[str], Awaitable[str | None]]

_LEAST_READERS = 20
_AGAIN_AFTER = timedelta(days=30)
_MOST = 200
_AT_ONCE = 8
_ONE_SECONDS, _ALL_SECONDS = 5.0, 20.0


async def look_up(domain: str) -> str | None:
    """Return the name of the domain's first mail server, empty if it has none, None if nobody could say."""
    try:
        answer = await dns.asyncresolver.resolve(domain, "MX", lifetime=_ONE_SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return ""
    except (dns.exception.DNSException, OSError):
        return None
    best = min(answer, key=lambda record: (record.preference, str(record.exchange)))
    return str(best.exchange).rstrip(".").lower()[:255]


async def learn(database: Database, *, now: datetime, look_up: LookUp = look_up) -> int:
    """Look up what is not known, and return how many domains turned out to be a large provider's."""
    async with database.read() as connection:
        asked = await domains.not_looked_up(connection, at_least=_LEAST_READERS, before=now - _AGAIN_AFTER, limit=_MOST)
    found = await _all(asked, look_up)
    moved = 0
    for domain, host in found.items():
        async with database.begin() as connection:
            moved += await domains.learn(connection, domain, providers.name_for_mx(host), mx=host, looked_at=now)
    if found:
        event("domains.learned", asked=len(asked), answered=len(found), moved=moved)
    return moved


async def _all(names: list[str], look_up: LookUp) -> dict[str, str]:
    found: dict[str, str] = {}
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(name: str) -> None:
        async with gate:
            host = await look_up(name)
        if host is not None:
            found[name] = host

    tasks = [asyncio.create_task(one(name)) for name in names]
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=_ALL_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
    return found
