"""Read the pages of a few articles without keeping anything, to see what would be found on them and which way.

In: links that a source lists, and the source's selectors. Out: for each what its page says, or why it could not be
read. As politely as the worker does it: robots.txt is asked, and a host has one request at a time, with a pause.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from digest.clock import Clock
from digest.collect import robots
from digest.collect.fetch import fetch
from digest.collect.page import Selectors
from digest.collect.politeness import HostQueue
from digest.collect.reader import Reader
from digest.config import Settings
from digest.errors import DigestError
from digest.models.articles import PageText
from digest.outbound import Outbound

_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class CheckedPage:
    """An article's page as it reads: what it says, or the `problem` that keeps us from it."""

    link: str
    said: PageText | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Checker:
    """What a check needs; the same for all pages of it."""

    outbound: Outbound
    settings: Settings
    reader: Reader
    hosts: HostQueue
    selectors: Selectors
    clock: Clock


async def check_pages(checker: Checker, links: Sequence[str]) -> list[CheckedPage]:
    """Fetch and read the pages at `links`, one after the other; what goes wrong stands in the answer."""
    checked = []
    for link in links:
        try:
            checked.append(await _check(checker, link))
        except DigestError as error:
            checked.append(CheckedPage(link, None, str(error)))
    return checked


async def _check(checker: Checker, link: str) -> CheckedPage:
    settings = checker.settings
    if not urlsplit(link).hostname:
        return CheckedPage(link, None, "The source lists no link to the article.")
    if not await robots.may_fetch_once(checker.outbound, link, now=checker.clock()):
        return CheckedPage(link, None, "The site's robots.txt asks not to read this page, or cannot be had.")
    async with checker.hosts.turn(link):
        seconds = min(settings.fetch_timeout_seconds, _SECONDS)
        page = await fetch(checker.outbound, link, timeout_seconds=seconds, max_bytes=settings.fetch_max_bytes)
    if page is None:
        raise AssertionError("a fetch without conditions is never unchanged")
    said = await checker.reader.read_page(page.body, page.content_type, page.url, settings.zone, checker.selectors)
    return CheckedPage(link, said)
