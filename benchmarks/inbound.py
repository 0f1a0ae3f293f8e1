"""Mail that comes back: how many a second go through the LMTP door, to the answer and to the stored outcome.

    python -m benchmarks.inbound door --mails 1000 --connections 4

Each row is an installation of its own, as its operator runs it: a `digest inbound` on one database, and this process as
the mail server in front, a connection for each of `--connections`, one mail after the other on each. `kept` is the time
until the last 250 (the mail is stored then), `acted` until the last outcome stands beside it. What servers do meanwhile
is not left out: acting begins while mails still come. Readers' mails that leave are the dearer kind: each changes a
reader, the ledger of consents and a queue; the others are plain letters. Reading notices is `benchmarks.notices`.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from benchmarks import tools
from digest.clock import utc_now
from digest.config import Settings
from digest.database import Database, migrate
from digest.database.tables import raw_mails
from digest.models.inbound import Outcome
from digest.tokens import TokenPurpose
from tests.support import postgres
from tests.support.commands import SETTINGS
from tests.support.rows import add_subscriber
from tests.support.service import Service
from tests.support.settings import make_settings

_LETTER = (
    "From: 김가온 <kim{number}@naver.example>\r\nTo: news@gaon.example\r\nMessage-ID: <{number}@naver.example>\r\n"
    "Subject: 잘 읽었습니다\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Content-Transfer-Encoding: 8bit\r\n\r\n" + "아침마다 잘 읽고 있습니다. 고맙습니다.\r\n" * 40
)
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Row:
    """What a run took, in seconds; CPU seconds are the server's."""

    database: str
    kind: str
    mails: int
    kept_seconds: float
    acted_seconds: float
    cpu_seconds: float

    def __str__(self) -> str:
        return (
            f"{self.database:<12}{self.kind:<8}{self.mails / self.kept_seconds:>8.0f}/s kept"
            f"{self.mails / self.acted_seconds:>8.0f}/s acted{self.cpu_seconds / self.mails * 1000:>8.2f} ms CPU each"
        )


async def _prepare(url: str, settings: Settings, kind: str, mails: int) -> list[tuple[str, bytes]]:
    """Migrate, add the readers, and return recipient and content of each mail."""
    database = Database.open(url)
    await migrate.upgrade(database)
    to = ["news@gaon.example"] * mails
    if kind == "leave":
        async with database.begin() as connection:
            ids = [
                await add_subscriber(connection, f"reader{number}@reader.example", at=utc_now())
                for number in range(mails)
            ]
        own, ring = settings.own_addresses, settings.keyring
        to = [own.leave(ring.make(TokenPurpose.LEAVE, each)) for each in ids]
    await database.close()
    return [(recipient, _LETTER.format(number=number).encode()) for number, recipient in enumerate(to)]


async def _bring(port: int, mails: Iterator[tuple[str, bytes]]) -> None:
    """Bring mails on one connection until there are none."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def say(line: bytes, wanted: bytes) -> None:
        writer.write(line)
        while (answer := await reader.readline())[3:4] == b"-":
            pass
        if not answer.startswith(wanted):
            raise RuntimeError(f"{line[:40]!r} was answered {answer!r}")

    await say(b"", b"220")
    await say(b"LHLO front.example\r\n", b"250")
    for recipient, content in mails:
        await say(b"MAIL FROM:<kim@naver.example>\r\n", b"250")
        await say(f"RCPT TO:<{recipient}>\r\n".encode(), b"250")
        await say(b"DATA\r\n", b"354")
        await say(content + b".\r\n", b"250")
    writer.close()


async def _measure(url: str, port: int, mails: list[tuple[str, bytes]], connections: int) -> tuple[float, float]:
    began = time.monotonic()
    shared = iter(mails)
    await asyncio.gather(*(_bring(port, shared) for _ in range(connections)))
    kept = time.monotonic() - began
    database = Database.open(url)
    waiting = sa.select(sa.func.count()).select_from(raw_mails).where(raw_mails.c.outcome == Outcome.KEPT)
    while True:
        async with database.read() as connection:
            if not await connection.scalar(waiting):
                break
        await asyncio.sleep(0.05)
    await database.close()
    return kept, time.monotonic() - began


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def run(name: str, url: str, kind: str, mails: int, connections: int) -> Row:
    """Make one installation and measure it."""
    port = tools.free_port()
    settings = make_settings(inbound_address="news@gaon.example", inbound_port=port)
    brought = asyncio.run(_prepare(url, settings, kind, mails))
    with tempfile.TemporaryDirectory() as folder:
        door = {"INBOUND_ADDRESS": "news@gaon.example", "INBOUND_PORT": str(port), "LOG_LEVEL": "warning"}
        service = Service(Path(folder), {**SETTINGS, **door, "DATABASE_URL": url, "DATA_DIR": folder})
        process = service.start("inbound")
        try:
            tools.wait_for_port(port)
            before = _cpu_seconds(process.pid)
            kept, acted = asyncio.run(_measure(url, port, brought, connections))
            return Row(name, kind, mails, kept, acted, _cpu_seconds(process.pid) - before)
        finally:
            service.close()


@contextmanager
def _databases() -> Iterator[dict[str, list[str]]]:
    """Give addresses of empty databases of each kind, one for each row; PostgreSQL only where it is there."""
    with tempfile.TemporaryDirectory() as folder:
        found = {"SQLite": [f"sqlite:///{folder}/{number}.sqlite3" for number in range(2)]}
        server = postgres.start(durable=True)
        if isinstance(server, str):
            print(server)
            yield found
            return
        try:
            for name in ("one", "two"):
                asyncio.run(_create(server.url("postgres"), name))
            yield {**found, "PostgreSQL": [server.url("one"), server.url("two")]}
        finally:
            server.stop()


async def _create(url: str, name: str) -> None:
    database = Database.open(url)
    async with database.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(sa.text(f"CREATE DATABASE {name}"))
    await database.close()


def door(mails: int, connections: int) -> None:
    """Print a row for each database and kind of mail."""
    with _databases() as databases:
        for name, urls in databases.items():
            for url, kind in zip(urls, ("letter", "leave"), strict=True):
                print(run(name, url, kind, mails, connections), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("section", choices=["door"])
    parser.add_argument("--mails", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=4)
    given = parser.parse_args()
    door(given.mails, given.connections)


if __name__ == "__main__":
    main()
