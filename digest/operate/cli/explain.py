"""`digest explain`: why an address did, or did not, get a slot's latest edition, and what came back from or about it.

The reasoning is in `digest.operate.explain`; here it is only printed. Nothing is
changed but the audit log, because a reader's mails are looked at.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from digest import clock
from digest.operate.cli import inbound
from digest.operate.cli.room import slot_of, with_database
from digest.operate.cli.subscribers_show import standing_as_document, standing_in_words
from digest.operate.cli.terminal import AsJson, ExitCode, moment, print_json, problem, say

if TYPE_CHECKING:
    from digest.config import Settings
    from digest.database import Database
    from digest.database.notices import Standing
    from digest.models.inbound import StoredMail
    from digest.operate.explain import Explanation


def explain(
    address: Annotated[str, typer.Argument(help="The reader's mail address.")],
    slot: Annotated[str | None, typer.Option(help="Only this slot; without it every slot of EDITIONS.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say why an address did, or did not, get the latest edition.

    Exit code 1 when it came through no slot, and is not on its way.
    """
    from digest.operate.explain import Reached

    settings, found, came, standing = with_database(
        lambda settings, database: _explained(settings, database, address, slot)
    )
    if as_json:
        came_back = [inbound.as_document(each) for each in came]
        document = {"address": address, "explanations": [_as_json(each) for each in found], "came_back": came_back}
        print_json({**document, "notices": standing_as_document(standing) if standing else None})
    elif not found:
        problem("EDITIONS names no slot, so there is nothing to get.")
    else:
        for each in found:
            say(f"{each.slot}{f' (edition {each.edition_id})' if each.edition_id else ''}: {each.text}.")
            if each.todo:
                say(f"    {each.todo}")
    if came and not as_json:
        say("What came back (digest inbound show ID):")
        for mail in came:
            say(f"    {mail.id}  {moment(mail.received_at, settings.zone)}  {mail.outcome}  {mail.detail}".rstrip())
    for line in standing_in_words(standing, settings) if standing and not as_json else []:
        say(line)
    if all(each.reached is Reached.NO for each in found):
        raise typer.Exit(ExitCode.NO)


async def _explained(
    settings: "Settings", database: "Database", address: str, slot: str | None
) -> "tuple[Settings, list[Explanation], list[StoredMail], Standing | None]":
    from digest import addresses
    from digest.database import notices, raw_mails, subscribers
    from digest.deliver.feedback import SCORE_WINDOW
    from digest.hashes import address_hash
    from digest.operate import operator
    from digest.operate.explain import explain, gather

    parsed = addresses.parse(address)
    slots = settings.editions if slot is None else (slot_of(settings, slot),)
    async with database.begin() as connection:
        await operator.note(connection, "explain", at=clock.utc_now(), whose=address_hash(settings, parsed))
    async with database.read() as connection:
        found = [explain(await gather(connection, settings, parsed, each), settings.zone) for each in slots]
        subscriber = await subscribers.find(connection, parsed)
        reader = None if subscriber is None else subscriber.id
        came = await raw_mails.list_about(connection, parsed, reader)
        since = clock.utc_now() - SCORE_WINDOW
        standing = None if reader is None else await notices.standing(connection, reader, since=since)
    return settings, found, came, standing


def _as_json(each: "Explanation") -> dict[str, object]:
    return {
        "slot": each.slot,
        "edition_id": each.edition_id,
        "reached": each.reached,
        "reason": each.reason,
        "text": each.text,
        "todo": each.todo,
    }
