"""When an article was registered and changed, as its page says.

Machines' dates come first (JSON-LD, `meta`, `time`); printed ones (기사등록, 입력, 승인; 기사수정, 수정) fill in, and
they set two common mistakes right: a machines' date that is only a day, and one that says UTC but is the hour on the
wall of the newspaper. A change before the registration, or at the same moment, is none. Pure.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from selectolax.lexbor import LexborHTMLParser

from digest.collect.dates import read_date
from digest.collect.pages.metadata import Metadata
from digest.collect.pages.tree import attribute

_PRINTED = r"(\d{4}\s?[-./년]\s?\d{1,2}\s?[-./월]\s?\d{1,2}\s?[일.]?\s?(?:\([월화수목금토일]\)\s?)?\[?(?:(?:오전|오후)?\s?(?:\d{1,2}:\d{2}(?::\d{2})?(?:\s?[AP]M\b)?|\d{1,2}시(?:\s?\d{1,2}분)?))?)"  # noqa: E501
_LABEL_GAP = r"(?:일시?|시간|날짜|시각)?\s{0,3}[:：|]?\s{0,3}"
_REGISTERED = re.compile(
    rf"(?:기사\s?등록|기사\s?입력|최초\s?입력|등록|입력|승인|작성|발행|게재|송고){_LABEL_GAP}{_PRINTED}"
)
_MODIFIED = re.compile(
    rf"(?:기사\s?수정|최종\s?수정|마지막\s?수정|수정|업데이트|최종\s?업데이트){_LABEL_GAP}{_PRINTED}"
)
_ENGLISH = r"(?:on|at|date)?\s{0,3}[:：|]?\s{0,3}((?:[A-Z][a-z]{2},?\s)?[A-Z][a-z]{2,8}\.?\s\d{1,2},?\s\d{4}(?:\s?(?:-|,|at|\|)?\s?\d{1,2}:\d{2}(?::\d{2})?(?:\s?[AaPp]\.?[Mm])?)?)"  # noqa: E501
_PUBLISHED = re.compile(rf"(?:Published|Posted|Registered|Input)\s?{_ENGLISH}")
_UPDATED = re.compile(rf"(?:Updated|Modified|Last\s(?:updated|modified))\s?{_ENGLISH}")
_FOR_MACHINES = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:")
_SHORT_YEAR = re.compile(r"(?<!\d)(\d{2})-(\d{2})-(\d{2}) (\d{1,2}:\d{2})(?!\d)")  # boards print 24-08-08 13:00
# When the paper itself was registered, which stands below every page.
_MASTHEAD = re.compile(r"등록\s?번호|발행|편집인|제호|사업자|청소년|[가-힣]{1,3},?\s?(?:아|다|라)\s?\d{4,5}")
_AROUND = 60  # letters
_MARKED = (("data-date-time", "data-modify-date-time"), ("data-published", "data-modified"))
_PUBLISHED_NAMES = (
    "article:published_time", "datepublished", "og:article:published_time", "article.published", "pubdate",
    "publishdate", "publish_date", "article.created", "dc.date.issued", "dc.date", "date", "sailthru.date",
    "parsely-pub-date", "cxenseparse:recs:publishtime", "cxenseparse:exa-pubtime", "regdate",
)  # fmt: skip
_MODIFIED_NAMES = (
    "article:modified_time",
    "datemodified",
    "og:updated_time",
    "lastmod",
    "last-modified",
    "article.updated",
)


@dataclass(frozen=True, slots=True)
class Times:
    """Both moments in UTC, the ways they were found, and what was doubtful."""

    registered_at: datetime | None = None
    registered_by: str = ""
    modified_at: datetime | None = None
    modified_by: str = ""
    doubts: tuple[str, ...] = ()


def read_times(  # noqa: PLR0917  # each is a text of its own
    tree: LexborHTMLParser,
    metadata: Metadata,
    printed: str,
    zone: ZoneInfo,
    chosen: tuple[str, str],
    way: str,
    unlabelled: str = "",
) -> Times:
    """`printed` is the page's text, `chosen` the texts the selectors found (registered, modified) by `way`.

    `unlabelled` is a moment that stands under the headline; it counts where nothing else is said.
    """
    doubts: list[str] = []
    offered = [
        (_found(chosen[0]), way),
        (metadata.linked("datePublished"), "json-ld"),
        (metadata.first(*_PUBLISHED_NAMES), "meta"),
    ]
    registered, by = _first(offered, zone, doubts)
    shown = _printed(_REGISTERED, printed, zone) or _printed(_PUBLISHED, printed, zone)
    if shown is not None and (
        registered is None or (by not in (way, "selector") and _is_better(shown, registered, zone))
    ):
        registered, by = shown, "text"
    if registered is None and (node := tree.css_first("time[datetime]")) is not None:
        registered, by = _first([(attribute(node, "datetime"), "text")], zone, doubts)
    if registered is None:
        registered, by = _first([(_marked(tree, 0), "text"), (unlabelled, "text")], zone, doubts)
    changed, changed_by = _first(
        [(_found(chosen[1]), way), (metadata.linked("dateModified"), "json-ld"), (metadata.first(*_MODIFIED_NAMES), "meta"), (_marked(tree, 1), "text")],  # noqa: E501
        zone, doubts,
    )  # fmt: skip
    shown = _printed(_MODIFIED, printed, zone) or _printed(_UPDATED, printed, zone)
    if shown is not None and (changed is None or _is_better(shown, changed, zone)):
        changed, changed_by = shown, "text"
    if changed is not None and (registered is None or changed <= registered):
        changed, changed_by = None, ""
    return Times(registered, by if registered else "", changed, changed_by, tuple(doubts))


def _marked(tree: LexborHTMLParser, which: int) -> str:
    """The moment that stands in an attribute made for it."""
    for names in _MARKED:
        if (node := tree.css_first(f"[{names[which]}]")) is not None:
            return attribute(node, names[which])
    return ""


def _found(text: str) -> str:
    if _FOR_MACHINES.match(text):
        return text
    text = _SHORT_YEAR.sub(r"20\1-\2-\3 \4", text)
    match = re.search(_PRINTED, text)
    return _plain(match[1]) if match else text


def _plain(moment: str) -> str:
    return moment.replace("[", " ").strip()  # 2024/08/08 [13:00]


def _first(offered: list[tuple[str, str]], zone: ZoneInfo, doubts: list[str]) -> tuple[datetime | None, str]:
    for text, way in offered:
        read = read_date(text, zone) if text else None
        if read is not None and read.at is not None:
            if read.doubt and not read.doubt.startswith("date without a zone"):
                doubts.append(read.doubt)
            return read.at, way
    return None, ""


def _printed(form: re.Pattern[str], text: str, zone: ZoneInfo) -> datetime | None:
    for match in form.finditer(text):
        around = text[max(0, match.start() - _AROUND) : match.start()], text[match.end() : match.end() + _AROUND]
        if ":" in match[1] or "시" in match[1] or not any(map(_MASTHEAD.search, around)):
            return read_date(_plain(match[1]), zone).at
    return None


def _is_better(shown: datetime, named: datetime, zone: ZoneInfo) -> bool:
    """Whether the printed moment says more than the named one: it has a time, or the named one has the wrong zone."""
    local, wall = shown.astimezone(zone), named.astimezone(UTC)
    if local.replace(tzinfo=None, second=0, microsecond=0) == wall.replace(tzinfo=None, second=0, microsecond=0):
        return shown != named
    at_home = named.astimezone(zone)
    is_day_only = any((at.hour, at.minute, at.second) == (0, 0, 0) for at in (wall, at_home))
    return is_day_only and at_home.date() == local.date() and (local.hour, local.minute) != (0, 0)
