"""Tell whether two articles are one story: a press release that several papers or sections print.

In: titles and bodies as they were read. Out: a `Signature`, small enough to be kept and compared with thousands, and
for two of them a `Likeness` with its score and the reason in words. Three things are compared: the body by MinHash over
its character 3-grams (Broder 1997; needs no word splitting, which Korean makes hard), its beginning letter by letter
(feeds give no more than that), and the title by its bigrams. Whatever the score, texts that contradict each other
in a town, a day or the number of a series (`near_facts`) are two stories. Titles alone must agree nearly wholly. That a
site gives one text under two headlines proves nothing: a page that cannot be read well gives the same for all articles.

The bands of a signature are keys for an index: texts that are alike share at least one of them almost surely, others
rarely. What counts as alike was set on two thirds of our labelled pairs and measured on the rest: `python -m
benchmarks.near`. Pure.
"""

import hashlib
import re
import struct
import unicodedata
from collections.abc import Sequence

from digest.collect.near_facts import agree, contradiction, facts_of
from digest.models.stories import Likeness, Signature

LIKE = 0.48
"""From this score on two texts are one story."""
SAME_FIGURES = 0.17
"""What is added where a paper wrote a release anew and kept its figures."""
LIKE_TITLES = 0.8
"""The same where one has no text but its title."""
LEAD_LETTERS = 180
_LEAST_TEXT = 60  # letters; less is no text to go by
_LEAST_TITLE = 10
_STRANGE_TITLES, _SAME_BODY = 0.1, 0.9  # under such titles a paper's set phrases are alike, unless it is all the same
_OWN_TITLES = 0.4  # under titles less alike a site's very same text is its own; of one paper's, 3 in 1,000 are so alike
_ROWS, _BODY_BANDS, _LEAD_BANDS, _TITLE_BANDS = 3, 32, 20, 12
_PERMUTATIONS = _ROWS * _BODY_BANDS
_BODY, _TITLE = 0.65, 0.35

_LABEL = re.compile(
    r"[\[【<〈(]\s*(?:포토|사진|단독|종합|속보|영상|화보|포토뉴스|카드뉴스|그래픽|[0-9]보|종합\s?\d?보?|게시판|보도자료|수정|업데이트"
    r"|지역소식|우리동네|동정|행정|사회|정치|교육|문화)\s*[\]】>〉)]|^\s*속보\s*[:=]|^\s*단독\s*[:=]"
)
_DATELINE = re.compile(
    r"^\s*[\[(【][^\])】]{1,30}[=|/ㅣ][^\])】]{0,30}[\])】](?:\s*[가-힣]{2,4}\s*(?:기자|특파원))?\s*=?\s*"
)
_BYLINE = re.compile(r"[가-힣]{2,4}\s?(?:인턴|객원|시민|선임)?\s?기자\s*[=(<]?\s*[\w.+-]*@?[\w.-]*[)>]?")
_CREDIT = re.compile(
    r"[\[(<〈]?\s*사진\s*(?:제공)?\s*[=:ㅣ|/·]\s*[^\s\])>〉]+(?:\s?제공)?\s*[\])>〉]?|[\[(〈<][^\])〉>]{1,20}\s?제공[\])〉>]"
)
_FOOT = re.compile(r"(?:저작권자|ⓒ|Copyright)[^.]{0,80}(?:금지|reserved)?", re.IGNORECASE)
_LETTERS = re.compile(r"[^0-9a-z가-힣一-鿿]+")


