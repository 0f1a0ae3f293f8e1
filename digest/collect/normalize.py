"""Text and links as articles carry them.

Titles stay verbatim (신문법 제10조②): what a reader would see, no more changed than that. Markup goes, character
references are resolved once, invisible and direction-changing characters go (they let a title lie about what follows
it), white space is folded, and composed Hangul is used (NFC; files from some systems come decomposed and look broken in
mail programs). Links are made absolute; only http and https are links. Pure.
"""

import html
import re
import unicodedata
from urllib.parse import quote, urljoin, urlsplit

EXCERPT_LETTERS = 200
TITLE_LETTERS = 1000
_MAX_LINK = 2000
_ELLIPSIS = "…"

# Bidirectional controls, zero-width blanks, soft hyphen, byte order mark. The joiners ‌ and ‍ stay: emoji need them.
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]"
)
_NO_TEXT = re.compile("[\x00-\x08\x0e-\x1b\x7f\x80-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_REFERENCE = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_SECTION = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)  # of a text that was wrapped or escaped twice
_VOID_TAG = re.compile(r"</?(?:br|img|hr|wbr)\b[^<>]*>", re.IGNORECASE)
_PAIRED_TAG = re.compile(
    r"<(a|abbr|b|big|cite|code|del|div|em|font|h[1-6]|i|ins|kbd|mark|p|q|s|samp|small|span|strike|strong|sub|sup|tt|u)"
    r"(?:\s[^<>]*)?>(.*?)</\1\s*>",
    re.IGNORECASE | re.DOTALL,
)
_LINE_BREAKS = re.compile(r"[\t\r\n]")
_ENDS_A_LINK = re.compile(r'[\s"<>\\^`{|}]')
_BREAKING = {"div", "p", "h1", "h2", "h3", "h4", "h5", "h6"}


def clean_line(text: str) -> str:
    """Fold `text` into one line without invisible characters."""
    return unicodedata.normalize("NFC", " ".join(_visible(text).split()))


def _visible(text: str) -> str:
    """Take out what cannot be seen; what is printable, as nearly all text is, holds nothing of that."""
    return text if text.isprintable() else _NO_TEXT.sub("", _INVISIBLE.sub("", text))


def clean_title(text: str, *, is_plain: bool = False) -> str:
    """Return a title as a reader sees it.

    Feeds do not say whether their titles are text or HTML. A pair of known tags, or a void one, is markup; anything
    else in angle brackets (`<르포>`, `<상>`, `1 < 2`) is the paper's own. `is_plain`: the feed says it is plain text.
    """
    if "<" in text:
        text = _SECTION.sub(r"\1", text)
        text = text if is_plain else _without_tags(text)
    if "&" in text and not is_plain:
        text = _REFERENCE.sub(lambda match: html.unescape(match[0]), text)
    text = clean_line(text)
    return text if len(text) <= TITLE_LETTERS else shorten(text, TITLE_LETTERS)


def _without_tags(text: str) -> str:
    text = _VOID_TAG.sub(" ", text)
    for _ in range(5):  # tags within tags
        bare = _PAIRED_TAG.sub(lambda match: f" {match[2]} " if match[1].lower() in _BREAKING else match[2], text)
        if bare == text:
            break
        text = bare
    return text


def shorten(text: str, letters: int) -> str:
    """Cut `text` to at most `letters` characters, the last one `…`; nothing that is one sign to the eye is torn."""
    if len(text) <= letters:
        return text
    end = letters - len(_ELLIPSIS)
    while end > 0 and _continues(text, end):
        end -= 1
    return text[:end].rstrip() + _ELLIPSIS


def excerpt(paragraphs: tuple[str, ...], letters: int = EXCERPT_LETTERS) -> str:
    """Return the beginning of the text, at most `letters` characters."""
    text = ""
    for paragraph in paragraphs:
        text = f"{text} {paragraph}".strip()
        if len(text) > letters:
            break
    return shorten(text, letters)


def _continues(text: str, at: int) -> bool:
    """Whether the character at `at` belongs to the sign before it (after NFC; UAX #29, the cases news hold)."""
    char, before = text[at], text[at - 1]
    if before == "\u200d" or char == "\u200d":
        return True
    if unicodedata.category(char) in {"Mn", "Me", "Mc"} or "\U0001f3fb" <= char <= "\U0001f3ff":
        return True
    if "\u1160" <= char <= "\u11ff":  # a vowel or final of decomposed Hangul that has no composed form
        return True
    return "\U0001f1e6" <= char <= "\U0001f1ff" and "\U0001f1e6" <= before <= "\U0001f1ff"


def usable_link(link: str, base: str) -> str:
    """Return `link` made absolute, or an empty text if it is none that a mail can carry.

    `javascript:`, `data:`, `mailto:` and the like, links without a host and links of more than 2,000 characters are
    refused. Blanks and what else would end a link early in a plain text are percent-encoded, nothing else is changed.
    """
    link = _LINE_BREAKS.sub("", _visible(link).strip())
    if not link or len(link) > _MAX_LINK:
        return ""
    try:
        # Joining costs as much as all the rest, and most links are whole.
        absolute = link if link.startswith(("http://", "https://")) else urljoin(base, link)
        split = urlsplit(absolute)
        if split.scheme.lower() not in ("http", "https") or not split.hostname:
            return ""
        _ = split.port  # raises on http://host:port/
    except ValueError:
        return ""
    return _ENDS_A_LINK.sub(lambda match: quote(match[0]), absolute)
