"""The records that pass between the rooms.

Frozen values without behaviour beyond what can be derived from their own fields. A record that only one room needs
lives in that room. All times are aware UTC; days and hours of the newspaper are reckoned from its own zone by those
who need them. The words are those of the glossary in ARCHITECTURE.md.

Longer than other modules because it is the vocabulary of all of them: cut up, it would be imported as a whole anyway.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from digest.addresses import Address

# ── collect ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Purpose(StrEnum):
    """What a source is read for: its articles, or its list of most-read ones (많이 본 뉴스)."""

    ARTICLES = "articles"
    MOST_READ = "most_read"


class Rights(StrEnum):
    """What may be mailed of a source's articles (저작권법 제46조: only what its owner allowed)."""

    LINK_ONLY = "link_only"
    EXCERPT = "excerpt"
    FULL_TEXT_MAIL = "full_text_mail"


class SourceState(StrEnum):
    """`active` is fetched; `paused` was stopped by a person; `removed` is kept only for its articles."""

    ACTIVE = "active"
    PAUSED = "paused"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """A source as an operator names it, in `SOURCES` or by command. `section` is given to articles without one.

    `options` are those of its type, as names and values (`pattern` of a list page). `permission` is the operator's
    answer, in words, to whether the articles may be mailed; empty: none was given.
    """

    name: str
    type: str
    url: str
    purpose: Purpose = Purpose.ARTICLES
    rights: Rights = Rights.EXCERPT
    section: str = ""
    picture_hosts: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    permission: str = ""

    @property
    def reads_pages(self) -> bool:
        """Whether its articles' own pages are read; the option `read=no` says that they are not."""
        return dict(self.options).get("read") != "no"


@dataclass(frozen=True, slots=True)
class Source:
    """A stored source: what was asked for, and how fetching it has gone.

    `interval_seconds` was learned from how often it brings something (None: nothing yet), `memory` is of its last
    document (`collect.memory`), `given_up_at` says that it was paused by itself, after failing since `failing_since`.
    """

    id: int
    spec: SourceSpec
    state: SourceState
    provisioned: bool
    etag: str | None = None
    last_modified: str | None = None
    first_fetched_at: datetime | None = None
    last_ok_at: datetime | None = None
    next_fetch_at: datetime | None = None
    failures: int = 0
    problem: str = ""
    rights_answered_at: datetime | None = None
    interval_seconds: float | None = None
    memory: bytes | None = field(default=None, repr=False)
    failing_since: datetime | None = None
    given_up_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of an article: absolute URL, caption as printed (empty if none), size in pixels where known."""

    url: str
    caption: str = ""
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class ArticleText:
    """What an article says at one moment: the part of it that a revision keeps.

    Titles and sub-headlines are verbatim (신문법 제10조②). `excerpt` is plain text, at most 200 characters, cut with
    an ellipsis. `body` holds plain-text paragraphs, empty where the source gives none. `registered_at` is when the
    paper says it was published (기사등록), `modified_at` when it says it was changed (기사수정).
    """

    title: str
    link: str
    subheads: tuple[str, ...] = ()
    section: str = ""
    byline: str = ""
    excerpt: str = ""
    body: tuple[str, ...] = ()
    picture: Picture | None = None
    registered_at: datetime | None = None
    modified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FoundArticle:
    """An article as read from a source, before it is compared with what is stored.

    `guid` is the source's own identifier, empty if it gives none. `doubts` says in words what was repaired or
    guessed ("date without a zone, taken as Asia/Seoul").
    """

    guid: str
    text: ArticleText
    doubts: tuple[str, ...] = ()


class PageState(StrEnum):
    """`unread` was never looked at; `thin` holds no body worth the name; `closed` may not be read (robots.txt)."""

    UNREAD = "unread"
    READ = "read"
    THIN = "thin"
    CLOSED = "closed"
    FAILED = "failed"
    GONE = "gone"


class WithdrawnBy(StrEnum):
    """Who took an article back. What its page took back, its page can bring again; a person's word stands."""

    PAGE = "page"
    PERSON = "person"


