"""Who is asking, when a web server passes requests on to us: the address of the client, not that of the proxy.

In: the address a request came from, its headers, the networks of `TRUSTED_PROXIES`. Out: the client's address, put
into the request before anything else looks at it: limits, the consent's network and what is for programs nearby go by
it. Anybody can write these headers. They are read only if the peer is a named proxy, from the right, where each proxy
adds whom it heard, and the first hop that is no named proxy is the client. What stands further left is the client's
own word. X-Forwarded-For goes before Forwarded (RFC 7239): most proxies write the first and pass the second on unread.
What is no address (`unknown`, `_hidden`) ends the way: the last hop that could be read counts.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

Network = IPv4Network | IPv6Network
_MOST_HOPS = 20
_FOR = re.compile(r'(?:^|;)\s*for\s*=\s*("[^"]*"|[^;\s]*)', re.IGNORECASE)
_PORT = re.compile(r"(\d+\.\d+\.\d+\.\d+):\d+")


class TrueClient:
    """ASGI middleware in front of all others: puts the client's address in the place of a named proxy's."""

    def __init__(self, app: ASGIApp, *, proxies: Sequence[Network]) -> None:
        self.app, self.proxies = app, proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope.get("client"):
            host = scope["client"][0]
            client = client_of(host, Headers(scope=scope), self.proxies)
            if client != host:
                scope["client"] = (client, 0)
        await self.app(scope, receive, send)


def client_of(peer: str, headers: Headers, proxies: Sequence[Network]) -> str:
    """Return the client's address: `peer` itself, unless it is one of the `proxies` and names another."""
    believed = peer
    address = _address(peer)
    for hop in reversed(_hops(headers)):
        if address is None or not any(address in network for network in proxies):
            break
        address = _address(hop)
        believed = believed if address is None else str(address)
    return believed


def _hops(headers: Headers) -> list[str]:
    """Return what the headers name, the nearest last."""
    if lines := headers.getlist("x-forwarded-for"):
        return ",".join(lines).split(",")[-_MOST_HOPS:]
    elements = ",".join(headers.getlist("forwarded")).split(",") if "forwarded" in headers else []
    found = [_FOR.search(element) for element in elements[-_MOST_HOPS:]]
    return [match[1].strip('"') if match else "" for match in found]


def _address(hop: str) -> IPv4Address | IPv6Address | None:
    """Read a hop: an address, with or without a port; None if it is none."""
    text = hop.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif match := _PORT.fullmatch(text):
        text = match[1]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
