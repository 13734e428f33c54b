"""Room for uploads, and files that were removed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Makes the change."""
    op.add_column("users", sa.Column("max_upload_bytes", _BIG, nullable=True))
    op.add_column("jobs", sa.Column("files_removed_at_s", sa.Double(), nullable=True))
    op.add_column("resources", sa.Column("removed_at_s", sa.Double(), nullable=True))
    op.create_index("ix_artifacts_sha256", "artifacts", ["sha256"])


def downgrade() -> None:
    """Takes it back."""
    op.drop_index("ix_artifacts_sha256", "artifacts")
    for table, column in (("resources", "removed_at_s"), ("jobs", "files_removed_at_s"),
                          ("users", "max_upload_bytes")):
        with op.batch_alter_table(table) as changed:
            changed.drop_column(column)
