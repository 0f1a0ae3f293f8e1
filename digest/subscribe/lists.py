"""Lists of readers as other services export them: bytes in, lines with an address out. Pure.

In: CSV in UTF-8 (with or without a BOM) or CP949, as Excel in Korea saves it, or UTF-16 with a BOM; comma, semicolon or
tab. Columns are found by their heads, in Korean or English, as Stibee, Mailchimp and listmonk name them; other columns
(names, telephone numbers) are not read any further: we do not keep what we do not need (개인정보 보호법 제16조). A file
without heads whose first line holds an address is a plain list. Who the list itself says is not subscribed is refused
by the words of its state, or by the day on which they left; an unknown word counts as such. Out too: cells for our own
files, which no spreadsheet takes for a formula.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from digest.errors import FixSetupError

_ENCODINGS = ("utf-8-sig", "cp949")
_DELIMITERS = ",;\t"
_HEADS_SHOWN = 8
# fmt: off
_ADDRESS = frozenset((
    "이메일", "이메일주소", "메일", "메일주소", "구독자이메일", "전자우편", "전자우편주소", "email", "emailaddress",
    "mail", "mailaddress", "subscriberemail",
))
_ADDRESS_OR_STREET = frozenset(("address", "주소"))  # Mailchimp calls so where somebody lives
_STATE = frozenset((
    "상태", "구독상태", "수신상태", "구독여부", "수신여부", "status", "state", "subscriptionstatus",
    "subscriberstatus",
))
_SINCE = frozenset((
    "구독일", "구독일시", "구독일자", "구독시작일", "가입일", "가입일시", "등록일", "등록일시", "동의일", "동의일시",
    "optintime", "confirmtime", "createdat", "subscribedat", "dateadded", "subscribedate", "joined",
))
_ENDED = frozenset((  # filled in where somebody left or bounced; such lists have no column of states (Mailchimp)
    "unsubtime", "cleantime", "unsubscribedat", "수신거부일", "수신거부일시", "구독취소일", "구독해지일",
    "해지일", "탈퇴일",
))
_ADVERT = frozenset((
    "광고성정보수신동의", "광고성정보수신동의여부", "광고수신동의", "광고수신동의여부", "마케팅수신동의",
    "마케팅수신동의여부", "advertconsent", "marketingconsent", "marketing",
))
_SUBSCRIBED = frozenset((
    "구독", "구독중", "구독함", "활성", "정상", "수신", "수신중", "수신동의", "동의", "subscribed", "active",
    "enabled", "confirmed", "yes", "y", "o", "true", "1",
)) | {""}
# fmt: on
_YES = frozenset(("동의", "수신동의", "예", "네", "yes", "y", "o", "true", "1", "agreed"))
_PUNCTUATION = re.compile(r"[\s_\-()\[\].*:]+")
_DAY = re.compile(r"(\d{4})\s*[-./년]\s*(\d{1,2})\s*[-./월]\s*(\d{1,2})")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a list. `number` counts from 1 as an editor does; `refused` says why the list itself rules it out.

    `since` is the day that the list gives for the consent (00:00 UTC), None if it gives none. `advert`: it says that
    advertising was agreed to as well.
    """

    number: int
    address: str
    since: datetime | None = None
    advert: bool = False
    refused: str = ""


@dataclass(frozen=True, slots=True)
class _Columns:
    address: int
    state: int | None = None
    since: tuple[int, ...] = ()
    ended: tuple[int, ...] = ()
    advert: int | None = None


def read_list(content: bytes) -> list[Line]:
    """Return the lines of a list; empty ones are left out.

    Raises `FixSetupError` for bytes in another encoding, or a list without a column of addresses or without a line.
    """
    try:
        lines = list(_lines(_reader(content)))
    except csv.Error as error:
        raise FixSetupError(f"The list is no CSV: {error}.") from error
    if not lines:
        raise FixSetupError("The list is empty, or has no line below its heads. Export it once more, and try again.")
    return lines


