"""Times come back as they were stored, whatever the database keeps them as."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa

from digest.database import Database
from digest.database.tables import Instant, alerts, microseconds

pytestmark = pytest.mark.anyio
_SEOUL = timezone(timedelta(hours=9))
_TIMES = (
    datetime(2026, 11, 28, 7, 30, 0, 1, tzinfo=_SEOUL),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC),  # a billion seconds: the number gets a digit more
)


async def test_times_come_back_to_the_microsecond_and_in_their_order(database: Database) -> None:
    """Leases, deadlines and turns are compared by the database itself."""
    rows = [{"matter": str(at), "text": "", "first_at": at, "last_at": at, "count": 1} for at in _TIMES]
    async with database.begin() as connection:
        await connection.execute(sa.insert(alerts), rows)
    async with database.read() as connection:
        stored = (await connection.execute(sa.select(alerts.c.first_at).order_by(alerts.c.first_at))).scalars().all()
        early = await connection.scalar(sa.select(sa.func.count()).where(alerts.c.first_at < _TIMES[0]))
    assert stored == sorted(_TIMES)
    assert {at.utcoffset() for at in stored} == {timedelta(0)}
    assert early == 2


async def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    """It would be nine hours off, and nobody would see it."""
    with pytest.raises(sa.exc.StatementError, match="without a zone"):
        async with database.begin() as connection:
            await connection.execute(sa.update(alerts).values(first_at=datetime(2026, 11, 28)))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_sqlite_keeps_numbers(database: Database) -> None:
    """A time as text is 26 bytes, and a delivery has four."""
    async with database.begin() as connection:
        await connection.execute(
            sa.insert(alerts).values(matter="", text="", first_at=_TIMES[0], last_at=_TIMES[0], count=1)
        )
        kept = await connection.scalar(sa.select(sa.type_coerce(alerts.c.first_at, sa.Integer)))
    assert kept == microseconds(_TIMES[0]) == 1_795_818_600_000_001


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_our_tests_refuse_a_time_that_stands_beside_no_column(database: Database) -> None:
    """SQLite would compare it as text with numbers, and say nothing."""
    async with database.read() as connection:
        with pytest.raises(AssertionError, match="outside of its column"):
            await connection.execute(sa.select(sa.case((sa.true(), _TIMES[0]))))
        await connection.execute(sa.select(sa.case((sa.true(), sa.literal(_TIMES[0], Instant)))))
