"""Ask a web process at planned times, whether it has answered before or not: `python -m benchmarks.load PORT < PLAN`.

In: a JSON list of [seconds, route, request, source], in the order of the seconds after the start; `source` is the
loopback address to ask from, empty for any. Out, when all are answered: a JSON list of [route, milliseconds, status,
bytes of the body, milliseconds we were late ourselves]. A request's time counts from when it was planned, not from
when it could be sent, so a server that stops for a moment pays for everybody who would have come meanwhile (no
"coordinated omission"). Connections are kept open and used again, as a proxy in front of the pages does; where none is
free, one more is opened. What is not answered in time has the status 0.
"""

import asyncio
import json
import sys
from collections import defaultdict, deque

Planned = tuple[float, str, str, str]
Answer = tuple[str, float, int, int, float]
TIMEOUT_SECONDS = 30
_END_OF_HEAD = b"\r\n\r\n"


class _Connection(asyncio.Protocol):
    """One kept-open connection; it answers one request at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.is_lost = False
        self._buffer = b""
        self._asked: asyncio.Future[tuple[int, int]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    async def ask(self, request: bytes) -> tuple[int, int]:
        """Return the status, and the bytes of the body."""
        assert self.transport
        self._asked = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._asked

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(_END_OF_HEAD)
        if not end or self._asked is None or self._asked.done():
            return
        _, _, after = head.lower().partition(b"\r\ncontent-length:")
        length = int(after.partition(b"\r\n")[0])
        if len(body) >= length:
            self._buffer = b""
            self._asked.set_result((int(head[9:12]), length))

    def connection_lost(self, _error: Exception | None) -> None:
        self.is_lost = True
        if self._asked is not None and not self._asked.done():
            self._asked.set_exception(ConnectionError("closed before it was answered"))


class _Caller:
    def __init__(self, port: int, began: float) -> None:
        self._port, self._began = port, began
        self._free: dict[str, deque[_Connection]] = defaultdict(deque)

    async def call(self, planned: Planned) -> Answer:
        seconds, route, request, source = planned
        loop = asyncio.get_running_loop()
        due_at = self._began + seconds
        late = loop.time() - due_at
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                connection = await self._connection(source)
                status, length = await connection.ask(request.encode())
            self._free[source].append(connection)
        except (OSError, TimeoutError):
            status, length = 0, 0
        return route, (loop.time() - due_at) * 1000, status, length, late * 1000

    async def _connection(self, source: str) -> _Connection:
        free = self._free[source]
        while free:
            connection = free.pop()
            if not connection.is_lost:
                return connection
        near = (source, 0) if source else None
        loop = asyncio.get_running_loop()
        return (await loop.create_connection(_Connection, "127.0.0.1", self._port, local_addr=near))[1]


async def _follow(port: int, plan: list[Planned]) -> list[Answer]:
    loop = asyncio.get_running_loop()
    began = loop.time() + 0.1
    caller, calls = _Caller(port, began), []
    for planned in plan:
        wait = began + planned[0] - loop.time()
        if wait > 0:
            await asyncio.sleep(wait)
        calls.append(asyncio.create_task(caller.call(planned)))
    return list(await asyncio.gather(*calls))


def main() -> None:
    plan = [tuple(each) for each in json.load(sys.stdin)]
    print(json.dumps(asyncio.run(_follow(int(sys.argv[1]), plan))))


if __name__ == "__main__":
    main()
