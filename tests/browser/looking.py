"""How a page is looked at: in a phone's and a desk's width, light and dark, by the axe rules, and as a picture.

Each page is looked at twice, the Korean one light on the phone and dark on the desk, the English one the other way
round, which is every width in every scheme; where pictures are asked for, each is looked at in all four ways. A picture
costs as much as the rules; unless asked for it is taken of a page that breaks one.

In: a page of ours that stands open, and a name for its picture. Out: nothing, or an assertion that says what is wrong.
A look does not load the page again, so it may follow any step of a journey, answers to forms included. The axe rules
come from the package axe-core-python; they are run by the debugger, so the page's own policy stays as strict as it is.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from axe_core_python.base import AXE_SCRIPT
from playwright.async_api import Page

Scheme = Literal["light", "dark"]
LOOKS: dict[str, tuple[tuple[int, Scheme], ...]] = {
    "ko": ((360, "light"), (1200, "dark")),
    "en": ((1200, "light"), (360, "dark")),
}
MAX_BYTES = 30_000  # of a page with its style and scripts as they are sent, without pictures and framed mails

_RUN_AXE = "options => axe.run(options).then(found => found.violations)"
_OPTIONS = {"resultTypes": ["violations"], "iframes": False}
_BYTES = """() => performance.getEntriesByType("navigation").concat(performance.getEntriesByType("resource"))
    .filter(each => !["img", "iframe"].includes(each.initiatorType))
    .reduce((sum, each) => sum + each.encodedBodySize, 0)"""
_TOO_WIDE = """() => [...document.querySelectorAll("body *")].filter(each =>
    each.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && !each.closest("pre"))
    .map(each => each.outerHTML.slice(0, 80))"""
_SCROLLS = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"


async def look(page: Page, name: str, folder: Path, *, in_all_ways: bool) -> None:
    """Check the page that stands open, with its pictures in the folder."""
    assert await page.evaluate(_BYTES) < MAX_BYTES, name
    language = await page.evaluate("document.documentElement.lang")
    looks = (*LOOKS["ko"], *LOOKS["en"]) if in_all_ways else LOOKS[language]
    for width, scheme in looks:
        await page.set_viewport_size({"width": width, "height": 800})
        await page.emulate_media(color_scheme=scheme)
        await look_as_it_is(page, folder / f"{name}-{language}-{width}-{scheme}.png", is_kept=in_all_ways)


async def look_as_it_is(page: Page, picture: Path, *, is_kept: bool) -> None:
    """Check the page in the size and colours it has; `is_kept`: keep its picture, even if nothing is wrong."""
    wrong = await _what_is_wrong(page)
    if wrong or is_kept:
        await page.screenshot(path=picture, full_page=True)
    assert not wrong, f"{picture.name}: {wrong}"


async def _what_is_wrong(page: Page) -> str:
    if await page.evaluate("() => window.axe === undefined"):
        await page.evaluate(AXE_SCRIPT)
    if await page.evaluate(_SCROLLS):
        return f"it scrolls sideways: {await page.evaluate(_TOO_WIDE)}"
    return "\n".join(_said(each) for each in await page.evaluate(_RUN_AXE, _OPTIONS))


def _said(violation: Mapping[str, Any]) -> str:
    nodes = "; ".join(f"{node['html'][:120]} ({node['failureSummary'][:300]})" for node in violation["nodes"])
    return f"{violation['id']}: {violation['help']}: {nodes}"
