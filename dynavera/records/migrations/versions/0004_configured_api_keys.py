"""Marks the API keys that are the owner's token; before, only their name showed it, which any key may have."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.add_column(sa.Column("configured", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(
        "UPDATE api_keys SET configured = true"
        " WHERE name = 'first user''s token' AND user_id IN (SELECT id FROM users WHERE owner)"
    )


def downgrade() -> None:
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.drop_column("configured")
