"""Subjects without what programs put before them: Re: 답장: 회신: 전달: and names in brackets, however often. Pure."""

import re

_PREFIX = re.compile(
    r"\s*(?:re|fw|fwd|aw|sv|vs|antw|tr|rv|답장|답신|회신|답변|전달|回复|答复|转发|回覆|轉寄)"
    r"\s*(?:\[\d{1,3}\]|\(\d{1,3}\)|\^\d{1,3}|\d{1,2})?\s*[:：]\s*",
    re.IGNORECASE,
)
_BRACKETS = re.compile(r"\s*(?:\[[^\[\]]{0,80}\]|【[^【】]{0,80}】)\s*")


def bare(subject: str) -> str:
    """Return the subject without prefixes and leading brackets; what stands in brackets alone is kept without them."""
    left = subject
    while True:
        found = _PREFIX.match(left) or _BRACKETS.match(left)
        if found is None:
            return left.strip()
        rest = left[found.end() :]
        if not rest.strip():
            return found[0].strip().strip("[]【】").strip() if _BRACKETS.match(left) else ""
        left = rest
