"""What sharing brings into an edition: the link below each article, and the list of what was sent most."""

import re
from dataclasses import replace

import pytest

from digest import splice
from digest.compose.kinds import digest
from digest.compose.nobody import with_nobodys_link
from digest.deliver import wire
from digest.models.deliveries import Mail
from digest.models.readers import Format, Variant
from digest.models.shares import SharedOften
from digest.tokens import TokenPurpose
from tests.compose import making
from tests.compose.making import RENDERER, filled
from tests.support.settings import make_settings

OFF = make_settings(base_url="https://news.gaon.example", newspaper_site="https://gaon.example")
ON = OFF.model_copy(update={"share_address": "share@share.gaon.example", "abuse_contact": "abuse@gaon.example"})
LINK = re.compile(r"https://news\.gaon\.example/articles/(\d+)/share\?from=(\w+)")


def test_each_article_with_text_has_its_link_in_both_parts() -> None:
    """친구에게 보내기: below the article it sends, with what fills in the reader's address."""
    mail = making.compose(ON)
    token = making.VALUES["sharer"].decode()
    for part in (filled(mail.html), filled(mail.text)):
        assert LINK.findall(part) == [(str(number), token) for number in (1, 2, 3, 5, 6)]
        assert part.count("친구에게 보내기") == 5


def test_without_sharing_no_link_is_shown() -> None:
    """Off means off: no link that leads to a 404."""
    mail = making.compose(OFF)
    assert "친구에게 보내기" not in filled(mail.html) + filled(mail.text)
    assert splice.SHARER not in splice.Spliced.parse(mail.html).names


def test_copy_for_nobody_fills_in_nobodys_address() -> None:
    """The operator's own copies are no reader's."""
    mail = with_nobodys_link(making.compose(ON), ON)
    assert {found[1] for found in LINK.findall(mail.text.decode())} == {ON.keyring.make(TokenPurpose.SHARER, 0)}


def test_readers_token_is_made_when_the_mail_is_sent() -> None:
    """It stands in no stored row, and opens nothing else of the reader's."""
    mail = making.compose(ON)
    prepared = wire.prepare(mail, eight_bit=True)
    assert splice.SHARER in prepared.names
    token = ON.keyring.make(TokenPurpose.SHARER, 5)
    assert token.encode() not in mail.html + mail.text


@pytest.mark.parametrize("language", ["ko", "en"])
def test_what_was_sent_most_stands_behind_what_was_read_most(language: str) -> None:
    """Titles and links in their order; how many sent them is nobody's business."""
    mail = _with_shared(language)
    for part in (filled(mail.html), filled(mail.text)):
        places = [part.rindex(f"{making.SITE}{number}") for number in (905, 31, 32)]
        assert places == sorted(places)
        assert "많이 보낸 기사" in part or language == "en"
        assert "77" not in part


def test_edition_without_shares_has_no_such_list() -> None:
    """No heading over nothing."""
    assert "많이 보낸 기사" not in filled(making.compose(ON).html)


def _with_shared(language: str) -> Mail:
    lines = (SharedOften(31, "도서관", f"{making.SITE}31", 77, 77), SharedOften(32, "시장", f"{making.SITE}32", 77, 77))
    edition = replace(making.edition(most_read=5), most_shared=lines)
    variant = Variant(language, Format.HTML)
    return digest.compose(RENDERER, ON, edition=edition, articles=making.full_day(), variant=variant).mail
