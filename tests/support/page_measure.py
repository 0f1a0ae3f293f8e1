"""How near the text that was read of a page is to the text it should give: used by tests and by `benchmarks.pages`."""

import re
from collections import Counter


def bare(text: str) -> str:
    """The text without blanks and line ends, which every way of reading sets otherwise."""
    return re.sub(r"\s+", "", text)


def runs(text: str) -> Counter[str]:
    """How often each run of five characters stands in a text."""
    text = bare(text)
    return Counter(text[at : at + 5] for at in range(max(len(text) - 4, 0)))


def overlap(got: str, gold: str, optional: list[str]) -> float:
    """F1 over runs of five characters; optional lines may stand there or not."""
    lines = gold.splitlines()
    whole, needed, have = runs(gold), runs("\n".join(line for line in lines if line not in optional)), runs(got)
    precision = sum((have & whole).values()) / max(have.total(), 1)
    recall = sum((have & needed).values()) / max(needed.total(), 1)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
