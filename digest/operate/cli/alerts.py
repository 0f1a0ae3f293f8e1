"""`digest alerts`: what a person must know, and saying that it is dealt with.

An alert stays open until the service sees the matter itself recover or a person resolves it here. Resolving a matter
that goes on only quiets it: the next time it happens it is raised anew.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from digest import clock
from digest.operate.cli.room import with_database
from digest.operate.cli.terminal import AsJson, ExitCode, moment, print_json, problem, say, table

if TYPE_CHECKING:
    from digest.config import Settings
    from digest.database import Database
    from digest.models.alerts import Alert

app = typer.Typer(help="What a person must know.", invoke_without_command=True)


@app.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what waits for a person (with --all: what ever did). Exit code 1 when something waits."""
    if context.invoked_subcommand is not None:
        return
    found, settings = with_database(lambda settings, database: _load(settings, database, everything))
    if as_json:
        print_json({"alerts": [_as_json(alert) for alert in found]})
    elif not found:
        say("Nothing waits for you.")
    else:
        columns = ("matter", "since", "last", "times", "what", "resolved")
        table(
            columns if everything else columns[:-1],
            [_row(alert, settings, everything) for alert in found],
        )
    if any(alert.resolved_at is None for alert in found):
        raise typer.Exit(ExitCode.NO)


@app.command()
def resolve(matter: Annotated[str, typer.Argument(help="As `digest alerts` names it, e.g. source:gaon.")]) -> None:
    """Say that a matter is dealt with."""
    if not with_database(lambda _settings, database: _resolve(database, matter)):
        problem(f"No open alert is called {matter!r}. `digest alerts` lists them.")
        raise typer.Exit(ExitCode.NO)
    say(f"{matter} is resolved.")


async def _load(settings: "Settings", database: "Database", everything: bool) -> "tuple[list[Alert], Settings]":
    from digest.database import alerts

    async with database.read() as connection:
        found = await (alerts.list_all(connection) if everything else alerts.list_open(connection))
    return found, settings


async def _resolve(database: "Database", matter: str) -> bool:
    from digest.database import alerts

    async with database.begin() as connection:
        return await alerts.resolve(connection, matter, at=clock.utc_now())


def _row(alert: "Alert", settings: "Settings", everything: bool) -> list[object]:
    shown = [
        alert.matter,
        moment(alert.first_at, settings.zone),
        moment(alert.last_at, settings.zone),
        alert.count,
        alert.text,
    ]
    return [*shown, moment(alert.resolved_at, settings.zone)] if everything else list(shown)


def _as_json(alert: "Alert") -> dict[str, object]:
    return {
        "matter": alert.matter,
        "text": alert.text,
        "first_at": alert.first_at,
        "last_at": alert.last_at,
        "count": alert.count,
        "mailed_at": alert.mailed_at,
        "resolved_at": alert.resolved_at,
    }
