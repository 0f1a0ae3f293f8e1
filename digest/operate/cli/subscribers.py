"""`digest subscribers`: add readers who agreed elsewhere, list them, take one off.

Where the consent came from must be said when adding: it is stored with the reader and is the proof that the law asks
for (정보통신망법 제50조). A reader who left is not brought back by adding the same list again. Addresses are shown to
the operator who types them; logs never hold them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from digest import clock
from digest.models.readers import Format, SubscriberState
from digest.operate.cli import subscribers_show
from digest.operate.cli.room import slot_of, with_database
from digest.operate.cli.terminal import AsJson, ExitCode, moment, note, print_json, problem, say, steps, table

if TYPE_CHECKING:
    from datetime import datetime

    from digest.config import Settings
    from digest.database import Connection, Database
    from digest.models.readers import Subscriber
    from digest.subscribe.unsubscribe import Left

app = typer.Typer(help="Readers: add those who agreed elsewhere, list, remove.", no_args_is_help=True)
app.command()(subscribers_show.show)

_AT_ONCE = 50  # addresses a transaction, so that others may write in between
_PAGE = 1000
_SHOWN_LETTERS = 80
_STAYS = {
    SubscriberState.LEFT: "left before; this consent is the one they left with",
    SubscriberState.STOPPED: "was stopped after bounces or a complaint; this consent is not a new one",
    SubscriberState.EXPIRED: "never confirmed; this consent is not a new one",
    SubscriberState.PENDING: "has not confirmed yet",
    SubscriberState.PAUSED: "has paused, and stays so",
}


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the given addresses shall be subscribed to, and why we may."""

    slots: tuple[str, ...]
    language: str
    format: Format
    consent: str


@dataclass(frozen=True, slots=True)
class _Added:
    """What came of one given address: `new`, `known`, or why it was refused."""

    given: str
    new: bool = False
    refused: str = ""


@app.command()
def add(
    address: Annotated[list[str] | None, typer.Argument(help="One or more mail addresses.", show_default=False)] = None,
    *,
    consent: Annotated[str, typer.Option(help="Where and when they agreed, in your words. Kept as the proof.")],
    file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="More of them, one a line; # begins a comment.")
    ] = None,
    slot: Annotated[
        list[str] | None, typer.Option(help="What they get; may be repeated. Needed if EDITIONS names several.")
    ] = None,
    language: Annotated[Literal["ko", "en"] | None, typer.Option(help="Without it the newspaper's.")] = None,
    format_: Annotated[Format, typer.Option("--format", help="html (with a text part) or text alone.")] = Format.HTML,
) -> None:
    """Add readers who agreed. Each refused address is told with its reason; exit code 1 if there was one."""
    given = [*(address or ()), *(_lines(file) if file else ())]
    if not given:
        raise typer.BadParameter("Name an address, or a file of them with --file.")
    if not consent.strip():
        raise typer.BadParameter("Say where the consent came from.", param_hint="--consent")

    async def act(settings: "Settings", database: "Database") -> list[_Added]:
        wish = _Wish(slots_of(settings, slot), language or settings.language, format_, consent.strip())
        return await _add_all(database, settings, given, wish)

    results = with_database(act)
    refused = [each for each in results if each.refused]
    for each in refused:
        problem(f"{each.given[:_SHOWN_LETTERS]}: {each.refused}")
    new = sum(each.new for each in results)
    say(f"{new} added, {len(results) - new - len(refused)} known before, {len(refused)} refused.")
    if refused:
        raise typer.Exit(ExitCode.NO)


