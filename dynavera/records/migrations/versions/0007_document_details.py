"""Details of documents: title, date, tags, and what was not read."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not as a batch, which would copy the table with all texts: a column that may be null is added in place.
    op.add_column("documents", sa.Column("details", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("documents", "details")
