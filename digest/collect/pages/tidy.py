"""Which lines of an article's part of the page are the article: what papers put before, between and after it goes.

In: the lines of the part. Out: the paragraphs and the reporter's line. Rules are about what Korean papers print
everywhere (무단전재 notices, 제보 and 구독 appeals, 관련기사 headings, reporters' address lines) and hold for
papers never seen: each matches a whole line, or ends the article only in its second half. The headline repeated as
a heading goes too. Nothing within a sentence is changed. Pure.
"""

import re
from dataclasses import dataclass

from digest.collect.pages.blocks import Line, is_masthead

_ADDRESS = r"[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}\s?@\s?[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,4}"
ADDRESS = re.compile(_ADDRESS)
_ROLE = r"(?:[가-힣]{0,6}(?:기자|특파원|논설위원|위원|앵커|통신원|리포터|에디터|PD|피디)|[가-힣]{0,4}(?:편집장|팀장|부장|국장|인턴기자))"  # noqa: E501
_NAME = r"[가-힣]{2,4}(?:[·,ㆍ/ ]{1,2}[가-힣]{2,4}){0,3}"
BYLINE = re.compile(
    rf"(?:[\[(<【]?[^\]\[)(<>【】=]{{0,20}}[\])>】=]\s?)?[\[(<【]?(?:글|사진|취재|글·사진)?\s?[=:/]?\s?"
    rf"(?P<who>{_NAME}\s?{_ROLE})\s?[(/|<\[=]?\s?(?P<address>{_ADDRESS})?\s?[)>\]]?\.?"
)
# 대담·정리=홍길동 기자 사진=김하늘 기자
_WORK = r"(?:(?:대담|정리|글|취재|사진|영상|촬영|편집|그래픽|인터뷰|번역)(?:\s?[·ㆍ/,]\s?)?){1,3}"
_CREDIT = rf"{_WORK}\s?[=:]\s?{_NAME}(?:\s?{_ROLE})?"
_CREDITS = re.compile(rf"[\[(<]?{_CREDIT}(?:\s?[,/|·]?\s?{_CREDIT}){{0,3}}[\])>]?")
_NAMED_ADDRESS = re.compile(
    rf"[\[(<]?\s?(?P<who>[가-힣]{{2,4}})\s?[(/|<\[=]?\s?(?P<address>{_ADDRESS})\s?[)>\]]{{0,2}}"
)
_ADDRESS_LINE = re.compile(
    rf"(?:[^.。!?]{{0,40}}?[\s(/|<\[=])?[(<\[]?\s?(?P<address>{_ADDRESS})\s?[)>\]]?(?:\s?[/|,]\s?{_ADDRESS})?\.?"
)
_ENDS_IT = re.compile(
    r"[\[(<【■▶※☞◀#\s]*(?:관련\s?(?:기사|뉴스|글|태그)|(?:많이|가장 많이)\s?본\s?(?:뉴스|기사)?|(?:인기|추천|주요|최신|랭킹|오늘의|핫)\s?(?:기사|뉴스|클릭)|"  # noqa: E501
    r"이\s?(?:기사|시각|시간)\S{0,3}\s?(?:주요|인기|추천|관련)\s?(?:기사|뉴스)?|나도\s?한마디|(?:전체\s?)?댓글(?:\s?(?:쓰기|달기|\d+개?))?|"
    r"의견\s?(?:쓰기|달기)|기사\s?(?:공유|제보|추천)(?:하기)?|[^.]{0,15}(?:의\s)?다른\s?(?:기사|뉴스)(?:\s?(?:보기|더보기))?|"
    r"독자\s?의견|태그|키워드|저작권자?|copyrights?|related\s(?:articles?|stories|news|posts|topics)|read\smore(?:\sfrom)?[^.]{0,40}|"
    r"most\s(?:read|popular|viewed)|recommended|more\sfrom[^.]{0,40}|comments?|leave\sa\s(?:reply|comment)|share\sthis[^.]{0,20}|"
    r"あわせて読みたい|関連(?:記事|ニュース|リンク)|おすすめ(?:記事|の記事)?|【?あわせて読む】?|相关(?:新闻|阅读|报道)|相關(?:新聞|報導))"
    r"\s?(?:보기|더보기|목록)?\s?[\])>】:：▼↓]*",
    re.IGNORECASE,
)
_NOTICE = re.compile(
    r"무단\s?(?:전재|복제|배포|전제)|저작권자\s?[ⓒ©(:]|재배포\s?(?:및\s?\S{1,12}\s?)?금지|[ⓒ©]\s?[^.]{1,40}(?:금지|reserved|기자|뉴스|일보|신문)|"
    r"\(c\)\s?\S+|all\srights?\sreserved|copyright\s?[ⓒ©(]|AI\s?학습\s?(?:및\s?)?(?:이용|활용)|無断転載|禁無断|"
    r"다른\s곳에\s퍼가실\s때|고유\s?링크|이\s?기사(?:를|가)\s?(?:공유|마음에)|퍼가기|출처로\s사용",
    re.IGNORECASE,
)
CLOSED = re.compile(
    r"로그인\s?(?:후|하시면|하셔야|해야|하신|을\s?하|이\s?필요|해\s?주)(?!\s?에?\s?(?:의견|댓글|공감|글))|"
    r"(?:회원|구독자|독자)\s?(?:전용|만\s?(?:보|읽|이용|열람))|유료\s?(?:회원|구독자?|독자)\S{0,4}\s?(?:전용|만|되시|가입|기사)|"
    r"(?:log|sign)\s?in\sto\s(?:read|continue|view)|subscri(?:bers?\sonly|be\sto\s(?:read|continue))",
    re.IGNORECASE,
)
"""What a page says that keeps its articles for members."""
_APPEAL = re.compile(
    r"[▶☞※◎●■▷→⊙☎✉◆#\[(\s'‘]*(?:"
    r"[^.]{0,30}(?:제보(?:를|는|하기|가|합니다|\s?(?:기다|받|전화|메일|문의|이메일|[:：]))|채널\s?(?:추가|구독)|친구\s?(?:추가|맺기)|구독(?:하기|하세요|\s?신청|과)|앱\s?다운로드|"
    r"바로\s?가기|기사\s?(?:전체\s?)?(?:보기|더보기)|자세히\s?보기|뉴스레터|페이스북|인스타그램|유튜브|네이버에서|공식\s계정)"
    r"|(?:카카오톡|카톡|이메일|메일|전화|홈페이지|유튜브|네이버|사진\s?제공|문의)\s?[\])】]?\s?[:：=\]].{0,60}"
    r").{0,80}"
)
_LINK_ALONE = re.compile(r"https?://\S{1,500}")
_TAGS = re.compile(r"(?:#[^\s#]{1,30}[\s,]*)+")
_LABEL = re.compile(
    r"[-–—\[(<\s]*(?:광고|AD|ADVERTISEMENT|Advertisement|PR|스폰서)[-–—\])>\s]*|닫기|더보기|전체보기|이전|다음|공유|인쇄|스크랩|목록|위로|가|[가-힣]?가[+-]|[+\-|/·•※▶▲▼\d]{1,4}|글자\s?크기.{0,12}|"
    r"기사\s?(?:수정|삭제|등록|입력|원문).{0,25}|(?:등록|입력|수정|승인|작성|발행|송고|최종\s?수정|업데이트|게재|지면)(?:일시?|시간|날짜)?\s?[:：]?\s?\d{4}[^.다]{0,90}|(?:등록|입력|수정|승인|작성|발행|송고|최종\s?수정|업데이트|게재|지면)(?:일시?|시간|날짜)?\s?[:：]?\s?\d{4}.{0,30}|"
    r"\d+\s(?:mins?|minutes?|hours?|days?)\sago.{0,20}|조회\s?수?\s?[:：]?\s?[\d,]+.{0,20}|추천\s?[:：]?\s?\d*|\(?끝\)?|<\s?끝\s?>|Continue\s?Reading.{0,40}|Story\scontinues.{0,20}|"
    r"(?:article|story)\scontinues\sbelow.{0,20}|click\shere.{0,40}|\(?CNN\)?|read\smore[:：].{0,150}|also\sread[:：].{0,150}",
    re.IGNORECASE,
)
# In front of a link to another article, between the paragraphs.
_LEADS_ELSEWHERE = re.compile(
    r"[\[(<【▶☞※▷→\s]*(?:관련\s?(?:기사|뉴스|글)|함께\s?(?:읽|보)|이어\s?보기|read\s(?:more|also|next)|also\sread|see\salso|related|"
    r"lesen\ssie|mehr\s(?:zum\sthema|dazu)|auch\sinteressant|(?:à\s)?lire\s(?:aussi|également)|voir\saussi|"
    r"(?:lee|lea|leer)\s(?:también|más)|te\s(?:puede|puede\s)interesar|leggi\s(?:anche|tutto)|lei?a\s(?:também|mais)|"
    r"lees\s(?:ook|meer|verder)|läs\s(?:också|mer)|les\s(?:også|mer)|læs\sogså|czytaj\s(?:też|także|więcej)|xem\sthêm|đọc\sthêm|tin\sliên\squan|"
    r"相关(?:阅读|新闻|报道)|延伸阅读|推荐阅读|相關(?:新聞|報導)|延伸閱讀|関連記事|あわせて読|【関連】)",
    re.IGNORECASE,
)
# A sentence in the past tense: an article about copyright, not a notice.
_REPORTS = re.compile(r"[았었였했됐렸갔왔섰냈났졌봤켰혔쳤뒀겼폈셨](?:다|습니다|는데요)[.\s]")
_MEANT = re.compile(r"\w")
_MOST_OVER_HEADLINE = 60
_LATEST_START = 0.4
_LONGEST_HEADING = 25


