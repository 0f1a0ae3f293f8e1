"""APScheduler as the clock of one process: it says when to look, the database decides who acts.

In: the timetable's passes and the slots of the settings. Every worker runs the same jobs from a memory store; a shared
job store would fire every job in each of them (measured). A slot's job fires at its cut-off, computed from its planned
times in the newspaper's zone. A job that is late runs once, and a running one is not started again.

The library plans by the machine's clock and waits by another one. When the clock was a day ahead and is set right,
everything would stand still for that day; so the two are compared, and after a jump every job is planned anew.

Events: pass.postponed (the database is away: the next round tries again), pass.failed (not foreseen; an alert is
raised), clock.jumped.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from digest import events, schedule
from digest.clock import monotonic_seconds
from digest.database import alerts
from digest.errors import DatabaseUnavailableError, DigestError
from digest.models.editions import Slot
from digest.operate.house import House
from digest.operate.timetable import PASSES, editions

_JOB: dict[str, Any] = {"max_instances": 1, "coalesce": True, "misfire_grace_time": None}  # None: however late
_JUMP_SECONDS = 60.0


class CutoffTrigger(BaseTrigger):  # type: ignore[misc]  # the library has no types
    """Fires a slot's cut-off before each of its planned times."""

    def __init__(self, planned: CronTrigger, cutoff: timedelta) -> None:
        self.planned, self.cutoff = planned, cutoff

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """Return when the next cut-off is, given when the last one fired."""
        previous = None if previous_fire_time is None else previous_fire_time + self.cutoff
        planned: datetime | None = self.planned.get_next_fire_time(previous, now + self.cutoff)
        return None if planned is None else planned - self.cutoff


class Runner:
    """The scheduler of one process, and what of it is running at the moment."""

    def __init__(self, house: House, *, look_at_clock_seconds: float = 5.0) -> None:
        self._house = house
        self._look_at_clock_seconds = look_at_clock_seconds
        self._watching: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._maybe_alerted = {row.name for row in PASSES}  # also by an earlier process
        self._scheduler = AsyncIOScheduler(timezone=house.settings.zone)
        self._plan()

    def _plan(self) -> None:
        """Plan every job from now on, in the place of what was planned before."""
        jobs: list[tuple[str, BaseTrigger, list[Any]]] = [
            (row.name, IntervalTrigger(seconds=row.every_seconds), [row.name, row.act]) for row in PASSES
        ]
        jobs += [
            (f"slot:{slot.name}", _trigger(slot, self._house), ["editions", editions])
            for slot in self._house.settings.editions
        ]
        for id_, trigger, args in jobs:
            self._scheduler.add_job(self.run_safely, trigger, args=args, id=id_, replace_existing=True, **_JOB)

    def start(self) -> None:
        """Begin to fire; needs the running event loop."""
        self._scheduler.start()
        self._watching = asyncio.create_task(self._watch_clock())

    async def stop(self, *, grace_seconds: float) -> None:
        """Fire no more, and give running passes a moment to end by themselves (each is safe to be cut off).

        A worker that is stopped while it still looks at everything for the first time has not begun to fire.
        """
        if self._watching is not None:
            self._watching.cancel()
        if self._scheduler.running:
            self._scheduler.pause()
        if self._running:
            await asyncio.wait(self._running, timeout=grace_seconds)
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    async def _watch_clock(self) -> None:
        ahead = self._ahead()
        while True:
            await asyncio.sleep(self._look_at_clock_seconds)
            jumped = self._ahead() - ahead
            if abs(jumped) > _JUMP_SECONDS:
                events.warning("clock.jumped", seconds=round(jumped))
                ahead += jumped
                self._plan()

    def _ahead(self) -> float:
        """How far the machine's clock is ahead of the one that nobody can set."""
        return self._house.clock().timestamp() - monotonic_seconds()

    async def run_safely(self, name: str, act: Callable[[House], Awaitable[None]]) -> None:
        """Run a pass; whatever goes wrong in it stays in it."""
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            try:
                await act(self._house)
            except DatabaseUnavailableError:
                raise
            except Exception as error:
                events.failure("pass.failed", name=name, exc_info=error)
                await self._alert(name, error)
            else:
                await self._resolve(name)
        except DatabaseUnavailableError as error:
            events.warning("pass.postponed", name=name, why=str(error))
        finally:
            self._running.discard(task)

    async def _alert(self, name: str, error: Exception) -> None:
        # The words of a foreign error may hold a reader's address; they are in the log only.
        why = str(error) if isinstance(error, DigestError) else type(error).__name__
        text = f"The pass {name!r} failed ({why}). It is tried again; the log has the details."
        self._maybe_alerted.add(name)
        async with self._house.database.begin() as connection:
            await alerts.raise_alert(connection, f"pass:{name}", text, at=self._house.clock())

    async def _resolve(self, name: str) -> None:
        if name in self._maybe_alerted:
            async with self._house.database.begin() as connection:
                await alerts.resolve(connection, f"pass:{name}", at=self._house.clock())
            self._maybe_alerted.discard(name)


def _trigger(slot: Slot, house: House) -> CutoffTrigger:
    return CutoffTrigger(schedule.trigger(slot.crontab, house.settings.zone), slot.cutoff)
