"""The pages for choosing: what a reader gets and when, and what a fresh link opens.

In: requests the guard let through. Out: pages in the reader's language, Korean or English. `/preferences/TOKEN` stands
in every edition: it shows the choices of a masked address, saves the one form, and mails a fresh link. `/link/TOKEN`
stands in such a mail: the reader's own data to download, another address, erasing; or the button that confirms another
address. Looking changes nothing; every act is a POST. A form with something wrong comes back as it was filled in, with
a sentence that says what, a new address that looks mistyped with the one that was probably meant; what was mailed, and
whether, is answered the same always. The pages need no script.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from digest import addresses, links
from digest.addresses import Address
from digest.clock import Clock
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database
from digest.errors import BadAddressError, BadTokenError
from digest.models.readers import LinkMatter
from digest.subscribe import advert_checks, advert_consent, fresh, preferences, typos
from digest.subscribe.fresh import Opened
from digest.subscribe.preferences import Desk, Problem
from digest.tokens import TokenPurpose
from digest.web.templating import Templates

_NOT_KEPT = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}
_WRONG, _OVER = 422, 410
_MAX_FIELDS = 1000
_Form = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class PreferencesPages:
    """The pages, each a method that answers one route."""

    database: Database
    settings: Settings
    clock: Clock
    templates: Templates
    renderer: Renderer

    async def choose(self, request: Request) -> Response:
        """Show the choices, or save them."""
        now = self.clock()
        desk = await self._desk(request, now)
        if isinstance(desk, Response):
            return desk
        if request.method != "POST":
            return self._choices(request, desk)
        form = await _fields(request)
        wanted = Problem.UNKNOWN if form is None else preferences.read_form(desk, self.settings, form, now=now)
        if isinstance(wanted, Problem):
            return self._choices(request, desk, problem=wanted, form=form)
        saved = await preferences.save(self.database, self.settings, self.renderer, desk, wanted, now=now)
        if saved is None:
            return await self._left(request)
        changed = Desk(replace(desk.subscriber, language=wanted.language), wanted, desk.offers)
        return self._choices(request, changed, is_saved=True, as_it_was=saved.as_it_was > 0)

    async def ask(self, request: Request) -> Response:
        """Mail a fresh link to the stored address; the answer is the same whether that could be."""
        now, token = self.clock(), request.path_params["token"]
        try:
            desk = await preferences.open_desk(self.database, self.settings, token, now=now)
        except BadTokenError:
            return self._no_such_link(request)
        if desk is not None:
            await fresh.ask(self.database, self.settings, self.renderer, desk.subscriber, now)
        language = desk.subscriber.language if desk else await self._own_language(request)
        return self._said(request, "asked", language)

    async def refuse_adverts(self, request: Request) -> Response:
        """Take back the consent to adverts alone; twice is as good as once."""
        now = self.clock()
        desk = await self._desk(request, now)
        if isinstance(desk, Response):
            return desk
        host = request.client.host if request.client else None
        await advert_consent.withdraw(self.database, self.settings, self.renderer, desk.subscriber, host=host, now=now)
        return self._said(request, "no_adverts", desk.subscriber.language)

    async def keep_adverts(self, request: Request) -> Response:
        """Let the consent to adverts go on, as the two-yearly check asks; twice is as good as once."""
        now = self.clock()
        desk = await self._desk(request, now)
        if isinstance(desk, Response):
            return desk
        if desk.subscriber.advert_consent_at is None:
            return self._said(request, "no_adverts", desk.subscriber.language)
        host = request.client.host if request.client else None
        await advert_checks.keep(self.database, self.settings, desk.subscriber, host=host, now=now)
        return self._said(request, "adverts_kept", desk.subscriber.language)

    async def link(self, request: Request) -> Response:
        """Show what a fresh link opens, or do what its form asks for."""
        now, token = self.clock(), request.path_params["token"]
        try:
            opened = await fresh.open_link(self.database, self.settings, token, now=now)
        except BadTokenError:
            return self._no_such_link(request)
        if opened is None:
            return self._said(request, "over", "", status=_OVER)
        if request.method != "POST":
            return self._opened(request, opened)
        form = await _fields(request) or {}
        if opened.link.matter is LinkMatter.NEW_ADDRESS:
            host = request.client.host if request.client else None
            done = await fresh.confirm_address(self.database, self.settings, opened, host=host, now=now)
            return self._result(request, opened, "changed", done=done)
        match _act(form):
            case "export":
                return await self._export(opened)
            case "erase" if form.get("sure") == ["yes"]:
                done = await fresh.erase(self.database, self.settings, opened, now=now)
                return self._result(request, opened, "erased", done=done)
            case "erase":
                return self._opened(request, opened, problem="sure", status=_WRONG)
            case "address":
                return await self._change(request, opened, form)
        return self._opened(request, opened, problem="unknown", status=_WRONG)

    async def _desk(self, request: Request, now: datetime) -> Desk | Response:
        """The choices behind the link of an edition, or the page for a link that opens nothing or whose reader left."""
        try:
            desk = await preferences.open_desk(self.database, self.settings, request.path_params["token"], now=now)
        except BadTokenError:
            return self._no_such_link(request)
        return await self._left(request) if desk is None else desk

    async def _change(self, request: Request, opened: Opened, form: _Form) -> Response:
        typed = _last(form, "address")
        try:
            address = addresses.parse(typed)
        except BadAddressError:
            return self._opened(request, opened, problem="address", status=_WRONG)
        meant = typos.answered(address, _last(form, "meant"))
        if meant is None:
            offered = typos.offered(address)
            return self._opened(request, opened, typed=address, meant=offered, status=_WRONG)
        await fresh.ask_new_address(self.database, self.settings, self.renderer, opened, meant, now=self.clock())
        return self._said(request, "asked_new", opened.subscriber.language)

    async def _export(self, opened: Opened) -> Response:
        told = await fresh.gather(self.database, self.settings, opened.subscriber)
        content = json.dumps(told, ensure_ascii=False, indent=2)
        headers = {**_NOT_KEPT, "Content-Disposition": 'attachment; filename="my-data.json"'}
        return Response(content, media_type="application/json; charset=utf-8", headers=headers)

    def _choices(
        self,
        request: Request,
        desk: Desk,
        *,
        problem: Problem | None = None,
        form: _Form | None = None,
        is_saved: bool = False,
        as_it_was: bool = False,
    ) -> Response:
        own = desk.choices.language
        language = own if is_saved else self.templates.language_of(request, own)
        paused = desk.choices.paused_until
        now = self.clock().astimezone(self.settings.zone)
        context = {
            "masked_address": desk.subscriber.address.masked,
            "offers": desk.offers,
            "chosen": desk.choices,
            "words": _typed(form, "words", ", ".join(desk.choices.words)),
            "paused_until": _typed(
                form, "paused_until", f"{paused.astimezone(self.settings.zone):%Y-%m-%d}" if paused else ""
            ),
            "earliest": f"{now + timedelta(days=1):%Y-%m-%d}",
            "leave_path": self._leave_path(desk),
            "ask_path": f"{self._path(desk)}/link",
            "gets_adverts": desk.subscriber.advert_consent_at is not None,
            "adverts_end_at": desk.subscriber.advert_ends_at,
            "adverts_path": f"{self._path(desk)}/adverts",
            "problem": problem,
            "is_saved": is_saved,
            "as_it_was": as_it_was,
        }
        status = 200 if problem is None else _WRONG
        return self.templates.page("preferences.html", context, language=language, status=status, headers=_NOT_KEPT)

    def _path(self, desk: Desk) -> str:
        token = self.settings.keyring.make(TokenPurpose.CHOOSE, desk.subscriber.id)
        return links.preferences_url(self.templates.root, token)

    def _leave_path(self, desk: Desk) -> str:
        return links.unsubscribe_url(
            self.templates.root, self.settings.keyring.make(TokenPurpose.LEAVE, desk.subscriber.id)
        )

    def _opened(
        self,
        request: Request,
        opened: Opened,
        *,
        problem: str = "",
        typed: Address | None = None,
        meant: Address | None = None,
        status: int = 200,
    ) -> Response:
        language = self.templates.language_of(request, opened.subscriber.language)
        new = opened.link.new_address
        context = {
            "masked_address": opened.subscriber.address.masked,
            "new_address": "" if new is None else new.masked,
            "problem": problem,
            "typed": typed,
            "meant": meant,
        }
        return self.templates.page(
            "preferences_link.html", context, language=language, status=status, headers=_NOT_KEPT
        )

    def _result(self, request: Request, opened: Opened, said: str, *, done: bool) -> Response:
        if done:
            return self._said(request, said, opened.subscriber.language)
        return self._said(request, "over", opened.subscriber.language, status=_OVER)

    def _said(self, request: Request, said: str, preferred: str, *, status: int = 200) -> Response:
        language = self.templates.language_of(request, preferred)
        context = {"said": said}
        return self.templates.page(
            "preferences_said.html", context, language=language, status=status, headers=_NOT_KEPT
        )

    async def _own_language(self, request: Request) -> str:
        """Whoever has left reads what they always did, whatever their browser asks for; empty for one erased."""
        return await preferences.language_of(self.database, self.settings, request.path_params["token"])

    async def _left(self, request: Request) -> Response:
        language = self.templates.language_of(request, await self._own_language(request))
        return self.templates.page("left.html", {"masked_address": ""}, language=language, headers=_NOT_KEPT)

    def _no_such_link(self, request: Request) -> Response:
        context, language = {"status": 404, "matter": "link"}, self.templates.language_of(request)
        return self.templates.page("error.html", context, language=language, status=404, headers=_NOT_KEPT)


def routes(
    database: Database, settings: Settings, clock: Clock, templates: Templates, renderer: Renderer
) -> list[BaseRoute]:
    """Return where these pages are: as `digest.links` writes them."""
    pages = PreferencesPages(database, settings, clock, templates, renderer)
    return [
        Route("/preferences/{token}", pages.choose, name="preferences", methods=["GET", "POST"]),
        Route("/preferences/{token}/link", pages.ask, name="ask-link", methods=["POST"]),
        Route("/preferences/{token}/adverts", pages.refuse_adverts, name="refuse-adverts", methods=["POST"]),
        Route("/preferences/{token}/adverts/keep", pages.keep_adverts, name="keep-adverts", methods=["POST"]),
        Route("/link/{token}", pages.link, name="link", methods=["GET", "POST"]),
    ]


def _act(form: _Form) -> str:
    """Return what the pressed button of a fresh link's page stands for; empty if none was."""
    return _last(form, "act")


def _last(form: _Form, name: str) -> str:
    return (form.get(name) or [""])[-1]


async def _fields(request: Request) -> dict[str, list[str]] | None:
    """Read a form as our pages send it (urlencoded UTF-8); None if it cannot be read as one. The guard limits it."""
    try:
        body = (await request.body()).decode("ascii")
        return parse_qs(body, keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    except ValueError:  # UnicodeDecodeError is one
        return None


def _typed(form: _Form | None, name: str, stored: str | None) -> str:
    """What stands in a field: as it was typed, where the form comes back, else as it is stored."""
    typed = _last(form, name) if form is not None else stored or ""
    return "".join(char if char.isprintable() or char == "\n" else " " for char in typed)[:500]
