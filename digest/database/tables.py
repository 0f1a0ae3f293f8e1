"""The tables as they stand today. How they came to be is in `migrations/`; a test proves that both agree.

Times are UTC, states are the enums of `digest.models` stored as their text. Conditions that must never be broken are
unique keys here, not checks in code: one edition per slot and planned time, an article once per slot, a reader once
per edition, a message once per idempotency key. No id is given twice, not even when its row is gone: links in mails and
Message-IDs are made of them (`sqlite_autoincrement`; PostgreSQL's sequences never go back).

Longer than other modules because a schema is read as a whole: which table means which is seen only here.
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from digest.models.articles import CorrectionKind, PageState, WithdrawnBy
from digest.models.consents import ConsentAct, ConsentWay, SuppressionReason
from digest.models.deliveries import DeliveryState, DropReason, Lane, MessageKind
from digest.models.editions import BlockKind, EditionState, Role
from digest.models.inbound import Door, Outcome
from digest.models.notices import Cause, NoticeClass
from digest.models.readers import Format, LinkMatter, SubscriberState
from digest.models.shares import ShareState
from digest.models.sources import Purpose, Rights, SourceState
from digest.models.stories import JoinedBy

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(sa.types.TypeDecorator[datetime]):
    """An aware UTC datetime on both databases.

    SQLite keeps it as microseconds since 1970 (`datetime(due_at / 1e6, 'unixepoch')` shows one): four of them stand in
    each delivery, and as text they were a third of what a million of these wrote.
    """

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:  # Any: its value differs by database
        return dialect.type_descriptor(sa.BigInteger() if dialect.name == "sqlite" else self.impl_instance)

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | int | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        return microseconds(value) if dialect.name == "sqlite" else value.astimezone(UTC)

    def process_result_value(self, value: datetime | int | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 (SQLAlchemy's signature)
        if value is None:
            return None
        return from_microseconds(value) if isinstance(value, int) else value.astimezone(UTC)


def microseconds(value: datetime) -> int:
    """Return an aware time as SQLite keeps it."""
    return (value - _EPOCH) // _MICROSECOND


def from_microseconds(value: int) -> datetime:
    """Return the time that SQLite keeps so, in UTC."""
    return _EPOCH + timedelta(microseconds=value)


def _choice(kind: type[StrEnum]) -> sa.Enum:
    return sa.Enum(
        kind, native_enum=False, create_constraint=False, length=16, values_callable=lambda k: [m.value for m in k]
    )


def _id() -> Any:  # Any: a column whose type differs by database
    return sa.Column("id", Serial, primary_key=True, autoincrement=True)


Serial = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _partial_index(name: str, *columns: sa.Column[Any], where: sa.ColumnElement[bool], unique: bool = False) -> None:
    sa.Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


def _time(name: str, **options: Any) -> sa.Column[datetime]:
    return sa.Column(name, Instant, **options)


# ── collect ──────────────────────────────────────────────────────────────────────────────────────────────────────

sources = sa.Table(
    "sources",
    metadata,
    _id(),
    sa.Column("name", sa.String(32), nullable=False, unique=True),
    sa.Column("type", sa.String(16), nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("purpose", _choice(Purpose), nullable=False),
    sa.Column("rights", _choice(Rights), nullable=False),
    sa.Column("section", sa.String(60), nullable=False, server_default=""),
    sa.Column("picture_hosts", sa.JSON, nullable=False),
    sa.Column("options", sa.JSON, nullable=False, server_default="{}"),  # of its type; name -> value
    sa.Column("rights_answer", sa.Text, nullable=False, server_default=""),  # who allowed it, as the operator said
    _time("rights_answered_at"),  # set without a `rights_answer`: asked, and the answer was no
    sa.Column("rights_question", sa.Text, nullable=False, server_default=""),  # as it was asked; empty: not asked
    sa.Column("rights_answered_by", sa.Text, nullable=False, server_default=""),  # the operator's account
    sa.Column("state", _choice(SourceState), nullable=False),
    sa.Column("provisioned", sa.Boolean, nullable=False),
    sa.Column("etag", sa.Text),
    sa.Column("last_modified", sa.Text),
    _time("first_fetched_at"),  # its first successful fetch; articles older than a day at that time are not eligible
    _time("last_ok_at"),
    _time("next_fetch_at"),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),  # in a row
    sa.Column("problem", sa.Text, nullable=False, server_default=""),
    sa.Column("host", sa.String(255), nullable=False, server_default="", index=True),  # of `url`: one worker at a time
    sa.Column("interval_seconds", sa.Float),  # learned from how often it brings something; NULL: the setting's
    sa.Column("memory", sa.LargeBinary),  # of its last document, see `collect.memory`
    _time("failing_since"),  # the first of the failures in a row
    _time("given_up_at"),  # paused by itself after failing for long; NULL: not, or paused by a person
    sa.Column("lease_owner", sa.String(64)),
    _time("lease_until"),
    sqlite_autoincrement=True,
)

robots = sa.Table(
    "robots",
    metadata,
    sa.Column("site", sa.String(300), primary_key=True),  # scheme, host and port
    sa.Column("body", sa.Text, nullable=False),
    _time("read_at"),  # NULL: it never could be had
    _time("next_at", nullable=False),
)

articles = sa.Table(
    "articles",
    metadata,
    _id(),
    sa.Column("source_id", sa.ForeignKey("sources.id"), nullable=False),
    sa.Column("guid_key", sa.String(64)),  # SHA-256 of the guid; unique within the source
    sa.Column("link_key", sa.String(64)),  # SHA-256 of the canonical link; unique over all sources; NULL if shared
    sa.Column("cited_key", sa.String(64), index=True),  # SHA-256 of the link its page asks to be cited by, if another
    sa.Column("title_key", sa.String(64), nullable=False),  # SHA-256 of title and registered time
    sa.Column("revision", sa.Integer, nullable=False),  # the latest one
    sa.Column("section", sa.String(60), nullable=False, server_default=""),
    _time("registered_at"),
    _time("first_seen_at", nullable=False, index=True),
    _time("last_seen_at", nullable=False),
    sa.Column("eligible", sa.Boolean, nullable=False),
    sa.Column("listed", sa.JSON, nullable=False),  # its text as its source lists it, title and link included
    sa.Column("listed_digest", sa.String(64), nullable=False),  # of `listed`; the same again: nothing has changed
    _time("withdrawn_at"),
    sa.Column("withdrawn_by", _choice(WithdrawnBy)),
    _time("contested_at"),  # 정정보도 청구 등: shown wherever the article appears (언론중재법 제17조의2)
    sa.UniqueConstraint("source_id", "guid_key"),
    sa.UniqueConstraint("link_key"),
    sa.Index("ix_articles_title_key", "source_id", "title_key"),
    sqlite_autoincrement=True,
)

revisions = sa.Table(
    "revisions",
    metadata,
    sa.Column("article_id", sa.ForeignKey("articles.id"), primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
    _time("seen_at", nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),  # SHA-256 of the text; equal texts make no revision
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("link", sa.Text, nullable=False),
    sa.Column("text", sa.JSON, nullable=False),  # the other fields of ArticleText
    sa.Column("substantial", sa.Text, nullable=False, server_default=""),  # what changed for a reader; empty: nothing
)

pages = sa.Table(
    "pages",
    metadata,
    sa.Column("article_id", sa.ForeignKey("articles.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("state", _choice(PageState), nullable=False),
    sa.Column("text", sa.JSON),  # the fields of PageText; NULL until it was read
    sa.Column("first_title", sa.Text, nullable=False, server_default=""),  # the page's headline when it was first read
    sa.Column("found_by", sa.JSON, nullable=False),  # field -> the way it was found
    sa.Column("problem", sa.Text, nullable=False, server_default=""),
    sa.Column("etag", sa.Text),
    sa.Column("last_modified", sa.Text),
    sa.Column("body_digest", sa.String(64)),  # of the bytes last read; the same again: nothing to read
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),  # in a row
    _time("looked_at"),
    _time("next_look_at", index=True),  # NULL: not looked at any more
    _time("look_until", nullable=False),
    sa.Column("lease_owner", sa.String(64)),
    _time("lease_until"),
)

most_read = sa.Table(
    "most_read",
    metadata,
    sa.Column("source_id", sa.ForeignKey("sources.id"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("link", sa.Text, nullable=False),
    sa.Column("excerpt", sa.Text, nullable=False),
    _time("seen_at", nullable=False),
)

picture_hosts = sa.Table(
    "picture_hosts",
    metadata,
    sa.Column("host", sa.String(255), primary_key=True),
    sa.Column("answers_https", sa.Boolean, nullable=False),
    _time("checked_at", nullable=False),
)

# ── one story once ───────────────────────────────────────────────────────────────────────────────────────────────

signatures = sa.Table(
    "signatures",
    metadata,
    sa.Column("article_id", sa.ForeignKey("articles.id"), primary_key=True),
    sa.Column("revision", sa.Integer, nullable=False),  # the one it was made of
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("lead", sa.Text, nullable=False),
    sa.Column("minhash", sa.LargeBinary, nullable=False),
    sa.Column("shingles", sa.Integer, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
    _time("made_at", nullable=False),
    sa.Index("ix_signatures_made_at", "made_at"),
)

signature_bands = sa.Table(
    "signature_bands",
    metadata,
    sa.Column("band", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("article_id", sa.ForeignKey("articles.id"), primary_key=True),
    sa.Index("ix_signature_bands_article_id", "article_id"),
)

story_members = sa.Table(
    "story_members",
    metadata,
    sa.Column("article_id", sa.ForeignKey("articles.id"), primary_key=True),
    sa.Column("story_id", sa.ForeignKey("articles.id"), nullable=False, index=True),  # its first article
    sa.Column("score", sa.Float),  # against the first one; NULL: it is the first, or a person joined it
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("joined_by", _choice(JoinedBy), nullable=False),
    _time("joined_at", nullable=False),
)

story_separations = sa.Table(
    "story_separations",  # a person's word that two articles are two stories; the smaller id first
    metadata,
    sa.Column("article_id", sa.ForeignKey("articles.id"), primary_key=True),
    sa.Column("other_id", sa.ForeignKey("articles.id"), primary_key=True),
    sa.Index("ix_story_separations_other_id", "other_id"),
)

# ── edit ─────────────────────────────────────────────────────────────────────────────────────────────────────────

slots = sa.Table(
    "slots",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    _time("since_at", nullable=False),  # first known to this service: no edition is planned before
    _time("last_planned_at"),  # the latest planned time that was decided, with an edition or (nothing new) without
    _time("gone_at"),  # when a start first found it missing from the settings; NULL: it stands there
)

editions = sa.Table(
    "editions",
    metadata,
    _id(),
    sa.Column("slot", sa.String(32), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    _time("planned_at", nullable=False),
    _time("cutoff_at", nullable=False),
    _time("deadline_at", nullable=False),
    sa.Column("state", _choice(EditionState), nullable=False),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("most_read", sa.JSON, nullable=False),
    sa.Column("most_shared", sa.JSON, nullable=False, server_default="[]"),
    sa.Column("eligible", sa.Integer),  # readers counted when the deliveries were made; NULL: not composed yet
    _time("chosen_at"),
    _time("looked_at"),  # when its articles' pages were looked at once more, before it was composed
    _time("stale_at"),  # something it shows was withdrawn: nothing more goes out until it is composed anew
    _time("released_at"),
    sa.Column("walked_to", Serial),  # the last delivery whose turn has come; NULL: none is in turn (`walks`)
    _time("done_at"),
    _time("recipients_erased_at"),  # its deliveries hold no addresses any more (`subscribe.personal`)
    sa.UniqueConstraint("slot", "planned_at"),
    sa.Index("ix_editions_state", "state"),
    sqlite_autoincrement=True,
)

edition_articles = sa.Table(
    "edition_articles",
    metadata,
    sa.Column("edition_id", sa.ForeignKey("editions.id"), primary_key=True),
    sa.Column("article_id", sa.ForeignKey("articles.id"), primary_key=True),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("slot", sa.String(32), nullable=False),
    sa.Column("role", _choice(Role), nullable=False),
    sa.Column("section", sa.String(60), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("same_sources", sa.Integer, nullable=False, server_default="0"),
    _time("given_back_at"),  # a cancelled edition's articles are free for the slot's next one
)
_partial_index(
    "uq_edition_articles_slot_article",
    edition_articles.c.slot,
    edition_articles.c.article_id,
    unique=True,
    where=edition_articles.c.given_back_at.is_(None),
)

corrections = sa.Table(
    "corrections",
    metadata,
    _id(),
    sa.Column("article_id", sa.ForeignKey("articles.id"), nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),  # the one that is right
    sa.Column("slot", sa.String(32), nullable=False),  # of the editions that brought a wrong one
    sa.Column("kind", _choice(CorrectionKind), nullable=False),
    _time("noticed_at", nullable=False),
    sa.Column("edition_id", sa.ForeignKey("editions.id")),  # the one that tells of it; NULL: the slot's next
    sa.UniqueConstraint("slot", "article_id", "revision", "kind"),
    sqlite_autoincrement=True,
)

blocks = sa.Table(
    "blocks",
    metadata,
    _id(),
    sa.Column("kind", _choice(BlockKind), nullable=False),
    sa.Column("slot", sa.String(32), nullable=False, server_default=""),  # empty: every slot's editions
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False, server_default=""),
    sa.Column("link", sa.Text, nullable=False, server_default=""),
    sa.Column("picture", sa.Text, nullable=False, server_default=""),
    _time("from_at", nullable=False),  # in editions planned from then
    _time("until_at", nullable=False),  # to before then
    _time("created_at", nullable=False),
    _time("ended_at"),  # taken out by a person before its time
    sa.Index("ix_blocks_until_at", "until_at"),
    sqlite_autoincrement=True,
)

# ── readers ──────────────────────────────────────────────────────────────────────────────────────────────────────

subscribers = sa.Table(
    "subscribers",
    metadata,
    _id(),
    sa.Column("address", sa.String(254), nullable=False),
    sa.Column("address_key", sa.String(254), nullable=False, unique=True),
    sa.Column("domain", sa.String(254), nullable=False),
    sa.Column("provider", sa.String(64), nullable=False, server_default=""),  # see `providers`; empty: all the others
    sa.Column("language", sa.String(8), nullable=False),
    sa.Column("format", _choice(Format), nullable=False),
    sa.Column("state", _choice(SubscriberState), nullable=False, index=True),
    sa.Column("consent", sa.Text, nullable=False),  # where the consent came from, in the operator's words
    sa.Column("address_hash", sa.String(64), index=True),  # keyed, see `hashes`; NULL: a seed or the sample's
    _time("created_at", nullable=False),
    _time("left_at"),
    _time("advert_consent_at"),  # of 광고성 정보; NULL: none, or withdrawn
    sa.Column("headlines", sa.Boolean, nullable=False, server_default=sa.false()),  # titles without texts
    sa.Column("words", sa.Text, nullable=False, server_default=""),  # 알림어, comma-separated and sorted
    _time("paused_until"),  # of a `paused` one
    _time("advert_checked_at"),  # when they were last told of it (정보통신망법 제50조⑧); NULL: not yet
    _time("advert_ends_at"),  # of a consent to adverts that silence ends; NULL: it stays
    _time("erase_asked_at"),  # they wish to be erased, but a mail of theirs was on the wire: the next pass does it
    sqlite_autoincrement=True,
)

subscriptions = sa.Table(
    "subscriptions",
    metadata,
    sa.Column("subscriber_id", sa.ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("slot", sa.String(32), primary_key=True),
    sa.Column("sections", sa.Text, nullable=False, server_default=""),  # comma-separated and sorted; empty: all
    sa.Column("weekdays", sa.SmallInteger, nullable=False, server_default=sa.text("127")),  # 1 Monday … 64 Sunday
    sa.Column("hour", sa.SmallInteger),  # not before it, in the newspaper's zone; NULL: when the edition comes
    _time("since_at", nullable=False),
    sa.Index("ix_subscriptions_slot", "slot", "subscriber_id"),
)

fresh_links = sa.Table(
    "fresh_links",  # mailed on request, for what a forwarded edition must not allow; the token itself is not stored
    metadata,
    _id(),
    sa.Column("delivery_id", Serial, nullable=False, unique=True),  # of the mail: the link is made of this number
    sa.Column("subscriber_id", sa.ForeignKey("subscribers.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("matter", _choice(LinkMatter), nullable=False),
    sa.Column("new_address", sa.String(254)),  # of a change of address
    _time("asked_at", nullable=False),
    _time("expires_at", nullable=False, index=True),
    _time("used_at"),
    sqlite_autoincrement=True,
)

# ── consent ──────────────────────────────────────────────────────────────────────────────────────────────────────

consents = sa.Table(
    "consents",  # rows are only added; erasing takes the clear text out and leaves the keyed hash
    metadata,
    _id(),
    sa.Column("subscriber_id", Serial, index=True),  # no foreign key: the proof outlives the reader's row
    sa.Column("address", sa.Text),
    sa.Column("address_hash", sa.String(64), nullable=False, index=True),
    sa.Column("act", _choice(ConsentAct), nullable=False),
    sa.Column("text_version", sa.String(40), nullable=False, server_default=""),
    sa.Column("text_hash", sa.String(64), nullable=False, server_default=""),
    sa.Column("how", _choice(ConsentWay), nullable=False),
    sa.Column("source", sa.Text, nullable=False, server_default=""),  # of an import as declared; the page; the site
    sa.Column("network", sa.String(64)),  # IPv4 /24 or IPv6 /48, never the whole address
    _time("at", nullable=False, index=True),
    sa.Column("details", sa.JSON, nullable=False),  # slots and sections: nothing that names a person
    sqlite_autoincrement=True,
)

consent_texts = sa.Table(
    "consent_texts",  # every text that was ever shown, by its hash: the ledger's rows name it
    metadata,
    sa.Column("text_hash", sa.String(64), primary_key=True),
    sa.Column("version", sa.String(40), nullable=False),
    sa.Column("language", sa.String(8), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    _time("first_at", nullable=False),
)

suppressions = sa.Table(
    "suppressions",
    metadata,
    sa.Column("address_hash", sa.String(64), primary_key=True),
    sa.Column("reason", _choice(SuppressionReason), nullable=False),
    _time("at", nullable=False),
)

audit = sa.Table(
    "audit",  # what operators did with people's data; rows are only added, and removed by their age alone
    metadata,
    _id(),
    _time("at", nullable=False, index=True),
    sa.Column("who", sa.String(80), nullable=False),
    sa.Column("from_where", sa.String(120), nullable=False),
    sa.Column("whose", sa.String(64), nullable=False, server_default=""),  # a keyed hash; empty: many people's
    sa.Column("what", sa.String(80), nullable=False),
    sa.Column("details", sa.JSON, nullable=False),
    sa.Column("chain", sa.String(64), nullable=False),  # of this row and all before it, see `database.audit`
    sqlite_autoincrement=True,
)

audit_ends = sa.Table(
    "audit_ends",  # one row: where the chain of the audit log begins and ends
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("before", sa.String(64), nullable=False),  # the hash of the last row that was removed for its age
    sa.Column("last", sa.String(64), nullable=False),  # the hash of the newest row
)

site_keys = sa.Table(
    "site_keys",  # who may use the JSON API; of the key itself only a hash stands here
    metadata,
    _id(),
    sa.Column("name", sa.String(32), nullable=False, unique=True),
    sa.Column("key_id", sa.String(10), nullable=False, unique=True),  # what it is found by
    sa.Column("key_hash", sa.String(64), nullable=False),
    sa.Column("scopes", sa.Text, nullable=False),  # comma-separated
    sa.Column("origins", sa.Text, nullable=False, server_default=""),  # separated by blanks; none: a server's
    _time("created_at", nullable=False),
    _time("revoked_at"),
    sqlite_autoincrement=True,
)

signups = sa.Table(
    "signups",  # asked for on a page and not confirmed yet; a row is removed when its 72 hours are over
    metadata,
    _id(),
    sa.Column("address", sa.String(254), nullable=False),
    sa.Column("address_hash", sa.String(64), nullable=False, index=True),
    sa.Column("slots", sa.Text, nullable=False),  # comma-separated
    sa.Column("sections", sa.Text, nullable=False, server_default=""),  # as in subscriptions
    sa.Column("language", sa.String(8), nullable=False),
    sa.Column("advert", sa.Boolean, nullable=False),
    sa.Column("how", _choice(ConsentWay), nullable=False),
    sa.Column("source", sa.Text, nullable=False, server_default="/subscribe"),  # the page, or api:NAME of a site's key
    sa.Column("network", sa.String(64)),
    sa.Column("texts", sa.JSON, nullable=False),  # version and hash of each text that was shown
    sa.Column("delivery_id", Serial, unique=True),  # of the confirmation mail: its link is made of this number
    _time("created_at", nullable=False),
    _time("expires_at", nullable=False, index=True),
    _time("confirmed_at"),
    sqlite_autoincrement=True,
)

counters = sa.Table(
    "counters",  # how often something was done in a window of time; keys are hashes, never addresses
    metadata,
    sa.Column("scope", sa.String(32), primary_key=True),
    sa.Column("key", sa.String(64), primary_key=True),
    _time("window_at", nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("recent", sa.Text, nullable=False, server_default=""),  # the newest claims, where any stretch counts
    _time("last_at", nullable=False, index=True),
)

# ── shares ───────────────────────────────────────────────────────────────────────────────────────────────────────

shares = sa.Table(
    "shares",  # one article to one friend; a week after it ended the addresses and words are emptied, the hashes stay
    metadata,
    _id(),
    sa.Column("article_id", sa.ForeignKey("articles.id"), nullable=False),
    sa.Column("state", _choice(ShareState), nullable=False),
    sa.Column("sender", sa.String(254)),
    sa.Column("sender_hash", sa.String(64), nullable=False, index=True),
    sa.Column("sender_name", sa.Text, nullable=False, server_default=""),
    sa.Column("recipient", sa.String(254)),
    sa.Column("recipient_hash", sa.String(64), nullable=False, index=True),
    sa.Column("note", sa.Text, nullable=False, server_default=""),
    sa.Column("language", sa.String(8), nullable=False),
    sa.Column("report_id", sa.String(16), nullable=False, unique=True),
    sa.Column(
        "confirm_delivery_id", Serial, index=True
    ),  # of the mail that asks the sender; several shares may wait for it
    sa.Column("delivery_id", Serial, unique=True),  # of the share itself
    _time("created_at", nullable=False),
    _time("expires_at", nullable=False, index=True),
    _time("released_at"),
    sqlite_autoincrement=True,
)

share_counts = sa.Table(
    "share_counts",  # how often an article was shared on a day; no person is in it
    metadata,
    sa.Column("article_id", sa.ForeignKey("articles.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("senders", sa.Integer, nullable=False),  # of them, the first that somebody sent of the article
)

share_refusals = sa.Table(
    "share_refusals",  # who wants no shares (다시 받지 않기): keyed hashes; editions they asked for go on
    metadata,
    sa.Column("address_hash", sa.String(64), primary_key=True),
    _time("at", nullable=False),
)

share_stops = sa.Table(
    "share_stops",  # whose shares go out no more: a sender's (a keyed hash), or everybody's
    metadata,
    sa.Column("whose", sa.String(64), primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    _time("stopped_at", nullable=False),
    _time("resumed_at"),  # by a person: what was heard before then counts no more
)

settings_marks = sa.Table(
    "settings_marks",  # fingerprints of settings that must never change under stored rows
    metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("mark", sa.String(64), nullable=False),
    _time("at", nullable=False),
)

# ── messages and deliveries ──────────────────────────────────────────────────────────────────────────────────────

messages = sa.Table(
    "messages",
    metadata,
    _id(),
    sa.Column("key", sa.String(255), nullable=False, unique=True),
    sa.Column("kind", _choice(MessageKind), nullable=False),
    sa.Column("edition_id", sa.ForeignKey("editions.id")),
    sa.Column("variant", sa.Text, nullable=False, server_default=""),
    sa.Column("replaced_by", Serial),  # the message that is sent instead of it since something was withdrawn
    sa.Column("language", sa.String(8), nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("headers", sa.LargeBinary, nullable=False),
    sa.Column("text", sa.LargeBinary, nullable=False),
    sa.Column("html", sa.LargeBinary, nullable=False),
    sa.Column("keeps_copy", sa.Boolean, nullable=False, server_default=sa.false()),  # see `kept_mails`
    _time("created_at", nullable=False),
    sa.Index("ix_messages_edition_id", "edition_id"),
    sqlite_autoincrement=True,
)

# An edition's delivery has the number that its edition and its reader make: the primary key says "a reader once per
# edition", finds what a reader was sent (one look-up for each edition), and keeps all of an edition together, readers
# in order. A second index for that was a fifth of a fan-out. The number fits into a link's token (48 bits): two million
# editions, 134 million readers. Other mails are numbered from 1, below all editions; no row is ever deleted, so that
# no number is given twice.
_READERS = 1 << 27
deliveries = sa.Table(
    "deliveries",
    metadata,
    _id(),
    # No foreign keys: to check three of them for a million readers takes PostgreSQL longer than to write the rows.
    # Messages and editions outlive their deliveries, and a reader who is gone is one who left (`mark_attempting`).
    sa.Column("message_id", Serial, nullable=False),
    sa.Column("edition_id", Serial),
    sa.Column("subscriber_id", Serial),
    sa.Column("recipient", sa.String(254), nullable=False),
    sa.Column("recipient_key", sa.String(254)),  # NULL in an edition's, see above
    sa.Column("domain", sa.String(254), nullable=False),
    sa.Column("provider", sa.String(64), nullable=False, server_default=""),
    sa.Column("lane", _choice(Lane), nullable=False),
    sa.Column("state", _choice(DeliveryState), nullable=False),
    sa.Column("in_turn", sa.Boolean, nullable=False, server_default=sa.false()),  # not reached by the walk; see `walks`
    sa.Column("drop_reason", _choice(DropReason)),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    _time("created_at", nullable=False),
    _time("due_at", nullable=False),  # not before: the edition's time, a reader's hour, or the next try
    _time("deadline_at"),
    sa.Column("lease_owner", sa.String(64)),
    _time("lease_until"),
    _time("attempted_at"),  # when the last attempt was begun
    _time("settled_at"),  # when the present state was reached, for states that are an end
    sa.Column("reply_code", sa.Integer),
    sa.Column("reply_status", sa.String(16)),
    sa.Column("reply_text", sa.Text),
)


def delivery_id(edition_id: Any, subscriber_id: Any) -> Any:  # Any: numbers or columns
    """Return the number of an edition's delivery to a reader."""
    return edition_id * _READERS + subscriber_id


