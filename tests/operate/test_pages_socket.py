"""The socket the pages listen on, and how long a connection to it is kept."""

import asyncio
import socket

import pytest
from starlette.applications import Starlette

from benchmarks import tools
from digest.operate.run import _config, _listen
from tests.support.settings import make_settings

pytestmark = pytest.mark.anyio


async def test_answers_on_kept_open_connections_are_sent_at_once() -> None:
    """Without TCP_NODELAY each answer behind a proxy waits 40 ms for an acknowledgement."""
    port = tools.free_port()
    listening = _listen(make_settings(web_port=port))
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async with await asyncio.start_server(answer, sock=listening):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        sends_at_once = await accepted
        writer.close()

    assert sends_at_once


async def test_idle_connections_are_kept_for_longer_than_proxies_keep_them() -> None:
    """What we close while a proxy sends a request over it is a reader's one click that nobody answers."""
    assert _config(Starlette()).timeout_keep_alive > 120  # Caddy's; nginx's is 60
