"""Every real feed is read as its manifest expects, or stands in the table of exceptions with the reason."""

import html
import json
import unicodedata
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import feedparser

from digest.collect.source import Parsed
from digest.collect.sources import feed
from digest.errors import SourceUnreadableError

SEOUL = ZoneInfo("Asia/Seoul")
NO_LINK = "an article without a link cannot be mailed, and is left out with a doubt"
EXCEPTIONS = {  # file: (what differs, why it may)
    "real/readers/rss-parser--feed-test-charset.xml": ("count", NO_LINK),
    "real/readers/v2--no_encoding_ISO-8859-1.xml": ("count", NO_LINK),
    "real/readers/newsboat--rss20_2.xml": (
        "count, link",
        "an item with neither title nor text is left out; the guid of the first is a permalink and stands in for its"
        " link",
    ),
    "real/readers/rsparser--scriptingNews.rss": (
        "title",
        "its items have no titles; the beginning of the text stands in, with a doubt, because a mail needs something to"
        " click on",
    ),
}


def test_real_feeds_are_read_as_the_manifest_expects(samples: Path) -> None:
    """Count, first title, link and date of feeds that papers and blogs really served."""
    cases = _manifest(samples)["real"]
    differences = []
    for case in cases:
        differences += [f"{case['file']}: {difference}" for difference in _differences(case, samples)]
    assert differences == []
    assert len(cases) > 50


def test_exceptions_are_still_needed(samples: Path) -> None:
    """An exception that no feed needs any more hides the next fault."""
    for case in _manifest(samples)["real"]:
        if case["file"] in EXCEPTIONS:
            read = _read(case, samples)
            assert isinstance(read, Parsed)
            expected = case["expect"]
            as_expected = (len(read.articles), read.articles[0].text.title if read.articles else None)
            assert as_expected != (expected["n"], expected["first_title"]), case["file"]


def test_titles_of_real_feeds_are_verbatim(samples: Path) -> None:
    """All titles of all feeds, letter by letter, once character references are resolved (신문법 제10조②)."""
    compared = 0
    for case in _manifest(samples)["real"]:
        read = _read(case, samples)
        if not isinstance(read, Parsed) or case["file"] in EXCEPTIONS:
            continue
        for one, expected in zip(read.articles, case["expect"].get("all_titles") or [], strict=False):
            if expected is not None:
                assert one.text.title == _seen(expected), case["file"]
                compared += 1
    assert compared > 500


def test_dates_ahead_of_the_clock_are_read_as_written(samples: Path) -> None:
    """Papers that write Korean time as UTC run nine hours ahead; a guess at each fetch would move articles about."""
    ahead = [case for case in _manifest(samples)["real"] if case.get("future_dated_items")]
    assert ahead
    for case in ahead:
        fetched_at = datetime.fromisoformat(case["fetched_at"])
        read = _read(case, samples)
        assert isinstance(read, Parsed)
        dates = [one.text.registered_at for one in read.articles if one.text.registered_at]
        hours_ahead = (max(dates) - fetched_at).total_seconds() / 3600
        assert round(hours_ahead, 2) == case["max_hours_ahead"], case["file"]


def test_every_case_of_feedparser_is_read_without_a_crash_and_as_completely(samples: Path) -> None:
    """Two thousand odd feeds were written down there; each entry becomes an article or is said to be left out."""
    for case in _manifest(samples)["feedparser"]:
        body = (samples / "feeds" / case["file"]).read_bytes()
        headers = {name.lower(): value for name, value in (case["http_headers"] or {}).items()}
        theirs = feedparser.parse(body, response_headers={"content-type": "text/xml", **headers})
        ours = feed.read(body, headers.get("content-type", "text/xml"), "https://paper.example/rss", SEOUL)
        left_out = sum(doubt.startswith("article ") for doubt in ours.doubts)
        assert len(ours.articles) + left_out == len(theirs.entries), case["file"]


def _manifest(samples: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((samples / "feeds" / "MANIFEST.json").read_text(encoding="utf-8"))
    return manifest


def _read(case: dict[str, Any], samples: Path) -> Parsed | str:
    body = (samples / "feeds" / case["file"]).read_bytes()
    try:
        return feed.read(body, "", "https://paper.example/rss", SEOUL)
    except SourceUnreadableError as error:
        return str(error)


def _differences(case: dict[str, Any], samples: Path) -> list[str]:
    expected, read = case["expect"], _read(case, samples)
    if expected["kind"].startswith("not-a-feed"):
        return [] if isinstance(read, str) and "not a feed" in read else ["should be refused as no feed"]
    if isinstance(read, str):
        return [read]
    allowed = EXCEPTIONS.get(case["file"], ("", ""))[0]
    found = []
    if len(read.articles) != expected["n"] and "count" not in allowed:
        found.append(f"{len(read.articles)} articles instead of {expected['n']}")
    if not read.articles:
        return found
    first = read.articles[0].text
    titles = [_seen(title) for title in [expected["first_title"], *case.get("alt_title", [])] if title]
    if first.title not in titles and "title" not in allowed:
        found.append(f"title {first.title!r} instead of {titles}")
    links = [expected["first_link"], *case.get("alt_link", [])]
    if first.link not in links and "link" not in allowed:
        found.append(f"link {first.link!r} instead of {links}")
    if expected["first_date_utc"]:
        wanted = datetime.fromisoformat(expected["first_date_utc"])
        if first.registered_at != wanted and not (case.get("lenient") and first.registered_at is None):
            found.append(f"date {first.registered_at} instead of {wanted}")
    return found


def _seen(title: str) -> str:
    """What a reader sees of a title that libxml2 gave: references resolved, blanks folded, composed, no marks."""
    text = " ".join(html.unescape(title).replace("\ufeff", "").replace("\u200b", "").split())
    return unicodedata.normalize("NFC", text)
