"""Lists of readers from elsewhere: encodings, heads, states, and what a spreadsheet would calculate."""

from datetime import UTC, datetime

import pytest

from digest.errors import FixSetupError
from digest.subscribe.lists import read_list, safe_cell, tell_columns

STIBEE = (
    "이메일 주소,이름,구독 상태,구독일,광고성 정보 수신 동의\n"
    "kim@naver.example,김,구독중,2025-03-02 10:00,동의\nlee@naver.example,이,수신거부,2025-03-02,\n"
)
MAILCHIMP_HEADS = (
    '"Email Address","First Name","Last Name",Address,"Phone Number",Birthday,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,'
    "CONFIRM_TIME,CONFIRM_IP,LATITUDE,LONGITUDE,GMTOFF,DSTOFF,TIMEZONE,CC,REGION"
)
MAILCHIMP = (
    f"{MAILCHIMP_HEADS},LAST_CHANGED,LEID,EUID,NOTES,TAGS\n"
    'kim@naver.example,Kim,,"1 Main St @ 2nd",,,2,,,"2025-03-02 01:02:03",203.0.113.7,,,,,,,,,1,a,,\n'
)
MAILCHIMP_LEFT = (
    f'{MAILCHIMP_HEADS},UNSUB_TIME,"UNSUB_CAMPAIGN_TITLE","UNSUB_CAMPAIGN_ID","UNSUB_REASON","UNSUB_REASON_OTHER"\n'
    'lee@naver.example,Lee,,,,,2,"2025-03-02 01:02:03",,,,,,,,,,,"2026-01-02 03:04:05",,,,\n'
)
LISTMONK = (
    "uuid,email,name,attributes,status,created_at,updated_at\n"
    "1,kim@naver.example,Kim,{},enabled,2025-03-02T01:02:03Z,2026-01-01\n"
    "2,lee@naver.example,Lee,{},blocklisted,2025-03-02,2026-01-01\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16"])
def test_korean_lists_are_read_in_every_encoding_that_excel_writes(encoding: str) -> None:
    """Excel in Korea saves CP949, and its UTF-8 begins with a BOM."""
    kim, lee = read_list(STIBEE.encode(encoding))

    assert (kim.address, kim.since, kim.advert, kim.refused) == (
        "kim@naver.example", datetime(2025, 3, 2, tzinfo=UTC), True, "",
    )  # fmt: skip
    assert lee.refused == "the list says: 수신거부"
    assert (kim.number, lee.number) == (2, 3)


def test_a_list_of_people_who_left_elsewhere_is_refused_line_by_line() -> None:
    """Mailchimp exports them in a file of their own, without a word for their state: only the time tells."""
    assert [line.refused for line in read_list(MAILCHIMP_LEFT.encode())] == ["the list says: ended 2026-01-02 03:04:05"]


@pytest.mark.parametrize("head", ["address", "주소"])
def test_an_address_may_be_where_somebody_lives(head: str) -> None:
    """The column that surely holds mail addresses is taken, wherever it stands; alone, this one is."""
    assert read_list(f"{head},e-mail\nMain St,kim@naver.example\n".encode())[0].address == "kim@naver.example"
    assert read_list(f"{head}\nkim@naver.example\n".encode())[0].address == "kim@naver.example"


@pytest.mark.parametrize("text", [MAILCHIMP, LISTMONK])
def test_exports_of_other_services_are_understood(text: str) -> None:
    """The first line of each holds a reader; who was blocked there is not taken over."""
    first, *others = read_list(text.encode())

    assert (first.address, first.since) == ("kim@naver.example", datetime(2025, 3, 2, tzinfo=UTC))
    assert all(each.refused for each in others)


def test_a_list_without_heads_is_read_from_its_first_line() -> None:
    """A plain column of addresses is the commonest list of all; its first line is a reader, too."""
    assert [line.address for line in read_list(b"kim@naver.example\n\nlee@naver.example\n")] == [
        "kim@naver.example",
        "lee@naver.example",
    ]


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\n\n", "이메일,이름\n".encode()])
def test_a_list_without_a_line_is_refused(content: bytes) -> None:
    """Whoever exported the wrong thing must not read that all went well."""
    with pytest.raises(FixSetupError, match="empty"):
        read_list(content)


@pytest.mark.parametrize("content", [b"\xff\x00\x81", "이름,전화\n김,010\n".encode()])
def test_a_list_without_addresses_or_in_an_unknown_encoding_is_refused(content: bytes) -> None:
    """Guessing would import garbage."""
    with pytest.raises(FixSetupError):
        read_list(content)


def test_a_cell_that_a_spreadsheet_would_calculate_comes_back_as_it_was() -> None:
    """`=1+1@x.example` is an address; in our report it must not run."""
    cell = safe_cell("=1+1@x.example")

    assert not cell.startswith("=")
    assert read_list(f"email\n{cell}\n".encode())[0].address == "=1+1@x.example"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            STIBEE,
            "address: 이메일 주소; state: 구독 상태; day of consent: 구독일; advertising: 광고성 정보 수신 동의; "
            "not read: 이름",
        ),
        (
            LISTMONK,
            "address: email; state: status; day of consent: created_at; not read: uuid, name, attributes, updated_at",
        ),
        ("E-Mail;Vorname\nkim@naver.example;Kim\n", "address: E-Mail; not read: Vorname"),
        ("kim@naver.example\n", ""),
    ],
)
def test_what_each_column_is_taken_for_can_be_told(text: str, told: str) -> None:
    """Services name their columns as they like: a state that was not found must be seen before anybody is imported."""
    assert tell_columns(text.encode()) == told
