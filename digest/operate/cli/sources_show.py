"""What the commands about sources print: candidates, the first articles a source would bring, and their JSON.

Titles and whatever else comes from a source is foreign text; it passes `terminal`, which makes it harmless.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from digest import clock
from digest.operate.cli.terminal import moment, note, pairs, say, table

if TYPE_CHECKING:
    from digest.collect.discover import Candidate
    from digest.config import Settings
    from digest.models.articles import FoundArticle
    from digest.models.sources import Source

_SHOWN = 10


def show(candidate: "Candidate", settings: "Settings") -> None:
    """Print what a source is and its first ten articles, with what is doubtful."""
    from digest.collect import freshness

    articles = freshness.with_future_doubts(candidate.parsed.articles, clock.utc_now())
    hosts = sorted({_host(article.text.picture.url) for article in articles if article.text.picture})
    pairs(
        [
            ("address", candidate.url),
            ("type", candidate.type),
            ("title", candidate.parsed.title),
            ("kind", candidate.parsed.kind),
            ("articles", str(len(articles))),
            ("pictures", ", ".join(hosts)),
        ]
    )
    rows = [
        (
            moment(article.text.registered_at, settings.zone) or "none",
            article.text.section,
            article.text.title or article.text.link,
            "yes" if article.text.picture else "no",
            "; ".join(article.doubts),
        )
        for article in articles[:_SHOWN]
    ]
    table(("date", "section", "title", "picture", "doubts"), rows)
    if len(articles) > _SHOWN:
        say(f"… and {len(articles) - _SHOWN} more")
    for doubt in candidate.parsed.doubts:
        note(doubt)


def show_others(candidates: "Sequence[Candidate]", settings: "Settings") -> None:
    """Print what else could be collected at the same site."""
    if len(candidates) < 2:
        return
    rows = [
        (one.type, len(one.parsed.articles), one.dated, moment(one.newest_at, settings.zone), one.url)
        for one in candidates[1:]
    ]
    table(("type", "articles", "dated", "newest", "address"), rows, title="Also found; to take one, name its address:")


def source_as_json(source: "Source") -> dict[str, object]:
    """Return a stored source for `digest sources list --json`."""
    spec = source.spec
    return {
        "name": spec.name,
        "type": spec.type,
        "address": spec.url,
        "purpose": spec.purpose,
        "rights": spec.rights,
        "rights_question": source.rights_question,
        "rights_answer": spec.permission or ("no" if source.rights_answered_at else ""),
        "rights_answered_at": source.rights_answered_at,
        "rights_answered_by": source.rights_answered_by,
        "section": spec.section,
        "options": dict(spec.options),
        "state": source.state,
        "provisioned": source.provisioned,
        "first_fetched_at": source.first_fetched_at,
        "last_ok_at": source.last_ok_at,
        "next_fetch_at": source.next_fetch_at,
        "failures": source.failures,
        "problem": source.problem,
    }


def candidate_as_json(candidate: "Candidate") -> dict[str, object]:
    """Return what a source holds for `digest sources check --json`."""
    parsed = candidate.parsed
    return {
        "address": candidate.url,
        "type": candidate.type,
        "kind": parsed.kind,
        "title": parsed.title,
        "doubts": parsed.doubts,
        "articles": [_found_as_json(article) for article in parsed.articles],
    }


def _found_as_json(article: "FoundArticle") -> dict[str, object]:
    text = article.text
    return {
        "title": text.title,
        "link": text.link,
        "section": text.section,
        "byline": text.byline,
        "excerpt": text.excerpt,
        "registered_at": text.registered_at,
        "modified_at": text.modified_at,
        "picture": text.picture.url if text.picture else None,
        "doubts": article.doubts,
    }


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
