"""One source's turn at the outside world: fetch its document, and read what is new in it. Nothing is stored here.

In: a claimed source with what is remembered of its last document. Out: `Gathered`, also where it failed; or None where
the pass ran out of time before the host's turn came. The same bytes as last time are not read at all; entries that are
known are left out by the reader (`scan`), and where a new article shares a mark with another one of the document, the
whole document is read after all (`memory.clash`). Lists of most-read articles are always read wholly: their order is
the news. Further documents that a list names are fetched from the same site, at most so many (`following`).
"""

import asyncio
from dataclasses import dataclass, field, replace

from digest import events
from digest.clock import monotonic_seconds
from digest.collect import memory
from digest.collect.fetch import Page, Unchanged, ask
from digest.collect.following import follow
from digest.collect.memory import Memory
from digest.collect.politeness import HostQueue
from digest.collect.reader import Reader
from digest.collect.source import NOTHING_KNOWN, Known, Parsed
from digest.config import Settings
from digest.database.identity import keys_of
from digest.errors import DigestError
from digest.models.articles import FoundArticle
from digest.models.sources import Purpose, Source, SourceSpec
from digest.outbound import Outbound


def _room() -> asyncio.Event:
    room = asyncio.Event()
    room.set()
    return room


@dataclass(frozen=True, slots=True)
class Gatherer:
    """What fetching and reading needs; the same for all sources of a pass.

    `gate` bounds how many documents are in memory at a time. No fetch begins while `room` is clear (too much that was
    gathered waits to be kept), nor after `until`, by the monotonic clock.
    """

    outbound: Outbound
    settings: Settings
    reader: Reader
    hosts: HostQueue
    gate: asyncio.Semaphore
    until: float = float("inf")
    room: asyncio.Event = field(default_factory=_room)


@dataclass(frozen=True, slots=True)
class Gathered:
    """What came of a turn: a `problem`, or a document, in which `found` is new and `known` articles were left out.

    `is_unchanged`: nothing was read, because nothing has changed. `quiet_seconds` is how long the site asks to be left
    alone, `memory` what to remember for the next turn.
    """

    source: Source
    found: tuple[FoundArticle, ...] = ()
    known: int = 0
    doubts: tuple[str, ...] = ()
    is_unchanged: bool = False
    etag: str | None = None
    last_modified: str | None = None
    memory: bytes | None = None
    quiet_seconds: float = 0.0
    problem: str = ""
    retry_after_seconds: float | None = None


async def gather(gatherer: Gatherer, source: Source) -> Gathered | None:
    """Fetch and read one source; whatever goes wrong with it stands in the answer."""
    try:
        return await _gather(gatherer, source)
    except DigestError as error:
        return Gathered(source, problem=str(error), retry_after_seconds=getattr(error, "retry_after_seconds", None))
    except Exception as error:
        events.failure("source.failed", source=source.spec.name, exc_info=error)
        return Gathered(source, problem=f"Not foreseen: {error!r}. The log has the details; please report it.")


async def read_wholly(gatherer: Gatherer, spec: SourceSpec) -> tuple[Page, Parsed]:
    """Fetch and read a source's document, and further ones that it names, as if for the first time."""
    async with gatherer.hosts.turn(spec.url):
        page = await _ask(gatherer, spec.url, None)
    if not isinstance(page, Page):
        raise AssertionError("a fetch without conditions is never unchanged")  # noqa: TRY004 (no caller's mistake)
    return page, await _read(gatherer, spec, page)


async def _gather(gatherer: Gatherer, source: Source) -> Gathered | None:
    settings_digest = memory.settings_digest(source.spec, gatherer.settings.time_zone)
    remembered = memory.unpacked(source.memory, settings_digest)
    is_same = source.memory is not None and source.memory.startswith(settings_digest)
    async with gatherer.hosts.turn(source.spec.url):
        await gatherer.room.wait()
        await gatherer.gate.acquire()  # only now: who waits for a slow host must not keep the others from theirs
        try:
            if monotonic_seconds() > gatherer.until:
                gatherer.gate.release()
                return None
            answer = await _ask(gatherer, source.spec.url, source if is_same else None)
        except BaseException:
            gatherer.gate.release()
            raise
    try:
        if isinstance(answer, Unchanged):
            return _unchanged(source, remembered, answer)
        body = memory.body_digest(answer.body, answer.content_type, answer.url)
        if body == remembered.body:
            return _unchanged(source, remembered, answer)
        return await _read_new(gatherer, source, answer, remembered, body)
    finally:
        gatherer.gate.release()


