"""A ledger to measure on: a migrated database with readers, one composed edition, and its deliveries.

The mail is what an edition of twelve Korean articles is: HTML and text, 29.6 kB when sent as 8bit. Readers are put in
by COPY or by rows, deliveries by the service's own statement (`messages.make_deliveries`).
"""

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, timedelta
from pathlib import Path

import sqlalchemy as sa

from digest import clock
from digest.database import Database, messages, migrate
from digest.database.tables import editions, subscribers, subscriptions
from digest.models.deliveries import Mail, MessageKind, NewMessage
from digest.models.editions import EditionState
from digest.models.readers import Format, SubscriberState, Variant
from digest.splice import DATE, MESSAGE_ID, RECIPIENT, UNSUBSCRIBE_URL, marker
from tests.support import postgres

ARTICLES = 12
OCTETS = 29_600
_CHUNK = 10_000
_SENTENCE = "가온시의회가 내년 예산안을 의결했다. 시민 공청회는 다음 주 화요일 오후 두 시 대강당에서 열린다. "
HEADERS = (
    "From: =?utf-8?b?6rCA7Jio7J2867O0?= <news@gaon.example>\r\n"
    f"To: <{marker(RECIPIENT)}>\r\n"
    "Subject: =?utf-8?b?7JWE7LmoIOyGjOyLnQ==?=\r\n"
    f"Date: {marker(DATE)}\r\n"
    f"Message-ID: {marker(MESSAGE_ID)}\r\n"
    "Reply-To: <desk@gaon.example>\r\n"
    "List-Id: <morning.gaon.example>\r\n"
    f"List-Unsubscribe: <{marker(UNSUBSCRIBE_URL)}>\r\n"
    "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    "Feedback-ID: morning:digest:gaon\r\n"
    "Precedence: bulk\r\n"
)


def articles() -> list[dict[str, str]]:
    """Return the edition's articles as a template would be given them."""
    return [
        {
            "title": f"시의회, 내년 예산안 의결하고 회기를 마치다 ({number})",
            "link": f"https://gaon.example/news/articleView.html?idxno={number + 10_000}",
            "excerpt": _SENTENCE * 4,
        }
        for number in range(ARTICLES)
    ]


def html_of(entries: list[dict[str, str]], unsubscribe_url: str) -> str:
    """Return the HTML part; padded with articles' styles to the size wanted."""
    style = "font-family:Arial,'Apple SD Gothic Neo',sans-serif;font-size:16px;line-height:26px;color:#1a1a1a;"
    rows = "".join(
        f'<tr><td style="{style * 8}">\r\n<h2 style="{style * 2}">\r\n<a href="{each["link"]}">{each["title"]}</a></h2>'
        f"\r\n<p>{each['excerpt']}</p></td></tr>\r\n"
        for each in entries
    )
    foot = f'<p><a href="{unsubscribe_url}">그만 받기</a></p>\r\n'
    return f'<!doctype html>\r\n<html lang="ko"><body><table>\r\n{rows}</table>\r\n{foot}</body></html>\r\n'


def text_of(entries: list[dict[str, str]], unsubscribe_url: str) -> str:
    """Return the text part."""
    parts = "".join(f"{each['title']}\r\n{each['excerpt']}\r\n{each['link']}\r\n\r\n" for each in entries)
    return f"{parts}구독을 그만두려면 {unsubscribe_url}\r\n"


def mail() -> Mail:
    """Return the edition's mail, with slots."""
    link = marker(UNSUBSCRIBE_URL)
    return Mail("아침 소식", HEADERS.encode(), text_of(articles(), link).encode(), html_of(articles(), link).encode())


async def add_readers(database: Database, count: int, *, slot: str = "morning") -> None:
    """Put in `count` active readers of `slot`."""
    at = clock.utc_now() - timedelta(days=1)
    domains = ("naver.example", "daum.example", "gmail.example", "hanmail.example")
    numbers = iter(range(count))
    while chunk := list(itertools.islice(numbers, _CHUNK)):
        rows = [
            {
                "id": number + 1,
                "address": f"reader{number}@{domains[number % 4]}",
                "address_key": f"reader{number}@{domains[number % 4]}",
                "domain": domains[number % 4],
                "language": "ko",
                "format": Format.HTML,
                "state": SubscriberState.ACTIVE,
                "consent": "benchmark",
                "created_at": at,
            }
            for number in chunk
        ]
        async with database.begin() as connection:
            await connection.execute(sa.insert(subscribers), rows)
            await connection.execute(
                sa.insert(subscriptions),
                [{"subscriber_id": row["id"], "slot": slot, "sections": "", "since_at": at} for row in rows],
            )


async def add_edition(database: Database, *, slot: str = "morning", number: int = 0) -> int:
    """Open an edition that is released and has one message, without deliveries; return its id."""
    now = clock.utc_now()
    planned_at = now - timedelta(minutes=number + 1)
    async with database.begin() as connection:
        edition_id: int = (
            await connection.execute(
                sa.insert(editions)
                .values(
                    slot=slot,
                    title="아침 소식",
                    planned_at=planned_at,
                    cutoff_at=planned_at,
                    deadline_at=now + timedelta(hours=12),
                    state=EditionState.RELEASED,
                    most_read=[],
                    released_at=now,
                )
                .returning(editions.c.id)
            )
        ).scalar_one()
        variant = Variant("ko", Format.HTML)
        message = NewMessage(f"edition:{edition_id}", MessageKind.DIGEST, variant.key, "ko", mail(), edition_id)
        await messages.store(connection, message, at=now)
    return edition_id


async def make_deliveries(database: Database, edition_id: int) -> int:
    """Make the deliveries of the edition's audience, as the service does; return how many."""
    now = clock.utc_now()
    async with database.begin() as connection:
        made = await messages.make_deliveries(
            connection, edition_id, now=now, due_at=now, deadline_at=now + timedelta(hours=12), zone=UTC
        )
        await connection.execute(sa.update(editions).where(editions.c.id == edition_id).values(eligible=made))
    return made


@contextmanager
def database_url(kind: str) -> Iterator[str]:
    """Give the address of an empty database: `sqlite`, `postgresql` (a server of our own, syncing), or an address."""
    if kind == "sqlite":
        folder = Path(tempfile.mkdtemp(prefix="digest-bench-"))
        try:
            yield f"sqlite:///{folder / 'digest.sqlite3'}"
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    elif kind == "postgresql":
        server = postgres.start(durable=True)
        if isinstance(server, str):
            raise SystemExit(server)
        try:
            yield server.url("postgres")
        finally:
            server.stop()
    else:
        yield kind


async def prepare(url: str, readers: int) -> int:
    """Migrate, put in readers and an edition with its deliveries; return the edition's id."""
    database = Database.open(url)
    try:
        await migrate.upgrade(database)
        await add_readers(database, readers)
        edition_id = await add_edition(database)
        await make_deliveries(database, edition_id)
        return edition_id
    finally:
        await database.close()
