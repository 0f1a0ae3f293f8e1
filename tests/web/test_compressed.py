"""What goes out compressed, to whom, and what never does."""

import gzip

import httpx2
import pytest

from digest.config import Settings
from digest.database import Database
from digest.tokens import TokenPurpose
from tests.support import rows
from tests.support.clock import StoppedClock

pytestmark = pytest.mark.anyio

STYLE = "/static/style.css"


@pytest.fixture
async def edition(database: Database, clock: StoppedClock) -> str:
    """The path of an edition with one article."""
    async with database.begin() as connection:
        number = await rows.add_edition(connection, at=clock())
        source = await rows.add_source(connection, at=clock())
        await rows.place_article(connection, number, source, "시청 앞 다리 개통", at=clock())
    return f"/editions/{number}"


async def asked(client: httpx2.AsyncClient, path: str, takes: str) -> tuple[httpx2.Headers, bytes]:
    """The answer's headers, and its body as it went over the wire."""
    async with client.stream("GET", path, headers={"Accept-Encoding": takes}) as answer:
        return answer.headers, b"".join([part async for part in answer.aiter_raw()])


async def test_edition_and_style_are_compressed_for_browsers(client: httpx2.AsyncClient, edition: str) -> None:
    """A page is read on a phone in the country; its size is what the browser is sent."""
    for path in (edition, STYLE):
        _, plain = await asked(client, path, "identity")
        headers, packed = await asked(client, path, "gzip, deflate, br, zstd")
        assert headers["content-encoding"] == "gzip"
        assert int(headers["content-length"]) == len(packed) < len(plain) * 0.6
        assert gzip.decompress(packed) == plain


@pytest.mark.parametrize("takes", ["identity", "", "br", "gzip;q=0", "gzip; q=0.0, *", "*;q=0", "gzip;q=much"])
async def test_who_does_not_take_gzip_gets_it_plain(client: httpx2.AsyncClient, takes: str) -> None:
    """RFC 9110 §12.5.3: a weight of zero means no."""
    assert "content-encoding" not in (await asked(client, STYLE, takes))[0]


async def test_caches_are_told_that_there_are_two_forms(client: httpx2.AsyncClient, edition: str) -> None:
    """A shared cache would hand packed bytes to whoever cannot read them; the page varies by language besides."""
    for takes in ("gzip", "identity"):
        assert (await asked(client, edition, takes))[0]["vary"] == "Accept-Language, Accept-Encoding"
        assert (await asked(client, STYLE, takes))[0]["vary"] == "Accept-Encoding"


async def test_no_page_with_a_secret_is_compressed(
    client: httpx2.AsyncClient, database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """Its compressed length would tell a token or an address to who chooses words beside it (BREACH)."""
    async with database.begin() as connection:
        reader = await rows.add_subscriber(connection, at=clock())
    leave, choose = (settings.keyring.make(purpose, reader) for purpose in (TokenPurpose.LEAVE, TokenPurpose.CHOOSE))
    for path in ("/", "/subscribe", f"/u/{leave}", f"/preferences/{choose}", "/confirm/wrong", "/nowhere", "/privacy"):
        assert "content-encoding" not in (await asked(client, path, "gzip"))[0], path
