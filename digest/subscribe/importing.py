"""Taking over a list of readers who agreed elsewhere: checked first, then added, every refused line with its reason.

In: the lines of a list (`lists`), what they shall get, and where the consent came from, in the operator's words. Out:
a `Plan` that can be shown before anything is written, and what `carry_out` made of it. Nobody is brought back: who
left, was stopped, never confirmed or is suppressed is refused (정보통신망법 제50조②), a reader stays as they are.
Each new reader gets a row in the ledger of consents in the same transaction, and the whole a row in the audit log.
Advertising counts as agreed to only with the day on which it was: the check every two years goes by it. A domain that
looks mistyped is named and imported as it stands: only the operator can tell.

Event: `readers.imported`, in numbers only.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from digest import addresses
from digest.addresses import Address
from digest.config import Settings
from digest.database import Database, audit, consents, imports
from digest.database.imports import NewReader
from digest.errors import BadAddressError
from digest.events import event
from digest.hashes import address_hash
from digest.models.consents import ConsentAct, ConsentWay, NewConsent
from digest.models.readers import Format, SubscriberState
from digest.subscribe import typos
from digest.subscribe.lists import Line

_AT_ONCE = 500
_SUPPRESSED = "must not be written to: bounced, complained, left for good or erased"
_REFUSED = {
    SubscriberState.LEFT: "left before; only they themselves may come back",
    SubscriberState.STOPPED: "was stopped after bounces or a complaint",
    SubscriberState.EXPIRED: "never confirmed",
    SubscriberState.PENDING: "has not confirmed yet",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What the readers of a list shall get, and why we may: `source` says where and when they agreed."""

    slots: tuple[str, ...]
    language: str
    format: Format
    source: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that is not imported, and why."""

    number: int
    address: str
    reason: str


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A line that is imported although its domain looks mistyped (`typos`), and the address that may be meant."""

    number: int
    address: Address
    meant: Address


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import would do. `new` are lines with their readers; `known` counts those who are readers already."""

    new: tuple[tuple[Line, NewReader], ...]
    known: int
    refused: tuple[Refused, ...]
    doubtful: tuple[Doubtful, ...]

    @property
    def reasons(self) -> Counter[str]:
        """How many lines are refused for each reason; what differs from line to line is one reason."""
        return Counter(
            "stands on an earlier line already" if "stands on" in r.reason else r.reason for r in self.refused
        )


async def check(
    database: Database, settings: Settings, lines: Sequence[Line], *, step: Callable[[int], None] = lambda _n: None
) -> Plan:
    """Look every line up and say what would become of it; writes nothing. `step` is told how many lines are through."""
    new: list[tuple[Line, NewReader]] = []
    refused: list[Refused] = []
    seen: dict[str, int] = {}
    known = 0
    for start in range(0, len(lines), _AT_ONCE):
        portion = lines[start : start + _AT_ONCE]
        readable = _readable(settings, portion, seen, refused)
        async with database.read() as connection:
            there = await imports.look_up(connection, [reader for _, reader in readable])
        for line, reader in readable:
            state = there.states.get(reader.address.key)
            if reader.address_hash in there.suppressed:
                refused.append(Refused(line.number, line.address, _SUPPRESSED))
            elif state in _REFUSED:
                refused.append(Refused(line.number, line.address, _REFUSED[state]))
            elif state is not None:
                known += 1
            else:
                new.append((line, reader))
        step(len(portion))
    return Plan(tuple(new), known, tuple(sorted(refused, key=lambda each: each.number)), _doubtful(new))


async def carry_out(
    database: Database,
    plan: Plan,
    wish: Wish,
    *,
    who: str,
    from_where: str,
    now: datetime,
    step: Callable[[int], None] = lambda _n: None,
) -> int:
    """Add the readers of a plan; return how many are new. Who was added, left or was suppressed meanwhile is let be."""
    added = 0
    async with database.begin() as connection:  # before anybody is added: an import may be cut short
        told: dict[str, object] = {"new": len(plan.new), "refused": len(plan.refused), "source": wish.source}
        await audit.note(connection, at=now, who=who, from_where=from_where, what="subscribers.import", details=told)
    for start in range(0, len(plan.new), _AT_ONCE):
        portion = plan.new[start : start + _AT_ONCE]
        async with database.begin() as connection:
            ids = await imports.add_all(
                connection,
                [reader for _, reader in portion],
                slots=wish.slots,
                language=wish.language,
                format=wish.format,
                consent=wish.source,
                at=now,
            )
            await consents.append_all(connection, _acts(portion, ids, wish, now))
        added += len(ids)
        step(len(portion))
    event("readers.imported", added=added, known=plan.known, refused=len(plan.refused))
    return added


def _readable(
    settings: Settings, portion: Sequence[Line], seen: dict[str, int], refused: list[Refused]
) -> list[tuple[Line, NewReader]]:
    """Return the lines with an address we can write to, each address once; the others go to `refused`."""
    readable = []
    for line in portion:
        reason = line.refused
        if not reason:
            try:
                address = addresses.parse(line.address)
            except BadAddressError as error:
                reason = error.why
            else:
                first = seen.setdefault(address.key, line.number)
                if first == line.number:
                    advert_at = line.since if line.advert else None
                    readable.append((line, NewReader(address, address_hash(settings, address), advert_at)))
                    continue
                reason = f"stands on line {first} already"
        refused.append(Refused(line.number, line.address, reason))
    return readable


def _doubtful(new: Sequence[tuple[Line, NewReader]]) -> tuple[Doubtful, ...]:
    """Each domain is looked at once: a list has the same few hundred again and again."""
    domains = {reader.address.domain: reader.address for _, reader in new}
    meant = {domain: offered.domain for domain, one in domains.items() if (offered := typos.offered(one))}
    return tuple(
        Doubtful(line.number, reader.address, Address(reader.address.local, meant[reader.address.domain]))
        for line, reader in new
        if reader.address.domain in meant
    )


def _acts(
    portion: Sequence[tuple[Line, NewReader]], ids: dict[str, int], wish: Wish, now: datetime
) -> list[NewConsent]:
    acts = []
    for line, reader in portion:
        subscriber_id = ids.get(reader.address.key)
        if subscriber_id is None:
            continue
        details: dict[str, object] = {"slots": list(wish.slots), "language": wish.language}
        if line.since:
            details["since"] = line.since.date().isoformat()
        both = (ConsentAct.IMPORTED, ConsentAct.ADVERT_GIVEN) if reader.advert_consent_at else (ConsentAct.IMPORTED,)
        acts += [
            NewConsent(
                reader.address,
                reader.address_hash,
                act,
                ConsentWay.IMPORT,
                now,
                subscriber_id=subscriber_id,
                source=wish.source,
                details=details,
            )
            for act in both
        ]
    return acts
