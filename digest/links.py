"""Every address of our own web pages that stands in a mail, in one place.

`base_url` is `BASE_URL` without a trailing slash. The web room serves exactly these paths (a test walks both).
"""


def edition_url(base_url: str, edition_id: int) -> str:
    """브라우저에서 보기: the edition as a web page, the same for every reader."""
    return f"{base_url}/editions/{edition_id}"


def unsubscribe_url(base_url: str, token: str) -> str:
    """The link of the footer and of List-Unsubscribe: GET shows a page, POST leaves (RFC 8058)."""
    return f"{base_url}/u/{token}"


def subscribe_url(base_url: str) -> str:
    """구독 신청: the sign-up page."""
    return f"{base_url}/subscribe"


def confirm_url(base_url: str, token: str) -> str:
    """The link of a confirmation mail: GET shows a page with a button, POST confirms."""
    return f"{base_url}/confirm/{token}"


def preferences_url(base_url: str, token: str) -> str:
    """The link of every edition that opens its reader's choices, and nothing that a forwarded mail must not allow."""
    return f"{base_url}/preferences/{token}"


def fresh_url(base_url: str, token: str) -> str:
    """A link that was mailed on request: to a reader's own data, or to confirm a new address."""
    return f"{base_url}/link/{token}"


def privacy_url(base_url: str) -> str:
    """개인정보 처리방침: what becomes of readers' data."""
    return f"{base_url}/privacy"


def share_url(base_url: str, article_id: int) -> str:
    """기사 메일전송: the page that sends an article to a friend."""
    return f"{base_url}/articles/{article_id}/share"


def share_by_page_url(base_url: str) -> str:
    """기사 메일전송 for an article that is known by its own page: `?url=`, or the page the link stands in."""
    return f"{base_url}/share"


def release_url(base_url: str, token: str) -> str:
    """The link of the mail to a share's sender: GET shows what is to be sent, POST confirms and sends."""
    return f"{base_url}/share/{token}"


def never_url(base_url: str, token: str) -> str:
    """다시 받지 않기: GET shows a page with a button, POST (also one-click, RFC 8058) stops shares to an address."""
    return f"{base_url}/never/{token}"


def outbox_url(base_url: str) -> str:
    """The mails that the built-in receiving server took, for looking at."""
    return f"{base_url}/outbox/"


def spoken(url: str, language: str) -> str:
    """Return `url` of a page that speaks `language` even when the link is used up or too old.

    Such a page tells nobody whose link it was, so it cannot look up what its reader reads; the mail knew.
    """
    return f"{url}?lang={language}"
