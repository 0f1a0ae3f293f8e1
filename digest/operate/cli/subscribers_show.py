"""`digest subscribers show ADDRESS`: what a reader gets, when, in which form; and what came back of their mails."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from digest import clock
from digest.operate.cli.room import with_database
from digest.operate.cli.terminal import AsJson, ExitCode, moment, pairs, print_json, problem, say, table

if TYPE_CHECKING:
    from digest.config import Settings
    from digest.database import Database
    from digest.database.notices import Standing
    from digest.models.consents import Suppression
    from digest.models.readers import Choices, SlotChoice, Subscriber

_WAYS = {"smtp": "the relay", "mail": "mail"}  # others are the names of webhooks
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def show(
    address: Annotated[str, typer.Argument(help="The reader's mail address.")],
    as_json: AsJson = False,
) -> None:
    """Show what a reader chose, and what came back of their mails. Exit code 1 if there is no such reader."""

    async def load(settings: "Settings", database: "Database") -> "_Loaded | None":
        from digest import addresses
        from digest.database import choices, notices, subscribers, suppressions
        from digest.deliver.feedback import SCORE_WINDOW
        from digest.hashes import address_hash
        from digest.operate import operator

        parsed = addresses.parse(address)
        async with database.begin() as connection:
            await operator.note(
                connection, "subscribers.show", at=clock.utc_now(), whose=address_hash(settings, parsed)
            )
        async with database.read() as connection:
            found = await subscribers.find(connection, parsed)
            if found is None:
                return None
            standing = await notices.standing(connection, found.id, since=clock.utc_now() - SCORE_WINDOW)
            chosen = await choices.load(connection, found.id)
            suppression = await suppressions.find(connection, address_hash(settings, parsed))
            return _Loaded(settings, found, chosen, standing, suppression)

    loaded = with_database(load)
    if loaded is None:
        problem(f"{address} is no reader.")
        raise typer.Exit(ExitCode.NO)
    if as_json:
        document = _as_json(loaded.reader, loaded.chosen)
        document["suppressed"] = loaded.suppression.reason if loaded.suppression else None
        print_json({**document, "came_back": standing_as_document(loaded.standing)})
    else:
        from digest.operate.explain import suppressed_in_words

        _print(loaded.settings, loaded.reader, loaded.chosen)
        if loaded.suppression:
            say(f"The address is {suppressed_in_words(loaded.suppression, loaded.settings.zone)}.")
        for line in standing_in_words(loaded.standing, loaded.settings):
            say(line)


@dataclass(frozen=True, slots=True)
class _Loaded:
    settings: "Settings"
    reader: "Subscriber"
    chosen: "Choices"
    standing: "Standing"
    suppression: "Suppression | None"


def standing_as_document(standing: "Standing") -> dict[str, object]:
    """Return what came back of a reader's mails, for programs."""
    return {
        "points": standing.score,
        "probed_at": standing.probed_at,
        "notices": [
            {
                "at": each.at,
                "class": each.kind,
                "cause": each.cause,
                "status": each.status,
                "way": each.way,
                "points": each.points,
            }
            for each in standing.said
        ],
    }


def standing_in_words(standing: "Standing", settings: "Settings") -> list[str]:
    """Return the same for people; nothing if nothing came back."""
    if not standing.said:
        return []
    from digest.deliver.feedback import PROBE_AT

    probed = f", tried on {moment(standing.probed_at, settings.zone)}" if standing.probed_at else ""
    lines = [f"Came back: {_points(standing.score)} of the {PROBE_AT} at which a mailbox is tried{probed}"]
    for each in standing.said:
        what = " ".join(filter(None, (each.kind, "" if each.cause == "unknown" else each.cause, each.status)))
        lines.append(
            f"    {moment(each.at, settings.zone)}  {what}  by {_WAYS.get(each.way, each.way)}, {_points(each.points)}"
        )
    return lines


def _points(number: int) -> str:
    return "1 point" if number == 1 else f"{number} points"


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
