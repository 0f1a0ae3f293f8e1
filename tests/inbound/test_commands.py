"""The table of commands: what is one, what wins, and that nothing else is one."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.inbound import mailtext
from digest.inbound.commands import MAX_COMMANDS, Command, agrees, read_commands, token_in_subject
from digest.inbound.words import TABLE, Verb
from tests.inbound import corpus


def _mail(subject: str = "", text: str = "") -> mailtext.Reading:
    return mailtext.read(f"From: r@example.com\r\nSubject: {subject}\r\n\r\n{text}".encode())


def _verbs(subject: str = "", text: str = "", by_address: Verb | None = None) -> list[Verb]:
    return [each.verb for each in read_commands(_mail(subject, text), by_address)]


_WORDS = {
    Verb.SUBSCRIBE: "구독 구독신청 구독하기 신청 가입 받아보기 subscribe sub join signup",
    Verb.LEAVE: "해지 구독해지 구독취소 취소 탈퇴 수신거부 거부 그만 중단 unsubscribe unsub leave stop remove",
    Verb.PAUSE: "정지 일시정지 휴가 쉬기",
    Verb.RESUME: "재개 다시받기",
    Verb.STATUS: "상태 내정보 조회 which status query",
    Verb.EXPORT: "내보내기 열람",
    Verb.ERASE: "삭제 개인정보삭제 잊어주세요",
    Verb.NEVER: "다시보내지마세요 영구거부 never",
    Verb.HELP: "도움말 도움 사용법 ? help info",
    Verb.FREQUENCY: "매일 주간 주1회 월요일 아침 저녁 weekly daily",
}


@pytest.mark.parametrize(("verb", "word"), [(verb, word) for verb, row in _WORDS.items() for word in row.split()])
def test_every_word_of_the_table(verb: Verb, word: str) -> None:
    """In the subject as in the text."""
    assert _verbs(subject=word) == [verb]
    assert _verbs(text=f"\r\n{word}\r\n") == [verb]


@pytest.mark.parametrize(
    ("line", "verb"),
    [("구독 해지", Verb.LEAVE), ("구독 해지 부탁드립니다.", Verb.LEAVE), ("해지할게요~", Verb.LEAVE),
     ("구독을 해지해 주세요", Verb.LEAVE),
     ("ＳＵＢＳＣＲＩＢＥ", Verb.SUBSCRIBE), ("구독이요ㅎㅎ", Verb.SUBSCRIBE), ("\u3000구독 신청합니다!",
     Verb.SUBSCRIBE),
     ("「구독」", Verb.SUBSCRIBE), ("[해지]", Verb.LEAVE), ("다시 보내지 마세요", Verb.NEVER), ("Unsubscribe.",
     Verb.LEAVE),
     ("구\u200b독", Verb.SUBSCRIBE), ("Re: RE： 회신: 전달: [가온일보] 해지", Verb.LEAVE)],
)  # fmt: skip
def test_how_people_write_them(line: str, verb: Verb) -> None:
    """With endings, blanks, signs, full width, and what programs put before a subject."""
    assert _verbs(subject=line) == [verb]


@pytest.mark.parametrize(
    "line",
    ["구독료가 얼마인가요?", "해지하면 어떻게 되나요", "구독자입니다", "확인 부탁드립니다", "기사 삭제해 주세요",
     "이 기사 취소해 주세요",
     "subscribe to what?", "stop the war", "I will leave tomorrow", "네", "확인", "yes",
     "제외 대상이 누구인지 기사에서 밝혀 주세요 꼭이요",
     "휴가 잘 다녀오세요", "주제가 좋네요", "아침에 잘 읽었습니다"],
)  # fmt: skip
def test_what_only_resembles_one_is_none(line: str) -> None:
    """A reader's sentence must not take them off the list."""
    assert _verbs(subject=line, text=line) == []


def test_the_address_wins_over_subject_and_text() -> None:
    """A mail to news+join@ asks to join, whatever program wrote into its subject."""
    assert _verbs("도움말", "상태", by_address=Verb.SUBSCRIBE) == [Verb.SUBSCRIBE]


def test_the_subject_wins_over_the_text() -> None:
    """Below stands what was quoted without a mark, as often as not."""
    assert _verbs("도움말", "구독") == [Verb.HELP]


@pytest.mark.parametrize(("subject", "text"), [("구독", "해지"), ("해지", "구독"), ("", "구독\r\n해지")])
def test_leaving_wins(subject: str, text: str) -> None:
    """In doubt no mail comes."""
    assert _verbs(subject, text) == [Verb.LEAVE]
    assert _verbs(subject, text, by_address=Verb.SUBSCRIBE) == [Verb.LEAVE]


def test_leaving_and_erasing_are_both_done() -> None:
    """Whoever leaves may ask for the rest of it, too."""
    assert _verbs("", "해지\r\n개인정보삭제") == [Verb.LEAVE, Verb.ERASE]


