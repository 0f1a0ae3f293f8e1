"""Real article pages, against the text each should yield; a table is printed (`pytest -s`)."""

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from digest.collect.page import PageText, read_page
from tests.support.page_measure import bare, overlap

SEOUL = ZoneInfo("Asia/Seoul")
KOREAN_F1, OVERALL_F1 = 0.98, 0.97


@pytest.fixture(scope="module")
def pages(samples: Path) -> list[tuple[dict[str, Any], str, PageText]]:
    folder = samples / "pages"
    entries = json.loads((folder / "MANIFEST.json").read_text())["pages"]
    return [
        (one, (folder / one["gold"]).read_text(), read_page((folder / one["file"]).read_bytes(), "", one["url"], SEOUL))
        for one in entries
    ]


def test_the_text_of_real_pages_is_what_it_should_be(pages: list[tuple[dict[str, Any], str, PageText]]) -> None:
    """The floors are what was reached; pages whose text stands in a script only are left out of the mean."""
    korean, overall = [], []
    for one, gold, page in pages:
        score = overlap("\n".join(page.body), gold, one["optional_lines"] or [])
        print(f"{one['file']:35} {score:.3f}", *(f"{field}={way}" for field, way in sorted(page.found_by.items())))
        if not one.get("body_only_in_script"):
            overall.append(score)
            korean += [score] if one["lang"] == "ko" else []
    print(f"Korean {sum(korean) / len(korean):.3f}, all {sum(overall) / len(overall):.3f}")
    assert sum(korean) / len(korean) >= KOREAN_F1
    assert sum(overall) / len(overall) >= OVERALL_F1


def test_nothing_of_the_rest_of_a_real_page_is_in_the_text(pages: list[tuple[dict[str, Any], str, PageText]]) -> None:
    """Not one menu entry, not one other headline."""
    strange = [
        (one["file"], text)
        for one, _gold, page in pages
        for text in one["must_not_contain"] or []
        if bare(text) in bare("".join(page.body))
    ]
    assert strange == []


def test_titles_of_real_pages_are_verbatim(pages: list[tuple[dict[str, Any], str, PageText]]) -> None:
    """Where the manifest has the printed one."""
    named = [
        (bare(one["title"] or one["title_in_meta"]), bare(page.title))
        for one, _gold, page in pages
        if one["lang"] == "ko" and one["title"]
    ]
    assert [pair for pair in named if pair[0] != pair[1]] == []


def test_thin_real_pages_are_told(pages: list[tuple[dict[str, Any], str, PageText]]) -> None:
    """A video page has no text to mail."""
    assert [
        (one["file"], page.is_thin)
        for one, _gold, page in pages
        if bool(one.get("thin")) != page.is_thin and not one.get("body_only_in_script")
    ] == []
