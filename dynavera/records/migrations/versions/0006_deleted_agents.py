"""Agents that are deleted and whose logs are still being removed."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

DELETED = sa.text("deleted_at IS NOT NULL")


def upgrade() -> None:
    # Not as a batch, which would copy the table: a column that may be null is added in place.
    op.add_column("agents", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_agents_deleted", "agents", ["id"], sqlite_where=DELETED, postgresql_where=DELETED)


def downgrade() -> None:
    op.execute("DELETE FROM agents WHERE deleted_at IS NOT NULL")
    op.drop_index("ix_agents_deleted", "agents")
    with op.batch_alter_table("agents", schema=None) as batch_op:
        batch_op.drop_column("deleted_at")
