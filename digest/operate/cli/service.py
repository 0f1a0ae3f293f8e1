"""Starting the service, setting it up, and checking that it can work: `run`, `worker`, `web`, `init`, `doctor` ….

The long-running three hand over to `digest.operate.run` and `digest.operate.worker`, which return the exit code.
`init`, `secret` and `doctor` work without a database; `doctor` even without valid settings, to say what is wrong.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digest.operate.cli.room import load_settings, with_database
from digest.operate.cli.terminal import AsJson, ExitCode, note, print_json, problem, say, table, waiting

if TYPE_CHECKING:
    from digest.config import Settings
    from digest.database import Database
    from digest.database.deliveries import StoredDelivery
    from digest.operate.doctor import Check

Host = Annotated[str | None, typer.Option(help="Address to listen on, instead of WEB_HOST.")]
Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Port to listen on, instead of WEB_PORT.")]


def run(host: Host = None, port: Port = None) -> None:
    """Run everything in this process: timetable, collecting, composing, delivering and the pages. Ctrl-C ends it.

    In a folder without any settings it writes .env first, from the example, and runs the sample newspaper.
    """
    _set_up_if_new()
    settings = load_settings(as_service=True, overrides=_given(host, port))
    from digest.operate import run as service

    raise typer.Exit(service.run(settings))


def worker() -> None:
    """Run the timetable, collecting, composing and delivering, without pages. Any number may run on one database."""
    settings = load_settings(as_service=True)
    from digest.operate.worker import work

    raise typer.Exit(work(settings))


def web(host: Host = None, port: Port = None) -> None:
    """Run the pages alone."""
    settings = load_settings(as_service=True, overrides=_given(host, port))
    from digest.operate import run as service

    raise typer.Exit(service.serve(settings))


def _set_up_if_new() -> None:
    from digest import config
    from digest.operate.setup import initialise

    if not config.has_secret() and (made := initialise(Path("."))):
        note(f"There were no settings here: {made} is written, for the sample newspaper.")


def _given(host: str | None, port: int | None) -> dict[str, str]:
    """The settings that the options stand for: addresses of our own pages in `SOURCES` depend on them."""
    options = {"WEB_HOST": host, "WEB_PORT": port}
    return {name: str(value) for name, value in options.items() if value is not None}


def init(
    folder: Annotated[Path, typer.Option(file_okay=False, exists=True, help="Where .env belongs.")] = Path("."),
) -> None:
    """Write .env from the example settings with a fresh SECRET_KEY. An existing .env stays as it is."""
    from digest.operate.setup import initialise

    made = initialise(folder)
    if made is None:
        say(f"{folder / '.env'} is there already and stays as it is.")
    else:
        say(f"{made} is written, with a secret of its own. Look through it, then run: digest migrate && digest run")


def secret() -> None:
    """Print a fresh secret for SECRET_KEY. It is stored nowhere."""
    from digest.operate.setup import fresh_secret

    typer.echo(fresh_secret())


def migrate() -> None:
    """Bring the database to this release's schema. Safe to repeat; two at once wait for each other."""
    import asyncio

    before, after = asyncio.run(_migrate(load_settings()))
    say(
        f"The database is at schema {after}, as before." if before == after else f"Schema {before or 'none'} → {after}."
    )


async def _migrate(settings: "Settings") -> tuple[str | None, str | None]:
    from digest.database import Database
    from digest.database import migrate as steps

    database = Database.open(settings.database_url.get_secret_value(), pool_size=1)
    try:
        with waiting("Migrating the database …"):
            return await steps.upgrade(database)
    finally:
        await database.close()


def doctor(as_json: AsJson = False) -> None:
    """Check settings, database, templates, relay, addresses and clock. Exit code 1 if something fails."""
    import asyncio

    from digest.operate import doctor as checks

    with waiting("Checking …"):
        found = asyncio.run(checks.examine(Path(".env")))
    failed = checks.is_failed(found)
    if as_json:
        print_json({"ok": not failed, "checks": [_check_as_json(check) for check in found]})
    else:
        table(("", "check", "says", "what to do"), [(c.verdict.upper(), c.name, c.says, c.todo) for c in found])
    if failed:
        raise typer.Exit(ExitCode.NO)


def _check_as_json(check: "Check") -> dict[str, object]:
    return {"name": check.name, "verdict": check.verdict, "says": check.says, "todo": check.todo}


def send_test(
    address: Annotated[str, typer.Argument(help="Where to send it: an address of your own.")],
    slot: Annotated[
        str | None, typer.Option(help="Of this slot; without it, of the one with the latest edition.")
    ] = None,
    wait: Annotated[int, typer.Option(min=0, max=3600, help="Seconds to wait for what comes of it.")] = 60,
) -> None:
    """Send one mail as readers get it, through the same queue, and say what came of it.

    It is the latest edition's; before the first, what would be chosen now, or else invented articles. A worker must be
    running. Exit code 5 when the time is up and nothing is settled.
    """
    from digest.operate.trial import queue_trial, wait_until_settled

    async def act(settings: "Settings", database: "Database") -> "StoredDelivery":
        trial = await queue_trial(settings, database, address, slot)
        note(f"Queued: {trial.what}, “{trial.subject}”.")
        return await wait_until_settled(database, trial, seconds=wait)

    with waiting("Waiting for a worker and the relay …"):
        settled = with_database(act)
    _tell(settled, wait)


def _tell(settled: "StoredDelivery", wait: int) -> None:
    from digest.models.deliveries import DeliveryState

    reply = settled.reply
    said = f"{reply.code} {reply.text}" if reply else settled.detail or "nothing"
    match settled.state:
        case DeliveryState.ACCEPTED:
            say(f"Accepted. The relay said: {said}")
        case DeliveryState.QUEUED | DeliveryState.ATTEMPTING:
            problem(
                f"Still {settled.state} after {wait} s. Is `digest run` or `digest worker` running on this database?"
            )
            raise typer.Exit(ExitCode.LATER)
        case DeliveryState.DEFERRED:
            problem(f"Deferred, it will be tried again. The relay said: {said}")
            raise typer.Exit(ExitCode.LATER)
        case _:
            problem(f"{settled.state.capitalize()}. The relay said: {said}")
            raise typer.Exit(ExitCode.NO)
