"""`digest suppressions`: who must not be written to. They are known by keyed hashes; nobody can list addresses.

Adding stops the reader at once and gives up what waits for them. Lifting is for mistakes: whoever asks anew on the page
and confirms is taken off the list by that alone. Both are written to the audit log.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from digest import clock
from digest.operate.cli.room import with_database
from digest.operate.cli.terminal import AsJson, ExitCode, moment, print_json, problem, say, table

if TYPE_CHECKING:
    from datetime import datetime

    from digest.config import Settings
    from digest.database import Connection, Database
    from digest.models.consents import Suppression, SuppressionReason

app = typer.Typer(help="Who must not be written to: list, add, lift.", no_args_is_help=True)


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most so many, newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show how many are suppressed for which reason, and the newest."""

    async def load(
        settings: "Settings", database: "Database"
    ) -> "tuple[Settings, list[Suppression], dict[SuppressionReason, int]]":
        from digest.database import suppressions

        async with database.read() as connection:
            found = await suppressions.list_suppressions(connection, limit=limit)
            return settings, found, await suppressions.count_by_reason(connection)

    settings, found, counts = with_database(load)
    if as_json:
        rows = [{"address_hash": s.address_hash, "reason": s.reason, "at": s.at} for s in found]
        print_json({"by_reason": counts, "suppressions": rows})
        return
    table(("hash", "reason", "since"), [(s.address_hash[:16], s.reason, moment(s.at, settings.zone)) for s in found])
    say(", ".join(f"{number} {reason}" for reason, number in sorted(counts.items())) or "Nobody is suppressed.")


@app.command()
def add(address: Annotated[str, typer.Argument(help="The mail address.")]) -> None:
    """Never write to an address again. Exit code 1 if it was suppressed before."""

    async def act(connection: "Connection", hashed: str, now: "datetime") -> bool:
        from digest.database import suppressions
        from digest.models.consents import SuppressionReason

        return await suppressions.suppress(connection, hashed, SuppressionReason.PERSON, at=now)

    if not _noted("suppressions.add", address, act):
        problem(f"{address} was suppressed already.")
        raise typer.Exit(ExitCode.NO)
    say(f"{address} is not written to any more.")


@app.command()
def lift(address: Annotated[str, typer.Argument(help="The mail address.")]) -> None:
    """Take an address off the list; its reader stays stopped until they ask anew. Exit code 1 if it was not on it."""

    async def act(connection: "Connection", hashed: str, now: "datetime") -> bool:
        from digest.database import suppressions

        return await suppressions.lift(connection, hashed, at=now)

    if not _noted("suppressions.lift", address, act):
        problem(f"{address} is not suppressed.")
        raise typer.Exit(ExitCode.NO)
    say(f"{address} may ask to be written to again.")


def _noted(what: str, address: str, change: "Callable[[Connection, str, datetime], Awaitable[bool]]") -> bool:
    """Change something about an address, and write it to the audit log in the same transaction, if it changed."""

    async def act(settings: "Settings", database: "Database") -> bool:
        from digest import addresses
        from digest.hashes import address_hash
        from digest.operate import operator

        hashed, now = address_hash(settings, addresses.parse(address)), clock.utc_now()
        async with database.begin() as connection:
            changed = await change(connection, hashed, now)
            if changed:
                await operator.note(connection, what, at=now, whose=hashed)
        return changed

    return with_database(act)
