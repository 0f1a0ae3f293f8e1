"""T1: what may be written in a share. Sixty ways to lead somebody away, and sixty things that people write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.share import words

SPAM = """
http://spam.example
https://spam.example/path?x=1
HTTP://SPAM.EXAMPLE
http：//spam.example
hxxp://spam.example
h t t p : / / spam
www.spam.example
ｗｗｗ．ｓｐａｍ．ｃｏｍ
ⓦⓦⓦ.ⓢⓟⓐⓜ.ⓒⓞⓜ
www . spam . com
spam.com
spam．com
spam。com
spam｡com
spam․com
spam·com 으로 오세요
spam • com
spam , com
spam. com
s p a m . c o m
SPAM.CO.KR
spam.kr 방문
spam.xyz
spam.c0m
ѕраm.соm
spam.рф
스팸.com
스팸.kr
스팸.한국
스팸닷컴으로 오세요
광고점컴 으로
spam점com
spam 점 com
스팸쩜컴에 가면
spam dot com
spam(dot)com
spam [dot] com
xn--o39an51b
xn--3e0b707e.xn--3e0b707e
t.me/spam
bit.ly/abcd
bit ly/abcd
me2.do/abcd
open.kakao.com/o/abc
192.0.2.7 접속
//spam.example
spam@example.com
spam＠example.com
spam (at) example
spam 골뱅이 naver
spam골뱅이네이버
@spam_handle
카톡 아이디 spam77
카톡: spam
카카오톡 ID: spam_77
텔레그램 spam77
라인 아이디 spam77
ID: spam77
아이디 = spam77
오픈채팅방 검색 스팸
010-1234-5678
０１０－１２３４－５６７８
010 1234 5678
010.1234.5678
(02) 123-4567
1588-1234
+82 10 1234 5678
0 1 0 1 2 3 4 5 6 7 8
٠١٠١٢٣٤٥٦٧٨
0️⃣1️⃣0️⃣1️⃣2️⃣3️⃣4️⃣5️⃣6️⃣7️⃣8️⃣
공일공 일이삼사 오육칠팔
공1공-일2삼4-오육칠8
공 일 공 일 이 삼 사 오 육 칠 팔
일오팔팔 일이삼사
w w w spam com
mailto:spam
스팸.오알지
01012345678원
02-2012-3456
""".strip().splitlines()

HIDDEN = [
    "sp\u200bam.com", "보이지\u200b않는", "뒤집힌\u202e글", "\u2066안\u2069", "부드러운\u00ad줄", "\ufeff시작",
    "채움\u3164문자", "채움\u115f문자", "반각\uffa0채움", "점자\u2800빈칸", "이음\u034f표",
    "가\ufe0f", "가\u200d나", "태그\U000e0041",
    "널\0", "벨\x07", "줄\u2028바꿈", "문단\u2029바꿈", "다음\x85줄",
]  # fmt: skip

NORMAL = """
같이 읽고 싶어서 보냅니다.
좋은 기사네요. 읽어 보세요!
어머니, 이 기사 한번 보세요 ^^
ㅋㅋㅋ 우리 동네 나왔다
대박... 이거 봤어?
음…그렇군요. 생각이 많아집니다.
3.1절 기사입니다.
5·18 기념식 소식
4·19와 6·25, 그리고 8·15
내일 오후 2시 30분에 봐요
2026. 11. 22. 자 기사
2026-11-22 기사예요
2026.11.22 10시 30분에 올라온 글
2024-2026 예산 이야기
2023 2024 2025 3년치 비교
예산이 12,345,678원이래
총 50000000원 들었대요
1인당 1,000만 원씩
3.5%p 올랐다네요
A.I. 시대의 지방 신문
U.S. 대선과 우리 경제
영화·TV 이야기
IT·AI 기사 모음
시의회·도의회 소식
카카오 IPO 이야기
카카오톡으로도 보냈어요
카톡 봤어?
텔레그램 CEO 체포 기사
라인 사태 정리한 글
인스타그램에서 유명한 그 빵집
오픈채팅 개인정보 유출 기사네요
골뱅이무침 맛집 기사
닷컴 버블 때가 생각나요
Net zero 정책 기사입니다
장점 넷, 단점 하나
이 관점 Net zero 와도 이어져요
J. Kim 드림
No.1 농구팀 우승!
Ph.D 논문 이야기
1. 예산 2. 인사 3. 도로
1.가격 2.품질 비교
(2면) 왼쪽 아래 기사
"시민이 먼저다" 라는 제목
사랑해 ❤️
축하해요 🎉🎉
우리 가족 👨‍👩‍👧 사진도 나왔어
👍🏻 최고
★ 꼭 읽어 봐 ★
~ 이번 주말 ~
Good morning! Please read this.
Have a look; it is about our school.
これ読んでみて
请看这篇报道
안녕하세요. 지난번에 말씀드린 기사입니다.\n감사합니다.
첫 줄\n둘째 줄\n셋째 줄\n넷째 줄
이사 갈 때 참고해 / 전세 이야기
오이 사 오라고 했지?
이 일이 사실이라니
구구절절 맞는 말
삼일 사일 오일 육일 칠일
12345678명이 봤대
부산.경남 소식
2022.3.9 선거
KTX 101호 열차 이야기
학교 3-1반 친구들
체온 36.5도
버스 15-1번 노선이 바뀐대요
우편번호 12345
""".strip().splitlines()


def test_t1_the_tables_are_as_long_as_the_specification_asks() -> None:
    """Sixty each, all different."""
    assert len(set(SPAM)) >= 60
    assert len(set(NORMAL)) >= 60


@pytest.mark.parametrize("said", SPAM)
def test_t1_whatever_leads_away_is_refused(said: str) -> None:
    """A note, and a note with words around it; in a name the same or another reason is given."""
    assert words.note(said)[1] is words.Problem.LEADS_AWAY
    assert words.note(f"이것 좀 보세요 {said} 꼭이요")[1] is words.Problem.LEADS_AWAY
    assert words.name(said)[1] is not None


@pytest.mark.parametrize("said", HIDDEN)
def test_t1_what_cannot_be_seen_is_refused(said: str) -> None:
    """It would part a link where the filter looks and not where the reader does."""
    assert words.note(said)[1] is words.Problem.INVISIBLE
    assert words.name(said)[1] is not None


@pytest.mark.parametrize("said", NORMAL)
def test_t1_what_people_write_passes(said: str) -> None:
    """A filter that refuses ordinary sentences would close the feature as surely as spam."""
    assert words.note(said.replace("\\n", "\n")) == (said.replace("\\n", "\n"), None)


@pytest.mark.parametrize(
    "said", ["홍길동", "김 영희", "J. Kim", "Jean-Luc", "남궁민수", "田中", "José Ñandú", "루·크", "O'", "3반 담임"]
)
def test_t1_names_of_people_pass_and_nothing_else(said: str) -> None:
    """Letters, blanks, full stops, dots and hyphens."""
    assert (words.name(said)[1] is None) is (said not in ("O'", "3반 담임"))


@given(st.text(max_size=300))
def test_t1_no_text_makes_the_filter_fail(said: str) -> None:
    """Whatever comes, there is an answer; what passes is as short and as visible as promised."""
    for check, letters in ((words.note, words.NOTE_LETTERS), (words.name, words.NAME_LETTERS)):
        shown, problem = check(said)
        assert problem is not None or (len(shown) <= letters and "@" not in shown and "\0" not in shown)
