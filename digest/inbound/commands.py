"""What a mail asks for: commands in the address, the subject, the first lines, in Korean and English.

In: a mail as read, and what the address says that it came to. Out: at most three commands. Only a whole line is one,
the longest word first, so that 구독 해지 is not 구독; a line that is none is passed over. What the address says goes
before the subject, and the subject before the text; but leaving wins over everything that would bring mail, wherever
it stands. A word that agrees (네, 확인) is a command only behind a token, which the acts look for; `agrees` tells
whether a mail agrees, and a bare answer without a word of its own does. Pure.
"""

import re
from dataclasses import dataclass
from datetime import date

from digest.inbound import words
from digest.inbound.mailtext import Reading
from digest.inbound.quoting import own_lines
from digest.inbound.subjects import bare
from digest.inbound.words import Verb

MAX_COMMANDS = 3
_LINES = 10
_MAX_DAYS = 366
_MAX_TOPIC = 40
_STOPS = (Verb.LEAVE, Verb.NEVER)
_AFTER_STOP = frozenset((*_STOPS, Verb.ERASE, Verb.EXPORT, Verb.HELP, Verb.STATUS))
_TOKEN = re.compile(r"\[\s*(?:확인|confirm)\s+([a-z2-7]{20,60})\s*\]", re.IGNORECASE)
_PAUSE = re.compile(
    r"(?:일시\s*정지|일시\s*중지|정지|휴가|쉬기|구독\s*정지|pause|hold|vacation)\s*[:：]?\s*(.{1,30})", re.IGNORECASE
)
_DAYS = re.compile(r"(\d{1,3})\s*(?:일(?:간|동안|\s*동안)?|days?)", re.IGNORECASE)
_WEEKS = re.compile(r"(\d{1,2})\s*(?:주(?:간|일|동안|\s*동안)?|weeks?)", re.IGNORECASE)
_UNTIL = re.compile(
    r"(?:until\s+|till\s+)?(\d{4})\s*[-./년]\s*(\d{1,2})\s*[-./월]\s*(\d{1,2})\s*일?\s*\.?\s*(?:까지)?", re.IGNORECASE
)
_GREETING = re.compile(r"(?:안녕하세요|안녕하십니까|안녕하세여|hello|hi|dear).{0,20}", re.IGNORECASE)
_TOPIC = re.compile(r"(지역|주제|분야|제외|빼기|topic|section|region|except|without)\s*[:：]?\s+(\S.*)", re.IGNORECASE)
_EXCEPT = frozenset(("제외", "빼기", "except", "without"))


@dataclass(frozen=True, slots=True)
class Command:
    """One thing that is asked for. What belongs to another verb is empty.

    PAUSE: `days`, or `until`, or neither (until they say otherwise). FREQUENCY: `weekdays` as in `SlotChoice`, or
    `part` (weekly, morning, evening). TOPICS: `topic` as typed, only ever compared; `is_without`: leave it out.
    """

    verb: Verb
    days: int | None = None
    until: date | None = None
    weekdays: int = 0
    part: str = ""
    topic: str = ""
    is_without: bool = False


def read_commands(mail: Reading, by_address: Verb | None = None) -> tuple[Command, ...]:
    """Return what a mail asks for, `by_address` being what the address it came to says. CONFIRM is never among them."""
    in_subject = _command(bare(mail.subject))
    in_text = [found for line in own_lines(mail.text)[:_LINES] if (found := _command(line))]
    asked = [each for each in (in_subject, *in_text) if each and each.verb is not Verb.CONFIRM]
    stops = [each for each in asked if each.verb in _STOPS]
    if by_address is not None:
        wanted = [Command(by_address)]
        if stops and by_address not in _AFTER_STOP:
            wanted = stops
    elif stops:
        wanted = [each for each in asked if each.verb in _AFTER_STOP]
        if any(each.verb is Verb.NEVER for each in stops):
            wanted = [each for each in wanted if each.verb is not Verb.LEAVE]
    elif in_subject is not None and in_subject.verb is not Verb.CONFIRM:
        wanted = [in_subject, *(each for each in asked[1:] if each.verb is in_subject.verb)]
    else:
        wanted = asked
    return tuple(dict.fromkeys(wanted))[:MAX_COMMANDS]


def agrees(mail: Reading) -> bool:
    """Whether a mail that carries a token agrees: its first line after a greeting says so, or it says nothing at all.

    Any other first line is something a person has to say, or a notice of absence. Words that leave disagree.
    """
    lines = [line for line in own_lines(mail.text)[:_LINES] if not _GREETING.fullmatch(line)]
    verbs = [words.verb_of(line) for line in lines]
    if any(verb in _STOPS or verb is Verb.ERASE for verb in (*verbs, words.verb_of(bare(mail.subject)))):
        return False
    return not lines or verbs[0] in (Verb.CONFIRM, Verb.SUBSCRIBE)


def token_in_subject(subject: str) -> str:
    """Return the token of a subject that holds `[확인 TOKEN]`, empty if it holds none."""
    found = _TOKEN.search(subject)
    return found[1].lower() if found else ""


def _command(line: str) -> Command | None:
    verb = words.verb_of(line)
    if verb is not None:
        return Command(verb)
    frequency = words.frequency_of(line)
    if frequency is not None:
        if isinstance(frequency, int):
            return Command(Verb.FREQUENCY, weekdays=frequency)
        return Command(Verb.FREQUENCY, part=frequency)
    line = words.stripped(line)
    return _pause(line) or _topic(line)


def _pause(line: str) -> Command | None:
    found = _PAUSE.fullmatch(line)
    if found is None:
        return None
    how_long = words.stripped(found[1])
    if given := _DAYS.fullmatch(how_long):
        days = int(given[1])
    elif given := _WEEKS.fullmatch(how_long):
        days = int(given[1]) * 7
    elif given := _UNTIL.fullmatch(how_long):
        try:
            return Command(Verb.PAUSE, until=date(int(given[1]), int(given[2]), int(given[3])))
        except ValueError:
            return None
    else:
        return None
    return Command(Verb.PAUSE, days=days) if 0 < days <= _MAX_DAYS else None


def _topic(line: str) -> Command | None:
    found = _TOPIC.fullmatch(line)
    if found is None:
        return None
    topic = " ".join(words.stripped(found[2]).split())
    if not topic or len(topic) > _MAX_TOPIC or len(topic.split()) > 4:
        return None
    return Command(Verb.TOPICS, topic=topic, is_without=found[1].casefold() in _EXCEPT)
