"""What two reports of the same thing must not contradict: places, people, counts of a series, days and amounts.

Press offices fill the same form for every town and every year, and nine tenths of the letters agree: what tells such
texts apart is the one town, 제12회 instead of 제13회, 7일 instead of 8일. In: plain text with its blanks. Out: short
words with their kind in front ("city 가온", "turn 회 12"), apart for the headline, the beginning and the whole.
A paper that rewrites a release leaves facts out and seldom changes one; so only what both sides name can differ, and
what the other text names anywhere excuses. The day of an announcement ("7일 밝혔다") is no fact: papers print it later.

There is no list of towns: what ends in 시, 군, 구 and the like is one, but for common words that end so. Pure.
"""

import re

from digest.models.stories import Facts

_WORD = re.compile(r"[가-힣A-Za-z0-9]+")
_CITY = re.compile(
    r"(?P<stem>[가-힣]{2,4}?|[중동서남북](?=구))(?:특별자치|특별|광역)?"
    r"(?:[시군구](?:의회|청|장|민|립|청장)?|군수"
    r"|소방서|경찰서|교육지원청|보건소|농협|축협|수협|세무서|우체국|의료원|문화재단|문화원|체육회|상공회의소|도시공사)"
    r"(?:[은는이가의를을에와과로도]|에서|에서는|에는|으로)?$"
)
_NO_CITY = re.compile(
    r"(?:[실다동당일전도무제지표수임감게개택중응정공고상역즉잠]시|[필수긴]요시|비상시|유사시|발생시|위급시|시간|시설"
    r"|[해공육국미직학적아험환보]군|[연요지도가기친입출축야농배탁청복인항창촉추]구|수구|거구|연구회"
    r"|전시회|전시장|도시장)(?:[은는이가의를을에와과로도장민청]|에서|에서는|에는|으로|의회)?$"
)
_NO_STEM = frozenset(
    "중앙|북부|남부|동부|서부|지역|관내|전국|인근|해당|공공|어린이|우리|대한|국제|전통|재래|주식|노동|시군".split("|")  # noqa: SIM905
)
_TOWN = re.compile(
    r"(?P<stem>[가-힣]{2,4}\d?)(?:(?P<kind>읍|동)(?:장|은|에서|에|의|사무소|주민센터|행정복지센터|주민자치회|통장협의회)?"
    r"|면(?:장|사무소|행정복지센터|주민자치회))$"
)
_NO_TOWN = re.compile(
    r"[활운노자공아이행감변작협합연가진충율부구시출전수능생태소주역파유제]동(?:장|은|에서|에|의)?$|협의회장$"
)
_TOWN_THEN = re.compile(
    r"([가-힣]{2,4}\d?)[읍면동]\s(?=행정복지|주민자치|이장|통장|새마을|지역사회보장|체육회|맞춤형|사무소)"
)
_SCHOOL = re.compile(r"(?P<stem>[가-힣]{2,5}?)(?:초등학교|초교|중학교|고등학교|고교|여고|대학교)")
_PROVINCES = {
    "경기도": "경기", "강원도": "강원", "강원특별자치도": "강원", "충청북도": "충북", "충북": "충북", "충북도": "충북",
    "충청남도": "충남", "충남": "충남", "충남도": "충남", "전라북도": "전북", "전북특별자치도": "전북", "전북": "전북",
    "전북도": "전북", "전라남도": "전남", "전남": "전남", "전남도": "전남", "경상북도": "경북", "경북": "경북",
    "경북도": "경북", "경상남도": "경남", "경남": "경남", "경남도": "경남", "제주도": "제주", "제주특별자치도": "제주",
}  # fmt: skip
_PROVINCE = re.compile(
    rf"(?<![가-힣])({'|'.join(sorted(_PROVINCES, key=len, reverse=True))})(?=의회|교육청|지사|는|가|의|\b)"
)
_OFFICES = (
    "시장|군수|구청장|도지사|지사|의원|도의원|시의원|군의원|구의원|위원장|부위원장|의장|부의장|교육감|교육장|서장|이사장|회장"
    "|조합장|대표|국장|센터장|관장|총장|교장|지부장|선수|감독|씨|작가|변호사|후보"
)
_SURNAMES = (
    "김이박최정강조윤장임한오서신권황안송류전홍고문양손배백허유남심노하곽성차주우구민진지엄채원천방공"
    "현함변염여추도소석선설마길연위표명기반왕금옥육인맹제모탁국은편용어봉피복태형예경승옹범빈"
)
_PERSON = re.compile(rf"(?<![가-힣])([{_SURNAMES}][가-힣]{{2}})\s(?:[가-힣]{{0,8}}?)(?:{_OFFICES})")
_NO_PERSON = re.compile(r"[시군구도동읍면회부과팀장원청서단들의은는을를에인한로]$")
_HOUSE = re.compile(
    rf"(?P<house>[가-힣A-Za-z0-9]{{2,15}})\s?\((?:대표이사|대표|회장|사장|이사장|원장|관장|총장|협회장|조합장|위원장|단장|소장)\s?"
    rf"(?P<head>[{_SURNAMES}][가-힣]{{1,3}})\)"
)
# What is quoted by its name: a bill, a festival, a campaign. Other quotes are words that each paper picks.
_NAMED = re.compile(
    r"[‘'「『<](?P<name>[^‘’'「」『』<>]{2,40}?(?:법|조례|사업|축제|대회|공모전|프로젝트|캠페인|전시회|콘서트|포럼|아카데미|챌린지))"
    r"(?:\s?(?:일부|전부)?\s?개정(?:법률)?안|안)?[’'」』>]"
)
_ANNOUNCED = re.compile(r"\d{1,2}일\s?(?:오전|오후)?\s?(?=밝혔|전했|말했|알렸|발표했|강조했|설명했|덧붙|안내했)")
_NUMBER = re.compile(
    r"(?P<ordinal>(?<![가-힣])제\s?)?(?P<value>\d[\d,]*(?:\.\d+)?(?:\s?[조억만천백]+(?:\s?\d[\d,]*\s?[만천백]*)?)?)"
    r"(?P<about>\s?여)?\s?(?P<unit>개월|일간|시간|[가-힣%℃㎡]|km|kg|ha)?"
)
_PART = re.compile(r"([\d,.]+)\s?([조억만천백]*)")
_TIMES = {"조": 10**12, "억": 10**8, "만": 10**4, "천": 10**3, "백": 10**2}
_TURNS = frozenset("회차기대호탄편")
_ENOUGH_FIGURES, _AGREEING = 4, 0.6
_NO_AMOUNT = frozenset("시분")  # of the clock: papers leave them out or write 14시 for 오후 2시

