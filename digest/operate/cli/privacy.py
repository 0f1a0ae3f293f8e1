"""`digest privacy`: prove that an address stands nowhere, and show what is kept how long.

`prove` looks through every column of text of the database and every file of DATA_DIR, by the tables themselves and not
by the list of what should hold addresses. Copies elsewhere (backups, the web server's logs, the relay) it cannot know.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from digest import clock
from digest.operate.cli.room import with_database
from digest.operate.cli.terminal import AsJson, ExitCode, note, print_json, problem, say, table

if TYPE_CHECKING:
    from digest.config import Settings
    from digest.database import Database

app = typer.Typer(help="Personal data: prove what was erased, show what is kept.", no_args_is_help=True)


@app.command()
def prove(address: Annotated[str, typer.Argument(help="The mail address.")], as_json: AsJson = False) -> None:
    """Search the whole database and DATA_DIR for an address. Exit code 1 if it stands anywhere."""

    async def act(settings: "Settings", database: "Database") -> list[str]:
        from digest import addresses
        from digest.hashes import address_hash
        from digest.operate import operator
        from digest.operate.prove import find_everywhere

        parsed = addresses.parse(address)
        async with database.begin() as connection:
            await operator.note(connection, "privacy.prove", at=clock.utc_now(), whose=address_hash(settings, parsed))
        return await find_everywhere(database, settings, parsed)

    found = with_database(act)
    if as_json:
        print_json({"found": found})
    for place in () if as_json else found:
        problem(f"found in {place}")
    if found:
        raise typer.Exit(ExitCode.NO)
    if not as_json:
        say("It stands nowhere: not in the database, not in a file of DATA_DIR.")
        note("Backups, logs of the web server and the relay's own are not looked at.")


@app.command()
def periods(as_json: AsJson = False) -> None:
    """Show every column and folder with personal data: how long it is kept, and what becomes of it."""
    from digest.subscribe.personal import PERSONAL, told

    if as_json:
        days = [None if each.kept is None else each.kept.total_seconds() / 86400 for each in PERSONAL]
        rows = [{"where": p.where, "what": p.what, "since": p.since, "becomes": p.becomes} for p in PERSONAL]
        print_json([{**row, "kept_days": number} for row, number in zip(rows, days, strict=True)])
        return
    table(
        ("where", "what", "kept", "since", "becomes"),
        [(p.where, p.what, "" if p.kept is None else str(told(p.kept)), p.since, p.becomes) for p in PERSONAL],
    )
