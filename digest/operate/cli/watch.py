"""`digest editions watch`: how an edition's sending goes on, until it is through.

On a terminal a bar with the rate of the last minute, the time left, and a line per provider or large recipient domain;
elsewhere one line a look; with --json one document, once. Looking changes nothing and may be ended at any time.
"""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from digest.operate.cli.room import with_database
from digest.operate.cli.terminal import LARGEST_ID, AsJson, print_json, say

if TYPE_CHECKING:
    from rich.console import RenderableType

    from digest.database import Database
    from digest.database.progress import Progress
    from digest.models.editions import Edition

_DOMAINS_SHOWN = 12


def watch(
    edition_id: Annotated[int, typer.Argument(metavar="ID", min=1, max=LARGEST_ID, help="The edition's number.")],
    every: Annotated[float, typer.Option(min=0.5, help="Seconds between two looks.")] = 2.0,
    as_json: AsJson = False,
) -> None:
    """Watch an edition being sent: accepted, deferred and refused per recipient domain, rate, time left."""
    if as_json:
        edition, progress = with_database(lambda _, database: _look(database, edition_id))
        print_json(_as_json(edition, progress))
        return
    with_database(lambda _, database: _watch(database, edition_id, every))


async def _look(database: "Database", edition_id: int) -> "tuple[Edition, Progress]":
    from digest.clock import utc_now
    from digest.database import editions, progress

    async with database.read() as connection:
        edition = await editions.get_edition(connection, edition_id)
        return edition, await progress.of_edition(connection, edition_id, now=utc_now())


async def _watch(database: "Database", edition_id: int, every: float) -> None:
    from rich.console import Console
    from rich.live import Live

    console = Console(markup=False, emoji=False, highlight=False)
    edition, progress = await _look(database, edition_id)
    if not console.is_terminal:
        while True:
            say(_in_a_line(edition, progress))
            if _is_over(edition, progress):
                return
            await asyncio.sleep(every)
            edition, progress = await _look(database, edition_id)
    with Live(_drawn(edition, progress), console=console, auto_refresh=False) as live:
        while not _is_over(edition, progress):
            await asyncio.sleep(every)
            edition, progress = await _look(database, edition_id)
            live.update(_drawn(edition, progress), refresh=True)


def _is_over(edition: "Edition", progress: "Progress") -> bool:
    from digest.models.editions import EditionState

    return edition.state in (EditionState.DONE, EditionState.CANCELLED, EditionState.HELD) or (
        edition.state is EditionState.SENDING and progress.waiting == 0
    )


def _in_a_line(edition: "Edition", progress: "Progress") -> str:
    from digest.models.deliveries import DeliveryState

    counted = ", ".join(f"{state} {progress.count(state)}" for state in DeliveryState if progress.count(state))
    return (
        f"Edition {edition.id} {edition.state}: {progress.total - progress.waiting} of {progress.total} settled"
        f" ({counted or 'no deliveries'}), {progress.accepted_last_minute} accepted in the last minute,"
        f" left: {_duration(progress.seconds_left)}"
    )


def _drawn(edition: "Edition", progress: "Progress") -> "RenderableType":
    from rich.console import Group
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
    table = Table("provider or domain", *(str(state) for state in shown), "waiting", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    rows = progress.of_providers()
    for domain in rows[:_DOMAINS_SHOWN]:
        settled = sum(domain.by_state.get(state, 0) for state in shown if state is not DeliveryState.DEFERRED)
        table.add_row(
            domain.domain, *(str(domain.by_state.get(state, 0)) for state in shown), str(domain.total - settled)
        )
    hidden = len(rows) - _DOMAINS_SHOWN
    return Group(
        Text(_in_a_line(edition, progress)),
        ProgressBar(total=max(progress.total, 1), completed=progress.total - progress.waiting, width=60),
        table,
        Text(f"… and {hidden} more" if hidden > 0 else ""),
    )


def _duration(seconds: int | None) -> str:
    if seconds is None:
        return "unknown while nothing moves"
    minutes, rest = divmod(seconds, 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _as_json(edition: "Edition", progress: "Progress") -> dict[str, object]:
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
