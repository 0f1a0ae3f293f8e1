"""The one way out over HTTP, guarded: addresses of other people's choosing must not reach into our network.

In: an address, limits of time and size. Out: `Fetched`, whatever its status. Only http and https; every redirect (at
most five) is followed by hand and checked anew; a name is resolved once, its addresses are checked, and the connection
goes to a checked address (a second look-up could answer otherwise). Private, loopback, link-local, shared (CGNAT),
multicast, metadata and IPv4-in-IPv6 addresses are refused, among them NAT64, which Python calls global. What
`PRIVATE_HOSTS` names may be private, but a redirect from a public host never leads there. No proxies from the
environment: they would bypass all of this. One time limit surrounds everything, because servers that drip a byte a
second never run into limits on a single read. The byte limit counts decompressed bytes. RFC 9110, RFC 6890.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from digest import __version__
from digest.config import Settings
from digest.errors import AddressRefusedError, SourceUnreachableError

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Look up the addresses of a name (and port)."""

PRODUCT = "newspaper-digest"
"""Our name in User-Agent, and the one that robots.txt may speak to."""
_MAX_REDIRECTS = 5
_PERMANENT = (301, 308)
_REDIRECTS = (*_PERMANENT, 302, 303, 307)
_CHUNK = 65_536
_NUMERIC = re.compile(r"(?:.*\.)?(?:\d+|0x[0-9a-f]*)\.?", re.IGNORECASE)
_REFUSED_NETWORKS = tuple(
    ipaddress.ip_network(network)
    for network in (
        "100.64.0.0/10",  # shared by carriers (CGNAT)
        "192.88.99.0/24",  # 6to4 relays
        "64:ff9b::/96",  # NAT64: any IPv4 address stands behind it
        "64:ff9b:1::/48",
        "::/96",  # IPv4 in IPv6, the old way
        "::ffff:0:0:0/96",
        "2001::/32",  # Teredo
        "2002::/16",  # 6to4
        "fec0::/10",
        "3fff::/20",  # documentation (RFC 9637)
        "168.63.129.16/32",  # a public number that is Azure's own service inside of every machine there
        "192.0.0.0/24",  # Oracle's metadata, and what newer Pythons call global in it
        "5f00::/16",  # inside of providers (RFC 9602)
    )
)


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer. `url` is where it came from after redirects; header names are compared without regard to case.

    `moved_to` is set when the address asked for has moved for good (301, 308), and says where to.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    moved_to: str = ""


def user_agent(settings: Settings) -> str:
    """Say who fetches and where to complain, so that a paper's administrator need not guess."""
    site = str(URL(settings.newspaper_site))  # a Korean domain in its ASCII form
    contact = settings.operator_email or settings.reply_to
    return f"{PRODUCT}/{__version__} (+{site}; {contact})"


