"""기사 메일전송 in a real browser: from the newspaper's button to the friend, without a script, by keyboard."""

import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.async_api import Page, Route, expect

from digest import links, sample
from digest.database import finds
from digest.database.tables import articles, deliveries, shares, sources
from digest.models.articles import ArticleText, FoundArticle, Picture
from digest.models.shares import ShareState
from digest.models.sources import Rights
from digest.share import request
from digest.share.request import Released
from digest.tokens import TokenPurpose
from tests.browser.conftest import Site
from tests.browser.looking import look_as_it_is
from tests.support import rows

pytestmark = [pytest.mark.anyio, pytest.mark.xdist_group("browser")]

SENDER, FRIEND = "hong@gaon.example", "friend@naru.example"
LINK = "http://www.gaon.example/news/articleView.html?idxno=71428"
PHOTO = "https://www.gaon.example/photo.jpg"
NOTE = "같이 읽고 싶은 기사입니다."


@pytest.fixture
async def path(site: Site) -> str:
    """The share page of an article with everything that one can have."""
    sentence = "가온시는 문을 닫은 정수장을 고쳐 내년 봄 시민에게 열겠다고 23일 밝혔다. "
    text = ArticleText(
        "문 닫은 정수장, 시민의 도서관으로", LINK, subheads=("내년 봄 문 열어", "물길 따라 걷는 서가"), section="문화",
        byline="서하늘 기자", excerpt=sentence * 3, body=(sentence * 4, "◇ 물길을 따라", sentence * 3),
        picture=Picture(PHOTO, "고치고 있는 옛 정수장. 가온시 제공", 1200, 800), registered_at=site.clock(),
    )  # fmt: skip
    async with site.database.begin() as connection:
        source = await rows.add_source(connection, at=site.clock())
        await connection.execute(sa.update(sources).values(rights=Rights.FULL_TEXT_MAIL))
        await finds.store_found(connection, source, [FoundArticle("1", text)], now=site.clock())
        article_id = await connection.scalar(sa.select(articles.c.id))
    return links.share_url("", int(article_id or 0))


async def show_photo(page: Page) -> None:
    """Let the newspaper's picture be there."""
    photo = (Path(sample.__file__).parent / "pictures" / "bridge.jpg").read_bytes()

    async def give(route: Route) -> None:
        await route.fulfill(body=photo, content_type="image/jpeg")

    await page.context.route(PHOTO, give)


async def fill_in(page: Page, site: Site) -> None:
    """Fill in the form as a person does, five seconds long."""
    for name, value in (("sender", SENDER), ("name", "홍길동"), ("friend1", FRIEND), ("note", NOTE)):
        await page.locator(f"#{name}").fill(value)
    site.clock.advance(seconds=5)


async def question_link(site: Site) -> str:
    """The link of the mail to the sender."""
    mail = await site.mail()
    body = mail.get_body(("plain",))
    assert body is not None
    assert mail["To"] == SENDER
    found = re.search(r"http\S+/share/\S+", body.get_content())
    assert found
    return found[0]


async def press(page: Page, selector: str) -> None:
    """Press a button and wait for the page that answers."""
    async with page.expect_navigation():
        await page.locator(selector).click()


