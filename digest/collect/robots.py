"""robots.txt: which pages of a site may be fetched by a program (RFC 9309). Not asked for feeds the operator named.

`may_fetch` looks at the kept copy of the site's file and fetches it anew once a day, through the guard. An answer 4xx
(but 429) means that there are no rules; 5xx, 429 or none at all, that nothing may be fetched for now: asked again
after an hour, and until then a copy of at most a week goes on to hold. `Rules` is the matcher, without the faults of
the standard library's (first match instead of the longest, `*` and `$` taken literally, an empty group for agents).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from urllib.parse import quote, urlsplit

from digest.database import Database
from digest.database import robots as kept_robots
from digest.database.robots import Robots
from digest.errors import AddressRefusedError, DigestError
from digest.outbound import PRODUCT, Outbound

MAX_BYTES = 500_000
"""RFC 9309 §2.5: at least 500 KiB have to be read; what comes after is left out."""
_FRESH = timedelta(days=1)
_TRY_AGAIN = timedelta(hours=1)
_OLD_COPY = timedelta(days=7)
_TIMEOUT_SECONDS = 20
_LINE = re.compile(r"\s*([A-Za-z-]+)\s*:\s*(.*?)\s*\Z")
_TOO_MANY_REQUESTS = 429


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one group. `lines` are (is allowed, pattern); `crawl_delay_seconds` None: nothing is said."""

    lines: tuple[tuple[bool, str], ...] = ()
    crawl_delay_seconds: float | None = None

    def allows(self, path: str) -> bool:
        """Whether `path` (with its query) may be fetched: the longest pattern decides, and of equal ones `Allow`."""
        path = _normal(path)
        best, allowed = -1, True
        for is_allowed, pattern in self.lines:
            length = len(pattern)
            if (length > best or (length == best and is_allowed)) and _matches(pattern, path):
                best, allowed = length, is_allowed
        return allowed


async def may_fetch(database: Database, outbound: Outbound, url: str, *, now: datetime) -> bool:
    """Whether the robots.txt of `url`'s site lets us fetch it; fetches the file where the kept one is a day old.

    Does not wait for the host's turn: call it before taking one, or inside of one.
    """
    return lets_fetch(await rules_for(database, outbound, url, now=now), url)


async def may_fetch_once(outbound: Outbound, url: str, *, now: datetime) -> bool:
    """As `may_fetch`, for a look at a few pages that stores nothing: the file is fetched each time."""
    kept = await _fetched(outbound, _site(url), None, now)
    return lets_fetch(rules_of(kept.body, PRODUCT) if kept.read_at is not None else None, url)


def lets_fetch(rules: Rules | None, url: str) -> bool:
    """Whether `rules`, as `rules_for` returned them, let us fetch `url`; None lets nothing."""
    if rules is None:
        return False
    split = urlsplit(url)
    path = split.path or "/"
    return path == "/robots.txt" or rules.allows(f"{path}?{split.query}" if split.query else path)


def _site(url: str) -> str:
    split = urlsplit(url)
    return f"{split.scheme}://{split.netloc.rpartition('@')[2]}".lower()


async def rules_for(database: Database, outbound: Outbound, url: str, *, now: datetime) -> Rules | None:
    """Return the rules that hold for us at `url`'s site; None: nothing may be fetched there now."""
    site = _site(url)
    async with database.read() as connection:
        kept = await kept_robots.get(connection, site)
    if kept is None or kept.next_at <= now or kept.next_at > now + 2 * _FRESH:
        kept = await _fetched(outbound, site, kept, now)
        async with database.begin() as connection:
            await kept_robots.keep(connection, kept)
    if kept.read_at is None or kept.read_at < now - _OLD_COPY:
        return None
    return rules_of(kept.body, PRODUCT)


async def _fetched(outbound: Outbound, site: str, kept: Robots | None, now: datetime) -> Robots:
    try:
        answer = await outbound.get(
            f"{site}/robots.txt", timeout_seconds=_TIMEOUT_SECONDS, max_bytes=MAX_BYTES, is_cut=True
        )
    except AddressRefusedError:
        return Robots(site, "", None, now + _FRESH)
    except DigestError:
        answer = None
    if answer is not None and 200 <= answer.status < 300:
        return Robots(site, answer.body.decode("utf-8", "replace").replace("\x00", ""), now, now + _FRESH)
    if answer is not None and 400 <= answer.status < 500 and answer.status != _TOO_MANY_REQUESTS:
        return Robots(site, "", now, now + _FRESH)
    return Robots(site, kept.body if kept else "", kept.read_at if kept else None, now + _TRY_AGAIN)


@lru_cache(maxsize=256)
def rules_of(text: str, product: str) -> Rules:
    """Return the rules for `product`: all groups that name it, taken together, else those for `*`. Pure."""
    groups: dict[str, list[tuple[bool, str]]] = {}
    delays: dict[str, float] = {}
    agents: list[str] = []
    is_open = False  # between two agent lines nothing has come yet: they share the group
    for line in text.lstrip("\ufeff").splitlines():
        found = _LINE.match(line.partition("#")[0])
        if found is None:
            continue
        name, value = found[1].lower(), found[2]
        if name == "user-agent":
            agents = [*agents, _token(value)] if is_open else [_token(value)]
            is_open = True
            groups.setdefault(agents[-1], [])
        elif name in ("allow", "disallow"):
            is_open = False
            for agent in agents if value else ():
                groups[agent].append((name == "allow", _normal(value)))
        elif name == "crawl-delay":
            is_open = False
            delays.update(_delays(agents, value))
    ours = product.lower() if product.lower() in groups else "*"
    return Rules(tuple(groups.get(ours, ())), delays.get(ours))


def _token(value: str) -> str:
    """Return the product token of an agent line, in small letters ("*" for all)."""
    found = re.match(r"\*|[A-Za-z_-]+", value)
    return found[0].lower() if found else value.lower()


def _delays(agents: Iterable[str], value: str) -> dict[str, float]:
    if not re.fullmatch(r"\d{1,6}(?:\.\d{1,6})?", value):
        return {}
    return dict.fromkeys(agents, float(value))


def _matches(pattern: str, path: str) -> bool:
    """Whether `pattern` fits the beginning of `path`; `*` stands for anything, `$` at its end for the end.

    Walked piece by piece and not as a regular expression: many `*` would let one of those run for hours.
    """
    is_anchored = pattern.endswith("$")
    first, *rest = (pattern[:-1] if is_anchored else pattern).split("*")
    if not path.startswith(first):
        return False
    if is_anchored and not rest:
        return path == first
    at = len(first)
    last = rest.pop() if is_anchored else ""
    for piece in rest:
        found = path.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return not is_anchored or (path.endswith(last) and len(path) - len(last) >= at)


def _normal(path: str) -> str:
    """Write a path or pattern in one way: letters that are not ASCII and needless escapes percent-encoded alike."""
    decoded = re.sub(r"%([0-9A-Fa-f]{2})", _decoded, path)
    return quote(decoded, safe="/?:@!$&'()*+,;=~-._%#[]|\\{}^`\"<>")


def _decoded(match: re.Match[str]) -> str:
    """Undo an escape of what needs none; keep the others, in capitals (RFC 3986 §6.2.2)."""
    char = chr(int(match[1], 16))
    return char if char.isascii() and (char.isalnum() or char in "-._~") else f"%{match[1].upper()}"
