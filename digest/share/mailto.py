"""The address that opens a new mail in the reader's own program: RFC 6068, short enough for every one of them.

In: the newspaper's name, a title and a link, all strangers' words. Out: `mailto:` with subject and body as
percent-encoded UTF-8, line ends as %0D%0A (RFC 6068 §5), of at most 1,800 bytes: some programs take no more than 2,000.
Hangul takes nine bytes a syllable there, so long titles are cut; the link never is. A link that is too long by itself
no program would take: then the title stands alone. Pure.
"""

from urllib.parse import quote

from digest.compose.plain import clean, cut

MAX_BYTES = 1800


def mailto(newspaper: str, title: str, link: str) -> str:
    """Return the whole address, ASCII only."""
    newspaper, title, link = clean(newspaper), clean(title), clean(link)
    letters = len(title)
    while True:
        shown = cut(title, letters)
        address = _written(f"[{newspaper}] {shown}", f"{shown}\r\n\r\n{link}\r\n")
        if len(address) <= MAX_BYTES:
            return address
        if letters > 1:
            letters = letters * 3 // 4
        elif link:
            link, letters = "", len(title)
        else:
            newspaper = cut(newspaper, max(1, len(newspaper) // 2))


def _written(subject: str, body: str) -> str:
    return f"mailto:?subject={quote(subject, safe='')}&body={quote(body, safe='')}"
