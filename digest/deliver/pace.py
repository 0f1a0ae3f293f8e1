"""Hear what providers say about our speed, and leave alone for a while those that ask for it.

A provider that says we are too fast (4.7.28 and its like) is stopped for ten minutes, one that defers ten mails in a
row for one minute; each time it comes again within an hour it lasts twice as long, an hour at most. After that it is
begun with one delivery at a time (`database.paces`). The others go on. A domain of no large provider that asks for it
becomes a provider of its own.

In: every outcome, from the lanes. The stop is stored in the background, for all workers. Bulk senders' rules: Google
answers 421 4.7.28 and wants at least ten minutes' rest.

Events: `provider.stopped`, `provider.recovered`, `provider.stop_not_stored`. Alert: `provider:NAME`.
"""

import asyncio
import re
from collections import Counter
from datetime import datetime, timedelta

from digest import limits
from digest.clock import Clock
from digest.config import Settings
from digest.database import Database, alerts, domains, paces
from digest.deliver.outcome import RATE_LIMITED, in_words
from digest.deliver.waiting import cancelled
from digest.errors import DatabaseUnavailableError
from digest.events import event, warning
from digest.models.deliveries import Delivery, DeliveryState, Outcome

_REST = timedelta(minutes=10)
_SHORT_REST = timedelta(minutes=1)
_LONGEST_REST = timedelta(hours=1)
_IN_A_ROW = 10
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


class Pacing:
    """What one worker heard of the providers."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._row: Counter[str] = Counter()  # put off in a row, by provider or domain
        self._storing: dict[str, asyncio.Task[None]] = {}

    def heard(self, delivery: Delivery, outcome: Outcome) -> None:
        """Learn from an outcome. Costs nothing to speak of when it is an acceptance."""
        who = delivery.provider or delivery.recipient.domain
        if outcome.state is DeliveryState.ACCEPTED:
            if self._row:
                del self._row[who]
        elif wants_rest(outcome):
            self._stop(delivery, outcome, who, _REST)
        elif is_put_off(outcome):
            self._row[who] += 1
            if self._row[who] >= _IN_A_ROW:
                self._stop(delivery, outcome, who, _SHORT_REST)

    async def finish(self, seconds: float) -> None:
        """Wait until everything is stored, but no longer than `seconds`."""
        tasks = set(self._storing.values())
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
            await cancelled(tasks)

    def _stop(self, delivery: Delivery, outcome: Outcome, who: str, rest: timedelta) -> None:
        self._row.pop(who, None)
        if who in self._storing:
            return  # another lane heard the same
        task = asyncio.create_task(self._store(delivery, outcome, rest))
        self._storing[who] = task
        task.add_done_callback(lambda _: self._storing.pop(who, None))

    async def _store(self, delivery: Delivery, outcome: Outcome, rest: timedelta) -> None:
        """Stop the provider, for all workers. If that fails the next mail that is put off comes to the same."""
        now, said = self._clock(), in_words(outcome.reply) if outcome.reply else ""
        domain = delivery.recipient.domain
        try:
            async with self._database.begin() as connection:
                provider = delivery.provider or await domains.make_own(connection, domain)
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
