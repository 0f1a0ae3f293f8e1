"""`digest keys`: which of the newspaper's own sites may use the JSON API (docs/api.md), and for what.

A key is printed once, by the command that makes it; only its hash is stored. With `--origin` it is for pages in
browsers, where everybody can read it, and works from those sites only; without it is for a server, which keeps it
secret. Making and revoking are written to the audit log.
"""

import re
from typing import TYPE_CHECKING, Annotated

import typer

from digest import clock
from digest.models.keys import KeyScope
from digest.operate.cli.room import with_database
from digest.operate.cli.terminal import AsJson, ExitCode, moment, note, print_json, problem, say, table

if TYPE_CHECKING:
    from digest.config import Settings
    from digest.database import Database
    from digest.models.keys import NewKey, SiteKey

app = typer.Typer(help="The keys of the JSON API: add, list, revoke.", no_args_is_help=True)

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_Name = Annotated[str, typer.Argument(help="Which site it is for: small letters, digits and hyphens.")]


@app.command()
def add(
    name: _Name,
    origin: Annotated[
        list[str] | None,
        typer.Option(help="A site whose pages may use it, like https://www.example.kr; repeat it for more."),
    ] = None,
    scope: Annotated[
        list[KeyScope] | None, typer.Option(help="What it allows; repeat it for more. Without: subscriptions.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, this once. Exit code 1 if there is, or was, one of that name."""
    from digest import sitekeys
    from digest.models.keys import NewKey

    if not _NAME.fullmatch(name):
        raise typer.BadParameter("it begins with a small letter; up to 31 small letters, digits or hyphens follow")
    made = sitekeys.make()
    new = NewKey(
        name=name,
        key_id=made.key_id,
        key_hash=made.key_hash,
        scopes=tuple(dict.fromkeys(scope or [KeyScope.SUBSCRIPTIONS])),
        origins=tuple(dict.fromkeys(map(_origin, origin or []))),
        created_at=clock.utc_now(),
    )
    was_added, secret = with_database(lambda settings, database: _added(settings, database, new))
    if not was_added:
        problem(f"There is, or was, a key {name}. A name is used once; choose another.")
        raise typer.Exit(ExitCode.NO)
    if as_json:
        shown = {"name": name, "key": made.shown, "scopes": new.scopes, "origins": new.origins}
        print_json(shown | ({"statement_secret": secret} if secret else {}))
        return
    say(made.shown)
    note("This is the only time it is shown; only its hash is kept.")
    if secret:
        say(secret)
        note("With this secret your server signs which reader shares (docs/api.md). It never stands in a page.")
    if not new.origins:
        note("It is for a server: keep it secret. For pages in browsers make one with --origin.")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Show all keys, also those that were revoked."""

    async def load(settings: "Settings", database: "Database") -> "tuple[Settings, list[SiteKey]]":
        from digest.database import site_keys

        async with database.read() as connection:
            return settings, await site_keys.list_keys(connection)

    settings, found = with_database(load)
    if as_json:
        print_json([_as_json(each) for each in found])
        return
    table(
        ("name", "id", "allows", "from", "made", "revoked"),
        [
            (
                each.key.name,
                each.key.key_id,
                ", ".join(each.key.scopes),
                " ".join(each.key.origins) or "a server",
                moment(each.key.created_at, settings.zone),
                moment(each.revoked_at, settings.zone),
            )
            for each in found
        ],
    )


@app.command()
def revoke(name: _Name) -> None:
    """Make a key worthless at once. Exit code 1 if there is none of that name that works."""

    async def act(_settings: "Settings", database: "Database") -> bool:
        from digest.database import site_keys
        from digest.operate import operator

        now = clock.utc_now()
        async with database.begin() as connection:
            revoked = await site_keys.revoke(connection, name, at=now)
            if revoked:
                await operator.note(connection, "keys.revoke", at=now, details={"name": name})
        return revoked

    if not with_database(act):
        problem(f"There is no key {name} that works.")
        raise typer.Exit(ExitCode.NO)
    say(f"The key {name} works no more.")


async def _added(settings: "Settings", database: "Database", new: "NewKey") -> tuple[bool, str]:
    """Store the key; return whether that was done, and the secret of its statements, "" if it is not for sharing."""
    from digest.database import site_keys
    from digest.operate import operator
    from digest.share import vouch

    async with database.begin() as connection:
        added = await site_keys.add(connection, new)
        if added:
            details: dict[str, object] = {"name": new.name, "scopes": list(new.scopes), "origins": list(new.origins)}
            await operator.note(connection, "keys.add", at=new.created_at, details=details)
    return added, vouch.secret_of(settings, new.key_id) if KeyScope.SHARES in new.scopes else ""


def _origin(text: str) -> str:
    """Return a site as browsers name it in Origin (RFC 6454), or refuse what is more or less than that."""
    from digest.web.guard import origin_of

    origin = origin_of(text.rstrip("/").lower())
    if not origin or text.count("/") > 2 + text.endswith("/"):
        raise typer.BadParameter(f"{text!r} is no origin; write for example --origin https://www.example.kr")
    return origin


def _as_json(each: "SiteKey") -> dict[str, object]:
    key = each.key
    return {
        "name": key.name,
        "id": key.key_id,
        "scopes": key.scopes,
        "origins": key.origins,
        "created_at": key.created_at,
        "revoked_at": each.revoked_at,
    }