class Outbound:
    """A guarded HTTP client. `async with Outbound(private_hosts=…, user_agent=…) as outbound`."""

    def __init__(self, *, private_hosts: Iterable[str] = (), user_agent: str, resolve: Resolve | None = None) -> None:
        """`private_hosts` are `host` or `host:port`. `resolve` None: the system's resolver."""
        self._private = frozenset(host.lower() for host in private_hosts)
        self._resolver = GuardedResolver(self._private, resolve or _look_up)
        self._user_agent = user_agent
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(resolver=self._resolver, use_dns_cache=False, limit=50, limit_per_host=2)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            trust_env=False,
            headers={"User-Agent": self._user_agent, "Accept-Encoding": "gzip, deflate"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(
        self,
        url: str,
        *,
        timeout_seconds: float,
        max_bytes: int,
        headers: Mapping[str, str] | None = None,
        is_cut: bool = False,
    ) -> Fetched:
        """Fetch `url`, whatever the status of its answer. `is_cut`: of a larger one return the first `max_bytes`.

        Raises `SourceUnreachableError` (no answer, too slow, too large, too many redirects) and `AddressRefusedError`.
        """
        return await self._timed(url, timeout_seconds, _Limit(max_bytes, is_cut), headers or {})

    async def peek(self, url: str, *, timeout_seconds: float) -> Fetched:
        """Ask for `url` but read only status and headers. For seeing whether something is there; errors as `get`."""
        return await self._timed(url, timeout_seconds, None, {"Range": "bytes=0-0"})

    async def _timed(self, url: str, seconds: float, limit: "_Limit | None", headers: Mapping[str, str]) -> Fetched:
        try:
            async with asyncio.timeout(seconds):
                return await self._follow(url, limit, headers)
        except TimeoutError as error:
            raise SourceUnreachableError(f"There was no complete answer within {seconds:g} seconds.") from error
        except aiohttp.InvalidURL as error:
            raise AddressRefusedError(f"{url!r} is not an address that can be fetched.") from error
        except aiohttp.ClientSSLError as error:
            raise SourceUnreachableError(f"The secure connection failed (certificate?): {error}") from error
        except aiohttp.ClientConnectorDNSError as error:
            raise SourceUnreachableError(f"The name {error.host} cannot be looked up.") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise SourceUnreachableError(f"The connection failed: {error or type(error).__name__}") from error

    async def _follow(self, start: str, limit: "_Limit | None", headers: Mapping[str, str]) -> Fetched:
        url = self._checked(start)
        may_be_private = _is_named(self._private, url)
        moved_to, only_permanent = "", True
        for _ in range(_MAX_REDIRECTS + 1):
            async with self._open_session().get(url, headers=headers, allow_redirects=False) as response:
                location = response.headers.get("Location")
                if response.status not in _REDIRECTS or location is None:
                    body = b"" if limit is None else await _body(response, limit)
                    return Fetched(str(url), response.status, response.headers, body, moved_to)
                only_permanent = only_permanent and response.status in _PERMANENT
            url = self._checked(str(url.join(URL(location))))
            if _is_named(self._private, url) and not may_be_private:
                raise AddressRefusedError(f"A public address redirects to {url.host}, which is private.")
            moved_to = str(url) if only_permanent else moved_to
        raise SourceUnreachableError(f"It redirects more than {_MAX_REDIRECTS} times.")

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("Outbound is used outside of its `async with`")
        return self._session

    def _checked(self, text: str) -> URL:
        """Parse an address with the client's own parser, and refuse what can be refused without looking up a name."""
        try:
            url = URL(text)
            host = url.host
        except ValueError as error:
            raise AddressRefusedError(f"{text!r} is not an address that can be fetched.") from error
        if url.scheme not in ("http", "https") or not host:
            raise AddressRefusedError(f"{text!r} is not an http or https address.")
        if url.raw_user is not None or url.raw_password is not None:
            raise AddressRefusedError(
                f"An address at {host} carries a login, which lists, exports and logs would show. Ask the site for one "
                "that needs none."
            )
        if not _is_named(self._private, url):
            _check_literal(host)
        return url.with_fragment(None)


class GuardedResolver(AbstractResolver):
    """Resolves names to the addresses we may connect to; the client connects to those and no others."""

    def __init__(self, private_hosts: frozenset[str], resolve: Resolve) -> None:
        self._private, self._resolve = private_hosts, resolve

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 (the client's signature)
    ) -> list[ResolveResult]:
        """Return the allowed addresses of `host`; `AddressRefusedError` if it has addresses, but none of those."""
        found = await self._resolve(host, port)
        allowed = [text for text in found if _names(self._private, host, port) or is_public(text)]
        if not allowed:
            raise AddressRefusedError(
                f"{host} has only private addresses. If it is yours, name {host}:{port} in PRIVATE_HOSTS."
            )
        return [_result(host, text, port) for text in allowed]

    async def close(self) -> None:
        """Nothing is kept open."""


def is_public(text: str) -> bool:
    """Whether an IP address is one of the public Internet, for connecting to."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if any(address.version == network.version and address in network for network in _REFUSED_NETWORKS):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _check_literal(host: str) -> None:
    """Refuse hosts that are private addresses, and numbers that some system would read as an address (127.1)."""
    bare = host.strip("[]").partition("%")[0]
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        if _NUMERIC.fullmatch(host):
            raise AddressRefusedError(f"{host} is not written as an IPv4 address of four numbers.") from None
        return
    if not is_public(bare):
        raise AddressRefusedError(f"{host} is a private address. If it is yours, name it in PRIVATE_HOSTS.")


def is_named(private_hosts: frozenset[str], url: str) -> bool:
    """Whether the host of `url` is one of `private_hosts`, by itself or with its port."""
    try:
        return _is_named(private_hosts, URL(url))
    except ValueError:
        return False


def _is_named(private_hosts: frozenset[str], url: URL) -> bool:
    return url.raw_host is not None and _names(private_hosts, url.raw_host, url.port or 0)


def _names(private_hosts: frozenset[str], host: str, port: int) -> bool:
    host = host.lower().rstrip(".")
    shown = f"[{host}]" if ":" in host else host
    return not private_hosts.isdisjoint((host, shown, f"{shown}:{port}"))


def _result(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST)


async def _look_up(host: str, port: int) -> list[str]:
    infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in infos))


@dataclass(frozen=True, slots=True)
class _Limit:
    """How many bytes of a body are taken, and whether a larger one is cut there or refused."""

    max_bytes: int
    is_cut: bool


async def _body(response: aiohttp.ClientResponse, limit: _Limit) -> bytes:
    too_large = f"The answer is larger than {limit.max_bytes:,} bytes (FETCH_MAX_BYTES)."
    if (response.content_length or 0) > limit.max_bytes and not limit.is_cut:
        raise SourceUnreachableError(too_large)
    pieces, length = [], 0
    async for piece in response.content.iter_chunked(_CHUNK):
        length += len(piece)
        pieces.append(piece)
        if length > limit.max_bytes:
            if not limit.is_cut:
                raise SourceUnreachableError(too_large)
            response.close()
            break
    return b"".join(pieces)[: limit.max_bytes]
