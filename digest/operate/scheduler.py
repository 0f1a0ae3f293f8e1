"""APScheduler as the clock of one process: it says when to look, the database decides who acts.

In: the timetable's passes and the slots of the settings. Every worker runs the same jobs from a memory store; a shared
job store would fire every job in each of them (measured). A slot's job fires at its cut-off, computed from its planned
times in the newspaper's zone. A job that is late runs once, and a running one is not started again.

Events: pass.postponed (the database is away: the next round tries again), pass.failed (not foreseen; an alert is
raised).
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
from digest.database import alerts
from digest.errors import DatabaseUnavailableError
from digest.models import Slot
from digest.operate.house import House
from digest.operate.timetable import PASSES, editions

_JOB: dict[str, Any] = {"max_instances": 1, "coalesce": True, "misfire_grace_time": None}  # None: however late


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

    def __init__(self, house: House) -> None:
        self._house = house
        self._running: set[asyncio.Task[None]] = set()
        self._maybe_alerted = {row.name for row in PASSES}  # also by an earlier process
        self._scheduler = AsyncIOScheduler(timezone=house.settings.zone)
        for row in PASSES:
            self._scheduler.add_job(
                self.run_safely,
                IntervalTrigger(seconds=row.every_seconds),
                args=[row.name, row.act],
                id=row.name,
                **_JOB,
            )
        for slot in house.settings.editions:
            self._scheduler.add_job(
                self.run_safely, _trigger(slot, house), args=["editions", editions], id=f"slot:{slot.name}", **_JOB
            )

    def start(self) -> None:
        """Begin to fire; needs the running event loop."""
        self._scheduler.start()

    async def stop(self, *, grace_seconds: float) -> None:
        """Fire no more, and give running passes a moment to end by themselves (each is safe to be cut off)."""
        self._scheduler.pause()
        if self._running:
            await asyncio.wait(self._running, timeout=grace_seconds)
        self._scheduler.shutdown(wait=False)

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
        text = (
            f"The pass {name!r} failed ({type(error).__name__}: {error}). It is tried again; the log has the details."
        )
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
