"""Add the tables of remediation: findings, plans, steps, evidence, verification, history and replies."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Upgrade from 0020. The tables are empty: a job fills them from the newest assessments and the open cases."""
    op.create_table(
        "finding",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("supplier_id", sa.String(36), nullable=False),
        sa.Column("record_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("about", sa.String(80), nullable=False),
        sa.Column("case_id", sa.String(36), nullable=True),
        sa.Column("cohort", sa.JSON(), nullable=True),
        sa.Column("cohort_key", sa.String(64), nullable=False),
        sa.Column("source_class", sa.String(30), nullable=False),
        sa.Column("grade", sa.String(30), nullable=True),
        sa.Column("found_on", sa.Date(), nullable=False),
        sa.Column("raised_on", sa.Date(), nullable=False),
        sa.Column("worker_derived", sa.Boolean(), nullable=False),
        sa.Column("scale", sa.Integer(), nullable=True),
        sa.Column("scope", sa.Integer(), nullable=True),
        sa.Column("irremediability", sa.Integer(), nullable=True),
        sa.Column("involvement", sa.String(12), nullable=True),
        sa.Column("involvement_reason", sa.Text(), nullable=True),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation_id", sa.String(36), nullable=False),
        sa.CheckConstraint("involvement in ('caused','contributed','linked')", name="valid_involvement"),
        sa.CheckConstraint("kind in ('indicator','floor','case')", name="valid_finding_kind"),
        sa.CheckConstraint(
            "state in ('open','consulted','disputed','accepted','remedied','closed','reopened')",
            name="valid_finding_state",
        ),
        sa.ForeignKeyConstraint(["case_id"], ["case_record.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["supplier_id"], ["supplier.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("record_id", "kind", "about", "cohort_key", name="one_finding_a_cohort"),
    )
    op.create_index("finding_queue", "finding", ["organisation_id", "state", "found_on", "id"])
    op.create_index("ix_finding_case_id", "finding", ["case_id"])
    op.create_index("ix_finding_organisation_id", "finding", ["organisation_id"])
    op.create_index("ix_finding_supplier_id", "finding", ["supplier_id"])
    op.create_table(
        "plan_version",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("supplier_id", sa.String(36), nullable=False),
        sa.Column("record_id", sa.String(36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("agreed_on", sa.Date(), nullable=True),
        sa.Column("agreed_how", sa.String(30), nullable=True),
        sa.Column("workers_agreed_on", sa.Date(), nullable=True),
        sa.Column("spokesperson", sa.String(30), nullable=True),
        sa.Column("cost", sa.String(24), nullable=True),
        sa.Column("currency", sa.String(3), nullable=True),
        sa.Column("employer_share", sa.Integer(), nullable=True),
        sa.Column("agency_share", sa.Integer(), nullable=True),
        sa.Column("buyer_share", sa.Integer(), nullable=True),
        sa.Column("created_by", sa.String(80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation_id", sa.String(36), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["supplier_id"], ["supplier.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("record_id", "version", name="one_plan_a_version"),
    )
    op.create_index("ix_plan_version_organisation_id", "plan_version", ["organisation_id"])
    op.create_index("ix_plan_version_supplier_id", "plan_version", ["supplier_id"])
    op.create_table(
        "step",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("supplier_id", sa.String(36), nullable=False),
        sa.Column("record_id", sa.String(36), nullable=False),
        sa.Column("action", sa.String(60), nullable=False),
        sa.Column("actions_release", sa.String(20), nullable=False),
        sa.Column("actions_digest", sa.String(64), nullable=False),
        sa.Column("party", sa.String(10), nullable=False),
        sa.Column("owner_id", sa.String(36), nullable=True),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("safety", sa.Boolean(), nullable=False),
        sa.Column("needs_workers", sa.Boolean(), nullable=False),
        sa.Column("worker_derived", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation_id", sa.String(36), nullable=False),
        sa.CheckConstraint("party in ('supplier','agency','buyer')", name="valid_party"),
        sa.CheckConstraint(
            "state in ('planned','agreed','in_progress','evidence_in','verified','rejected','closed','reopened','withheld')",
            name="valid_step_state",
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["owner_id"], ["user.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["supplier_id"], ["supplier.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("record_id", "action", name="one_step_an_action"),
    )
    op.create_index("ix_step_organisation_id", "step", ["organisation_id"])
    op.create_index("ix_step_supplier_id", "step", ["supplier_id"])
    op.create_index("step_of_owner", "step", ["owner_id", "due"])
    op.create_index("step_queue", "step", ["organisation_id", "state", "due", "id"])
    op.create_table(
        "step_finding",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("step_id", sa.String(36), nullable=False),
        sa.Column("finding_id", sa.String(36), nullable=False),
        sa.Column("organisation_id", sa.String(36), nullable=False),
        sa.ForeignKeyConstraint(["finding_id"], ["finding.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["step_id"], ["step.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("step_id", "finding_id", name="one_link_a_finding"),
    )
    op.create_index("ix_step_finding_finding_id", "step_finding", ["finding_id"])
    op.create_index("ix_step_finding_organisation_id", "step_finding", ["organisation_id"])
    op.create_table(
        "step_evidence",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("step_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=True),
        sa.Column("media_type", sa.String(100), nullable=True),
        sa.Column("size", sa.Integer(), nullable=True),
        sa.Column("reference", sa.String(300), nullable=True),
        sa.Column("period_from", sa.Date(), nullable=True),
        sa.Column("period_to", sa.Date(), nullable=True),
        sa.Column("cohort", sa.JSON(), nullable=True),
        sa.Column("worker_derived", sa.Boolean(), nullable=False),
        sa.Column("submitted_by", sa.String(80), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation_id", sa.String(36), nullable=False),
        sa.CheckConstraint(
            "kind in ('payment_proof','document','photo','interview_summary','official')", name="valid_evidence_kind"
        ),
        sa.CheckConstraint("sha256 is not null or reference is not null", name="file_or_reference"),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["step_id"], ["step.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_step_evidence_organisation_id", "step_evidence", ["organisation_id"])
    op.create_index("ix_step_evidence_step_id", "step_evidence", ["step_id"])
    op.create_table(
        "step_verification",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("step_id", sa.String(36), nullable=False),
        sa.Column("outcome", sa.String(10), nullable=False),
        sa.Column("source", sa.String(20), nullable=False),
        sa.Column("checked_on", sa.Date(), nullable=False),
        sa.Column("workers", sa.Integer(), nullable=True),
        sa.Column("chosen_by", sa.String(30), nullable=True),
        sa.Column("confirmed_percent", sa.Integer(), nullable=True),
        sa.Column("asked_about_retaliation", sa.Boolean(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("verified_by", sa.String(80), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation_id", sa.String(36), nullable=False),
        sa.CheckConstraint("outcome in ('verified','rejected')", name="valid_verification"),
        sa.CheckConstraint(
            "source in ('worker_voice','union_ngo','official','third_party','document')",
            name="valid_verification_source",
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["step_id"], ["step.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_step_verification_organisation_id", "step_verification", ["organisation_id"])
    op.create_index("ix_step_verification_step_id", "step_verification", ["step_id"])
    op.create_table(
        "step_comment",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("step_id", sa.String(36), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_by", sa.String(80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation_id", sa.String(36), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["step_id"], ["step.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_step_comment_organisation_id", "step_comment", ["organisation_id"])
    op.create_index("ix_step_comment_step_id", "step_comment", ["step_id"])
    op.create_table(
        "transition",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("finding_id", sa.String(36), nullable=True),
        sa.Column("step_id", sa.String(36), nullable=True),
        sa.Column("field", sa.String(10), nullable=False),
        sa.Column("from_value", sa.String(40), nullable=True),
        sa.Column("to_value", sa.String(40), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation_id", sa.String(36), nullable=False),
        sa.CheckConstraint("field in ('state','due','owner')", name="valid_transition_field"),
        sa.CheckConstraint("(finding_id is null) <> (step_id is null)", name="one_object"),
        sa.ForeignKeyConstraint(["finding_id"], ["finding.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["step_id"], ["step.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_transition_organisation_id", "transition", ["organisation_id"])
    op.create_index("transition_of_finding", "transition", ["finding_id", "at"])
    op.create_index("transition_of_step", "transition", ["step_id", "at"])
    op.create_table(
        "reply",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("supplier_id", sa.String(36), nullable=False),
        sa.Column("record_id", sa.String(36), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("safety", sa.Boolean(), nullable=False),
        sa.Column("sent_on", sa.Date(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_how", sa.String(10), nullable=True),
        sa.Column("delivery_note", sa.String(300), nullable=True),
        sa.Column("delivery_noted_by", sa.String(80), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by", sa.String(80), nullable=True),
        sa.Column("response", sa.Text(), nullable=True),
        sa.Column("responded_by", sa.String(80), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation_id", sa.String(36), nullable=False),
        sa.CheckConstraint("delivered_how in ('opened','noted')", name="valid_delivery"),
        sa.CheckConstraint("(delivered_at is null) = (delivered_how is null)", name="delivered_somehow"),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["supplier_id"], ["supplier.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_reply_organisation_id", "reply", ["organisation_id"])
    op.create_index("ix_reply_supplier_id", "reply", ["supplier_id"])
    op.create_index("reply_queue", "reply", ["organisation_id", "due_at", "id"])
    op.create_table(
        "reply_finding",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("reply_id", sa.String(36), nullable=False),
        sa.Column("finding_id", sa.String(36), nullable=False),
        sa.Column("organisation_id", sa.String(36), nullable=False),
        sa.ForeignKeyConstraint(["finding_id"], ["finding.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["reply_id"], ["reply.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("reply_id", "finding_id", name="one_question_a_finding"),
    )
    op.create_index("ix_reply_finding_finding_id", "reply_finding", ["finding_id"])
    op.create_index("ix_reply_finding_organisation_id", "reply_finding", ["organisation_id"])
