"""Trouble with the machine, told with the whole worker as a process of its own: by mistake two of them, a full disk."""

import asyncio
import resource
from pathlib import Path

import pytest

from digest.models.deliveries import DeliveryState
from digest.models.editions import EditionState
from tests.journeys.workers import Installation, installed, look, make_edition, once_each
from tests.support.service import wait_until
from tests.support.sink import Sink, running_sink

READERS = 120


def test_two_workers_started_by_mistake(database_url: str, tmp_path: Path) -> None:
    """Started at the same moment, before anything is composed: one edition, and each reader gets one mail."""
    with running_sink(tmp_path, delay_ms=5) as sink, installed(database_url, sink, tmp_path) as service:
        edition_id = asyncio.run(make_edition(database_url, service.parsed, readers=READERS, release=False))
        workers = [service.start("worker"), service.start("worker")]
        _wait_for_the_end(database_url, edition_id)
        assert [worker.poll() for worker in workers] == [None, None]
        assert len(service.json("editions", "list")["editions"]) == 1
        _expect_one_mail_each(service, edition_id, sink)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_full_disk_under_a_running_worker(database_url: str, tmp_path: Path) -> None:
    """It goes on by itself as soon as there is space again; nobody is doubted, nobody gets two."""
    with running_sink(tmp_path, delay_ms=5) as sink, installed(database_url, sink, tmp_path) as service:
        edition_id = asyncio.run(make_edition(database_url, service.parsed, readers=READERS))
        worker = service.start("worker")
        wait_until(lambda: sink.count() >= 10, seconds=30, what="the first mails")

        # The journal of the database, which takes every write first, may not grow: what a full disk is to SQLite.
        size = (tmp_path / "digest.sqlite3-wal").stat().st_size
        unlimited = resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        wait_until(lambda: "The database cannot be used now" in service.log(), seconds=30, what="a clear word")
        _, counts = asyncio.run(look(database_url, edition_id))
        assert counts.by_state.get(DeliveryState.ACCEPTED, 0) < READERS

        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, unlimited)
        _wait_for_the_end(database_url, edition_id)
        assert worker.poll() is None
        _expect_one_mail_each(service, edition_id, sink)


def _wait_for_the_end(database_url: str, edition_id: int) -> None:
    wait_until(
        lambda: asyncio.run(look(database_url, edition_id))[0].state is EditionState.DONE,
        seconds=60,
        what="the end of the edition",
        pause=0.3,
    )


def _expect_one_mail_each(service: Installation, edition_id: int, sink: Sink) -> None:
    assert sink.times_taken() == once_each(READERS)
    _, counts = asyncio.run(look(service.settings["DATABASE_URL"], edition_id))
    assert counts.by_state == {DeliveryState.ACCEPTED: READERS}
    service.command("editions", "prove", str(edition_id))
