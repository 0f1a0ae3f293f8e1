"""The privacy policy in a real browser: readable on a narrow telephone and to a screen reader."""

import pytest

from tests.browser.conftest import Site

pytestmark = [pytest.mark.anyio, pytest.mark.xdist_group("browser")]


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_the_policy_is_reached_from_the_sign_up_page_and_breaks_no_rule(site: Site, language: str) -> None:
    """Who is asked for consent finds it with one click, without a script too."""
    page = await site.open("/subscribe", language=language, script=False)
    await page.locator("footer a[href='/privacy']").click()
    await page.wait_for_url("**/privacy")
    await site.look(page, "privacy")
