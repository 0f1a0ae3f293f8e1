"""Who wrote an article and when, where no name, label or machine says so: what stands right under the headline.

Old systems print "홍길동 기자 | 2024/08/08 13:00" in a cell of a table, portals a bare date, agencies the reporter
in front of the text: "(가온=가온뉴스) 홍길동 기자 = …". In: the lines of the page, or the paragraphs of its text. Only
the few lines between headline and text are believed, and only what is written as a reporter or as a full moment. Pure.
"""

import re

from digest.collect.pages.tidy import ADDRESS

_LINES, _LONGEST_LINE = 14, 120
_SENTENCE = re.compile(r".{38,}(?:다|요)\.[”\"’')\]]?")
_NO_LETTER = re.compile(r"\W+")
_NAME = r"(?<![가-힣])[가-힣]{2,4}(?<![부팀국실단본])"
_ROLE = r"(?:수습|선임|전문|인턴|객원|시민)?(?:기자|특파원|논설위원|앵커|통신원|리포터|에디터)"
_REPORTER = re.compile(
    rf"(?P<who>{_NAME}(?:[·,ㆍ]\s?{_NAME}){{0,3}}\s?{_ROLE})(?![가-힣])(?:[\s|/(<\[=]{{0,3}}(?P<address>{ADDRESS.pattern}))?"
)
_BEFORE_TEXT = re.compile(
    rf"^[\[(【<][^\])】>]{{1,30}}[\])】>]\s?(?P<who>{_NAME}(?:[·,ㆍ]\s?{_NAME}){{0,3}}\s?{_ROLE})\s?[=:]"
)
_BARE_BEFORE_TEXT = re.compile(rf"^(?P<who>{_NAME}\s?{_ROLE})\s?=")
_AFTER_TEXT = re.compile(
    rf"[.!?”\"]\s*[/(\[<=]?\s*(?P<who>{_NAME}\s?{_ROLE})\s*[)\]>]?\s*(?P<address>{ADDRESS.pattern})?\W*$"
)
_BY = re.compile(
    r"[Bb]y\s(?P<who>[A-Z][\w.'’-]*?(?:\s[A-Z][\w.'’-]*?){1,3})\s?(?:(?:Published|Posted|Updated|Registered|Input|[,|/·\d]).*)?"
)
_HOUR = r"(?:오전|오후)?\s?(?:\d{1,2}:\d{2}(?::\d{2})?|\d{1,2}시(?:\s?\d{1,2}분)?)"
_MOMENT = re.compile(
    r"(?<!\d)(?:\d{4}\s?[-./년]\s?\d{1,2}\s?[-./월]\s?\d{1,2}|\d{2}([-./])\d{2}\1\d{2}(?=\s))\s?[일.]?\s?"
    rf"(?:\[|\(?[월화수목금토일](?:요일)?\)?\s?,?\s?)?(?:[-–|,]\s?)?{_HOUR}"
)
_YEAR = re.compile(r"\d{4}")
_WRITTEN_BY = re.compile(rf"(?:글쓴이|작성자|기자명|취재|글)\s?[:：]\s?(?P<who>{_NAME}(?:\s?{_ROLE})?)(?![가-힣])")
_BETWEEN = re.compile(r"\[|(?<=\s)[-–|,](?=\s)|,(?=\s)")
_LABELS = re.compile(
    r"(?:기사|최초|최종|글)?\s?(?:등록|입력|승인|작성|발행|게재|송고|수정|업데이트)(?:일시?|시간|날짜|자)?|일시|날짜|글쓴이|이름|취재|조회\s?수?|댓글|추천|호수|지면|"
    r"(?<![A-Za-z])by(?![A-Za-z])|published|posted|updated|\d+|[월화수목금토일](?:요일)?(?![가-힣])",
    re.IGNORECASE,
)
_MOST_REST = 6
_NOBODY = ("webmaster@", "admin@", "master@", "news@", "desk@", "editor@")


def lines_under(lines: tuple[str, ...], title: str) -> tuple[str, ...]:
    """Return the short lines after the headline, as far as the text's first long one or whole sentence."""
    wanted = _bare(title)
    at = next((number for number, line in enumerate(lines) if _bare(line) == wanted), None) if wanted else None
    if at is None:
        return ()
    under = []
    for line in lines[at + 1 : at + 1 + _LINES]:
        if len(line) > _LONGEST_LINE or _SENTENCE.fullmatch(line):
            break
        under.append(line)
    return tuple(under)


def reporter(under: tuple[str, ...], paragraphs: tuple[str, ...]) -> tuple[str, str]:
    """Return who wrote it and their address; empty texts where it is not said."""
    for text in paragraphs[:2]:
        if match := _BEFORE_TEXT.match(text) or _BARE_BEFORE_TEXT.match(text):
            return match["who"], ""
    for text in under:
        if match := _REPORTER.search(text):
            return match["who"], own_address(match["address"] or "")
    for text in under:
        if match := _BY.fullmatch(text) or _WRITTEN_BY.search(text):
            return match["who"], ""
    if paragraphs and (match := _AFTER_TEXT.search(paragraphs[-1])):
        return match["who"], own_address(match["address"] or "")
    return "", ""


def address_of(who: str, under: tuple[str, ...]) -> str:
    """Return the address that stands beside a reporter's name under the headline, empty if there is none."""
    name = who.split(maxsplit=1)[0] if who else ""
    found = (ADDRESS.search(line) for line in under if name and name in line)
    return next((own_address(match[0]) for match in found if match), "")


def own_address(address: str) -> str:
    """Return an address without blanks; empty for one that is the paper's, not a person's."""
    bare = address.replace(" ", "")
    return "" if bare.lower().startswith(_NOBODY) else bare


def moment(under: tuple[str, ...]) -> str:
    """Return the first full moment that is printed under the headline, empty if there is none."""
    found = next((match[0] for line in under if (match := _MOMENT.search(line))), "")
    moment = _BETWEEN.sub(" ", found)  # between the day and the hour
    return moment if not moment or _YEAR.match(moment) else f"20{moment}"


def says_who_or_when(text: str) -> bool:
    """Whether a line names a reporter, an address or a full moment."""
    return any(form.search(text) is not None for form in (_MOMENT, _REPORTER, ADDRESS))


def is_only_that(text: str) -> bool:
    """Whether a line says when an article was registered, perhaps by whom, and nothing else."""
    if len(text) > _LONGEST_LINE or not _MOMENT.search(text):
        return False
    rest = _LABELS.sub("", ADDRESS.sub("", _REPORTER.sub("", _MOMENT.sub("", text))))
    return len(_bare(rest)) <= _MOST_REST


def _bare(text: str) -> str:
    return _NO_LETTER.sub("", text)
