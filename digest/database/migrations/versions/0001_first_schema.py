"""The first schema: sources, articles, editions, readers, messages, deliveries, alerts.

Why: everything the first digest needs, as drawn in ARCHITECTURE.md.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TIME = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")  # microseconds since 1970
SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("matter", sa.String(length=120), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("first_at", TIME, nullable=False),
        sa.Column("last_at", TIME, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("mailed_at", TIME, nullable=True),
        sa.Column("resolved_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("matter", name="pk_alerts"),
    )
    op.create_table(
        "audit",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("who", sa.String(length=80), nullable=False),
        sa.Column("from_where", sa.String(length=120), nullable=False),
        sa.Column("whose", sa.String(length=64), server_default="", nullable=False),
        sa.Column("what", sa.String(length=80), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("chain", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_at", "audit", ["at"], unique=False)
    op.create_table(
        "audit_ends",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("before", sa.String(length=64), nullable=False),
        sa.Column("last", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_ends"),
    )
    op.create_table(
        "blocks",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("slot", sa.String(length=32), server_default="", nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("link", sa.Text(), server_default="", nullable=False),
        sa.Column("picture", sa.Text(), server_default="", nullable=False),
        sa.Column("from_at", TIME, nullable=False),
        sa.Column("until_at", TIME, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_blocks"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_blocks_until_at", "blocks", ["until_at"], unique=False)
    op.create_table(
        "consent_texts",
        sa.Column("text_hash", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("first_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("text_hash", name="pk_consent_texts"),
    )
    op.create_table(
        "consents",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("subscriber_id", SERIAL, nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("address_hash", sa.String(length=64), nullable=False),
        sa.Column("act", sa.String(16), nullable=False),
        sa.Column("text_version", sa.String(length=40), server_default="", nullable=False),
        sa.Column("text_hash", sa.String(length=64), server_default="", nullable=False),
        sa.Column("how", sa.String(16), nullable=False),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.Column("network", sa.String(length=64), nullable=True),
        sa.Column("at", TIME, nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_consents"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_consents_address_hash", "consents", ["address_hash"], unique=False)
    op.create_index("ix_consents_at", "consents", ["at"], unique=False)
    op.create_index("ix_consents_subscriber_id", "consents", ["subscriber_id"], unique=False)
    op.create_table(
        "counters",
        sa.Column("scope", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("window_at", TIME, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("recent", sa.Text(), server_default="", nullable=False),
        sa.Column("last_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", name="pk_counters"),
    )
    op.create_index("ix_counters_last_at", "counters", ["last_at"], unique=False)
    op.create_table(
        "deliveries",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("message_id", SERIAL, nullable=False),
        sa.Column("edition_id", SERIAL, nullable=True),
        sa.Column("subscriber_id", SERIAL, nullable=True),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("recipient_key", sa.String(length=254), nullable=True),
        sa.Column("domain", sa.String(length=254), nullable=False),
        sa.Column("provider", sa.String(length=64), server_default="", nullable=False),
        sa.Column("lane", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("in_turn", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("drop_reason", sa.String(16), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("deadline_at", TIME, nullable=True),
        sa.Column("lease_owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", TIME, nullable=True),
        sa.Column("attempted_at", TIME, nullable=True),
        sa.Column("settled_at", TIME, nullable=True),
        sa.Column("reply_code", sa.Integer(), nullable=True),
        sa.Column("reply_status", sa.String(length=16), nullable=True),
        sa.Column("reply_text", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
    )
    op.create_index(
        "ix_deliveries_attempting",
        "deliveries",
        ["edition_id", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'attempting'"),
        postgresql_where=sa.text("state = 'attempting'"),
    )
    op.create_index(
        "ix_deliveries_waiting",
        "deliveries",
        ["edition_id", "lane", "provider", "due_at"],
        unique=False,
        sqlite_where=sa.text("state IN ('queued', 'deferred') AND in_turn = 0"),
        postgresql_where=sa.text("state IN ('queued', 'deferred') AND NOT in_turn"),
    )
    op.create_index(
        "uq_deliveries_message_recipient",
        "deliveries",
        ["message_id", "recipient_key"],
        unique=True,
        sqlite_where=sa.text("edition_id IS NULL"),
        postgresql_where=sa.text("edition_id IS NULL"),
    )
    if op.get_bind().dialect.name == "postgresql":
        # Mails of no edition are numbered below those of all editions (`tables.delivery_id`).
        op.execute("ALTER SEQUENCE deliveries_id_seq MAXVALUE 134217727")
        # Three versions of each row are dead a second after it went out, and claims walk past their index entries: what
        # counts is how many there are, not how large a part of years of deliveries (the server's rule is a fifth).
        op.execute(
            "ALTER TABLE deliveries SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50000, "
            "autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000)"
        )
    op.create_table(
        "domains",
        sa.Column("domain", sa.String(length=254), nullable=False),
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("mx", sa.Text(), server_default="", nullable=False),
        sa.Column("looked_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("domain", name="pk_domains"),
    )
    op.create_table(
        "editions",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("slot", sa.String(length=32), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("planned_at", TIME, nullable=False),
        sa.Column("cutoff_at", TIME, nullable=False),
        sa.Column("deadline_at", TIME, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("most_read", sa.JSON(), nullable=False),
        sa.Column("most_shared", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("eligible", sa.Integer(), nullable=True),
        sa.Column("chosen_at", TIME, nullable=True),
        sa.Column("looked_at", TIME, nullable=True),
        sa.Column("stale_at", TIME, nullable=True),
        sa.Column("released_at", TIME, nullable=True),
        sa.Column("walked_to", SERIAL, nullable=True),
        sa.Column("done_at", TIME, nullable=True),
        sa.Column("recipients_erased_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_editions"),
        sa.UniqueConstraint("slot", "planned_at", name="uq_editions_slot_planned_at"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_editions_state", "editions", ["state"], unique=False)
    op.create_table(
        "paces",
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("per_minute", sa.Float(), nullable=True),
        sa.Column("at_once", sa.Integer(), nullable=True),
        sa.Column("in_flight", sa.Text(), nullable=True),
        sa.Column("tokens", sa.Float(), server_default="0", nullable=False),
        sa.Column("filled_at", TIME, nullable=True),
        sa.Column("stopped_until", TIME, nullable=True),
        sa.Column("stops", sa.Integer(), server_default="0", nullable=False),
        sa.Column("paused_at", TIME, nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("scope", name="pk_paces"),
    )
    op.create_table(
        "refusals",
        sa.Column("edition_id", SERIAL, nullable=False),
        sa.Column("place", sa.String(length=254), nullable=False),
        sa.Column("in_a_row", sa.Integer(), nullable=False),
        sa.Column("first_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["editions.id"], name="fk_refusals_edition_id_editions", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("edition_id", "place", name="pk_refusals"),
    )
    op.create_table(
        "put_offs",
        sa.Column("edition_id", SERIAL, nullable=False),
        sa.Column("place", sa.String(length=254), nullable=False),
        sa.Column("in_a_row", sa.Integer(), nullable=False),
        sa.Column("first_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["editions.id"], name="fk_put_offs_edition_id_editions", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("edition_id", "place", name="pk_put_offs"),
    )
    op.create_table(
        "picture_hosts",
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("answers_https", sa.Boolean(), nullable=False),
        sa.Column("checked_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("host", name="pk_picture_hosts"),
    )
    op.create_table(
        "robots",
        sa.Column("site", sa.String(length=300), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("read_at", TIME, nullable=True),
        sa.Column("next_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("site", name="pk_robots"),
    )
    op.create_table(
        "settings_marks",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("mark", sa.String(length=64), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_settings_marks"),
    )
    op.create_table(
        "share_refusals",
        sa.Column("address_hash", sa.String(length=64), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("address_hash", name="pk_share_refusals"),
    )
    op.create_table(
        "share_stops",
        sa.Column("whose", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("stopped_at", TIME, nullable=False),
        sa.Column("resumed_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("whose", name="pk_share_stops"),
    )
    op.create_table(
        "signups",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("address_hash", sa.String(length=64), nullable=False),
        sa.Column("slots", sa.Text(), nullable=False),
        sa.Column("sections", sa.Text(), server_default="", nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("advert", sa.Boolean(), nullable=False),
        sa.Column("how", sa.String(16), nullable=False),
        sa.Column("source", sa.Text(), server_default="/subscribe", nullable=False),
        sa.Column("network", sa.String(length=64), nullable=True),
        sa.Column("texts", sa.JSON(), nullable=False),
        sa.Column("delivery_id", SERIAL, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("confirmed_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_signups"),
        sa.UniqueConstraint("delivery_id", name="uq_signups_delivery_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_signups_address_hash", "signups", ["address_hash"], unique=False)
    op.create_index("ix_signups_expires_at", "signups", ["expires_at"], unique=False)
    op.create_table(
        "site_keys",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("key_id", sa.String(length=10), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("origins", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_site_keys"),
        sa.UniqueConstraint("key_id", name="uq_site_keys_key_id"),
        sa.UniqueConstraint("name", name="uq_site_keys_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "slots",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("since_at", TIME, nullable=False),
        sa.Column("last_planned_at", TIME, nullable=True),
        sa.Column("gone_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_slots"),
    )
    op.create_table(
        "sources",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("rights", sa.String(16), nullable=False),
        sa.Column("section", sa.String(length=60), server_default="", nullable=False),
        sa.Column("picture_hosts", sa.JSON(), nullable=False),
        sa.Column("options", sa.JSON(), server_default="{}", nullable=False),
        sa.Column("rights_answer", sa.Text(), server_default="", nullable=False),
        sa.Column("rights_answered_at", TIME, nullable=True),
        sa.Column("rights_question", sa.Text(), server_default="", nullable=False),
        sa.Column("rights_answered_by", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("provisioned", sa.Boolean(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("last_modified", sa.Text(), nullable=True),
        sa.Column("first_fetched_at", TIME, nullable=True),
        sa.Column("last_ok_at", TIME, nullable=True),
        sa.Column("next_fetch_at", TIME, nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("problem", sa.Text(), server_default="", nullable=False),
        sa.Column("host", sa.String(length=255), server_default="", nullable=False),
        sa.Column("interval_seconds", sa.Float(), nullable=True),
        sa.Column("memory", sa.LargeBinary(), nullable=True),
        sa.Column("failing_since", TIME, nullable=True),
        sa.Column("given_up_at", TIME, nullable=True),
        sa.Column("lease_owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_sources"),
        sa.UniqueConstraint("name", name="uq_sources_name"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sources_host", "sources", ["host"], unique=False)
    op.create_table(
        "subscribers",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("address_key", sa.String(length=254), nullable=False),
        sa.Column("domain", sa.String(length=254), nullable=False),
        sa.Column("provider", sa.String(length=64), server_default="", nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("format", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("consent", sa.Text(), nullable=False),
        sa.Column("address_hash", sa.String(length=64), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("left_at", TIME, nullable=True),
        sa.Column("advert_consent_at", TIME, nullable=True),
        sa.Column("headlines", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("words", sa.Text(), server_default="", nullable=False),
        sa.Column("paused_until", TIME, nullable=True),
        sa.Column("advert_checked_at", TIME, nullable=True),
        sa.Column("advert_ends_at", TIME, nullable=True),
        sa.Column("erase_asked_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_subscribers"),
        sa.UniqueConstraint("address_key", name="uq_subscribers_address_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_subscribers_address_hash", "subscribers", ["address_hash"], unique=False)
    op.create_index("ix_subscribers_state", "subscribers", ["state"], unique=False)
    op.create_table(
        "suppressions",
        sa.Column("address_hash", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(16), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("address_hash", name="pk_suppressions"),
    )
    op.create_table(
        "articles",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("source_id", SERIAL, nullable=False),
        sa.Column("guid_key", sa.String(length=64), nullable=True),
        sa.Column("link_key", sa.String(length=64), nullable=True),
        sa.Column("cited_key", sa.String(length=64), nullable=True),
        sa.Column("title_key", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("section", sa.String(length=60), server_default="", nullable=False),
        sa.Column("registered_at", TIME, nullable=True),
        sa.Column("first_seen_at", TIME, nullable=False),
        sa.Column("last_seen_at", TIME, nullable=False),
        sa.Column("eligible", sa.Boolean(), nullable=False),
        sa.Column("listed", sa.JSON(), nullable=False),
        sa.Column("listed_digest", sa.String(length=64), nullable=False),
        sa.Column("withdrawn_at", TIME, nullable=True),
        sa.Column("withdrawn_by", sa.String(16), nullable=True),
        sa.Column("contested_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name="fk_articles_source_id"),
        sa.PrimaryKeyConstraint("id", name="pk_articles"),
        sa.UniqueConstraint("link_key", name="uq_articles_link_key"),
        sa.UniqueConstraint("source_id", "guid_key", name="uq_articles_source_id_guid_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_articles_cited_key", "articles", ["cited_key"], unique=False)
    op.create_index("ix_articles_first_seen_at", "articles", ["first_seen_at"], unique=False)
    op.create_index("ix_articles_title_key", "articles", ["source_id", "title_key"], unique=False)
    op.create_table(
        "attempts",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("delivery_id", SERIAL, nullable=False),
        sa.Column("began_at", TIME, nullable=True),
        sa.Column("ended_at", TIME, nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("charged", sa.Boolean(), nullable=False),
        sa.Column("reply_code", sa.Integer(), nullable=True),
        sa.Column("reply_status", sa.String(length=16), nullable=True),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name="fk_attempts_delivery_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_attempts"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_attempts_delivery_id", "attempts", ["delivery_id"], unique=False)
    op.create_index("ix_attempts_ended_at", "attempts", ["ended_at"], unique=False)
    op.create_table(
        "fresh_links",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("delivery_id", SERIAL, nullable=False),
        sa.Column("subscriber_id", SERIAL, nullable=False),
        sa.Column("matter", sa.String(16), nullable=False),
        sa.Column("new_address", sa.String(length=254), nullable=True),
        sa.Column("asked_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("used_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscribers.id"], name="fk_fresh_links_subscriber_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_fresh_links"),
        sa.UniqueConstraint("delivery_id", name="uq_fresh_links_delivery_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_fresh_links_expires_at", "fresh_links", ["expires_at"], unique=False)
    op.create_index("ix_fresh_links_subscriber_id", "fresh_links", ["subscriber_id"], unique=False)
    op.create_table(
        "notices",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("delivery_id", SERIAL, nullable=True),
        sa.Column("edition_id", SERIAL, nullable=True),
        sa.Column("subscriber_id", SERIAL, nullable=True),
        sa.Column("domain", sa.String(length=254), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("cause", sa.String(16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("way", sa.String(length=16), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_notices"),
        sa.UniqueConstraint("delivery_id", "kind", name="uq_notices_delivery_id_kind"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_notices_at", "notices", ["at"], unique=False)
    op.create_index("ix_notices_domain", "notices", ["domain", "at"], unique=False)
    op.create_index("ix_notices_edition_id", "notices", ["edition_id", "kind"], unique=False)
    op.create_index("ix_notices_subscriber_id", "notices", ["subscriber_id", "at"], unique=False)
    op.create_table(
        "probes",
        sa.Column("subscriber_id", SERIAL, autoincrement=False, nullable=False),
        sa.Column("delivery_id", SERIAL, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("subscriber_id", name="pk_probes"),
        sa.UniqueConstraint("delivery_id", name="uq_probes_delivery_id"),
    )
    op.create_table(
        "kept_mails",
        sa.Column("delivery_id", SERIAL, autoincrement=False, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("kept_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.id"], name="fk_kept_mails_delivery_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("delivery_id", name="pk_kept_mails"),
    )
    op.create_index("ix_kept_mails_kept_at", "kept_mails", ["kept_at"], unique=False)
    op.create_table(
        "raw_mails",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("door", sa.String(16), nullable=False),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("envelope_from", sa.Text(), nullable=False),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("print", sa.String(length=64), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("sender", sa.String(length=254), nullable=True),
        sa.Column("subscriber_id", SERIAL, nullable=True),
        sa.Column("delivery_id", SERIAL, nullable=True),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("acted_at", TIME, nullable=True),
        sa.Column("lease_owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_raw_mails"),
        sa.UniqueConstraint("recipient", "print", name="uq_raw_mails_recipient_print"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_raw_mails_received_at", "raw_mails", ["received_at"], unique=False)
    op.create_index("ix_raw_mails_subscriber_id", "raw_mails", ["subscriber_id"], unique=False)
    op.create_index(
        "ix_raw_mails_kept",
        "raw_mails",
        ["due_at", "id"],
        unique=False,
        sqlite_where=sa.text("outcome = 'kept'"),
        postgresql_where=sa.text("outcome = 'kept'"),
    )
    op.create_table(
        "messages",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("edition_id", SERIAL, nullable=True),
        sa.Column("variant", sa.Text(), server_default="", nullable=False),
        sa.Column("replaced_by", SERIAL, nullable=True),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("headers", sa.LargeBinary(), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.Column("html", sa.LargeBinary(), nullable=False),
        sa.Column("keeps_copy", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["edition_id"], ["editions.id"], name="fk_messages_edition_id"),
        sa.PrimaryKeyConstraint("id", name="pk_messages"),
        sa.UniqueConstraint("key", name="uq_messages_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_messages_edition_id", "messages", ["edition_id"], unique=False)
    op.create_table(
        "most_read",
        sa.Column("source_id", SERIAL, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("excerpt", sa.Text(), nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name="fk_most_read_source_id"),
        sa.PrimaryKeyConstraint("source_id", "position", name="pk_most_read"),
    )
    op.create_table(
        "subscriptions",
        sa.Column("subscriber_id", SERIAL, nullable=False),
        sa.Column("slot", sa.String(length=32), nullable=False),
        sa.Column("sections", sa.Text(), server_default="", nullable=False),
        sa.Column("weekdays", sa.SmallInteger(), server_default=sa.text("127"), nullable=False),
        sa.Column("hour", sa.SmallInteger(), nullable=True),
        sa.Column("since_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscribers.id"], name="fk_subscriptions_subscriber_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("subscriber_id", "slot", name="pk_subscriptions"),
    )
    op.create_index("ix_subscriptions_slot", "subscriptions", ["slot", "subscriber_id"], unique=False)
    op.create_table(
        "corrections",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("article_id", SERIAL, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("slot", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("noticed_at", TIME, nullable=False),
        sa.Column("edition_id", SERIAL, nullable=True),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name="fk_corrections_article_id"),
        sa.ForeignKeyConstraint(["edition_id"], ["editions.id"], name="fk_corrections_edition_id"),
        sa.PrimaryKeyConstraint("id", name="pk_corrections"),
        sa.UniqueConstraint(
            "slot", "article_id", "revision", "kind", name="uq_corrections_slot_article_id_revision_kind"
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "edition_articles",
        sa.Column("edition_id", SERIAL, nullable=False),
        sa.Column("article_id", SERIAL, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("slot", sa.String(length=32), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("section", sa.String(length=60), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("same_sources", sa.Integer(), server_default="0", nullable=False),
        sa.Column("given_back_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name="fk_edition_articles_article_id"),
        sa.ForeignKeyConstraint(["edition_id"], ["editions.id"], name="fk_edition_articles_edition_id"),
        sa.PrimaryKeyConstraint("edition_id", "article_id", name="pk_edition_articles"),
    )
    op.create_index(
        "uq_edition_articles_slot_article",
        "edition_articles",
        ["slot", "article_id"],
        unique=True,
        sqlite_where=sa.text("given_back_at IS NULL"),
        postgresql_where=sa.text("given_back_at IS NULL"),
    )
    op.create_table(
        "message_articles",
        sa.Column("message_id", SERIAL, nullable=False),
        sa.Column("article_id", SERIAL, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name="fk_message_articles_article_id"),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name="fk_message_articles_message_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("message_id", "article_id", name="pk_message_articles"),
    )
    op.create_index("ix_message_articles_article_id", "message_articles", ["article_id"], unique=False)
    op.create_table(
        "pages",
        sa.Column("article_id", SERIAL, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("text", sa.JSON(), nullable=True),
        sa.Column("first_title", sa.Text(), server_default="", nullable=False),
        sa.Column("found_by", sa.JSON(), nullable=False),
        sa.Column("problem", sa.Text(), server_default="", nullable=False),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("last_modified", sa.Text(), nullable=True),
        sa.Column("body_digest", sa.String(length=64), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("looked_at", TIME, nullable=True),
        sa.Column("next_look_at", TIME, nullable=True),
        sa.Column("look_until", TIME, nullable=False),
        sa.Column("lease_owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", TIME, nullable=True),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name="fk_pages_article_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("article_id", name="pk_pages"),
    )
    op.create_index("ix_pages_next_look_at", "pages", ["next_look_at"], unique=False)
    op.create_table(
        "revisions",
        sa.Column("article_id", SERIAL, nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("text", sa.JSON(), nullable=False),
        sa.Column("substantial", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name="fk_revisions_article_id"),
        sa.PrimaryKeyConstraint("article_id", "revision", name="pk_revisions"),
    )
    op.create_table(
        "share_counts",
        sa.Column("article_id", SERIAL, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("senders", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name="fk_share_counts_article_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("article_id", "day", name="pk_share_counts"),
    )
    op.create_table(
        "shares",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("article_id", SERIAL, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("sender", sa.String(length=254), nullable=True),
        sa.Column("sender_hash", sa.String(length=64), nullable=False),
        sa.Column("sender_name", sa.Text(), server_default="", nullable=False),
        sa.Column("recipient", sa.String(length=254), nullable=True),
        sa.Column("recipient_hash", sa.String(length=64), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("report_id", sa.String(length=16), nullable=False),
        sa.Column("confirm_delivery_id", SERIAL, nullable=True),
        sa.Column("delivery_id", SERIAL, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("released_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name="fk_shares_article_id"),
        sa.PrimaryKeyConstraint("id", name="pk_shares"),
        sa.UniqueConstraint("delivery_id", name="uq_shares_delivery_id"),
        sa.UniqueConstraint("report_id", name="uq_shares_report_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_shares_confirm_delivery_id", "shares", ["confirm_delivery_id"], unique=False)
    op.create_index("ix_shares_expires_at", "shares", ["expires_at"], unique=False)
    op.create_index("ix_shares_recipient_hash", "shares", ["recipient_hash"], unique=False)
    op.create_index("ix_shares_sender_hash", "shares", ["sender_hash"], unique=False)
    op.create_table(
        "signature_bands",
        sa.Column("band", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("article_id", SERIAL, nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name="fk_signature_bands_article_id"),
        sa.PrimaryKeyConstraint("band", "article_id", name="pk_signature_bands"),
    )
    op.create_index("ix_signature_bands_article_id", "signature_bands", ["article_id"], unique=False)
    op.create_table(
        "signatures",
        sa.Column("article_id", SERIAL, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("lead", sa.Text(), nullable=False),
        sa.Column("minhash", sa.LargeBinary(), nullable=False),
        sa.Column("shingles", sa.Integer(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name="fk_signatures_article_id"),
        sa.PrimaryKeyConstraint("article_id", name="pk_signatures"),
    )
    op.create_index("ix_signatures_made_at", "signatures", ["made_at"], unique=False)
    op.create_table(
        "story_members",
        sa.Column("article_id", SERIAL, nullable=False),
        sa.Column("story_id", SERIAL, nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("joined_by", sa.String(16), nullable=False),
        sa.Column("joined_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name="fk_story_members_article_id"),
        sa.ForeignKeyConstraint(["story_id"], ["articles.id"], name="fk_story_members_story_id"),
        sa.PrimaryKeyConstraint("article_id", name="pk_story_members"),
    )
    op.create_index("ix_story_members_story_id", "story_members", ["story_id"], unique=False)
    op.create_table(
        "story_separations",
        sa.Column("article_id", SERIAL, nullable=False),
        sa.Column("other_id", SERIAL, nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name="fk_story_separations_article_id"),
        sa.ForeignKeyConstraint(["other_id"], ["articles.id"], name="fk_story_separations_other_id"),
        sa.PrimaryKeyConstraint("article_id", "other_id", name="pk_story_separations"),
    )
    op.create_index("ix_story_separations_other_id", "story_separations", ["other_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_story_separations_other_id", table_name="story_separations")
    op.drop_table("story_separations")
    op.drop_index("ix_story_members_story_id", table_name="story_members")
    op.drop_table("story_members")
    op.drop_index("ix_signatures_made_at", table_name="signatures")
    op.drop_table("signatures")
    op.drop_index("ix_signature_bands_article_id", table_name="signature_bands")
    op.drop_table("signature_bands")
    op.drop_index("ix_shares_sender_hash", table_name="shares")
    op.drop_index("ix_shares_recipient_hash", table_name="shares")
    op.drop_index("ix_shares_expires_at", table_name="shares")
    op.drop_index("ix_shares_confirm_delivery_id", table_name="shares")
    op.drop_table("shares")
    op.drop_table("share_counts")
    op.drop_table("revisions")
    op.drop_index("ix_pages_next_look_at", table_name="pages")
    op.drop_table("pages")
    op.drop_index("ix_message_articles_article_id", table_name="message_articles")
    op.drop_table("message_articles")
    op.drop_index(
        "uq_edition_articles_slot_article",
        table_name="edition_articles",
        sqlite_where=sa.text("given_back_at IS NULL"),
        postgresql_where=sa.text("given_back_at IS NULL"),
    )
    op.drop_table("edition_articles")
    op.drop_table("corrections")
    op.drop_index("ix_subscriptions_slot", table_name="subscriptions")
    op.drop_table("subscriptions")
    op.drop_table("most_read")
    op.drop_index(
        "ix_raw_mails_kept",
        table_name="raw_mails",
        sqlite_where=sa.text("outcome = 'kept'"),
        postgresql_where=sa.text("outcome = 'kept'"),
    )
    op.drop_index("ix_raw_mails_subscriber_id", table_name="raw_mails")
    op.drop_index("ix_raw_mails_received_at", table_name="raw_mails")
    op.drop_table("raw_mails")
    op.drop_index("ix_messages_edition_id", table_name="messages")
    op.drop_table("messages")
    op.drop_table("probes")
    op.drop_table("notices")
    op.drop_index("ix_kept_mails_kept_at", table_name="kept_mails")
    op.drop_table("kept_mails")
    op.drop_index("ix_fresh_links_subscriber_id", table_name="fresh_links")
    op.drop_index("ix_fresh_links_expires_at", table_name="fresh_links")
    op.drop_table("fresh_links")
    op.drop_index("ix_attempts_ended_at", table_name="attempts")
    op.drop_index("ix_attempts_delivery_id", table_name="attempts")
    op.drop_table("attempts")
    op.drop_index("ix_articles_title_key", table_name="articles")
    op.drop_index("ix_articles_first_seen_at", table_name="articles")
    op.drop_index("ix_articles_cited_key", table_name="articles")
    op.drop_table("articles")
    op.drop_table("suppressions")
    op.drop_index("ix_subscribers_state", table_name="subscribers")
    op.drop_index("ix_subscribers_address_hash", table_name="subscribers")
    op.drop_table("subscribers")
    op.drop_index("ix_sources_host", table_name="sources")
    op.drop_table("sources")
    op.drop_table("slots")
    op.drop_table("site_keys")
    op.drop_index("ix_signups_expires_at", table_name="signups")
    op.drop_index("ix_signups_address_hash", table_name="signups")
    op.drop_table("signups")
    op.drop_table("share_stops")
    op.drop_table("share_refusals")
    op.drop_table("settings_marks")
    op.drop_table("robots")
    op.drop_table("picture_hosts")
    op.drop_table("put_offs")
    op.drop_table("refusals")
    op.drop_table("paces")
    op.drop_index("ix_editions_state", table_name="editions")
    op.drop_table("editions")
    op.drop_table("domains")
    op.drop_index(
        "uq_deliveries_message_recipient",
        table_name="deliveries",
        sqlite_where=sa.text("edition_id IS NULL"),
        postgresql_where=sa.text("edition_id IS NULL"),
    )
    op.drop_index(
        "ix_deliveries_waiting",
        table_name="deliveries",
        sqlite_where=sa.text("state IN ('queued', 'deferred') AND in_turn = 0"),
        postgresql_where=sa.text("state IN ('queued', 'deferred') AND NOT in_turn"),
    )
    op.drop_index(
        "ix_deliveries_attempting",
        table_name="deliveries",
        sqlite_where=sa.text("state = 'attempting'"),
        postgresql_where=sa.text("state = 'attempting'"),
    )
    op.drop_table("deliveries")
    op.drop_index("ix_counters_last_at", table_name="counters")
    op.drop_table("counters")
    op.drop_index("ix_consents_subscriber_id", table_name="consents")
    op.drop_index("ix_consents_at", table_name="consents")
    op.drop_index("ix_consents_address_hash", table_name="consents")
    op.drop_table("consents")
    op.drop_table("consent_texts")
    op.drop_index("ix_blocks_until_at", table_name="blocks")
    op.drop_table("blocks")
    op.drop_table("audit_ends")
    op.drop_index("ix_audit_at", table_name="audit")
    op.drop_table("audit")
    op.drop_table("alerts")
