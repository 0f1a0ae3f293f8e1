"""Signing up in a real browser: with and without a script, with mistakes, from the newspaper's own site."""

import re

import pytest
import sqlalchemy as sa
from playwright.async_api import Page, expect

from digest.database.tables import signups, subscribers
from digest.models.consents import ConsentWay
from tests.browser.conftest import Site

pytestmark = [pytest.mark.anyio, pytest.mark.xdist_group("browser")]

LANGUAGES = ["ko", "en"]
ADDRESS = "hong@gaon.example"


async def fill_in(page: Page, site: Site, address: str = ADDRESS) -> None:
    """Fill in the form as a person does, five seconds long."""
    await page.locator("#address").fill(address)
    for name in ("agree", "age"):
        await page.locator(f"input[name={name}]").check()
    site.clock.advance(seconds=5)


async def confirm_url(site: Site) -> str:
    """The link of the confirmation mail."""
    body = (await site.mail()).get_body(("plain",))
    assert body is not None
    found = re.search(r"http\S+/confirm/\S+", body.get_content())
    assert found
    return found[0]


async def count(site: Site, table: sa.Table) -> int:
    async with site.database.read() as connection:
        return int((await connection.execute(sa.select(sa.func.count()).select_from(table))).scalar_one())


@pytest.mark.parametrize("language", LANGUAGES)
async def test_with_a_script_the_proof_is_worked_out_and_the_mails_button_confirms(site: Site, language: str) -> None:
    """The worker solves the challenge under the strict policy, and only the button makes a reader."""
    page = await site.open("/subscribe", language=language)
    await site.look(page, "subscribe")
    await fill_in(page, site)
    proofs: list[str] = []
    page.on("request", lambda request: proofs.append(request.post_data or ""))
    await page.locator("form button").click()
    await page.wait_for_selector(".address")
    assert re.search(r"proof=[A-Za-z0-9%]{200}", proofs[0])
    await site.look(page, "subscribe-sent")

    await page.goto(await confirm_url(site))
    await site.look(page, "confirm")
    assert await count(site, subscribers) == 0
    await page.locator("form button").click()
    await page.wait_for_selector("form[action*='/latest']")
    assert await count(site, subscribers) == 1
    await site.look(page, "confirmed")
    await page.locator("form button").click()
    await page.wait_for_url("**/latest*")
    await site.look(page, "confirmed-latest")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_without_a_script_the_form_works_until_the_limit(site: Site, language: str) -> None:
    """The confirmation mail alone guards; the fourth of a day and network is told so in words."""
    page = await site.open("/subscribe", language=language, script=False)
    for number in range(4):
        await page.goto("/subscribe")
        await fill_in(page, site, f"n{number}@gaon.example")
        await page.locator("form button").click()
        await page.wait_for_selector("h1")
    assert await count(site, signups) == 3
    await site.look(page, "error-too-often")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_mistakes_are_said_beside_their_fields(site: Site, language: str) -> None:
    """Everything missing at once, without the browser's own checks."""
    page = await site.open("/subscribe", language=language, script=False)
    await page.locator("input[name=slot]").first.uncheck()
    await page.evaluate("document.querySelector('form').noValidate = true")
    site.clock.advance(seconds=5)
    await page.locator("form button").click()
    await expect(page.locator(".mistake")).to_have_count(4)
    assert await page.locator("[aria-invalid=true]").count() > 0
    await site.look(page, "subscribe-mistakes")
    assert await count(site, signups) == 0


@pytest.mark.parametrize("script", [True, False], ids=["with a script", "without one"])
async def test_mistyped_domain_is_offered_back(site: Site, script: bool) -> None:
    """One press takes what was offered."""
    language = "ko" if script else "en"
    page = await site.open("/subscribe", language=language, script=script)
    await fill_in(page, site, "hong@naver.con")
    await page.locator("form button").click()
    await page.wait_for_selector("button[value=offered]")
    await site.look(page, "subscribe-offered")
    await page.locator("button[value=offered]").click()
    await expect(page.locator(".address")).to_have_text("hong@naver.com")
    async with site.database.read() as connection:
        assert await connection.scalar(sa.select(signups.c.address)) == "hong@naver.com"


async def test_form_on_the_newspapers_own_site_ends_on_our_page(site: Site) -> None:
    """What the page for copying says is pasted there: nothing is stored before our own form is sent."""
    page = await site.open("/subscribe/embed")
    await site.look(page, "subscribe-embed")
    code = await page.locator("pre").first.inner_text()

    await page.route("http://www.gaon.example/", lambda route: route.fulfill(body=code, content_type="text/html"))
    await page.goto("http://www.gaon.example/")
    await page.locator("input[name=address]").fill(ADDRESS)
    await page.locator("button").click()
    await page.wait_for_url(f"{site.url}/subscribe*")
    await expect(page.locator("#address")).to_have_value(ADDRESS)
    assert await page.locator("[name=agree]:checked, [name=advert]:checked, [name=age]:checked").count() == 0
    assert await page.context.cookies() == []
    assert await count(site, signups) == 0

    await fill_in(page, site)
    await page.locator("form button").click()
    await expect(page.locator(".address")).to_have_text(ADDRESS)
    async with site.database.read() as connection:
        assert await connection.scalar(sa.select(signups.c.how)) == ConsentWay.SITE_FORM


@pytest.mark.parametrize("language", LANGUAGES)
async def test_links_that_do_nothing_any_more_say_so(site: Site, language: str) -> None:
    """A page and an edition that never were, a wrong confirmation, a wrong link of an edition."""
    page = await site.open("/nowhere", language=language)
    await site.look(page, "error-page")
    for name, path in (("confirm", "/confirm/x"), ("link", "/u/x"), ("edition", "/editions/9")):
        await page.goto(path)
        await site.look(page, f"error-{name}")