@app.command("list")
def list_(
    state: Annotated[SubscriberState | None, typer.Option(help="Only those in this state.")] = None,
    slot: Annotated[str | None, typer.Option(help="Only those who get this slot.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000_000, help="At most so many, in the order they came.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List readers in the order they came."""

    async def load(
        settings: "Settings", database: "Database"
    ) -> "tuple[Settings, list[Subscriber], dict[SubscriberState, int]]":
        from digest.database import subscribers
        from digest.operate import operator

        told: dict[str, object] = {"state": state, "slot": slot, "limit": limit}
        async with database.begin() as connection:
            await operator.note(connection, "subscribers.list", at=clock.utc_now(), details=told)
        async with database.read() as connection:
            return settings, await _list(connection, state, slot, limit), await subscribers.count_by_state(connection)

    settings, found, counts = with_database(load)
    if as_json:
        total = {each.value: counts.get(each, 0) for each in SubscriberState}
        print_json({"by_state": total, "subscribers": [_as_json(each) for each in found]})
        return
    rows = [
        (
            s.id,
            s.address,
            s.state,
            ", ".join(s.slots),
            s.language,
            s.format,
            moment(s.created_at, settings.zone),
            s.consent,
        )
        for s in found
    ]
    table(("id", "address", "state", "slots", "language", "format", "since", "consent"), rows)
    say(", ".join(f"{number} {each}" for each, number in sorted(counts.items())) or "Nobody subscribes yet.")
    if len(found) == limit:
        note(f"Only the first {limit} are shown; --limit shows more.")


@app.command()
def remove(address: Annotated[str, typer.Argument(help="The reader's mail address.")]) -> None:
    """Take a reader off who asked for it: nothing more is sent, mails already waiting included.

    A last mail tells them the result, as the law asks (정보통신망법 제50조⑦). Exit code 1 if there is no such reader.
    The row stays, so that adding an old list again does not bring the reader back.
    """

    async def act(settings: "Settings", database: "Database") -> "Left | None":
        from digest import addresses
        from digest.compose.render import Renderer
        from digest.database import subscribers
        from digest.hashes import address_hash
        from digest.operate import operator
        from digest.subscribe import unsubscribe

        parsed, now = addresses.parse(address), clock.utc_now()
        async with database.begin() as connection:
            found = await subscribers.find(connection, parsed)
            await operator.note(connection, "subscribers.remove", at=now, whose=address_hash(settings, parsed))
        if found is None:
            return None
        renderer = Renderer(settings.templates_dir)
        return await unsubscribe.take_off(database, settings, renderer, found.id, now=now)

    left = with_database(act)
    if left is None or not left.changed:
        problem(f"{address} is no reader now, so nothing is sent there anyway.")
        raise typer.Exit(ExitCode.NO)
    given_up = f" {left.dropped} waiting mail(s) were given up." if left.dropped else ""
    say(f"{address} gets nothing more but the notice of it.{given_up}")


def _lines(file: Path) -> list[str]:
    # Whatever the encoding is, addresses are ASCII: a line that is not is refused with its reason.
    text = file.read_text(encoding="utf-8-sig", errors="replace")
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in lines if line]


def slots_of(settings: "Settings", names: list[str] | None) -> tuple[str, ...]:
    """Return the slots that were named, or the only one there is."""
    if names:
        return tuple(slot_of(settings, name).name for name in names)
    if len(settings.editions) != 1:
        known = ", ".join(slot.name for slot in settings.editions) or "EDITIONS names none"
        raise typer.BadParameter(f"Say what they get ({known}).", param_hint="--slot")
    return (settings.editions[0].name,)


async def _add_all(database: "Database", settings: "Settings", given: list[str], wish: _Wish) -> list[_Added]:
    from digest.operate import operator

    now = clock.utc_now()
    results: list[_Added] = []
    told: dict[str, object] = {"given": len(given), "consent": wish.consent}
    async with database.begin() as connection:
        await operator.note(connection, "subscribers.add", at=now, details=told)
    batches = [given[start : start + _AT_ONCE] for start in range(0, len(given), _AT_ONCE)]
    for batch in steps(batches, "Adding readers"):
        async with database.begin() as connection:
            results += [await _add_one(connection, settings, each, wish, now) for each in batch]
    return results


async def _add_one(connection: "Connection", settings: "Settings", given: str, wish: _Wish, now: "datetime") -> _Added:
    from digest import addresses
    from digest.database import consents, subscribers
    from digest.errors import BadAddressError, SuppressedError
    from digest.hashes import address_hash
    from digest.models.consents import ConsentAct, ConsentWay, NewConsent

    try:
        parsed = addresses.parse(given)
    except BadAddressError as error:
        return _Added(given, refused=error.why)
    known, hashed = await subscribers.find(connection, parsed), address_hash(settings, parsed)
    try:
        found = await subscribers.add(
            connection,
            parsed,
            slots=wish.slots,
            language=wish.language,
            format=wish.format,
            consent=wish.consent,
            at=now,
            address_hash=hashed,
        )
    except SuppressedError:
        return _Added(given, refused="must not be written to: bounced, complained, left for good or erased")
    if found.state is SubscriberState.ACTIVE and (known is None or known.consent != found.consent):
        act = NewConsent(
            parsed,
            hashed,
            ConsentAct.IMPORTED,
            ConsentWay.COMMAND,
            now,
            subscriber_id=found.id,
            source=wish.consent,
            details={"slots": list(wish.slots), "language": wish.language},
        )
        await consents.append(connection, act)
    return _Added(given, new=known is None, refused=_STAYS.get(found.state, ""))


async def _list(
    connection: "Connection", state: SubscriberState | None, slot: str | None, limit: int
) -> "list[Subscriber]":
    from digest.database import subscribers

    found: list[Subscriber] = []
    after_id = 0
    while len(found) < limit:
        page = await subscribers.list_subscribers(connection, limit=_PAGE, after_id=after_id, state=state)
        found += [each for each in page if slot is None or slot in each.slots]
        if len(page) < _PAGE:
            break
        after_id = page[-1].id
    return found[:limit]


def _as_json(each: "Subscriber") -> dict[str, object]:
    return {
        "id": each.id,
        "address": each.address,
        "state": each.state,
        "slots": each.slots,
        "language": each.language,
        "format": each.format,
        "consent": each.consent,
        "created_at": each.created_at,
        "left_at": each.left_at,
    }
