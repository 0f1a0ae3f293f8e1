"""The settings PACE and WARM_UP, and who keeps which mailbox."""

from datetime import date, timedelta

import pytest

from digest import limits, providers
from digest.errors import SettingsError
from digest.limits import Limit, WarmUp
from digest.provisioned import LineError
from tests.support.settings import make_settings


@pytest.mark.parametrize(
    ("domain", "provider"),
    [("hanmail.net", "daum.net"), ("googlemail.com", "gmail.com"), ("hotmail.com", "outlook.com"), ("gaon.kr", "")],
)
def test_domains_of_one_house_are_one_provider(domain: str, provider: str) -> None:
    """A provider's servers count all their domains together."""
    assert providers.name_for(domain) == provider


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("aspmx.l.google.com.", "gmail.com"),
        ("MX1.naver.com", "naver.com"),
        ("city-kr.mail.protection.outlook.com", "outlook.com"),
        ("mx.notgoogle.com", ""),
        ("google.com.evil.example", ""),
    ],
)
def test_a_mail_server_tells_whose_it_is(host: str, provider: str) -> None:
    """Companies stand behind the large ones' servers; a name that only looks alike does not."""
    assert providers.name_for_mx(host) == provider


def test_each_kind_of_line_is_read() -> None:
    """Providers, the others, relays and streams have their own scopes."""
    text = "hanmail.net 10/s at_once=4\n#\nothers 60/h\nrelay:main 6000/min\nrelay 1/min\nbulk 3000/min\ng.kr at_once=1"

    assert limits.pace(text) == (
        Limit("provider:daum.net", 600.0, 4),
        Limit("provider:", 1.0),
        Limit("relay:main", 6000.0),
        Limit("relay", 1.0),
        Limit("stream:bulk", 3000.0),
        Limit("provider:g.kr", None, 1),
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("naver.com", "it has no limit; write"),
        ("naver.com fast", "'fast' is no limit; write"),
        ("naver.com 0/min", "'0/min' is no limit; write"),
        ("daum.net 1/s\nhanmail.net 2/s", "hanmail.net: it is limited twice"),
        ("bulk at_once=3", "at_once= is for domains only; write"),
        ("no domain 1/s", "'no' cannot be limited; begin"),
    ],
)
def test_a_wrong_line_says_what_to_write(text: str, says: str) -> None:
    """A mistake is told in words, with what to write instead."""
    with pytest.raises(LineError, match=says):
        limits.pace(text)


def test_a_wrong_warm_up_is_a_mistake_of_that_setting() -> None:
    """Told as other settings' mistakes are, at the start."""
    for wrong in ("soon 200/h", "2026-12-01 200/min", "2026-12-01"):
        with pytest.raises((SettingsError, ValueError), match="write for example"):
            make_settings(warm_up=wrong)
    assert make_settings(warm_up="2026-12-01 200/h").warm_up == WarmUp(date(2026, 12, 1), 200)
    assert make_settings(warm_up="").warm_up is None


def test_the_warm_up_doubles_every_second_day_and_ends_after_four_weeks() -> None:
    """The numbers of a new sender's first month."""
    warming = WarmUp(date(2026, 12, 1), 120)
    per_minute = [warming.per_minute(date(2026, 12, 1) + timedelta(days=day)) for day in (-1, 0, 1, 2, 7, 27, 28)]

    assert per_minute == [2, 2, 2, 4, 16, 2 * 2**13, None]


def test_the_lower_of_pace_and_warm_up_holds() -> None:
    """For every provider, named in PACE or not."""
    pace = limits.pace("naver.com 600/min\ngmail.com 1/min at_once=2\nbulk 10/min")
    found = limits.in_force(pace, WarmUp(date(2026, 12, 1), 120), date(2026, 12, 1))

    assert found["provider:naver.com"].per_minute == 2
    assert found["provider:gmail.com"] == Limit("provider:gmail.com", 1.0, 2)
    assert found["provider:daum.net"].per_minute == found["provider:"].per_minute == 2
    assert found["stream:bulk"].per_minute == 10
