"""A newspaper's server for tests: real HTTP on loopback, its feed changed at will."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from xml.sax.saxutils import escape

from aiohttp import web


@dataclass
class FeedServer:
    """Serves `/rss.xml` with `articles` as (number, title, section, registered_at); use as an async context.

    `pages` are articles' own pages by number; an empty one answers 404, and one that is not there is made up.
    """

    articles: list[tuple[int, str, str, datetime]] = field(default_factory=list)
    pages: dict[int, str] = field(default_factory=dict)
    requests: int = 0
    port: int = 0
    _runner: web.AppRunner | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def feed_url(self) -> str:
        return f"{self.base_url}/rss.xml"

    def publish(self, titles: Sequence[str], at: datetime, *, section: str = "시정") -> None:
        """Add one article for each title, registered at `at`."""
        for title in titles:
            self.articles.append((len(self.articles) + 1, title, section, at))

    async def __aenter__(self) -> "FeedServer":
        app = web.Application()
        app.router.add_get("/rss.xml", self._feed)
        app.router.add_get("/news/view.php", self._page)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _page(self, request: web.Request) -> web.Response:
        number = int(request.query["idx"])
        if number in self.pages:
            html = self.pages[number]
            return web.Response(text=html, status=200 if html else 404, content_type="text/html", charset="utf-8")
        title = escape(next(title for known, title, *_ in self.articles if known == number))
        body = f"{title} 소식을 전합니다. 자세한 내용은 다음과 같습니다. " * 6
        text = f"<html><title>{title}</title><body><h1>{title}</h1><article><p>{body}</p></article></body></html>"
        return web.Response(text=text, content_type="text/html", charset="utf-8")

    async def _feed(self, _request: web.Request) -> web.Response:
        self.requests += 1
        items = "".join(
            f"<item><guid isPermaLink='false'>gaon-{number}</guid><title>{escape(title)}</title>"
            f"<link>{self.base_url}/news/view.php?idx={number}</link><category>{section}</category>"
            f"<description>{escape(title)} 소식을 전합니다.</description>"
            f"<pubDate>{format_datetime(at)}</pubDate></item>"
            for number, title, section, at in reversed(self.articles)
        )
        channel = f"<channel><title>가온일보</title>{items}</channel>"
        text = f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0">{channel}</rss>'
        return web.Response(body=text.encode(), content_type="application/rss+xml", charset="utf-8")
