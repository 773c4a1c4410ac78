"""The API key of each session and log-in code, and the owner's token of each data directory."""

import sqlalchemy as sa
from alembic import op

from dynavera.identifiers import new_id

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "owner_tokens",
        sa.Column("instance", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("instance", "source", name=op.f("pk_owner_tokens")),
    )
    with op.batch_alter_table("login_codes", schema=None) as batch_op:
        batch_op.add_column(sa.Column("api_key_id", sa.Uuid(), nullable=True))
        batch_op.create_index(batch_op.f("ix_login_codes_api_key_id"), ["api_key_id"], unique=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_login_codes_api_key_id"), "api_keys", ["api_key_id"], ["id"], ondelete="CASCADE"
        )
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("api_key_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("user_agent", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))
    _fill()
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.alter_column("id", existing_type=sa.Uuid(), nullable=False)
        batch_op.alter_column("last_used_at", existing_type=sa.DateTime(timezone=True), nullable=False)
        batch_op.create_unique_constraint(batch_op.f("uq_sessions_id"), ["id"])
        batch_op.create_index(batch_op.f("ix_sessions_api_key_id"), ["api_key_id"], unique=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_sessions_api_key_id"), "api_keys", ["api_key_id"], ["id"], ondelete="CASCADE"
        )


def _fill() -> None:
    """Give existing sessions ids in their order; their API keys are unknown."""
    sessions = sa.table(
        "sessions",
        sa.column("digest", sa.String()),
        sa.column("id", sa.Uuid()),
        sa.column("created_at", sa.DateTime(timezone=True)),
        sa.column("last_used_at", sa.DateTime(timezone=True)),
    )
    connection = op.get_bind()
    for digest in connection.scalars(sa.select(sessions.c.digest).order_by(sessions.c.created_at)).all():
        connection.execute(
            sa.update(sessions)
            .where(sessions.c.digest == digest)
            .values(id=new_id(), last_used_at=sessions.c.created_at)
        )


def downgrade() -> None:
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_sessions_api_key_id"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("uq_sessions_id"), type_="unique")
        batch_op.drop_index(batch_op.f("ix_sessions_api_key_id"))
        for column in ("last_used_at", "user_agent", "api_key_id", "id"):
            batch_op.drop_column(column)
    with op.batch_alter_table("login_codes", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_login_codes_api_key_id"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_login_codes_api_key_id"))
        batch_op.drop_column("api_key_id")
    op.drop_table("owner_tokens")
