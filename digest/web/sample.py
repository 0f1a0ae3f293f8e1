"""The pages and feeds of the sample newspaper under `/sample/`.

In: plain GET requests. Out: what a small Korean editorial system answers, so that the service can be tried
on a newspaper that is met over real HTTP: a front page, article pages with a mobile twin, pictures, the
feed, and a second feed of the most read.

The feeds carry an ETag of their bytes and a Last-Modified, and answer 304 by RFC 9110 (section 13.2.2:
If-None-Match decides alone where it is given). Article pages carry what search engines and link previews
read: a canonical link, Open Graph and JSON-LD. The JSON-LD is a data block, which a policy without inline
scripts lets stand. Query values are strangers' text: they are compared with known numbers, never parsed.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from digest.sample import feed
from digest.sample import newspaper as paper

Render = Callable[[str, dict[str, object]], str]

DESCRIPTION_LETTERS = 130
_ENTITY_TAG = re.compile(r'"[^"]*"')


def routes(render: Render, base_url: str, started_at: datetime, now: Callable[[], datetime]) -> list[BaseRoute]:
    """Make the routes of the sample newspaper.

    `base_url` has no slash at its end. `started_at` is aware; all times of the articles follow from it.
    """
    pages = _Pages(render, base_url, paper.read_newspaper(started_at), now)
    return [
        Route("/sample/", pages.front),
        Route("/sample/rss.xml", pages.rss),
        Route("/sample/most-read.xml", pages.most_read),
        Route("/sample/news/view.php", pages.article),
        Route("/sample/m/view.php", pages.mobile),
        Route("/sample/pictures/{name}", pages.picture),
    ]


@dataclass(frozen=True, slots=True)
class _Pages:
    render: Render
    base_url: str
    newspaper: paper.Newspaper
    now: Callable[[], datetime]

    async def front(self, _request: Request) -> Response:
        articles = paper.visible_articles(self.newspaper, self.now())
        by_section = [
            (section, [article for article in articles if article.section == section])
            for section in self.newspaper.sections
        ]
        return self._page("sample/front.html", articles=articles, sections=[pair for pair in by_section if pair[1]])

    async def article(self, request: Request) -> Response:
        return self._article_page(request, "sample/article.html")

    async def mobile(self, request: Request) -> Response:
        return self._article_page(request, "sample/mobile.html")

    async def picture(self, request: Request) -> Response:
        found = paper.find_picture(self.newspaper, request.path_params["name"])
        if found is None:
            return self._missing()
        headers = {"Cache-Control": "public, max-age=86400", "X-Content-Type-Options": "nosniff"}
        return Response(found.content, media_type=found.media_type, headers=headers)

    async def rss(self, request: Request) -> Response:
        at = self.now()
        articles = paper.visible_articles(self.newspaper, at)
        return self._feed(request, articles, self.newspaper.name, at)

    async def most_read(self, request: Request) -> Response:
        at = self.now()
        articles = paper.most_read_articles(self.newspaper, at)
        return self._feed(request, articles, self.newspaper.most_read_title, at)

    def _feed(self, request: Request, articles: Sequence[paper.Article], title: str, at: datetime) -> Response:
        changed_at = paper.last_changed_at(self.newspaper, at)
        channel = feed.Channel(title, f"{self.base_url}{request.url.path}", changed_at)
        content = feed.write_feed(self.newspaper, articles, channel, self.base_url)
        return _conditional(request, content, changed_at)

    def _article_page(self, request: Request, template: str) -> Response:
        article = paper.find_article(self.newspaper, request.query_params.get("idx", ""), self.now())
        if article is None:
            return self._missing()
        description = paper.excerpt(article, DESCRIPTION_LETTERS)
        linked_facts = _linked_facts(self.newspaper, article, description, self.base_url)
        return self._page(template, article=article, description=description, linked_facts=linked_facts)

    def _missing(self) -> Response:
        return self._page("sample/missing.html", status_code=404)

    def _page(self, template: str, status_code: int = 200, **context: object) -> Response:
        most_read = [
            (article, paper.excerpt(article, DESCRIPTION_LETTERS))
            for article in paper.most_read_articles(self.newspaper, self.now())
        ]
        shared: dict[str, object] = {
            "newspaper": self.newspaper,
            "base_url": self.base_url,
            "most_read": most_read,
            "article_url": feed.article_url,
            "mobile_url": feed.mobile_url,
            "picture_url": feed.picture_url,
            "excerpt": paper.excerpt,
        }
        return HTMLResponse(self.render(template, shared | context), status_code=status_code)


def _linked_facts(
    newspaper: paper.Newspaper, article: paper.Article, description: str, base_url: str
) -> dict[str, object]:
    """Describe an article as schema.org's NewsArticle does."""
    facts: dict[str, object] = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "mainEntityOfPage": feed.article_url(base_url, article.idx),
        "headline": article.title,
        "description": description,
        "articleSection": article.section,
        "inLanguage": "ko",
        "datePublished": article.registered_at.isoformat(),
        "dateModified": (article.modified_at or article.registered_at).isoformat(),
        "author": {"@type": "Person", "name": article.reporter.name},
        "publisher": {"@type": "NewsMediaOrganization", "name": newspaper.name, "url": f"{base_url}/sample/"},
    }
    if article.picture is not None:
        facts["image"] = [feed.picture_url(base_url, article.picture.name)]
    return facts


def _conditional(request: Request, content: bytes, changed_at: datetime) -> Response:
    """Answer with the feed, or with 304 when the asker has it already."""
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {
        "ETag": tag,
        "Last-Modified": format_datetime(changed_at.astimezone(UTC), usegmt=True),
        "Cache-Control": "no-cache",
    }
    if _is_current(request, tag, changed_at):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="application/rss+xml; charset=utf-8", headers=headers)


def _is_current(request: Request, tag: str, changed_at: datetime) -> bool:
    """Tell whether the asker's copy is still good; unreadable conditions count as none."""
    if (tags := request.headers.get("if-none-match")) is not None:
        return tags.strip() == "*" or tag in _ENTITY_TAG.findall(tags)
    try:
        known_at = parsedate_to_datetime(request.headers.get("if-modified-since", ""))
    except ValueError:
        return False
    # A date without a zone is not an HTTP date, and cannot be compared.
    return known_at.tzinfo is not None and changed_at.replace(microsecond=0) <= known_at
