"""`POST /hooks/NAME`: where providers tell what became of mails. Kept before anything is done, answered at once.

In: a post of a provider that is configured (all others: 404). What is looked at here costs nothing: shape, topic, age;
who wrote it is proven afterwards (`inbound.hooks`). Out: 200 when it is kept, or was before; 400 for what can never be
the provider's, so that it stops; 503 when it cannot be kept now, so that it comes again. No cookie, no page, no detail.
"""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from digest.clock import Clock
from digest.config import Settings
from digest.database import Database
from digest.deliver.webhook import Post
from digest.errors import HookRefusedError, TryLaterError
from digest.inbound import hooks

_NOT_KEPT = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}


def routes(database: Database, settings: Settings, clock: Clock) -> list[BaseRoute]:
    """Make the route."""

    async def hook(request: Request) -> Response:
        name = str(request.path_params["name"])
        adapter = hooks.hook_of(settings, name)
        if adapter is None:
            return _said(404, "not found")
        headers = {each: request.headers.get(each, "")[:1000] for each in adapter.HEADERS}
        post = Post(headers, await request.body())
        try:
            adapter.look(settings, post, clock())
            is_kept = await hooks.keep(database, name, post, clock=clock)
        except HookRefusedError:
            return _said(400, "not understood")
        except TryLaterError:
            return _said(503, "not now")
        return _said(200, "kept") if is_kept else _said(503, "not now")

    return [Route("/hooks/{name}", hook, methods=["POST"], name="hook")]


def _said(status: int, text: str) -> Response:
    return PlainTextResponse(f"{text}\n", status_code=status, headers=_NOT_KEPT)
