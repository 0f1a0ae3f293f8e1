"""The circuit breaker: notice that it is our mail that is refused, and stop before it burns through the list.

In: every outcome. A refusal of the mail (`mail_problem`) costs no reader a try and is counted per edition and
provider, since somebody last took the edition: in memory, so that five stop at once, and in the ledger, so that five of
all workers together do (`database.refusals`):

    five in a row, and nobody else takes it     -> the edition is held
    five at one provider, and others take it    -> that provider is paused, the others get theirs
    five at a domain that is no large provider  -> a person is told; its readers are tried again ever more seldom

Claims come provider by provider: when the first five of an edition are all one provider's, it is set aside for a
moment, so that others are tried before anything is decided. Daum's filter refused a whole newspaper in May 2020; its
readers elsewhere should not have waited for that. What was deferred goes out when a person releases the edition or
resumes the provider. Mails that belong to no edition cannot be held: refusing them is charged, and a person is told.
The alerts quote the relay without addresses.

Alerts: `edition:ID`, `provider:NAME`, `mails:refused`, `mails:null-sender`.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial

from digest.deliver.stops import IN_A_ROW, MORE_THAN_ONE, Refusal, Stops, Told
from digest.models.deliveries import Delivery, DeliveryState, Outcome

_KEPT = 50  # editions that are counted at the same time


@dataclass(slots=True)
class _Record:
    """How one edition fares: who took it, and who refused how many since anybody, or since themselves, took one."""

    taken: set[str] = field(default_factory=set)
    row: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    told: set[str] = field(default_factory=set)  # of whose refusals all workers know
    took: bool = False  # one was taken since they were last told of a refusal
    aside: str = ""  # the provider that was set aside until others were tried, and what it said
    aside_problem: str = ""

    def take(self, where: str) -> None:
        self.taken.add(where)
        self.took = True
        if self.refused:
            self.row.clear()
            del self.refused[where]

    def refuse(self, where: str) -> None:
        self.row[where] += 1
        self.refused[where] += 1

    def tell(self, edition_id: int, where: str) -> Refusal:
        """Return what all workers are to know of the refusal that came last."""
        is_first_there = self.refused[where] == 1
        refusal = Refusal(
            edition_id,
            where,
            begins_anew=self.took and bool(self.told),
            begins_anew_there=is_first_there and where in self.told,
        )
        self.took = False
        self.told.add(where)
        return refusal

    def is_taken_elsewhere(self, where: str) -> bool:
        return len(self.taken) > (where in self.taken)

    def is_refused_everywhere(self, where: str) -> bool:
        total = self.row.total()
        if total < IN_A_ROW:
            return False
        return not self.is_taken_elsewhere(where) or total - max(self.row.values()) >= MORE_THAN_ONE

    def is_untried_elsewhere(self, where: str) -> bool:
        return not self.is_taken_elsewhere(where) and set(self.row) == {where}

    def is_refused_at(self, where: str) -> bool:
        return self.refused[where] >= IN_A_ROW and self.is_taken_elsewhere(where)


class Breaker:
    """The breaker of one worker."""

    def __init__(self, stops: Stops) -> None:
        self._stops = stops
        self._records: dict[int | None, _Record] = {}

    def heard(self, delivery: Delivery, outcome: Outcome) -> Outcome:
        """Take note of an outcome; return it as it is to be settled."""
        if outcome.sender_problem:
            self._stops.tell_of_null_sender(
                f"{outcome.sender_problem} Answers to what people write go out under the null sender, so "
                "this relay takes none of them. Write INBOUND_NULL_SENDER=no and start again: what waits is tried for "
                "a day."
            )
        is_taken = outcome.state is DeliveryState.ACCEPTED
        if not is_taken and not outcome.mail_problem:
            return outcome
        record = self._records.get(delivery.edition_id)
        if record is None:
            record = self._begin(delivery.edition_id)
        where = delivery.provider or delivery.recipient.domain
        if is_taken:
            record.take(where)
            if record.aside and delivery.edition_id is not None and record.is_refused_at(record.aside):
                self._pause(record, delivery.edition_id, record.aside, record.aside_problem)
            return outcome
        record.refuse(where)
        if delivery.edition_id is None:
            return self._refused_alone(record, outcome)
        return self._refused(record, delivery.edition_id, delivery, where, outcome)

    def _begin(self, edition_id: int | None) -> _Record:
        if len(self._records) >= _KEPT:
            del self._records[next(iter(self._records))]
        record = self._records[edition_id] = _Record()
        return record

    def _refused(self, record: _Record, edition_id: int, delivery: Delivery, where: str, outcome: Outcome) -> Outcome:
        if self._stops.covers(delivery):
            return outcome  # was on the wire; it is decided already, or will be when others were tried
        refusal = record.tell(edition_id, where)
        problem = outcome.mail_problem
        pause = partial(self._pause, record, edition_id, where, problem) if delivery.provider else None
        if record.is_refused_everywhere(where):
            if not self._hold(record, edition_id, delivery, where, problem):
                self._stops.count_refusal(refusal, hold=None, pause=pause)  # others may take it from other workers
        elif record.is_refused_at(where) and delivery.provider:
            self._pause(record, edition_id, where, problem)
        elif record.is_refused_at(where):
            text = f"{where} refused {IN_A_ROW} mails of edition {edition_id} in a row or more; others take it."
            self._stops.tell_of_domain(where, f"{text} {problem}")
            return replace(outcome, charged=True)
        else:
            # Too few here; with those of the other workers it may be enough.
            hold = partial(self._hold, record, edition_id, delivery, where, problem)
            self._stops.count_refusal(refusal, hold=hold, pause=pause)
        return outcome

    def _hold(self, record: _Record, edition_id: int, delivery: Delivery, where: str, problem: str) -> bool:
        """Hold the edition, unless only one provider was tried: then that is set aside until others were. Say which."""
        if self._stops.covers(delivery):
            return False  # set aside while the count of an earlier refusal was under way
        is_one_providers = delivery.provider and record.is_untried_elsewhere(where)
        if is_one_providers and not record.aside:
            record.aside, record.aside_problem = where, problem
            self._stops.set_aside(delivery.provider)
            return False
        self._records.pop(edition_id, None)
        why = f"{IN_A_ROW} mails of it were refused in a row. {problem}"
        text = (
            f"Edition {edition_id} is held: {why} Look at it with: digest editions show {edition_id}. Send it on "
            f"with: digest editions release {edition_id}, or give it up with: digest editions cancel {edition_id}"
        )
        if is_one_providers:  # here; what others have taken elsewhere stands in the ledger
            pause = _paused(edition_id, where, problem)
            self._stops.hold_edition(edition_id, Told(why, text), unless=where, else_pause=pause)
        else:
            self._stops.hold_edition(edition_id, Told(why, text))
        return True

    def _pause(self, record: _Record, edition_id: int, provider: str, problem: str) -> None:
        del record.refused[provider]
        self._stops.pause_provider(provider, _paused(edition_id, provider, problem), edition_id=edition_id)

    def _refused_alone(self, record: _Record, outcome: Outcome) -> Outcome:
        if record.row.total() >= IN_A_ROW:
            record.row.clear()
            text = f"{IN_A_ROW} mails that belong to no edition were refused in a row. {outcome.mail_problem}"
            self._stops.tell_of_refusals(text)
        return replace(outcome, charged=True)


def _paused(edition_id: int, provider: str, problem: str) -> Told:
    why = f"It refused {IN_A_ROW} mails of edition {edition_id} in a row; others take it. {problem}"
    text = (
        f"{provider} is paused. {why} Go on with: digest domains resume {provider}. Send what it refused of this "
        f"edition with: digest domains resend {provider} --edition {edition_id}"
    )
    return Told(why, text)
