"""Reading in a process of its own: what strangers wrote must not stop, fill or crash the service.

`Reader` starts one child process at the first document and keeps it. It sends (source type, or that it is an
article's page, address, body) over a pipe and gets `Parsed`, `PageText` or an error back, as JSON: the child is not
trusted, so nothing it says is unpickled. The child may use so much memory (RLIMIT_AS) and time; when it exceeds
them it is killed, the document is unreadable, its source loses one turn, and the next document gets a new child.

Events: source.reader_failed (something unforeseen in an adapter; with its traceback)
"""

import asyncio
import gc
import json
import resource
import sys
import traceback
from asyncio.subprocess import Process
from collections import deque
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any, BinaryIO, Self
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from digest import child
from digest.collect.page import read_page
from digest.collect.pages.families import Selectors
from digest.collect.source import NOTHING_KNOWN, Known, Options, Parsed
from digest.collect.sources import SOURCE_TYPES, feed
from digest.errors import DigestError, SourceUnreadableError, TryLaterError
from digest.events import failure
from digest.models.articles import PageText

_MAX_MEMORY_BYTES = 1 << 30
_START_SECONDS = 60
_AHEAD = 8  # documents that the child is given at a time
_AHEAD_BYTES = 1 << 19
_SWEEP_BYTES = 1 << 20  # of documents read before what they leave behind is swept
_PARSED = TypeAdapter(Parsed)
_PAGE = TypeAdapter(PageText)
_A_PAGE = "page"  # asked for instead of a source type


@dataclass(frozen=True, slots=True, eq=False)
class _Question:
    framed: bytes
    answer: asyncio.Future[bytes]


class Reader:
    """Reads documents, one after the other; some lie ready in the child. `async with Reader() as reader`."""

    def __init__(self, *, max_seconds: float = 30, max_memory_bytes: int = _MAX_MEMORY_BYTES) -> None:
        """`max_seconds` is for one document; a thousand articles take about one."""
        self._max_seconds, self._max_memory_bytes = max_seconds, max_memory_bytes
        self._child: Process | None = None
        self._waiting: deque[_Question] = deque()
        self._asking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def pid(self) -> int | None:
        """The child's process id, None while there is none."""
        return self._child.pid if self._child else None

    async def close(self) -> None:
        """End the child. The reader may be used again."""
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        while self._waiting:
            self._waiting.popleft().answer.cancel()
        await self._end()

    async def _end(self) -> None:
        process, self._child = self._child, None
        if process is not None:
            await child.end(process)

    async def read(
        self,
        type_: str,
        body: bytes,
        content_type: str,
        url: str,
        zone: ZoneInfo,
        *,
        options: Options = (),
        known: Known = NOTHING_KNOWN,
    ) -> Parsed:
        """Have the source type `type_` read `body`; raises `SourceUnreadableError`.

        Articles that are `known` may be left out; `Parsed.known` names them.
        """
        question = [type_, content_type, url, zone.key, options, list(known.keys), known.is_plain]
        return _PARSED.validate_json(await self._answer_to(question, body))

    async def read_page(
        self, body: bytes, content_type: str, url: str, zone: ZoneInfo, selectors: Selectors | None = None
    ) -> PageText:
        """Have an article's page read (`page.read_page`) under the same limits; raises `SourceUnreadableError`."""
        options = list(asdict(selectors or Selectors()).items())
        return _PAGE.validate_json(await self._answer_to([_A_PAGE, content_type, url, zone.key, options, []], body))

    async def _answer_to(self, question: list[Any], body: bytes) -> bytes:  # Any: what JSON can hold
        framed = child.framed(json.dumps(question).encode()) + child.framed(body)
        asked = _Question(framed, asyncio.get_running_loop().create_future())
        self._waiting.append(asked)
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask_all())
        answer = await asked.answer
        if not answer.startswith(b"["):
            return answer
        kind, text = json.loads(answer)
        if kind == "unforeseen":
            failure("source.reader_failed", detail=text)
            text = "Reading it failed in a way that was not foreseen; the log has the details. Please report it."
        raise SourceUnreadableError(text)

    async def _ask_all(self) -> None:
        """Have everything read that waits, some documents at a time; whoever asked and is gone is not asked for."""
        while self._waiting:
            some: deque[_Question] = deque()
            size = 0
            while self._waiting and len(some) < _AHEAD and (not some or size < _AHEAD_BYTES):
                if not self._waiting[0].answer.done():
                    some.append(self._waiting[0])
                    size += len(some[-1].framed)
                self._waiting.popleft()
            try:
                await self._ask(some)
            except DigestError as error:  # the one that was being read is at fault; the others are asked for anew
                if some and not some[0].answer.done():
                    some[0].answer.set_exception(error)
                self._waiting.extendleft(reversed(list(some)[1:]))
            except BaseException:
                for one in some:
                    one.answer.cancel()
                raise

    async def _ask(self, some: "deque[_Question]") -> None:
        """Ask for these documents at once and answer them one by one; what is left in `some` was not answered.

        While one is read the next lies ready: a child that falls asleep between documents comes back to cold caches.
        """
        if not some:
            return
        process = self._child or await self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(b"".join([one.framed for one in some]))
            while some:
                async with asyncio.timeout(self._max_seconds):
                    answer = await child.read_frame(process.stdout)
                one = some.popleft()
                if not one.answer.done():
                    one.answer.set_result(answer)
        except TimeoutError as error:
            await self._end()
            text = f"Reading it took more than {self._max_seconds:g} seconds and was given up."
            raise SourceUnreadableError(text) from error
        except (asyncio.IncompleteReadError, OSError) as error:
            await self._end()
            raise SourceUnreadableError("Reading it took more memory than is allowed, or crashed.") from error

    async def _start(self) -> Process:
        process = self._child = await child.start(__name__, str(self._max_memory_bytes))
        assert process.stdout is not None
        try:
            async with asyncio.timeout(_START_SECONDS):
                await child.read_frame(process.stdout)  # empty: it is ready
        except BaseException as error:
            await self._end()
            if isinstance(error, (TimeoutError, asyncio.IncompleteReadError)):
                raise TryLaterError(
                    "The process that reads feeds could not be started. See `digest doctor`."
                ) from error
            raise
        return process


