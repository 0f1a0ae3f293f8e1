"""What notices and complaints do, as a row of `routes`: read, known by our token, heard once.

In: a kept mail. The question reads it and finds the token: in the address it came to, in what the report tells, or in
the mail that came back with it. Out: what `deliver.feedback` changed. A notice without a token of ours is put aside: it
changes nothing, whatever it says about whom. A complaint must be of whom it says, too, where our own mail server looks
at that (`authentication`): its token stands in what readers may have passed on. A person hears of one that is not.

Alert: `complaints:unproven`.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from digest.config import Settings
from digest.database import Connection, alerts
from digest.deliver import feedback
from digest.inbound import mailtext
from digest.inbound.arrival import Arrival, Means
from digest.inbound.authentication import authenticate
from digest.inbound.notices import read_notice
from digest.models.inbound import Acted, Outcome
from digest.models.notices import FoundToken, Notice, NoticeClass, TokenPlace
from digest.subaddress import Detail
from digest.subscribe import probe

WAY = "mail"
UNPROVEN = "complaints:unproven"


@dataclass(frozen=True, slots=True)
class FoundNotice:
    """A notice and what our token in it names; None: it holds none. `is_unproven`: a complaint nobody vouches for."""

    notice: Notice
    known: feedback.Known | None
    is_unproven: bool = False


def question(arrival: Arrival, settings: Settings) -> FoundNotice | None:
    """Whether a server wrote this about a mail of ours."""
    notice = read_notice(arrival.mail.content)
    if notice is None:
        return None
    if arrival.addressed.detail is Detail.BOUNCE and arrival.addressed.token:
        came_to = FoundToken(TokenPlace.RETURN_PATH, arrival.addressed.token)
        notice = replace(notice, tokens=(came_to, *notice.tokens))
    known = feedback.identify(settings.keyring, notice.tokens)
    server = settings.inbound_authserv_id
    is_unproven = notice.kind is NoticeClass.COMPLAINT and bool(server)
    is_unproven = is_unproven and not authenticate(mailtext.read(arrival.mail.content), server).passes
    return FoundNotice(notice, known, is_unproven)


async def act(connection: Connection, means: Means, arrival: Arrival, found: FoundNotice) -> Acted:
    """Hear it. Raises `TemplateError` if a probe cannot be composed; the mail is then tried again."""
    outcome = Outcome.COMPLAINT if found.notice.kind is NoticeClass.COMPLAINT else Outcome.BOUNCE
    if found.known is None:
        return Acted(outcome, "without a token of ours: changes nothing")
    if found.is_unproven:
        await _tell_of_unproven(connection, arrival.mail.id, now=means.now)
        return Acted(outcome, "nobody vouches for who complains: changes nothing")
    ear = probe.ear(means.settings, means.renderer, WAY, now=means.now)
    heard = await feedback.hear(connection, ear, found.notice, found.known)
    return Acted(
        outcome, _in_words(found.notice, heard), subscriber_id=heard.subscriber_id, delivery_id=heard.delivery_id
    )


async def _tell_of_unproven(connection: Connection, mail_id: int, *, now: datetime) -> None:
    text = (
        f"Mail {mail_id} says that a reader called a mail of ours spam, but our mail server does not vouch for its "
        f"sender, so nothing was changed. Look: digest inbound show {mail_id}. If a provider wrote it, have what comes "
        "to this address checked (SPF, DKIM, DMARC), and take the reader off with: digest suppressions add ADDRESS"
    )
    await alerts.raise_alert(connection, UNPROVEN, text, at=now)


def _in_words(notice: Notice, heard: feedback.Heard) -> str:
    if not heard.is_new:
        return "changes nothing: told before, or only a delay"
    said = " ".join(filter(None, (notice.cause, notice.status)))
    if heard.is_stopped:
        return f"{said}: written to no more"
    return f"{said}: tried by a probe" if heard.is_probed else said
