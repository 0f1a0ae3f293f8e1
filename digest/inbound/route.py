"""Deciding: which act a kept mail is for, and doing it once.

In: rows that `receive` kept. Out: each with its outcome. A row is claimed with a lease; `routes.ROUTES` is asked from
the top, outside any transaction and in a thread (questions are pure, and foreign bytes can be slow to read); the act of
the first that answers runs in one transaction together with the row's outcome, whose condition stands inside the
UPDATE. So acting twice, on two machines or after a crash, changes nothing. What no row answers stays for a person.

An act that wants a mail which waits in a form that nobody had is undone, the form composed outside, and acted again.
A mail that acting fails on is tried again, ever later, and in the end waits for a person (`failed`, an alert). When the
database cannot be used nothing is charged.

Events: inbound.acted, inbound.failed.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from digest.clock import Clock
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Connection, Database, alerts, raw_mails
from digest.errors import DatabaseUnavailableError
from digest.events import event, failure
from digest.inbound.arrival import Arrival, Means
from digest.inbound.routes import ROUTES, Route
from digest.models.inbound import Acted, Outcome, RawMail
from digest.subscribe import preferences
from digest.subscribe.waiting import MissingFormsError

LEASE = timedelta(minutes=5)
MATTER = "inbound"
_AT_ONCE = 20
_TRIES_OF_FORMS = 2  # as behind the page: what an edition shows may be withdrawn between composing and storing
# Waits before the second, third … try; after the last the mail is left to a person.
_PAUSES = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))


async def act_due(
    database: Database,
    settings: Settings,
    renderer: Renderer,
    *,
    clock: Clock,
    owner: str,
    routes: Sequence[Route[Any]] = ROUTES,
) -> int:
    """Act upon every kept mail that is due and nobody holds; return how many were settled.

    Raises `DatabaseUnavailableError`; what was claimed is free again when the lease is over.
    """
    settled = 0
    while True:
        async with database.begin() as connection:
            mails = await raw_mails.claim(connection, owner=owner, now=clock(), lease=LEASE, limit=_AT_ONCE)
        for mail in mails:
            settled += await _settle(database, settings, renderer, mail, clock=clock, owner=owner, routes=routes)
        if len(mails) < _AT_ONCE:
            return settled


async def _settle(
    database: Database,
    settings: Settings,
    renderer: Renderer,
    mail: RawMail,
    *,
    clock: Clock,
    owner: str,
    routes: Sequence[Route[Any]],
) -> bool:
    """Act upon one mail; False if it is to be tried again, or somebody else has."""
    try:
        row, acted = await _act(database, settings, renderer, mail, now=clock(), owner=owner, routes=routes)
    except DatabaseUnavailableError:
        raise
    except Exception as error:
        failure("inbound.failed", exc_info=error, mail_id=mail.id)
        await put_off(database, mail, type(error).__name__, now=clock())
        return False
    if acted is None:
        return False
    event("inbound.acted", mail_id=mail.id, outcome=acted.outcome, by=row)
    return True


async def _act(
    database: Database,
    settings: Settings,
    renderer: Renderer,
    mail: RawMail,
    *,
    now: datetime,
    owner: str,
    routes: Sequence[Route[Any]],
) -> tuple[str, Acted | None]:
    """Return the name of the row that answered and what its act did; None for it if the mail was no longer ours."""
    addressed = settings.own_addresses.read(mail.recipient)
    if addressed is None:  # the settings were changed since it was taken
        return "nobody", await _noted(database, mail, Acted(Outcome.IGNORED, "no address of ours"), now, owner)
    arrival = Arrival(mail, addressed)
    route, found = await asyncio.to_thread(_first, routes, arrival, settings)
    if route is None:
        return "nobody", await _noted(database, mail, Acted(Outcome.PERSON, "left here"), now, owner)
    means = Means(settings, renderer, now)
    for _ in range(_TRIES_OF_FORMS):
        try:
            return route.name, await _act_once(database, route, means, arrival, found, owner=owner)
        except MissingFormsError as error:
            made = await preferences.compose_missing(database, settings, renderer, error, now=now)
            means = replace(means, made={**means.made, **made})
    return route.name, await _act_once(database, route, means, arrival, found, owner=owner)


async def _act_once(
    database: Database, route: Route[Any], means: Means, arrival: Arrival, found: object, *, owner: str
) -> Acted | None:
    """Act in one transaction; None if the mail was no longer ours."""
    async with database.begin() as connection:
        if not await raw_mails.take(connection, arrival.mail.id, owner=owner, at=means.now):
            return None
        acted = await route.act(connection, means, arrival, found)
        await raw_mails.mark_acted(connection, arrival.mail.id, acted, at=means.now)
    return acted


def _first(
    routes: Sequence[Route[Any]], arrival: Arrival, settings: Settings
) -> tuple[Route[Any] | None, object | None]:
    for route in routes:
        found = route.question(arrival, settings)
        if found is not None:
            return route, found
    return None, None


async def _noted(database: Database, mail: RawMail, acted: Acted, now: datetime, owner: str) -> Acted | None:
    async with database.begin() as connection:
        if not await raw_mails.take(connection, mail.id, owner=owner, at=now):
            return None
        await raw_mails.mark_acted(connection, mail.id, acted, at=now)
    return acted


async def put_off(database: Database, mail: RawMail, why: str, *, now: datetime) -> None:
    """Note that acting failed; it is tried again, ever later, and a person hears of it."""
    async with database.begin() as connection:
        tries = await raw_mails.put_off(connection, mail.id, why, pauses=_PAUSES, at=now)
        if tries is None:
            return
        await _alert(connection, mail, why, is_over=tries > len(_PAUSES), now=now)


async def _alert(connection: Connection, mail: RawMail, why: str, *, is_over: bool, now: datetime) -> None:
    what = "will not be tried again by itself" if is_over else "is tried again"
    text = (
        f"Acting upon mail {mail.id} that came back failed ({why}); it {what}. Look: digest inbound show {mail.id}."
        f" Try it now: digest inbound again {mail.id}"
    )
    await alerts.raise_alert(connection, MATTER, text, at=now)