class CorrectionKind(StrEnum):
    """What became of an article after it was mailed (지난 호 기사 수정·삭제 알림)."""

    CHANGED = "changed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class PageText:
    """What an article's own page says; fields are empty where it does not.

    `body` are plain paragraphs, section heads such as "◇ …" among them; `excerpt` is its beginning, as in
    `ArticleText`. `link` is the address the page asks to be cited by (고유링크), else its canonical one. `found_by`
    tells for each field the way it was found ("selector", "json-ld", "meta", "cms:NAME", "trafilatura", "text").
    `is_thin`: there is no body worth the name. `is_withdrawn`: the page says that the article was deleted.
    """

    title: str = ""
    subheads: tuple[str, ...] = ()
    section: str = ""
    byline: str = ""
    byline_address: str = ""
    registered_at: datetime | None = None
    modified_at: datetime | None = None
    body: tuple[str, ...] = ()
    excerpt: str = ""
    picture: Picture | None = None
    link: str = ""
    most_read: "tuple[MostRead, ...]" = ()
    found_by: dict[str, str] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()
    is_thin: bool = False
    is_withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Article:
    """A stored article in one of its revisions (usually the latest)."""

    id: int
    source_id: int
    source_name: str
    rights: Rights
    revision: int
    text: ArticleText
    first_seen_at: datetime
    eligible: bool
    withdrawn_at: datetime | None = None
    withdrawn_by: WithdrawnBy | None = None
    contested_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What a text names that another report of the same thing must not contradict, each with its kind ("city 가온").

    `lead` holds those of `title` too, and `whole` those of both.
    """

    title: frozenset[str]
    lead: frozenset[str]
    whole: frozenset[str]


@dataclass(frozen=True, slots=True)
class Signature:
    """What is kept of an article to find near-duplicates of it (`collect.near` makes and compares them).

    `title` and `lead` (the beginning) are letters and digits only; `minhash` is empty where there is no text,
    `shingles` is how many different 3-grams it has. `bands` are keys of 64 bits: texts that are alike share one.
    """

    title: str
    lead: str
    minhash: bytes
    shingles: int
    facts: Facts
    bands: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two articles are (0 to 1), whether they count as one story, and why in words."""

    score: float
    is_same: bool
    reason: str


class JoinedBy(StrEnum):
    """Who put an article into its story; a person's word stands over the machine's."""

    MACHINE = "machine"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class StoryMember:
    """An article in its story, whose id is that of its first article. `score` None: the first, or a person's word."""

    article_id: int
    story_id: int
    score: float | None
    reason: str
    joined_by: JoinedBy
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class Story:
    """Articles that tell the same: the ids of all, first the one that founded it, and of how many sources they are."""

    id: int
    article_ids: tuple[int, ...]
    sources: int


@dataclass(frozen=True, slots=True)
class MostRead:
    """One line of a source's list of most-read articles, as the newspaper ranks them."""

    title: str
    link: str
    excerpt: str = ""


# ── edit ─────────────────────────────────────────────────────────────────────────────────────────────────────────

ALL_SECTIONS = "*"


@dataclass(frozen=True, slots=True)
class Slot:
    """A named place in the timetable, from one line of `EDITIONS`.

    `crontab` is five fields with day names, in the newspaper's zone. `sections` is their order in the edition;
    `*` stands for all the others (without it they are left out). The edition is chosen `cutoff` before its planned
    time and not sent on its own later than `deadline` after it. `minimum` articles make an edition; `per_section` is
    how many of a section are shown with excerpts (the rest as headlines), `limit` how many are shown at all.
    `except_slots`: what these slots brought a reader is left out for that reader. `at_start` opens one edition when
    the service starts (for watching it, not for newspapers).
    """

    name: str
    title: str
    crontab: str
    sections: tuple[str, ...] = (ALL_SECTIONS,)
    cutoff: timedelta = timedelta(0)
    deadline: timedelta = timedelta(hours=3)
    minimum: int = 1
    per_section: int = 8
    limit: int = 60
    most_read: int = 5
    except_slots: tuple[str, ...] = ()
    at_start: bool = False


class EditionState(StrEnum):
    """`open → chosen → (held ↔) released → sending → done`; any before `done` may become `cancelled`."""

    OPEN = "open"
    CHOSEN = "chosen"
    HELD = "held"
    RELEASED = "released"
    SENDING = "sending"
    DONE = "done"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Edition:
    """One issue of a slot for one planned time. `reason` says why it is held or cancelled."""

    id: int
    slot: str
    title: str
    planned_at: datetime
    cutoff_at: datetime
    deadline_at: datetime
    state: EditionState
    reason: str = ""
    most_read: tuple[MostRead, ...] = ()
    corrections: "tuple[Correction, ...]" = ()
    chosen_at: datetime | None = None
    looked_at: datetime | None = None
    released_at: datetime | None = None
    done_at: datetime | None = None


class Role(StrEnum):
    """How an edition shows an article. `left_out` ones belong to it but are only counted in it; `repeated` ones tell
    the same story as another that this slot shows or has shown, and are not even counted.
    """

    LEAD = "lead"
    ARTICLE = "article"
    HEADLINE = "headline"
    LEFT_OUT = "left_out"
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class Placement:
    """An article's place in an edition: which revision, as what, under which section heading, in which order."""

    article_id: int
    revision: int
    role: Role
    section: str
    position: int
    same_sources: int = 0  # so many other sources bring the same story (같은 소식 n건)


