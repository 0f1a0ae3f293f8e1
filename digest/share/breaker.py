"""When sharing stops by itself: for everybody, or for one sender. Pure.

In: what became of the newest mails of the share stream. Out: whom to stop, and why, in words for the operator.

    more than 5 of the last 100 do not exist                                    -> everybody
    3 people complain about 3 senders, and they are 2 % or more of the last 100 -> everybody
    2 people complain about one sender                                          -> that sender

So that nobody switches the feature off for all with two friends, complaints count for as many as there are different
people about different senders: each person and each sender once (a matching). Who wants no shares any more has not
complained. Fewer than 100 mails count as if the others had arrived: the first mistyped address of a new installation
is no catastrophe.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from digest.models.shares import EndedMail

WINDOW = 100
MOST_BOUNCED = 5  # of the window: 5 %
COMPLAINTS = 3
COMPLAINTS_PERCENT = 2
COMPLAINTS_ABOUT_ONE = 2


@dataclass(frozen=True, slots=True)
class Verdict:
    """What must stop. `everybody`: the reason, "" if nothing is wrong; `senders`: their keyed hashes."""

    everybody: str
    senders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """How the newest mails fared. `complained`: different people about different senders."""

    mails: int
    bounced: int
    complained: int


def count(newest: Sequence[EndedMail]) -> Count:
    """Count what the verdict goes by, among the last 100 of `newest` (the newest first)."""
    mails = newest[:WINDOW]
    pairs = [(each.recipient, each.about) for each in mails if each.is_complained]
    return Count(len(mails), sum(each.is_bounced for each in mails), _different(pairs))


def decide(newest: Sequence[EndedMail], complained: Iterable[EndedMail]) -> Verdict:
    """Decide on the newest mails (the newest first), and on the shares that were complained of within a month."""
    found = count(newest)
    if found.bounced > MOST_BOUNCED:
        reason = f"{found.bounced} of the last {found.mails} mails went to addresses that do not exist"
    elif found.complained >= COMPLAINTS and found.complained * 100 >= COMPLAINTS_PERCENT * found.mails:
        reason = f"{found.complained} people complained about as many senders, among the last {found.mails} mails"
    else:
        reason = ""
    people: dict[str, set[str]] = {}
    for each in complained:
        if each.is_share:
            people.setdefault(each.about, set()).add(each.recipient)
    return Verdict(reason, tuple(sorted(who for who, each in people.items() if len(each) >= COMPLAINTS_ABOUT_ONE)))


def _different(pairs: Iterable[tuple[str, str]]) -> int:
    """Return how many of the pairs can be chosen so that nobody stands in two of them (a maximum matching)."""
    complained_of: dict[str, list[str]] = {}
    for person, sender in pairs:
        complained_of.setdefault(person, []).append(sender)
    taken: dict[str, str] = {}
    return sum(_finds_one(person, complained_of, taken, set()) for person in complained_of)


def _finds_one(person: str, complained_of: Mapping[str, list[str]], taken: dict[str, str], tried: set[str]) -> bool:
    """Give the person a sender of their own, if need be by giving who has it another (an augmenting path)."""
    for sender in complained_of[person]:
        if sender in tried:
            continue
        tried.add(sender)
        if sender not in taken or _finds_one(taken[sender], complained_of, taken, tried):
            taken[sender] = person
            return True
    return False
