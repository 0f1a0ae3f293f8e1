"""The outbox pages: looking at the mails that the built-in receiving server took.

In: the folder of kept mails. Out: a list, and each mail as HTML, text, headers and source. These mails hold addresses
and working unsubscribe links, so the pages exist only while no relay is set, and only for a browser on this machine or
in its private network; everyone else is told that there is no such page. So is a browser that asks for another name
than ours: a stranger's site can let its own name lead to this machine, and would then read along (DNS rebinding). A
mail's own HTML is shown in a frame that has no rights: an opaque origin, no script, no form, and a policy of its own.

Mails are read leniently, part by part, by the older half of the standard library's parser: one that cannot be
understood is still listed and shown as source.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from urllib.parse import urlsplit

from anyio import to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from digest.deliver.transports.outbox import OutboxMail, list_mails, read_mail
from digest.errors import NotFoundError
from digest.web.guard import Policy
from digest.web.templating import Templates

LISTED = 100
SHOWN_LETTERS = 500_000
VIEWS = ("html", "text", "headers", "source")

_HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)
_PRIVATE = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}


@dataclass(frozen=True, slots=True)
class KeptMail:
    """A kept mail as the pages show it: its envelope's recipient, its own subject and sender."""

    name: str
    subject: str
    sender: str
    recipient: str
    received_at: datetime
    size: int


def is_near(request: Request, base_url: str) -> bool:
    """Whether the browser is on this machine or in its private network, as far as its address tells, and means us.

    Behind a proxy of `TRUSTED_PROXIES` that is the address which the proxy names (`web.proxies`).
    """
    if not _is_our_name(request.headers.get("host", ""), base_url):
        return False
    try:
        address = ip_address(request.client.host if request.client else "")
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_loopback or address.is_private


def _is_our_name(host: str, base_url: str) -> bool:
    """Whether a Host header is no name that somebody else could have given this machine."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        if name in ("localhost", urlsplit(base_url).hostname) or name.endswith(".localhost"):
            return True
        ip_address(name)
    except ValueError:
        return False
    return True


def routes(templates: Templates, policy: Policy, folder: Path) -> list[BaseRoute]:
    """Make the routes of the outbox over the mails in `folder`, which need not exist yet."""
    pages = _Pages(templates, policy, folder)
    return [
        Route("/outbox/", pages.list, name="outbox"),
        Route("/outbox/{name}", pages.mail, name="outbox-mail"),
        Route("/outbox/{name}/html", pages.frame, name="outbox-frame"),
    ]


@dataclass(frozen=True, slots=True)
class _Pages:
    templates: Templates
    policy: Policy
    folder: Path

    async def list(self, request: Request) -> Response:
        self._only_near(request)
        mails = await to_thread.run_sync(_newest, self.folder)
        return self._page(request, "outbox/list.html", {"mails": mails, "listed": LISTED}, self.policy.page)

    async def mail(self, request: Request) -> Response:
        kept, content = await self._read(request)
        message = message_from_bytes(content)
        html, text = _part(message, "text/html"), _part(message, "text/plain")
        asked = request.query_params.get("view", "")
        view = asked if asked in VIEWS else "html"
        if view == "html" and html is None:
            view = "text"
        context = {
            "mail": _kept_mail(kept, message),
            "view": view,
            "has_html": html is not None,
            "headers": [(name, _decoded(value)) for name, value in message.items()],
            "shown": (text or "" if view == "text" else content.decode("utf-8", "replace"))[:SHOWN_LETTERS],
        }
        return self._page(request, "outbox/mail.html", context, self.policy.page_with_frame)

    async def frame(self, request: Request) -> Response:
        _, content = await self._read(request)
        html = _part(message_from_bytes(content), "text/html")
        if html is None:
            raise HTTPException(404)
        # The links of the mail open beside the frame: inside it our own pages refuse to be shown.
        html = _HEAD.sub(lambda head: head[0] + '<base target="_blank">', html, count=1)
        headers = {**_PRIVATE, "Content-Security-Policy": self.policy.mail}
        return Response(html, media_type="text/html; charset=utf-8", headers=headers)

    async def _read(self, request: Request) -> tuple[OutboxMail, bytes]:
        self._only_near(request)
        try:
            return await to_thread.run_sync(read_mail, self.folder, request.path_params["name"])
        except NotFoundError as error:
            raise HTTPException(404) from error

    def _only_near(self, request: Request) -> None:
        if not is_near(request, self.templates.settings.base_url):
            raise HTTPException(404)

    def _page(self, request: Request, name: str, context: dict[str, object], policy: str) -> Response:
        headers = {**_PRIVATE, "Content-Security-Policy": policy}
        return self.templates.page(name, context, language=self.templates.language_of(request), headers=headers)


def _newest(folder: Path) -> list[KeptMail]:
    mails = []
    for kept in list_mails(folder, LISTED):
        try:
            _, content = read_mail(folder, kept.name)
        except NotFoundError:
            continue  # made room for a newer one since the folder was listed
        mails.append(_kept_mail(kept, message_from_bytes(content.partition(b"\r\n\r\n")[0])))
    return mails


def _kept_mail(kept: OutboxMail, message: "Message[str, str]") -> KeptMail:
    return KeptMail(
        name=kept.name,
        subject=_decoded(message.get("Subject", "")),
        sender=_decoded(message.get("From", "")),
        recipient=kept.recipient,
        received_at=kept.received_at,
        size=kept.size,
    )


def _decoded(value: object) -> str:
    """Read encoded words (RFC 2047); a value that holds nonsense is shown as it stands."""
    try:
        return " ".join(str(make_header(decode_header(str(value)))).split())
    except (MessageError, LookupError, ValueError):
        return str(value)


def _part(message: "Message[str, str]", media_type: str) -> str | None:
    for part in message.walk():
        if part.get_content_type() == media_type and not part.is_multipart():
            payload = part.get_payload(decode=True)
            content = payload if isinstance(payload, bytes) else b""
            try:
                return content.decode(part.get_content_charset("utf-8"), "replace")
            except (LookupError, ValueError):  # no such charset, or one that is no way to write text ("idna")
                return content.decode("utf-8", "replace")
    return None
