"""The words that are commands, in Korean and English, and nothing that only resembles one.

One table: each command with its words as people write them. Korean is compared without blanks (구독 해지, 구독해지),
and where a word cannot mean anything else it is also taken with the polite endings people put behind it (해지합니다,
구독 신청 부탁드립니다); a word that people also answer with (확인, 취소, 네) is only taken as it stands. Pure data
and lookup.
"""

import re
import unicodedata
from enum import StrEnum


class Verb(StrEnum):
    """What somebody may ask for by mail."""

    SUBSCRIBE = "subscribe"
    CONFIRM = "confirm"
    LEAVE = "leave"
    PAUSE = "pause"
    RESUME = "resume"
    FREQUENCY = "frequency"
    TOPICS = "topics"
    STATUS = "status"
    EXPORT = "export"
    ERASE = "erase"
    NEVER = "never"
    HELP = "help"


# As they stand, whatever else they can mean.
_PLAIN: dict[Verb, str] = {
    Verb.SUBSCRIBE: "구독|신청|가입|받아보기|subscribe|sub|join|signup|sign up|subscribe me",
    Verb.CONFIRM: (
        "확인|확인합니다|확인했습니다|확인함|동의|동의합니다|동의함|동의해요|네|예|넵|네네|네 확인합니다|"
        "네 동의합니다|예 확인합니다|예 동의합니다|네 맞습니다|네 확인했습니다|확인하였습니다|맞습니다|"
        "confirm|confirmed|i confirm|ok|okay|yes|agree|i agree|yes i agree"
    ),
    Verb.LEAVE: (
        "해지|취소|탈퇴|거부|그만|중단|해제|unsubscribe|unsub|leave|stop|remove|remove me|unsubscribe me|"
        "please unsubscribe|please unsubscribe me|please remove me|cancel subscription|stop sending|opt out|"
        "opt-out|signoff"
    ),
    Verb.PAUSE: "정지|휴가|쉬기|pause|hold|vacation",
    Verb.RESUME: "재개|다시|resume|restart",
    Verb.STATUS: "상태|조회|which|status|query|my settings",
    Verb.EXPORT: "열람|export|my data",
    Verb.ERASE: "삭제|erase|forget me|delete me|delete my data",
    Verb.NEVER: "never|never again|never email me again|never write to me again",
    Verb.HELP: "도움|?|help|info|commands",
}
# With polite endings, too. Written without blanks.
_UNMISTAKABLE: dict[Verb, str] = {
    Verb.SUBSCRIBE: (
        "구독신청|구독하기|구독가입|구독희망|구독요청|뉴스레터구독|뉴스레터신청|뉴스레터구독신청|메일구독|"
        "메일구독신청|메일링신청|신문구독|신문구독신청|소식받아보기|구독"
    ),
    Verb.LEAVE: (
        "구독해지|구독취소|구독해제|구독중단|구독중지|구독탈퇴|구독거부|구독종료|수신거부|수신취소|수신해지|"
        "수신중단|메일수신거부|메일거부|메일해지|메일중단|메일그만|메일링해지|뉴스레터해지|뉴스레터취소|"
        "뉴스레터구독해지|뉴스레터구독취소|뉴스레터수신거부|뉴스레터거부|구독해지신청|구독취소신청|"
        "수신거부신청|해지신청|해지요청|탈퇴신청|구독그만|그만받기|그만보내기|메일그만받기|해지|탈퇴"
    ),
    Verb.PAUSE: "일시정지|일시중지|일시중단|구독정지|구독일시정지|구독일시중지|발송정지|배달정지",
    Verb.RESUME: "다시받기|구독재개|재개|발송재개|배달재개|다시구독",
    Verb.STATUS: "내정보|내구독|구독상태|구독조회|내정보조회|구독정보|내설정",
    Verb.EXPORT: (
        "내보내기|개인정보열람|정보열람|내정보내보내기|개인정보내보내기|열람신청|열람요청|개인정보열람신청|"
        "개인정보열람요구"
    ),
    Verb.ERASE: (
        "개인정보삭제|정보삭제|내정보삭제|개인정보파기|잊어줘|개인정보삭제신청|개인정보삭제요청|삭제요청|"
        "삭제신청|회원정보삭제"
    ),
    Verb.NEVER: "영구거부|영구수신거부|영구차단|다시보내지마|다시보내지말기|다시는보내지마|다시받지않기|절대보내지마",
    Verb.HELP: "도움말|사용법|사용방법|명령어|이용방법|이용안내",
}
# Whole sentences, without blanks.
_SENTENCES: dict[Verb, str] = {
    Verb.LEAVE: (
        "그만보내주세요|그만보내세요|그만보내주십시오|메일그만보내주세요|메일그만보내세요|메일보내지마세요|"
        "메일보내지말아주세요|그만받을게요|그만받겠습니다|그만받고싶습니다|그만받고싶어요|메일받지않겠습니다|"
        "수신을거부합니다|구독을해지합니다|구독을취소합니다|구독안합니다|구독안할래요"
    ),
    Verb.SUBSCRIBE: (
        "구독하고싶습니다|구독하고싶어요|구독할래요|구독신청드립니다|받아보고싶습니다|받아보고싶어요|"
        "뉴스레터받고싶습니다"
    ),
    Verb.RESUME: "다시받겠습니다|다시받을게요|다시보내주세요|다시받고싶습니다|다시받고싶어요",
    Verb.ERASE: "잊어주세요|잊어주십시오|제정보를삭제해주세요|제개인정보를삭제해주세요|내정보를삭제해주세요",
    Verb.NEVER: (
        "다시보내지마세요|다시는보내지마세요|다시보내지마십시오|다시는보내지마십시오|다시보내지말아주세요|"
        "다시는보내지말아주세요"
    ),
}
_DAYS = {"월": 1, "화": 2, "수": 4, "목": 8, "금": 16, "토": 32, "일": 64}
_ENGLISH_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
EVERY_DAY = 127

