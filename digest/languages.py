"""The languages that readers are spoken to in: sentences from catalogues, dates as people write them.

In: a language ("ko", "en"). Out: `Words`, which turns the English sentence of a template into the reader's, and a
moment into text in the newspaper's zone. The English sentence is the key (gettext's custom), so English needs no
catalogue; the others are `.po` files under `locale/`, read once per process and compiled in memory, so that no
compiled file can be older than its source. A test extracts every sentence of the templates and fails when one has no
translation here, or a translation has no sentence left.

Dates go through babel with patterns of our own: its Korean short forms say "PM 1:00" where people say "오후 1:00".
"""

import gettext
import io
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import lru_cache
from importlib.resources import files

from babel.dates import format_datetime
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LANGUAGES = ("ko", "en")


@dataclass(frozen=True, slots=True)
class _Patterns:
    """How moments are written, in the letters of CLDR. `aaaa` is the long form of the half of the day: 오전, 오후."""

    moment: str
    day: str
    date: str


_PATTERNS = {
    "ko": _Patterns(moment="M월 d일(E) aaaa h:mm", day="M월 d일", date="y년 M월 d일 EEEE"),
    "en": _Patterns(moment="EEE, MMM d, h:mm a", day="MMM d", date="EEEE, MMMM d, y"),
}


@dataclass(frozen=True, slots=True)
class Words:
    """One language's sentences and dates; make it with `words`."""

    language: str
    translations: gettext.NullTranslations

    def gettext(self, text: str, **values: object) -> str:
        """Return the sentence `text` in this language; `%(name)s` in it is filled from `values`, if there are any."""
        said = self.translations.gettext(text)
        return said % values if values else said

    def ngettext(self, singular: str, plural: str, number: int, **values: object) -> str:
        """Return the sentence for `number` of something; `%(number)s` in it is the number."""
        return self.translations.ngettext(singular, plural, number) % {"number": number, **values}

    def moment(self, at: datetime, zone: tzinfo) -> str:
        """Write day and time: 11월 23일(월) 오전 7:00 / Mon, Nov 23, 7:00 AM."""
        return self._write(at, zone, _PATTERNS[self.language].moment)

    def day(self, at: datetime, zone: tzinfo) -> str:
        """Write the day briefly: 11월 23일 / Nov 23."""
        return self._write(at, zone, _PATTERNS[self.language].day)

    def date(self, at: datetime, zone: tzinfo) -> str:
        """Write the day in full: 2026년 11월 23일 월요일 / Monday, November 23, 2026."""
        return self._write(at, zone, _PATTERNS[self.language].date)

    def _write(self, at: datetime, zone: tzinfo, pattern: str) -> str:
        written = format_datetime(at.astimezone(zone), pattern, tzinfo=zone, locale=self.language)
        # CLDR puts a narrow no-break space before AM; old mail readers and terminals show a box for it.
        return written.replace("\u202f", " ")


@lru_cache
def words(language: str) -> Words:
    """Return the words of `language`. Raises `ValueError` for one we do not speak."""
    if language not in LANGUAGES:
        raise ValueError(f"there is no language {language!r} here; known are {', '.join(LANGUAGES)}")
    return Words(language, gettext.NullTranslations() if language == "en" else _translations(language))


def catalog(language: str) -> Catalog:
    """Read the catalogue of `language` from its `.po` file."""
    path = files("digest") / "locale" / language / "LC_MESSAGES" / "digest.po"
    return read_po(io.BytesIO(path.read_bytes()), locale=language, domain="digest", abort_invalid=True)


def _translations(language: str) -> gettext.GNUTranslations:
    compiled = io.BytesIO()
    write_mo(compiled, catalog(language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