@dataclass(frozen=True, slots=True)
class Tidied:
    """The article's paragraphs, who wrote it ("홍길동 기자") and their address, both empty where no line says it."""

    paragraphs: tuple[str, ...]
    byline: str = ""
    byline_address: str = ""


def tidy(lines: list[Line], title: str, subheads: tuple[str, ...] = ()) -> Tidied:
    """Return what of `lines` is the article."""
    repeated = {_bare(title), *map(_bare, subheads)} - {""}
    kept: list[str] = []
    seen: set[str] = set()  # pages hold the whole text twice, for the screen and for the printer
    byline, address = "", ""
    letters, all_letters = 0, sum(len(line.text) for line in lines)
    for number, line in enumerate(lines):
        text = line.text
        letters += len(text)
        if _ends_article(text, letters / all_letters, has_text=bool(kept)):
            break
        who, at = read_byline(text)
        if who or at:
            byline, address = byline or who, address or at
            if (who and at) or len(text) < 30:
                continue
        if number < 6 and (line.is_head or line.is_link) and _bare(text) in repeated:
            if line.is_head and sum(map(len, kept)) < _MOST_OVER_HEADLINE:
                kept.clear()  # a section, a mark
            continue
        if len(text) > 8 and text in seen:
            continue
        seen.add(text)
        if line.linked > 0.4 * len(text) and _LEADS_ELSEWHERE.match(text):
            continue
        if is_masthead(text):
            continue
        if not (line.is_link or _LABEL.fullmatch(text) or not _MEANT.search(text) or _heads_links(lines, number)):
            kept.append(text)
    return Tidied(tuple(_without_tail(kept)), byline, address)


