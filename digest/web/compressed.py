"""Answers that go out compressed to browsers that take it: a third of the bytes, for phones in the country. Pure.

In: bytes that are the same for everyone, and a request's Accept-Encoding (RFC 9110 §12.5.3). Out: both forms, made
once for all who ask, and the answer in one of them, with the `Vary` that caches need. Only what holds no secret and
repeats nothing of a request goes through here: style, scripts, an edition's page. Where a page holds a token or an
address beside words that a stranger chose, its compressed length tells of the one by the other (BREACH, CVE-2013-3587).
That is why it is no middleware around all pages: each of these asks for it by name.
"""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

_VARY = "Accept-Encoding"


@dataclass(frozen=True, slots=True)
class Compressed:
    """One content in both forms; `packed` is gzip's (RFC 1952), without a time: the same bytes each time."""

    plain: bytes
    packed: bytes


def compress(content: bytes) -> Compressed:
    """Make both forms (30 kB: a millisecond of the processor)."""
    return Compressed(content, gzip.compress(content, mtime=0))


def answer(request: Request, content: Compressed, media_type: str, headers: Mapping[str, str]) -> Response:
    """Answer with the form that this request takes; `headers` are the page's, a `Vary` of theirs is kept."""
    varies = ", ".join(name for name in (headers.get("Vary"), _VARY) if name)
    fixed = {**headers, "Vary": varies}
    if len(content.packed) < len(content.plain) and _takes_gzip(request.headers.get("accept-encoding", "")):
        return Response(content.packed, media_type=media_type, headers={**fixed, "Content-Encoding": "gzip"})
    return Response(content.plain, media_type=media_type, headers=fixed)


def _takes_gzip(header: str) -> bool:
    """Whether gzip is named, or else everything (`*`), with a weight that is not zero."""
    weights: dict[str, str] = {}
    for part in header[:500].split(","):
        coding, _, weight = part.partition(";")
        weights[coding.strip().lower()] = weight.strip().lower().removeprefix("q=") or "1"
    weight = weights.get("gzip", weights.get("*", "0"))
    try:
        return float(weight) > 0
    except ValueError:
        return False
