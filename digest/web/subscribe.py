"""The pages for signing up: the form, the page behind the confirmation mail, and the form for the newspaper's site.

In: requests the guard let through; one to `/subscribe` may come from another site's form. Out: pages in Korean or
English. Only three POSTs act: our own form, the button of `/confirm/TOKEN`, and that for the latest edition.
A form from elsewhere, or one without our ticket (`proof`), is answered with our own page, filled in as far
as it goes and with nothing agreed to. No cookie is set or read. What is said never depends on whether an address is
known; all links that confirm nothing are answered alike. What was typed wrong stands in the form again, escaped.

The network that is counted is that of the peer, or of whom a proxy of `TRUSTED_PROXIES` names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from digest import addresses, links, proof
from digest.addresses import Address
from digest.clock import Clock
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database
from digest.models.consents import ConsentWay
from digest.models.editions import ALL_SECTIONS
from digest.subscribe import signup, typos
from digest.subscribe.signup import Asked, Wanted
from digest.web.forms import on_one_line, text_of, texts_of
from digest.web.guard import Policy, is_from_elsewhere
from digest.web.templating import Templates

_NOT_KEPT = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}
_UNANSWERED = 422


@dataclass(frozen=True, slots=True)
class Filled:
    """What stands in the form. `address` is as typed, on one line; `slots` and `sections` are known ones only."""

    address: str = ""
    slots: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    is_agreed: bool = False
    wants_adverts: bool = False
    is_old_enough: bool = False
    how: ConsentWay = ConsentWay.PAGE
    ticket: str = ""


@dataclass(frozen=True, slots=True)
class SubscribePages:
    """The pages, each a method that answers one route."""

    database: Database
    settings: Settings
    clock: Clock
    templates: Templates
    renderer: Renderer
    policy: Policy

    async def form(self, request: Request) -> Response:
        """Show the form, or take it."""
        if request.method == "POST":
            return await self._take(request)
        now, language = self.clock(), self.templates.language_of(request)
        first = self.settings.editions[0].name if self.settings.editions else ""

        def context_of(ticket: str, challenge: str) -> dict[str, object]:
            return self._context(Filled(slots=(first,), ticket=ticket), challenge, language)

        ticket, challenge = proof.ticket(self.settings, now), proof.challenge(self.settings, now)
        headers = {"Cache-Control": "no-store", "Content-Security-Policy": self.policy.page_with_script}
        return self.templates.page_of(
            "subscribe/form.html", context_of, ticket, challenge, language=language, headers=headers
        )

    async def embed(self, request: Request) -> Response:
        """Show what a newspaper's site copies into its own pages."""
        context = {"subscribe_url": links.subscribe_url(self.settings.base_url), "slots": self.settings.editions}
        return self.templates.page("subscribe/embed.html", context, language=self.templates.language_of(request))

    async def confirm(self, request: Request) -> Response:
        """Show the page with the one button, or confirm."""
        token, now = request.path_params["token"], self.clock()
        if request.method != "POST":
            waiting = await signup.waiting(self.database, self.settings, token, now=now)
            if waiting is None:
                return self._wrong_link(request)
            context = {"masked_address": waiting.asked.address.masked, "titles": self._titles(waiting.asked.slots)}
            return self._page(request, "subscribe/confirm.html", context, preferred=waiting.asked.language)
        subscriber = await signup.confirm(self.database, self.settings, self.renderer, token, now=now)
        if subscriber is None:
            return self._wrong_link(request)
        context = {
            "masked_address": subscriber.address.masked,
            "titles": self._titles(subscriber.slots),
            "latest_url": f"{self.templates.root}/confirm/{token}/latest",
        }
        return self._page(request, "subscribe/confirmed.html", context, preferred=subscriber.language)

    async def latest(self, request: Request) -> Response:
        """Mail the newest edition to whoever has just confirmed."""
        token, now = request.path_params["token"], self.clock()
        is_sent = await signup.send_latest(self.database, self.settings, self.renderer, token, now=now)
        if is_sent is None:
            return self._wrong_link(request)
        return self._page(request, "subscribe/latest.html", {"is_sent": is_sent})

    async def _take(self, request: Request) -> Response:
        posted = await request.form(max_files=0, max_fields=100)
        filled, now = self._read(posted), self.clock()
        if is_from_elsewhere(request.headers, self.policy.pictures[0]):
            nothing_agreed = Filled(filled.address, filled.slots, filled.sections, how=ConsentWay.SITE_FORM)
            return self._form(request, nothing_agreed)
        opened_at = proof.opened_at(self.settings, filled.ticket, now)
        if opened_at is None:
            return self._form(request, replace(filled, ticket="", is_agreed=False, wants_adverts=False), problem="old")
        if text_of(posted, "website"):  # no person sees this field
            return self._sent(request, filled.address)
        if now < opened_at + proof.OPEN_AT_LEAST:
            return self._form(request, filled, problem="fast", status=_UNANSWERED)
        address = addresses.parse_or_none(filled.address)
        if address is None or not (filled.slots and filled.is_agreed and filled.is_old_enough):
            return self._form(request, filled, has_mistakes=True, status=_UNANSWERED)
        meant = typos.answered(address, text_of(posted, "meant"))
        if meant is None:
            return self._form(request, filled, offered=typos.offered(address), status=_UNANSWERED)
        return await self._ask(request, replace(filled, address=str(meant)), meant, text_of(posted, "proof"))

    async def _ask(self, request: Request, filled: Filled, address: Address, payload: str) -> Response:
        wanted = Wanted(
            address=address,
            slots=filled.slots,
            sections=filled.sections,
            language=self.templates.language_of(request),
            advert=filled.wants_adverts,
            how=filled.how,
            host=request.client.host if request.client else None,
        )
        now = self.clock()
        asked = await signup.ask(self.database, self.settings, self.renderer, wanted, payload=payload, now=now)
        if asked is Asked.BAD_PROOF:
            return self._form(request, filled, problem="proof", status=_UNANSWERED)
        if asked is Asked.TOO_MANY:
            free_at = await signup.free_at(self.database, self.settings, wanted, payload=payload, now=now)
            raise HTTPException(429, headers={"Retry-After": f"{max(1, ceil((free_at - now).total_seconds()))}"})
        return self._sent(request, str(address))

    def _read(self, posted: FormData) -> Filled:
        slots = {slot.name for slot in self.settings.editions}
        sections = known_sections(self.settings)
        return Filled(
            address=on_one_line(text_of(posted, "address")),
            slots=tuple(sorted(slots.intersection(texts_of(posted, "slot")))),
            sections=tuple(sorted(set(sections).intersection(texts_of(posted, "section")))),
            is_agreed=text_of(posted, "agree") == "yes",
            wants_adverts=text_of(posted, "advert") == "yes",
            is_old_enough=text_of(posted, "age") == "yes",
            how=ConsentWay.SITE_FORM if text_of(posted, "how") == ConsentWay.SITE_FORM else ConsentWay.PAGE,
            ticket=text_of(posted, "ticket"),
        )

    def _form(
        self,
        request: Request,
        filled: Filled,
        *,
        problem: str = "",
        has_mistakes: bool = False,
        offered: Address | None = None,
        status: int = 200,
    ) -> Response:
        now, language = self.clock(), self.templates.language_of(request)
        filled = replace(filled, ticket=filled.ticket or proof.ticket(self.settings, now))
        context = self._context(filled, proof.challenge(self.settings, now), language) | {
            "problem": problem,
            "has_mistakes": has_mistakes,
            "address_is_wrong": has_mistakes and addresses.parse_or_none(filled.address) is None,
            "offered": offered,
        }
        headers = {**_NOT_KEPT, "Content-Security-Policy": self.policy.page_with_script}
        return self.templates.page("subscribe/form.html", context, language=language, status=status, headers=headers)

    def _context(self, filled: Filled, challenge: str, language: str) -> dict[str, object]:
        """What the form shows when nothing is wrong with it."""
        agree, advert = signup.notices(self.settings, language)
        return {
            "filled": filled,
            "problem": "",
            "has_mistakes": False,
            "address_is_wrong": False,
            "offered": None,
            "slots": self.settings.editions,
            "sections": known_sections(self.settings),
            "agree": agree,
            "advert": advert,
            "challenge": challenge,
        }

    def _sent(self, request: Request, address: str) -> Response:
        return self._page(request, "subscribe/sent.html", {"address": address})

    def _wrong_link(self, request: Request) -> Response:
        context = {"status": 404, "matter": "confirm"}
        language = self.templates.language_of(request)
        return self.templates.page("error.html", context, language=language, status=404, headers=_NOT_KEPT)

    def _page(self, request: Request, name: str, context: Mapping[str, object], *, preferred: str = "") -> Response:
        language = self.templates.language_of(request, preferred)
        return self.templates.page(name, context, language=language, headers=_NOT_KEPT)

    def _titles(self, names: Sequence[str]) -> list[str]:
        return [slot.title for slot in map(self.settings.slot, names) if slot]


def routes(pages: SubscribePages) -> list[BaseRoute]:
    """Return the routes of these pages."""
    return [
        Route("/subscribe", pages.form, name="subscribe", methods=["GET", "POST"]),
        Route("/subscribe/embed", pages.embed, name="embed"),
        Route("/confirm/{token}", pages.confirm, name="confirm", methods=["GET", "POST"]),
        Route("/confirm/{token}/latest", pages.latest, name="latest", methods=["POST"]),
    ]


def known_sections(settings: Settings) -> tuple[str, ...]:
    """Return the sections that readers can choose: those the settings name, in the order of the editions."""
    named = [section for slot in settings.editions for section in slot.sections if section != ALL_SECTIONS]
    named += [spec.section for spec in settings.sources if spec.section]
    return tuple(dict.fromkeys(named))
