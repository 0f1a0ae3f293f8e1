"""`digest subscribers show ADDRESS`: what a reader gets, when, and in which form, as they chose it."""

from typing import TYPE_CHECKING, Annotated

import typer

from digest import clock
from digest.operate.cli.room import with_database
from digest.operate.cli.terminal import AsJson, ExitCode, moment, pairs, print_json, problem, table

if TYPE_CHECKING:
    from digest.config import Settings
    from digest.database import Database
    from digest.models.readers import Choices, SlotChoice, Subscriber

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def show(
    address: Annotated[str, typer.Argument(help="The reader's mail address.")],
    as_json: AsJson = False,
) -> None:
    """Show what a reader chose. Exit code 1 if there is no such reader."""

    async def load(settings: "Settings", database: "Database") -> "tuple[Settings, Subscriber, Choices] | None":
        from digest import addresses
        from digest.database import choices, subscribers
        from digest.hashes import address_hash
        from digest.operate import operator

        parsed = addresses.parse(address)
        async with database.begin() as connection:
            await operator.note(
                connection, "subscribers.show", at=clock.utc_now(), whose=address_hash(settings, parsed)
            )
        async with database.read() as connection:
            found = await subscribers.find(connection, parsed)
            return None if found is None else (settings, found, await choices.load(connection, found.id))

    loaded = with_database(load)
    if loaded is None:
        problem(f"{address} is no reader.")
        raise typer.Exit(ExitCode.NO)
    settings, reader, chosen = loaded
    if as_json:
        print_json(_as_json(reader, chosen))
    else:
        _print(settings, reader, chosen)


def _as_json(reader: "Subscriber", chosen: "Choices") -> dict[str, object]:
    return {
        "id": reader.id,
        "address": str(reader.address),
        "state": reader.state,
        "language": chosen.language,
        "format": chosen.format,
        "headlines": chosen.headlines,
        "words": chosen.words,
        "paused_until": chosen.paused_until,
        "slots": [
            {"slot": each.slot, "days": _days(each), "hour": each.hour, "sections": each.sections}
            for each in chosen.slots
        ],
    }


def _print(settings: "Settings", reader: "Subscriber", chosen: "Choices") -> None:
    pairs(
        [
            ("id", str(reader.id)),
            ("state", reader.state),
            ("language", chosen.language),
            ("format", chosen.format),
            ("articles", "headlines only" if chosen.headlines else "with texts"),
            ("words", ", ".join(chosen.words) or "none"),
            ("paused until", moment(chosen.paused_until, settings.zone) if chosen.paused_until else "not paused"),
        ]
    )
    rows = [
        (
            each.slot,
            ",".join(_days(each)),
            "when it comes" if each.hour is None else f"{each.hour:02}:00",
            ", ".join(each.sections) or "all",
        )
        for each in chosen.slots
    ]
    table(("slot", "days", "not before", "sections"), rows)


def _days(choice: "SlotChoice") -> list[str]:
    return [name for number, name in enumerate(_DAYS) if choice.weekdays >> number & 1]
