"""`digest consent`: what the ledger of consents tells of an address, and its export for an inquiry.

`show` answers one person's question, or an authority's about one address, also when the address is erased: who names it
gets what its keyed hash stands with. `export` hands out many people's data, so it asks why, and both are written to the
audit log (개인정보의 안전성 확보조치 기준 제8조).
"""

import csv
import json
import sys
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from digest import clock
from digest.operate.cli.room import with_database
from digest.operate.cli.terminal import AsJson, ExitCode, moment, print_json, problem, say, table

if TYPE_CHECKING:
    from digest.config import Settings
    from digest.database import Database
    from digest.database.advert_checks import DueCheck
    from digest.models.consents import Consent, Suppression

app = typer.Typer(
    help="The ledger of consents: one address, who is due for a check, export for an inquiry.", no_args_is_help=True
)

_HEADS = (
    "id", "at", "act", "how", "address", "address_hash", "text_version", "text_hash", "source", "network", "details",
)  # fmt: skip


@app.command()
def show(
    address: Annotated[str, typer.Argument(help="The mail address.")],
    texts: Annotated[bool, typer.Option("--texts", help="Print the wording that was agreed to as well.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show everything that was agreed to and taken back for an address. Exit code 1 if there is nothing."""

    async def act(
        settings: "Settings", database: "Database"
    ) -> "tuple[Settings, list[Consent], Suppression | None, dict[str, str]]":
        from digest import addresses
        from digest.database import consents, suppressions
        from digest.hashes import address_hash
        from digest.operate import operator

        hashed = address_hash(settings, addresses.parse(address))
        async with database.begin() as connection:
            found = await consents.of_address(connection, hashed)
            suppressed = await suppressions.find(connection, hashed)
            bodies = {each.text_hash: await consents.text_of(connection, each.text_hash) or "" for each in found}
            await operator.note(connection, "consent.show", at=clock.utc_now(), whose=hashed)
        return settings, found, suppressed, bodies

    settings, found, suppressed, bodies = with_database(act)
    if as_json:
        ruled_out = None if suppressed is None else {"reason": suppressed.reason, "at": suppressed.at}
        told = {"texts": {text_hash: body for text_hash, body in bodies.items() if text_hash}} if texts else {}
        print_json({"suppressed": ruled_out, "consents": [_as_row(each) for each in found], **told})
    else:
        _print(settings, found, suppressed, bodies if texts else {})
    if not found and suppressed is None:
        problem("The ledger knows nothing of this address.")
        raise typer.Exit(ExitCode.NO)


def _print(
    settings: "Settings", found: "list[Consent]", suppressed: "Suppression | None", bodies: dict[str, str]
) -> None:
    rows = [
        (moment(c.at, settings.zone), c.act, c.how, c.source, _text(c, bodies), c.network, _details(c)) for c in found
    ]
    if rows:
        table(("when", "what", "how", "from", "text", "network", "details"), rows)
    for text_hash, body in bodies.items():
        say(f"Text {text_hash[:12]}:\n{body or '(not kept)'}\n" if text_hash else "")
    if suppressed is not None:
        say(f"Must not be written to ({suppressed.reason}) since {moment(suppressed.at, settings.zone)}.")


def _text(each: "Consent", bodies: dict[str, str]) -> str:
    """The version of what was agreed to; with the beginning of its hash where the wording stands below."""
    is_below = each.text_hash and each.text_hash in bodies
    return f"{each.text_version} {each.text_hash[:12]}" if is_below else each.text_version


@app.command()
def due(
    days: Annotated[int, typer.Option(min=0, max=366, help="Whose two years end within so many days.")] = 30,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show whose consent to adverts is due for its two-yearly check (정보통신망법 제50조⑧).

    The worker tells them by itself, 30 days ahead.
    """

    async def act(settings: "Settings", database: "Database") -> "tuple[Settings, list[DueCheck]]":
        from digest.database import advert_checks
        from digest.operate import operator
        from digest.subscribe.advert_checks import due_before

        before = due_before(settings, clock.utc_now(), within=timedelta(days=days))
        async with database.begin() as connection:
            found = await advert_checks.list_due(connection, before=before, limit=limit)
            told: dict[str, object] = {"days": days, "shown": len(found)}
            await operator.note(connection, "consent.due", at=clock.utc_now(), details=told)
        return settings, found

    settings, found = with_database(act)
    if as_json:
        heads = ("subscriber_id", "consent_at", "checked_at")
        print_json([{"address": str(each.address)} | {head: getattr(each, head) for head in heads} for each in found])
        return
    if not found:
        say(f"Nobody is due within {days} days.")
        return
    table(
        ("reader", "agreed", "last checked"),
        [(str(c.address), moment(c.consent_at, settings.zone), moment(c.checked_at, settings.zone)) for c in found],
    )


@app.command()
def export(
    reason: Annotated[str, typer.Option(help="Who asked for it, and why. Written to the audit log.")],
    since: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The first day, in the newspaper's zone.")],
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The last day; without it today.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="Where to; without it to standard output.")] = None,
) -> None:
    """Write all rows of the ledger between two days as CSV, oldest first."""
    if not reason.strip():
        raise typer.BadParameter("Say who asked for it, and why.", param_hint="--reason")
    if until is not None and until < since:
        raise typer.BadParameter("The last day lies before the first.", param_hint="--until")
    from digest.operate.writing import private_file

    async def act(settings: "Settings", database: "Database") -> int:
        from digest.database import consents
        from digest.operate import operator

        first = datetime.combine(since.date(), time(), settings.zone)
        last: date = (until or clock.utc_now().astimezone(settings.zone)).date()
        end = datetime.combine(last + timedelta(days=1), time(), settings.zone)
        told: dict[str, object] = {"reason": reason.strip(), "since": str(since.date()), "until": str(last)}
        async with database.begin() as connection:  # noted before a byte is handed out
            await operator.note(connection, "consent.export", at=clock.utc_now(), details=told)
        written = 0
        with private_file(file) if file else _standard_output() as stream:
            writer = csv.writer(stream)
            writer.writerow(_HEADS)
            async with database.read() as connection:
                async for each in consents.export(connection, first.astimezone(UTC), end.astimezone(UTC)):
                    writer.writerow(_cells(each))
                    written += 1
        return written

    written = with_database(act)
    if file:
        say(f"{written} rows written to {file}. It holds personal data: remove it when it has served.")


def _standard_output() -> AbstractContextManager[TextIO]:
    return nullcontext(sys.stdout)


def _as_row(each: "Consent") -> dict[str, object]:
    return {head: getattr(each, head) for head in _HEADS}


def _cells(each: "Consent") -> list[str]:
    from digest.subscribe.lists import safe_cell

    row = _as_row(each) | {"at": each.at.isoformat(timespec="seconds"), "details": _details(each)}
    return [safe_cell("" if row[head] is None else str(row[head])) for head in _HEADS]


def _details(each: "Consent") -> str:
    return json.dumps(each.details, ensure_ascii=False, sort_keys=True) if each.details else ""
