"""Whether a mail is really from the domain its From names, by what our own mail server has found (RFC 8601, RFC 7489).

In: the mail's Authentication-Results and the name of our server. Out: whether SPF or DKIM passed for the domain of
From or one above or below it, and what DKIM said, for the evidence. Fields of other servers are not believed. One
that came from outside under our server's name stands below ours, which is put on top, so of each method the topmost
result counts; and a `dmarc=pass` counts only if the SPF and DKIM results that stand beside it bear it out. Without a
name (`INBOUND_AUTHSERV_ID`) nobody is believed. Alignment is stricter than DMARC's: two names side by side under one
domain are not taken for one, because that needs the list of public suffixes. Pure.
"""

import re
from dataclasses import dataclass

from digest.inbound.mailtext import Reading

_MAX_FIELDS = 10
# Under these nobody has one domain alone: co.kr, com.tw.
_SECOND_LEVELS = frozenset(
    ("co", "or", "go", "ac", "ne", "re", "pe", "hs", "ms", "es", "sc", "kg", "com", "net", "org", "edu", "gov", "mil",
     "seoul", "busan")
)  # fmt: skip
_NESTED = 5  # comments within comments that are taken out
_COMMENT = re.compile(r"\((?:[^()\\]|\\.)*\)")
_RESULT = re.compile(r"^\s*([a-z][a-z0-9-]*)\s*(?:/\s*\d+\s*)?=\s*([a-z]+)", re.IGNORECASE)
_PROPERTY = re.compile(r"([a-z]+\.[a-z0-9_-]+)\s*=\s*(\"[^\"]*\"|[^\s;]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Authentic:
    """`passes`: From is authenticated. `dkim` is what is kept as evidence: its result, and the domain that signed."""

    passes: bool
    dkim: str = "none"


@dataclass(frozen=True, slots=True)
class _Result:
    method: str
    result: str
    properties: dict[str, str]


def authenticate(mail: Reading, authserv_id: str) -> Authentic:
    """Return whether From is who it says, as the server named `authserv_id` found."""
    if not authserv_id:
        return Authentic(passes=False)
    found = _results(mail, authserv_id)
    signed = [each for each in found if each.method == "dkim"]
    dkim = next((each for each in signed if each.result == "pass"), next(iter(signed), None))
    evidence = "none" if dkim is None else f"{dkim.result} {_domain_of(dkim)}".strip()[:120]
    if mail.sender is None or not mail.has_one_sender:
        return Authentic(passes=False, dkim=evidence)
    domain = mail.sender.address.rpartition("@")[2].lower().rstrip(".")
    checks = [each for each in found if each.method in ("spf", "dkim")]
    aligned = any(each.result == "pass" and _is_aligned(_domain_of(each), domain) for each in checks)
    dmarc = next((each for each in found if each.method == "dmarc"), None)
    if dmarc is not None and dmarc.result == "fail":
        return Authentic(passes=False, dkim=evidence)
    if not checks and dmarc is not None:
        named = dmarc.properties.get("header.from", "").lower()
        return Authentic(passes=dmarc.result == "pass" and named in ("", domain), dkim=evidence)
    return Authentic(passes=aligned, dkim=evidence)


def _results(mail: Reading, authserv_id: str) -> list[_Result]:
    """Return what our server has found, of each method only what its topmost field says."""
    found: list[_Result] = []
    for value in mail.all_of("authentication-results")[:_MAX_FIELDS]:
        said = _uncommented(value.decode("utf-8", "replace"))
        head, _, rest = said.partition(";")
        if head.split()[:1] != [authserv_id] and head.strip().lower().split()[:1] != [authserv_id.lower()]:
            continue
        fresh = [each for part in rest.split(";") if (each := _result(part)) is not None]
        known = {each.method for each in found}
        found += [each for each in fresh if each.method not in known]
    return found


def _uncommented(text: str) -> str:
    text = " ".join(text[:8000].split())
    for _ in range(_NESTED):
        text = _COMMENT.sub(" ", text)
    return text


def _result(part: str) -> _Result | None:
    found = _RESULT.match(part)
    if found is None:
        return None
    properties = {name.lower(): value.strip('"') for name, value in _PROPERTY.findall(part[found.end() :])}
    return _Result(found[1].lower(), found[2].lower(), properties)


def _domain_of(result: _Result) -> str:
    """Return the domain that a method is about; for SPF only the envelope's sender counts, not HELO."""
    names = ("header.d", "header.i") if result.method == "dkim" else ("smtp.mailfrom", "smtp.mail")
    named = next((result.properties[name] for name in names if name in result.properties), "")
    domain = named.rpartition("@")[2].lower().rstrip(".")
    return domain if re.fullmatch(r"[a-z0-9.-]+", domain) else ""


def _is_aligned(one: str, other: str) -> bool:
    """Whether two domains are the same, or one is under the other and that one is no bare public suffix."""
    if one == other:
        return bool(one)
    shorter, longer = sorted((one, other), key=len)
    is_suffix = shorter.count(".") == 0 or (shorter.count(".") == 1 and shorter.partition(".")[0] in _SECOND_LEVELS)
    return not is_suffix and longer.endswith(f".{shorter}")
