"""What somebody wrote in an answer, without what they answer to and without what their mail program adds.

In: the text of a mail. Out: their own lines. The first line that begins a quote ends them: `>` and `|`, the headings
of Naver, Daum, Gmail, Outlook, Apple, Samsung and Thunderbird in Korean and English, also where they are broken over
two lines; so does a signature (`-- `), the line a telephone adds, and the words that end a command mail (끝,
감사합니다, QUIT). Who answers below the quote is read below it, if the quote is marked line by line. Pure.
"""

import re

from digest.inbound.mailtext import lines_of

_LINES, _LINE_LETTERS = 2000, 400  # what is looked at: patterns must not run over a hostile line
_QUOTED = re.compile(r"[>|\u2502\uff1e\uff5c]")
_WHO = r"(?:보낸\s*사람|보낸\s*이|발신(?:자|인)?|from|보낸사람)"
_ABOUT = (
    r"(?:받는\s*사람|받은\s*사람|수신(?:자|인)?|참조|보낸\s*(?:날짜|시간|일시)|날짜|일시|제목|to|cc|sent|date|subject)"
)
_FIELD = re.compile(rf"[*\s]*{_ABOUT}\s*[:：]", re.IGNORECASE)
_SENDER_FIELD = re.compile(rf"[*\s]*{_WHO}\s*[:：]", re.IGNORECASE)
_RULED = re.compile(r"[-_=*─━]{2,}\s*\[?\s*([^-_=*─━\]]{2,40}?)\s*\]?\s*[-_=*─━]{2,}[>\s]*")
_RULED_WORDS = re.compile(
    r"원본|원문|이전|보낸\s*메(?:일|시지|세지)|받은\s*메(?:일|시지|세지)|전달(?:된|한)?\s*메|original|forward|reply|"
    r"begin\s*forwarded",
    re.IGNORECASE,
)
_LINE_RULE = re.compile(r"_{20,}|-{30,}|={30,}|─{10,}|━{10,}")
_DATE = r"(?:\d{1,4}\s*[년./-]\s*\d{1,2}\s*[월./-]|\d{1,2}[/. ]\s*(?:\d{1,2}|[a-z]{3})|[a-z]{3},?\s)"
_WROTE = re.compile(
    rf"^(?=.*(?:{_DATE}|@)).*(?:님이\s*(?:작성|쓴\s*글|쓰셨)|작성\s*[:：]$|이\(가\)\s*쓴\s*글|쓴\s*글\s*[:：]$|작성함\s*[:：]$|"
    r"님의\s*(?:메일|말|메시지)\s*[:：]$|wrote\s*[:：]$|writes\s*[:：]$|a\s+écrit\s*[:：]$|schrieb\b.*[:：]$)",
    re.IGNORECASE,
)
_BARE_WROTE = re.compile(r"^<?[^\s<>]*@?[^\s<>]*>?\s*(?:님이\s*작성\s*[:：]?|wrote\s*[:：])$", re.IGNORECASE)
_DATE_BEGINS = re.compile(
    r"^(?:on\s+[a-z]{3},?\s|\d{4}\s*[년.-]\s*\d{1,2}\s*[월.-]\s*\d{1,2}|\d{1,2}/\d{1,2}/\d{2,4})", re.IGNORECASE
)
_PHONE = re.compile(
    r"^[\[(<-]*\s*(?:"
    r"(?:나의|내)?\s*(?:iphone|ipad|아이폰|아이패드|galaxy|갤럭시|삼성|samsung|lg|엘지|android|안드로이드|휴대폰|휴대전화|스마트폰|핸드폰)"
    r".{0,30}(?:보냄|보냈습니다|보낸\s*(?:메일|메시지)(?:입니다)?|발송|전송)"
    r"|(?:네이버|naver|다음|daum|한메일|카카오|kakao|네이트|nate|gmail|지메일|outlook|windows|yahoo).{0,20}"
    r"(?:에서|으로|로)\s*(?:보냄|보냈습니다|보낸\s*메일(?:입니다)?|발송)"
    r"|(?:android|ios|mac|windows)\s*용\s+(?:outlook|메일).*"
    r"|(?:get|sent\s+(?:from|via|using|with|on))\s+(?:my\s+|the\s+)?[\w .]{2,40}.*"
    r"|sent\s+from\s+.{2,60}"
    r")[\s.!\])>-]*$",
    re.IGNORECASE,
)
_END = frozenset(
    ("끝", "끝입니다", "감사합니다", "고맙습니다", "감사드립니다", "quit", "end", "thanks", "thank you", "--")
)
_END_SIGNS = " .!~^,ㅎㅋ☺♡♥:)(\u3000"


def own_lines(text: str) -> list[str]:
    """Return the lines somebody wrote themselves, without empty ones; empty if the mail holds nothing of theirs."""
    lines = [line[:_LINE_LETTERS] for line in lines_of(text)[:_LINES]]
    above, quote_at = _until_quote(lines)
    if above or quote_at is None:
        return above
    at = quote_at
    while at < len(lines) and (not lines[at] or _QUOTED.match(lines[at]) or _is_heading(lines, at)):
        if not lines[at] or _QUOTED.match(lines[at]) or _QUOTED.match(_next_filled(lines, at)):
            at += 1
        else:
            return []  # a quote that is not marked line by line: where it ends is not known
    return _until_quote(lines[at:])[0]


def _until_quote(lines: list[str]) -> tuple[list[str], int | None]:
    """Return the filled lines up to a quote or an end, and where a quote began."""
    found: list[str] = []
    for at, line in enumerate(lines):
        if not line:
            continue
        if _QUOTED.match(line) or _is_heading(lines, at):
            return found, at
        if _is_end(line):
            return found, None
        found.append(line)
    return found, None


def _is_end(line: str) -> bool:
    if line in ("--", "-- ", "—", "___") or _PHONE.match(line):
        return True
    return line.casefold().strip(_END_SIGNS) in _END


def _is_heading(lines: list[str], at: int) -> bool:
    """Whether a quote begins at this line: its heading, or the first line of one that was broken."""
    line = lines[at]
    ruled = _RULED.fullmatch(line)
    if ruled and _RULED_WORDS.search(ruled[1]):
        return True
    if _WROTE.search(line) or _BARE_WROTE.match(line):
        return True
    following = _next_filled(lines, at)
    if _DATE_BEGINS.match(line) and (_WROTE.search(f"{line} {following}") or _WROTE.search(following)):
        return True
    if _LINE_RULE.fullmatch(line):
        return bool(_SENDER_FIELD.match(following) or _FIELD.match(following))
    return bool(_SENDER_FIELD.match(line)) and any(_FIELD.match(each) for each in _following(lines, at, 5))


def _next_filled(lines: list[str], at: int) -> str:
    return next(iter(_following(lines, at, 1)), "")


def _following(lines: list[str], at: int, count: int) -> list[str]:
    found = []
    for line in lines[at + 1 : at + 1 + count * 3]:
        if line:
            found.append(line)
            if len(found) == count:
                break
    return found
