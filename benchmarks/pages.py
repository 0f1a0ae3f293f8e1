"""Real article pages, read: how near the text is to what it should be, and which way each field was found.

In: a folder of pages (with a MANIFEST.json that names file, address, gold text, title and date of each; or just files).
Prints a line for each page, the means over the Korean ones and over all whose text stands in their HTML, how
often each way found each field, and one JSON line. F1 is over runs of five characters (`tests.support.page_measure`).
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from digest.collect.page import read_page
from digest.errors import SourceUnreadableError
from digest.models.articles import PageText
from tests.support.page_measure import bare, overlap

PAGES = Path(__file__).resolve().parents[2] / "shared" / "samples" / "pages"
SEOUL = ZoneInfo("Asia/Seoul")


@dataclass(frozen=True)
class Result:
    """One page. None: there is nothing to compare with. `counts`: its text stands in its HTML at all."""

    name: str
    language: str
    said: PageText
    seconds: float
    f1: float | None
    is_title_right: bool | None
    is_date_right: bool | None
    counts: bool


def listed(folder: Path) -> list[dict[str, Any]]:
    """The pages of a folder as its manifest names them; without one, every .html file in it."""
    manifest = folder / "MANIFEST.json"
    if manifest.is_file():
        pages: list[dict[str, Any]] = json.loads(manifest.read_text(encoding="utf-8"))["pages"]
        return pages
    files = sorted(folder.rglob("*.htm*"))
    return [{"file": str(path.relative_to(folder)), "url": "https://paper.example/"} for path in files]


def measure(folder: Path, one: dict[str, Any]) -> Result:
    """Read one page and compare it with what is known of it."""
    body = (folder / one["file"]).read_bytes()
    began = time.perf_counter()
    try:
        said = read_page(body, "", one["url"], SEOUL)
    except SourceUnreadableError as error:
        said = PageText(doubts=(str(error),), is_thin=True)
    seconds = time.perf_counter() - began
    f1 = None
    if one.get("gold"):
        gold = (folder / one["gold"]).read_text(encoding="utf-8")
        f1 = overlap("\n".join(said.body), gold, one.get("optional_lines") or [])
    title = one.get("title") or one.get("title_in_meta")
    return Result(
        Path(one["file"]).name,
        one.get("lang", ""),
        said,
        seconds,
        f1,
        bare(title) == bare(said.title) if title else None,
        _is_date_right(one.get("date_in_page"), said.registered_at),
        counts=not one.get("body_only_in_script"),
    )


def _is_date_right(date: str | None, found: datetime | None) -> bool | None:
    """Compared to the minute, or by the day where only that is known."""
    if not date:
        return None
    if found is None:
        return False
    wanted = datetime.fromisoformat(date)
    if wanted.tzinfo is None:
        wanted = wanted.replace(tzinfo=SEOUL)
    if len(date) <= len("2026-11-23"):
        return wanted.date() == found.astimezone(SEOUL).date()
    return abs((wanted - found).total_seconds()) < 60


def mean(scores: Iterable[float | None]) -> float | None:
    known = [score for score in scores if score is not None]
    return round(sum(known) / len(known), 4) if known else None


def summary(results: list[Result]) -> dict[str, Any]:
    counted = [one for one in results if one.counts]
    titles = [one.is_title_right for one in results if one.is_title_right is not None]
    dates = [one.is_date_right for one in results if one.is_date_right is not None]
    ways: dict[str, Counter[str]] = {}
    for one in results:
        for field, way in one.said.found_by.items():
            ways.setdefault(field, Counter())[way] += 1
    return {
        "pages": len(results),
        "f1_korean": mean(one.f1 for one in counted if one.language == "ko"),
        "f1": mean(one.f1 for one in counted),
        "titles_right": f"{sum(titles)}/{len(titles)}",
        "dates_right": f"{sum(dates)}/{len(dates)}",
        "thin": sum(one.said.is_thin for one in results),
        "slowest_ms": round(max((one.seconds for one in results), default=0) * 1000),
        "found_by": {field: dict(found.most_common()) for field, found in sorted(ways.items())},
    }


def line(one: Result) -> str:
    marks = {True: "yes", False: "NO", None: "-"}
    f1 = "    -" if one.f1 is None else f"{one.f1:.3f}"
    ways = " ".join(f"{field}={way}" for field, way in sorted(one.said.found_by.items()))
    rest = "" if one.counts else " (its text stands in a script only)"
    title, date = marks[one.is_title_right], marks[one.is_date_right]
    return f"{one.name:36} F1 {f1}  title {title:3}  date {date:3}  {ways}{' thin' if one.said.is_thin else ''}{rest}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=PAGES, help="a folder of pages")
    folder: Path = parser.parse_args().folder
    if not folder.is_dir():
        raise SystemExit(f"There is no folder {folder}. Name one that holds pages.")
    results = [measure(folder, one) for one in listed(folder)]
    for one in results:
        print(line(one))
    figures = summary(results)
    print(f"F1 Korean {figures['f1_korean']}, over all {figures['f1']}; titles {figures['titles_right']}", end="; ")
    print(f"dates {figures['dates_right']}")
    for field, found in figures["found_by"].items():
        print(f"  {field:15} {', '.join(f'{way} {count}' for way, count in found.items())}")
    print(json.dumps(figures, ensure_ascii=False))


if __name__ == "__main__":
    main()
