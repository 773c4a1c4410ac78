"""Sessions of browsers, and the codes of log-in links."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, and_, delete, select, update
from sqlalchemy.exc import IntegrityError

from dynavera.contracts.contract import utc_now
from dynavera.contracts.pages import Page
from dynavera.contracts.users import Session
from dynavera.credentials import digest, new_secret
from dynavera.identifiers import new_id
from dynavera.limits import SESSION_USE_INTERVAL
from dynavera.records.cursors import cursor_id, cursor_of
from dynavera.records.database import Database, DatabaseAway
from dynavera.records.tables import LoginCodeRow, SessionRow, UserRow
from dynavera.records.users import Identity, user_of

LOGIN_CODE_LIFETIME = timedelta(minutes=30)

_log = structlog.get_logger(__name__)


class SessionNotFound(Exception):
    """The user has no such session, or it has ended."""


class KeyRevoked(Exception):
    """The API key was revoked during its use."""


@dataclass(frozen=True)
class Sessions:
    """The sessions of all users; each ends after its lifetime, or with the API key that created it."""

    database: Database
    lifetime: timedelta

    async def begin(self, identity: Identity, user_agent: str | None = None) -> str:
        """Create a session; its secret for the cookie. Ended sessions are deleted.

        Raises:
            KeyRevoked: the API key of the identity has been revoked.
        """
        secret, now = new_secret("ses"), utc_now()
        row = SessionRow(
            digest=digest(secret),
            id=new_id(),
            user_id=identity.user.id,
            api_key_id=identity.api_key_id,
            user_agent=user_agent,
            created_at=now,
            last_used_at=now,
            expires_at=now + self.lifetime,
        )
        try:
            async with self.database.writing() as session:
                session.add(row)
                # The key's row is locked before any session's, as by a revocation: the other order could deadlock.
                await session.flush()
                await session.execute(delete(SessionRow).where(~self._alive(now)))
        except IntegrityError as error:
            raise _key_revoked() from error
        return secret

    async def identity(self, secret: str) -> Identity | None:
        """The active user with this cookie; the use is recorded at intervals."""
        now = utc_now()
        query = (
            select(UserRow, SessionRow)
            .join(SessionRow, SessionRow.user_id == UserRow.id)
            .where(SessionRow.digest == digest(secret), self._alive(now), UserRow.active)
        )
        async with self.database.reading() as session:
            found = (await session.execute(query)).one_or_none()
        if found is None:
            return None
        user, row = found
        if row.last_used_at <= now - SESSION_USE_INTERVAL:
            await self._note_use(row.id, now)
        return Identity(user_of(user), row.api_key_id, row.id)

    async def page(self, identity: Identity, limit: int, cursor: str | None = None) -> Page[Session]:
        """The user's sessions, newest first.

        Raises:
            BadCursor: the cursor is not one of ours.
        """
        query = select(SessionRow).where(SessionRow.user_id == identity.user.id, self._alive(utc_now()))
        if cursor is not None:
            query = query.where(SessionRow.id < cursor_id(cursor))
        async with self.database.reading() as session:
            rows = list(await session.scalars(query.order_by(SessionRow.id.desc()).limit(limit + 1)))
        items = [self._shown(row, is_current=row.id == identity.session_id) for row in rows[:limit]]
        return Page(items=items, next_cursor=cursor_of(items[-1].id) if len(rows) > limit else None)

    async def end(self, user_id: UUID, session_id: UUID) -> None:
        """End one of the user's sessions.

        Raises:
            SessionNotFound: the user has no such session.
        """
        async with self.database.writing() as session:
            ended = await session.scalar(
                delete(SessionRow)
                .where(SessionRow.id == session_id, SessionRow.user_id == user_id, self._alive(utc_now()))
                .returning(SessionRow.id)
            )
        if ended is None:
            raise SessionNotFound(f"There is no session {str(session_id)!r}.")

    async def end_others(self, identity: Identity) -> None:
        """End all sessions of the user but the current one; with an API key, all of them."""
        others = delete(SessionRow).where(SessionRow.user_id == identity.user.id)
        if identity.session_id is not None:
            others = others.where(SessionRow.id != identity.session_id)
        async with self.database.writing() as session:
            await session.execute(others)

    async def log_out(self, secret: str) -> None:
        """End the session of this cookie; one that has ended stays ended."""
        async with self.database.writing() as session:
            await session.execute(delete(SessionRow).where(SessionRow.digest == digest(secret)))

    async def login_code(self, identity: Identity) -> tuple[str, datetime]:
        """A code that logs the user in once, and its expiry; its session ends with the same API key.

        Raises:
            KeyRevoked: the key that asks is revoked.
        """
        code, now = new_secret("in"), utc_now()
        row = LoginCodeRow(
            digest=digest(code),
            user_id=identity.user.id,
            api_key_id=identity.api_key_id,
            expires_at=now + LOGIN_CODE_LIFETIME,
        )
        try:
            async with self.database.writing() as session:
                session.add(row)
                await session.flush()
                await session.execute(delete(LoginCodeRow).where(LoginCodeRow.expires_at <= now))
        except IntegrityError as error:
            raise _key_revoked() from error
        return code, row.expires_at

    async def redeem(self, code: str) -> Identity | None:
        """The active user of the code, which cannot be used again."""
        async with self.database.writing() as session:
            used = (
                await session.execute(
                    delete(LoginCodeRow)
                    .where(LoginCodeRow.digest == digest(code), LoginCodeRow.expires_at > utc_now())
                    .returning(LoginCodeRow.user_id, LoginCodeRow.api_key_id)
                )
            ).one_or_none()
            if used is None:
                return None
            row = await session.get(UserRow, used.user_id)
            return Identity(user_of(row), used.api_key_id) if row is not None and row.active else None

    def _alive(self, now: datetime) -> ColumnElement[bool]:
        # A shorter lifetime also applies to existing sessions.
        return and_(SessionRow.expires_at > now, SessionRow.created_at > now - self.lifetime)

    async def _note_use(self, session_id: UUID, now: datetime) -> None:
        unnoted = SessionRow.last_used_at <= now - SESSION_USE_INTERVAL
        try:
            async with self.database.writing() as session:
                await session.execute(
                    update(SessionRow).where(SessionRow.id == session_id, unnoted).values(last_used_at=now)
                )
        except DatabaseAway as error:
            # A user who can be identified gets access even if nothing can be written.
            _log.warning("a session's use was not noted", reason=str(error))

    def _shown(self, row: SessionRow, *, is_current: bool) -> Session:
        return Session(
            id=row.id,
            current=is_current,
            user_agent=row.user_agent,
            api_key_id=row.api_key_id,
            created_at=row.created_at,
            last_used_at=row.last_used_at,
            expires_at=min(row.expires_at, row.created_at + self.lifetime),
        )


def _key_revoked() -> KeyRevoked:
    return KeyRevoked("This API key has just been revoked.")