# ── the child ────────────────────────────────────────────────────────────────────────────────────────────────────


def serve_stdin() -> None:
    """Answer questions on standard input until it ends. Runs in the child."""
    _limit_memory(int(sys.argv[3]))
    serve(*child.pipes())


def serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Say that the child is ready, then answer question after question."""
    # What was imported stays, and what a document leaves behind is looked for once in a while: a tenth of the time.
    gc.collect()
    gc.freeze()
    gc.disable()
    unswept = 0
    child.answer(answers, b"")
    while head := child.next_frame(questions):
        body = child.next_frame(questions)
        child.answer(answers, _read(json.loads(head), body))
        unswept += len(body)
        if unswept > _SWEEP_BYTES:
            gc.collect()
            unswept = 0


def _read(head: list[Any], body: bytes) -> bytes:  # Any: what the parent wrote
    type_, content_type, url, zone, options, *rest = head
    try:
        if type_ == _A_PAGE:
            return _PAGE.dump_json(read_page(body, content_type, url, ZoneInfo(zone), Selectors(**dict(options))))
        keys, is_plain = rest
        if keys and type_ == "feed":  # the one type that can be read in part
            known = Known(frozenset(keys), is_plain)
            return _PARSED.dump_json(feed.read_new(body, content_type, url, ZoneInfo(zone), known))
        given = tuple((name, value) for name, value in options)
        return _PARSED.dump_json(SOURCE_TYPES[type_].read(body, content_type, url, ZoneInfo(zone), given))
    except SourceUnreadableError as error:
        return json.dumps(["unreadable", str(error)]).encode()
    except MemoryError:
        raise
    except Exception:  # whatever an adapter did not foresee is the parent's to tell
        return json.dumps(["unforeseen", traceback.format_exc()]).encode()


def _limit_memory(max_bytes: int) -> None:
    try:
        resource.setrlimit(resource.RLIMIT_AS, (max_bytes, max_bytes))
    except (ValueError, OSError):
        return  # not every system knows this limit; the time limit remains
