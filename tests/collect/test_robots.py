"""robots.txt: the matcher of RFC 9309, and what each answer of a site means."""

from datetime import timedelta

import pytest

from digest.collect import robots
from digest.collect.robots import rules_of
from digest.database import Database
from digest.database import robots as kept_robots
from tests.collect.conftest import Room
from tests.support.clock import StoppedClock

OURS = "newspaper-digest"


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/fish", "/fish.html", True), ("/fish", "/Fish", False), ("/fish/", "/fish", False),
        ("/*.php", "/a/b.php?c", True), ("/*.php$", "/b.php?c", False), ("/*.php$", "/b.php", True),
        ("/a*b*c", "/axxbyyc/d", True), ("/$", "/", True),
        ("/$", "/a", False), ("*", "/any", True), ("/a$", "/ab", False), ("/가", "/%EA%B0%80", True),
        ("/%7Ejoe", "/~joe/x", True), ("/*a*a$", "/ba", False), ("/*/", "/x", False),
    ],
)  # fmt: skip
def test_patterns_fit_the_beginning_of_a_path(pattern: str, path: str, matches: bool) -> None:
    """`*` is anything, `$` the end, everything else itself."""
    assert rules_of(f"User-agent: *\nDisallow: {pattern}", OURS).allows(path) is not matches


def test_the_longest_pattern_decides_and_allow_wins_a_tie() -> None:
    """Not the first one, which is what the standard library takes."""
    rules = rules_of("User-agent: *\nDisallow: /\nAllow: /news\nDisallow: /news/p\nAllow: /x\nDisallow: /x", OURS)
    assert [rules.allows(path) for path in ("/", "/news/1", "/news/p1", "/x")] == [False, True, False, True]


def test_our_own_group_goes_before_the_one_for_all() -> None:
    """Groups that name us several times are one; agents in a row share their rules; comments and case do not matter."""
    text = (
        "\ufeffUser-agent: *\nDisallow: /\n\nUSER-AGENT: other\nuser-agent: Newspaper-Digest/2.0 # us\n"
        "disallow: /print\nUser-agent: newspaper-digest\nDisallow: /admin\nCrawl-delay: 5\nDisallow:\n"
    )
    rules = rules_of(text, OURS)
    assert [rules.allows(path) for path in ("/news", "/print/1", "/admin")] == [True, False, False]
    assert rules.crawl_delay_seconds == 5
    assert not rules_of(text, "somebody").allows("/news")


def test_many_stars_cost_nothing() -> None:
    """As a regular expression this pattern would run for hours."""
    assert rules_of("User-agent: *\nDisallow: /" + "*a" * 2000 + "$", OURS).allows("/" + "a" * 1000 + "b")


@pytest.mark.anyio
@pytest.mark.parametrize(("status", "allowed"), [(200, False), (404, True), (403, True), (429, False), (503, False)])
async def test_what_a_site_answers_decides(
    room: Room, database: Database, clock: StoppedClock, status: int, allowed: bool
) -> None:
    """No file: no rules. Trouble: nothing for now."""
    room.paper.serve("User-agent: *\nDisallow: /news", "/robots.txt", status=status)
    assert await robots.may_fetch(database, room.outbound, room.paper.url("/news/1"), now=clock()) is allowed


@pytest.mark.anyio
async def test_the_file_is_fetched_once_a_day_and_an_old_copy_bridges_trouble(
    room: Room, database: Database, clock: StoppedClock
) -> None:
    """A site that is down for a morning does not close its pages, and one that is down for long does."""
    room.paper.serve("User-agent: *\nDisallow: /admin", "/robots.txt")

    async def may(path: str) -> bool:
        return await robots.may_fetch(database, room.outbound, room.paper.url(path), now=clock())

    assert [await may("/news/1"), await may("/admin")] == [True, False]
    assert len(room.paper.requests) == 1
    room.paper.serve("", "/robots.txt", status=500)
    clock.advance(days=1)
    assert [await may("/news/1"), await may("/admin")] == [True, False]
    assert len(room.paper.requests) == 2
    clock.advance(days=7)
    assert not await may("/news/1")
    room.paper.serve("", "/robots.txt", status=404)
    clock.advance(**{"seconds": timedelta(hours=1).total_seconds()})
    assert await may("/admin")


@pytest.mark.anyio
async def test_copies_of_sites_that_nobody_goes_to_any_more_are_removed(
    room: Room, database: Database, clock: StoppedClock
) -> None:
    """Each may be half a megabyte."""
    await robots.may_fetch(database, room.outbound, room.paper.url("/news/1"), now=clock())
    async with database.begin() as connection:
        early = await kept_robots.prune(connection, before=clock())
        late = await kept_robots.prune(connection, before=clock() + timedelta(days=2))
    assert (early, late) == (0, 1)
