"""What all tests share: both databases, a stopped clock, settings."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest.config import Settings
from digest.database import Database, migrate
from tests.support import costs, instants, postgres, scratch
from tests.support.clock import StoppedClock
from tests.support.lending import Lender
from tests.support.settings import make_settings

pytest_plugins = ("tests.support.patience",)  # a test that hangs ends
scratch.keep_in_memory()
instants.watch()
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell begins so what it runs in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)
SAMPLES = Path(__file__).resolve().parents[2] / "shared" / "samples"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def _lower_costs() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        costs.lower(patch)
        yield


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(data_dir=tmp_path / "var")


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of real feeds, pages and mails; it is not part of the project."""
    if not SAMPLES.is_dir():
        pytest.skip("the folder of real samples is not on this machine")
    return SAMPLES


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    found = postgres.start()
    if isinstance(found, str):
        pytest.skip(found)
    yield found
    found.stop()


@pytest.fixture(scope="session")
def lender(postgres_server: postgres.Server, migrated_postgres: str) -> Iterator[Lender]:
    lender = Lender(postgres_server, migrated_postgres)
    yield lender
    lender.close()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "digest.sqlite3"
    asyncio.run(_migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: postgres.Server) -> str:
    asyncio.run(_execute(postgres_server.url("postgres"), "CREATE DATABASE migrated"))
    asyncio.run(_migrate(postgres_server.url("migrated")))
    return "migrated"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty, migrated database; every test that takes it runs on both."""
    if request.param == "sqlite":
        path = tmp_path / "digest.sqlite3"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), path)
        yield f"sqlite:///{path}"
        return
    lender: Lender = request.getfixturevalue("lender")
    yield lender.lend()
    lender.take_back()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database.open(database_url)
    yield opened
    await opened.close()


async def _migrate(url: str) -> None:
    database = Database.open(url)
    try:
        await migrate.upgrade(database)
    finally:
        await database.close()


async def _execute(url: str, statement: str) -> None:
    database = Database.open(url)
    try:
        async with database.engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(sa.text(statement))
    finally:
        await database.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """In CI a skip because of a missing database is a failure, said at the end."""
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if "PostgreSQL" in str(report.longrepr)]
    if skipped and os.environ.get("CI"):
        terminalreporter.write_line(f"FAILED: {len(skipped)} tests had no PostgreSQL to run on", red=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run in CI when a test was skipped for want of PostgreSQL."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if (
        os.environ.get("CI")
        and reporter
        and any("PostgreSQL" in str(report.longrepr) for report in reporter.stats.get("skipped", []))
    ):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
