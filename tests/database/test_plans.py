"""The statements of a worker go along indexes, at a size where a planner would know better if it could.

Many thousand deliveries of an earlier edition are settled, as many of the present one wait. Each statement is explained
by its own database with the values it was given. Only what walks over a whole table, or sorts what waits, is a fault;
which index it is, is the planner's business.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
import sqlalchemy as sa

from digest.database import Database, attempts, deliveries, domains, leaving, results, walks
from digest.database.connection import PlainConnection
from digest.database.results import Result
from digest.database.tables import delivery_id, editions
from digest.models.deliveries import DeliveryState, DropReason, Lane, Outcome, Reply
from tests.support import ledger
from tests.support.clock import StoppedClock

pytestmark = pytest.mark.anyio

_MORE = 20_000
_Statements = list[tuple[str, object]]
_ADD = """
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
INSERT INTO deliveries (id, message_id, edition_id, subscriber_id, recipient, domain, provider, lane, state, in_turn,
                        created_at, due_at, deadline_at)
SELECT CAST({edition} AS BIGINT) * 134217728 + 1000 + n, d.message_id, {edition}, 1000 + n,
       'r' || n || '@b.example', 'b.example', '', d.lane, '{state}', {in_turn}, d.created_at, d.due_at, d.deadline_at
FROM numbers CROSS JOIN deliveries AS d WHERE d.id = {like}
"""


async def _explained(
    database: Database,
    clock: StoppedClock,
    act: Callable[[PlainConnection, list[int]], object],
    *,
    only: str = "deliveries",
    is_analysed: bool = True,
) -> str:
    """Return the plans of the statements of `act` that hold `only`; it is given what "a" has claimed."""
    await _fill(database, clock, is_analysed=is_analysed)
    statements: _Statements = []

    def run(connection: PlainConnection) -> None:
        until = clock() + timedelta(seconds=30)
        claimed = attempts.claim_due(connection, owner="a", lane=Lane.BULK, now=clock(), lease_until=until, limit=3)
        sa.event.listen(connection, "before_cursor_execute", partial(_note, statements))
        act(connection, [delivery.id for delivery in claimed.deliveries])

    async with database.begin() as connection:
        await connection.run_sync(run)
    return await _plans(database, [each for each in statements if only in each[0]])


async def _fill(database: Database, clock: StoppedClock, *, is_analysed: bool = True) -> int:
    """Make three editions of many thousand: one settled, one put off, one in turn; return the put off one's id."""
    edition = await ledger.make_edition(database, at=clock(), readers=3)
    await ledger.set_deliveries(database)
    walked = await ledger.make_edition(database, at=clock(), readers=3, slot="evening")
    earlier = edition.id + 1000
    async with database.begin() as connection:
        for number, state, in_turn in (
            (earlier, "accepted", False),
            (edition.id, "queued", False),
            (walked.id, "queued", True),
        ):
            words = _ADD.format(count=_MORE, edition=number, state=state, in_turn=in_turn, like=edition.delivery_ids[0])
            await connection.exec_driver_sql(words)
        if is_analysed:
            await connection.exec_driver_sql("ANALYZE")
    return edition.id


def _note(
    noted: _Statements, _connection: object, _cursor: object, statement: str, parameters: object, *_: object
) -> None:
    noted.append((statement, parameters))


async def _plans(database: Database, statements: _Statements) -> str:
    word = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
    async with database.begin() as connection:
        plans = [
            (await connection.exec_driver_sql(f"{word} {statement}", parameters)).all()  # type: ignore[arg-type]  # as the driver was given them
            for statement, parameters in statements
            if not isinstance(parameters, list)
        ]
    assert plans
    return "\n".join(row[-1] for plan in plans for row in plan)


def _claim(clock: StoppedClock) -> Callable[[PlainConnection, list[int]], object]:
    def act(connection: PlainConnection, _ids: list[int]) -> object:
        until = clock() + timedelta(seconds=30)
        return attempts.claim_due(connection, owner="b", lane=Lane.BULK, now=clock(), lease_until=until, limit=250)

    return act


