"""`/metrics` for Prometheus: numbers about the service, for those who run it.

In: a callable that gathers them (`operate` hands it down) and the settings. Out: the text format. With METRICS_TOKEN
only who brings it (Authorization: Bearer) is answered, compared in constant time; without, only programs on this
machine or in its private network, as for the outbox; everyone else is told that there is no such page. While the
database is away the answer is 503: the numbers are not known then.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from digest.config import Settings
from digest.errors import TryLaterError
from digest.web.outbox import is_near

Gather = Callable[[], Awaitable[bytes]]
_MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_NOT_KEPT = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}
_PATIENCE_SECONDS = 9  # Prometheus gives up after ten


def routes(settings: Settings, gather: Gather) -> list[BaseRoute]:
    """Make the route."""

    async def metrics(request: Request) -> Response:
        if refused := _refused(request, settings):
            return refused
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return Response(await gather(), headers={**_NOT_KEPT, "Content-Type": _MEDIA_TYPE})
        except (TryLaterError, TimeoutError):
            return PlainTextResponse("the database cannot be asked now\n", status_code=503, headers=_NOT_KEPT)

    return [Route("/metrics", metrics, name="metrics")]


def _refused(request: Request, settings: Settings) -> Response | None:
    token = settings.metrics_token.get_secret_value()
    if not token:
        near = is_near(request, settings.base_url)
        return None if near else PlainTextResponse("not found\n", status_code=404, headers=_NOT_KEPT)
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode()):
        return None
    headers = {**_NOT_KEPT, "WWW-Authenticate": "Bearer"}
    return PlainTextResponse("the token is missing or wrong\n", status_code=401, headers=headers)
