"""Users, their API keys, sessions and log-in codes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Select, delete, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from dynavera.contracts.contract import utc_now
from dynavera.contracts.users import ApiKey, NewApiKey, NewUser, User
from dynavera.credentials import digest, new_secret
from dynavera.identifiers import new_id
from dynavera.records.database import Database
from dynavera.records.tables import ApiKeyRow, LoginCodeRow, SessionRow, UserRow
from dynavera.starting import CannotStart

FIRST_USER = "owner"
FIRST_KEY = "first user's token"
FIRST_USER_LOCK = 0x55736572
"""The PostgreSQL advisory lock under which the first user is made: "User" in ASCII."""

SESSION_LIFE = timedelta(days=30)
LOGIN_CODE_LIFE = timedelta(minutes=30)


class UserNameTaken(Exception):
    """Another user has this name."""


class UserNotFound(Exception):
    """There is no such user."""


class ApiKeyNotFound(Exception):
    """The user has no such API key."""


class ApiKeyStays(Exception):
    """The first user's token comes from the settings, and would be a key again after the next start."""


class TokenTaken(CannotStart):
    """The first user's token is another user's API key."""


class OwnerStays(Exception):
    """The owner of the instance cannot be shut out."""


@dataclass(frozen=True)
class Users:
    """Who may come in, and how they are recognised."""

    database: Database

    async def ensure_first(self, token: str) -> User:
        """The first user, made when missing; `token` is that user's key from now on, in place of an earlier token.

        Raises:
            TokenTaken: it is another user's key.
        """
        async with self.database.writing() as session:
            if session.get_bind().dialect.name == "postgresql":
                # Processes that start together wait for each other here; in SQLite every writer waits anyway.
                await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": FIRST_USER_LOCK})
            row = await session.scalar(select(UserRow).where(UserRow.owner))
            if row is None:
                row = UserRow(id=new_id(), name=FIRST_USER, owner=True, active=True, created_at=utc_now())
                session.add(row)
                await session.flush()
            await _configure_key(session, row.id, token)
            return _user(row)

    async def first(self) -> User:
        """The first user.

        Raises:
            UserNotFound: there is none yet.
        """
        async with self.database.reading() as session:
            row = await session.scalar(select(UserRow).where(UserRow.owner))
        if row is None:
            raise UserNotFound("There is no first user yet. Start the API once; it makes one.")
        return _user(row)

    async def by_id(self, user_id: UUID) -> User | None:
        """The user, if there is one and it is active."""
        async with self.database.reading() as session:
            row = await session.get(UserRow, user_id)
        return _user(row) if row is not None and row.active else None

    async def by_api_key(self, api_key: str) -> User | None:
        """The active user whose key this is."""
        async with self.database.reading() as session:
            return await _active(
                session, select(UserRow).join(ApiKeyRow).where(ApiKeyRow.digest == digest(api_key), UserRow.active)
            )

    async def by_session(self, session_id: str) -> User | None:
        """The active user whose browser shows this cookie."""
        async with self.database.reading() as session:
            return await _active(
                session,
                select(UserRow)
                .join(SessionRow)
                .where(SessionRow.digest == digest(session_id), SessionRow.expires_at > utc_now(), UserRow.active),
            )

    async def log_in(self, user_id: UUID) -> str:
        """A new session of the user: its id, for the cookie. Sessions that have ended are cleared away."""
        session_id = new_secret("ses")
        now = utc_now()
        async with self.database.writing() as session:
            await session.execute(delete(SessionRow).where(SessionRow.expires_at <= now))
            session.add(
                SessionRow(digest=digest(session_id), user_id=user_id, created_at=now, expires_at=now + SESSION_LIFE)
            )
        return session_id

    async def log_out(self, session_id: str) -> None:
        """End a session; one that has ended stays ended."""
        async with self.database.writing() as session:
            await session.execute(delete(SessionRow).where(SessionRow.digest == digest(session_id)))

    async def login_code(self, user_id: UUID) -> tuple[str, datetime]:
        """A code that logs the user in once, and when it expires."""
        code = new_secret("in")
        expires_at = utc_now() + LOGIN_CODE_LIFE
        async with self.database.writing() as session:
            await session.execute(delete(LoginCodeRow).where(LoginCodeRow.expires_at <= utc_now()))
            session.add(LoginCodeRow(digest=digest(code), user_id=user_id, expires_at=expires_at))
        return code, expires_at

    async def redeem(self, code: str) -> User | None:
        """The active user whom the code logs in; the code is used up."""
        async with self.database.writing() as session:
            user_id = await session.scalar(
                delete(LoginCodeRow)
                .where(LoginCodeRow.digest == digest(code), LoginCodeRow.expires_at > utc_now())
                .returning(LoginCodeRow.user_id)
            )
            if user_id is None:
                return None
            row = await session.get(UserRow, user_id)
            return _user(row) if row is not None and row.active else None

    async def keys(self, user_id: UUID) -> list[ApiKey]:
        """The user's API keys, oldest first, without their secrets."""
        async with self.database.reading() as session:
            rows = await session.scalars(select(ApiKeyRow).where(ApiKeyRow.user_id == user_id).order_by(ApiKeyRow.id))
            return [ApiKey(id=row.id, name=row.name, created_at=row.created_at) for row in rows]

    async def add_key(self, user_id: UUID, name: str) -> NewApiKey:
        """A new API key of the user; the answer is the only place where its secret is shown."""
        api_key = new_secret("dyn")
        row = _key_row(user_id, name, api_key)
        async with self.database.writing() as session:
            session.add(row)
        return NewApiKey(id=row.id, name=row.name, created_at=row.created_at, api_key=api_key)

    async def delete_key(self, user_id: UUID, key_id: UUID) -> None:
        """Revoke a key.

        Raises:
            ApiKeyNotFound: the user has no such key.
            ApiKeyStays: it is the token that the settings hold.
        """
        async with self.database.writing() as session:
            row = await session.get(ApiKeyRow, key_id)
            if row is None or row.user_id != user_id:
                raise ApiKeyNotFound(f"There is no API key {str(key_id)!r}.")
            if row.configured:
                raise ApiKeyStays(
                    "This key is Dynavera's own token, and is not revoked here. To change it, stop Dynavera, "
                    "remove the file 'token' from the data directory (or change DYNAVERA_TOKEN), and start again."
                )
            await session.execute(delete(ApiKeyRow).where(ApiKeyRow.id == key_id))

    async def all(self) -> list[User]:
        """Every user, oldest first."""
        async with self.database.reading() as session:
            return [_user(row) for row in await session.scalars(select(UserRow).order_by(UserRow.id))]

    async def add(self, name: str) -> NewUser:
        """A new user with a first API key.

        Raises:
            UserNameTaken: another user has this name.
        """
        api_key = new_secret("dyn")
        row = UserRow(id=new_id(), name=name, owner=False, active=True, created_at=utc_now())
        try:
            async with self.database.writing() as session:
                session.add(row)
                await session.flush()
                session.add(_key_row(row.id, "first key", api_key))
        except IntegrityError as error:
            raise UserNameTaken(f"There is a user {name!r} already. Choose another name.") from error
        return NewUser(**_user(row).model_dump(), api_key=api_key)

    async def set_active(self, user_id: UUID, *, active: bool) -> User:
        """Let a user in or shut them out, their sessions with them.

        Raises:
            UserNotFound: there is no such user.
            OwnerStays: it is the owner.
        """
        async with self.database.writing() as session:
            row = await session.get(UserRow, user_id)
            if row is None:
                raise UserNotFound(f"There is no user {str(user_id)!r}.")
            if row.owner and not active:
                raise OwnerStays("The owner of this instance cannot be shut out.")
            await session.execute(update(UserRow).where(UserRow.id == user_id).values(active=active))
            if not active:
                await session.execute(delete(SessionRow).where(SessionRow.user_id == user_id))
            await session.refresh(row)
            return _user(row)


async def _active(session: AsyncSession, query: Select[UserRow]) -> User | None:
    row = await session.scalar(query)
    return None if row is None else _user(row)


async def _configure_key(session: AsyncSession, user_id: UUID, token: str) -> None:
    key = await session.scalar(select(ApiKeyRow).where(ApiKeyRow.digest == digest(token)))
    if key is not None and key.user_id != user_id:
        raise TokenTaken(
            "DYNAVERA_TOKEN, or the file 'token' in the data directory, holds another user's API key. "
            "Set it to a key of its own, or remove it: a new one is made then."
        )
    await session.execute(delete(ApiKeyRow).where(ApiKeyRow.configured, ApiKeyRow.digest != digest(token)))
    if key is None:
        key = _key_row(user_id, FIRST_KEY, token)
        session.add(key)
    key.configured = True


def _key_row(user_id: UUID, name: str, api_key: str) -> ApiKeyRow:
    return ApiKeyRow(
        id=new_id(), user_id=user_id, name=name, digest=digest(api_key), configured=False, created_at=utc_now()
    )


def _user(row: UserRow) -> User:
    return User(id=row.id, name=row.name, owner=row.owner, active=row.active, created_at=row.created_at)
