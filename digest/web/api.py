"""The JSON API put together: for the developers of a newspaper's own site (docs/api.md).

Everything below `/api/` is answered in JSON, to whoever brings a key or, for what everybody may know, to anybody. One
list of operations makes the routes and the OpenAPI document. To add one: a module with its models and its act, and
its operations in `operations`.
"""

from typing import Any

from starlette.routing import BaseRoute, Route

from digest.clock import Clock
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database
from digest.web import api_document
from digest.web.api_door import Door
from digest.web.api_operation import Call, Operation
from digest.web.api_problems import Problems
from digest.web.api_shares import Shares
from digest.web.api_subscriptions import Subscriptions
from digest.web.templating import Templates


def operations(
    database: Database, settings: Settings, clock: Clock, templates: Templates, renderer: Renderer
) -> tuple[Operation, ...]:
    """Return all that can be asked for, the document about it included."""

    async def document(_call: Call, _body: None) -> dict[str, Any]:  # Any: JSON
        def say(word: str) -> str:
            return Problems(templates).say(word, "en")

        title = f"{settings.newspaper_name}: mail"
        return api_document.write(everything, base_url=settings.base_url, title=title, say=say)

    own = Operation(
        name="openapi",
        method="GET",
        path="/api/openapi.json",
        summary="This document",
        description="OpenAPI 3.1.",
        act=document,
        gives=None,
    )
    subscriptions = Subscriptions(database, settings, clock, templates, renderer)
    shares = Shares(database, settings, clock, templates, renderer)
    everything = (*subscriptions.operations(), *shares.operations(), own)
    return everything


def routes(
    database: Database, settings: Settings, clock: Clock, templates: Templates, renderer: Renderer
) -> list[BaseRoute]:
    """Return the routes of all operations, each with the preflight that browsers ask first."""
    door = Door(database, settings, clock, templates)
    return [
        Route(each.path, door.endpoint(each), name=f"api-{each.name}", methods=[each.method, "OPTIONS"])
        for each in operations(database, settings, clock, templates, renderer)
    ]