def next_single() -> sa.ColumnElement[int]:
    """Return the next number of a delivery that is no edition's, on SQLite; PostgreSQL takes the table's sequence."""
    used = sa.select(sa.func.max(deliveries.c.id)).where(deliveries.c.id < _READERS).scalar_subquery()
    return sa.func.coalesce(used, 0) + 1


def of_edition(edition_id: Any) -> sa.ColumnElement[bool]:  # Any: a number or a column
    """Say that a delivery is one of an edition's, whatever became of it: a walk along the primary key."""
    return sa.and_(
        deliveries.c.id > delivery_id(edition_id, 0),
        deliveries.c.id < delivery_id(edition_id + 1, 0),
    )


_partial_index(
    "uq_deliveries_message_recipient",
    deliveries.c.message_id,
    deliveries.c.recipient_key,
    unique=True,
    where=deliveries.c.edition_id.is_(None),
)
# Written out and not bound, here and in every query that is to use these indexes: SQLite takes a partial index only
# where it can see that the condition is the same, and scans the whole table otherwise.
is_waiting = deliveries.c.state.in_([sa.literal_column(f"'{state}'") for state in ("queued", "deferred")])
# Of these, what the walk over its edition has come to, and what is no edition's: what stands in the index.
is_reached = sa.and_(is_waiting, ~deliveries.c.in_turn)
is_attempting = deliveries.c.state == sa.literal_column("'attempting'")
_d = deliveries.c
# Claims go along it per edition and provider in the order of `due_at`: what is held, paced or early is not in the way.
# What is only in its turn does not stand in it: to put a million readers there was a quarter of a fan-out (`walks`).
# Not by id after that: equal entries are then kept once with a list of their rows by PostgreSQL (an eighth of the size,
# and the dearest index of a fan-out became a cheap one); both databases keep equal ones in the order of the rows.
_partial_index("ix_deliveries_waiting", _d.edition_id, _d.lane, _d.provider, _d.due_at, where=is_reached)
# By id and not by lease: PostgreSQL rewrites all index entries of a row when any indexed column changes.
_partial_index("ix_deliveries_attempting", _d.edition_id, _d.id, where=is_attempting)

