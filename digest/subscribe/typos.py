"""Typing mistakes in domains, offered back: naver.con becomes naver.com.

In: an address that can be mailed to as it stands. Out: the address that was probably meant, or None. Only what is one
slip away (a letter wrong, missing, too many, or two swapped) from the domain of a large mail provider is taken for a
mistake, and never a domain that is itself a provider's. It is only an offer: the person decides. Pure.
"""

from digest.addresses import Address

MEANT = (
    "naver.com",
    "gmail.com",
    "hanmail.net",
    "daum.net",
    "kakao.com",
    "nate.com",
    "hotmail.com",
    "outlook.com",
    "icloud.com",
    "yahoo.com",
    "korea.kr",
)
# Providers and well-known names that are one slip away from one of those.
_REAL = frozenset(
    {"mail.com", "ymail.com", "email.com", "gmx.com", "hanmail.com", "daum.com", "korea.com", "kakao.net"}
)


def offered(address: Address) -> Address | None:
    """Return the address that was probably meant; None if nothing looks mistyped."""
    domain = address.domain
    if domain in MEANT or domain in _REAL:
        return None
    meant = next((each for each in MEANT if _is_one_slip_away(domain, each)), None)
    return Address(address.local, meant) if meant else None


def answered(address: Address, answer: str) -> Address | None:
    """Return the address a form is about, by its field `meant`; None while what is `offered` is to be asked about."""
    meant = offered(address)
    if meant is None or answer == "typed":
        return address
    return meant if answer == "offered" else None


def _is_one_slip_away(typed: str, meant: str) -> bool:
    """Whether the two differ by one letter changed, left out or added, or by two neighbours swapped."""
    start = next((at for at, (one, other) in enumerate(zip(typed, meant, strict=False)) if one != other), None)
    if start is None:
        return abs(len(typed) - len(meant)) == 1
    if len(typed) == len(meant):
        is_swapped = typed[start : start + 2] == meant[start : start + 2][::-1]
        return typed[start + 1 :] == meant[start + 1 :] or (is_swapped and typed[start + 2 :] == meant[start + 2 :])
    longer, shorter = (typed, meant) if len(typed) > len(meant) else (meant, typed)
    return longer[start + 1 :] == shorter[start:]
