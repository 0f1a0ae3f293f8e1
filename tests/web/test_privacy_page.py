"""`/privacy` (개인정보 보호법 제30조): what it says is what the service does."""

import re
from datetime import timedelta

import httpx2
import pytest

from digest.config import Settings
from digest.database import Database
from digest.subscribe import consent, personal
from digest.subscribe.personal import PERSONAL, Period, Topic, Unit, told
from tests.support.clock import StoppedClock
from tests.support.settings import make_settings
from tests.web.conftest import browser

ABROAD = (
    "Mail Inc. | 이메일 발송 | country=미국 contact=privacy@mail.example items='이메일 주소' "
    "how='발송할 때 암호화된 통신으로' until='발송 뒤 30일까지'"
)


async def page(database: Database, settings: Settings, clock: StoppedClock, language: str) -> str:
    async with browser(database, settings, clock) as opened:
        answer = await opened.get("/privacy", params={"lang": language})
    assert answer.status_code == 200
    assert len(answer.content) < 30_000
    return answer.text


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("language", "heads"),
    [
        (
            "ko",
            (
                "처리 목적",
                "제3자 제공과 처리 위탁",
                "파기",
                "권리",
                "자동으로 수집",
                "안전성",
                "보호책임자",
                "권익침해",
            ),
        ),
        ("en", ("What for", "Others who get data", "erased", "Your rights", "cookies", "protected", "officer")),
    ],
)
async def test_it_holds_what_the_law_lists(
    database: Database, settings: Settings, clock: StoppedClock, language: str, heads: tuple[str, ...]
) -> None:
    """제30조①: purposes, periods, third parties, processors, destruction, rights, officer, safety."""
    text = await page(database, settings, clock, language)

    assert [head for head in heads if head not in text] == []
    assert settings.privacy_officer in text
    for kind in consent.KINDS:
        assert all(says in text for _, says in consent.text(kind, language, settings).items)


@pytest.mark.anyio
async def test_its_periods_are_those_of_the_table(
    database: Database, settings: Settings, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A period that is changed in the one place changes here; the hourly pass goes by the same table."""
    assert "그만두신 뒤 30일" in await page(database, settings, clock, "ko")

    changed = [
        personal.Personal(each.where, each.what, timedelta(days=17), each.since, each.becomes, each.topic)
        for each in PERSONAL
    ]
    monkeypatch.setattr(personal, "PERSONAL", tuple(changed))

    text = await page(database, settings, clock, "ko")
    assert "그만두신 뒤 17일" in text
    assert "신청 뒤 17일" in text


def test_what_is_told_together_is_kept_equally_long() -> None:
    """The page has one period for each topic."""
    for topic in Topic:
        assert len({each.kept for each in PERSONAL if each.topic is topic}) == 1, topic


@pytest.mark.parametrize("language", ["ko", "en"])
def test_the_consents_promise_the_same_periods(settings: Settings, language: str) -> None:
    """The text that is agreed to stands in a file of its own; what it promises must be what is done."""
    text = consent.text(consent.NEWSLETTER, language, settings).body
    hours, days = ("시간", "일") if language == "ko" else (" hours", " days")

    assert f"{personal.GONE_KEPT.days}{days}" in text
    assert f"{personal.UNCONFIRMED_KEPT // timedelta(hours=1)}{hours}" in text
    assert timedelta(days=92) == personal.NETWORK_KEPT
    assert ("3개월" if language == "ko" else "three months") in text


@pytest.mark.anyio
async def test_processors_of_the_settings_are_printed(database: Database, clock: StoppedClock) -> None:
    """제26조 and 제28조의8: who, what for, and all that is asked for where data go abroad; nobody: that is said."""
    named = make_settings(processors=f"한국호스팅 | 서버 운영\n{ABROAD}", privacy_since="2026-12-01")

    text = await page(database, named, clock, "ko")
    none = await page(database, make_settings(), clock, "ko")

    said = (
        "한국호스팅",
        "서버 운영",
        "국외 이전: 미국",
        "privacy@mail.example",
        "발송 뒤 30일까지",
        "시행일 2026-12-01",
    )
    assert [each for each in said if each not in text] == []
    assert "다른 곳에 맡기지 않습니다" in none
    assert "시행일" not in none


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/", "/subscribe", "/u/nothing", "/link/nothing", "/nowhere", "/privacy"])
async def test_every_page_leads_to_it(client: httpx2.AsyncClient, path: str) -> None:
    """제30조②: where people can find it at any time, also on a page that says no."""
    assert '<a href="/privacy">' in (await client.get(path)).text


def test_short_periods_are_told_in_hours() -> None:
    """72 hours is the promise; three days would be read as the end of the third."""
    assert told(timedelta(hours=72)) == Period(72, Unit.HOUR)
    assert told(timedelta(days=30)) == Period(30, Unit.DAY)


def test_periods_of_the_calendar_are_told_in_months_and_years() -> None:
    """Nobody says 731 days; of every period in the table that is longer than two months."""
    in_days = {str(told(each.kept)) for each in PERSONAL if each.kept and told(each.kept).unit is Unit.DAY}

    assert in_days == {"7 days", "30 days"}
    assert str(told(personal.COPY_KEPT)) == "6 months"


@pytest.mark.anyio
@pytest.mark.parametrize(("language", "says"), [("ko", ("2년", "3개월")), ("en", ("2 years", "3 months"))])
async def test_its_periods_are_told_as_people_say_them(
    database: Database, settings: Settings, clock: StoppedClock, language: str, says: tuple[str, ...]
) -> None:
    """What operators did, and the network of a consent, as the law names them."""
    text = await page(database, settings, clock, language)

    assert [each for each in says if each not in text] == []
    assert not re.search(r"\b(731|92)\b", text)


@pytest.mark.anyio
async def test_it_tells_of_the_cookie_where_there_is_one(database: Database, clock: StoppedClock) -> None:
    """제30조①: what is set in a browser, and how to refuse it. Sharing remembers who has confirmed."""
    shares = make_settings(share_address="share@share.gaon.example", abuse_contact="abuse@gaon.example")
    assert "no cookies" in await page(database, make_settings(), clock, "en")
    with_shares = await page(database, shares, clock, "en")
    assert "one cookie" in with_shares
    assert "no cookies" not in with_shares


@pytest.mark.anyio
async def test_it_names_no_number_that_may_be_another_tomorrow(database: Database, clock: StoppedClock) -> None:
    """A complaint that rings in the wrong place helps nobody: of the authorities stand the names alone."""
    text = (
        (await page(database, make_settings(), clock, "en")).partition("Advice and help")[2].partition("When this")[0]
    )
    assert "Mediation" in text
    assert not re.search(r"\d{3}", text)
