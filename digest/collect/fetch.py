"""One polite fetch of a source: conditional, limited, and each answer turned into what to do next.

In: an address and the marks of the last answer that could be read (ETag, Last-Modified). Out: a `Page`, or `Unchanged`
(304, which costs no parsing), with the time for which the answer calls itself fresh. 404 and 410 mean that the source
may be gone, which a person has to say; 429 and 503 may name a time to wait, honoured by `freshness`. RFC 9110 §13
(conditions) and §10.2.3 (Retry-After), RFC 9111 §4.2 (how long an answer is fresh).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from digest.errors import SourceGoneError, SourceUnreachableError
from digest.outbound import Outbound

_ACCEPT = "application/rss+xml, application/atom+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5"
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age\s*=\s*\"?(\d{1,9})")
_NEVER_FRESH = re.compile(r"(?:^|[\s,])(?:no-cache|no-store)(?:$|[\s,=])")
_LONGEST_MARK = 1000  # characters of an ETag worth keeping
MOVED = "has moved for good to"


@dataclass(frozen=True, slots=True)
class Page:
    """An answer to read. `etag` and `last_modified` are for the next fetch; `doubts` are about the address."""

    url: str
    content_type: str
    body: bytes
    etag: str | None
    last_modified: str | None
    doubts: tuple[str, ...] = ()
    fresh_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The answer 304. `fresh_seconds` as in `Page`: for how long asking again is of no use; 0: it does not say."""

    fresh_seconds: float = 0.0


async def fetch(
    outbound: Outbound,
    url: str,
    *,
    timeout_seconds: float,
    max_bytes: int,
    etag: str | None = None,
    last_modified: str | None = None,
) -> Page | None:
    """Fetch `url` as `ask` does; None: unchanged since the given marks."""
    answer = await ask(
        outbound,
        url,
        timeout_seconds=timeout_seconds,
        max_bytes=max_bytes,
        etag=etag,
        last_modified=last_modified,
    )
    return answer if isinstance(answer, Page) else None


async def ask(
    outbound: Outbound,
    url: str,
    *,
    timeout_seconds: float,
    max_bytes: int,
    etag: str | None = None,
    last_modified: str | None = None,
) -> Page | Unchanged:
    """Fetch `url`, on condition that it has changed since the given marks.

    Raises `SourceGoneError`, `SourceUnreachableError` (with `retry_after_seconds` if the site named it) and
    `AddressRefusedError`.
    """
    headers = {"Accept": _ACCEPT}
    if etag:
        headers["If-None-Match"] = etag
    if last_modified:
        headers["If-Modified-Since"] = last_modified
    fetched = await outbound.get(url, timeout_seconds=timeout_seconds, max_bytes=max_bytes, headers=headers)
    if fetched.status == 304 and (etag or last_modified):
        return Unchanged(_fresh_seconds(fetched.headers))
    if fetched.status not in (200, 203):
        raise _refusal(fetched.status, fetched.headers)
    doubts = (f"{MOVED} {fetched.moved_to}; name that address",) if fetched.moved_to else ()
    return Page(
        url=fetched.url,
        content_type=fetched.headers.get("Content-Type", ""),
        body=fetched.body,
        etag=_mark(fetched.headers.get("ETag")),
        last_modified=_mark(fetched.headers.get("Last-Modified")),
        doubts=doubts,
        fresh_seconds=_fresh_seconds(fetched.headers),
    )


def _refusal(status: int, headers: Mapping[str, str]) -> SourceGoneError | SourceUnreachableError:
    if status in (404, 410):
        return SourceGoneError(f"Nothing is there any more (HTTP {status}). Ask the newspaper for the new address.")
    if status in (401, 403):
        text = f"The site refuses us (HTTP {status}). Ask the newspaper to let this service's User-Agent pass."
        return SourceUnreachableError(text)
    text = f"The site answers HTTP {status}."
    return SourceUnreachableError(text, retry_after_seconds=_retry_after(headers))


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Read Retry-After: seconds, or a date, which is reckoned from the answer's own Date (clocks differ)."""
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value[:9])
    try:
        until = parsedate_to_datetime(value)
        return max(0.0, (until - parsedate_to_datetime(headers.get("Date", ""))).total_seconds())
    except (ValueError, TypeError):
        return None


def _fresh_seconds(headers: Mapping[str, str]) -> float:
    """Return for how long an answer is fresh: Cache-Control's max-age, less its Age, else Expires less Date."""
    directives = headers.get("Cache-Control", "").lower()
    if _NEVER_FRESH.search(directives):
        return 0.0
    if found := _MAX_AGE.search(directives):
        age = headers.get("Age", "").strip()
        return max(0.0, float(found[1]) - (float(age[:9]) if age.isdecimal() else 0.0))
    try:
        expires = parsedate_to_datetime(headers.get("Expires", ""))
        return max(0.0, (expires - parsedate_to_datetime(headers.get("Date", ""))).total_seconds())
    except (ValueError, TypeError):  # "Expires: 0" and the like: stale already
        return 0.0


def _mark(value: str | None) -> str | None:
    return value if value and len(value) <= _LONGEST_MARK and value.isprintable() else None