def tell_columns(content: bytes) -> str:
    """Say which heads of a list are read as what, and which are left alone; empty for a list without heads.

    For the operator to see before anything is taken over: other services name their columns as they like. The list
    must be one that `read_list` has read.
    """
    heads = next((cells for cells in _reader(content) if any(cell.strip() for cell in cells)), [])
    columns = _columns(heads)
    if columns is None:
        return ""
    taken = {
        "address": (columns.address,),
        "state": () if columns.state is None else (columns.state,),
        "day of consent": columns.since,
        "left on": columns.ended,
        "advertising": () if columns.advert is None else (columns.advert,),
    }
    told = [f"{what}: {_named(heads, places)}" for what, places in taken.items() if places]
    read = {index for places in taken.values() for index in places}
    others = [index for index in range(len(heads)) if index not in read and heads[index].strip()]
    return "; ".join([*told, *([f"not read: {_named(heads, others)}"] if others else [])])


def _reader(content: bytes) -> Iterator[list[str]]:
    text = _text(content)
    first = next((line for line in text.splitlines() if line.strip()), "")
    return csv.reader(io.StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=first.count))


def _named(heads: list[str], places: Sequence[int]) -> str:
    shown = ", ".join(heads[index].strip()[:40] for index in places[:_HEADS_SHOWN])
    return f"{shown} …" if len(places) > _HEADS_SHOWN else shown


def safe_cell(text: str) -> str:
    """Return `text` so that a spreadsheet shows it and does not calculate it; `read_list` takes the mark off again."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _lines(reader: Iterator[list[str]]) -> Iterator[Line]:
    columns: _Columns | None = None
    number = 0
    for cells in reader:
        number = getattr(reader, "line_num", number + 1)
        if not any(cell.strip() for cell in cells):
            continue
        if columns is None:
            columns = _columns(cells)
            if columns is not None:
                continue
            columns = _Columns(_first_address(cells))
        yield _line(number, cells, columns)


def _line(number: int, cells: list[str], columns: _Columns) -> Line:
    address = _cell(cells, columns.address)
    if address[:1] == "'" and address[1:].startswith(_FORMULA):
        address = address[1:]
    state = _cell(cells, columns.state)
    refused = "" if _plain(state) in _SUBSCRIBED else f"the list says: {state[:40]}"
    ended = next((cell for cell in (_cell(cells, index) for index in columns.ended) if cell), "")
    if ended:
        refused = f"the list says: ended {ended[:40]}"
    if not address:
        refused = "there is no address on this line"
    is_advert = _plain(_cell(cells, columns.advert)) in _YES if columns.advert is not None else False
    days = (_since(_cell(cells, index)) for index in columns.since)
    return Line(number, address, next((day for day in days if day), None), is_advert, refused)


def _text(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    for encoding in _ENCODINGS:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise FixSetupError("The list is neither UTF-8 nor CP949. Save it as CSV UTF-8, and try again.")


def _columns(heads: list[str]) -> _Columns | None:
    """Return where the columns stand; None if the first line holds no head that we know."""
    plain = [_plain(head) for head in heads]

    def places(names: frozenset[str]) -> tuple[int, ...]:
        return tuple(index for index, head in enumerate(plain) if head in names)

    def place(names: frozenset[str]) -> int | None:
        return next(iter(places(names)), None)

    address = next(iter(places(_ADDRESS) or places(_ADDRESS_OR_STREET)), None)
    if address is None:
        return None
    return _Columns(address, place(_STATE), places(_SINCE), places(_ENDED), place(_ADVERT))


def _first_address(cells: list[str]) -> int:
    found = next((index for index, cell in enumerate(cells) if "@" in cell), None)
    if found is None:
        shown = ", ".join(cell.strip()[:20] for cell in cells[:8])
        raise FixSetupError(f"No column of addresses was found. Name it 이메일 or email. The heads are: {shown}")
    return found


def _cell(cells: list[str], index: int | None) -> str:
    return cells[index].strip() if index is not None and index < len(cells) else ""


def _plain(text: str) -> str:
    return _PUNCTUATION.sub("", text).casefold()


def _since(text: str) -> datetime | None:
    found = _DAY.search(text)
    if found is None:
        return None
    try:
        return datetime.combine(date(int(found[1]), int(found[2]), int(found[3])), time(), UTC)
    except ValueError:
        return None
