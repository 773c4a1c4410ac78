"""Feedback on the answers of executions."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "feedback",
        sa.Column("execution_id", sa.Uuid(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["executions.id"], name="fk_feedback_execution_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("execution_id", name="pk_feedback"),
    )


def downgrade() -> None:
    op.drop_table("feedback")
