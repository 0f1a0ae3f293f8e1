"""Read the further documents of a source: the next pages of a list, the parts of a sitemap's index.

In: what the first document held, and a callable that fetches and reads one more. Out: all of it as one `Parsed`.
The adapters name no more than the source's option `pages` allows; here the number of documents is bounded again,
another site is never gone to, and a page of a list that brings nothing new ends it. A further document that cannot be
had is a doubt, not a failure: the first one was read.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from digest.collect.source import MAX_ARTICLES, Parsed, is_same_site
from digest.errors import DigestError
from digest.models.articles import FoundArticle

Get = Callable[[str], Awaitable[Parsed]]
"""Fetch one address and read it as a document of the source."""

_MOST_DOCUMENTS = 25


async def follow(first: Parsed, url: str, get: Get) -> Parsed:
    """Return `first`, which came from `url`, together with what the documents it leads to hold."""
    articles = {one.text.link or one.guid: one for one in first.articles}
    doubts = list(first.doubts)
    seen, waiting = {url}, list(first.next_urls)
    while waiting and len(seen) < _MOST_DOCUMENTS and len(articles) < MAX_ARTICLES:
        following = waiting.pop(0)
        if following in seen or not is_same_site(following, url):
            continue
        seen.add(following)
        try:
            parsed = await get(following)
        except DigestError as error:
            doubts.append(f"{following} was left out: {error}")
            continue
        doubts += [doubt for doubt in parsed.doubts if doubt not in doubts]
        if _added(articles, parsed) or not parsed.articles:
            waiting = [*parsed.next_urls, *waiting]
    return replace(first, articles=tuple(articles.values())[:MAX_ARTICLES], doubts=tuple(doubts))


def _added(articles: dict[str, FoundArticle], parsed: Parsed) -> int:
    before = len(articles)
    for one in parsed.articles:
        articles.setdefault(one.text.link or one.guid, one)
    return len(articles) - before
