"""The worker dies mid-send: a real process, a real kill -9, twenty random points of one edition."""

import asyncio
import random
from pathlib import Path

from digest import addresses
from digest.compose import editor
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database, deliveries, editions, subscribers
from digest.models import DeliveryCounts, DeliveryState, Edition, EditionState, Format
from tests.support.clock import StoppedClock
from tests.support.newsroom import Newsroom
from tests.support.service import Service, wait_until
from tests.support.settings import SECRET, make_settings
from tests.support.sink import Sink, running_sink

READERS = 1500
KILLS = 20
CONNECTIONS = 4


def test_the_worker_dies_mid_send(database_url: str, tmp_path: Path) -> None:
    """After twenty deaths every reader has one mail or an honest `uncertain`; nobody has two, nobody is forgotten."""
    with running_sink(tmp_path) as sink:
        settings = _settings(database_url, sink, tmp_path)
        edition_id = asyncio.run(_make_edition(database_url, make_settings(**settings)))
        service = Service(tmp_path, {name.upper(): value for name, value in settings.items()} | _IDENTITY)
        try:
            _kill_again_and_again(service, sink)
            service.start("worker")
            wait_until(
                lambda: asyncio.run(_look(database_url, edition_id))[0].state is EditionState.DONE,
                seconds=90,
                what="the end of the edition",
                pause=0.5,
            )
        finally:
            service.close()
        service.command("editions", "prove", str(edition_id))
    _, counts = asyncio.run(_look(database_url, edition_id))

    taken = sink.times_taken()
    accepted = counts.by_state.get(DeliveryState.ACCEPTED, 0)
    uncertain = counts.by_state.get(DeliveryState.UNCERTAIN, 0)
    assert max(taken.values()) == 1
    assert accepted + uncertain == READERS
    assert accepted <= len(taken) <= READERS
    assert uncertain <= KILLS * 2 * CONNECTIONS


def _kill_again_and_again(service: Service, sink: Sink) -> None:
    chance = random.Random(20)
    for _ in range(KILLS):
        until = sink.count() + chance.randint(1, READERS // KILLS - 15)
        worker = service.start("worker")
        wait_until(lambda until=until: sink.count() >= until, seconds=60, what="the next mails")  # type: ignore[misc]
        worker.kill()
        worker.wait(timeout=10)


def _settings(database_url: str, sink: Sink, folder: Path) -> dict[str, str]:
    return {
        "database_url": database_url,
        "data_dir": str(folder / "var"),
        "secret_key": SECRET,
        "smtp_host": "127.0.0.1",
        "smtp_port": str(sink.port),
        "smtp_tls": "none",
        "smtp_connections": str(CONNECTIONS),
        "editions": "morning | 아침 소식 | 0 7 1 jan * | deadline=3h",
    }


_IDENTITY = {
    "NEWSPAPER_NAME": "가온일보",
    "NEWSPAPER_SITE": "https://gaon.example",
    "SENDER_ADDRESS": "news@gaon.example",
    "POSTAL_ADDRESS": "가온시 큰길 1",
    "PHONE": "02-0000-0000",
    "PRIVACY_OFFICER": "박가온",
}


async def _make_edition(database_url: str, settings: Settings) -> int:
    from digest.clock import utc_now

    database, clock = Database.open(database_url), StoppedClock(utc_now())
    try:
        newsroom = Newsroom(database, clock)
        await newsroom.publish("시의회, 내년 예산 의결", "나루길에 벚나무 심는다")
        async with database.begin() as connection:
            for number in range(READERS):
                await subscribers.add(
                    connection,
                    addresses.parse(f"reader{number}@reader.example"),
                    slots=["morning"],
                    language="ko",
                    format=Format.HTML,
                    consent="journey",
                    at=clock(),
                )
        edition = await editor.open_now(database, settings, settings.editions[0], clock=clock)
        assert edition is not None
        await editor.advance(database, settings, Renderer(None), clock=clock)
        return edition.id
    finally:
        await database.close()


async def _look(database_url: str, edition_id: int) -> tuple[Edition, DeliveryCounts]:
    database = Database.open(database_url)
    try:
        async with database.read() as connection:
            return await editions.get_edition(connection, edition_id), await deliveries.counts(connection, edition_id)
    finally:
        await database.close()
