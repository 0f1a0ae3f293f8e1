"""Find out which picture hosts answer over https, so that mails and pages need no http.

Papers still write `http://` into their feeds while their servers have long answered https. Each new host is asked once
for one of its pictures, and again after a week; the answer is remembered for those who compose. Hosts with a port of
their own and hosts of `PRIVATE_HOSTS` are left alone: what answers there over https is something else.
"""

import asyncio
from collections.abc import Iterable
from urllib.parse import urlsplit

from digest.clock import Clock
from digest.config import Settings
from digest.database import Database, articles
from digest.errors import DigestError
from digest.models.articles import FoundArticle
from digest.outbound import Outbound

_SECONDS = 5
_LONGEST_NAME = 253  # RFC 1035 §2.3.4; longer ones lead nowhere
_HOSTS_AT_ONCE = 10  # a document that names hundreds must not make us knock at all of them


async def probe_hosts(
    database: Database, outbound: Outbound, settings: Settings, found: Iterable[FoundArticle], *, clock: Clock
) -> None:
    """Ask the http picture hosts of `found` that are not known yet, and remember what they answered."""
    by_host = {host: url for host, url in map(_host_and_url, found) if host and host not in settings.private_hosts}
    if not by_host:
        return
    async with database.read() as connection:
        unprobed = sorted(await articles.unprobed_picture_hosts(connection, by_host, now=clock()))[:_HOSTS_AT_ONCE]
    if not unprobed:
        return
    answers = await asyncio.gather(*(_answers_https(outbound, by_host[host]) for host in unprobed))
    async with database.begin() as connection:
        for host, answers_https in zip(unprobed, answers, strict=True):
            await articles.note_picture_host(connection, host, answers_https=answers_https, at=clock())


def _host_and_url(one: FoundArticle) -> tuple[str, str]:
    url = one.text.picture.url if one.text.picture else ""
    split = urlsplit(url)
    if split.scheme != "http" or not split.hostname or split.port or len(split.hostname) > _LONGEST_NAME:
        return "", ""
    return split.hostname, "https" + url[len("http") :]


async def _answers_https(outbound: Outbound, url: str) -> bool:
    try:
        fetched = await outbound.peek(url, timeout_seconds=_SECONDS)
    except DigestError:
        return False
    return fetched.status < 400 and fetched.url.startswith("https://")
