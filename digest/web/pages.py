"""The pages for readers: the front door, an edition in the browser (브라우저에서 보기), and leaving.

In: requests the guard let through. Out: pages in Korean or English. Looking at a page changes nothing, whoever or
whatever follows the link; only the POST behind the one button of `/u/TOKEN` acts. That POST is also RFC 8058's
one-click: its body is not even looked at, since mail providers send it in two encodings and our button sends none,
and the token in the path is the whole authority. What was refused and why is the same for everyone who asks.

An edition's page is the same for every reader and holds nothing about any of them, so it and static files are the only
ones that go out compressed (`compressed`); articles withdrawn since are left out of it. Where it would be too large for
a phone in the country, its excerpts are shorter than the mail's.
"""

import asyncio
import bisect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import jinja2
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from digest.addresses import Address
from digest.clock import Clock
from digest.compose import composer
from digest.compose.shorten import shortened, with_headlines
from digest.compose.view import EditionView, view
from digest.config import Settings
from digest.database import Database, editions, migrate
from digest.errors import BadTokenError, NotFoundError
from digest.events import failure, warning
from digest.models.consents import ConsentWay
from digest.subscribe import unsubscribe
from digest.subscribe.together import Together
from digest.subscribe.unsubscribe import Left
from digest.web import compressed
from digest.web.asked import AskedTogether
from digest.web.compressed import Compressed, compress
from digest.web.guard import Policy
from digest.web.outbox import is_near
from digest.web.templating import Templates, page_headers

LATEST_EDITIONS = 20
MAX_EDITION_BYTES = 29_500  # of a page, for phones in the country: without pictures, style and icon
READY_TIMEOUT_SECONDS = 5

