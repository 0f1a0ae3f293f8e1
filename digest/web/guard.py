"""The door of the web room: what a request passes before a page sees it, and what every answer carries.

In: any HTTP request of a stranger. A request that changes something must come from our own pages (Sec-Fetch-Site, or
Origin where a browser does not send it); `/u/` and `/never/` are open to everyone, because RFC 8058 posts come from
mail providers and the token is their authority, `/subscribe`, which answers a form on another site with our own, and
`/api/`, where a site's key is the authority and no cookie is read. A body is read here, at most 16 kB within 10
seconds, so that no page can be held up by a slow or endless one. Out: the policies that let a browser load our own
style, the newspaper's pictures and, on one page, our own script. An error that no page foresaw is logged with its
traceback and answered in general words. The Host header is trusted for nothing.

Events: `web.request` (the route's name, never the path: paths hold tokens), `web.failed`.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digest.config import Settings
from digest.events import event, failure

MAX_BODY_BYTES = 16 * 1024
MAX_HOOK_BYTES = 262_144  # what a provider's webhook may post
BODY_TIMEOUT_SECONDS = 10
OPEN_TO_OTHER_SITES = ("/u/", "/never/", "/api/", "/hooks/")
FORM_FOR_OTHER_SITES = "/subscribe"

_LOOKS = frozenset({"GET", "HEAD", "OPTIONS"})
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def is_from_elsewhere(headers: Headers, own_origin: str) -> bool:
    """Whether another site's page made this request.

    Browsers say where a request comes from; programs that say nothing hold no reader's cookies either.
    """
    if (site := headers.get("sec-fetch-site")) is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and origin != own_origin


def origin_of(url: str) -> str:
    """Return scheme, host and port of `url` as a policy writes them, or "" if it has none that we would name."""
    try:
        split = urlsplit(url)
        host, port = (split.hostname or "").encode("idna").decode("ascii"), split.port
    except ValueError:  # UnicodeError is one
        return ""
    if split.scheme not in ("http", "https") or not _HOST.fullmatch(host) or "@" in split.netloc:
        return ""
    default = 443 if split.scheme == "https" else 80
    return f"{split.scheme}://{host}" if port in (None, default) else f"{split.scheme}://{host}:{port}"


def picture_origins(settings: Settings) -> tuple[str, ...]:
    """Return the origins our pages load pictures from: our own, and the newspaper's hosts, those over https only.

    The hosts are those of the provisioned sources (their own, and `pictures=`) and of the newspaper's site.
    """
    own = origin_of(settings.base_url)
    hosts = [host for spec in settings.sources for host in spec.picture_hosts]
    hosts += [urlsplit(url).netloc for url in (settings.newspaper_site, *(spec.url for spec in settings.sources))]
    found = {origin_of(f"https://{host}") for host in hosts if host != urlsplit(settings.base_url).netloc}
    return (own, *sorted(found - {"", own}))


@dataclass(frozen=True, slots=True)
class Policy:
    """The Content-Security-Policies of our pages. `pictures` are origins, ours first."""

    pictures: tuple[str, ...]

    def allows_picture(self, url: str) -> bool:
        """Whether a browser would load this picture on a page of ours."""
        origin = origin_of(url)
        return bool(origin) and origin in self.pictures

    @property
    def page(self) -> str:
        """For every page: our own style and forms, the newspaper's pictures, no script, no frame, in no frame."""
        return self._write("style-src 'self'", "form-action 'self'", "frame-ancestors 'none'")

    @property
    def page_with_script(self) -> str:
        """For the sign-up page: our own script, and a worker of it."""
        scripts = ("script-src 'self'", "worker-src 'self'")
        return self._write("style-src 'self'", *scripts, "form-action 'self'", "frame-ancestors 'none'")

    @property
    def page_with_preview(self) -> str:
        """For the share page: our own scripts, and the mail as it would be sent in a frame."""
        scripts = ("script-src 'self'", "worker-src 'self'", "frame-src 'self'")
        return self._write("style-src 'self'", *scripts, "form-action 'self'", "frame-ancestors 'none'")

    @property
    def page_in_frame(self) -> str:
        """For what stands in that frame in the mail's place: our own style alone."""
        return self._write("style-src 'self'", "form-action 'none'", "frame-ancestors 'self'")

    @property
    def page_with_frame(self) -> str:
        """For a page that shows a kept mail in a frame."""
        return self._write("style-src 'self'", "form-action 'self'", "frame-src 'self'", "frame-ancestors 'none'")

    @property
    def mail(self) -> str:
        """For a kept mail in that frame: its inline styles, no script, no form, an origin of its own.

        Its links may open new windows outside the frame, since trying them is what looking at mails is for.
        """
        sandbox = "sandbox allow-popups allow-popups-to-escape-sandbox"
        return self._write("style-src 'unsafe-inline'", "form-action 'none'", "frame-ancestors 'self'", sandbox)

    def _write(self, *directives: str) -> str:
        pictures = " ".join(("img-src 'self'", *self.pictures))
        return "; ".join(("default-src 'none'", pictures, *directives, "base-uri 'none'"))


