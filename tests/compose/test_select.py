"""The order of an edition, its lead, its caps, and what a variant of it leaves out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from digest.compose import select
from digest.models.articles import Article, ArticleText, Picture
from digest.models.editions import PlacedArticle, Placement, Role, Slot
from digest.models.readers import Format, Variant
from digest.models.sources import Rights

SEEN = datetime(2026, 11, 22, 21, 0, tzinfo=UTC)
PICTURE = Picture("https://img.gaon.example/1.jpg")


def article(
    number: int,
    section: str = "시정",
    *,
    age_minutes: float | None = None,
    picture: bool = False,
    rights: Rights = Rights.EXCERPT,
    **text: Any,
) -> Article:
    """An article first seen at 06:00, registered `age_minutes` before that (None: without a date)."""
    registered_at = None if age_minutes is None else SEEN - timedelta(minutes=age_minutes)
    return Article(
        id=number,
        source_id=1,
        source_name="gaon",
        rights=rights,
        revision=1,
        text=ArticleText(
            title=f"기사 {number}",
            link=f"https://gaon.example/{number}",
            section=section,
            registered_at=registered_at,
            picture=PICTURE if picture else None,
            **text,
        ),
        first_seen_at=SEEN,
        eligible=True,
    )


def slot(**changes: Any) -> Slot:
    return Slot(**{"name": "morning", "title": "아침 소식", "crontab": "0 7 * * *", **changes})


def shown(placements: tuple[Placement, ...]) -> list[int]:
    return [placement.article_id for placement in placements if placement.role is not Role.LEFT_OUT]


def roles(placements: tuple[Placement, ...]) -> dict[int, Role]:
    return {placement.article_id: placement.role for placement in placements}


def test_sections_stand_in_the_configured_order_and_newest_first_within() -> None:
    """The desk decides what comes first, not the hour of a press release."""
    found = [
        article(1, "문화", age_minutes=1),
        article(2, "시정", age_minutes=90),
        article(3, "시정", age_minutes=5),
        article(4, "의회", age_minutes=9),
        article(5, "의회", age_minutes=70),
    ]
    placements = select.choose(slot(sections=("의회", "시정", "*")), [*found, article(6, "의회", picture=True)])
    assert shown(placements) == [6, 4, 5, 3, 2, 1]
    assert [placement.position for placement in placements] == [0, 1, 2, 3, 4, 5]


def test_star_stands_for_all_others_in_alphabetical_order_where_it_stands() -> None:
    """A section nobody configured must not be lost; articles without a section close the others."""
    found = [article(number, name) for number, name in enumerate(["", "복지", "교육", "문화", "시정"], start=1)]
    placements = select.choose(slot(sections=("시정", "*", "문화")), [*found, article(9, "시정", picture=True)])
    assert [each.section for each in placements] == ["시정", "시정", "교육", "복지", "", "문화"]


def test_without_star_other_sections_are_left_out_but_belong_to_the_edition() -> None:
    """They are counted in the mail and do not pile up for the next one."""
    placements = select.choose(slot(sections=("시정",)), [article(1), article(2, "문화"), article(3)])
    assert roles(placements) == {3: Role.LEAD, 1: Role.ARTICLE, 2: Role.LEFT_OUT}


def test_lead_is_the_newest_with_a_picture_of_the_first_section_that_has_one() -> None:
    """A lead without a picture looks broken when another section has a good one."""
    found = [
        article(1, "시정", age_minutes=1),
        article(2, "의회", age_minutes=30, picture=True),
        article(3, "의회", age_minutes=20, picture=True),
        article(4, "문화", age_minutes=2, picture=True),
    ]
    assert select.choose(slot(sections=("시정", "의회", "*")), found)[0].article_id == 3


def test_lead_without_any_picture_is_the_newest_article() -> None:
    """Text-only papers have a lead too."""
    found = [article(1, "시정", age_minutes=30), article(2, "문화", age_minutes=1)]
    assert select.choose(slot(sections=("시정", "*")), found)[0].article_id == 2


def test_picture_of_a_source_that_allows_only_links_makes_no_lead() -> None:
    """That picture may not be mailed, so it must not decide."""
    found = [article(1, picture=True, rights=Rights.LINK_ONLY, age_minutes=1), article(2, picture=True, age_minutes=9)]
    assert select.choose(slot(), found)[0].article_id == 2


def test_date_in_the_future_does_not_hoard_the_top() -> None:
    """A typing mistake in the year would otherwise lead the section for a year."""
    found = [article(1, age_minutes=-60 * 24 * 365), article(2, age_minutes=-1), article(3, age_minutes=10)]
    assert shown(select.choose(slot(), found)) == [2, 1, 3]


def test_missing_date_orders_by_first_seen_time_and_then_by_the_order_of_the_source() -> None:
    """Feeds without dates list the newest first, and it is stored last."""
    found = [article(2), article(3), article(4, age_minutes=5)]
    assert shown(select.choose(slot(), found)) == [3, 2, 4]


def test_beyond_the_cap_of_a_section_articles_are_headlines() -> None:
    """A busy council day must not make a mail nobody scrolls through."""
    placements = select.choose(slot(per_section=2), [article(number, age_minutes=number) for number in range(1, 6)])
    assert [each.role for each in placements] == [
        Role.LEAD,
        Role.ARTICLE,
        Role.ARTICLE,
        Role.HEADLINE,
        Role.HEADLINE,
    ]


def test_limit_leaves_out_headlines_before_articles_of_another_section() -> None:
    """A busy section does not push out a quiet one."""
    found = [article(number, "시정", age_minutes=number) for number in range(1, 8)] + [
        article(9, "문화", age_minutes=9)
    ]
    placements = select.choose(slot(sections=("시정", "*"), per_section=2, limit=5), found)
    assert roles(placements) == {
        1: Role.LEAD,
        2: Role.ARTICLE,
        3: Role.ARTICLE,
        4: Role.HEADLINE,
        9: Role.ARTICLE,
        5: Role.LEFT_OUT,
        6: Role.LEFT_OUT,
        7: Role.LEFT_OUT,
    }
    assert shown(placements) == [1, 2, 3, 4, 9]


@pytest.mark.parametrize(("minimum", "count"), [(3, 3), (4, 0)])
def test_minimum_counts_the_articles_shown(minimum: int, count: int) -> None:
    """Two shown and ten left out are not a full edition."""
    found = [*(article(number) for number in range(1, 4)), article(9, "문화")]
    assert len(shown(select.choose(slot(sections=("시정",), minimum=minimum), found))) == count


def test_limit_of_one_shows_the_lead_alone() -> None:
    """The smallest setting still makes an edition."""
    placements = select.choose(slot(limit=1), [article(1, age_minutes=1), article(2, age_minutes=2)])
    assert roles(placements) == {1: Role.LEAD, 2: Role.LEFT_OUT}


def test_no_articles_make_no_edition() -> None:
    """Nothing new, no mail."""
    assert select.choose(slot(), []) == ()
    assert select.choose(slot(sections=("시정",)), [article(1, "문화")]) == ()


def placed(*found: Article) -> list[PlacedArticle]:
    by_id = {each.id: each for each in found}
    return [PlacedArticle(each, by_id[each.article_id]) for each in select.choose(slot(limit=3), found)]


def test_variant_keeps_its_sections_and_leaves_out_what_readers_had() -> None:
    """Each reader gets what they asked for, and nothing a second time."""
    all_of_it = placed(article(1, "시정"), article(2, "의회"), article(3, "시정"))
    variant = Variant("ko", Format.HTML, sections=("시정",), had=(7,))
    kept = select.for_variant(all_of_it, variant, {7: frozenset({3}), 8: frozenset({1})})
    assert [each.article.id for each in kept] == [1]


def test_variant_with_only_left_out_articles_is_empty() -> None:
    """A mail that says only how much it does not show is not sent."""
    all_of_it = placed(*(article(number, age_minutes=number) for number in range(1, 6)))
    variant = Variant("ko", Format.HTML, had=(7,))
    assert select.for_variant(all_of_it, variant, {7: frozenset({1, 2, 3})}) == []
