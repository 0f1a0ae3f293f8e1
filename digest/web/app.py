"""The web room put together: which page answers at which address, behind the guard.

In: the database, the settings, and what only some installations have (the sample newspaper, the outbox). Out: one ASGI
app without any state of its own, so that any number of web processes serve the same. An address that is not listed
here does not exist. Every link that stands in a mail is made by `digest.links` and served from here.
"""

from datetime import datetime
from functools import partial
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from digest.clock import Clock
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database
from digest.errors import TryLaterError
from digest.subscribe.together import Together
from digest.web import api, hooks, outbox, preferences, privacy, sample, share
from digest.web import metrics as metrics_page
from digest.web import subscribe as subscribe_pages
from digest.web.api_problems import Refusals
from digest.web.guard import Guard, Policy, picture_origins
from digest.web.metrics import Gather
from digest.web.pages import Pages
from digest.web.pages import routes as page_routes
from digest.web.proxies import TrueClient
from digest.web.templating import Templates

_QUIET = ("health", "ready", "static")


def build(
    *,
    database: Database,
    settings: Settings,
    clock: Clock,
    sample_started_at: datetime | None,
    outbox_dir: Path | None,
    metrics: Gather | None = None,
) -> Starlette:
    """Build the app.

    `sample_started_at`: when the sample newspaper came out; it is served only if `settings.sample`. `outbox_dir`: where
    the built-in receiving server keeps mails; None, or any relay in the settings: there is no outbox. `metrics`
    gathers what `/metrics` tells; None: there is no such page. The app's `state.prepare`, for a thread, compiles the
    pages and composes the notice that readers left, so that no first request waits for them; `state.warm` has the
    database do once what leaving takes.
    """
    policy = Policy(picture_origins(settings))
    templates = Templates(settings)
    kept_mails = None if settings.has_relay else outbox_dir
    renderer = Renderer(settings.templates_dir)
    leaving = Together(database, settings, renderer)
    pages = Pages(database, settings, clock, templates, leaving, policy, has_outbox=kept_mails is not None)
    routes = page_routes(pages)
    routes += preferences.routes(database, settings, clock, templates, renderer)
    signing_up = subscribe_pages.SubscribePages(database, settings, clock, templates, renderer, policy)
    routes += subscribe_pages.routes(signing_up)
    if settings.share_sender is not None:  # off: every way in is a 404
        routes += share.routes(share.SharePages(database, settings, clock, templates, renderer, policy))
    routes += privacy.routes(settings, templates)
    routes += api.routes(database, settings, clock, templates, renderer)
    routes += hooks.routes(database, settings, clock)
    quiet = set(_QUIET)
    if kept_mails is not None:
        routes += outbox.routes(templates, policy, kept_mails)
    if metrics is not None:
        routes += metrics_page.routes(settings, metrics)
        quiet.add("metrics")
    if settings.sample and sample_started_at is not None:
        newspaper = sample.routes(templates.render, settings.base_url, sample_started_at, clock)
        quiet |= {route.name for route in newspaper if isinstance(route, Route)}
        routes += newspaper
    refusals = Refusals(pages)
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(TrueClient, proxies=settings.trusted_proxies),
            Middleware(Guard, policy=policy, refuse=refusals.refuse, quiet_routes=frozenset(quiet)),
        ],
        exception_handlers={HTTPException: refusals.refuse_politely, TryLaterError: refusals.not_now},
    )
    app.state.prepare = partial(_prepare, templates, leaving, clock)
    app.state.warm = lambda: leaving.warm(clock())
    # Starlette would send people to whatever host their Host header names.
    app.router.redirect_slashes = False
    return app


def _prepare(templates: Templates, leaving: Together, clock: Clock) -> None:
    templates.compile_all()
    leaving.prepare(clock())