def _walk(clock: StoppedClock) -> Callable[[PlainConnection, list[int]], object]:
    def act(connection: PlainConnection, _ids: list[int]) -> object:
        until = clock() + timedelta(seconds=30)
        edition_id = connection.execute(sa.select(sa.func.max(editions.c.id))).scalar_one()
        about = {"owner": "b", "lease_until": until, "limit": 250, "allowed": None}
        claimed = walks.take(connection, edition_id, now=clock(), **about)
        assert len(claimed) == 250
        return claimed

    return act


def _is_due(clock: StoppedClock) -> Callable[[PlainConnection, list[int]], object]:
    def act(connection: PlainConnection, _ids: list[int]) -> object:
        edition_id = connection.execute(sa.select(sa.func.max(editions.c.id))).scalar_one()
        return walks.is_due(connection, edition_id, delivery_id(edition_id, 0), now=clock(), allowed=None)

    return act


def _claim_shares(clock: StoppedClock) -> Callable[[PlainConnection, list[int]], object]:
    def act(connection: PlainConnection, _ids: list[int]) -> object:
        until = clock() + timedelta(seconds=30)
        return attempts.claim_due(connection, owner="b", lane=Lane.SHARE, now=clock(), lease_until=until, limit=250)

    return act


def _mark(clock: StoppedClock) -> Callable[[PlainConnection, list[int]], object]:
    def act(connection: PlainConnection, ids: list[int]) -> object:
        return attempts.mark_attempting(connection, ids, owner="a", now=clock(), lease_until=clock())

    return act


def _record(clock: StoppedClock) -> Callable[[PlainConnection, list[int]], object]:
    outcome = Outcome(DeliveryState.ACCEPTED, Reply(250, "2.0.0", "Ok"))

    def act(connection: PlainConnection, ids: list[int]) -> object:
        noted = [Result(id_, DeliveryState.ACCEPTED, outcome, ended_at=clock()) for id_ in ids]
        return results.record(connection, noted, owner="a")

    return act


def _give_back(_clock: StoppedClock) -> Callable[[PlainConnection, list[int]], object]:
    return lambda connection, ids: attempts.give_back(connection, ids, owner="a")


def _renew(clock: StoppedClock) -> Callable[[PlainConnection, list[int]], object]:
    return lambda connection, ids: attempts.renew_leases(connection, ids, owner="a", lease_until=clock())


async def test_a_worker_never_walks_over_all_deliveries(database: Database, clock: StoppedClock) -> None:
    """Many times a second, beside years of deliveries: claim, mark, result, giving back, renewing."""
    acts = [making(clock) for making in (_claim, _walk, _mark, _record, _give_back, _renew)]

    def act(connection: PlainConnection, ids: list[int]) -> None:
        for each in acts:
            each(connection, ids)

    plan = await _explained(database, clock, act)
    assert "Seq Scan on deliveries" not in plan
    assert "SCAN deliveries" not in plan


async def test_a_claim_takes_the_first_due_without_sorting_what_waits(database: Database, clock: StoppedClock) -> None:
    """The index of what waits has them in that order: a claim of 250 looks at 250."""
    plan = await _explained(database, clock, _claim(clock), only="UPDATE deliveries")
    assert "ix_deliveries_waiting" in plan
    assert "Sort Key: deliveries" not in plan
    assert "TEMP B-TREE FOR ORDER BY" not in plan


async def test_leaving_finds_what_waits_for_one_reader_by_an_index(database: Database, clock: StoppedClock) -> None:
    """A click on a link must not look at everybody's mail."""
    edition = await ledger.make_edition(database, at=clock(), readers=3)
    statements: list[tuple[str, object]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: object, _context: object, _many: bool) -> None:
        statements.append((statement, parameters))

    async with database.begin() as connection:
        words = _ADD.format(count=_MORE, edition=edition.id, state="queued", in_turn=True, like=edition.delivery_ids[0])
        await connection.exec_driver_sql(words)
        await connection.exec_driver_sql("ANALYZE")
        sa.event.listen(database.engine.sync_engine, "before_cursor_execute", note)
        await deliveries.drop_for_subscriber(connection, edition.subscriber_ids[0], reason=DropReason.LEFT, at=clock())
        sa.event.remove(database.engine.sync_engine, "before_cursor_execute", note)
        word = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
        plan = "\n".join(
            [
                row[-1]
                for statement, parameters in statements
                for row in (await connection.exec_driver_sql(f"{word} {statement}", parameters)).all()  # type: ignore[arg-type]  # as above
            ]
        )
    assert "Seq Scan on deliveries" not in plan
    assert "SCAN deliveries" not in plan


