"""Sentences and dates in the reader's language."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.extract import DEFAULT_KEYWORDS, extract

from digest.compose.render import template_folders
from digest.languages import LANGUAGES, catalog, words

SEOUL = ZoneInfo("Asia/Seoul")
PACKAGE = Path(__file__).resolve().parents[2] / "digest"


@cache
def _sentences() -> list[tuple[str | tuple[str, ...], str]]:
    return list(_find_sentences())


def _find_sentences() -> Iterator[tuple[str | tuple[str, ...], str]]:
    """Yield every sentence of templates and code, and the file it stands in."""
    templates = template_folders(None)[0]
    places = [("jinja2", path) for path in templates.rglob("*") if path.suffix in (".html", ".txt", ".mjml")]
    places += [("python", path) for path in PACKAGE.rglob("*.py")]
    for method, path in places:
        with path.open("rb") as file:
            options = {"encoding": "utf-8", "silent": "false", "trimmed": "false"} if method == "jinja2" else {}
            for _line, message, _comments, _context in extract(method, file, DEFAULT_KEYWORDS, options=options):
                yield message, path.name


def _placeholders(text: str) -> set[str]:
    return set(re.findall(r"%\(\w+\)s|%(?!\()\w", text))


@pytest.mark.parametrize("language", [name for name in LANGUAGES if name != "en"])
def test_every_sentence_has_a_translation(language: str) -> None:
    """A sentence without one would be shown to Korean readers in English."""
    known = catalog(language)
    missing = {
        f"{file}: {sentence}"
        for sentence, file in _sentences()
        if (entry := known.get(sentence if isinstance(sentence, str) else sentence[0])) is None
        or not (entry.string if isinstance(entry.string, str) else all(entry.string))
        or entry.fuzzy
    }
    assert not missing


@pytest.mark.parametrize("language", [name for name in LANGUAGES if name != "en"])
def test_no_translation_is_left_over(language: str) -> None:
    """One without a sentence is usually the translation of a sentence that was changed."""
    used = {sentence if isinstance(sentence, str) else sentence[0] for sentence, _file in _sentences()}
    unused = {entry.id if isinstance(entry.id, str) else entry.id[0] for entry in catalog(language) if entry.id} - used
    assert not unused


def test_translations_keep_their_placeholders() -> None:
    """A lost `%(name)s` drops a fact; a new one stops the rendering."""
    for entry in catalog("ko"):
        if entry.id:
            ids = [entry.id] if isinstance(entry.id, str) else list(entry.id)
            strings = [entry.string] if isinstance(entry.string, str) else list(entry.string)
            wanted = set().union(*map(_placeholders, ids))
            assert all(_placeholders(said) == wanted for said in strings), entry.id


@pytest.mark.parametrize(
    ("hour_utc", "written"),
    [
        (15, "11월 24일(화) 오전 12:00"),
        (22, "11월 24일(화) 오전 7:00"),
        (3, "11월 23일(월) 오후 12:00"),
        (4, "11월 23일(월) 오후 1:00"),
    ],
)
def test_korean_moments_say_the_half_of_the_day_in_korean(hour_utc: int, written: str) -> None:
    """Babel's own short form says `PM 1:00`, which no Korean paper prints."""
    assert words("ko").moment(datetime(2026, 11, 23, hour_utc, tzinfo=UTC), SEOUL) == written


def test_english_moments_hold_no_odd_blanks() -> None:
    """CLDR's narrow blank before AM is a box in some mail programs."""
    assert words("en").moment(datetime(2026, 11, 22, 22, 0, tzinfo=UTC), SEOUL) == "Mon, Nov 23, 7:00 AM"


def test_days_are_those_of_the_newspaper() -> None:
    """At 22:00 UTC it is already tomorrow in Seoul."""
    at = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)
    assert words("ko").day(at, SEOUL) == "11월 23일"
    assert words("ko").date(at, SEOUL) == "2026년 11월 23일 월요일"
    assert words("en").date(at, SEOUL) == "Monday, November 23, 2026"


def test_numbers_choose_the_sentence() -> None:
    """English has a singular, Korean has one form."""
    singular = "%(number)s further article is on the website of %(paper)s"
    plural = "%(number)s further articles are on the website of %(paper)s"
    assert words("en").ngettext(singular, plural, 1, paper="Gaon") == "1 further article is on the website of Gaon"
    assert words("ko").ngettext(singular, plural, 1, paper="가온") == "이 밖의 기사 1건은 가온 누리집에 있습니다"


def test_unknown_language_is_refused() -> None:
    """A mistyped language would otherwise silently be English."""
    with pytest.raises(ValueError, match="known are ko, en"):
        words("fr")
