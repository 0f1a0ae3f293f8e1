"""What a source is called where nobody says: a name of the letters that names may have, and that an editor recognises.

In: its address, its title, the names that are taken. Out: a name (`[a-z][a-z0-9-]{0,31}`). The host says it best
(`www.gaon.co.kr` → gaon; of a host that houses many, `naru.tistory.com` → naru); an address of numbers says nothing, so
there the title is taken, Korean in Latin letters as it is spoken (국어의 로마자 표기법, of its sound changes only the
link to a vowel), and at last the numbers. A Korean host is read like a Korean title. Pure.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_LONGEST_STEM = 27  # and -1000 behind it
_OF_NOBODY = {
    "co",
    "or",
    "go",
    "ne",
    "com",
    "net",
    "org",
    "re",
    "pe",
    "rss",
    "m",
    "www",
    "feed",
    "feeds",
    "blog",
    "news",
}
_HOUSES = {
    "tistory", "blogspot", "wordpress", "github", "gitlab", "naver", "daum", "kakao", "brunch", "substack", "medium",
    "feedburner", "cafe24", "imweb", "wixsite", "modoo", "netlify", "vercel", "egloos", "stibee",
}  # fmt: skip
_WORDS_OF_LISTS = re.compile(
    r"(?<!\w)(?:rss|atom|feed|피드|전체\s?(?:기사|뉴스)?|최신\s?(?:기사|뉴스))(?!\w)", re.IGNORECASE
)
_FIRST_SYLLABLE, _SYLLABLES = 0xAC00, 11_172
_INITIALS = ("g", "kk", "n", "d", "tt", "r", "m", "b", "pp", "s", "ss", "", "j", "jj", "ch", "k", "t", "p", "h")
_VOWELS = (
    "a", "ae", "ya", "yae", "eo", "e", "yeo", "ye", "o", "wa", "wae", "oe", "yo", "u", "wo", "we", "wi", "yu", "eu",
    "ui", "i",
)  # fmt: skip
_FINALS = (
    "", "k", "k", "k", "n", "n", "n", "t", "l", "k", "m", "l", "l", "l", "p", "l", "m", "p", "p", "t", "t", "ng", "t",
    "t", "k", "t", "p", "t",
)  # fmt: skip
_BEFORE_VOWEL = {"k": "g", "t": "d", "p": "b", "l": "r"}
_SILENT_INITIAL = 11


def propose_name(url: str, taken: Collection[str], title: str = "") -> str:
    """Return a name for a source, not among `taken`. A title that is a name already stays."""
    if _NAME.fullmatch(title) and title not in taken:
        return title
    host = _host(url)
    stems = (_stem(text) for text in (_of_host(host), _WORDS_OF_LISTS.sub(" ", title), host))
    stem = next((stem for stem in stems if stem), "paper")
    if not stem[0].isalpha():
        stem = f"paper-{stem}"[:_LONGEST_STEM].rstrip("-")
    names = (stem, *(f"{stem}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


def romanised(text: str) -> str:
    """Return `text` with its Hangul in Latin letters."""
    return "".join(_pieces(unicodedata.normalize("NFC", text)))


def _pieces(text: str) -> Iterator[str]:
    final = ""
    for char in text:
        number = ord(char) - _FIRST_SYLLABLE
        if not 0 <= number < _SYLLABLES:
            yield final + char
            final = ""
            continue
        initial, rest = divmod(number, len(_VOWELS) * len(_FINALS))
        vowel, last = divmod(rest, len(_FINALS))
        yield _BEFORE_VOWEL.get(final, final) if initial == _SILENT_INITIAL else final
        yield ("l" if final == "l" and _INITIALS[initial] == "r" else _INITIALS[initial]) + _VOWELS[vowel]
        final = _FINALS[last]
    yield final


def _host(url: str) -> str:
    """The host of an address in letters, Korean ones as they are written."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return ""
    try:
        return host.encode("ascii").decode("idna")
    except UnicodeError:
        return host


def _of_host(host: str) -> str:
    """The label of a host that names the paper; empty where none does."""
    try:
        ip_address(host)
    except ValueError:
        pass
    else:
        return ""
    labels = [label for label in host.split(".")[:-1] if label not in _OF_NOBODY] or host.split(".")[:1]
    own = [label for label in labels if label not in _HOUSES]
    if len(own) < len(labels):
        return own[-1] if own else ""
    return labels[-1]


def _stem(text: str) -> str:
    plain = unicodedata.normalize("NFKD", romanised(text)).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_LONGEST_STEM].rstrip("-")
