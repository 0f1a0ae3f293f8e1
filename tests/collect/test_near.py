"""Near-duplicates: what is one story, what only looks like one, and how often we are right."""

from itertools import combinations

import pytest

from benchmarks.near import all_against_all, articles_of, measure
from digest.collect.near import compare, resemblance, signature
from tests.collect import near_pairs
from tests.conftest import SAMPLES

BODY = (
    "가온시는 오는 5일부터 사흘간 가온천 둔치에서 '제12회 가온 벚꽃축제'를 연다고 밝혔다.",
    "올해 축제는 거리공연과 플리마켓, 가족 사진관 등 40여 개 프로그램으로 꾸며진다.",
    "시는 축제 기간 둔치 주차장을 통제하고 시청에서 행사장까지 셔틀버스를 운행한다.",
)
TITLE = "가온시, 제12회 벚꽃축제 5일 개막"


@pytest.mark.parametrize("held_out", [True, False])
def test_pairs_are_told_apart_well_enough(held_out: bool) -> None:
    """A wrong join hides an article from every reader, a missed one prints a story twice: precision comes first."""
    found = measure([pair for pair in near_pairs.load() if pair.held_out is held_out])
    assert found["precision"] >= 0.98
    assert found["recall"] >= 0.85


def test_there_are_enough_hard_pairs() -> None:
    """Figures from a handful of easy pairs would say nothing."""
    found = measure(near_pairs.load())
    assert found["pairs"] >= 240
    assert found["hard_negatives"] >= found["pairs"] / 2


def test_articles_of_real_papers_are_hardly_ever_joined() -> None:
    """Nearly all of what papers print is a story of its own; every join here was looked at by eye."""
    folder = SAMPLES / "feeds" / "real" / "ko-newspapers"
    if not folder.is_dir():
        pytest.skip("the folder of real samples is not on this machine")
    texts = articles_of(folder)
    for only_titles in (False, True):
        _, joined = all_against_all(texts, only_titles=only_titles)
        assert len(texts) > 250
        assert len(joined) <= 5, joined


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("가온", "나루", "another town: 가온 / 나루"),
        ("제12회", "제13회", "another number of a series: 회 12 / 회 13"),
        ("5일", "6일", "another day: 5 / 6"),
    ],
)
def test_one_word_makes_another_story(old: str, new: str, said: str) -> None:
    """Press offices fill the same form for the next town, year and day."""
    body = [paragraph.replace(old, new) for paragraph in BODY]
    likeness = compare(signature(TITLE, BODY), signature(TITLE.replace(old, new), body))
    assert not likeness.is_same
    assert said in likeness.reason


def test_what_papers_put_around_a_release_does_not_count() -> None:
    """Labels, bylines, credits, the order of paragraphs, and Hangul as some systems decompose it."""
    wrapped = [
        "[가온=뉴스나루] 박하늘 기자 = " + BODY[0],
        BODY[2],
        BODY[1],
        "사진=가온시 제공",
        "박하늘 기자 sky@naru.example",
    ]
    likeness = compare(signature(TITLE, BODY), signature(f"[포토] {TITLE}", wrapped))
    assert likeness.is_same
    assert likeness.score > 0.98


def test_the_day_of_the_announcement_is_no_difference() -> None:
    """The same release is "5일 밝혔다" in the evening paper and "6일 전했다" in the next morning's."""
    one, other = (
        signature("소각장 증설 설명회 연다", [f"시는 설명회를 연다고 {said}. " + BODY[1]])
        for said in ("5일 밝혔다", "6일 전했다")
    )
    assert compare(one, other).is_same


def test_an_excerpt_is_found_in_the_whole_article() -> None:
    """Feeds give 200 letters, the page gives everything."""
    whole = signature(
        "벚꽃축제 셔틀버스도 달린다", [*BODY, *(f"{number}번째 행사는 시민이 꾸민다." for number in range(60))]
    )
    assert compare(whole, signature(TITLE, (), BODY[0] + BODY[1])).is_same


