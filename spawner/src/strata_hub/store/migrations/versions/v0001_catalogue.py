"""The catalogue: repositories, tags, manifests, re-pushes."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "repository",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("name", sa.String(320), nullable=False),
        sa.Column("listed_at", sa.Double()),
        sa.PrimaryKeyConstraint("id", name="pk_repository"),
        sa.UniqueConstraint("name", name="uq_repository_name"),
    )
    op.create_table(
        "tag",
        sa.Column("repository_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("digest", sa.String(140)),
        sa.Column("checked_at", sa.Double()),
        sa.PrimaryKeyConstraint("repository_id", "name", name="pk_tag"),
        sa.ForeignKeyConstraint(["repository_id"], ["repository.id"], name="fk_tag_repository_id", ondelete="CASCADE"),
    )
    op.create_table(
        "manifest",
        sa.Column("digest", sa.String(140), nullable=False),
        sa.Column("platform", sa.String(100), nullable=False),
        sa.Column("media_type", sa.String(255), nullable=False),
        sa.Column("created", sa.Double()),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("architecture", sa.String(64), nullable=False),
        sa.Column("runnable", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("children", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("digest", "platform", name="pk_manifest"),
    )
    op.create_table(
        "repush",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("repository_id", sa.Integer(), nullable=False),
        sa.Column("tag", sa.String(128), nullable=False),
        sa.Column("before", sa.String(140), nullable=False),
        sa.Column("after", sa.String(140), nullable=False),
        sa.Column("found_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_repush"),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repository.id"], name="fk_repush_repository_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_repush_found", "repush", ["repository_id", "tag", "before", "after"], unique=True)
