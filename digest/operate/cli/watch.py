"""`digest editions watch`: how an edition's sending goes on, until it is through.

On a terminal a bar with the rate of the last minute, the time left, and a line per provider or large recipient domain;
elsewhere one line a look; with --json one document, once. Who is paused or asked to be left alone is named, and why an
edition is held: else nobody sees why nothing moves. Looking changes nothing and may be ended at any time.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from digest.errors import DatabaseUnavailableError
from digest.operate.cli.room import with_database
from digest.operate.cli.terminal import LARGEST_ID, AsJson, moment, print_json, printable, say

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import RenderableType

    from digest.config import Settings
    from digest.database import Database
    from digest.database.paces import Pace
    from digest.database.progress import Progress
    from digest.models.editions import Edition

_DOMAINS_SHOWN = 12
_PREFIX = "provider:"
_LEAST_SECONDS, _MOST_SECONDS = 0.5, 3600.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 30.0


@dataclass(frozen=True, slots=True)
class _Sight:
    """What one look sees. `stops`: in words, by provider."""

    edition: "Edition"
    progress: "Progress"
    stops: dict[str, str]


def _seconds(value: float) -> float:
    if not _LEAST_SECONDS <= value <= _MOST_SECONDS:  # nan is neither
        raise typer.BadParameter(f"{value:g} is not from {_LEAST_SECONDS:g} to {_MOST_SECONDS:g} seconds.")
    return value


def watch(
    edition_id: Annotated[int, typer.Argument(metavar="ID", min=1, max=LARGEST_ID, help="The edition's number.")],
    every: Annotated[float, typer.Option(callback=_seconds, help="Seconds between two looks, at least 0.5.")] = 2.0,
    as_json: AsJson = False,
) -> None:
    """Watch an edition being sent: accepted, deferred and refused per recipient domain, rate, time left."""
    if as_json:
        print_json(_as_json(with_database(lambda settings, database: _look(settings, database, edition_id))))
        return
    with_database(lambda settings, database: _watch(settings, database, edition_id, every))


async def _look(settings: "Settings", database: "Database", edition_id: int) -> _Sight:
    from digest.clock import utc_now
    from digest.database import editions, paces, progress

    now = utc_now()
    async with database.read() as connection:
        edition = await editions.get_edition(connection, edition_id)
        found = await progress.of_edition(connection, edition_id, now=now)
        held_back = {pace.scope: _in_words(pace, now, settings) for pace in await paces.list_paces(connection)}
    waiting = {each.provider for each in found.domains if each.waiting}
    stops = {scope.removeprefix(_PREFIX): words for scope, words in held_back.items() if scope.startswith(_PREFIX)}
    return _Sight(
        edition, found, {provider: words for provider, words in stops.items() if words and provider in waiting}
    )


async def _see(
    settings: "Settings", database: "Database", edition_id: int, tell: Callable[[str], object] = say
) -> _Sight:
    """Look; while the database is away, tell so once and look again after ever longer pauses."""
    pause = 0.0
    while True:
        try:
            return await _look(settings, database, edition_id)
        except DatabaseUnavailableError as error:
            if not pause:
                tell(
                    printable(f"{str(error).rstrip('.')}. Watching goes on when it can be used again; Ctrl-C ends it.")
                )
            pause = min(2 * pause or _FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
        await asyncio.sleep(pause)


def _in_words(pace: "Pace", now: "datetime", settings: "Settings") -> str:
    if pace.paused_at is not None:
        return "paused"
    if pace.stopped_until is not None and pace.stopped_until > now:
        return f"left alone until {moment(pace.stopped_until, settings.zone)}"
    return ""


async def _watch(settings: "Settings", database: "Database", edition_id: int, every: float) -> None:
    from rich.console import Console
    from rich.live import Live

    console = Console(markup=False, emoji=False, highlight=False)
    sight = await _see(settings, database, edition_id)
    if not console.is_terminal:
        while True:
            stops = (f"; {provider or 'others'} {words}" for provider, words in sorted(sight.stops.items()))
            say(_in_a_line(sight) + "".join(stops))
            if _is_over(sight):
                return
            await asyncio.sleep(every)
            sight = await _see(settings, database, edition_id)
    with Live(_drawn(sight), console=console, auto_refresh=False) as live:
        while not _is_over(sight):
            await asyncio.sleep(every)
            sight = await _see(settings, database, edition_id, live.console.print)
            live.update(_drawn(sight), refresh=True)


def _is_over(sight: _Sight) -> bool:
    from digest.models.editions import EditionState

    state = sight.edition.state
    return state in (EditionState.DONE, EditionState.CANCELLED, EditionState.HELD) or (
        state is EditionState.SENDING and sight.progress.waiting == 0
    )


def _in_a_line(sight: _Sight) -> str:
    from digest.models.deliveries import DeliveryState

    edition, progress = sight.edition, sight.progress
    counted = ", ".join(f"{state} {progress.count(state)}" for state in DeliveryState if progress.count(state))
    told = [f"because {edition.reason}"] if edition.reason and _is_over(sight) else []
    return (
        f"Edition {edition.id} {edition.state}: {progress.total - progress.waiting} of {progress.total} settled"
        f" ({counted or 'no deliveries'}), {progress.accepted_last_minute} accepted in the last minute,"
        f" left: {_duration(progress.seconds_left)}" + "".join(f"; {each}" for each in told)
    )


def _drawn(sight: _Sight) -> "RenderableType":
    from rich.console import Group
    from rich.padding import Padding
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    from digest.models.deliveries import DeliveryState

    shown = (
        DeliveryState.ACCEPTED,
        DeliveryState.DEFERRED,
        DeliveryState.REFUSED,
        DeliveryState.UNCERTAIN,
        DeliveryState.DROPPED,
    )
    table = Table("provider or domain", *(str(state) for state in shown), "waiting", "", box=None, pad_edge=False)
    for column in table.columns[1:-1]:
        column.justify = "right"
    rows = sight.progress.of_providers()
    for each in rows[:_DOMAINS_SHOWN]:
        numbers = (str(each.by_state.get(state, 0)) for state in shown)
        stop = sight.stops.get(each.provider, "") if each.waiting else ""
        table.add_row(each.domain, *numbers, str(each.waiting), stop)
    hidden = len(rows) - _DOMAINS_SHOWN
    progress = sight.progress
    bar = ProgressBar(total=max(progress.total, 1), completed=progress.total - progress.waiting, width=60)
    return Group(
        Text(printable(_in_a_line(sight))),
        Padding(bar),  # which ends the bar's line
        table,
        Text(f"… and {hidden} more" if hidden > 0 else ""),
    )


def _duration(seconds: int | None) -> str:
    if seconds is None:
        return "unknown while nothing moves"
    minutes, rest = divmod(seconds, 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _as_json(sight: _Sight) -> dict[str, object]:
    edition, progress = sight.edition, sight.progress
    return {
        "id": edition.id,
        "state": edition.state,
        "total": progress.total,
        "waiting": progress.waiting,
        "accepted_last_minute": progress.accepted_last_minute,
        "seconds_left": progress.seconds_left,
        "domains": [
            {"domain": each.domain, "provider": each.provider, "by_state": each.by_state} for each in progress.domains
        ],
    }