def _heads_links(lines: list[Line], number: int) -> bool:
    """Whether a line is the short heading of a list of links, which is not the article's."""
    following = lines[number + 1 : number + 3]
    is_label = len(lines[number].text) < _LONGEST_HEADING and not lines[number].text.endswith((".", "다", "요", "”"))
    return is_label and len(following) == 2 and all(line.is_link for line in following)


def _ends_article(text: str, reached: float, *, has_text: bool) -> bool:
    if not has_text or reached < _LATEST_START:
        return False
    if len(text) < 60 and (_ENDS_IT.fullmatch(text) or (CLOSED.search(text) and not _REPORTS.search(text))):
        return True
    return len(text) < 300 and _is_only_notice(text)


def _without_tail(paragraphs: list[str]) -> list[str]:
    """Take off the appeals, tags, addresses and notices at the end, and notices at the beginning."""
    end = len(paragraphs)
    while end > 0 and _is_tail(paragraphs[end - 1]):
        end -= 1
    kept = paragraphs[:end]
    return [text for text in kept if not (len(text) < 200 and _is_only_notice(text))]


def _is_tail(text: str) -> bool:
    if len(text) > 160:
        return False
    return bool(
        _APPEAL.fullmatch(text) or _TAGS.fullmatch(text) or _is_only_notice(text) or _ADDRESS_LINE.fullmatch(text)
        or text.startswith(("▶", "☞", "▷")) or _LINK_ALONE.fullmatch(text) or _CREDITS.fullmatch(text)
    )  # fmt: skip


def _is_only_notice(text: str) -> bool:
    return bool(_NOTICE.search(text)) and not _REPORTS.search(text)


def read_byline(text: str) -> tuple[str, str]:
    """Return who and which address a reporter's line names; empty texts if the line is something else."""
    if len(text) > 100:
        return "", ""
    if match := BYLINE.fullmatch(text) or _NAMED_ADDRESS.fullmatch(text):
        return match["who"], (match["address"] or "").replace(" ", "")
    if len(text) < 60 and (match := _ADDRESS_LINE.fullmatch(text)) and not text.endswith("다."):
        return "", match["address"].replace(" ", "")
    return "", ""


def _bare(text: str) -> str:
    return re.sub(r"\W+", "", text)
