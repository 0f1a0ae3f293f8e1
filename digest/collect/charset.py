"""Bytes to text, for documents that lie about their encoding.

The ladder: a byte order mark, or the zeros of UTF-16 and UTF-32 → UTF-8 if it fits strictly, or but for a few bytes
(descriptions cut in the middle of a syllable) → what the document or the server declares → CP949 if Hangul comes
out → Windows-1252. `euc-kr` and its many names mean CP949: Python's strict `euc_kr` fails at 똠 and 펲, which papers
write. UTF-8 comes before the declaration because text in another encoding practically never fits UTF-8 by chance.
A declared Latin-1 is not believed when the bytes are good Korean: every byte sequence is valid Latin-1.
Everything guessed or contradicted is told as a doubt. Pure. RFC 7303 §3, XML 1.0 appendix F.
"""

import codecs
import re
from dataclasses import dataclass

_BOMS = (  # the longer ones first: the mark of UTF-32 LE begins with that of UTF-16 LE
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
)
_FIRST_LETTERS = tuple(
    (letter.encode(codec), codec)
    for codec in ("utf-32-be", "utf-32-le", "utf-16-be", "utf-16-le")
    for letter in ("<?", "<r", "<f", "{")
)
_EBCDIC = "<?xml".encode("cp037")
_DECLARED = re.compile(rb"""<\?xml\s[^>]*?encoding\s*=\s*["']\s*([A-Za-z0-9._:-]+)""")
_DECLARED_BY_SERVER = re.compile(r"""charset\s*=\s*["']?\s*([A-Za-z0-9._:-]+)""", re.IGNORECASE)
_KOREAN = dict.fromkeys(
    (
        "euckr",
        "ksc56011987",
        "ksc5601",
        "ksc56011989",
        "korean",
        "ksx1001",
        "windows949",
        "xwindows949",
        "ms949",
        "uhc",
    ),
    ("cp949",),
)
_SPELLINGS: dict[str, tuple[str, ...]] = {  # names with hyphens and the like removed → codecs to try in turn
    **_KOREAN,
    "big5": ("big5", "cp950", "big5hkscs"),
    "gb2312": ("gb18030",),
    "gbk": ("gb18030",),
    "shiftjis": ("shift_jis", "cp932"),
    "iso88591": ("cp1252", "latin-1"),
    "latin1": ("cp1252", "latin-1"),
    "usascii": ("cp1252", "latin-1"),
    "ascii": ("cp1252", "latin-1"),
    "maccyrillic": ("mac_cyrillic",),
    "xmaccyrillic": ("mac_cyrillic",),
    "macintosh": ("mac_roman",),
    "u16": ("utf-16",),
}
_SEVEN_BIT = ("iso2022", "hz", "utf7")  # plain ASCII to every other decoder, so they cannot wait for their turn
_FEW = 20  # one broken character in twenty that are not ASCII: damage, not another encoding


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text without a byte order mark, the codec that gave it, and what was doubtful about it."""

    text: str
    encoding: str
    doubts: tuple[str, ...] = ()


def decode(body: bytes, content_type: str = "") -> Decoded:
    """Return the text of `body`; never fails, at worst with replacement characters and a doubt that says so."""
    marked = _marked(body)
    if marked:
        return marked
    declared = _declared(body, content_type)
    for name in declared:
        if _key(name).startswith(_SEVEN_BIT) and body.isascii() and (text := _strictly(body, name)) is not None:
            return Decoded(text, name)
    if (text := _strictly(body, "utf-8")) is not None:
        return Decoded(text, "utf-8", () if body.isascii() else _contradicted(declared, "utf-8"))
    return _damaged_utf8(body, declared) or _as_declared(body, declared) or _guessed(body, declared)


def as_named(body: bytes, name: str) -> str | None:
    """Return `body` in the encoding of that name, Korean names meaning CP949; None if it does not fit or is none."""
    return _strictly(body, name)


def _marked(body: bytes) -> Decoded | None:
    for mark, codec in _BOMS:
        if body.startswith(mark):
            return _anyhow(body[len(mark) :], codec)
    for letter, codec in _FIRST_LETTERS:
        if body.startswith(letter):
            return _anyhow(body, codec)
    if body.startswith(_EBCDIC):
        head = body[:200].decode("cp037")
        declared = _DECLARED.search(head.encode("utf-8"))
        name = declared[1].decode() if declared else "cp037"
        text = _strictly(body, name)
        return Decoded(text, name) if text is not None else _anyhow(body, "cp037")
    return None


def _anyhow(body: bytes, codec: str) -> Decoded:
    text = body.decode(codec, "replace").lstrip("\ufeff")
    return Decoded(text, codec, (_damage(codec),) if _broken(text, body) else ())


def _declared(body: bytes, content_type: str) -> list[str]:
    """Return the declared names, the document's own first: servers add a default charset to whatever they send."""
    names = []
    if match := _DECLARED.search(body[:500]):
        names.append(match[1].decode("ascii"))
    if by_server := _DECLARED_BY_SERVER.search(content_type):
        names.append(by_server[1])
    return names


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _codecs(name: str) -> tuple[str, ...]:
    return _SPELLINGS.get(_key(name), (name,))


