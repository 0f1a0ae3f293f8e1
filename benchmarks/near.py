"""One story once, measured: our labelled pairs, then the real newspapers' articles all against all.

Prints precision and recall over all pairs and over the families that were held out, what an article and a comparison
cost, and one JSON line; from a folder of real feeds (`--feeds`, read there) every pair of different articles that
would be joined, for a person to look at. A pair counts as joined if the index finds it and the comparison agrees.
"""

import argparse
import json
import time
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from zoneinfo import ZoneInfo

from digest.collect.near import compare, signature
from digest.collect.sources import feed
from digest.models.articles import ArticleText
from digest.models.stories import Signature
from tests.collect import near_pairs
from tests.collect.near_pairs import Pair

FEEDS = Path(__file__).resolve().parents[2] / "shared" / "samples" / "feeds" / "real" / "ko-newspapers"


def is_joined(one: Signature, other: Signature) -> bool:
    return not set(one.bands).isdisjoint(other.bands) and compare(one, other).is_same


def measure(pairs: Iterable[Pair]) -> dict[str, float]:
    """Return precision and recall over the pairs, and how many of them are the same and are not."""
    right = wrong = missed = different = 0
    signed = {text.name: text.signature() for pair in pairs for text in (pair.one, pair.other)}
    for pair in pairs:
        joined = is_joined(signed[pair.one.name], signed[pair.other.name])
        right += joined and pair.is_same
        wrong += joined and not pair.is_same
        missed += pair.is_same and not joined
        different += not pair.is_same
    return {
        "pairs": right + missed + different,
        "hard_negatives": different,
        "precision": round(right / (right + wrong), 4),
        "recall": round(right / (right + missed), 4),
    }


def articles_of(folder: Path) -> list[ArticleText]:
    """Return the articles of all feeds in a folder, each link once."""
    found: dict[str, ArticleText] = {}
    for path in sorted(folder.glob("*.xml")):
        read = feed.read(path.read_bytes(), "", "https://paper.example/rss", ZoneInfo("Asia/Seoul"))
        found |= {one.text.link: one.text for one in read.articles}
    return list(found.values())


def all_against_all(texts: list[ArticleText], *, only_titles: bool) -> tuple[int, list[tuple[str, str, str]]]:
    """Return how many pairs the index brings, and those that are joined: both titles and the reason."""
    signed = [
        signature(text.title, () if only_titles else text.body, "" if only_titles else text.excerpt) for text in texts
    ]
    candidates, joined = 0, []
    for (left, one), (right, other) in combinations(zip(texts, signed, strict=True), 2):
        if set(one.bands).isdisjoint(other.bands):
            continue
        candidates += 1
        likeness = compare(one, other)
        if likeness.is_same:
            joined.append((left.title, right.title, likeness.reason))
    return candidates, joined


def cost(pairs: list[Pair]) -> dict[str, float]:
    """Return the milliseconds that a signature and a comparison of these texts take."""
    texts = list({pair.one.name: pair.one for pair in pairs}.values())
    began = time.perf_counter()
    signed = [text.signature() for text in texts]
    made = time.perf_counter()
    compared = [compare(signed[0], each) for each in signed]
    return {
        "signature_ms": round((made - began) / len(texts) * 1000, 2),
        "comparison_ms": round((time.perf_counter() - made) / len(compared) * 1000, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--feeds", type=Path, default=FEEDS, help="a folder of real feeds; skipped where it is missing")
    given = parser.parse_args()
    pairs = near_pairs.load()
    figures: dict[str, object] = {
        "all": measure(pairs),
        "held_out": measure([pair for pair in pairs if pair.held_out]),
        **cost(pairs),
    }
    for name in ("all", "held_out"):
        print(f"{name}: {figures[name]}")
    if given.feeds.is_dir():
        texts = articles_of(given.feeds)
        for only_titles in (False, True):
            candidates, joined = all_against_all(texts, only_titles=only_titles)
            name = "real_titles" if only_titles else "real_articles"
            figures[name] = {"articles": len(texts), "candidates": candidates, "joined": len(joined)}
            print(f"{name}: {figures[name]}")
            for left, right, reason in joined:
                print(f"  {left} | {right} ({reason})")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