# A frequency is a sum of weekdays, or the word for a part of the timetable.
FREQUENCIES: dict[str, int | str] = {
    **dict.fromkeys(("매일", "날마다", "매일받기", "daily", "everyday", "every day"), EVERY_DAY),
    **dict.fromkeys(("평일", "weekdays"), 31),
    **dict.fromkeys(("주말", "weekend", "weekends"), 96),
    **dict.fromkeys(("주간", "주1회", "일주일에한번", "매주", "주한번", "weekly", "once a week"), "weekly"),
    **dict.fromkeys(("아침", "아침판", "아침에", "오전", "morning"), "morning"),
    **dict.fromkeys(("저녁", "저녁판", "저녁에", "오후", "evening"), "evening"),
    **{f"{day}요일": weekday for day, weekday in _DAYS.items()},
    **{f"매주{day}요일": weekday for day, weekday in _DAYS.items()},
    **{f"{day}요일마다": weekday for day, weekday in _DAYS.items()},
    **{day: 1 << number for number, day in enumerate(_ENGLISH_DAYS)},
    **{f"{day}s": 1 << number for number, day in enumerate(_ENGLISH_DAYS)},
    **{f"every {day}": 1 << number for number, day in enumerate(_ENGLISH_DAYS)},
}
_ENDINGS = re.compile(
    r"(?:을|를)?(?:신청|요청)?(?:(?:이|하)?(?:합니다|할게|할께|하겠습니다|했으면합니다|하려고합니다|하려합니다|할래|해|함|하고싶습니다|하고싶어|"
    r"희망합니다|원합니다|원해|바랍니다|바라|입니다|이|드립니다|"
    r"(?:해|하여)?(?:주세|주십시오|주시기바랍니다|주시길바랍니다|주시면감사하겠습니다|주시면좋겠습니다|줘|주시겠어|주실수있나)|"
    r"부탁(?:드립니다|드려|합니다|해|드릴게|드리겠습니다)?))"
)
_OBJECT = re.compile(r"^(구독|수신|메일|뉴스레터|개인정보)[을를](?=.)")
_TRAILING = " .!~^?,;:…。！～ㅎㅋㅠㅜ"
_AROUND = "\"'‘’“”「」『』<>〈〉《》()[]【】*_`"


def _table() -> dict[str, Verb]:
    found: dict[str, Verb] = {}
    for table in (_PLAIN, _UNMISTAKABLE, _SENTENCES):
        for verb, listed in table.items():
            found.update((key_of(word), verb) for word in listed.split("|"))
    return found


def key_of(line: str) -> str:
    """Return a line as it is compared: NFKC, small letters, one blank between words, none where there is Hangul."""
    folded = unicodedata.normalize("NFKC", line).casefold()
    folded = "".join(char for char in folded if unicodedata.category(char) != "Cf")
    folded = " ".join(folded.replace(",", " ").split())
    return folded.replace(" ", "") if any("가" <= char <= "힣" for char in folded) else folded


def stripped(line: str) -> str:
    """Return a line without the signs, laughter and quotation marks people put around a word."""
    line = unicodedata.normalize("NFC", line)
    while True:
        shorter = line.strip().strip(_AROUND).rstrip(_TRAILING).strip()
        if shorter == line:
            return line
        line = shorter


TABLE: dict[str, Verb] = _table()
_POLITE: tuple[tuple[str, Verb], ...] = tuple(
    sorted(
        ((word, verb) for verb, listed in _UNMISTAKABLE.items() for word in listed.split("|")),
        key=lambda each: -len(each[0]),
    )
)


def verb_of(line: str) -> Verb | None:
    """Return the command that the whole line is, None for anything else."""
    alone = key_of(line.strip())
    if alone in ("?", "？"):
        return Verb.HELP
    for key in _spellings(line):
        if key in TABLE:
            return TABLE[key]
        for word, verb in _POLITE:  # the longest first
            if key.startswith(word) and _ENDINGS.fullmatch(key[len(word) :]):
                return verb
    return None


def frequency_of(line: str) -> int | str | None:
    """Return the weekdays, or the word of the timetable, that the whole line asks for."""
    return next((FREQUENCIES[key] for key in _spellings(line) if key in FREQUENCIES), None)


def _spellings(line: str) -> list[str]:
    key = _OBJECT.sub(r"\1", key_of(stripped(line)))
    return [key, key.removesuffix("요")] if key.endswith("요") else [key]
