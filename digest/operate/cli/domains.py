"""`digest domains`: how the mail providers take our mail; pause, resume and send again to one of them.

A domain stands for its provider's whole group: hanmail.net is daum.net. Pausing one of no large provider gives it a
row of its own. Nothing here sends: the workers see what is stored and act on it.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from digest import clock
from digest.operate.cli.room import with_database
from digest.operate.cli.terminal import LARGEST_ID, AsJson, ExitCode, moment, note, print_json, say, table

if TYPE_CHECKING:
    from digest.config import Settings
    from digest.database import Connection, Database
    from digest.database.domains import ProviderFigures
    from digest.database.paces import Pace
    from digest.models.deliveries import DeliveryState

app = typer.Typer(help="Mail providers: how they stand, pause, resume, send again.", no_args_is_help=True)

Domain = Annotated[str, typer.Argument(metavar="DOMAIN", help="A recipient domain, or `others` for the small ones.")]
_PREFIX = "provider:"


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the providers: what waits, what came within a day, and what holds them back."""
    found, settings = with_database(_load)
    if as_json:
        print_json({"domains": [_as_json(figures, pace) for figures, pace in found]})
    elif not found:
        say("Nothing waits, nothing was sent within a day, and nothing is limited.")
    else:
        columns = ("provider", "waiting", "accepted", "deferred", "refused", "limit", "stopped until", "paused", "why")
        table(columns, [_row(figures, pace, settings) for figures, pace in found])


@app.command()
def pause(
    domain: Domain,
    reason: Annotated[str, typer.Option(help="Shown in the list.")] = "a person paused it",
    as_json: AsJson = False,
) -> None:
    """Send nothing more to a domain's provider until it is resumed. What is on the wire is finished."""

    async def act(_settings: "Settings", database: "Database") -> str:
        from digest.database import paces

        async with database.begin() as connection:
            provider = await _provider(connection, domain)
            await paces.pause(connection, f"{_PREFIX}{provider}", reason=reason, at=clock.utc_now())
            return provider

    provider = with_database(act)
    if as_json:
        print_json({"provider": _name(provider), "paused": True})
    else:
        say(f"{_name(provider)} is paused. Go on with: digest domains resume {domain}")


@app.command()
def resume(domain: Domain, as_json: AsJson = False) -> None:
    """Go on sending to a domain's provider, at once and as fast as its limit allows."""

    async def act(_settings: "Settings", database: "Database") -> tuple[str, bool]:
        from digest.database import alerts, paces

        async with database.begin() as connection:
            provider = await _provider(connection, domain)
            resumed = await paces.resume(connection, f"{_PREFIX}{provider}")
            await alerts.resolve(connection, f"{_PREFIX}{provider}", at=clock.utc_now())
            return provider, resumed

    provider, resumed = with_database(act)
    if as_json:
        print_json({"provider": _name(provider), "paused": False, "changed": resumed})
    else:
        say(f"{_name(provider)} goes on." if resumed else f"{_name(provider)} was neither paused nor stopped.")


