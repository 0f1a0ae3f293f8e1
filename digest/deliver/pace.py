"""Hear what providers say about our speed, and leave alone for a while those that ask for it.

A provider that says we are too fast (4.7.28 and its like) is stopped for ten minutes, one that defers ten mails in a
row for one minute; each time it comes again within an hour it lasts twice as long, an hour at most. After that it is
begun with one delivery at a time (`database.paces`). The others go on. A domain of no large provider that asks for it
becomes a provider of its own.

The ten are those of all workers together: each counts in memory, and from its third in a row in the ledger, too
(`database.refusals`). So what is accepted, and what is put off now and then, costs no statement.

In: every outcome, from the lanes. The stop is stored in the background, for all workers. Bulk senders' rules: Google
answers 421 4.7.28 and wants at least ten minutes' rest.

Events: `provider.stopped`, `provider.recovered`, `provider.stop_not_stored`. Alert: `provider:NAME`.
"""

import asyncio
import re
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta

from digest import limits
from digest.clock import Clock
from digest.config import Settings
from digest.database import Database, alerts, domains, paces, refusals
from digest.deliver.outcome import RATE_LIMITED, in_words
from digest.deliver.waiting import cancelled
from digest.errors import DatabaseUnavailableError
from digest.events import event, warning
from digest.models.deliveries import Delivery, DeliveryState, Outcome

_REST = timedelta(minutes=10)
_SHORT_REST = timedelta(minutes=1)
_LONGEST_REST = timedelta(hours=1)
_IN_A_ROW = 10
_TOLD_FROM = 3
_TOLD_KEPT = 1000
_SLOWDOWN_CODES = frozenset({421, 450, 451})
_SAYS_TOO_FAST = re.compile(
    r"rate.?limit|too (?:many|much|fast|quick|frequent)|throttl|slow(?:ing)? down|exceeded .{0,40}(?:rate|limit|quota)"
    r"|unusual (?:rate|volume|amount)|unexpected volume|sending rate",
    re.IGNORECASE,
)
_MATTER = "provider:"


def wants_rest(outcome: Outcome) -> bool:
    """Whether the provider says that we are too fast. What it says of one mailbox (x.2.x) or the relay is not meant."""
    reply = outcome.reply
    if reply is None or outcome.state is not DeliveryState.DEFERRED:
        return False
    if reply.status == RATE_LIMITED:
        return True
    if reply.code not in _SLOWDOWN_CODES or outcome.relay_problem or outcome.mail_problem:
        return False
    return not reply.status.startswith("4.2.") and _SAYS_TOO_FAST.search(reply.text) is not None


def is_put_off(outcome: Outcome) -> bool:
    """Whether the provider said "not now" for a reason that may be the same for all: no full mailbox, not the relay."""
    reply = outcome.reply
    if reply is None or outcome.relay_problem or outcome.mail_problem or not 400 <= reply.code < 500:
        return False
    return reply.status[2:] != "2.2" and not (reply.code == 452 and not reply.status)


@dataclass(slots=True)
class _Row:
    """How many mails a provider or domain put off in a row, since when, and how many of them stand in the ledger."""

    since: datetime
    count: int = 0
    told: int = 0


