"""Strangers' words and links, made fit to stand in a mail.

In: what newspapers, readers and operators wrote. Out: the same on one line, short enough, without what could open a
slot of `digest.splice`, end a header line or break a line of the text part. Escaping is the renderer's. Pure.
"""

import unicodedata
from html import escape

from digest.config import Settings

LINK_MAX_OCTETS = 800  # as it is written in HTML; no line of a mail can hold a much longer one (RFC 5322 §2.1.1)
_PROLONGING = {"Mn", "Me", "Mc", "Sk"}
_JOINER = "\u200d"


def clean(text: str) -> str:
    """Return `text` on one line: control characters and line ends become blanks, broken surrogates a mark."""
    if not text.isprintable():  # also true of blanks and signs that are kept; false of nothing that is not
        text = "".join(map(_cleaned, text))
    return text.strip()


def cut(text: str, letters: int) -> str:
    """Return `text` with at most `letters` characters, cut with `…`, never within what is seen as one character."""
    if len(text) <= letters:
        return text
    end = letters - 1
    while end > 0 and (_prolongs(text[end]) or text[end - 1] == _JOINER):
        end -= 1
    return text[:end].rstrip() + "…"


def short_link(url: str, settings: Settings) -> str:
    """Return `url` without blanks; a monstrous one would make the whole edition unsendable: the site stands for it."""
    url = "".join(clean(url).split())
    return url if is_short(url) else settings.newspaper_site


def is_short(url: str) -> bool:
    """Whether a line of a mail can hold this link, as it is written in HTML."""
    return 0 < len(escape(url).encode("utf-8")) <= LINK_MAX_OCTETS


def _cleaned(char: str) -> str:
    category = unicodedata.category(char)
    if category == "Cs":
        return "\ufffd"
    return " " if category in {"Cc", "Zl", "Zp"} else char


def _prolongs(char: str) -> bool:
    """Tell whether `char` belongs to the one before it: accents, emoji parts, the vowels of decomposed Hangul."""
    return (
        char == _JOINER
        or "\u1160" <= char <= "\u11ff"
        or "\U0001f1e6" <= char <= "\U0001f1ff"
        or unicodedata.category(char) in _PROLONGING
    )