def test_titles_alone_must_agree_nearly_wholly() -> None:
    """오늘의 운세 is another article every day, and half a headline proves nothing."""
    assert not compare(signature("오늘의 운세", ()), signature("오늘의 운세", ())).is_same
    assert not compare(signature(TITLE, ()), signature("가온시, 제12회 벚꽃축제 자원봉사자 찾는다", ())).is_same
    assert compare(signature(TITLE, ()), signature("가온시 제12회 벚꽃축제 5일 개막", BODY)).is_same


def test_set_phrases_under_titles_with_nothing_in_common_are_two_stories() -> None:
    """A paper that closes each article with the same lines would be left with one article in its edition."""
    closing = "이번 일은 주민 여럿이 함께 준비했으며 다음 달에도 이어진다고 한다. " * 6
    one = signature("강변 산책로 봄까지 새로 놓는다", (f"강변 산책로를 새로 놓는다고 밝혔다. {closing}",))
    other = signature("도서관 열람실 밤 10시까지 연장", (f"도서관 열람실을 더 연다고 밝혔다. {closing}",))
    likeness = compare(one, other)
    assert not likeness.is_same
    assert "nothing in common" in likeness.reason


@pytest.mark.parametrize(
    ("other_title", "other_site", "is_same"),
    [
        ("가온시 도서관 열람실 밤 10시까지 연장", "gaon.example", False),
        ("가온시 제12회 벚꽃축제 개막", "gaon.example", True),
        ("가온시 도서관 열람실 밤 10시까지 연장", "naru.example", True),
    ],
)
def test_a_text_that_a_site_gives_for_other_articles_is_no_story(
    other_title: str, other_site: str, is_same: bool
) -> None:
    """A page that cannot be read well gives one text for all articles, of which an edition would show a single one."""
    one = signature(TITLE, BODY, site="gaon.example")
    assert compare(one, signature(other_title, BODY, site=other_site)).is_same is is_same


def test_the_estimate_is_near_the_true_share() -> None:
    """MinHash is an estimate; the marks were set on it, so it must not drift."""
    texts = [" ".join(BODY[at] for at in order) for order in ((0, 1), (1, 2), (0, 2), (0, 1, 2))]
    for one, other in combinations(texts, 2):
        letters = ["".join(sign for sign in text if sign.isalnum()) for text in (one, other)]
        mine, theirs = ({text[at : at + 3] for at in range(len(text) - 2)} for text in letters)
        true = len(mine & theirs) / len(mine | theirs)
        assert resemblance(signature("", [one]).minhash, signature("", [other]).minhash) == pytest.approx(
            true, abs=0.15
        )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("한결건설(대표 표주원)", "다온전자(대표 함지율)", "another person"),
        ("한결건설(대표 표주원)", "다온전자(대표 표주원)", "another house"),
        ("‘통학버스 지원법’", "‘작은도서관 지원법’", "another named matter"),
    ],
)
def test_who_acts_and_what_is_named_make_another_story(old: str, new: str, said: str) -> None:
    """The same form is filled for the next donor and the next bill of the same member."""
    body = (
        f"{old} 관계자가 어려운 이웃을 위해 써달라며 성금 500만원을 내놓고 제도를 알리는 자리를 마련했다.",
        "성금은 사회복지공동모금회를 통해 저소득 가구의 난방비로 쓰일 예정이다.",
    )
    one = signature("이웃돕기 성금 500만원 기탁", body)
    changed = signature("이웃돕기 성금 500만원 기탁", [paragraph.replace(old, new) for paragraph in body])
    likeness = compare(one, changed)
    assert not likeness.is_same
    assert said in likeness.reason


def test_a_release_that_was_written_anew_is_known_by_its_figures() -> None:
    """Sentences change, 412 flats and 23억 원 do not."""
    pair = next(
        pair
        for pair in near_pairs.load()
        if (pair.one.name, pair.other.name)
        == tuple(f"a release with its headline and lead written anew: {key}" for key in ("a1", "a2"))
    )
    likeness = compare(pair.one.signature(), pair.other.signature())
    assert likeness.is_same
    assert "the same figures" in likeness.reason
