"""The first schema.

Revision: 0001
Follows: nothing
"""

import sqlalchemy as sa
from alembic import op

from interurban_node.core.database import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "access_tokens",
        sa.Column("token_id", sa.String(length=36), nullable=False),
        sa.Column("token_hash", sa.String(length=43), nullable=False),
        sa.Column("recipient", sa.String(length=260), nullable=False),
        sa.Column("agreement_id", sa.String(length=71), nullable=False),
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("token_id", name=op.f("pk_access_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_access_tokens_token_hash")),
    )
    op.create_index(
        op.f("ix_access_tokens_recipient"), "access_tokens", ["recipient"], unique=False
    )
    op.create_table(
        "agreements",
        sa.Column("agreement_id", sa.String(length=71), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("signed_by_us_at", UtcDateTime(), nullable=True),
        sa.Column("complete_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("agreement_id", name=op.f("pk_agreements")),
    )
    op.create_table(
        "closed_periods",
        sa.Column("event", sa.String(length=30), nullable=False),
        sa.Column("period", sa.String(length=7), nullable=False),
        sa.Column("closed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("event", "period", name=op.f("pk_closed_periods")),
    )
    op.create_table(
        "consent_claims",
        sa.Column("evidence_id", sa.String(length=60), nullable=False),
        sa.Column("learner_ref", sa.String(length=60), nullable=False),
        sa.Column("question_id", sa.String(length=71), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("signed_on", sa.Date(), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("imported_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("evidence_id", name=op.f("pk_consent_claims")),
    )
    op.create_table(
        "consent_events",
        sa.Column("learner_ref", sa.String(length=60), nullable=False),
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.String(length=71), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("question_id", sa.String(length=71), nullable=False),
        sa.Column("credential_id", sa.String(length=60), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("signed_on", sa.Date(), nullable=True),
        sa.Column("actor", sa.String(length=20), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("language", sa.String(length=40), nullable=False),
        sa.Column("receipt", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint(
            "learner_ref", "sequence", name=op.f("pk_consent_events")
        ),
    )
    op.create_index(
        op.f("ix_consent_events_question_id"),
        "consent_events",
        ["question_id"],
        unique=False,
    )
    op.create_table(
        "consent_grants",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("learner_number", sa.Integer(), nullable=False),
        sa.Column("granted_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("question_id", sa.String(length=71), nullable=False),
        sa.Column("learner_ref", sa.String(length=60), nullable=False),
        sa.Column("credential_id", sa.String(length=60), nullable=True),
        sa.Column("recipient", sa.String(length=260), nullable=True),
        sa.Column("event_id", sa.String(length=71), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_grants")),
    )
    op.create_index(
        "ix_consent_grants_counted",
        "consent_grants",
        ["learner_ref", "question_id"],
        unique=False,
    )
    op.create_index(
        "ix_consent_grants_due",
        "consent_grants",
        ["ended_at", "expires_at"],
        unique=False,
    )
    op.create_index(
        "ix_consent_grants_standing",
        "consent_grants",
        ["question_id", "learner_number", "granted_at", "expires_at", "ended_at"],
        unique=False,
    )
    op.create_table(
        "consent_histories",
        sa.Column("learner_ref", sa.String(length=60), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("head", sa.String(length=71), nullable=True),
        sa.Column("last_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("learner_ref", name=op.f("pk_consent_histories")),
    )
    op.create_table(
        "consent_questions",
        sa.Column("question_id", sa.String(length=71), nullable=False),
        sa.Column("scope", sa.String(length=20), nullable=False),
        sa.Column("purpose", sa.String(length=120), nullable=False),
        sa.Column("recipients", sa.Text(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("published_at", UtcDateTime(), nullable=False),
        sa.Column("superseded_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("question_id", name=op.f("pk_consent_questions")),
    )
    op.create_index(
        "ix_consent_questions_scope",
        "consent_questions",
        ["scope", "superseded_at"],
        unique=False,
    )
    op.create_table(
        "counted_events",
        sa.Column("learner_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("profile_id", sa.Integer(), nullable=False),
        sa.Column("record_key", sa.BigInteger(), nullable=False),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.Column("period", sa.String(length=7), nullable=False),
        sa.Column("event", sa.String(length=30), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint(
            "learner_number", "period", "event", name=op.f("pk_counted_events")
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_counted_events_base_cells",
        "counted_events",
        [
            "event",
            "period",
            "profile_id",
            "record_key",
            "learner_number",
            "happened_on",
        ],
        unique=False,
    )
    op.create_table(
        "counted_profiles",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("programme__code", sa.String(length=64), nullable=True),
        sa.Column("programme__field", sa.String(length=4), nullable=True),
        sa.Column("programme__level", sa.String(length=4), nullable=True),
        sa.Column("programme__mode", sa.String(length=20), nullable=True),
        sa.Column("learner__age_band", sa.String(length=64), nullable=True),
        sa.Column("learner__sex", sa.String(length=10), nullable=True),
        sa.Column("learner__displaced", sa.String(length=10), nullable=True),
        sa.Column("learner__disability", sa.String(length=10), nullable=True),
        sa.Column("enrolment__outcome", sa.String(length=20), nullable=True),
        sa.Column("enrolment__exit_reason", sa.String(length=64), nullable=True),
        sa.Column("certificate__level", sa.String(length=4), nullable=True),
        sa.Column("placement__kind", sa.String(length=20), nullable=True),
        sa.Column("grievance__kind", sa.String(length=64), nullable=True),
        sa.Column("grievance__timeliness", sa.String(length=10), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_counted_profiles")),
        sa.UniqueConstraint("digest", name=op.f("uq_counted_profiles_digest")),
    )
    op.create_table(
        "credentials",
        sa.Column("credential_id", sa.String(length=60), nullable=False),
        sa.Column("certificate_id", sa.String(length=100), nullable=False),
        sa.Column("learner_ref", sa.String(length=60), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("issued_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("credential_id", name=op.f("pk_credentials")),
        sa.UniqueConstraint(
            "certificate_id", name=op.f("uq_credentials_certificate_id")
        ),
    )
    op.create_index(
        op.f("ix_credentials_learner_ref"), "credentials", ["learner_ref"], unique=False
    )
    op.create_table(
        "evidence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("direction", sa.String(length=10), nullable=False),
        sa.Column("partner", sa.String(length=260), nullable=False),
        sa.Column("method", sa.String(length=10), nullable=False),
        sa.Column("target", sa.String(length=2000), nullable=False),
        sa.Column("request_key_id", sa.String(length=60), nullable=False),
        sa.Column("request_base", sa.LargeBinary(), nullable=False),
        sa.Column("request_signature", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("response_key_id", sa.String(length=60), nullable=False),
        sa.Column("response_base", sa.LargeBinary(), nullable=False),
        sa.Column("response_signature", sa.LargeBinary(), nullable=False),
        sa.Column("trace_id", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
    )
    op.create_index(op.f("ix_evidence_partner"), "evidence", ["partner"], unique=False)
    op.create_table(
        "identities",
        sa.Column("learner_ref", sa.String(length=60), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("learner_ref", name=op.f("pk_identities")),
    )
    op.create_table(
        "inbox",
        sa.Column("partner", sa.String(length=260), nullable=False),
        sa.Column("message_id", sa.String(length=64), nullable=False),
        sa.Column("identity", sa.String(length=71), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("content_type", sa.String(length=80), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("partner", "message_id", name=op.f("pk_inbox")),
    )
    op.create_table(
        "invitations",
        sa.Column("token_hash", sa.String(length=71), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_by", sa.String(length=260), nullable=True),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_invitations")),
    )
    op.create_table(
        "journal_known",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_journal_known")),
    )
    op.create_table(
        "learner_numbers",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("learner_ref", sa.String(length=60), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_learner_numbers")),
        sa.UniqueConstraint("learner_ref", name=op.f("uq_learner_numbers_learner_ref")),
    )
    op.create_table(
        "nonces",
        sa.Column("origin", sa.String(length=260), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("origin", "nonce", name=op.f("pk_nonces")),
    )
    op.create_index(
        op.f("ix_nonces_expires_at"), "nonces", ["expires_at"], unique=False
    )
    op.create_table(
        "notices_sent",
        sa.Column("message_id", sa.String(length=64), nullable=False),
        sa.Column("partner", sa.String(length=260), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("sent_at", UtcDateTime(), nullable=False),
        sa.Column("acknowledged_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_notices_sent")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("topic", sa.String(length=40), nullable=False),
        sa.Column("partner", sa.String(length=260), nullable=True),
        sa.Column("reference", sa.String(length=100), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_problem", sa.String(length=400), nullable=True),
        sa.Column("done_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_index(
        "ix_outbox_due", "outbox", ["done_at", "topic", "due_at"], unique=False
    )
    op.create_table(
        "partners",
        sa.Column("origin", sa.String(length=260), nullable=False),
        sa.Column("descriptor", sa.LargeBinary(), nullable=False),
        sa.Column("identity_key_id", sa.String(length=60), nullable=False),
        sa.Column("met_at", UtcDateTime(), nullable=False),
        sa.Column("confirmed_by_us_at", UtcDateTime(), nullable=True),
        sa.Column("confirmed_by_them_at", UtcDateTime(), nullable=True),
        sa.Column("last_heard_at", UtcDateTime(), nullable=True),
        sa.Column("skew_seconds", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("origin", name=op.f("pk_partners")),
    )
    op.create_table(
        "plans",
        sa.Column("plan_id", sa.String(length=71), nullable=False),
        sa.Column("subject", sa.String(length=100), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("plan_id", name=op.f("pk_plans")),
    )
    op.create_index(op.f("ix_plans_subject"), "plans", ["subject"], unique=False)
    op.create_table(
        "proposed_structures",
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("bundle", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_proposed_structures")),
    )
    op.create_table(
        "pulled_releases",
        sa.Column("release_id", sa.String(length=71), nullable=False),
        sa.Column("publisher", sa.String(length=260), nullable=False),
        sa.Column("plan", sa.String(length=71), nullable=False),
        sa.Column("dataflow", sa.String(length=300), nullable=False),
        sa.Column("series", sa.String(length=300), nullable=False),
        sa.Column("period", sa.String(length=7), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("structure", sa.String(length=71), nullable=False),
        sa.Column("manifest", sa.LargeBinary(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("verified_at", UtcDateTime(), nullable=False),
        sa.Column("pulled_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("release_id", name=op.f("pk_pulled_releases")),
        sa.UniqueConstraint(
            "publisher",
            "series",
            "period",
            "revision",
            name=op.f("uq_pulled_releases_publisher_series_period_revision"),
        ),
    )
    op.create_index(
        "ix_pulled_releases_dataflow_period",
        "pulled_releases",
        ["dataflow", "period"],
        unique=False,
    )
    op.create_table(
        "pulls",
        sa.Column("partner", sa.String(length=260), nullable=False),
        sa.Column("after", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("partner", name=op.f("pk_pulls")),
    )
    op.create_table(
        "references_received",
        sa.Column("issuer", sa.String(length=260), nullable=False),
        sa.Column("reference_id", sa.String(length=128), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=True),
        sa.Column("token_digest", sa.String(length=71), nullable=False),
        sa.Column("document_digest", sa.String(length=71), nullable=False),
        sa.Column("claimed", sa.Boolean(), nullable=False),
        sa.Column("status_uri", sa.String(length=400), nullable=False),
        sa.Column("status_index", sa.Integer(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint(
            "issuer", "reference_id", name=op.f("pk_references_received")
        ),
    )
    op.create_index(
        op.f("ix_references_received_expires_at"),
        "references_received",
        ["expires_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_references_received_status_uri"),
        "references_received",
        ["status_uri"],
        unique=False,
    )
    op.create_table(
        "refused_builds",
        sa.Column("series", sa.String(length=300), nullable=False),
        sa.Column("period", sa.String(length=7), nullable=False),
        sa.Column("plan", sa.String(length=71), nullable=False),
        sa.Column("refused_at", UtcDateTime(), nullable=False),
        sa.Column("fact", sa.String(length=300), nullable=False),
        sa.PrimaryKeyConstraint("series", "period", name=op.f("pk_refused_builds")),
    )
    op.create_table(
        "releases",
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("release_id", sa.String(length=71), nullable=False),
        sa.Column("plan", sa.String(length=71), nullable=False),
        sa.Column("agreement", sa.String(length=71), nullable=False),
        sa.Column("subject", sa.String(length=100), nullable=False),
        sa.Column("dataflow", sa.String(length=300), nullable=False),
        sa.Column("series", sa.String(length=300), nullable=False),
        sa.Column("period", sa.String(length=7), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("structure", sa.String(length=71), nullable=False),
        sa.Column("recipients", sa.Text(), nullable=False),
        sa.Column("purposes", sa.Text(), nullable=False),
        sa.Column("built_at", UtcDateTime(), nullable=False),
        sa.Column("publication_at", UtcDateTime(), nullable=False),
        sa.Column("total_shown", sa.Integer(), nullable=True),
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("manifest", sa.LargeBinary(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_releases")),
        sa.UniqueConstraint("release_id", name=op.f("uq_releases_release_id")),
        sa.UniqueConstraint(
            "series",
            "period",
            "revision",
            name=op.f("uq_releases_series_period_revision"),
        ),
    )
    op.create_table(
        "sign_in_attempts",
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("source_hash", sa.String(length=43), nullable=False),
        sa.Column("window_start", UtcDateTime(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "kind", "source_hash", "window_start", name=op.f("pk_sign_in_attempts")
        ),
    )
    op.create_table(
        "sign_in_codes",
        sa.Column("learner_ref", sa.String(length=60), nullable=False),
        sa.Column("code_hash", sa.String(length=43), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("learner_ref", name=op.f("pk_sign_in_codes")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_sign_in_codes_code_hash")),
    )
    op.create_table(
        "sources",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("system", sa.String(length=200), nullable=False),
        sa.Column("mapping_version", sa.String(length=71), nullable=False),
        sa.Column("added_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sources")),
        sa.UniqueConstraint("name", name=op.f("uq_sources_name")),
    )
    op.create_table(
        "status_cache",
        sa.Column("uri", sa.String(length=400), nullable=False),
        sa.Column("issuer", sa.String(length=260), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("fetched_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("uri", name=op.f("pk_status_cache")),
    )
    op.create_table(
        "status_lists",
        sa.Column("list_id", sa.String(length=60), nullable=False),
        sa.Column("partner", sa.String(length=260), nullable=False),
        sa.Column("octets", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("signed_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("list_id", name=op.f("pk_status_lists")),
    )
    op.create_index(
        op.f("ix_status_lists_expires_at"), "status_lists", ["expires_at"], unique=False
    )
    op.create_index(
        op.f("ix_status_lists_partner"), "status_lists", ["partner"], unique=False
    )
    op.create_table(
        "stop_slips",
        sa.Column("learner_ref", sa.String(length=60), nullable=False),
        sa.Column("seed", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("learner_ref", name=op.f("pk_stop_slips")),
    )
    op.create_table(
        "structures",
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("urn", sa.String(length=300), nullable=False),
        sa.Column("bundle", sa.LargeBinary(), nullable=False),
        sa.Column("adopted_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_structures")),
        sa.UniqueConstraint("urn", name=op.f("uq_structures_urn")),
    )
    op.create_table(
        "suspensions",
        sa.Column("agreement_id", sa.String(length=71), nullable=False),
        sa.Column("by", sa.String(length=260), nullable=False),
        sa.Column("towards", sa.String(length=260), nullable=False),
        sa.Column("suspended", sa.Boolean(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("reason", sa.String(length=400), nullable=False),
        sa.PrimaryKeyConstraint(
            "agreement_id", "by", "towards", name=op.f("pk_suspensions")
        ),
    )
    op.create_table(
        "tokens",
        sa.Column("token_id", sa.String(length=36), nullable=False),
        sa.Column("token_hash", sa.String(length=43), nullable=False),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("token_id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_tokens_token_hash")),
    )
    op.create_table(
        "usage_log",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("purpose", sa.String(length=120), nullable=False),
        sa.Column("recipient", sa.String(length=260), nullable=False),
        sa.Column("agreement", sa.String(length=71), nullable=True),
        sa.Column("release_id", sa.String(length=71), nullable=True),
        sa.Column("learner_ref", sa.String(length=60), nullable=True),
        sa.Column("reference_id", sa.String(length=60), nullable=True),
        sa.Column("grade", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_log")),
    )
    op.create_index(op.f("ix_usage_log_kind"), "usage_log", ["kind"], unique=False)
    op.create_index(
        op.f("ix_usage_log_learner_ref"), "usage_log", ["learner_ref"], unique=False
    )
    op.create_index(
        op.f("ix_usage_log_release_id"), "usage_log", ["release_id"], unique=False
    )
    op.create_table(
        "grievances",
        sa.Column("learner_ref", sa.String(length=60), nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("decided_on", sa.Date(), nullable=True),
        sa.Column("outcome", sa.String(length=64), nullable=True),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column(
            "source_pk",
            sa.String(length=64).with_variant(
                sa.String(length=64, collation="C"), "postgresql"
            ),
            nullable=False,
        ),
        sa.Column("source_hash", sa.String(length=43), nullable=False),
        sa.Column("mapping_version", sa.String(length=71), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.Column("delete_reason", sa.String(length=20), nullable=True),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name=op.f("fk_grievances_source_id")
        ),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_grievances")),
        sa.UniqueConstraint(
            "source_id", "source_pk", name=op.f("uq_grievances_source_id_source_pk")
        ),
    )
    op.create_index(
        op.f("ix_grievances_learner_ref"), "grievances", ["learner_ref"], unique=False
    )
    op.create_index(
        op.f("ix_grievances_received_on"), "grievances", ["received_on"], unique=False
    )
    op.create_table(
        "learners",
        sa.Column("learner_ref", sa.String(length=60), nullable=False),
        sa.Column("sex", sa.String(length=10), nullable=False),
        sa.Column("birth_year", sa.Integer(), nullable=True),
        sa.Column("age_band", sa.String(length=64), nullable=True),
        sa.Column("displaced", sa.String(length=10), nullable=False),
        sa.Column("disability", sa.String(length=10), nullable=False),
        sa.Column("prior_attainment", sa.Integer(), nullable=True),
        sa.Column("residence", sa.String(length=64), nullable=True),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column(
            "source_pk",
            sa.String(length=64).with_variant(
                sa.String(length=64, collation="C"), "postgresql"
            ),
            nullable=False,
        ),
        sa.Column("source_hash", sa.String(length=43), nullable=False),
        sa.Column("mapping_version", sa.String(length=71), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.Column("delete_reason", sa.String(length=20), nullable=True),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name=op.f("fk_learners_source_id")
        ),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_learners")),
        sa.UniqueConstraint(
            "source_id", "source_pk", name=op.f("uq_learners_source_id_source_pk")
        ),
    )
    op.create_index(
        op.f("ix_learners_learner_ref"), "learners", ["learner_ref"], unique=False
    )
    op.create_table(
        "partner_keys",
        sa.Column("key_id", sa.String(length=60), nullable=False),
        sa.Column("origin", sa.String(length=260), nullable=False),
        sa.ForeignKeyConstraint(
            ["origin"],
            ["partners.origin"],
            name=op.f("fk_partner_keys_origin"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_partner_keys")),
    )
    op.create_index(
        op.f("ix_partner_keys_origin"), "partner_keys", ["origin"], unique=False
    )
    op.create_table(
        "placements",
        sa.Column("learner_ref", sa.String(length=60), nullable=False),
        sa.Column("employer_ref", sa.String(length=60), nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("starts", sa.Date(), nullable=False),
        sa.Column("ends", sa.Date(), nullable=True),
        sa.Column("end_reason", sa.String(length=20), nullable=True),
        sa.Column("wage_band", sa.String(length=64), nullable=True),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column(
            "source_pk",
            sa.String(length=64).with_variant(
                sa.String(length=64, collation="C"), "postgresql"
            ),
            nullable=False,
        ),
        sa.Column("source_hash", sa.String(length=43), nullable=False),
        sa.Column("mapping_version", sa.String(length=71), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.Column("delete_reason", sa.String(length=20), nullable=True),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name=op.f("fk_placements_source_id")
        ),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_placements")),
        sa.UniqueConstraint(
            "source_id", "source_pk", name=op.f("uq_placements_source_id_source_pk")
        ),
    )
    op.create_index(
        op.f("ix_placements_learner_ref"), "placements", ["learner_ref"], unique=False
    )
    op.create_table(
        "programmes",
        sa.Column(
            "code",
            sa.String(length=64).with_variant(
                sa.String(length=64, collation="C"), "postgresql"
            ),
            nullable=False,
        ),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("title_language", sa.String(length=10), nullable=False),
        sa.Column("field", sa.String(length=4), nullable=True),
        sa.Column("level", sa.Integer(), nullable=True),
        sa.Column("hours", sa.Integer(), nullable=True),
        sa.Column("mode", sa.String(length=20), nullable=True),
        sa.Column("provider", sa.String(length=200), nullable=True),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column(
            "source_pk",
            sa.String(length=64).with_variant(
                sa.String(length=64, collation="C"), "postgresql"
            ),
            nullable=False,
        ),
        sa.Column("source_hash", sa.String(length=43), nullable=False),
        sa.Column("mapping_version", sa.String(length=71), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.Column("delete_reason", sa.String(length=20), nullable=True),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name=op.f("fk_programmes_source_id")
        ),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_programmes")),
        sa.UniqueConstraint(
            "source_id", "source_pk", name=op.f("uq_programmes_source_id_source_pk")
        ),
    )
    op.create_index(op.f("ix_programmes_code"), "programmes", ["code"], unique=False)
    op.create_table(
        "quarantine",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("row_number", sa.Integer(), nullable=False),
        sa.Column("field", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("row_hash", sa.String(length=43), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("first_seen_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["sources.id"],
            name=op.f("fk_quarantine_source_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
        sa.UniqueConstraint(
            "source_id",
            "kind",
            "row_number",
            "row_hash",
            name=op.f("uq_quarantine_source_id_kind_row_number_row_hash"),
        ),
    )
    op.create_index(
        op.f("ix_quarantine_seen_at"), "quarantine", ["seen_at"], unique=False
    )
    op.create_table(
        "references_sent",
        sa.Column("reference_id", sa.String(length=128), nullable=False),
        sa.Column("credential_id", sa.String(length=60), nullable=False),
        sa.Column("learner_ref", sa.String(length=60), nullable=False),
        sa.Column("partner", sa.String(length=260), nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("status_list_id", sa.String(length=60), nullable=False),
        sa.Column("status_index", sa.Integer(), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("claim_secret", sa.LargeBinary(), nullable=False),
        sa.Column("purpose", sa.String(length=120), nullable=False),
        sa.Column("agreement", sa.String(length=71), nullable=False),
        sa.Column("consent_event", sa.String(length=71), nullable=False),
        sa.Column("issued_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("message_id", sa.String(length=64), nullable=False),
        sa.Column("document_digest", sa.String(length=71), nullable=False),
        sa.Column("delivered_at", UtcDateTime(), nullable=True),
        sa.Column("receipt", sa.LargeBinary(), nullable=True),
        sa.Column("notice_message_id", sa.String(length=64), nullable=True),
        sa.Column("acknowledged_at", UtcDateTime(), nullable=True),
        sa.Column("acknowledgement", sa.LargeBinary(), nullable=True),
        sa.Column("answer", sa.String(length=10), nullable=True),
        sa.Column("answer_reason", sa.String(length=400), nullable=True),
        sa.ForeignKeyConstraint(
            ["credential_id"],
            ["credentials.credential_id"],
            name=op.f("fk_references_sent_credential_id"),
        ),
        sa.PrimaryKeyConstraint("reference_id", name=op.f("pk_references_sent")),
    )
    op.create_index(
        op.f("ix_references_sent_credential_id"),
        "references_sent",
        ["credential_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_references_sent_expires_at"),
        "references_sent",
        ["expires_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_references_sent_learner_ref"),
        "references_sent",
        ["learner_ref"],
        unique=False,
    )
    op.create_index(
        op.f("ix_references_sent_notice_message_id"),
        "references_sent",
        ["notice_message_id"],
        unique=False,
    )
    op.create_index(
        "uq_references_sent_standing",
        "references_sent",
        ["learner_ref", "credential_id", "partner"],
        unique=True,
        sqlite_where=sa.text("state = 'sent'"),
        postgresql_where=sa.text("state = 'sent'"),
    )
    op.create_table(
        "release_members",
        sa.Column("block", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("bits", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["sequence"],
            ["releases.sequence"],
            name=op.f("fk_release_members_sequence"),
        ),
        sa.PrimaryKeyConstraint("block", "sequence", name=op.f("pk_release_members")),
    )
    op.create_index(
        op.f("ix_release_members_sequence"),
        "release_members",
        ["sequence"],
        unique=False,
    )
    op.create_table(
        "source_tables",
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("fingerprint", sa.String(length=71), nullable=False),
        sa.Column("columns", sa.Text(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["sources.id"],
            name=op.f("fk_source_tables_source_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("source_id", "kind", name=op.f("pk_source_tables")),
    )
    op.create_table(
        "status_indexes",
        sa.Column("list_id", sa.String(length=60), nullable=False),
        sa.Column("status_index", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["list_id"],
            ["status_lists.list_id"],
            name=op.f("fk_status_indexes_list_id"),
        ),
        sa.PrimaryKeyConstraint(
            "list_id", "status_index", name=op.f("pk_status_indexes")
        ),
    )
    op.create_table(
        "sync_runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("mapping_version", sa.String(length=71), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=True),
        sa.Column("cursor", sa.LargeBinary(), nullable=True),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["sources.id"],
            name=op.f("fk_sync_runs_source_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_runs")),
    )
    op.create_index(
        op.f("ix_sync_runs_source_id"), "sync_runs", ["source_id"], unique=False
    )
    op.create_table(
        "web_sessions",
        sa.Column("token_hash", sa.String(length=43), nullable=False),
        sa.Column("session_id", sa.String(length=36), nullable=False),
        sa.Column("learner_ref", sa.String(length=60), nullable=True),
        sa.Column("token_id", sa.String(length=36), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["token_id"],
            ["tokens.token_id"],
            name=op.f("fk_web_sessions_token_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_web_sessions")),
        sa.UniqueConstraint("session_id", name=op.f("uq_web_sessions_session_id")),
    )
    op.create_index(
        op.f("ix_web_sessions_learner_ref"),
        "web_sessions",
        ["learner_ref"],
        unique=False,
    )
    op.create_index(
        op.f("ix_web_sessions_seen_at"), "web_sessions", ["seen_at"], unique=False
    )
    op.create_index(
        op.f("ix_web_sessions_token_id"), "web_sessions", ["token_id"], unique=False
    )
    op.create_table(
        "certificates",
        sa.Column("learner_ref", sa.String(length=60), nullable=False),
        sa.Column("programme_id", sa.String(length=36), nullable=False),
        sa.Column(
            "programme_code",
            sa.String(length=64).with_variant(
                sa.String(length=64, collation="C"), "postgresql"
            ),
            nullable=False,
        ),
        sa.Column("awarded_on", sa.Date(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=True),
        sa.Column("result", sa.String(length=64), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column(
            "source_pk",
            sa.String(length=64).with_variant(
                sa.String(length=64, collation="C"), "postgresql"
            ),
            nullable=False,
        ),
        sa.Column("source_hash", sa.String(length=43), nullable=False),
        sa.Column("mapping_version", sa.String(length=71), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.Column("delete_reason", sa.String(length=20), nullable=True),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["programme_id"],
            ["programmes.record_id"],
            name=op.f("fk_certificates_programme_id"),
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name=op.f("fk_certificates_source_id")
        ),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_certificates")),
        sa.UniqueConstraint(
            "source_id", "source_pk", name=op.f("uq_certificates_source_id_source_pk")
        ),
    )
    op.create_index(
        op.f("ix_certificates_learner_ref"),
        "certificates",
        ["learner_ref"],
        unique=False,
    )
    op.create_table(
        "enrolments",
        sa.Column("learner_ref", sa.String(length=60), nullable=False),
        sa.Column("learner_id", sa.String(length=36), nullable=False),
        sa.Column("programme_id", sa.String(length=36), nullable=False),
        sa.Column(
            "programme_code",
            sa.String(length=64).with_variant(
                sa.String(length=64, collation="C"), "postgresql"
            ),
            nullable=False,
        ),
        sa.Column("presentation", sa.String(length=64), nullable=True),
        sa.Column("registered_on", sa.Date(), nullable=True),
        sa.Column("started_on", sa.Date(), nullable=True),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("exit_reason", sa.String(length=64), nullable=True),
        sa.Column("start_period", sa.String(length=7), nullable=True),
        sa.Column("record_key", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("age_band", sa.String(length=64), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column(
            "source_pk",
            sa.String(length=64).with_variant(
                sa.String(length=64, collation="C"), "postgresql"
            ),
            nullable=False,
        ),
        sa.Column("source_hash", sa.String(length=43), nullable=False),
        sa.Column("mapping_version", sa.String(length=71), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.Column("delete_reason", sa.String(length=20), nullable=True),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["learner_id"],
            ["learners.record_id"],
            name=op.f("fk_enrolments_learner_id"),
        ),
        sa.ForeignKeyConstraint(
            ["programme_id"],
            ["programmes.record_id"],
            name=op.f("fk_enrolments_programme_id"),
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name=op.f("fk_enrolments_source_id")
        ),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_enrolments")),
        sa.UniqueConstraint(
            "source_id", "source_pk", name=op.f("uq_enrolments_source_id_source_pk")
        ),
    )
    op.create_index(
        op.f("ix_enrolments_learner_ref"), "enrolments", ["learner_ref"], unique=False
    )
    op.create_index(
        op.f("ix_enrolments_start_period"), "enrolments", ["start_period"], unique=False
    )
    op.create_table(
        "offers",
        sa.Column("programme_id", sa.String(length=36), nullable=False),
        sa.Column(
            "programme_code",
            sa.String(length=64).with_variant(
                sa.String(length=64, collation="C"), "postgresql"
            ),
            nullable=False,
        ),
        sa.Column("presentation", sa.String(length=64), nullable=True),
        sa.Column("starts", sa.Date(), nullable=False),
        sa.Column("places", sa.Integer(), nullable=False),
        sa.Column("mode", sa.String(length=20), nullable=True),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column(
            "source_pk",
            sa.String(length=64).with_variant(
                sa.String(length=64, collation="C"), "postgresql"
            ),
            nullable=False,
        ),
        sa.Column("source_hash", sa.String(length=43), nullable=False),
        sa.Column("mapping_version", sa.String(length=71), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.Column("delete_reason", sa.String(length=20), nullable=True),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["programme_id"],
            ["programmes.record_id"],
            name=op.f("fk_offers_programme_id"),
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name=op.f("fk_offers_source_id")
        ),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_offers")),
        sa.UniqueConstraint(
            "source_id", "source_pk", name=op.f("uq_offers_source_id_source_pk")
        ),
    )
    op.create_index(op.f("ix_offers_starts"), "offers", ["starts"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_offers_starts"), table_name="offers")
    op.drop_table("offers")
    op.drop_index(op.f("ix_enrolments_start_period"), table_name="enrolments")
    op.drop_index(op.f("ix_enrolments_learner_ref"), table_name="enrolments")
    op.drop_table("enrolments")
    op.drop_index(op.f("ix_certificates_learner_ref"), table_name="certificates")
    op.drop_table("certificates")
    op.drop_index(op.f("ix_web_sessions_token_id"), table_name="web_sessions")
    op.drop_index(op.f("ix_web_sessions_seen_at"), table_name="web_sessions")
    op.drop_index(op.f("ix_web_sessions_learner_ref"), table_name="web_sessions")
    op.drop_table("web_sessions")
    op.drop_index(op.f("ix_sync_runs_source_id"), table_name="sync_runs")
    op.drop_table("sync_runs")
    op.drop_table("status_indexes")
    op.drop_table("source_tables")
    op.drop_index(op.f("ix_release_members_sequence"), table_name="release_members")
    op.drop_table("release_members")
    op.drop_index(
        "uq_references_sent_standing",
        table_name="references_sent",
        sqlite_where=sa.text("state = 'sent'"),
        postgresql_where=sa.text("state = 'sent'"),
    )
    op.drop_index(
        op.f("ix_references_sent_notice_message_id"), table_name="references_sent"
    )
    op.drop_index(op.f("ix_references_sent_learner_ref"), table_name="references_sent")
    op.drop_index(op.f("ix_references_sent_expires_at"), table_name="references_sent")
    op.drop_index(
        op.f("ix_references_sent_credential_id"), table_name="references_sent"
    )
    op.drop_table("references_sent")
    op.drop_index(op.f("ix_quarantine_seen_at"), table_name="quarantine")
    op.drop_table("quarantine")
    op.drop_index(op.f("ix_programmes_code"), table_name="programmes")
    op.drop_table("programmes")
    op.drop_index(op.f("ix_placements_learner_ref"), table_name="placements")
    op.drop_table("placements")
    op.drop_index(op.f("ix_partner_keys_origin"), table_name="partner_keys")
    op.drop_table("partner_keys")
    op.drop_index(op.f("ix_learners_learner_ref"), table_name="learners")
    op.drop_table("learners")
    op.drop_index(op.f("ix_grievances_received_on"), table_name="grievances")
    op.drop_index(op.f("ix_grievances_learner_ref"), table_name="grievances")
    op.drop_table("grievances")
    op.drop_index(op.f("ix_usage_log_release_id"), table_name="usage_log")
    op.drop_index(op.f("ix_usage_log_learner_ref"), table_name="usage_log")
    op.drop_index(op.f("ix_usage_log_kind"), table_name="usage_log")
    op.drop_table("usage_log")
    op.drop_table("tokens")
    op.drop_table("suspensions")
    op.drop_table("structures")
    op.drop_table("stop_slips")
    op.drop_index(op.f("ix_status_lists_partner"), table_name="status_lists")
    op.drop_index(op.f("ix_status_lists_expires_at"), table_name="status_lists")
    op.drop_table("status_lists")
    op.drop_table("status_cache")
    op.drop_table("sources")
    op.drop_table("sign_in_codes")
    op.drop_table("sign_in_attempts")
    op.drop_table("releases")
    op.drop_table("refused_builds")
    op.drop_index(
        op.f("ix_references_received_status_uri"), table_name="references_received"
    )
    op.drop_index(
        op.f("ix_references_received_expires_at"), table_name="references_received"
    )
    op.drop_table("references_received")
    op.drop_table("pulls")
    op.drop_index("ix_pulled_releases_dataflow_period", table_name="pulled_releases")
    op.drop_table("pulled_releases")
    op.drop_table("proposed_structures")
    op.drop_index(op.f("ix_plans_subject"), table_name="plans")
    op.drop_table("plans")
    op.drop_table("partners")
    op.drop_index("ix_outbox_due", table_name="outbox")
    op.drop_table("outbox")
    op.drop_table("notices_sent")
    op.drop_index(op.f("ix_nonces_expires_at"), table_name="nonces")
    op.drop_table("nonces")
    op.drop_table("learner_numbers")
    op.drop_table("journal_known")
    op.drop_table("invitations")
    op.drop_table("inbox")
    op.drop_table("identities")
    op.drop_index(op.f("ix_evidence_partner"), table_name="evidence")
    op.drop_table("evidence")
    op.drop_index(op.f("ix_credentials_learner_ref"), table_name="credentials")
    op.drop_table("credentials")
    op.drop_table("counted_profiles")
    op.drop_index("ix_counted_events_base_cells", table_name="counted_events")
    op.drop_table("counted_events")
    op.drop_index("ix_consent_questions_scope", table_name="consent_questions")
    op.drop_table("consent_questions")
    op.drop_table("consent_histories")
    op.drop_index("ix_consent_grants_standing", table_name="consent_grants")
    op.drop_index("ix_consent_grants_due", table_name="consent_grants")
    op.drop_index("ix_consent_grants_counted", table_name="consent_grants")
    op.drop_table("consent_grants")
    op.drop_index(op.f("ix_consent_events_question_id"), table_name="consent_events")
    op.drop_table("consent_events")
    op.drop_table("consent_claims")
    op.drop_table("closed_periods")
    op.drop_table("agreements")
    op.drop_index(op.f("ix_access_tokens_recipient"), table_name="access_tokens")
    op.drop_table("access_tokens")