class Pacing:
    """What one worker heard of the providers."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._rows: dict[str, _Row] = {}  # by provider or domain
        self._told: set[tuple[int, str]] = set()  # of whose rows all workers know, by edition
        self._storing: dict[str, asyncio.Task[None]] = {}

    def heard(self, delivery: Delivery, outcome: Outcome) -> None:
        """Learn from an outcome. Costs nothing to speak of when it is an acceptance."""
        who = delivery.provider or delivery.recipient.domain
        if outcome.state is DeliveryState.ACCEPTED:
            if self._rows:
                self._rows.pop(who, None)
        elif wants_rest(outcome):
            self._stop(delivery, outcome, who, _REST)
        elif is_put_off(outcome):
            row = self._rows.setdefault(who, _Row(self._clock()))
            row.count += 1
            if row.count >= _IN_A_ROW:
                self._stop(delivery, outcome, who, _SHORT_REST)
            elif row.count >= _TOLD_FROM and delivery.edition_id is not None:
                self._begin(f"count {who}", self._tell(delivery, outcome, who, delivery.edition_id, row))

    async def finish(self, seconds: float) -> None:
        """Wait until everything is stored, but no longer than `seconds`."""
        tasks = set(self._storing.values())
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
            await cancelled(tasks)

    def _stop(self, delivery: Delivery, outcome: Outcome, who: str, rest: timedelta) -> None:
        self._rows.pop(who, None)
        self._begin(f"stop {who}", self._store(delivery, outcome, who, rest))

    def _begin(self, what: str, act: Coroutine[None, None, None]) -> None:
        if what in self._storing:
            act.close()  # another lane heard the same; what is not counted now is with the next
            return
        task = asyncio.create_task(act)
        self._storing[what] = task
        task.add_done_callback(lambda _: self._storing.pop(what, None))

    async def _tell(self, delivery: Delivery, outcome: Outcome, who: str, edition_id: int, row: _Row) -> None:
        """Count for all workers what is not counted yet, and stop the provider when they have heard enough."""
        begins_anew = row.told == 0 and (edition_id, who) in self._told
        number = row.count - row.told
        row.told = row.count
        try:
            async with self._database.begin() as connection:
                counted = await refusals.count_put_off(
                    connection, edition_id, who, number, since=row.since, begins_anew=begins_anew
                )
                is_enough = counted.count >= _IN_A_ROW
                if is_enough and await refusals.is_taken_since(connection, edition_id, counted.since, at=who):
                    is_enough = False  # by another worker: what this one heard may still be a row
                    await refusals.count_put_off(
                        connection, edition_id, who, row.told, since=row.since, begins_anew=True
                    )
        except DatabaseUnavailableError as error:
            row.told -= number
            warning("provider.stop_not_stored", reason=str(error))
            return
        if len(self._told) >= _TOLD_KEPT:
            self._told.clear()
        self._told.add((edition_id, who))
        if is_enough:
            self._rows.pop(who, None)
            await self._store(delivery, outcome, who, _SHORT_REST)

    async def _store(self, delivery: Delivery, outcome: Outcome, who: str, rest: timedelta) -> None:
        """Stop the provider, for all workers. If that fails the next mail that is put off comes to the same."""
        now, said = self._clock(), in_words(outcome.reply) if outcome.reply else ""
        domain = delivery.recipient.domain
        try:
            async with self._database.begin() as connection:
                provider = delivery.provider or await domains.make_own(connection, domain)
                if delivery.edition_id is not None:
                    await refusals.forget_put_off(connection, delivery.edition_id, who)
                until = await paces.stop(connection, provider, now=now, first=rest, longest=_LONGEST_REST, reason=said)
                if until is None:
                    return
                minutes = round((until - now).total_seconds() / 60)
                text = (
                    f"{provider} is left alone for {minutes} minutes and then begun slowly, because it answered: "
                    f"{said}. It goes on by itself. A steady limit in PACE or WARM_UP keeps this from happening; "
                    f"how it stands: digest domains list"
                )
                await alerts.raise_alert(connection, f"provider:{provider}", text, at=now)
        except DatabaseUnavailableError as error:
            warning("provider.stop_not_stored", reason=str(error))
            return
        warning("provider.stopped", provider=provider, seconds=round((until - now).total_seconds()), reason=said)


async def tend(database: Database, settings: Settings, *, now: datetime) -> None:
    """Bring the stored limits in step with the settings and the day, and close alerts of providers that recovered.

    Recovered is who is not paused and was not stopped again for twenty minutes. Run by every worker every minute.
    """
    in_force = limits.in_force(settings.pace, settings.warm_up, now.astimezone(settings.zone).date())
    async with database.begin() as connection:
        stored: dict[str, limits.Limit] = {}
        for scope, limit in in_force.items():
            name = scope.removeprefix(_MATTER)
            if scope.startswith(_MATTER) and name:  # a domain may be learned to be another provider's
                scope = limits.provider_scope(await domains.make_own(connection, name))  # noqa: PLW2901
            stored.setdefault(scope, limit)
        await paces.keep_in_step(connection, stored)
        recovered = [
            pace.scope
            for pace in await paces.list_paces(connection)
            if pace.stopped_until is not None and pace.stopped_until + paces.RECOVERS_WITHIN <= now
            if pace.paused_at is None and await alerts.resolve(connection, pace.scope, at=now)
        ]
    for scope in recovered:
        event("provider.recovered", provider=scope.removeprefix(_MATTER))
