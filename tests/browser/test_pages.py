"""The pages for everybody in a real browser, the front page, an edition, the policy; and all by keyboard alone."""

import pytest
import sqlalchemy as sa
from playwright.async_api import Page, expect

from digest import links
from digest.database.tables import signups, subscribers
from digest.models.articles import Picture
from digest.models.editions import EditionState, Role
from digest.models.readers import SubscriberState
from digest.tokens import TokenPurpose
from tests.browser.conftest import Site
from tests.support import rows

pytestmark = [pytest.mark.anyio, pytest.mark.xdist_group("browser")]

LANGUAGES = ["ko", "en"]
_FOCUS = """() => new Promise(said => requestAnimationFrame(() => {
    const each = document.activeElement, box = each.getBoundingClientRect(), style = getComputedStyle(each);
    const isSeen = box.width > 0 && box.left >= 0 && box.right <= innerWidth
        && box.top >= 0 && box.bottom <= innerHeight;
    const isMarked = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    said([each.outerHTML.slice(0, 90), isSeen || JSON.stringify(box), isMarked]);
}))"""
_ORDER = """() => [...document.querySelectorAll(
    "a[href], button, input:not([type=hidden]), select, textarea, pre[tabindex]")]
    .filter(each => each.tabIndex >= 0 && each.checkVisibility()).map(each => each.outerHTML.slice(0, 90))"""
_OUTERMOST = "() => document.activeElement === document.body"


async def walk(page: Page) -> list[str]:
    """Press Tab through the page; each stop must be on the screen and marked. Return the stops in order."""
    await page.set_viewport_size({"width": 360, "height": 640})
    stops: list[str] = []
    while len(stops) < 100:
        await page.keyboard.press("Tab")
        if await page.evaluate(_OUTERMOST):
            break
        stop, is_seen, is_marked = await page.evaluate(_FOCUS)
        if stops and stop == stops[0]:
            break
        if stops and stop == stops[-1]:  # the parts of a date
            continue
        assert is_seen is True, (stop, is_seen)
        assert is_marked, stop
        stops.append(stop)
    return stops


async def add_edition(site: Site) -> int:
    """An edition as newspapers have them: a lead with subheads, long titles without blanks, a picture, a headline."""
    at = site.clock()
    async with site.database.begin() as connection:
        edition = await rows.add_edition(connection, at=at, state=EditionState.DONE)
        source = await rows.add_source(connection, at=at)

        async def place(title: str, position: int, role: Role = Role.ARTICLE, **text: object) -> None:
            await rows.place_article(connection, edition, source, title, at=at, role=role, position=position, **text)

        subheads = ("3년 만에 열려", "걸어서 5분")
        await place("시청 앞 다리 개통, 출근길 20분 줄어", 1, Role.LEAD, subheads=subheads, excerpt="가온시가 " * 30)
        caption = Picture("https://img.gaon.example/a.jpg", "도서관 열람실", 800, 600)
        await place("도서관 야간 개방", 2, section="문화·생활", picture=caption, modified_at=at)
        await place("가" * 60, 3, section="문화·생활", byline="W" * 80, excerpt="https://" + "a" * 90)
        await place("의회 오늘 개회", 4, Role.HEADLINE, section="의회")
    return edition


@pytest.mark.parametrize("language", LANGUAGES)
async def test_pages_for_everybody_are_as_they_should_be(site: Site, language: str) -> None:
    """The first page, empty and with editions; an edition; the privacy policy."""
    page = await site.open("/", language=language)
    await site.look(page, "home-empty")
    edition = await add_edition(site)
    for name, path in (("home", "/"), ("edition", f"/editions/{edition}"), ("privacy", "/privacy")):
        await page.goto(f"{path}?lang={language}")
        await site.look(page, name)


async def test_tab_goes_through_every_page_in_its_order(site: Site) -> None:
    """Nothing is skipped, nothing is a trap, and where one is can always be seen."""
    async with site.database.begin() as connection:
        reader = await rows.add_subscriber(connection, at=site.clock())
        article = await rows.add_article(connection, "1", at=site.clock())
    make = site.settings.keyring.make
    paths = [
        "/", "/subscribe", "/subscribe/embed", f"/preferences/{make(TokenPurpose.CHOOSE, reader)}",
        links.unsubscribe_url("", make(TokenPurpose.LEAVE, reader)), links.share_url("", article), "/share/embed",
    ]  # fmt: skip
    page = await site.open("/")
    for path in paths:
        await page.goto(path)
        expected = await page.evaluate(_ORDER)
        assert await walk(page) == expected, path


async def test_signing_up_and_leaving_need_no_mouse(site: Site) -> None:
    """Letters, Tab, the space bar and Enter are enough."""
    page = await site.open("/subscribe")
    await page.locator("#address").focus()
    await page.keyboard.type("hong@gaon.example")
    for name in ("agree", "age"):
        while not await page.evaluate("name => document.activeElement.name === name", name):
            await page.keyboard.press("Tab")
        await page.keyboard.press("Space")
    site.clock.advance(seconds=5)
    await page.keyboard.press("Enter")
    await expect(page.locator(".address")).to_have_text("hong@gaon.example")
    async with site.database.begin() as connection:
        assert await connection.scalar(sa.select(sa.func.count()).select_from(signups)) == 1
        reader = await rows.add_subscriber(connection, at=site.clock())

    await page.goto(links.unsubscribe_url("", site.settings.keyring.make(TokenPurpose.LEAVE, reader)))
    while not await page.evaluate("() => document.activeElement.tagName === 'BUTTON'"):
        await page.keyboard.press("Tab")
    async with page.expect_navigation():
        await page.keyboard.press("Enter")
    assert await rows.state_of(site.database, subscribers, reader) == SubscriberState.LEFT


async def test_first_tab_skips_to_the_content(site: Site) -> None:
    """Who listens to a page need not hear its head each time."""
    page = await site.open("/subscribe")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await expect(page.locator("#address")).to_be_focused()
