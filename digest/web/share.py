"""The pages of 기사 메일전송: the form beside an article, the sender's button, and `다시 받지 않기`.

In: requests the guard let through; to `/never/TOKEN` mail providers post, too (RFC 8058). Out: pages in Korean or
English; what is sent is decided by `share.request`. The article is one of ours by its id; an address given as
`/share?url=`, or the page whose link was followed, is only looked up among our articles, never fetched. The order of
the offers is that of the specification: copy the link, one's own mail program, and only then the newspaper.

The preview is the mail itself, by the mail's own templates. It has a policy that allows its inline styles and takes
everything else from it, an origin of its own included, so it is shown in a frame, or in a window without a script.

The one cookie says that this browser's user has confirmed an address (`share.sender`). It goes to the share form
alone, is no session, and no other site's form can use it: the guard refuses those.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from digest import addresses, links, proof
from digest.addresses import Address
from digest.clock import Clock
from digest.compose.kinds import share as share_mail
from digest.compose.render import Renderer
from digest.compose.view import shared_article
from digest.config import Settings
from digest.database import Database, shares
from digest.errors import NotFoundError
from digest.hashes import address_hash
from digest.languages import words as words_of
from digest.models.articles import Article
from digest.share import reader, sender, words
from digest.share import request as share_request
from digest.share.mailto import mailto
from digest.share.request import Asked, Released
from digest.web import share_form
from digest.web.forms import text_of, visible
from digest.web.guard import Policy
from digest.web.share_form import Filled
from digest.web.templating import Templates

_NOT_KEPT = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}
_UNANSWERED = 422
_REFUSED = {
    Asked.TOO_MANY: ("limit", 429),
    Asked.STOPPED: ("stopped", 503),
    Asked.SENDER_STOPPED: ("sender_stopped", 403),
}
_SOMEBODY = Address("you", "example.com")
_MAX_ID = 2**48


@dataclass(frozen=True, slots=True)
class SharePages:
    """The pages, each a method that answers one route."""

    database: Database
    settings: Settings
    clock: Clock
    templates: Templates
    renderer: Renderer
    policy: Policy

    async def find(self, request: Request) -> Response:
        """Lead from an article's own address to its page here: what the newspaper's button opens."""
        async with self.database.read() as connection:
            article_id = await shares.article_at(connection, _page_named_by(request))
        if article_id is None:
            raise HTTPException(404)
        to = links.share_url(self.templates.root, article_id)
        return RedirectResponse(to, status_code=303, headers=_NOT_KEPT)

    async def form(self, request: Request) -> Response:
        """Show the form, or take it."""
        article = await self._article(request)
        if request.method == "POST":
            return await self._take(request, article)
        return await self._form(request, article, Filled(token=request.query_params.get("from", "")))

    async def preview(self, request: Request) -> Response:
        """Show the mail as it would be sent with what stands in the form; nothing is stored or counted."""
        article = await self._article(request)
        filled = share_form.read(await request.form(max_files=0, max_fields=20), friends=self.settings.share_friends)
        said, language = share_form.words_of(filled), self.templates.language_of(request)
        if said.mistakes:
            context = {"mistakes": list(said.mistakes.items())}
            headers = {**_NOT_KEPT, "Content-Security-Policy": self.policy.page_in_frame}
            return self.templates.page("share/preview_mistake.html", context, language=language, headers=headers)
        own = await reader.address_of(self.database, self.settings, filled.token)
        html = await asyncio.to_thread(
            share_mail.preview,
            self.renderer,
            self.settings,
            article=article,
            sender=own or addresses.parse_or_none(filled.sender) or _SOMEBODY,
            sender_name=said.name,
            note=said.note,
            language=language,
        )
        return HTMLResponse(html, headers={**_NOT_KEPT, "Content-Security-Policy": self.policy.mail})

    async def embed(self, request: Request) -> Response:
        """Show what a newspaper's site copies into the pages of its articles."""
        context = {"share_url": links.share_by_page_url(self.settings.base_url)}
        return self.templates.page("share/embed.html", context, language=self.templates.language_of(request))

    async def release(self, request: Request) -> Response:
        """Show what the sender is about to send, or send it."""
        token, now = request.path_params["token"], self.clock()
        if request.method == "POST":
            released = await share_request.release(self.database, self.settings, self.renderer, token, now=now)
            if released is None:
                return self._wrong_link(request, "share")
            response = self._released(request, released)
            self._remember(response, released.sender_hash)
            return response
        waiting = await share_request.waiting(self.database, self.settings, token, now=now)
        wanted = [share.wanted for share in waiting]
        article = await share_request.public_article(self.database, wanted[0].article_id) if wanted else None
        if article is None:
            return self._wrong_link(request, "share")
        context = {"friends": [each.recipient.masked for each in wanted], "note": wanted[0].note}
        shown = self._shown(article, self.templates.language_of(request, wanted[0].language))
        return self._page(request, "share/release.html", {**context, **shown}, preferred=wanted[0].language)

    async def never(self, request: Request) -> Response:
        """Show the button of `다시 받지 않기`, or take the address off; a link that is none of ours is told alike."""
        token = request.path_params["token"]
        if request.method == "POST":
            is_ours = await share_request.never_again(self.database, self.settings, token, now=self.clock())
        else:
            is_ours = await share_request.is_a_share(self.database, self.settings, token)
        if not is_ours:
            return self._wrong_link(request, "link")
        return self._page(request, "share/never.html", {"is_done": request.method == "POST"})

    async def _take(self, request: Request, article: Article) -> Response:
        posted = await request.form(max_files=0, max_fields=20)
        filled, now = share_form.read(posted, friends=self.settings.share_friends), self.clock()
        own = await reader.address_of(self.database, self.settings, filled.token)
        opened_at = proof.opened_at(self.settings, filled.ticket, now)
        if opened_at is None:
            return await self._form(request, article, replace(filled, ticket=""), problem="old")
        if text_of(posted, "website"):  # no person sees this field
            return self._asked(request, article, Asked.CONFIRM)
        if now < opened_at + proof.OPEN_AT_LEAST:
            return await self._form(request, article, filled, problem="fast", status=_UNANSWERED)
        payload = text_of(posted, "proof")
        is_proven = bool(payload) and await share_request.prove(self.database, self.settings, payload, now=now)
        if payload and not is_proven:
            return await self._form(request, article, filled, problem="proof", status=_UNANSWERED)
        language, host = self.templates.language_of(request), request.client.host if request.client else None
        wanted, mistakes = share_form.wanted(filled, article.id, reader=own, language=language, host=host)
        if wanted is None:
            return await self._form(request, article, filled, mistakes=mistakes, status=_UNANSWERED)
        is_confirmed = sender.is_remembered(
            self.settings,
            request.cookies.get(sender.COOKIE, ""),
            address_hash(self.settings, wanted.sender),
            now=now,
        )
        try:
            asked = await share_request.ask(
                self.database,
                self.settings,
                self.renderer,
                wanted,
                is_proven=is_proven,
                is_confirmed=is_confirmed,
                now=now,
            )
        except NotFoundError as error:  # withdrawn in this moment
            raise HTTPException(404) from error
        if asked in _REFUSED:
            problem, status = _REFUSED[asked]
            return await self._form(request, article, filled, problem=problem, status=status)
        return self._asked(request, article, asked)

    async def _form(
        self,
        request: Request,
        article: Article,
        filled: Filled,
        *,
        problem: str = "",
        mistakes: Mapping[str, str] = {},
        status: int = 200,
    ) -> Response:
        now, language = self.clock(), self.templates.language_of(request)
        own = await reader.address_of(self.database, self.settings, filled.token)
        shown = self._shown(article, language)
        room = (*filled.friends, *("" for _ in range(self.settings.share_friends - len(filled.friends))))
        context = {
            **shown,
            "mailto": mailto(self.settings.newspaper_name, article.text.title, article.text.link),
            "own_address": own.masked if own else "",
            "preview_url": f"{links.share_url(self.templates.root, article.id)}/preview",
            "mail_subject": share_mail.subject(self.renderer, self.settings, article, language),
            "mail_from": share_mail.sender_line(self.settings, language),
            "filled": replace(
                filled,
                name=visible(filled.name),
                note=visible(filled.note),
                friends=room,
                ticket=filled.ticket or proof.ticket(self.settings, now),
            ),
            "problem": problem,
            "has_mistakes": bool(mistakes),
            "mistakes": {"sender": "", "friend": "", "name": "", "note": "", **mistakes},
            "name_letters": words.NAME_LETTERS,
            "note_letters": words.NOTE_LETTERS,
            "kept_days": share_mail.KEPT_DAYS,
            "challenge": proof.challenge(self.settings, now),
        }
        headers = {**_NOT_KEPT, "Content-Security-Policy": self.policy.page_with_preview}
        return self.templates.page("share/form.html", context, language=language, status=status, headers=headers)

    def _shown(self, article: Article, language: str) -> dict[str, object]:
        view = shared_article(article, self.settings, words_of(language))
        has_picture = view.picture is not None and self.policy.allows_picture(view.picture.url)
        return {"article": view, "picture": view.picture if has_picture else None}

    def _asked(self, request: Request, article: Article, asked: Asked) -> Response:
        is_sent, is_partly = asked in (Asked.SENT, Asked.PARTLY), asked is Asked.PARTLY
        context = {"is_sent": is_sent, "is_partly": is_partly, "article_link": article.text.link}
        return self._page(request, "share/asked.html", context)

    def _released(self, request: Request, released: Released) -> Response:
        if not released.sent and (released.waiting or released.withheld):
            language = self.templates.language_of(request)
            status = 503 if released.waiting else 403
            context = {"released": released}
            return self.templates.page(
                "share/stopped.html", context, language=language, status=status, headers=_NOT_KEPT
            )
        return self._page(request, "share/released.html", {"released": released})

    def _remember(self, response: Response, sender_hash: str) -> None:
        response.set_cookie(
            sender.COOKIE,
            sender.cookie(self.settings, sender_hash, now=self.clock()),
            max_age=int(sender.REMEMBERED.total_seconds()),
            path=f"{self.templates.root}/articles",
            secure=self.settings.base_url.startswith("https:"),
            httponly=True,
            samesite="lax",
        )

    async def _article(self, request: Request) -> Article:
        article_id = request.path_params["article_id"]
        article = await share_request.public_article(self.database, article_id) if article_id < _MAX_ID else None
        if article is None:
            raise HTTPException(404)
        return article

    def _wrong_link(self, request: Request, matter: str) -> Response:
        language = self.templates.language_of(request)
        context = {"status": 404, "matter": matter}
        return self.templates.page("error.html", context, language=language, status=404, headers=_NOT_KEPT)

    def _page(self, request: Request, name: str, context: Mapping[str, object], *, preferred: str = "") -> Response:
        language = self.templates.language_of(request, preferred)
        return self.templates.page(name, context, language=language, headers=_NOT_KEPT)


def _page_named_by(request: Request) -> str:
    """Return the page that a link to `/share` means: the one it names, else the one it stands in.

    Newspapers' systems write addresses into links as they are, unencoded: then all behind `url=` is the address.
    """
    if "url" not in request.query_params:
        return request.headers.get("referer", "")
    written = request.url.query.partition("url=")[2]
    return written if written.startswith(("http://", "https://")) else request.query_params["url"]


def routes(pages: SharePages) -> list[BaseRoute]:
    """Return the routes of these pages."""
    return [
        Route("/share", pages.find, name="share-find"),
        Route("/share/embed", pages.embed, name="share-embed"),
        Route("/articles/{article_id:int}/share", pages.form, name="share", methods=["GET", "POST"]),
        Route("/articles/{article_id:int}/share/preview", pages.preview, name="share-preview", methods=["POST"]),
        Route("/share/{token}", pages.release, name="share-release", methods=["GET", "POST"]),
        Route("/never/{token}", pages.never, name="never", methods=["GET", "POST"]),
    ]