_HTML = "text/html; charset=utf-8"
_KEPT_A_YEAR = "public, max-age=31536000, immutable"
_KEPT_AN_HOUR = "public, max-age=3600"
_NOT_KEPT = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages, each a method that answers one route."""

    database: Database
    settings: Settings
    clock: Clock
    templates: Templates
    leaving: Together
    policy: Policy
    has_outbox: bool
    asked: AskedTogether[Compressed | None] = field(default_factory=AskedTogether)

    async def home(self, request: Request) -> Response:
        async with self.database.read() as connection:
            latest = await editions.list_editions(connection, limit=LATEST_EDITIONS * 2)
        public = [edition for edition in latest if editions.is_public(edition)][:LATEST_EDITIONS]
        context = {"editions": public, "outbox_is_open": self.has_outbox and is_near(request, self.settings.base_url)}
        return self.templates.page("home.html", context, language=self.templates.language_of(request))

    async def health(self, _request: Request) -> Response:
        """Answer as long as the process runs; what it depends on is for `ready` to say."""
        return PlainTextResponse("ok", headers=_NOT_KEPT)

    async def ready(self, _request: Request) -> Response:
        """Answer whether pages that need the database would work; why not is for the log."""
        try:
            async with asyncio.timeout(READY_TIMEOUT_SECONDS):
                await migrate.require_current(self.database)
        except Exception as error:  # whatever is wrong with the database, drivers' own errors included
            warning("web.not_ready", why=f"{type(error).__name__}: {error}")
            return PlainTextResponse("not ready", status_code=503, headers=_NOT_KEPT)
        return PlainTextResponse("ready", headers=_NOT_KEPT)

    async def static(self, request: Request) -> Response:
        file = self.templates.static_files.get(request.path_params["name"])
        if file is None:
            raise HTTPException(404)
        is_named_by_content = request.query_params.get("v") == file.version
        headers = {"Cache-Control": _KEPT_A_YEAR if is_named_by_content else _KEPT_AN_HOUR}
        return compressed.answer(request, file.content, file.media_type, headers)

    async def folder(self, request: Request) -> Response:
        """Lead from a folder typed without its slash to the folder, by a path and never by a host."""
        return RedirectResponse(f"{self.templates.root}{request.url.path}/")

    async def edition(self, request: Request) -> Response:
        language = self.templates.language_of(request)
        text = request.path_params["edition_id"]
        # Not Starlette's own `int`: it fails on numbers that no database column holds.
        if not (text.isascii() and text.isdecimal() and len(text) <= 18):
            return self._error(request, 404, matter="edition")
        key = (int(text), language)
        content = await self.asked.get(key, partial(self._edition_page, *key))
        if content is None:
            return self._error(request, 404, matter="edition")
        return compressed.answer(request, content, _HTML, page_headers(language))

    async def _edition_page(self, edition_id: int, language: str) -> Compressed | None:
        """Return the page of an edition; None where there is none that readers may see."""
        async with self.database.read() as connection:
            try:
                edition, placed = await composer.load_edition(connection, edition_id)
                articles = await composer.as_they_stand(connection, placed)
            except NotFoundError:
                return None
        if not editions.is_public(edition):
            return None
        edition = replace(edition, corrections=tuple(one for one in edition.corrections if not one.is_again))

        def rendered(shown: EditionView) -> str:
            context = {"view": shown, "planned_at": edition.planned_at, "allows_picture": self.policy.allows_picture}
            return self.templates.render("edition.html", {**context, "language": language})

        return compress(_that_fits(view(self.settings, edition, articles, language), rendered).encode())

    async def unsubscribe(self, request: Request) -> Response:
        """Show the page with the one button, or leave."""
        token = request.path_params["token"]
        try:
            if request.method == "POST":
                left = await self._leave(request, token)
                return self._left_page(request, left.address, left.language)
            subscriber = await unsubscribe.read_subscriber(self.database, self.settings.keyring, token)
        except BadTokenError:
            return self._error(request, 404, matter="link")
        if subscriber is None or unsubscribe.is_gone(subscriber):
            known = (None, "") if subscriber is None else (subscriber.address, subscriber.language)
            return self._left_page(request, *known)
        slots = [self.settings.slot(name) for name in subscriber.slots]
        context = {"masked_address": subscriber.address.masked, "titles": [slot.title for slot in slots if slot]}
        language = self.templates.language_of(request, subscriber.language)
        return self.templates.page("unsubscribe.html", context, language=language, headers=_NOT_KEPT)

    def refuse(self, request: Request, status: int) -> Response:
        """Answer with the page for `status`, in general words; without a page if an operator's template is broken."""
        try:
            return self._error(request, status)
        except jinja2.TemplateError as error:
            failure("web.template_broken", exc_info=error)
            return PlainTextResponse(f"{status}", status_code=status, headers=_NOT_KEPT)

    async def refuse_politely(self, request: Request, error: Exception) -> Response:
        """Answer what the router or a page refused: no such page, no such method."""
        status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (500, None)
        return self._error(request, status, headers=headers or {})

    async def not_now(self, request: Request, error: Exception) -> Response:
        """Answer while the database is locked or gone; mail providers try an unsubscription again on 503."""
        warning("web.not_now", why=str(error))
        return self._error(request, 503, headers={"Retry-After": "60"})

    async def _leave(self, request: Request, token: str) -> Left:
        # A browser says where its form comes from; a mail provider's one click has nothing to say.
        is_browser = "sec-fetch-site" in request.headers or "origin" in request.headers
        leaver = unsubscribe.read_link(
            self.settings.keyring,
            token,
            how=ConsentWay.PAGE if is_browser else ConsentWay.ONE_CLICK,
            host=request.client.host if request.client else None,
            now=self.clock(),
        )
        return await self.leaving.leave(leaver)

    def _left_page(self, request: Request, address: Address | None, preferred: str) -> Response:
        language, masked = self.templates.language_of(request, preferred), address.masked if address else ""
        return self.templates.page_of("left.html", _context_of_left, masked, language=language, headers=_NOT_KEPT)

    def _error(self, request: Request, status: int, *, matter: str = "", headers: Mapping[str, str] = {}) -> Response:
        language = self.templates.language_of(request)
        context = {"status": status, "matter": matter}
        fixed = {**_NOT_KEPT, **headers}
        return self.templates.page("error.html", context, language=language, status=status, headers=fixed)


def _that_fits(whole: EditionView, rendered: Callable[[EditionView], str]) -> str:
    """Render an edition with texts so short, at last with so many headlines in their stead, that its page is small."""

    def excess_bytes(page: str) -> int:
        return len(page.encode()) - MAX_EDITION_BYTES

    page = rendered(whole)
    if excess_bytes(page) <= 0:
        return page
    shorter = shortened(whole, excess_bytes(page))
    page = rendered(shorter)
    if excess_bytes(page) <= 0:
        return page
    counts = range(sum(len(section.articles) for section in shorter.sections) + 1)
    fits = bisect.bisect_left(
        counts, True, key=lambda count: excess_bytes(rendered(with_headlines(shorter, count))) <= 0
    )
    return rendered(with_headlines(shorter, min(fits, counts[-1])))


def _context_of_left(masked_address: str) -> dict[str, object]:
    return {"masked_address": masked_address}


def routes(pages: Pages) -> list[BaseRoute]:
    """Return the routes of these pages."""
    return [
        *(Route(path, pages.folder, name="folder") for path in ("/outbox", "/sample")),
        Route("/", pages.home, name="home"),
        Route("/healthz", pages.health, name="health"),
        Route("/readyz", pages.ready, name="ready"),
        Route("/editions/{edition_id}", pages.edition, name="edition"),
        Route("/u/{token}", pages.unsubscribe, name="unsubscribe", methods=["GET", "POST"]),
        Route("/static/{name}", pages.static, name="static"),
    ]