@app.command()
def resend(
    domain: Domain,
    edition: Annotated[int, typer.Option(min=1, max=LARGEST_ID, help="As `digest editions list` shows it.")],
    uncertain: Annotated[
        bool, typer.Option("--uncertain", help="Those in doubt, too: some of them will get it twice.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send an edition again to readers at a domain's provider that refused it. Their deadline counts from now."""
    from digest.models.deliveries import DeliveryState

    states = (DeliveryState.REFUSED, DeliveryState.UNCERTAIN) if uncertain else (DeliveryState.REFUSED,)
    counts = with_database(lambda _settings, database: _count(database, edition, domain, states))
    number = sum(counts.values())
    if number and not as_json:
        say(f"{', '.join(f'{each} {state}' for state, each in counts.items())} of edition {edition} at {domain}.")
    if counts.get(DeliveryState.UNCERTAIN):
        note("Those in doubt may have got it: for them it may come twice.")
    if number and not yes and not typer.confirm("Queue them again?", err=True):
        say("Nothing is changed.")
        raise typer.Exit(ExitCode.NO)
    queued = with_database(lambda settings, database: _resend(settings, database, edition, domain, states))
    if as_json:
        print_json({"edition_id": edition, "domain": domain, "queued": queued})
    else:
        say(f"{queued} of edition {edition} are queued again." if queued else "There is nothing to send again.")


async def _provider(connection: "Connection", domain: str) -> str:
    """Return the provider that a word on the command line means. Raises `BadAddressError` for what is no domain."""
    from digest import addresses, providers
    from digest.database import domains

    if domain == providers.OTHERS_NAME:
        return providers.OTHERS
    return await domains.make_own(connection, addresses.parse(f"a@{domain}").domain)


async def _load(
    settings: "Settings", database: "Database"
) -> "tuple[list[tuple[ProviderFigures, Pace | None]], Settings]":
    from digest.database import domains, paces

    async with database.read() as connection:
        found = await domains.figures(connection, now=clock.utc_now())
        rows = {pace.scope: pace for pace in await paces.list_paces(connection)}
    ours = {f"{_PREFIX}{each.provider}" for each in found}
    found += [
        domains.ProviderFigures(scope.removeprefix(_PREFIX))
        for scope, pace in rows.items()
        if scope.startswith(_PREFIX) and scope not in ours and (pace.per_minute or pace.at_once or _is_held(pace))
    ]
    return [(each, rows.get(f"{_PREFIX}{each.provider}")) for each in found], settings


async def _count(
    database: "Database", edition: int, domain: str, states: "tuple[DeliveryState, ...]"
) -> "dict[DeliveryState, int]":
    from digest import addresses
    from digest.database import domains

    async with database.read() as connection:
        return await domains.to_resend(connection, edition, addresses.parse(f"a@{domain}").domain, states)


async def _resend(
    settings: "Settings", database: "Database", edition: int, domain: str, states: "tuple[DeliveryState, ...]"
) -> int:
    from datetime import timedelta

    from digest import addresses
    from digest.database import domains, editions

    now = clock.utc_now()
    async with database.begin() as connection:
        slot = settings.slot((await editions.get_edition(connection, edition)).slot)
        deadline = now + (slot.deadline if slot else timedelta(hours=3))
        name = addresses.parse(f"a@{domain}").domain
        return await domains.resend(connection, edition, name, states, now=now, deadline_at=deadline)


def _is_held(pace: "Pace") -> bool:
    return pace.paused_at is not None or (pace.stopped_until is not None and pace.stopped_until > clock.utc_now())


def _name(provider: str) -> str:
    return provider or "others"


def _limit(pace: "Pace | None") -> str:
    if pace is None:
        return ""
    parts = [f"{pace.per_minute:g}/min" if pace.per_minute else "", f"{pace.at_once} at once" if pace.at_once else ""]
    return ", ".join(part for part in parts if part)


def _row(figures: "ProviderFigures", pace: "Pace | None", settings: "Settings") -> list[object]:
    is_held = pace is not None and _is_held(pace)
    return [
        _name(figures.provider),
        figures.waiting,
        figures.accepted,
        figures.deferred,
        figures.refused,
        _limit(pace),
        moment(pace.stopped_until, settings.zone) if pace and is_held else "",
        moment(pace.paused_at, settings.zone) if pace else "",
        pace.reason if pace and is_held else "",
    ]


def _as_json(figures: "ProviderFigures", pace: "Pace | None") -> dict[str, object]:
    return {
        "provider": _name(figures.provider),
        "waiting": figures.waiting,
        "accepted": figures.accepted,
        "deferred": figures.deferred,
        "refused": figures.refused,
        "per_minute": pace.per_minute if pace else None,
        "at_once": pace.at_once if pace else None,
        "stopped_until": pace.stopped_until if pace else None,
        "paused_at": pace.paused_at if pace else None,
        "reason": pace.reason if pace else "",
    }
