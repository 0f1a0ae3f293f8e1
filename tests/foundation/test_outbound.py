"""The guard on outgoing HTTP: where it connects to, how far it follows, how much it takes."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from digest import outbound as module
from digest.errors import AddressRefusedError, SourceUnreachableError
from digest.outbound import GuardedResolver, Outbound, is_public, user_agent
from tests.collect.paper import Paper
from tests.support.settings import make_settings

pytestmark = pytest.mark.anyio


@pytest.fixture
async def paper() -> AsyncIterator[Paper]:
    async with Paper() as opened:
        yield opened


@pytest.fixture
async def outbound(paper: Paper) -> AsyncIterator[Outbound]:
    async with Outbound(private_hosts=[paper.host], user_agent="test") as opened:
        yield opened


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1",
        "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "64:ff9b::808:808", "64:ff9b:1::1", "2002:a00:1::",
        "2001:0:a00:1::", "::10.0.0.1", "ff02::1", "fec0::1", "2001:db8::1", "not an address",
    ],
)  # fmt: skip
def test_addresses_that_are_not_of_the_public_internet_are_known(address: str) -> None:
    """Each of these leads, or can lead, into somebody's inner network."""
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_public_addresses_are_let_through(address: str) -> None:
    """A guard that refuses papers is switched off by the first operator who meets it."""
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://[::1]/", "http://2130706433/", "http://127.1/", "http://0x7f000001/",
        "http://0177.0.0.1/", "http://0/", "http://１２７.０.０.１/", "http://[::ffff:10.0.0.1]/", "http://[fe80::1%25lo]/",
        "http://[64:ff9b::a9fe:a9fe]/", "http://169.254.169.254/latest/meta-data", "http://10.0.0.1:80/",
        "file:///etc/passwd", "ftp://paper.example/rss", "gopher://paper.example/", "//paper.example/", "http:///rss",
        "http://[::1", "http://paper.example:port/", "data:text/xml,<rss/>", "",
    ],
)  # fmt: skip
async def test_addresses_of_inner_networks_and_other_schemes_are_refused(url: str) -> None:
    """Nothing is looked up or connected for these: the refusal comes first."""

    async def never(_host: str, _port: int) -> list[str]:
        raise AssertionError("a name was looked up")

    async with Outbound(user_agent="test", resolve=never) as outbound:
        with pytest.raises(AddressRefusedError):
            await outbound.get(url, timeout_seconds=5, max_bytes=1000)


async def test_an_address_with_a_login_is_refused_without_repeating_it(outbound: Outbound) -> None:
    """It would stand in `digest sources list`, in exports and in the log."""
    with pytest.raises(AddressRefusedError, match="carries a login") as refused:
        await outbound.get("http://desk:secret-word@gaon.example/rss", timeout_seconds=1, max_bytes=10)
    assert "secret-word" not in str(refused.value)