@dataclass(frozen=True, slots=True)
class Correction:
    """What an edition tells of an article that earlier editions of its slot brought in another state.

    `title` and `link` are the article's own now; `shown_at` is the planned time of the latest edition that brought it.
    """

    id: int
    article_id: int
    kind: CorrectionKind
    title: str
    link: str
    shown_at: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """A correction, and the messages (with their editions) whose readers it concerns."""

    correction_id: int
    message_ids: tuple[int, ...]
    edition_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PlacedArticle:
    """A placement together with the revision it placed. `noticed`: the words a reader asked to be told about (알림어)
    that it holds; such articles come first.
    """

    placement: Placement
    article: Article
    noticed: tuple[str, ...] = ()


# ── readers ──────────────────────────────────────────────────────────────────────────────────────────────────────


class SubscriberState(StrEnum):
    """`pending → active ↔ paused`; `active | paused → left | stopped`; `pending → expired`."""

    PENDING = "pending"
    ACTIVE = "active"
    PAUSED = "paused"
    LEFT = "left"
    STOPPED = "stopped"
    EXPIRED = "expired"


class Format(StrEnum):
    """`html` is multipart/alternative with both parts; `text` is text/plain alone."""

    HTML = "html"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A person who asked for editions. `slots` are the names of those, in alphabetical order."""

    id: int
    address: Address
    language: str
    format: Format
    state: SubscriberState
    consent: str
    created_at: datetime
    slots: tuple[str, ...] = ()
    left_at: datetime | None = None
    address_hash: str | None = None
    advert_consent_at: datetime | None = None
    advert_checked_at: datetime | None = None
    erase_asked_at: datetime | None = None


class ConsentAct(StrEnum):
    """What somebody did, as the ledger of consents tells it. `given` is the confirmation after `asked`."""

    ASKED = "asked"
    GIVEN = "given"
    ADVERT_GIVEN = "advert_given"
    ADVERT_WITHDRAWN = "advert_withdrawn"
    WITHDRAWN = "withdrawn"
    IMPORTED = "imported"
    CONFIRMED_AGAIN = "confirmed_again"
    CHANGED_ADDRESS = "changed_address"
    ERASED = "erased"


class ConsentWay(StrEnum):
    """How it was done. `site_form` is a form on the newspaper's own site, `desk` and `command` are the operator."""

    PAGE = "page"
    SITE_FORM = "site_form"
    API = "api"
    MAIL = "mail"
    IMPORT = "import"
    DESK = "desk"
    COMMAND = "command"
    ONE_CLICK = "one_click"


@dataclass(frozen=True, slots=True)
class NewConsent:
    """One act to be written into the ledger of consents.

    `text_version` and `text_hash` name the text that was shown (empty: none was). `source` is the page, the site or
    the declared source of an import. `network` is a prefix (`subscribe.hashes.network_of`), never a whole address.
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

    `sections` empty: all. `texts` are version and hash of each text of consent that was shown, by its kind.
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
class Variant:
    """What readers must share to be sent the same message.

    `sections` empty means all of the edition's. `had` are the ids of other slots' editions these readers were sent
    and whose articles this edition leaves out (`except=`), `told` those of the corrections that concern what these
    readers were sent earlier; both ascending. `headlines`: titles without texts. `words` are those the readers asked to
    be told about (알림어), sorted.
    """

    language: str
    format: Format
    sections: tuple[str, ...] = ()
    had: tuple[int, ...] = ()
    told: tuple[int, ...] = ()
    headlines: bool = False
    words: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The text by which the ledger joins readers and messages, unique within an edition.

        Headlines and words stand in it only where they were chosen.
        """
        had = ",".join([*map(str, self.had), *(f"c{correction_id}" for correction_id in self.told)])
        key = f"{self.language}|{self.format}|{','.join(self.sections)}|{had}"
        if self.headlines or self.words:
            key += f"|{'headlines' if self.headlines else ''}|{','.join(self.words)}"
        return key

    @classmethod
    def of_key(cls, key: str) -> "Variant":
        """Return the variant that has this key."""
        language, kind, sections, past, headlines, words = (*key.split("|"), "", "")[:6]
        ids = past.split(",") if past else []
        return cls(
            language,
            Format(kind),
            tuple(sections.split(",")) if sections else (),
            had=tuple(int(one) for one in ids if not one.startswith("c")),
            told=tuple(int(one[1:]) for one in ids if one.startswith("c")),
            headlines=bool(headlines),
            words=tuple(words.split(",")) if words else (),
        )


ALL_DAYS = 127


