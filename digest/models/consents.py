"""Consents and their proof, sign-ups that wait for a confirmation, suppressions, and who processes data for us."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from digest.addresses import Address


class ConsentAct(StrEnum):
    """What somebody did, as the ledger of consents tells it. `given` is the confirmation after `asked`.

    `advert_checked` is ours: they were told of their consent (제50조⑧); `confirmed_again` is their answer to it.
    """

    ASKED = "asked"
    GIVEN = "given"
    ADVERT_GIVEN = "advert_given"
    ADVERT_WITHDRAWN = "advert_withdrawn"
    ADVERT_CHECKED = "advert_checked"
    WITHDRAWN = "withdrawn"
    IMPORTED = "imported"
    CONFIRMED_AGAIN = "confirmed_again"
    CHANGED_ADDRESS = "changed_address"
    ERASED = "erased"


class ConsentWay(StrEnum):
    """How it was done. `site_form` is a form on the newspaper's own site, `desk` and `command` are the operator.

    `period`: by itself, when the time for which it may be kept was over.
    """

    PAGE = "page"
    SITE_FORM = "site_form"
    API = "api"
    MAIL = "mail"
    IMPORT = "import"
    DESK = "desk"
    COMMAND = "command"
    ONE_CLICK = "one_click"
    PERIOD = "period"


@dataclass(frozen=True, slots=True)
class NewConsent:
    """One act to be written into the ledger of consents.

    `text_version` and `text_hash` name the text that was shown (empty: none was). `source` is the page, the site or
    the declared source of an import. `network` is a prefix (`hashes.network_of`), never a whole address.
    `details` hold slots, sections and the like, nothing that names a person.
    """

    address: Address | None
    address_hash: str
    act: ConsentAct
    how: ConsentWay
    at: datetime
    subscriber_id: int | None = None
    text_version: str = ""
    text_hash: str = ""
    source: str = ""
    network: str | None = None
    details: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Consent:
    """One row of the ledger of consents. `address` None: erased, only the keyed hash is left."""

    id: int
    subscriber_id: int | None
    address: str | None
    address_hash: str
    act: ConsentAct
    how: ConsentWay
    at: datetime
    text_version: str
    text_hash: str
    source: str
    network: str | None
    details: dict[str, object]


@dataclass(frozen=True, slots=True)
class NewSignup:
    """What somebody asks for on the sign-up page, before they have confirmed it.

    `sections` empty: all. `texts` are version and hash of each text of consent that was shown, by its kind. `source` is
    the page it was asked on, or the key of the newspaper's site that asked for it.
    """

    address: Address
    address_hash: str
    slots: tuple[str, ...]
    sections: tuple[str, ...]
    language: str
    advert: bool
    how: ConsentWay
    network: str | None
    texts: dict[str, tuple[str, str]]
    created_at: datetime
    expires_at: datetime
    source: str = "/subscribe"


@dataclass(frozen=True, slots=True)
class Signup:
    """A stored request. `confirmed_at` None: its confirmation is still awaited."""

    id: int
    asked: NewSignup
    confirmed_at: datetime | None = None


class SuppressionReason(StrEnum):
    """Why an address must not be written to. `person` is the operator's decision, `erased` a reader's own 삭제."""

    LEFT_FOR_GOOD = "left_for_good"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    PERSON = "person"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Suppression:
    """An address that must not be written to, known by its keyed hash alone."""

    address_hash: str
    reason: SuppressionReason
    at: datetime


@dataclass(frozen=True, slots=True)
class Processor:
    """Who processes data on the newspaper's behalf (수탁자), from one line of `PROCESSORS`.

    `country` is empty for one in Korea; the others are set with it: what goes there, when and how, and how long it is
    kept (개인정보 보호법 제26조, 제28조의8).
    """

    name: str
    task: str
    country: str = ""
    contact: str = ""
    items: str = ""
    how: str = ""
    until: str = ""