async def test_from_the_newspapers_button_to_the_friend(site: Site, path: str) -> None:
    """The code to copy opens a small window for the article it stands in; the mail is seen before it is sent."""
    page = await site.open("/share/embed")
    await site.look(page, "share-embed")
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await show_photo(page)
    code = await page.locator("pre").first.inner_text()
    await page.route(LINK, lambda route: route.fulfill(body=f"<meta charset=utf-8>{code}", content_type="text/html"))
    await page.goto(LINK)
    async with page.expect_popup() as opening:
        await page.locator("a").click()
    popup = await opening.value
    await popup.wait_for_url(f"**{path}")
    assert await popup.evaluate("[innerWidth, innerHeight]") == [500, 600]
    await look_as_it_is(popup, site.pictures / "share-popup.png", is_kept=True)

    await popup.locator("#copy").click()
    await expect(popup.locator("#copied")).to_have_text("링크를 복사했습니다.")
    assert await popup.evaluate("navigator.clipboard.readText()") == LINK

    await expect(popup.locator("#note-left")).to_have_text("남은 글자 200자")
    await fill_in(popup, site)
    await expect(popup.locator("#note-left")).to_have_text(f"남은 글자 {200 - len(NOTE)}자")
    await expect(popup.locator("iframe")).to_have_count(1)
    mail = popup.frame_locator("iframe:not([hidden])")
    await expect(mail.get_by_text(NOTE)).to_be_visible()
    await popup.locator("#note").fill("오늘 나온 기사예요.")
    await expect(mail.get_by_text("오늘 나온 기사예요.")).to_be_visible()
    await expect(popup.locator("iframe")).to_have_count(1)
    await expect(mail.get_by_text("◇ 물길을 따라")).to_be_visible()
    await site.look(popup, "share-preview")
    await popup.set_viewport_size({"width": 500, "height": 600})

    await press(popup, "form.signup button:not(.second)")
    await site.look(popup, "share-asked")
    await popup.goto(await question_link(site))
    await site.look(popup, "share-release")
    await press(popup, "form button")
    await site.look(popup, "share-released")
    friends_mail = await site.mail()
    assert (friends_mail["To"], friends_mail["Reply-To"]) == (FRIEND, SENDER)
    assert friends_mail["Subject"] == "[가온일보] 문 닫은 정수장, 시민의 도서관으로"

    await popup.goto(str(friends_mail["List-Unsubscribe"]).strip("<>"))
    await site.look(popup, "share-never")


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_without_a_script_the_page_and_the_preview_work(site: Site, path: str, language: str) -> None:
    """The preview opens beside the page; what was typed stays, and the sender is asked by mail."""
    page = await site.open(f"{path}?lang={language}", language=language, script=False)
    await page.set_viewport_size({"width": 360, "height": 640})
    await site.look(page, "share")
    await fill_in(page, site)
    async with page.context.expect_page() as opening:
        await page.locator("#preview-button").click()
    preview = await opening.value
    await expect(preview.get_by_text(NOTE)).to_be_visible()
    await preview.close()
    await expect(page.locator("#note")).to_have_value(NOTE)
    await press(page, "form.signup button:not(.second)")
    async with site.database.read() as connection:
        waiting = (await connection.execute(sa.select(shares.c.state, shares.c.note))).all()
    assert [tuple(each) for each in waiting] == [(ShareState.WAITING, NOTE)]


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_words_that_cannot_be_sent_are_named(site: Site, path: str, language: str) -> None:
    """In the preview and beside their fields; nothing is queued."""
    page = await site.open(f"{path}?lang={language}", language=language)
    await fill_in(page, site)
    await page.locator("#note").fill("www.spam.example")
    await page.locator("#name").fill("{{7*7}}")
    inside = page.frame_locator("iframe:not([hidden])")
    await expect(inside.locator("h1")).to_be_visible()
    await press(page, "form.signup button:not(.second)")
    await expect(page.locator("[aria-invalid=true]")).to_have_count(2)
    await site.look(page, "share-mistakes")
    async with site.database.read() as connection:
        assert await connection.scalar(sa.select(sa.func.count()).select_from(deliveries)) == 0


async def test_from_the_own_edition_by_keyboard_alone(site: Site, path: str) -> None:
    """The address stands there masked; letters, Tab and Enter send, and Back leads away from the page at once."""
    async with site.database.begin() as connection:
        reader = await rows.add_subscriber(connection, SENDER, at=site.clock())
    page = await site.open("/")
    await page.goto(f"{path}?from={site.settings.keyring.make(TokenPurpose.SHARER, reader)}")
    await expect(page.locator(".address")).to_have_text("ho***@gaon.example")
    await site.look(page, "share-own")
    await page.locator("#friend1").focus()
    await page.keyboard.type(FRIEND)
    await page.keyboard.press("Tab")
    await page.keyboard.type(NOTE)
    await expect(page.frame_locator("iframe:not([hidden])").get_by_text(NOTE)).to_be_visible()
    await page.keyboard.type(" 꼭요.")
    await expect(page.frame_locator("iframe:not([hidden])").get_by_text("꼭요.")).to_be_visible()
    await page.go_back()
    assert page.url == f"{site.url}/"
    await page.go_forward()
    await page.locator("#friend1").fill(FRIEND)
    site.clock.advance(seconds=5)
    async with page.expect_navigation():
        await page.keyboard.press("Enter")
    assert (await question_link(site)).startswith(site.url)


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize(
    ("name", "rest"),
    [("partly", {"sent": 1, "refused": 1, "waiting": 1}), ("refused", {"refused": 1}), ("rests", {"waiting": 1})],
)
async def test_what_became_of_a_share_breaks_no_rule(
    site: Site, path: str, monkeypatch: pytest.MonkeyPatch, *, language: str, name: str, rest: dict[str, int]
) -> None:
    """The pages behind the button of the mail, where not everything went out."""
    page = await site.open(f"{path}?lang={language}", language=language, script=False)
    await fill_in(page, site)
    await press(page, "form.signup button:not(.second)")
    await page.goto(f"{await question_link(site)}?lang={language}")

    async def released(*_args: object, **_named: object) -> Released:
        return Released("hash", **{"sent": 0, "refused": 0, **rest})

    monkeypatch.setattr(request, "release", released)
    await press(page, "form button")

    await site.look(page, f"share-released-{name}")