@dataclass(frozen=True, slots=True)
class SlotChoice:
    """How a reader gets a slot.

    `weekdays` is a sum of 1 for Monday to 64 for Sunday, of the planned time's day in the newspaper's zone. `hour`: not
    before it on that day; None: when the edition comes. `sections` empty: all.
    """

    slot: str
    weekdays: int = ALL_DAYS
    hour: int | None = None
    sections: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Choices:
    """What a reader chose. `words` (알림어) are sorted; nothing is mailed before `paused_until`, if it is set."""

    language: str
    format: Format
    slots: tuple[SlotChoice, ...] = ()
    headlines: bool = False
    words: tuple[str, ...] = ()
    paused_until: datetime | None = None

    def of(self, slot: str) -> SlotChoice | None:
        """Return how they get `slot`, None if not at all."""
        return next((each for each in self.slots if each.slot == slot), None)


class LinkMatter(StrEnum):
    """What a fresh link opens: a reader's own data (download, erasure, change of address), or a new address."""

    MANAGE = "manage"
    NEW_ADDRESS = "new_address"


@dataclass(frozen=True, slots=True)
class FreshLink:
    """A link that was mailed on request. `new_address` is the one to be confirmed, of a change of address."""

    id: int
    matter: LinkMatter
    subscriber_id: int
    expires_at: datetime
    new_address: Address | None = None
    used_at: datetime | None = None


# ── messages and deliveries ──────────────────────────────────────────────────────────────────────────────────────


class Tls(StrEnum):
    """How the connection to a relay is protected: not at all, by STARTTLS (port 587), from the start (port 465)."""

    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


MAIN_RELAY = "main"  # the one of the SMTP_ settings


@dataclass(frozen=True, slots=True)
class RelaySpec:
    """A further relay, from one line of `RELAYS`, its password read from `password_file`. `user` empty: no login."""

    name: str
    host: str
    port: int
    tls: Tls = Tls.STARTTLS
    verify: bool = True
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    password_file: str = ""
    connections: int = 2
    messages: int = 500


class Lane(StrEnum):
    """`first` is for mails somebody waits for (confirmations, tests, alerts); `bulk` for editions."""

    FIRST = "first"
    BULK = "bulk"


class MessageKind(StrEnum):
    """What a message is for. Each kind has a folder of templates of the same name."""

    DIGEST = "digest"
    ALERT = "alert"
    LINK = "link"
    CONFIRM = "confirm"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Mail:
    """A composed mail before it is addressed: three spliced texts (see `digest.splice`), UTF-8, CRLF line ends.

    `headers` ends without the blank line and holds neither MIME-Version nor Content-*: those depend on how the parts
    are encoded and are added by the transport. `html` is empty for a text-only mail.
    """

    subject: str
    headers: bytes
    text: bytes
    html: bytes = b""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to be stored. `key` is its idempotency key: the same key is stored once.

    `keeps_copy`: each of its mails is kept as it went over the wire (`database.kept_mails`).
    """

    key: str
    kind: MessageKind
    variant: str
    language: str
    mail: Mail
    edition_id: int | None = None
    keeps_copy: bool = False


class DeliveryState(StrEnum):
    """The closed set of DESIGN: see the chart in ARCHITECTURE.md for who moves what where."""

    QUEUED = "queued"
    ATTEMPTING = "attempting"
    DEFERRED = "deferred"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNCERTAIN = "uncertain"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    DROPPED = "dropped"


class DropReason(StrEnum):
    """Why a queued delivery was given up without being sent."""

    LEFT = "left"
    SUPPRESSED = "suppressed"
    WITHDRAWN = "withdrawn"
    CANCELLED = "cancelled"
    TOO_LATE = "too_late"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one recipient, as claimed by a worker.

    `attempt` counts tries that were begun, this one not included. `deadline_at` None: no deadline. `provider` is who
    keeps the recipient's mailbox, empty for all the others.
    """

    id: int
    message_id: int
    edition_id: int | None
    subscriber_id: int | None
    recipient: Address
    lane: Lane
    attempt: int
    created_at: datetime
    deadline_at: datetime | None
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server said: code of RFC 5321 §4.2, enhanced status of RFC 3463 (empty if none), first 500 letters."""

    code: int
    status: str
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt. `charged` False: it was not the recipient's fault and costs the delivery no try.

    At most one of `relay_problem` and `mail_problem` is set, in the relay's own words: whose fault it was, where a
    person should hear of it if it happens again and again.
    """

    state: DeliveryState
    reply: Reply | None = None
    detail: str = ""
    charged: bool = True
    relay_problem: str = ""
    mail_problem: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryCounts:
    """How an edition's deliveries stand; `eligible` was counted when they were made."""

    eligible: int
    by_state: dict[DeliveryState, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.by_state.values())

    @property
    def adds_up(self) -> bool:
        """Whether every eligible reader has exactly one delivery in a known state."""
        return self.eligible == self.total


# ── operators ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Alert:
    """What a person must know. One row per `matter` ("source:gaon", "relay"); `count` times since `first_at`."""

    matter: str
    text: str
    first_at: datetime
    last_at: datetime
    count: int
    mailed_at: datetime | None = None
    resolved_at: datetime | None = None
