"""What somebody may write in a share: a short name and a note, and nothing that leads anywhere.

Every system that let strangers mail free text to anybody was used for adverts, and the name was their first carrier.
So whatever holds a link, an address, a phone number, a messenger's name or an invisible sign is refused, not cleaned:
the writer sees why and can say it in other words. What looks alike is compared alike (`digest.share.alike`). A filter
that refuses ordinary sentences would close the feature as surely as spam does, so each pattern keeps off what people
write: dates and sums are no phone numbers, 골뱅이무침 is no @, 영화·TV is no domain. Two tables of tests hold it to
both. Pure.
"""

import re
import unicodedata
from enum import StrEnum

from digest.share import alike

NAME_LETTERS = 20
NOTE_LETTERS = 200
NOTE_LINES = 4  # three line breaks

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# Signs that show nothing though they are letters, marks or symbols: fillers of Hangul, joiners, a blank of braille.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\u180b\u180c\u180d\u180f")
_SELECTORS = range(0xFE00, 0xFE10)
_PICTURE_SELECTOR, _JOINER = "\ufe0f", "\u200d"
_IN_NAME = {"L", "M"}

_LETTER = r"[^\W\d_\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]"  # of any script but Hangul
_KNOWN = r"(?:c[o0]m|net|org|kr|xyz|biz|c[o0]\.kr|or\.kr|go\.kr)(?![a-z])"
_PROVIDER = r"(?:naver|gmail|daum|hanmail|nate|kakao|네이버|지메일|다음|한메일|네이트|구글)"
_MESSENGER = (
    r"(?:카\s*톡|카카오\s*톡?|텔레(?:그램)?|라인|위챗|인스타(?:그램)?|디스코드|왓츠앱"
    r"|kakao(?:talk)?|telegram|wechat|whatsapp|insta(?:gram)?|discord)"
)
_LINK = re.compile(
    rf"""h(?:tt|xx)ps?\s*:|mailto\s*:|www\s*\.|\bw\s+w\s+w\b|://
      | [\w-] \. {_LETTER}{{2,}}                            # a domain, of any script
      | (?<!vs) \. \s? (?:한국|닷컴|닷넷|오알지)                  # and those in Hangul
      | [\w-] \s* [.,] \s* {_KNOWN}
      | (?<!\d) \d{{1,3}} (?:\.\d{{1,3}}){{3}} (?!\d)       # an address of IPv4
      | xn--|\bbit\s*ly\b
      | (?:점|쩜|닷|땡) \s* c[o0]m (?![a-z])
      | (?:점|쩜|닷|땡) (?:net|org|kr|c[o0]|me|io) (?![a-z])
      | (?<=[\w]) (?:점|쩜|닷|땡) (?:컴|넷|케이알|오알지) (?= $ | [^가-힣] | 에 | 으?로 | 을 | 은 | 이 )
      | \b dot \s* (?:com|net|org|kr)
      | [(\[{{<] \s* (?:dot|at|점|골뱅이) \s* [)\]}}>]
      | @
      | [a-z0-9] \s* (?:골뱅이|앳) | (?:골뱅이|앳) \s* (?:[a-z0-9]|{_PROVIDER})
      | {_MESSENGER} \s* (?:id|아이디|친추|추가) \s* [:=은는]? \s* [a-z0-9][a-z0-9_.-]{{2,}}
      | {_MESSENGER} \s* [:=]? \s* (?=[a-z_.-]*\d) (?=[\d_.-]*[a-z]) [a-z0-9_.-]{{4,}}
      | {_MESSENGER} \s* [:=] \s* [a-z0-9_.-]{{3,}}
      | (?:\bid|아이디) \s* [:=] \s* [a-z0-9_.-]{{3,}}
      | 오픈\s*(?:채팅|카톡|톡)\s*방? \s* (?:검색|코드|입장|문의|링크|비번|:)""",
    re.VERBOSE,
)
# Without its blanks: "n a v e r . c o m".
_SQUEEZED = re.compile(rf"https?:|www\.|[\w-]\.{_KNOWN}")
# With every dot that a mailbox name may be spelt with; "영화·TV" is none.
_DOTTED = re.compile(rf"[\w-]\s*\.\s*{_KNOWN}")
_NUMBER = re.compile(r"\d(?:[\s.\-()/~]{0,2}\d){7,}")
_DATE = r"(?:19|20)\d\d[\s.\-/]{1,2}\d{1,2}[\s.\-/]{1,2}\d{1,2}"
_NO_PHONE = re.compile(rf"(?:(?:{_DATE}|(?:19|20)\d\d)[\s.~\-/()]{{0,2}})+(?:\d{{1,2}}[\s.]{{0,2}}){{0,3}}")
_SUM = re.compile(r"\s?(?:원|명|달러|엔|위안|유로|표|건|대|개|톤|가구|㎡)")
_SPELT = re.compile(r"(?:[공영빵일이삼사오육륙칠팔구\d][\s.\-()/]{0,2}){8,}")
_HANGUL_DIGIT = re.compile("[공영빵일이삼사오육륙칠팔구]")
_SPELT_DIGITS = 3
_BLANKS_OF_NUMBER = 3  # "삼일 사일 오일 육일 칠일" has more, and is a row of days


