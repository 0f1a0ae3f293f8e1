"""The door of the JSON API: what a request passes before its act, in a fixed order.

In: a request that the guard let through. The key first (Authorization: Bearer, RFC 6750), found by its id and compared
in constant time; every key that does not work is answered alike. Then what it allows, and from where: a key with
origins stands in pages, so it works with those origins only; one without is a server's and is refused to browsers. Then
the limits, claimed before anything else is done, whatever becomes of the request: for a key that everybody can read,
first what one network may ask of it, so that no single stranger uses it up, then what the key may ask in all. Then the
body. Cookies are neither read nor set, and no answer lets a browser send any (no Access-Control-Allow-Credentials).

CORS (the Fetch standard): a preflight brings no key, so it is answered for the origins of any working key; the request
itself for the key's own.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from digest import sitekeys
from digest.clock import Clock
from digest.config import Settings
from digest.database import Database, counters, site_keys
from digest.hashes import counted_as
from digest.models.keys import SiteKey
from digest.web import api_json
from digest.web.api_operation import Call, Operation
from digest.web.api_problems import NOT_KEPT, Problems, RefusedError
from digest.web.templating import Templates

CALLS_OF_NETWORK = 60  # an hour, of a key that stands in pages: many readers may share an office's address
CALLS_OF_KEY = 3000  # an hour: more than a newspaper's site has sign-ups in its best week
_HOUR = timedelta(hours=1)
_PREFLIGHT_KEPT_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Door:
    """Lets requests in to the acts of operations."""

    database: Database
    settings: Settings
    clock: Clock
    templates: Templates

    def endpoint(self, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
        """Return what answers the operation's route."""

        async def answer(request: Request) -> Response:
            if request.method == "OPTIONS":
                return await self._preflight(request)
            try:
                call = await self._let_in(request, operation)
                cors = await self._cors(request, call.key)
            except RefusedError as refused:
                return self._refuse(request, refused, await self._cors(request, None))
            try:
                body = await _body(request, operation)
                given = await operation.act(call, body)
            except RefusedError as refused:
                return self._refuse(request, refused, cors)
            content = given if isinstance(given, dict) else given.model_dump(mode="json")
            return JSONResponse(content, operation.status, {**NOT_KEPT, "Content-Language": call.language, **cors})

        return answer

    async def _preflight(self, request: Request) -> Response:
        """Tell a browser what pages of the asking origin may send."""
        cors = await self._cors(request, None)
        allowed = {
            "Access-Control-Allow-Methods": "GET, POST",
            "Access-Control-Allow-Headers": "Authorization, Content-Type, Accept-Language",
            "Access-Control-Max-Age": str(_PREFLIGHT_KEPT_SECONDS),
        }
        return Response(status_code=204, headers={"Vary": "Origin", **(cors | allowed if cors else {})})

    async def _let_in(self, request: Request, operation: Operation) -> Call:
        language = self.templates.language_of(request)
        if operation.scope is None:
            return Call(request, language)
        key = await self._key(request.headers)
        if operation.scope not in key.key.scopes:
            raise RefusedError("forbidden")
        origin = request.headers.get("origin")
        if origin is not None and origin not in key.key.origins:
            raise RefusedError("forbidden")
        call = Call(request, language, key)
        await self._count(call, key, self.clock())
        return call

    async def _key(self, headers: Headers) -> SiteKey:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        text = given.strip() if scheme.lower() == "bearer" else ""
        key_id, found = sitekeys.id_of(text), None
        if key_id is not None:
            async with self.database.read() as connection:
                found = await site_keys.find(connection, key_id)
        if not sitekeys.is_key(text, found.key.key_hash if found else None) or found is None:
            raise RefusedError("unauthorized", headers={"WWW-Authenticate": "Bearer"})
        return found

    async def _count(self, call: Call, key: SiteKey, now: datetime) -> None:
        limits = [("api-key", key.key.key_id, CALLS_OF_KEY)]
        if key.is_for_browsers:
            limits.insert(0, ("api-network", counted_as(self.settings, call.host), CALLS_OF_NETWORK))
        async with self.database.begin() as connection:
            for scope, counted, limit in limits:
                if not await counters.claim(connection, scope, counted, now=now, limit=limit, window=_HOUR):
                    free_at = await counters.next_window(connection, scope, counted, window=_HOUR)
                    break
            else:
                return
        raise too_many(free_at or now, now)

    async def _cors(self, request: Request, key: SiteKey | None) -> dict[str, str]:
        """Return the headers that let the asking page read the answer; none for a page that may not."""
        origin = request.headers.get("origin")
        if origin is None or len(origin) > 300:
            return {}
        if key is None:
            async with self.database.read() as connection:
                is_known = await site_keys.knows_origin(connection, origin)
        else:
            is_known = origin in key.key.origins
        if not is_known:
            return {}
        return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": "Retry-After"}

    def _refuse(self, request: Request, refused: RefusedError, cors: dict[str, str]) -> Response:
        return Problems(self.templates).answer(request, refused, cors)


def too_many(free_at: datetime, now: datetime, *, said: str = "", language: str = "") -> RefusedError:
    """Make the problem of a limit that is used up until `free_at`. `said`: another sentence than the general one."""
    seconds = max(1, int((free_at - now).total_seconds()))
    return RefusedError("too_many", headers={"Retry-After": str(seconds)}, said=said, language=language)


async def _body(request: Request, operation: Operation) -> object:
    if operation.takes is None:
        return None
    media_type, _, parameter = request.headers.get("content-type", "").partition(";")
    charset = parameter.replace(" ", "").replace('"', "").lower()
    if media_type.strip().lower() != "application/json" or charset not in ("", "charset=utf-8"):
        raise RefusedError("not_json")
    return api_json.read(await request.body(), operation.takes)