async def _ask(gatherer: Gatherer, url: str, marked: Source | None) -> Page | Unchanged:
    return await ask(
        gatherer.outbound,
        url,
        timeout_seconds=gatherer.settings.fetch_timeout_seconds,
        max_bytes=gatherer.settings.fetch_max_bytes,
        etag=marked.etag if marked else None,
        last_modified=marked.last_modified if marked else None,
    )


def _unchanged(source: Source, remembered: Memory, answer: Page | Unchanged) -> Gathered:
    quiet_seconds = max(answer.fresh_seconds, remembered.quiet_seconds)
    same = Gathered(source, is_unchanged=True, memory=source.memory, quiet_seconds=quiet_seconds)
    if isinstance(answer, Unchanged):
        return replace(same, etag=source.etag, last_modified=source.last_modified)
    known = remembered.count
    return replace(same, known=known, doubts=answer.doubts, etag=answer.etag, last_modified=answer.last_modified)


async def _read_new(gatherer: Gatherer, source: Source, page: Page, remembered: Memory, body: bytes) -> Gathered:
    spec, before = source.spec, memory.entries_of(remembered)
    known = Known(() if spec.purpose is Purpose.MOST_READ else tuple(before), remembered.is_plain)
    parsed = await _read(gatherer, spec, page, known)
    marks = [memory.marks(keys_of(one)) for one in parsed.articles]
    kept = {key: before[key] for key in parsed.known}
    if kept and memory.clash(kept.values(), marks):
        parsed, kept = await _read(gatherer, spec, page), {}
        marks = [memory.marks(keys_of(one)) for one in parsed.articles]
    entries = {**kept, **dict(zip(parsed.keys, marks, strict=True))} if parsed.keys else kept
    if not kept and memory.clash((), marks):
        entries = {}
    quiet_seconds = parsed.quiet_seconds if parsed.kind else remembered.quiet_seconds
    quiet_seconds = min(quiet_seconds, 1_000_000)
    if parsed.next_urls:  # this document alone does not say whether anything is new
        now_remembered = Memory(remembered.settings, quiet_seconds=quiet_seconds)
        page = replace(page, etag=None, last_modified=None)
    else:
        is_plain = remembered.is_plain if parsed.known else parsed.is_plain
        now_remembered = Memory(remembered.settings, body, quiet_seconds, memory.packed_entries(entries), is_plain)
    return Gathered(
        source,
        found=parsed.articles,
        known=len(kept),
        doubts=(*page.doubts, *parsed.doubts),
        etag=page.etag,
        last_modified=page.last_modified,
        memory=memory.packed(now_remembered),
        quiet_seconds=max(page.fresh_seconds, quiet_seconds),
    )


async def _read(gatherer: Gatherer, spec: SourceSpec, page: Page, known: Known = NOTHING_KNOWN) -> Parsed:
    """Read a document and those it names; articles without a section get the source's own."""
    parsed = await _read_one(gatherer, spec, page, known)
    if parsed.next_urls:
        parsed = await _with_further(gatherer, spec, page, parsed)
    if not spec.section:
        return parsed
    with_sections = tuple(
        one if one.text.section else replace(one, text=replace(one.text, section=spec.section))
        for one in parsed.articles
    )
    return replace(parsed, articles=with_sections)


async def _read_one(gatherer: Gatherer, spec: SourceSpec, page: Page, known: Known) -> Parsed:
    return await gatherer.reader.read(
        spec.type,
        page.body,
        page.content_type,
        page.url,
        gatherer.settings.zone,
        options=spec.options,
        known=known,
    )


async def _with_further(gatherer: Gatherer, spec: SourceSpec, page: Page, first: Parsed) -> Parsed:
    """Fetch and read the further documents that the first one leads to."""

    async def get(url: str) -> Parsed:
        async with gatherer.hosts.turn(url):
            further = await _ask(gatherer, url, None)
        if not isinstance(further, Page):
            raise AssertionError("a fetch without conditions is never unchanged")  # noqa: TRY004 (no caller's mistake)
        return await _read_one(gatherer, spec, further, NOTHING_KNOWN)

    return replace(await follow(first, page.url, get), keys=())
