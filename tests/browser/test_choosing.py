"""Choosing and leaving in a real browser: every field saved and shown again, the link of half an hour, one button."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.async_api import Page, expect

from digest import links
from digest.database import choices
from digest.database.tables import subscribers
from digest.models.readers import Format, SubscriberState
from digest.tokens import TokenPurpose
from tests.browser.conftest import Site
from tests.support import rows

pytestmark = [pytest.mark.anyio, pytest.mark.xdist_group("browser")]

LANGUAGES = ["ko", "en"]


@pytest.fixture
async def reader(site: Site) -> int:
    async with site.database.begin() as connection:
        return await rows.add_subscriber(connection, at=site.clock())


def choosing(site: Site, reader: int) -> str:
    return f"/preferences/{site.settings.keyring.make(TokenPurpose.CHOOSE, reader)}"


async def mailed_link(site: Site) -> str:
    """The fresh link in the newest mail."""
    body = (await site.mail()).get_body(("plain",))
    assert body is not None
    found = re.search(r"http\S+/link/\S+", body.get_content())
    assert found
    return found[0]


async def press(page: Page, selector: str) -> None:
    """Press a button and wait for the page that answers."""
    async with page.expect_navigation():
        await page.locator(selector).click()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_choices_are_saved_and_shown_again(site: Site, reader: int, language: str) -> None:
    """Whatever is chosen stands in the form when it is opened anew."""
    page = await site.open(f"{choosing(site, reader)}?lang={language}", language=language)
    await site.look(page, "preferences")
    await page.locator("input[name=slot][value=evening]").check()
    await page.locator("input[name='days.morning'][value='5']").uncheck()
    await page.locator("select[name='hour.morning']").select_option("9")
    await page.locator("input[name='sections.morning'][value='의회']").check()
    await page.locator("#words").fill("도서관, 시장")
    await page.locator("select[name=headlines]").select_option("yes")
    await page.locator("select[name=format]").select_option("text")
    await page.locator("select[name=language]").select_option(language)
    await page.locator("#paused_until").fill("2026-12-24")
    await press(page, "form.choices button")
    await site.look(page, "preferences-saved")

    await page.goto(choosing(site, reader))

    for ticked in ("slot][value=morning", "slot][value=evening", "'sections.morning'][value='의회'"):
        await expect(page.locator(f"input[name={ticked}]")).to_be_checked()
    await expect(page.locator("input[name='days.morning'][value='5']")).not_to_be_checked()
    await expect(page.locator("select[name='hour.morning']")).to_have_value("9")
    await expect(page.locator("#words")).to_have_value("도서관, 시장")
    await expect(page.locator("#paused_until")).to_have_value("2026-12-24")
    async with site.database.read() as connection:
        stored = await choices.load(connection, reader)
    assert [each.slot for each in stored.slots] == ["evening", "morning"]
    assert (stored.language, stored.format, stored.headlines) == (language, Format.TEXT, True)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_wrong_word_comes_back_with_what_is_wrong(site: Site, reader: int, language: str) -> None:
    """The sentence stands at the top and is read out; what was typed stays."""
    page = await site.open(f"{choosing(site, reader)}?lang={language}", language=language, script=False)
    await page.locator("#words").fill("<b>{{7*7}}</b>")
    await press(page, "form.choices button")
    await expect(page.locator("[role=alert]")).to_be_visible()
    await expect(page.locator("#words")).to_have_value("<b>{{7*7}}</b>")
    await site.look(page, "preferences-mistake")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_leaving_is_one_button_without_a_script(site: Site, reader: int, language: str) -> None:
    """From the link in the body: looking changes nothing, nothing is asked, and it holds at once."""
    path = links.unsubscribe_url("", site.settings.keyring.make(TokenPurpose.LEAVE, reader))
    page = await site.open(f"{path}?lang={language}", language=language, script=False)
    assert await page.locator("button").count() == 1
    assert await page.locator("input, select, textarea").count() == 0
    await site.look(page, "leave")
    assert await rows.state_of(site.database, subscribers, reader) == SubscriberState.ACTIVE
    await press(page, "button")
    assert await rows.state_of(site.database, subscribers, reader) == SubscriberState.LEFT
    await site.look(page, "left")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_fresh_link_downloads_and_erases(site: Site, reader: int, tmp_path: Path, language: str) -> None:
    """The link is mailed, opens the reader's own data once more, and is over after erasing."""
    page = await site.open(f"{choosing(site, reader)}?lang={language}", language=language)
    await press(page, "form[action*='/link'] button")
    await site.look(page, "link-asked")
    link = await mailed_link(site)
    await page.goto(f"{link}?lang={language}")
    await site.look(page, "link")

    async with page.expect_download() as download:
        await page.locator("button[value=export]").click()
    saved = tmp_path / "mine.json"
    await (await download.value).save_as(saved)
    assert json.loads(saved.read_text(encoding="utf-8"))["address"] == "hong@naver.example"

    await page.evaluate("document.querySelector('[name=sure]').required = false")
    await press(page, "button[value=erase]")
    await site.look(page, "link-mistake")
    await page.locator("[name=sure]").check()
    await press(page, "button[value=erase]")
    await site.look(page, "erased")
    assert "hong@" not in await rows.everything(site.database)
    await page.goto(f"{link}?lang={language}")
    await site.look(page, "link-over")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_new_address_is_confirmed_by_its_own_mail(site: Site, reader: int, language: str) -> None:
    """The second mail goes to the new mailbox, and only its button changes the reader; a typing mistake is offered."""
    page = await site.open(f"{choosing(site, reader)}?lang={language}", language=language)
    await press(page, "form[action*='/link'] button")
    await page.goto(f"{await mailed_link(site)}?lang={language}")
    await page.locator("#address").fill("kim@naver.con")
    await press(page, "button[value=address]")
    await site.look(page, "address-offered")
    await press(page, "button[value=offered]")
    await site.look(page, "address-asked")

    await page.goto(f"{await mailed_link(site)}?lang={language}")
    await site.look(page, "address-confirm")
    async with site.database.read() as connection:
        assert await connection.scalar(sa.select(subscribers.c.address)) == "hong@naver.example"
    await press(page, "form button")
    await site.look(page, "address-changed")
    async with site.database.read() as connection:
        assert await connection.scalar(sa.select(subscribers.c.address)) == "kim@naver.com"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_advert_consent_is_kept_by_one_button_without_a_script(site: Site, reader: int, language: str) -> None:
    """The check of every two years leads here; what ends, when, and the way to keep it stand above the choices."""
    async with site.database.begin() as connection:
        agreed_at, ends_at = site.clock() - timedelta(days=700), site.clock() + timedelta(days=30)
        adverts = {"advert_consent_at": agreed_at, "advert_ends_at": ends_at}
        await connection.execute(sa.update(subscribers).values(**adverts))
    page = await site.open(f"{choosing(site, reader)}?lang={language}", language=language, script=False)
    await site.look(page, "preferences-advert-check")

    await expect(page.locator("form").first).to_have_attribute("action", re.compile("/adverts/keep"))
    await press(page, "form[action*='/adverts/keep'] button")

    await site.look(page, "preferences-advert-kept")
    async with site.database.read() as connection:
        assert await connection.scalar(sa.select(subscribers.c.advert_ends_at)) is None
