"""What somebody may write in a share: a short name and a note, and nothing that leads anywhere.

Every system that let strangers mail free text to anybody was used for adverts, and the name was their first carrier.
So whatever holds a link, an address, a phone number or an invisible sign is refused, not cleaned: the writer sees why
and can say it in other words. What looks alike is compared alike (NFKC: full-width letters and dots). Pure.
"""

import re
import unicodedata
from enum import StrEnum

NAME_LETTERS = 20
NOTE_LETTERS = 200
NOTE_LINES = 4  # three line breaks

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_IN_NAME = {"L", "M"}
_DOTS = str.maketrans({"。": ".", "．": ".", "｡": ".", "·": ".", "․": ".", "•": "."})
_LINK = re.compile(
    r"""https?\s*:|www\s*\.|://
      | [a-z0-9가-힣-]+ \. [a-z]{2,}                 # a domain
      | [a-z0-9가-힣-] \s* [.,] \s* (?: com | net | org | kr | info | biz | xyz | top | shop ) \b
      | [a-z0-9-]+ \. [가-힣]{2,}                    # one in Hangul
      | xn--
      | (?: 점 | 닷 | \(dot\) | \[dot\] ) \s* (?: com | net | org | kr | co | me | io | 컴 | 넷 | 케이알 )
      | @ | \(at\) | \[at\] | 골뱅이""",
    re.VERBOSE | re.IGNORECASE,
)
_PHONE = re.compile(r"\d(?:[\s.\-()/]{0,2}\d){7,}")


class Problem(StrEnum):
    """Why a text is refused; the pages have the words for it."""

    TOO_LONG = "too_long"
    LEADS_AWAY = "leads_away"
    INVISIBLE = "invisible"
    LINES = "lines"
    NOT_A_NAME = "not_a_name"


def name(text: str) -> tuple[str, Problem | None]:
    """Return the sender's name as it is shown (NFC, one blank between words), and what is wrong with it."""
    said = " ".join(unicodedata.normalize("NFC", text).split(" ")).strip()
    said = re.sub(" +", " ", said)
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
    return any(unicodedata.category(char) in _INVISIBLE and not (breaks and char == "\n") for char in said)


def _leads_away(said: str) -> bool:
    alike = unicodedata.normalize("NFKC", said).translate(_DOTS)
    return bool(_LINK.search(alike) or _PHONE.search(alike))