class Guard:
    """ASGI middleware around the whole app. `refuse` makes the page that answers a status."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        policy: Policy,
        refuse: Callable[[Request, int], Response],
        quiet_routes: frozenset[str],
    ) -> None:
        self.app = app
        self.refuse = refuse
        self.origin = policy.pictures[0]
        self.headers = {"Content-Security-Policy": policy.page, **_HEADERS}
        self.quiet_routes = quiet_routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = _Answer(send, self.headers)
        try:
            await self._answer(scope, receive, answer)
        except Exception as error:
            failure("web.failed", route=_route_name(scope), exc_info=error)
            if answer.status:
                raise  # half an answer is out: only closing the connection tells the browser
            await self.refuse(Request(scope), 500)(scope, receive, answer)
        if answer.status >= 500 or _route_name(scope) not in self.quiet_routes:
            event("web.request", route=_route_name(scope), method=scope["method"], status=answer.status)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] in _LOOKS:
            await self.app(scope, receive, send)
            return
        refused_with = 403 if self._is_from_elsewhere(scope) else 0
        body = b""
        if not refused_with:
            try:
                async with asyncio.timeout(BODY_TIMEOUT_SECONDS):
                    body = await _read_body(scope, receive)
            except TimeoutError:
                refused_with = 408
            except _BodyTooLargeError:
                refused_with = 413
        if refused_with:
            await self.refuse(Request(scope), refused_with)(scope, receive, send)
            return
        await self.app(scope, _replay(body, receive), send)

    def _is_from_elsewhere(self, scope: Scope) -> bool:
        if scope["path"].startswith(OPEN_TO_OTHER_SITES) or scope["path"] == FORM_FOR_OTHER_SITES:
            return False
        return is_from_elsewhere(Headers(scope=scope), self.origin)


class _Answer:
    """Adds our headers to an answer, without touching those a page has set itself; remembers its status."""

    def __init__(self, send: Send, headers: dict[str, str]) -> None:
        self.send, self.headers, self.status = send, headers, 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in self.headers.items():
                headers.setdefault(name, value)
        await self.send(message)


class _BodyTooLargeError(Exception):
    pass


async def _read_body(scope: Scope, receive: Receive) -> bytes:
    announced = Headers(scope=scope).get("content-length", "")
    most = MAX_HOOK_BYTES if scope["path"].startswith("/hooks/") else MAX_BODY_BYTES
    if announced.isdecimal() and (len(announced) > 9 or int(announced) > most):
        raise _BodyTooLargeError
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message["type"] == "http.request" and message.get("more_body", False)
        if len(body) > most:
            raise _BodyTooLargeError
    return body


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


def _route_name(scope: Scope) -> str:
    return getattr(scope.get("route"), "name", None) or "none"
