"""What notices and complaints do, as a row of `routes`: read, known by our token, heard once.

In: a kept mail. The question reads it and finds the token: in the address it came to, in what the report tells, or in
the mail that came back with it. Out: what `deliver.feedback` changed. A notice without a token of ours is put aside: it
changes nothing, whatever it says about whom.
"""

from dataclasses import dataclass, replace

from digest.config import Settings
from digest.database import Connection
from digest.deliver import feedback
from digest.inbound.arrival import Arrival, Means
from digest.inbound.notices import read_notice
from digest.models.inbound import Acted, Outcome
from digest.models.notices import FoundToken, Notice, NoticeClass, TokenPlace
from digest.subaddress import Detail
from digest.subscribe import probe

WAY = "mail"


@dataclass(frozen=True, slots=True)
class FoundNotice:
    """A notice and what our token in it names; None: it holds none."""

    notice: Notice
    known: feedback.Known | None


def question(arrival: Arrival, settings: Settings) -> FoundNotice | None:
    """Whether a server wrote this about a mail of ours."""
    notice = read_notice(arrival.mail.content)
    if notice is None:
        return None
    if arrival.addressed.detail is Detail.BOUNCE and arrival.addressed.token:
        came_to = FoundToken(TokenPlace.RETURN_PATH, arrival.addressed.token)
        notice = replace(notice, tokens=(came_to, *notice.tokens))
    return FoundNotice(notice, feedback.identify(settings.keyring, notice.tokens))


async def act(connection: Connection, means: Means, _arrival: Arrival, found: FoundNotice) -> Acted:
    """Hear it. Raises `TemplateError` if a probe cannot be composed; the mail is then tried again."""
    outcome = Outcome.COMPLAINT if found.notice.kind is NoticeClass.COMPLAINT else Outcome.BOUNCE
    if found.known is None:
        return Acted(outcome, "without a token of ours: changes nothing")
    ear = probe.ear(means.settings, means.renderer, WAY, now=means.now)
    heard = await feedback.hear(connection, ear, found.notice, found.known)
    return Acted(
        outcome, _in_words(found.notice, heard), subscriber_id=heard.subscriber_id, delivery_id=heard.delivery_id
    )


def _in_words(notice: Notice, heard: feedback.Heard) -> str:
    if not heard.is_new:
        return "changes nothing: told before, or only a delay"
    said = " ".join(filter(None, (notice.cause, notice.status)))
    if heard.is_stopped:
        return f"{said}: written to no more"
    return f"{said}: tried by a probe" if heard.is_probed else said