async def test_a_name_that_points_inside_is_refused() -> None:
    """Anybody can let a public name point at 127.0.0.1."""

    async def inside(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1", "::ffff:10.0.0.1"]

    async with Outbound(user_agent="test", resolve=inside) as outbound:
        with pytest.raises(AddressRefusedError, match="PRIVATE_HOSTS"):
            await outbound.get("http://paper.example/rss", timeout_seconds=5, max_bytes=1000)


async def test_a_name_that_is_public_first_and_private_next_is_refused_next() -> None:
    """The answer that is checked is the one that is connected to, so rebinding between two look-ups gains nothing."""
    answers = iter([["1.1.1.1", "192.168.0.1"], ["192.168.0.1"]])

    async def rebinding(_host: str, _port: int) -> list[str]:
        return next(answers)

    resolver = GuardedResolver(frozenset(), rebinding)
    first = await resolver.resolve("paper.example", 80)
    assert [found["host"] for found in first] == ["1.1.1.1"]
    with pytest.raises(AddressRefusedError):
        await resolver.resolve("paper.example", 80)


async def test_a_named_private_host_is_reached_by_name(paper: Paper) -> None:
    """Papers whose feed stands in the operator's own network name it once."""
    paper.serve("here")

    async def inside(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    async with Outbound(private_hosts=[f"inside.example:{paper.port}"], user_agent="test", resolve=inside) as outbound:
        fetched = await outbound.get(f"http://inside.example:{paper.port}/rss.xml", timeout_seconds=5, max_bytes=1000)
    assert fetched.body == b"here"


async def test_another_port_of_a_named_host_is_refused(outbound: Outbound) -> None:
    """Naming the sample newspaper's port does not open the database's."""
    with pytest.raises(AddressRefusedError):
        await outbound.get("http://127.0.0.1:1/", timeout_seconds=5, max_bytes=1000)


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest", "http://[::ffff:10.0.0.1]/", "http://127.1/", "file:///etc/passwd"]
)
async def test_redirects_are_checked_like_first_addresses(paper: Paper, outbound: Outbound, target: str) -> None:
    """The classic way in: a harmless address that redirects to the cloud's metadata."""
    paper.serve("", status=302, headers={"Location": target})
    with pytest.raises(AddressRefusedError):
        await outbound.get(paper.url(), timeout_seconds=5, max_bytes=1000)


async def test_a_public_host_cannot_redirect_to_a_named_private_one(
    paper: Paper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PRIVATE_HOSTS is for what the operator asks for, not for where a stranger sends us."""

    async def here(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    monkeypatch.setattr(module, "is_public", lambda _address: True)  # let loopback play the public Internet
    paper.serve("", status=302, headers={"Location": paper.url("/inside")})
    async with Outbound(private_hosts=[paper.host], user_agent="test", resolve=here) as outbound:
        with pytest.raises(AddressRefusedError, match=r"redirects to 127\.0\.0\.1"):
            await outbound.get(f"http://public.example:{paper.port}/rss.xml", timeout_seconds=5, max_bytes=1000)


async def test_five_redirects_are_followed_and_six_are_not(paper: Paper, outbound: Outbound) -> None:
    """Enough for every honest move, and an end for the others."""
    for number in range(6):
        paper.serve("", f"/{number}", status=302, headers={"Location": f"/{number + 1}"})
    paper.serve("arrived", "/6")
    fetched = await outbound.get(paper.url("/1"), timeout_seconds=5, max_bytes=1000)
    assert (fetched.body, fetched.url, fetched.moved_to) == (b"arrived", paper.url("/6"), "")
    with pytest.raises(SourceUnreachableError, match="5 times"):
        await outbound.get(paper.url("/0"), timeout_seconds=5, max_bytes=1000)


async def test_a_move_for_good_is_told_up_to_the_first_passing_one(paper: Paper, outbound: Outbound) -> None:
    """Only what moved for good is worth changing a setting for."""
    paper.serve("", "/1", status=301, headers={"Location": "/2"})
    paper.serve("", "/2", status=302, headers={"Location": "/3"})
    paper.serve("there", "/3")
    fetched = await outbound.get(paper.url("/1"), timeout_seconds=5, max_bytes=1000)
    assert (fetched.moved_to, fetched.url) == (paper.url("/2"), paper.url("/3"))


async def test_a_body_over_the_limit_is_refused_with_and_without_a_declared_length(
    paper: Paper, outbound: Outbound
) -> None:
    """The declared length is a courtesy; the count is the limit."""
    paper.serve(b"x" * 2000)

    async def chunked(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"x" * 2000)
        return response

    paper.answer("/chunked", chunked)
    for path in ("/rss.xml", "/chunked"):
        with pytest.raises(SourceUnreachableError, match="larger than 1,000 bytes"):
            await outbound.get(paper.url(path), timeout_seconds=5, max_bytes=1000)
    assert len((await outbound.get(paper.url(), timeout_seconds=5, max_bytes=2000)).body) == 2000


async def test_a_gzip_bomb_is_stopped_at_the_limit(paper: Paper, outbound: Outbound) -> None:
    """40 kB on the wire would be 40 MB in memory."""
    paper.serve(gzip.compress(b"\0" * 40_000_000), headers={"Content-Encoding": "gzip"})
    with pytest.raises(SourceUnreachableError, match="larger"):
        await outbound.get(paper.url(), timeout_seconds=20, max_bytes=1_000_000)


async def test_a_dripping_answer_ends_at_the_time_limit(paper: Paper, outbound: Outbound) -> None:
    """A limit on single reads never fires against a byte now and then."""

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(500):
            await response.write(b"<")
            await asyncio.sleep(0.02)
        return response

    paper.answer("/drip", drip)
    with pytest.raises(SourceUnreachableError, match=r"within 0\.3 seconds"):
        await outbound.get(paper.url("/drip"), timeout_seconds=0.3, max_bytes=1_000_000)


async def test_an_answer_that_breaks_off_is_unreachable_not_short(paper: Paper, outbound: Outbound) -> None:
    """Half a feed must not look like a feed whose older articles are gone."""

    async def break_off(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.abort()
        return response

    paper.answer("/half", break_off)
    with pytest.raises(SourceUnreachableError):
        await outbound.get(paper.url("/half"), timeout_seconds=5, max_bytes=5000)


async def test_nobody_answering_and_unknown_names_are_unreachable(paper: Paper) -> None:
    """Both may pass; neither is a mistake in the settings for sure."""

    async def unknown(_host: str, _port: int) -> list[str]:
        raise OSError("no such name")

    async with Outbound(private_hosts=["127.0.0.1:1"], user_agent="test", resolve=unknown) as outbound:
        with pytest.raises(SourceUnreachableError, match="connection failed"):
            await outbound.get("http://127.0.0.1:1/", timeout_seconds=5, max_bytes=1000)
        with pytest.raises(SourceUnreachableError, match=r"nowhere\.example cannot be looked up"):
            await outbound.get("http://nowhere.example/", timeout_seconds=5, max_bytes=1000)


async def test_proxies_of_the_environment_are_not_used(
    paper: Paper, outbound: Outbound, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy would connect to whatever it likes, past the guard."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    paper.serve("direct")
    assert (await outbound.get(paper.url(), timeout_seconds=5, max_bytes=1000)).body == b"direct"


async def test_an_error_status_is_an_answer(paper: Paper, outbound: Outbound) -> None:
    """What a 404 means is for the caller to say."""
    assert (await outbound.get(paper.url("/none"), timeout_seconds=5, max_bytes=1000)).status == 404


async def test_peeking_reads_no_body(paper: Paper, outbound: Outbound) -> None:
    """Pictures are looked for, not fetched."""
    paper.serve(b"x" * 100_000, "/picture.jpg")
    fetched = await outbound.peek(paper.url("/picture.jpg"), timeout_seconds=5)
    assert (fetched.status, fetched.body) == (200, b"")
    assert paper.requests[0].headers["Range"] == "bytes=0-0"


async def test_we_say_who_we_are(paper: Paper) -> None:
    """An administrator who sees our fetches finds the newspaper and a person."""
    settings = make_settings(newspaper_site="https://가온.example", operator_email="operator@gaon.example")
    async with Outbound(private_hosts=[paper.host], user_agent=user_agent(settings)) as outbound:
        await outbound.get(paper.url(), timeout_seconds=5, max_bytes=1000)
    said = paper.requests[0].headers["User-Agent"]
    assert said.startswith("newspaper-digest/")
    assert said.isascii()
    assert "operator@gaon.example" in said