# Of each line a headline names one: the other is another stage, side or part of the matter.
_EITHER = (
    ("착수", "중간", "최종"), ("개막", "폐막"), ("개회", "폐회"), ("착공", "준공", "개통"), ("상반기", "하반기"),
    ("춘계", "추계"), ("봄", "여름", "가을", "겨울"), ("오전", "오후"), ("아침", "저녁"), ("찬성", "반대"),
    ("환영", "규탄"), ("발령", "해제"), ("상승", "하락"), ("모집", "선정", "수료", "해단"), ("적합", "부적합"),
    ("발생", "검거", "구속", "송치", "기소", "선고"), ("초등", "중등"), ("남자", "여자"), ("남성", "여성"),
    ("예선", "결승"), ("코스피", "코스닥"), ("1차", "2차", "3차"),
    ("월요일", "화요일", "수요일", "목요일", "금요일", "토요일", "일요일"),
)  # fmt: skip

_NAMES = {
    "province": "province", "city": "town", "town": "village or quarter", "school": "school", "person": "person",
    "house": "house", "named": "named matter", "turn": "number of a series", "day": "day", "month": "month",
    "sum": "number", "stage": "stage or side",
}  # fmt: skip


def facts_of(title: str, lead: str, whole: str) -> Facts:
    """Gather the facts of a text; `lead` is its beginning, `whole` all that is known of it."""
    in_title = _found(title) | _stages(title)
    in_lead = in_title | _found(lead)
    return Facts(frozenset(in_title), frozenset(in_lead), frozenset(in_lead | _found(whole)))


def contradiction(one: Facts, other: Facts) -> str:
    """Return in words what the two texts say differently ("another town: 가온 / 나루"); empty if nothing."""
    for kind in ("province", "city", "town", "school"):
        if said := _other(one.lead, other.lead, kind, one.whole, other.whole):
            return said
    for kind in ("turn", "sum"):
        for unit in _units(one.lead if kind == "turn" else one.title, kind):
            prefix = f"{kind} {unit}"
            mine, theirs = (one.lead, other.lead) if kind == "turn" else (one.title, other.title)
            if said := _other(mine, theirs, prefix, one.whole, other.whole):
                return said
    for kind in ("stage", "day", "month", "person"):
        if said := _other(one.title, other.title, kind, one.whole, other.whole):
            return said
    for kind in ("day", "person", "house", "named"):
        if said := _neither(one, other, kind):
            return said
    return _other_numbers(one.whole, other.whole)


