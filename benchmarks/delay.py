"""A connection with a long way: `python -m benchmarks.delay NEAR_PORT FAR_PORT RTT_MS`, on loopback.

Every piece is passed on half the round trip later, in both directions, however many are under way.
"""

import asyncio
import signal
import sys


class _Way(asyncio.Protocol):
    """One direction's receiving end; what comes is written to `other` later."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.transport: asyncio.Transport | None = None
        self.other: _Way | None = None
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        asyncio.get_running_loop().call_later(self.seconds, self._pass_on, data)

    def connection_lost(self, _error: Exception | None) -> None:
        asyncio.get_running_loop().call_later(self.seconds, self._close_other)

    def _pass_on(self, data: bytes) -> None:
        if self.other is None or self.other.transport is None:
            self._early.append(data)
        elif not self.other.transport.is_closing():
            self.other.transport.write(data)

    def _close_other(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()

    def join(self, other: "_Way") -> None:
        self.other = other
        for data in self._early:
            self._pass_on(data)
        self._early.clear()


class _Near(_Way):
    def __init__(self, seconds: float, far_port: int) -> None:
        super().__init__(seconds)
        self._far_port = far_port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._task = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        await asyncio.sleep(self.seconds * 2)
        loop = asyncio.get_running_loop()
        _, far = await loop.create_connection(lambda: _Way(self.seconds), "127.0.0.1", self._far_port)
        far.join(self)
        self.join(far)


async def _run(near_port: int, far_port: int, seconds: float) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    server = await loop.create_server(lambda: _Near(seconds, far_port), "127.0.0.1", near_port)
    await stop.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(_run(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 2000))
