"""Erasing: one person at once, and daily everybody whose period is over.

In: the settings (the key of the hashes, the folder of files) and the time. Out: how much was erased, in numbers. The
periods are those of `personal`. Each person is a transaction of their own, and erasing is idempotent: a pass that was
killed is carried on by the next, and two at once erase once. Where a mail is being handed over in that very moment the
person is left to the next pass.

Events: `reader.erased`, `retention.done`, in numbers only.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from digest.addresses import Address
from digest.config import Settings
from digest.database import Database, audit, counters, erasing, raw_mails, shares
from digest.database.erasing import Due, Erased
from digest.deliver.transports import OUTBOX_FOLDER
from digest.deliver.transports.outbox import remove_mails
from digest.events import event
from digest.hashes import address_hash
from digest.models.consents import ConsentWay, SuppressionReason
from digest.subscribe import personal

_AT_ONCE = 200
_COUNTERS_KEPT = timedelta(days=31)  # the longest window of a limit (`share.limits`)


@dataclass(frozen=True, slots=True)
class Done:
    """What a pass erased: people, addresses of ended deliveries' editions, mails of one person, networks, files."""

    people: int = 0
    editions: int = 0
    mails: int = 0
    networks: int = 0
    files: int = 0


async def erase(
    database: Database,
    settings: Settings,
    address: Address,
    *,
    how: ConsentWay,
    now: datetime,
    reason: SuppressionReason = SuppressionReason.ERASED,
) -> Erased:
    """Erase one address now, everywhere, and never write to it again unless its owner asks anew.

    Look at `on_the_wire`: then nothing was erased yet, and the next pass will; the reader is stopped already.
    """
    erased = await _erase(database, settings, Due(address, address_hash(settings, address), reason), how=how, now=now)
    if not erased.on_the_wire:
        for each in {str(address), *map(str, erased.addresses)}:
            remove_mails(settings.data_dir / OUTBOX_FOLDER, naming=each)
        await database.forget_erased()
    return erased


async def keep_periods(database: Database, settings: Settings, *, now: datetime) -> Done:
    """Erase everything whose period is over."""
    people = await _erase_people(database, settings, now=now)
    editions = await _empty_editions(database, now=now)
    mails = await _empty_singles(database, now=now)
    async with database.begin() as connection:
        networks = await erasing.forget_networks(connection, now - personal.NETWORK_KEPT)
        await audit.prune(connection, before=now - personal.AUDIT_KEPT)
        await counters.prune(connection, before=now - _COUNTERS_KEPT)
        await shares.expire(connection, now=now)
        await shares.forget(connection, before=now - personal.SHARE_KEPT)
        received = await raw_mails.prune(connection, before=now - personal.RAW_KEPT)
    files = remove_mails(settings.data_dir / OUTBOX_FOLDER, before=now - personal.OUTBOX_KEPT)
    done = Done(people, editions, mails + received, networks, files)
    if done != Done():
        await database.forget_erased()
        event("retention.done", people=people, editions=editions, mails=done.mails, networks=networks, files=files)
    return done


async def _erase_people(database: Database, settings: Settings, *, now: datetime) -> int:
    """Erase who is gone or never confirmed; whoever has a mail on the wire is left to the next pass."""
    async with database.begin() as connection:
        await erasing.drop_unconfirmed(connection, now=now)
    people, put_off = 0, set[str]()
    while True:
        async with database.read() as connection:
            due = await erasing.left_before(connection, now - personal.GONE_KEPT, limit=_AT_ONCE + len(put_off))
            due += await erasing.never_readers(
                connection, now - personal.UNCONFIRMED_KEPT, limit=_AT_ONCE + len(put_off)
            )
        fresh = [each for each in due if each.address.key not in put_off]
        if not fresh:
            return people
        for each in fresh:
            erased = await _erase(database, settings, each, how=ConsentWay.PERIOD, now=now)
            people += not erased.on_the_wire
            put_off.add(each.address.key)


async def _erase(database: Database, settings: Settings, due: Due, *, how: ConsentWay, now: datetime) -> Erased:
    due = replace(due, address_hash=due.address_hash or address_hash(settings, due.address))
    async with database.begin() as connection:
        erased = await erasing.erase(connection, due, how=how, at=now)
    if erased.rows:
        event("reader.erased", rows=erased.rows, reason=due.reason or "never confirmed")
    return erased


async def _empty_editions(database: Database, *, now: datetime) -> int:
    emptied = 0
    while True:
        async with database.read() as connection:
            edition_id = await erasing.ended_edition(connection, now - personal.ENDED_KEPT)
        if edition_id is None:
            return emptied
        after_id: int | None = 0
        while after_id is not None:
            async with database.begin() as connection:
                after_id = await erasing.empty_edition(connection, edition_id, after_id=after_id, at=now)
        emptied += 1


async def _empty_singles(database: Database, *, now: datetime) -> int:
    emptied = 0
    while True:
        async with database.begin() as connection:
            portion = await erasing.empty_singles(
                connection, now - personal.ENDED_KEPT, shares_before=now - personal.SHARE_KEPT
            )
        if portion == 0:
            return emptied
        emptied += portion
