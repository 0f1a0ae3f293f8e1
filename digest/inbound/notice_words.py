"""What the words and the enhanced code of a refusal say about its cause. Pure.

In: a diagnostic, or a server's text to people; a status of RFC 3463. Out: a `Cause`, and the class that follows from
both. Rules are families of phrases, in the order in which they win: what speaks of the mail or of us comes before what
speaks of the recipient, because a reader who is stopped wrongly is worse than a dead address that is written to once
more. Addresses, host names and links are taken out before: "spam-filter.example" says nothing. The text goes before the
field, since many servers put 5.0.0 or 5.1.1 on everything; where the text says nothing, the status decides.
"""

import re

from digest.inbound.notice_phrases import FAMILIES
from digest.models.notices import Cause, NoticeClass

_NOISE = re.compile(
    r"https?://\S+|www\.\S+|<?[^\s<>@,;]{0,64}@[^\s<>,;]+>?|\b[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}\.[A-Za-z][\w-]*\b(?!\s*:)"
)
_EXCHANGE = re.compile(r"RESOLVER\.ADR\.\w*NotFound", re.IGNORECASE)
_STATUS = re.compile(r"(?<![\d.])([245])[.](\d{1,3})[.](\d{1,3})(?![\d.]*\d)")
_REPLY = re.compile(r"(?<![\d.])(4[25]\d|5[0-7]\d)(?=[\s\-#]|$)")


def compiled(phrases: str, *, begins: str = "") -> re.Pattern[str]:
    """Return the expression for a list of phrases, one a line; `begins` is what stands before each of them."""
    lines = [line.strip() for line in phrases.splitlines() if line.strip()]
    return re.compile(f"{begins}(?:{'|'.join(lines)})", re.IGNORECASE)


_FAMILIES = tuple((cause, compiled(phrases)) for cause, phrases in FAMILIES)

_OF_STATUS = {
    "1.1": Cause.GONE, "1.6": Cause.GONE, "1.10": Cause.GONE, "1.3": Cause.GONE,
    "1.2": Cause.NO_DOMAIN, "4.4": Cause.NO_DOMAIN,
    "2.1": Cause.DISABLED, "2.2": Cause.FULL, "2.3": Cause.SIZE, "3.4": Cause.SIZE,
    "4.1": Cause.LATER, "4.2": Cause.LATER, "4.7": Cause.LATER, "1.8": Cause.POLICY, "1.7": Cause.POLICY,
}  # fmt: skip
_DEAD = frozenset({Cause.GONE, Cause.NO_DOMAIN, Cause.DISABLED})
_STATUS_OF = {Cause.GONE: "5.1.1", Cause.NO_DOMAIN: "5.4.4", Cause.DISABLED: "5.1.1", Cause.FULL: "4.2.2"}
_VAGUE = re.compile(r"[245]\.0\.0|[45]\.4\.7|[45]\.3\.0|[45]\.5\.0|[45]\.1\.0|[45]\.7\.0|[45]\.2\.0")


def cause_of(text: str) -> Cause:
    """Return what the words say, `UNKNOWN` if nothing."""
    text = _EXCHANGE.sub(" recipient not found ", text[:8000])
    words = " ".join(_NOISE.sub(" ", text).split())[:4000]
    return next((cause for cause, family in _FAMILIES if family.search(words)), Cause.UNKNOWN)


def cause_of_status(status: str) -> Cause:
    """Return what an enhanced code says alone."""
    _, _, about = status.partition(".")
    if about.startswith(("7.", "6.")):
        return Cause.POLICY
    return _OF_STATUS.get(about, Cause.UNKNOWN)


def statuses_in(text: str) -> list[str]:
    """Return the enhanced codes that stand in a text, in their order."""
    return [match.group() for match in _STATUS.finditer(text)]


def reply_in(text: str) -> int:
    """Return the first SMTP reply code in a text, 0 if there is none."""
    found = _REPLY.search(text)
    return int(found.group(1)) if found else 0


def best_status(field: str, text: str) -> str:
    """Return the status that says most: the field's, unless that is vague or missing and the text has a better one."""
    found = statuses_in(field)
    given = found[0] if found else ""
    if given and not _VAGUE.fullmatch(given):
        return given
    is_empty = given.endswith(".0.0")
    told = [each for each in statuses_in(text) if each[0] in "45" and each != given]
    told = [each for each in told if not given or not (each.endswith(".0.0") if is_empty else _VAGUE.fullmatch(each))]
    if given and told and told[0][0] != given[0] and not given.endswith(".4.7"):
        return told[0] if given[0] == "5" else given
    return told[0] if told else given


def status_of(cause: Cause, *, is_delayed: bool) -> str:
    """Return a status for a notice that tells none; empty where the words are no more precise than that it failed."""
    if is_delayed:
        return "4.2.2" if cause is Cause.FULL else "4.2.0"
    return _STATUS_OF.get(cause, "")


def classify(cause: Cause, status: str, reply: int = 0) -> NoticeClass:
    """Return the class of a failure. A temporary code is never hard: what failed for good says so.

    `reply`: the SMTP reply code, 0 if none was told."""
    if cause is Cause.CHALLENGE:
        return NoticeClass.NONE
    if cause in _DEAD and not status.startswith("4.") and not 400 <= reply < 500:
        return NoticeClass.HARD
    return NoticeClass.SOFT
