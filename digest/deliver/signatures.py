"""Make RSA signatures beside the event loop: few in threads, those of an edition in processes of their own.

In: the texts to be signed, some at a time. Out: their signatures. The library lets other threads run while it signs,
but each signature must get the interpreter's lock back from a loop that hardly ever lets go of it: measured on two
cores, a seventh of them stood idle, and processes sent 16 to 24 % more. They cost about 30 MB each and some tenths of a
second to start, so they are there only while there is an edition to be signed; until they are ready, and whenever one
has ended, threads do its work. A process is given the key over its pipe: it stands neither in a file, an argument nor
in the environment.

Events: `signing.process_ended` (its work is done by threads, and another is started with the next edition)
"""

import asyncio
import os
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from digest import child
from digest.deliver import rsa
from digest.events import warning

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_MOST = 4  # threads, and processes
_START_SECONDS = 20


class Signatures:
    """The signatures of one worker, by one key."""

    def __init__(self, key: "RSAPrivateKey") -> None:
        self._key = key
        self._count = min(_MOST, os.cpu_count() or 1)
        self._threads: ThreadPoolExecutor | None = None
        self._processes: list[_Process] = []
        self._starting: asyncio.Task[None] | None = None

    @property
    def pids(self) -> list[int]:
        """The ids of the processes that sign."""
        return [process.pid for process in self._processes]

    def expect_many(self) -> None:
        """Start the processes, unless they are there."""
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())

    async def started(self) -> None:
        """Wait for the processes that are being started."""
        if self._starting is not None:
            await self._starting

    async def make(self, texts: Sequence[bytes]) -> list[bytes]:
        """Return the signature of each text; of none, none, and nobody is asked."""
        if not texts:
            return []
        if self._processes:
            process = min(self._processes, key=lambda process: process.waiting)
            try:
                return await process.sign(texts)
            except _ProcessEndedError:
                if process in self._processes:
                    self._processes.remove(process)
                    warning("signing.process_ended")
                    await process.close()
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._count, thread_name_prefix="signing")
        return await asyncio.get_running_loop().run_in_executor(self._threads, rsa.sign, self._key, texts)

    async def close(self) -> None:
        """End threads and processes, and give up what they are at. Signatures may be asked for again."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
            self._starting = None
        processes, self._processes = self._processes, []
        await asyncio.gather(*(process.close() for process in processes))

    async def _start(self) -> None:
        async with asyncio.TaskGroup() as group:  # given up, it waits until each of them has ended
            for _ in range(self._count):
                group.create_task(self._start_one())

    async def _start_one(self) -> None:
        process = _Process(len(rsa.sign(self._key, [b""])[0]))
        try:
            async with asyncio.timeout(_START_SECONDS):
                await process.start(_encoded(self._key))
        except (OSError, TimeoutError, _ProcessEndedError):
            warning("signing.process_ended")
            await process.close()
        except BaseException:
            await process.close()
            raise
        else:
            self._processes.append(process)


class _ProcessEndedError(Exception):
    pass


class _Process:
    """One process that signs; it answers in the order in which it is asked."""

    def __init__(self, octets: int) -> None:
        self._octets = octets  # of a signature
        self._child: asyncio.subprocess.Process | None = None
        self._answers: deque[asyncio.Future[bytes]] = deque()
        self._reading: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many questions it has not answered yet."""
        return len(self._answers)

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    async def start(self, key: bytes) -> None:
        self._child = await child.start(rsa.__name__)
        self._reading = asyncio.create_task(self._read())
        await self._ask(key)

    async def sign(self, texts: Sequence[bytes]) -> list[bytes]:
        """Return the signatures. Raises `_ProcessEndedError`."""
        signatures = await self._ask(b"".join(child.framed(text) for text in texts))
        return [signatures[start : start + self._octets] for start in range(0, len(signatures), self._octets)]

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._child is not None:
            await child.end(self._child)

    async def _ask(self, question: bytes) -> bytes:
        assert self._child is not None
        assert self._child.stdin is not None
        assert self._reading is not None
        if self._reading.done():
            raise _ProcessEndedError
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._answers.append(answer)
        self._child.stdin.write(child.framed(question))
        return await answer

    async def _read(self) -> None:
        """Hand out the answers as they come; when no more can come, say so to all who wait."""
        assert self._child is not None
        assert self._child.stdout is not None
        try:
            while True:
                content = await child.read_frame(self._child.stdout)
                answer = self._answers.popleft()
                if not answer.done():
                    answer.set_result(content)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            while self._answers:
                answer = self._answers.popleft()
                if not answer.done():
                    answer.set_exception(_ProcessEndedError())


def _encoded(key: "RSAPrivateKey") -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
