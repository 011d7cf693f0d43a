"""What must happen after a commit: the outbox; and imports with their row reports."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.models.base import Base, Identified, Json, Timestamped, state_type


class OutboxState(StrEnum):
    """Where a message stands."""

    WAITING = "WAITING"
    DONE = "DONE"
    DEAD = "DEAD"


class OutboxMessage(Identified, Base):
    """One thing to do after the transaction that wrote it has committed.

    A runner takes a due row under a lease; a runner that dies loses the lease and
    the row is due again, so every message is handled at least once.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        sa.Index("ix_outbox_due", "state", "due_at"),
        sa.CheckConstraint("attempts >= 0", name="attempts"),
    )

    topic: so.Mapped[str] = so.mapped_column(sa.String(64))
    payload: so.Mapped[dict[str, Any]] = so.mapped_column(Json)
    created_at: so.Mapped[datetime]
    due_at: so.Mapped[datetime]
    leased_until: so.Mapped[datetime | None]
    attempts: so.Mapped[int] = so.mapped_column(default=0)
    state: so.Mapped[OutboxState] = so.mapped_column(
        state_type(OutboxState), default=OutboxState.WAITING
    )
    last_error: so.Mapped[str] = so.mapped_column(sa.Text, default="")
    done_at: so.Mapped[datetime | None]


class ImportState(StrEnum):
    """Where an import stands."""

    QUEUED = "QUEUED"  # 排队
    RUNNING = "RUNNING"  # 进行中
    DONE = "DONE"  # 完成
    REFUSED = "REFUSED"  # 有错误，未导入
    CANCELLED = "CANCELLED"  # 已取消
    FAILED = "FAILED"  # 失败


class ImportJob(Identified, Timestamped, Base):
    """One sheet on its way in."""

    __tablename__ = "import_jobs"
    __table_args__ = (
        sa.CheckConstraint("mode IN ('all','good')", name="mode_known"),
        sa.CheckConstraint(
            "kind IN ('organisations','needs','offers')", name="kind_known"
        ),
        sa.CheckConstraint(
            "rows_read >= 0 AND rows_kept >= 0 AND rows_wrong >= 0"
            " AND rows_repeated >= 0",
            name="counts",
        ),
    )

    user_id: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("users.id"))
    org_id: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("organisations.id"))
    role: so.Mapped[str] = so.mapped_column(sa.String(32))
    """The role in which it was asked for; operators see what operators import."""
    kind: so.Mapped[str] = so.mapped_column(sa.String(20))
    mode: so.Mapped[str] = so.mapped_column(sa.String(4))
    dry_run: so.Mapped[bool]
    publish: so.Mapped[bool] = so.mapped_column(default=False)
    """Rows come in as records that were checked already, straight to the market."""
    filename: so.Mapped[str] = so.mapped_column(sa.String(255))
    digest: so.Mapped[str] = so.mapped_column(sa.String(64))
    size: so.Mapped[int] = so.mapped_column(sa.BigInteger)
    state: so.Mapped[ImportState] = so.mapped_column(state_type(ImportState))
    cancel_requested: so.Mapped[bool] = so.mapped_column(default=False)
    rows_total: so.Mapped[int | None]
    rows_read: so.Mapped[int] = so.mapped_column(default=0)
    rows_kept: so.Mapped[int] = so.mapped_column(default=0)
    rows_wrong: so.Mapped[int] = so.mapped_column(default=0)
    rows_repeated: so.Mapped[int] = so.mapped_column(default=0)
    error: so.Mapped[str] = so.mapped_column(sa.Text, default="")
    revision: so.Mapped[int] = so.mapped_column()

    __mapper_args__ = {"version_id_col": revision}  # noqa: RUF012


class ImportProblem(Identified, Base):
    """One cell that is wrong, and what would be right."""

    __tablename__ = "import_problems"
    __table_args__ = (sa.UniqueConstraint("job_id", "number"),)

    job_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("import_jobs.id", ondelete="CASCADE")
    )
    number: so.Mapped[int]
    sheet: so.Mapped[str] = so.mapped_column(sa.String(64))
    row: so.Mapped[int]
    column: so.Mapped[str] = so.mapped_column(sa.String(64))
    cell: so.Mapped[str] = so.mapped_column(sa.String(16), default="")
    code: so.Mapped[str] = so.mapped_column(sa.String(64))
    message_zh: so.Mapped[str] = so.mapped_column(sa.Text)
    message_en: so.Mapped[str] = so.mapped_column(sa.Text)


class ImportedRow(Base):
    """The key of a row that came in once, so that it never comes in twice.

    ``row_key`` is the hash of the row's external number 外部编号 where it has one, else
    of its content; ``content_hash`` tells whether a row of the same number changed.
    """

    __tablename__ = "imported_rows"

    scope: so.Mapped[str] = so.mapped_column(sa.String(64), primary_key=True)
    row_key: so.Mapped[str] = so.mapped_column(sa.String(64), primary_key=True)
    content_hash: so.Mapped[str] = so.mapped_column(sa.String(64))
    subject_id: so.Mapped[UUID]
    job_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("import_jobs.id"), index=True
    )
