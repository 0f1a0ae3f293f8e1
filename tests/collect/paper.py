"""A newspaper's web server for tests, on loopback, feeds to serve from it, and the recorded ones."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from xml.sax.saxutils import escape

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Paper:
    """Serves what it is told to; `requests` keeps what was asked for. `async with Paper() as paper`."""

    requests: list[web.Request] = field(default_factory=list)
    _answers: dict[str, Answer] = field(default_factory=dict)

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = int(self._runner.addresses[0][1])
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._runner.cleanup()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "/rss.xml") -> str:
        return f"http://{self.host}{path}"

    def serve(
        self, body: bytes | str, path: str = "/rss.xml", *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer `path` with these bytes from now on."""

        async def answer(_request: web.Request) -> web.StreamResponse:
            content = body.encode() if isinstance(body, str) else body
            return web.Response(body=content, status=status, headers={"Content-Type": "text/xml", **(headers or {})})

        self._answers[path] = answer

    def answer(self, path: str, answer: Answer) -> None:
        """Let `answer` answer `path`."""
        self._answers[path] = answer

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        known = self._answers.get(request.path)
        return await known(request) if known else web.Response(status=404)


def feed_samples(samples: Path) -> list[Path]:
    """The recorded feeds among the samples."""
    files = (path for path in (samples / "feeds").rglob("*") if path.is_file())
    return sorted(path for path in files if not path.name.endswith((".md", "MANIFEST.json")))


def item(number: int = 1, **changes: str | None) -> str:
    """Write one item of RSS 2.0; `changes` replace elements, None leaves one out. Values are escaped as text."""
    values: dict[str, str | None] = {
        "title": f"가온시 소식 {number}",
        "link": f"https://paper.example/news/{number}",
        "guid": f"paper-{number}",
        "description": f"{number}번째 소식의 내용이다.",
        "pubDate": "Mon, 23 Nov 2026 06:00:00 +0900",
        **changes,
    }
    elements = (
        f'<guid isPermaLink="false">{escape(text)}</guid>' if name == "guid" else f"<{name}>{escape(text)}</{name}>"
        for name, text in values.items()
        if text is not None
    )
    return f"<item>{''.join(elements)}</item>"


def rss(*items: str, head: str = "") -> str:
    """Write an RSS 2.0 document."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:atom="http://www.w3.org/2005/Atom"'
        ' xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:media="http://search.yahoo.com/mrss/">'
        f"<channel><title>가온일보</title><link>https://paper.example/</link>{head}{''.join(items)}</channel></rss>"
    )