def signature(title: str, body: Sequence[str], excerpt: str = "", site: str = "") -> Signature:
    """Return what `compare` needs of an article; `excerpt` stands in for a missing body, `site` is where it stands."""
    head = _LABEL.sub(" ", unicodedata.normalize("NFC", title))
    text = _plain_text(" ".join(body) or excerpt)
    letters = _letters(text)
    shingles = _shingles(letters, 3)
    lead = letters[:LEAD_LETTERS]
    minhash = _minhash(shingles, _PERMUTATIONS)
    return Signature(
        title=_letters(head),
        lead=lead,
        minhash=struct.pack(f">{len(minhash)}I", *minhash),
        shingles=len(shingles),
        facts=facts_of(head, text[: LEAD_LETTERS * 3 // 2], text),
        bands=_bands(minhash, _shingles(lead, 3), _shingles(_letters(head), 2)),
        site=site,
    )


def compare(one: Signature, other: Signature) -> Likeness:
    """Say how alike two texts are (0 to 1), whether they are one story, and why."""
    title = _dice(_shingles(one.title, 2), _shingles(other.title, 2))
    body = _body_likeness(one, other)
    if body is None:
        score, needed = title, LIKE_TITLES
        reason = f"title {title:.2f}, no text to compare"
        if min(len(one.title), len(other.title)) < _LEAST_TITLE:
            return Likeness(score, False, f"{reason}, title too short")
    else:
        score, needed = _BODY * body + _TITLE * title, LIKE
        reason = f"body {body:.2f}, title {title:.2f}"
    if body is not None and needed - SAME_FIGURES <= score < needed and agree(one.facts, other.facts):
        score, reason = score + SAME_FIGURES, f"{reason}, the same figures"
    if score < needed:
        return Likeness(score, False, reason)
    if body is not None and title < _STRANGE_TITLES and body < _SAME_BODY:
        return Likeness(score, False, f"{reason}, titles that have nothing in common")
    if body is not None and title < _OWN_TITLES and body >= _SAME_BODY and one.site and one.site == other.site:
        return Likeness(score, False, f"{reason}, a text that its site gives under other headlines too")
    differs = contradiction(one.facts, other.facts)
    return Likeness(score, not differs, f"{reason}; {differs}" if differs else reason)


def _body_likeness(one: Signature, other: Signature) -> float | None:
    """Return how much of the shorter text is in the longer; None where one of them is hardly any text.

    Of an excerpt the share in a whole article cannot be estimated well: there the beginnings are compared.
    """
    if min(len(one.lead), len(other.lead)) < _LEAST_TEXT:
        return None
    mine, theirs = _shingles(one.lead, 3), _shingles(other.lead, 3)
    beginnings = len(mine & theirs) / min(len(mine), len(theirs))
    fewer, more = sorted((one.shingles, other.shingles))
    if more > 4 * fewer:
        return beginnings
    jaccard = resemblance(one.minhash, other.minhash)
    held = min(1.0, jaccard * (fewer + more) / ((1 + jaccard) * fewer))
    return max(held, beginnings)


def resemblance(one: bytes, other: bytes) -> float:
    """Return the estimated share of 3-grams that two texts have in common, of all that either has."""
    if not one or not other:
        return 0.0
    mine, theirs = (struct.unpack(f">{len(packed) // 4}I", packed) for packed in (one, other))
    agreeing = sum(1 for left, right in zip(mine, theirs, strict=True) if left == right)
    return agreeing / len(mine)


def _plain_text(text: str) -> str:
    """Return the text without what papers put around a release: where from, who wrote, whose picture."""
    text = _DATELINE.sub("", unicodedata.normalize("NFC", text))
    for noise in (_FOOT, _CREDIT, _BYLINE):
        text = noise.sub(" ", text)
    return text.strip()


def _letters(text: str) -> str:
    return _LETTERS.sub("", text.casefold())


def _shingles(letters: str, size: int) -> frozenset[str]:
    return frozenset(letters[at : at + size] for at in range(len(letters) - size + 1))


def _dice(one: frozenset[str], other: frozenset[str]) -> float:
    return 2 * len(one & other) / (len(one) + len(other)) if one and other else 0.0


def _minhash(shingles: frozenset[str], permutations: int) -> list[int]:
    """Return the smallest hash under each permutation; nothing for no text.

    A permutation is "exclusive or with a mask": the hashes are random bits, so that each 3-gram is as likely as any
    other to come first, and Python does it without a loop of its own (2 ms a text instead of 13).
    """
    if not shingles:
        return []
    hashes = [_hash(shingle) for shingle in shingles]
    return [min(map(mask.__xor__, hashes)) ^ mask for mask in _MASKS[:permutations]]


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")


_MASKS = [_hash(f"permutation {number}") for number in range(_PERMUTATIONS)]


def _bands(minhash: list[int], lead: frozenset[str], title: frozenset[str]) -> tuple[int, ...]:
    """Return the keys by which texts alike are found: of the body three hashes each, of lead and title two."""
    keys: list[int] = []
    for name, hashes, rows in (
        ("body", minhash, _ROWS),
        ("lead", _minhash(lead, _LEAD_BANDS * 2), 2),
        ("title", _minhash(title, _TITLE_BANDS * 2), 2),
    ):
        for start in range(0, len(hashes), rows):
            key = hashlib.blake2b(f"{name} {start} {hashes[start : start + rows]}".encode(), digest_size=8)
            keys.append(int.from_bytes(key.digest(), "big", signed=True))
    return tuple(keys)
