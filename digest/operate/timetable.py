"""The timetable: every scheduled pass is one row here.

A pass is idempotent. Run twice, or on two machines at once, it changes nothing the second time, because the condition
stands in the database; the timetable only says how often somebody looks.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from digest.collect import collector
from digest.compose import editor
from digest.deliver import settle
from digest.errors import DatabaseUnavailableError
from digest.operate import notify
from digest.operate.house import House


@dataclass(frozen=True, slots=True)
class Pass:
    """An act that is run every so many seconds, never twice at once in one process."""

    name: str
    every_seconds: int
    act: Callable[[House], Awaitable[None]]


async def collect(house: House) -> None:
    """Fetch the sources that are due. Each source's own interval decides when it is."""
    await collector.collect_due(
        house.database, house.outbound, house.settings, clock=house.clock, owner=house.owner, reader=house.reader
    )


async def editions(house: House) -> None:
    """Open what the timetable of slots planned, and carry on every edition that waits.

    The scheduler opens each slot at its cut-off; this pass finds what was missed while the service was down, and what
    another worker left half done. A slot that cannot be opened stops no other; it is told in the end.
    """
    errors: list[Exception] = []
    for slot in house.settings.editions:
        try:
            await editor.open_due(house.database, house.settings, slot, clock=house.clock)
        except DatabaseUnavailableError:
            raise
        except Exception as error:
            errors.append(error)
    await editor.advance(house.database, house.settings, house.renderer, clock=house.clock)
    if errors:
        raise errors[0]


async def settle_deliveries(house: House) -> None:
    """Settle what dead workers left, what is past its deadline, and editions that are through."""
    await settle.settle(house.database, now=house.clock())


async def mail_alerts(house: House) -> None:
    """Mail the operator what needs a person, at most hourly per matter."""
    await notify.mail_alerts(house)


PASSES = (
    Pass("collect", 5, collect),
    Pass("editions", 20, editions),
    Pass("settle", 5, settle_deliveries),
    Pass("alerts", 60, mail_alerts),
)
