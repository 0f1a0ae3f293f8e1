"""Texts of consent: both languages say what the law asks for, and the wording of each hash is kept."""

from pathlib import Path

import pytest

from digest.database import Database, consents
from digest.errors import TemplateError
from digest.languages import LANGUAGES
from digest.subscribe import consent
from tests.support.clock import StoppedClock
from tests.support.settings import make_settings


@pytest.mark.parametrize("language", LANGUAGES)
def test_both_texts_have_the_four_items(language: str) -> None:
    """개인정보 보호법 제15조②: purpose, items, period, right to refuse."""
    texts = [consent.text(kind, language, make_settings()) for kind in consent.KINDS]

    assert [len(text.items) for text in texts] == [4, 4]
    assert all("가온일보" in text.body for text in texts)
    assert len({text.hash for text in texts}) == 2


def test_an_operators_own_text_has_another_hash(tmp_path: Path) -> None:
    """What somebody agreed to is what was shown, whatever its version is called."""
    folder = tmp_path / "consent"
    folder.mkdir()
    (folder / "advert.ko.txt").write_text(
        "version: 2026-11\ntitle: 광고\n목적: 광고\n항목: 주소\n기간: 1년\n거부: 됩니다\n"
    )
    own = make_settings(templates_dir=tmp_path)

    assert consent.text(consent.ADVERT, "ko", own).hash != consent.text(consent.ADVERT, "ko", make_settings()).hash


def test_a_text_that_lacks_something_is_refused(tmp_path: Path) -> None:
    """법 제15조②: each of the four items has to be told."""
    (tmp_path / "consent").mkdir()
    (tmp_path / "consent" / "advert.ko.txt").write_text("title: 광고\n")
    own = make_settings(templates_dir=tmp_path)
    with pytest.raises(TemplateError, match=r"advert\.ko\.txt"):
        consent.text(consent.ADVERT, "ko", own)


@pytest.mark.anyio
async def test_the_wording_of_each_hash_is_kept(database: Database, clock: StoppedClock) -> None:
    """A template changes; years later the ledger must still show what was agreed to."""
    settings = make_settings()
    shown = consent.text(consent.NEWSLETTER, "ko", settings)

    await consent.keep_texts(database, settings, now=clock())
    await consent.keep_texts(database, settings, now=clock())

    async with database.read() as connection:
        assert await consents.text_of(connection, shown.hash) == shown.body
