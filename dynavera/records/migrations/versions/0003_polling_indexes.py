"""Indexes for what is looked for several times a second, however many executions there are."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STOP_PENDING = sa.text("stop_requested_at IS NOT NULL AND stop_delivered_at IS NULL")


def upgrade() -> None:
    with op.batch_alter_table("executions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_executions_changed_at"))
        batch_op.create_index(batch_op.f("ix_executions_user_id_changed_at"), ["user_id", "changed_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_executions_agent_id_status_id"), ["agent_id", "status", "id"], unique=False
        )
        batch_op.create_index(
            "ix_executions_stop_not_delivered",
            ["id"],
            unique=False,
            sqlite_where=STOP_PENDING,
            postgresql_where=STOP_PENDING,
        )


def downgrade() -> None:
    with op.batch_alter_table("executions", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_executions_stop_not_delivered", sqlite_where=STOP_PENDING, postgresql_where=STOP_PENDING
        )
        batch_op.drop_index(batch_op.f("ix_executions_agent_id_status_id"))
        batch_op.drop_index(batch_op.f("ix_executions_user_id_changed_at"))
        batch_op.create_index(batch_op.f("ix_executions_changed_at"), ["changed_at"], unique=False)