class Problem(StrEnum):
    """Why a text is refused; the pages have the words for it."""

    TOO_LONG = "too_long"
    LEADS_AWAY = "leads_away"
    INVISIBLE = "invisible"
    LINES = "lines"
    NOT_A_NAME = "not_a_name"


def name(text: str) -> tuple[str, Problem | None]:
    """Return the sender's name as it is shown (NFC, one blank between words), and what is wrong with it."""
    said = re.sub(" +", " ", unicodedata.normalize("NFC", text)).strip()
    if len(said) > NAME_LETTERS:
        return said, Problem.TOO_LONG
    if _holds_invisible(said, breaks=False):
        return said, Problem.INVISIBLE
    if _leads_away(said):
        return said, Problem.LEADS_AWAY
    if not all(char in " .·-" or unicodedata.category(char)[0] in _IN_NAME for char in said):
        return said, Problem.NOT_A_NAME
    return said, None


def note(text: str) -> tuple[str, Problem | None]:
    """Return the note as it is shown (NFC, line ends as LF), and what is wrong with it."""
    said = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(said) > NOTE_LETTERS:
        return said, Problem.TOO_LONG
    if _holds_invisible(said, breaks=True):
        return said, Problem.INVISIBLE
    if said.count("\n") >= NOTE_LINES:
        return said, Problem.LINES
    if _leads_away(said):
        return said, Problem.LEADS_AWAY
    return said, None


def _holds_invisible(said: str, *, breaks: bool) -> bool:
    """Whether there is a sign that cannot be seen; those that make a picture of several signs can (❤️, 👨‍👩‍👧)."""
    for before, char in zip(" " + said, said, strict=False):
        if char == "\n" and breaks:
            continue
        if char in (_PICTURE_SELECTOR, _JOINER):
            if not _is_picture(before):
                return True
        elif char in _BLANK or ord(char) in _SELECTORS or unicodedata.category(char) in _INVISIBLE:
            return True
    return False


def _is_picture(char: str) -> bool:
    return char == _PICTURE_SELECTOR or unicodedata.category(char) in ("So", "Sk", "Sm") or char in "0123456789#*‼⁉"


def _leads_away(said: str) -> bool:
    text = alike.text(said)
    squeezed = re.sub(r"\s", "", text)
    if _LINK.search(text) or _SQUEEZED.search(squeezed) or _DOTTED.search(alike.dotted(text)):
        return True
    if any(not _is_no_phone(text, found) for found in _NUMBER.finditer(text)):
        return True
    return any(_is_spelt_number(run.group().strip()) for run in _SPELT.finditer(text))


def _is_spelt_number(run: str) -> bool:
    """Whether this run of digits, some in Hangul, is a number in groups, or each apart: "공일공 일이삼사 오육칠팔"."""
    digits, blanks = len(re.findall(r"\w", run)), len(re.findall(r"\W+", run))
    is_number = blanks <= _BLANKS_OF_NUMBER or blanks >= digits - 2
    return is_number and len(_HANGUL_DIGIT.findall(run)) >= _SPELT_DIGITS


def _is_no_phone(text: str, found: re.Match[str]) -> bool:
    """Whether so many digits are a date, years, or a sum."""
    number = found.group()
    if _NO_PHONE.fullmatch(number):
        return True
    return number.isdigit() and number[0] != "0" and bool(_SUM.match(text, found.end()))
