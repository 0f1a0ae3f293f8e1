"""What looks alike, written alike, to be searched for what it hides: a text goes in, another comes out that is no text
for people any more.

Small letters; full-width, circled and mathematical letters and digits as plain ones (NFKC); digits of all scripts as
ours; letters of Cyrillic and Greek that look Latin as Latin; full stops of all kinds as one; what only joins or marks
pictures left out. Pure.
"""

import unicodedata

_LETTERS = str.maketrans(
    "аеорсухкмтнвіјѕԁӏԛԝһɡοανρτικυχεϲıⅼ", "aeopcyxkmthbijsdlqwhgoavptikuxecil"
)  # the small letters of Unicode's confusables that spell domains
_STOPS = str.maketrans({"。": ".", "｡": ".", "․": ".", "‧": ".", "．": ".", "﹒": ".", "܁": ".", "܂": ".", "٠": "0"})
_OTHER_DOTS = str.maketrans({"·": ".", "•": ".", "∙": ".", "⋅": ".", "・": ".", "ㆍ": ".", "ᆞ": ".", "●": ".", "◦": "."})
_LEFT_OUT = {"Cf", "Me"}


def text(said: str) -> str:
    """Return the text to search in."""
    kept = "".join(char for char in unicodedata.normalize("NFKC", said).casefold() if _is_kept(char))
    return "".join(map(_digit, kept)).translate(_STOPS).translate(_LETTERS)


def dotted(alike: str) -> str:
    """Return it with the dots between words as full stops, too: in Korean they are an ordinary comma of words."""
    return alike.translate(_OTHER_DOTS)


def _is_kept(char: str) -> bool:
    return unicodedata.category(char) not in _LEFT_OUT and char != "\ufe0f"


def _digit(char: str) -> str:
    return str(unicodedata.decimal(char)) if char.isdecimal() else char