def agree(one: Facts, other: Facts) -> bool:
    """Whether two texts name so many of the same numbers that chance is out of the question."""
    left, right = _figures(one.whole), _figures(other.whole)
    common, fewer = len(left & right), min(len(left), len(right))
    return common >= _ENOUGH_FIGURES and common >= _AGREEING * fewer


def _other(
    mine: frozenset[str], theirs: frozenset[str], kind: str, my_whole: frozenset[str], their_whole: frozenset[str]
) -> str:
    """Both name some of `kind`, none in common, and one of them names what the other has nowhere."""
    left, right = _of(mine, kind), _of(theirs, kind)
    if not left or not right or left & right:
        return ""
    if left & their_whole and right & my_whole:
        return ""
    return _in_words(kind, left, right)


def _neither(one: Facts, other: Facts, kind: str) -> str:
    """Both begin with some of `kind`, and neither has the other's anywhere."""
    left, right = _of(one.lead, kind), _of(other.lead, kind)
    if not left or not right or left & other.whole or right & one.whole:
        return ""
    return _in_words(kind, left, right)


def _other_numbers(mine: frozenset[str], theirs: frozenset[str]) -> str:
    """Less than half of the fewer numbers are among the others; a short copy of a text brings its numbers along."""
    left, right = _figures(mine), _figures(theirs)
    fewer = min(len(left), len(right))
    if fewer < 3 or len(left & right) * 2 >= fewer:
        return ""
    return f"other numbers: {len(left & right)} of {fewer} agree"


def _figures(facts: frozenset[str]) -> set[str]:
    return {fact for fact in facts if fact.startswith(("day", "sum", "turn"))}


def _in_words(kind: str, left: frozenset[str], right: frozenset[str]) -> str:
    shown = (", ".join(sorted(fact.split(" ", 1)[1] for fact in some)[:3]) for some in (left, right))
    return f"another {_NAMES[kind.partition(' ')[0]]}: {' / '.join(shown)}"


def _of(facts: frozenset[str], kind: str) -> frozenset[str]:
    return frozenset(fact for fact in facts if fact.startswith(f"{kind} "))


def _units(facts: frozenset[str], kind: str) -> list[str]:
    return sorted({fact.split(" ")[1] for fact in _of(facts, kind)})


def _found(text: str) -> set[str]:
    """Return every fact that `text` names."""
    return _places(text) | _people(text) | _numbers(text) | _names(text)


def _places(text: str) -> set[str]:
    found = {f"province {_PROVINCES[match[1]]}" for match in _PROVINCE.finditer(text)}
    found |= {f"town {match[1]}" for match in _TOWN_THEN.finditer(text)}
    found |= {f"school {match['stem']}" for match in _SCHOOL.finditer(text)}
    for word in _WORD.findall(text):
        if (match := _TOWN.match(word)) and not _NO_TOWN.search(word):
            found.add(f"town {match['stem']}")
        elif (match := _CITY.match(word)) and not _NO_CITY.search(word) and match["stem"] not in _NO_STEM:
            found.add(f"city {match['stem']}")
    return found


def _people(text: str) -> set[str]:
    names = (match[1] for match in _PERSON.finditer(text))
    return {f"person {name}" for name in names if not _NO_PERSON.search(name)}


def _names(text: str) -> set[str]:
    """Return the houses that are named with who leads them, and what is quoted by its name."""
    houses = list(_HOUSE.finditer(text))
    found = {f"house {match['house']}" for match in houses} | {f"person {match['head']}" for match in houses}
    return found | {f"named {''.join(match['name'].split())}" for match in _NAMED.finditer(text)}


def _numbers(text: str) -> set[str]:
    found = set()
    for match in _NUMBER.finditer(_ANNOUNCED.sub(" ", text)):
        unit, value = match["unit"] or "", _value(match["value"])
        if match["ordinal"] or unit in _TURNS:
            found.add(f"turn {unit} {value}")
        elif unit in ("일", "월", "년"):
            found.add(f"{ {'일': 'day', '월': 'month', '년': 'year'}[unit] } {value}")
        elif unit not in _NO_AMOUNT:
            found.add(f"sum {unit} {value}")
    return found


def _value(text: str) -> str:
    """Return the number that is written, so that 3만2천 and 32,000 are one."""
    total = 0.0
    for digits, times in _PART.findall(text):
        number = float(digits.replace(",", "").rstrip(".") or 0)
        for each in times:
            number *= _TIMES[each]
        total += number
    return f"{total:g}" if total < 100 else str(int(total))  # headlines round 1642.1


def _stages(title: str) -> set[str]:
    """Return the stages that a headline names, where it names one of a line only."""
    found = set()
    for line in _EITHER:
        named = [word for word in line if word in title]
        if len(named) == 1:
            found.add(f"stage {'/'.join(line)} {named[0]}")
    return found
