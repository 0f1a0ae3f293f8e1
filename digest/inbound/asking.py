"""What a mail asks of us, and what it can show for it: all that acts need to know, read once, before any transaction.

In: a kept mail and the settings. Out: `Asked`. The proofs are looked for here and judged by the acts: the number of
the delivery that an answer belongs to, from the address (`news+confirm+TOKEN@`), the subject (`[확인 TOKEN]`) or the
ids it answers to, each of which only we can have made; and what our own mail server says about the sender. Pure.
"""

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import lru_cache

from digest import providers
from digest.addresses import Address, parse_or_none
from digest.config import Settings
from digest.errors import BadTokenError
from digest.inbound import authentication, classify, commands, mailtext
from digest.inbound.arrival import Arrival
from digest.inbound.authentication import Authentic
from digest.inbound.classify import Judged, Ours
from digest.inbound.commands import Command
from digest.inbound.mailtext import Reading
from digest.inbound.words import Verb
from digest.models.inbound import Door
from digest.subaddress import Detail
from digest.tokens import TokenPurpose

_HANGUL = re.compile("[가-힣]")
_BY_ADDRESS = {Detail.JOIN: Verb.SUBSCRIBE, Detail.HELP: Verb.HELP, Detail.LEAVE: Verb.LEAVE, Detail.NEVER: Verb.NEVER}


@dataclass(frozen=True, slots=True)
class Asked:
    """A mail as acts see it. `answered_id`: the delivery it answers, by a token or id of ours; None: none is known.

    `has_token`: a token in the address or the subject said so, and not only what the mail answers to.
    """

    mail: Reading
    sender: Address | None
    judged: Judged
    authentic: Authentic
    answered_id: int | None
    has_token: bool
    agrees: bool
    commands: tuple[Command, ...]

    @property
    def language(self) -> str:
        """The language to answer in: Korean wherever a Korean letter stands."""
        name = self.mail.sender.name if self.mail.sender else ""
        return "ko" if _HANGUL.search(f"{self.mail.subject} {name} {self.mail.text[:2000]}") else "en"

    @property
    def written_at(self) -> str:
        """When the mail says it was written, in ISO 8601, empty if it says nothing that can be read."""
        try:
            return parsedate_to_datetime(self.mail.value("date")).isoformat()
        except (ValueError, TypeError, IndexError, OverflowError):
            return ""


def ask(arrival: Arrival, settings: Settings) -> Asked:
    """Read what a mail asks; never raises for what it is."""
    mail = _reading(arrival.mail.content)
    envelope_from = (
        None if arrival.mail.door is Door.IMAP and not arrival.mail.envelope_from else arrival.mail.envelope_from
    )
    judged = classify.judge(mail, envelope_from=envelope_from, ours=_ours(settings))
    token = arrival.addressed.token if arrival.addressed.detail is Detail.CONFIRM else ""
    token = token or commands.token_in_subject(mail.subject)
    by_token = _read(settings, TokenPurpose.CONFIRM, token)
    by_address = _BY_ADDRESS.get(arrival.addressed.detail)
    return Asked(
        mail=mail,
        sender=parse_or_none(mail.sender.address) if mail.sender else None,
        judged=judged,
        authentic=authentication.authenticate(mail, settings.inbound_authserv_id),
        answered_id=_answered(settings, mail) if by_token is None else by_token,
        has_token=by_token is not None,
        agrees=judged.may_be_answered and commands.agrees(mail),
        commands=commands.read_commands(mail, by_address) if judged.may_be_answered else (),
    )


def _ours(settings: Settings) -> Ours:
    own = settings.own_addresses
    addresses = [settings.sender, *own.plain, *filter(None, (own.command, own.bounce))]
    # A paper whose sender has a mailbox at a large provider shares that domain with its readers.
    domains = frozenset(each.domain for each in addresses if not providers.name_for(each.domain))
    return Ours(lambda address: own.read(address) is not None, domains, str(own.command or settings.sender))


def _answered(settings: Settings, mail: Reading) -> int | None:
    """Return the delivery whose Message-ID this mail answers."""
    for each in mail.answers:
        token, _, domain = each.rpartition("@")
        if domain.lower() == settings.sender.domain:
            found = _read(settings, TokenPurpose.MESSAGE_ID, token)
            if found is not None:
                return found
    return None


def _read(settings: Settings, purpose: TokenPurpose, token: str) -> int | None:
    try:
        return settings.keyring.read(purpose, token) if token else None
    except BadTokenError:
        return None


@lru_cache(maxsize=4)  # several rows of `routes` ask about the same mail
def _reading(content: bytes) -> Reading:
    return mailtext.read(content)
