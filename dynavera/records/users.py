"""Users and their API keys."""

from dataclasses import dataclass
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from dynavera.contracts.contract import utc_now
from dynavera.contracts.users import ApiKey, NewApiKey, NewUser, User
from dynavera.credentials import digest, new_secret
from dynavera.identifiers import new_id
from dynavera.records.database import Database
from dynavera.records.tables import ApiKeyRow, SessionRow, UserRow


class UserNameTaken(Exception):
    """Another user has this name."""


class UserNotFound(Exception):
    """There is no such user."""


class ApiKeyNotFound(Exception):
    """The user has no such API key."""


class ApiKeyInUse(Exception):
    """The owner's token of this process would become valid again at the next start."""


class OwnerCannotBeDeactivated(Exception):
    """The owner of the instance cannot be deactivated."""


@dataclass(frozen=True)
class Identity:
    """A user, and the credential: an API key, or a session with the key that created it."""

    user: User
    api_key_id: UUID | None
    """None for a session whose key is unknown."""
    session_id: UUID | None = None
    """None for an API key."""


@dataclass(frozen=True)
class Users:
    """The users and their API keys."""

    database: Database
    token: SecretStr | None = None
    """The owner's token of this process, which cannot be revoked here."""

    async def first(self) -> User:
        """The first user.

        Raises:
            UserNotFound: there is none yet.
        """
        async with self.database.reading() as session:
            row = await session.scalar(select(UserRow).where(UserRow.owner))
        if row is None:
            raise UserNotFound("There is no owner yet. Start the API once: it creates the owner.")
        return user_of(row)

    async def by_id(self, user_id: UUID) -> User | None:
        """The user, if it exists and is active."""
        async with self.database.reading() as session:
            row = await session.get(UserRow, user_id)
        return user_of(row) if row is not None and row.active else None

    async def by_api_key(self, api_key: str) -> User | None:
        """The active user with this key."""
        identity = await self.identity(api_key)
        return None if identity is None else identity.user

    async def identity(self, api_key: str) -> Identity | None:
        """The active user with this key, and the key's id."""
        query = (
            select(UserRow, ApiKeyRow.id)
            .join(ApiKeyRow, ApiKeyRow.user_id == UserRow.id)
            .where(ApiKeyRow.digest == digest(api_key), UserRow.active)
        )
        async with self.database.reading() as session:
            found = (await session.execute(query)).one_or_none()
        return None if found is None else Identity(user_of(found[0]), found[1])

    async def keys(self, user_id: UUID) -> list[ApiKey]:
        """The user's API keys, oldest first, without their secrets."""
        async with self.database.reading() as session:
            rows = await session.scalars(select(ApiKeyRow).where(ApiKeyRow.user_id == user_id).order_by(ApiKeyRow.id))
            return [self._shown(row) for row in rows]

    async def add_key(self, user_id: UUID, name: str) -> NewApiKey:
        """A new API key of the user; its secret is returned only here."""
        api_key = new_secret("dyn")
        row = key_row(user_id, name, api_key)
        async with self.database.writing() as session:
            session.add(row)
        return NewApiKey(**self._shown(row).model_dump(), api_key=api_key)

    async def delete_key(self, user_id: UUID, key_id: UUID) -> None:
        """Revoke a key; the sessions that it created end.

        Raises:
            ApiKeyNotFound: the user has no such key.
            ApiKeyInUse: it is the token that this process holds.
        """
        async with self.database.writing() as session:
            row = await session.get(ApiKeyRow, key_id)
            if row is None or row.user_id != user_id:
                raise ApiKeyNotFound(f"There is no API key {str(key_id)!r}.")
            if self._holds(row):
                raise ApiKeyInUse(
                    "This key is Dynavera's own token, which cannot be revoked here. To change it, stop Dynavera, "
                    "remove the file 'token' from the data directory (or change DYNAVERA_TOKEN), and start again."
                )
            await session.execute(delete(ApiKeyRow).where(ApiKeyRow.id == key_id))

    async def all(self) -> list[User]:
        """Every user, oldest first."""
        async with self.database.reading() as session:
            return [user_of(row) for row in await session.scalars(select(UserRow).order_by(UserRow.id))]

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
                session.add(key_row(row.id, "first key", api_key))
        except IntegrityError as error:
            raise UserNameTaken(f"A user named {name!r} already exists. Choose another name.") from error
        return NewUser(**user_of(row).model_dump(), api_key=api_key)

    async def set_active(self, user_id: UUID, *, active: bool) -> User:
        """Activate or deactivate a user, whose sessions then end.

        Raises:
            UserNotFound: there is no such user.
            OwnerCannotBeDeactivated: it is the owner.
        """
        async with self.database.writing() as session:
            row = await session.get(UserRow, user_id)
            if row is None:
                raise UserNotFound(f"There is no user {str(user_id)!r}.")
            if row.owner and not active:
                raise OwnerCannotBeDeactivated("The owner of this instance cannot be deactivated.")
            await session.execute(update(UserRow).where(UserRow.id == user_id).values(active=active))
            if not active:
                await session.execute(delete(SessionRow).where(SessionRow.user_id == user_id))
            await session.refresh(row)
            return user_of(row)

    def _holds(self, row: ApiKeyRow) -> bool:
        return self.token is not None and row.digest == digest(self.token.get_secret_value())

    def _shown(self, row: ApiKeyRow) -> ApiKey:
        return ApiKey(id=row.id, name=row.name, created_at=row.created_at, revocable=not self._holds(row))


def key_row(user_id: UUID, name: str, api_key: str, *, configured: bool = False) -> ApiKeyRow:
    """A new API key of a user; a `configured` one is DYNAVERA_TOKEN or a token file."""
    return ApiKeyRow(
        id=new_id(), user_id=user_id, name=name, digest=digest(api_key), configured=configured, created_at=utc_now()
    )


def user_of(row: UserRow) -> User:
    """The user in a row."""
    return User(id=row.id, name=row.name, owner=row.owner, active=row.active, created_at=row.created_at)