async def test_leaving_looks_at_their_mails_alone_before_the_table_is_analysed(
    database: Database, clock: StoppedClock
) -> None:
    """In the minute after a release, when most readers leave: PostgreSQL went through all that waits for each group."""
    leave = lambda connection, _: leaving.leave(connection, range(1000, 1020), at=clock())  # noqa: E731
    plan = await _explained(database, clock, leave, is_analysed=False)
    assert "pk_deliveries" in plan or "SEARCH deliveries USING INTEGER PRIMARY KEY (rowid=?)" in plan
    assert "Seq Scan on deliveries" not in plan
    assert "SCAN deliveries" not in plan


async def test_the_walk_goes_along_the_key_before_the_table_is_analysed(
    database: Database, clock: StoppedClock
) -> None:
    """In the minute after a release each claim sorted all that was left of the edition: 36,000 deliveries for 200."""
    await _fill(database, clock, is_analysed=False)
    statements: _Statements = []

    def walk_and_look(connection: PlainConnection) -> str:
        sa.event.listen(connection, "before_cursor_execute", partial(_note, statements))
        _walk(clock)(connection, [])
        _is_due(clock)(connection, [])
        asked = [each for each in statements if "FROM deliveries" in each[0]]
        word = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
        plans = [connection.exec_driver_sql(f"{word} {words}", given).all() for words, given in asked]  # type: ignore[arg-type]  # as above
        return "\n".join(row[-1] for plan in plans for row in plan)

    async with database.begin() as connection:
        plan = await connection.run_sync(walk_and_look)
    assert "pk_deliveries" in plan or "SEARCH deliveries USING INTEGER PRIMARY KEY" in plan
    for sign in ("Sort", "Bitmap", "Seq Scan on deliveries", "SCAN deliveries", "TEMP B-TREE"):
        assert sign not in plan


async def test_postgresql_is_told_how_deliveries_are_used(database: Database) -> None:
    """A fifth of years of deliveries is too late to vacuum, and no single mail may get the number of an edition's."""
    if database.is_sqlite:
        pytest.skip("SQLite has neither")
    async with database.read() as connection:
        options = await connection.scalar(sa.text("SELECT reloptions FROM pg_class WHERE relname = 'deliveries'"))
        most = await connection.scalar(
            sa.text("SELECT seqmax FROM pg_sequence WHERE seqrelid = 'deliveries_id_seq'::regclass")
        )
    assert "autovacuum_vacuum_scale_factor=0" in options
    assert most == delivery_id(1, 0) - 1


async def test_what_is_asked_of_a_provider_goes_along_its_editions(database: Database, clock: StoppedClock) -> None:
    """`digest domains list|resend` beside years of deliveries: the one edition is looked at, not the table."""
    if not database.is_sqlite:
        pytest.skip("rightly reads the whole of a table when half of it is asked for")
    edition_id = await _fill(database, clock)
    statements: _Statements = []
    async with database.begin() as connection:
        assert connection.sync_connection
        sa.event.listen(connection.sync_connection, "before_cursor_execute", partial(_note, statements))
        await domains.figures(connection, now=clock())
        states = (DeliveryState.REFUSED,)
        await domains.to_resend(connection, edition_id, "b.example", states)
        await domains.resend(connection, edition_id, "b.example", states, now=clock(), deadline_at=clock())
    plan = await _plans(database, [each for each in statements if "deliveries" in each[0]])
    assert "Seq Scan on deliveries" not in plan
    assert "SCAN deliveries" not in plan.replace("SCAN deliveries USING", "")
