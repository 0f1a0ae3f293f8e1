"""Whose address counts when requests come through other servers: limits and the proof of consent go by it."""

from ipaddress import ip_network

import pytest
import sqlalchemy as sa
from starlette.datastructures import Headers

from digest.config import Settings
from digest.database import Database
from digest.database.tables import consents
from digest.tokens import TokenPurpose
from digest.web.proxies import client_of
from tests.support.clock import StoppedClock
from tests.support.rows import add_subscriber
from tests.web.conftest import browser

PROXIES = [ip_network("127.0.0.1"), ip_network("10.0.0.0/24"), ip_network("2001:db8:ffff::/48")]


def client(peer: str, *lines: tuple[str, str]) -> str:
    raw = [(name.lower().encode(), value.encode()) for name, value in lines]
    return client_of(peer, Headers(raw=raw), PROXIES)


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, 10.0.0.7", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("2001:db8::7, 2001:db8:ffff::1", "2001:db8::7"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("10.0.0.7", "10.0.0.7"),
    ],
)
def test_a_named_proxy_is_believed_from_the_right(named: str, found: str) -> None:
    """What stands left of the first unnamed hop is what the client itself wrote."""
    assert client("127.0.0.1", ("X-Forwarded-For", named)) == found


@pytest.mark.parametrize("peer", ["203.0.113.9", "127.0.0.2", "::1", "testclient"])
def test_nobody_else_is_believed(peer: str) -> None:
    """Otherwise each request could claim a network of its own, and no limit would hold."""
    lines = ("X-Forwarded-For", "198.51.100.1"), ("Forwarded", "for=198.51.100.1")

    assert client(peer, *lines) == peer


@pytest.mark.parametrize("named", ["unknown", "", ",", "198.51.100.1, _hidden", "198.51.100.1, 10.0.0.7x"])
def test_what_is_no_address_ends_the_way(named: str) -> None:
    """Whoever writes left of it is not believed: the proxy itself counts as the client."""
    assert client("127.0.0.1", ("X-Forwarded-For", named)) == "127.0.0.1"


def test_several_lines_are_one_list() -> None:
    """RFC 9110 §5.2; a proxy that appends a line of its own has the last word."""
    lines = ("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", "203.0.113.9")

    assert client("127.0.0.1", *lines) == "203.0.113.9"


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("for=203.0.113.9", "203.0.113.9"),
        ('for=198.51.100.1, by=10.0.0.1;For="[2001:db8::7]:80";proto=https', "2001:db8::7"),
        ("for=203.0.113.9, for=10.0.0.7", "203.0.113.9"),
        ("for=198.51.100.1, proto=https", "127.0.0.1"),
        ("forfor=198.51.100.1", "127.0.0.1"),
    ],
)
def test_the_standard_header_is_read_where_the_usual_one_is_missing(named: str, found: str) -> None:
    """RFC 7239. With both, the usual one counts: most proxies pass the other on as a stranger wrote it."""
    assert client("127.0.0.1", ("Forwarded", named)) == found
    assert client("127.0.0.1", ("Forwarded", named), ("X-Forwarded-For", "192.0.2.1")) == "192.0.2.1"


@pytest.mark.anyio
@pytest.mark.parametrize(("peer", "network"), [("127.0.0.1", "203.0.113.0/24"), ("192.0.2.4", "192.0.2.0/24")])
async def test_the_proof_of_consent_holds_the_network_of_the_client(
    database: Database, settings: Settings, clock: StoppedClock, peer: str, network: str
) -> None:
    """Through the whole app: behind nginx the proxy's own network would prove nothing."""
    async with database.begin() as connection:
        reader_id = await add_subscriber(connection, at=clock())
    path = f"/u/{settings.keyring.make(TokenPurpose.LEAVE, reader_id)}"

    async with browser(database, settings, clock, address=peer) as opened:
        await opened.post(path, headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.9"})

    async with database.read() as connection:
        assert (await connection.execute(sa.select(consents.c.network))).scalars().all() == [network]


@pytest.mark.anyio
async def test_a_stranger_behind_the_proxy_is_not_near(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """The outbox is for this machine; everyone's requests reach us from there once there is a proxy."""
    async with browser(database, settings, clock) as opened:
        own = await opened.get("/outbox/")
        stranger = await opened.get("/outbox/", headers={"X-Forwarded-For": "8.8.8.8"})

    assert (own.status_code, stranger.status_code) == (200, 404)