def test_only_the_first_ten_lines_and_three_commands_count() -> None:
    """A long text is no list of commands."""
    assert _verbs("", "안녕\r\n" * 10 + "해지") == []
    assert _verbs("", "월요일\r\n화요일\r\n수요일\r\n목요일") == [Verb.FREQUENCY] * MAX_COMMANDS


@pytest.mark.parametrize("end", ["끝", "-- ", "감사합니다", "QUIT", "보낸 사람: 가온\r\n제목: 소식",
"-----원본 메일-----",
                                 "-----Original Message-----", "> 인용", "나의 iPhone에서 보냄"])  # fmt: skip
def test_reading_stops_at_an_end(end: str) -> None:
    """What comes after belongs to somebody else, or to a program."""
    assert _verbs("", f"상태\r\n{end}\r\n도움말") == [Verb.STATUS]


@pytest.mark.parametrize(
    ("line", "command"),
    [("휴가 7일", Command(Verb.PAUSE, days=7)), ("정지 2주", Command(Verb.PAUSE, days=14)),
     ("pause until 2026-12-24", Command(Verb.PAUSE, until=date(2026, 12, 24))),
     ("일시정지 2026년 12월 24일까지", Command(Verb.PAUSE, until=date(2026, 12, 24))), ("쉬기", Command(Verb.PAUSE)),
     ("월요일", Command(Verb.FREQUENCY, weekdays=1)), ("매일", Command(Verb.FREQUENCY, weekdays=127)),
     ("주1회", Command(Verb.FREQUENCY, part="weekly")), ("저녁", Command(Verb.FREQUENCY, part="evening")),
     ("지역 오산", Command(Verb.TOPICS, topic="오산")),
     ("제외 스포츠", Command(Verb.TOPICS, topic="스포츠", is_without=True))],
)  # fmt: skip
def test_what_a_command_says_more(line: str, command: Command) -> None:
    """Days, dates, weekdays and topics."""
    assert read_commands(_mail(line)) == (command,)


@pytest.mark.parametrize("line", ["휴가 0일", "휴가 900일", "정지 2026-02-31", "정지 언젠가"])
def test_a_pause_that_makes_no_sense_is_no_command(line: str) -> None:
    """It stays for a person to read."""
    assert read_commands(_mail(line)) == ()


@pytest.mark.parametrize(
    ("text", "agreed"),
    [("네", True), ("확인합니다.", True), ("동의합니다\r\n홍길동", True), ("", True), ("> 인용\r\n> 더", True),
     ("안녕하세요\r\n네", True), ("구독합니다", True), ("아니요", False), ("거부", False), ("확인\r\n취소", False),
     ("저는 신청한 적이 없습니다", False), ("복귀 후\r\n확인합니다", False)],
)  # fmt: skip
def test_what_agrees(text: str, agreed: bool) -> None:
    """A word that agrees first, or nothing at all; anything else is something to say."""
    assert agrees(_mail("Re: 확인해 주세요", text)) is agreed


def test_the_token_of_a_subject() -> None:
    """Where an answer keeps only the subject."""
    token = "a" * 37

    assert token_in_subject(f"Re: [가온] 확인 [확인 {token}]") == token
    assert token_in_subject("[확인]") == ""


@pytest.mark.parametrize("written", list(corpus.mails()), ids=lambda written: written.name)
def test_answers_of_mail_programs(written: corpus.Written) -> None:
    """해지 above or below any quote leaves; 네 is no command, and agrees."""
    mail = mailtext.read(written.raw)

    leaves = written.typed == "구독 해지"
    assert [each.verb for each in read_commands(mail)] == ([Verb.LEAVE] if leaves else [])
    assert agrees(mail) is (not leaves)


_ANY_WORD = st.sampled_from(sorted(word for word, verb in TABLE.items() if verb is not Verb.CONFIRM and word != "?"))


@given(_ANY_WORD, st.text(alphabet=" .!~^ㅎ\u3000", max_size=4))
def test_signs_around_a_word_change_nothing(word: str, signs: str) -> None:
    """Any word of the table, with any blanks and signs behind it."""
    assert [each.verb for each in read_commands(_mail(text=f"{word}{signs}"))] == [TABLE[word]]


@given(
    st.lists(st.sampled_from([*sorted(TABLE), "안녕하세요", "> 인용", "감사합니다", "월요일", "휴가 3일"]), max_size=12)
)
def test_leaving_never_subscribes(lines: list[str]) -> None:
    """However commands are mixed: at most three, and never one that brings mail beside one that stops it."""
    verbs = _verbs("", "\r\n".join(lines))

    assert len(verbs) <= MAX_COMMANDS
    assert not ({Verb.LEAVE, Verb.NEVER} & set(verbs) and {Verb.SUBSCRIBE, Verb.RESUME, Verb.FREQUENCY} & set(verbs))


@given(st.text(alphabet=st.characters(codec="ascii", exclude_characters="\r\n"), max_size=60))
def test_a_sentence_with_more_words_is_no_command(text: str) -> None:
    """A word of the table within a longer line is none."""
    assert read_commands(_mail(text=f"xq unsubscribe qx {text}")) == ()
