"""The tables of the records; a test compares Alembic's migrations with them."""

from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import JSON, DateTime, ForeignKey, Index, MetaData, Text, UniqueConstraint, text
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """A time in UTC. SQLite stores no time zone, so it is added when a value is read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """In UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """In UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Table(DeclarativeBase):
    """The base of all tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {datetime: UtcDateTime, dict[str, Any]: JSON}


class UserRow(Table):
    """A user, who has agents, executions and documents; the owner of the instance is the first user."""

    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    owner: Mapped[bool]
    active: Mapped[bool]
    created_at: Mapped[datetime]


class ApiKeyRow(Table):
    """The SHA-256 of an API key, which itself is not stored. A `configured` one was DYNAVERA_TOKEN or a token file."""

    __tablename__ = "api_keys"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    digest: Mapped[str] = mapped_column(unique=True)
    configured: Mapped[bool]
    created_at: Mapped[datetime]


class OwnerTokenRow(Table):
    """The SHA-256 of the token that the processes of a data directory used at their last start.

    `instance` is the data directory's id, `source` is `setting` (DYNAVERA_TOKEN) or `file`.
    """

    __tablename__ = "owner_tokens"

    instance: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str]


class SessionRow(Table):
    """A logged-in browser, by the SHA-256 of its cookie; it ends with the API key that created it."""

    __tablename__ = "sessions"

    digest: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(unique=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    api_key_id: Mapped[UUID | None] = mapped_column(ForeignKey("api_keys.id", ondelete="CASCADE"), index=True)
    user_agent: Mapped[str | None]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class LoginCodeRow(Table):
    """The SHA-256 of a log-in link's code; deleted when the link is used, or with the API key that created it."""

    __tablename__ = "login_codes"

    digest: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    api_key_id: Mapped[UUID | None] = mapped_column(ForeignKey("api_keys.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[datetime]


DELETED = text("deleted_at IS NOT NULL")
"""Agents whose logs are being removed: nearly always none, but queried every few seconds."""


class AgentRow(Table):
    """An agent; `settings` is an `AgentSettings`. One with `deleted_at` is no longer visible."""

    __tablename__ = "agents"
    __table_args__ = (Index("ix_agents_deleted", "id", sqlite_where=DELETED, postgresql_where=DELETED),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    settings: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


STOP_PENDING = text("stop_requested_at IS NOT NULL AND stop_delivered_at IS NULL")
"""Executions whose stop is to be delivered: nearly always none, but queried every two seconds."""


class ExecutionRow(Table):
    """An execution; `settings` is its agent's snapshot. `changed_at` is the last change that a list shows."""

    __tablename__ = "executions"
    __table_args__ = (
        UniqueConstraint("user_id", "idempotency_key"),
        Index(None, "user_id", "id"),
        Index(None, "agent_id", "id"),
        Index(None, "agent_id", "status", "id"),
        Index(None, "status", "id"),
        Index(None, "user_id", "changed_at"),
        Index("ix_executions_stop_not_delivered", "id", sqlite_where=STOP_PENDING, postgresql_where=STOP_PENDING),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agents.id", ondelete="CASCADE"))
    settings: Mapped[dict[str, Any]]
    status: Mapped[str]
    input_data: Mapped[dict[str, Any]]
    output_data: Mapped[dict[str, Any] | None]
    error_message: Mapped[str | None] = mapped_column(Text)
    retry_of: Mapped[UUID | None]
    idempotency_key: Mapped[str | None]
    request_digest: Mapped[str | None]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    changed_at: Mapped[datetime]
    workflow_started_at: Mapped[datetime | None]
    stop_requested_at: Mapped[datetime | None]
    stop_delivered_at: Mapped[datetime | None]


class EventRow(Table):
    """One event of an execution's log, as the JSON that every reader gets."""

    __tablename__ = "events"

    execution_id: Mapped[UUID] = mapped_column(ForeignKey("executions.id", ondelete="CASCADE"), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    event: Mapped[str] = mapped_column(Text)


class FeedbackRow(Table):
    """What a user thinks of an execution's answer; outside the event log, which never changes."""

    __tablename__ = "feedback"

    execution_id: Mapped[UUID] = mapped_column(ForeignKey("executions.id", ondelete="CASCADE"), primary_key=True)
    verdict: Mapped[str]
    note: Mapped[str | None] = mapped_column(Text)
    updated_at: Mapped[datetime]


class DocumentRow(Table):
    """A document and its whole text; the offsets of passages are in code points."""

    __tablename__ = "documents"
    __table_args__ = (UniqueConstraint("user_id", "collection", "name"), Index(None, "user_id", "collection", "sha256"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    collection: Mapped[str]
    name: Mapped[str]
    media_type: Mapped[str]
    bytes: Mapped[int]
    sha256: Mapped[str]
    text: Mapped[str] = mapped_column(Text)
    passages: Mapped[int]
    details: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    created_at: Mapped[datetime]


class PassageRow(Table):
    """A piece of a document, from code point `start` to before `end` of its text; `page` if it has pages."""

    __tablename__ = "passages"
    __table_args__ = (Index(None, "document_id", "position"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"))
    position: Mapped[int]
    heading: Mapped[str] = mapped_column(Text)
    start: Mapped[int]
    end: Mapped[int]
    page: Mapped[int | None]
    text: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str]


class DocumentChangeRow(Table):
    """A change of the knowledge base, in order. After a crash, the search indexes apply the changes that they miss."""

    __tablename__ = "document_changes"
    __table_args__ = ({"sqlite_autoincrement": True},)

    revision: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    user_id: Mapped[UUID]
    collection: Mapped[str]
    document_id: Mapped[UUID]