message_articles = sa.Table(  # what each message showed, and in which revision
    "message_articles",
    metadata,
    sa.Column("message_id", sa.ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("article_id", sa.ForeignKey("articles.id"), primary_key=True),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Index("ix_message_articles_article_id", "article_id"),
)

# ── pace ─────────────────────────────────────────────────────────────────────────────────────────────────────────

paces = sa.Table(
    "paces",
    metadata,
    sa.Column("scope", sa.String(80), primary_key=True),  # "provider:naver.com", "relay:main", "stream:bulk"
    sa.Column("per_minute", sa.Float),  # NULL: no limit
    sa.Column("at_once", sa.Integer),  # deliveries under a lease at a time, of all workers; NULL: no limit
    sa.Column("in_flight", sa.Text),  # JSON: ids claimed while `at_once` or a stop limits them; they may be through
    sa.Column("tokens", sa.Float, nullable=False, server_default="0"),  # how many may be claimed at `filled_at`
    _time("filled_at"),
    _time("stopped_until"),  # after the provider asked for it; then one at a time, then more
    sa.Column("stops", sa.Integer, nullable=False, server_default="0"),  # in a row
    _time("paused_at"),  # by a person, or because a provider refuses what we send
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
)

refusals = sa.Table(
    "refusals",  # of an edition's mail, in a row, heard by all workers: by one place, or everywhere (empty)
    metadata,
    sa.Column("edition_id", sa.ForeignKey("editions.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("place", sa.String(254), primary_key=True),  # a provider, or a domain that is no large provider's
    sa.Column("in_a_row", sa.Integer, nullable=False),
    _time("first_at", nullable=False),
)

put_offs = sa.Table(
    "put_offs",  # deferrals of an edition's mail that one place gave in a row, heard by all workers
    metadata,
    sa.Column("edition_id", sa.ForeignKey("editions.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("place", sa.String(254), primary_key=True),
    sa.Column("in_a_row", sa.Integer, nullable=False),
    _time("first_at", nullable=False),
)

domains = sa.Table(
    "domains",
    metadata,
    sa.Column("domain", sa.String(254), primary_key=True),
    sa.Column("provider", sa.String(64), nullable=False),  # empty: all the others
    sa.Column("mx", sa.Text, nullable=False, server_default=""),
    _time("looked_at"),
)

attempts = sa.Table(
    "attempts",
    metadata,
    _id(),
    sa.Column("delivery_id", sa.ForeignKey("deliveries.id", ondelete="CASCADE"), nullable=False, index=True),
    _time("began_at"),
    _time("ended_at", nullable=False),
    sa.Column("outcome", _choice(DeliveryState), nullable=False),
    sa.Column("charged", sa.Boolean, nullable=False),
    sa.Column("reply_code", sa.Integer),
    sa.Column("reply_status", sa.String(16)),
    sa.Column("detail", sa.Text, nullable=False, server_default=""),
    sa.Index("ix_attempts_ended_at", "ended_at"),
    sqlite_autoincrement=True,
)

notices = sa.Table(
    "notices",  # what servers and providers said about mails of ours, and what it counts against their readers
    metadata,
    _id(),
    sa.Column("delivery_id", Serial),  # NULL: a complaint that names its reader alone
    sa.Column("edition_id", Serial),
    sa.Column("subscriber_id", Serial),
    sa.Column("domain", sa.String(254), nullable=False),  # of the recipient
    sa.Column("kind", _choice(NoticeClass), nullable=False),
    sa.Column("cause", _choice(Cause), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("way", sa.String(16), nullable=False),  # mail, smtp, or the name of a webhook
    sa.Column("points", sa.Integer, nullable=False),
    _time("at", nullable=False),
    sa.UniqueConstraint("delivery_id", "kind"),
    sa.Index("ix_notices_subscriber_id", "subscriber_id", "at"),
    sa.Index("ix_notices_edition_id", "edition_id", "kind"),
    sa.Index("ix_notices_domain", "domain", "at"),
    sa.Index("ix_notices_at", "at"),
    sqlite_autoincrement=True,
)

probes = sa.Table(
    "probes",  # the last mail by which a reader's mailbox was tried; what was said before it counts no more
    metadata,
    sa.Column("subscriber_id", Serial, primary_key=True, autoincrement=False),
    sa.Column("delivery_id", Serial, nullable=False, unique=True),
    _time("at", nullable=False),
)

kept_mails = sa.Table(
    "kept_mails",
    metadata,
    sa.Column("delivery_id", sa.ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("content", sa.LargeBinary, nullable=False),  # the mail of the last try, as the relay was given it
    _time("kept_at", nullable=False, index=True),
)

# ── inbound ──────────────────────────────────────────────────────────────────────────────────────────────────────

raw_mails = sa.Table(
    "raw_mails",  # what came back, stored before anything is decided; a row is removed 30 days later
    metadata,
    _id(),
    sa.Column("door", _choice(Door), nullable=False),
    sa.Column("recipient", sa.String(254), nullable=False),  # in small letters
    sa.Column("envelope_from", sa.Text, nullable=False),
    _time("received_at", nullable=False, index=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("print", sa.String(64), nullable=False),  # of Message-ID and body, see `database.raw_mails`
    sa.Column("outcome", _choice(Outcome), nullable=False),
    sa.Column("detail", sa.Text, nullable=False, server_default=""),  # words of ours
    sa.Column("sender", sa.String(254)),  # who it is from, as far as that was read
    sa.Column("subscriber_id", Serial, index=True),  # whom it was about; no foreign keys: they may be gone
    sa.Column("delivery_id", Serial),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    _time("due_at", nullable=False),
    _time("acted_at"),
    sa.Column("lease_owner", sa.String(64)),
    _time("lease_until"),
    sa.UniqueConstraint("recipient", "print"),
    sqlite_autoincrement=True,
)
_partial_index(
    "ix_raw_mails_kept",
    raw_mails.c.due_at,
    raw_mails.c.id,
    where=raw_mails.c.outcome == sa.literal_column("'kept'"),
)

# ── operators ────────────────────────────────────────────────────────────────────────────────────────────────────

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("matter", sa.String(120), primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
    _time("first_at", nullable=False),
    _time("last_at", nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    _time("mailed_at"),
    _time("resolved_at"),
)
