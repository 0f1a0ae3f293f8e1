"""Find out which picture hosts answer over https, so that mails and pages need no http.

Papers still write `http://` into their feeds while their servers have long answered https. Each new host is asked once
for one of its pictures, and again after a week; the answer is remembered for those who compose. Hosts with a port of
their own and hosts of `PRIVATE_HOSTS` are left alone: what answers there over https is something else.
"""

import asyncio
from collections.abc import Iterable, Set
from urllib.parse import urlsplit

from digest.clock import Clock
from digest.config import Settings
from digest.database import Database, articles
from digest.errors import DigestError
from digest.models.articles import FoundArticle
from digest.outbound import Outbound

_SECONDS = 5
_LONGEST_NAME = 253  # RFC 1035 §2.3.4; longer ones lead nowhere
_OF_A_DOCUMENT = 10  # one that names hundreds must not make us knock at all of them
_AT_ONCE = 30  # the others are asked for when the next article names them


async def probe_hosts(
    database: Database,
    outbound: Outbound,
    settings: Settings,
    documents: Iterable[Iterable[FoundArticle]],
    *,
    clock: Clock,
    looked_at: set[str] | None = None,
) -> None:
    """Ask the http picture hosts of these documents' articles that are not known yet, and remember what they answered.

    What is known is asked of the database once for all documents: nearly always all of it is. `looked_at` are hosts
    that need not be looked at, and gets those of these documents.
    """
    done = set() if looked_at is None else looked_at
    named = [_hosts(found, settings, done) for found in documents]
    by_host = {host: url for hosts in named for host, url in hosts.items()}
    if not by_host:
        return
    async with database.read() as connection:
        unprobed = await articles.unprobed_picture_hosts(connection, by_host, now=clock())
    asked = sorted({host for hosts in named for host in sorted(unprobed & hosts.keys())[:_OF_A_DOCUMENT]})[:_AT_ONCE]
    done |= by_host.keys() - unprobed  # those that are asked now, and those left for later, are not known yet
    if not asked:
        return
    answers = await asyncio.gather(*(_answers_https(outbound, by_host[host]) for host in asked))
    async with database.begin() as connection:
        for host, answers_https in zip(asked, answers, strict=True):
            await articles.note_picture_host(connection, host, answers_https=answers_https, at=clock())


def _hosts(found: Iterable[FoundArticle], settings: Settings, done: Set[str]) -> dict[str, str]:
    """Return the hosts of these articles' pictures that can be asked, each with the https address of one."""
    urls = [one.text.picture.url for one in found if one.text.picture]
    asked = map(_host_and_url, [url for url in urls if url.startswith("http://")])
    return {host: url for host, url in asked if host and host not in done and host not in settings.private_hosts}


def _host_and_url(url: str) -> tuple[str, str]:
    split = urlsplit(url)
    if not split.hostname or split.port or len(split.hostname) > _LONGEST_NAME:
        return "", ""
    return split.hostname, "https" + url[len("http") :]


async def _answers_https(outbound: Outbound, url: str) -> bool:
    try:
        fetched = await outbound.peek(url, timeout_seconds=_SECONDS)
    except DigestError:
        return False
    return fetched.status < 400 and fetched.url.startswith("https://")
