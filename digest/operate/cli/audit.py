"""`digest audit`: what operators did with people's data, and whether that log is whole.

`list` answers who looked at, handed out, added or erased whom; a person is named by their address and found by its
keyed hash. `verify` is the look that is due every month (개인정보의 안전성 확보조치 기준 제8조②): it goes through the
whole chain, notes that it did, and prints the newest hash. Written down elsewhere, that hash proves at the next look
that nobody has made a new chain in place of the old.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from digest import clock
from digest.operate.cli.room import with_database
from digest.operate.cli.terminal import AsJson, ExitCode, moment, note, print_json, problem, say, table

if TYPE_CHECKING:
    from digest.config import Settings
    from digest.database import Database
    from digest.database.audit import Noted, Verified

app = typer.Typer(help="What operators did with people's data: list, verify.", no_args_is_help=True)

_SHOWN_BROKEN = 20
_SHOWN_HASH = 12


@app.command("list")
def list_(
    address: Annotated[str | None, typer.Option(help="Only what was done with this person's data.")] = None,
    who: Annotated[str | None, typer.Option(help="Only what this account did, written as it is listed.")] = None,
    what: Annotated[
        str | None, typer.Option(help="Only acts whose name begins so: subscribers, consent.show …")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most so many, newest first.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List what operators did with people's data, newest first."""

    async def load(settings: "Settings", database: "Database") -> "tuple[Settings, list[Noted]]":
        from digest import addresses
        from digest.database import audit
        from digest.hashes import address_hash

        whose = address_hash(settings, addresses.parse(address)) if address else ""
        async with database.read() as connection:
            return settings, await audit.list_noted(
                connection, limit=limit, whose=whose, who=who or "", what=what or ""
            )

    settings, found = with_database(load)
    if as_json:
        heads = ("id", "at", "who", "from_where", "whose", "what", "details", "chain")
        print_json({"audit": [{head: getattr(each, head) for head in heads} for each in found]})
        return
    rows = [
        (n.id, moment(n.at, settings.zone), n.who, n.from_where, n.what, n.whose[:_SHOWN_HASH] or "many", _details(n))
        for n in found
    ]
    table(("id", "when", "who", "from where", "what", "whose", "details"), rows)
    if len(found) == limit:
        note(f"Only the newest {limit} are shown; --limit shows more.")


@app.command()
def verify(
    noted: Annotated[str, typer.Option(help="The hash an earlier look printed, up to two years ago.")] = "",
    as_json: AsJson = False,
) -> None:
    """Look whether a row of the log was changed or removed. Exit code 1 if so."""

    async def act(_settings: "Settings", database: "Database") -> "Verified":
        from digest.database import audit
        from digest.operate import operator

        async with database.begin() as connection:
            found = await audit.verify(connection, noted=noted.strip().lower())
            told: dict[str, object] = {"rows": found.rows, "is_whole": found.is_whole}
            await operator.note(connection, "audit.verify", at=clock.utc_now(), details=told)
        return found

    found = with_database(act)
    if as_json:
        print_json(
            {"is_whole": found.is_whole, "rows": found.rows, "broken": found.broken, "is_cut_off": found.is_cut_off,
             "is_noted_there": found.is_noted_there, "last": found.last}
        )  # fmt: skip
    else:
        _print(found)
    if not found.is_whole:
        raise typer.Exit(ExitCode.NO)


def _print(found: "Verified") -> None:
    for row_id in found.broken[:_SHOWN_BROKEN]:
        problem(f"Row {row_id} does not follow from the row before it: it was changed, or rows before it were removed.")
    if len(found.broken) > _SHOWN_BROKEN:
        problem(f"… and {len(found.broken) - _SHOWN_BROKEN} more rows.")
    if found.is_cut_off:
        problem("The newest rows were removed or changed.")
    if found.is_noted_there is False:
        problem("The noted hash does not stand in this log: it was made anew, or the hash is older than two years.")
    if found.is_whole:
        say(f"{found.rows} rows, none changed or removed.")
        say(f"The newest hash is {found.last}")
        note("Keep it elsewhere; next month: digest audit verify --noted HASH")


def _details(each: "Noted") -> str:
    return ", ".join(f"{name}: {value}" for name, value in each.details.items() if value is not None)