def _strictly(body: bytes, name: str) -> str | None:
    for codec in _codecs(name):
        try:
            # Codecs that do not make text of bytes (rot13, hex) raise LookupError here.
            return body.decode(codec)
        except (UnicodeError, LookupError, ValueError):
            continue
    return None


def _contradicted(declared: list[str], codec: str) -> tuple[str, ...]:
    if not declared or codec in _codecs(declared[0]) or _key(declared[0]) == _key(codec):
        return ()
    return (f"says it is {declared[0]}, but is {codec}",)


def _damaged_utf8(body: bytes, declared: list[str]) -> Decoded | None:
    text = body.decode("utf-8", "replace")
    if not _has_few_breaks(text, body):
        return None
    return Decoded(text, "utf-8", (*_contradicted(declared, "utf-8"), _damage("utf-8")))


def _as_declared(body: bytes, declared: list[str]) -> Decoded | None:
    korean = _korean(body)
    for name in declared:
        codecs_to_try = _codecs(name)
        if korean and codecs_to_try[0] == "cp1252":
            return Decoded(korean, "cp949", (f"says it is {name}, but is cp949",))
        if (text := _strictly(body, name)) is not None:
            return Decoded(text, codecs_to_try[0])
    for name in declared:
        try:
            text = body.decode(_codecs(name)[0], "replace")
        except (LookupError, UnicodeError, ValueError):
            continue
        if _has_few_breaks(text, body):
            return Decoded(text, _codecs(name)[0], (_damage(name),))
    return None


def _guessed(body: bytes, declared: list[str]) -> Decoded:
    korean = _korean(body)
    if korean:
        damage = (_damage("cp949"),) if "\ufffd" in korean else ()
        return Decoded(korean, "cp949", (*(_contradicted(declared, "cp949") or ("its encoding was guessed",)), *damage))
    text = body.decode("cp1252", "replace")
    return Decoded(text, "cp1252", ("its encoding was guessed as Windows-1252; accented letters may be wrong",))


def _korean(body: bytes) -> str:
    """Return `body` as CP949 if that makes mostly Hangul of what is not ASCII, else an empty text."""
    text = body.decode("cp949", "replace")
    if not _has_few_breaks(text, body):
        return ""
    letters = [char for char in text if char > "\x7f"]
    hangul = sum("가" <= char <= "힣" for char in letters)
    return text if hangul * 2 > len(letters) else ""


def _broken(text: str, body: bytes) -> int:
    """Count the replacement characters that decoding made, leaving out those that stood in the document."""
    return max(0, text.count("\ufffd") - body.count("\ufffd".encode()))


def _has_few_breaks(text: str, body: bytes) -> bool:
    others = sum(1 for char in text if char > "\x7f")
    return others > _FEW * _broken(text, body)


def _damage(name: str) -> str:
    return f"holds bytes that are no {name}; they are shown as \ufffd"
