"""The owner of the instance, and the owner's token: DYNAVERA_TOKEN, or a token file."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import delete, exists, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from dynavera.contracts.contract import utc_now
from dynavera.contracts.users import User
from dynavera.credentials import create_token, digest, instance_id, token_file, token_in_file
from dynavera.identifiers import new_id
from dynavera.records.database import Database
from dynavera.records.tables import ApiKeyRow, OwnerTokenRow, SessionRow, UserRow
from dynavera.records.users import key_row, user_of
from dynavera.settings import Settings
from dynavera.startup import CannotStart

OWNER_NAME = "owner"
TOKEN_NAME = "first user's token"  # noqa: S105 -- a key's name
OWNER_LOCK = 0x55736572
"""The PostgreSQL advisory lock for creating the owner and updating its tokens: "User" in ASCII."""

Source = Literal["setting", "file"]

Notify: TypeAlias = Callable[[str], object]
"""Reports what happened to the owner's tokens, in a log or on the terminal."""


class TokenTaken(CannotStart):
    """The token of this process is another user's API key."""


async def ensure_owner(database: Database, settings: Settings, notify: Notify) -> User:
    """The owner, created if missing, with an API key for this process's token.

    The database remembers the token of each data directory by the directory's id. Another token with the same id is a
    rotation; with another id it belongs to another process. A token is revoked when no data directory uses it any more,
    so no process revokes a token that another one uses.

    Raises:
        TokenTaken: the token is another user's key.
        CannotStart: the token file is blank, or a file in the data directory cannot be created.
        DatabaseAway: the database cannot be used now.
    """
    async with database.writing() as session:
        if session.get_bind().dialect.name == "postgresql":
            # Processes that start at the same time wait for each other. In SQLite all writers do.
            await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": OWNER_LOCK})
        owner = await session.scalar(select(UserRow).where(UserRow.owner))
        if owner is None:
            owner = UserRow(id=new_id(), name=OWNER_NAME, owner=True, active=True, created_at=utc_now())
            session.add(owner)
            await session.flush()
        tokens = _Tokens(session, owner.id, settings)
        await tokens.settle()
    # Only now is the transaction committed.
    for sentence in tokens.news:
        notify(sentence)
    return user_of(owner)


@dataclass
class _Tokens:
    """The owner's tokens of one data directory, within one transaction."""

    session: AsyncSession
    owner_id: UUID
    settings: Settings
    news: list[str] = field(default_factory=list[str])

    async def settle(self) -> None:
        """Use the setting, else the file. Create a token only to replace a deleted file, or as the first key."""
        if self.settings.token is not None:
            await self._use_setting(self.settings.token)
            return
        instance, in_file = instance_id(self.settings), token_in_file(self.settings)
        if in_file is None and (await self._forget_token(instance, "file") or not await self._owner_has_a_key()):
            in_file = create_token(self.settings)
        if in_file is not None:
            await self._use(instance, "file", in_file)
        else:
            self.news.append(
                "This data directory has no owner's token, because the database has an API key of the owner already. "
                "For commands on this machine set DYNAVERA_TOKEN, or copy the file 'token' of the data directory that "
                "has one."
            )

    async def _use_setting(self, token: SecretStr) -> None:
        try:
            instance = instance_id(self.settings)
        except CannotStart as error:
            # With everything in the settings, a process needs no data directory.
            self.news.append(
                f"{error} Until then a change of DYNAVERA_TOKEN is not detected: revoke an earlier one on the page."
            )
            await self._ensure_key("DYNAVERA_TOKEN", token, was_used=False)
            return
        await self._use(instance, "setting", token)
        await self._settle_unused_file(instance, token)

    async def _settle_unused_file(self, instance: UUID, token: SecretStr) -> None:
        try:
            in_file = token_in_file(self.settings)
        except CannotStart as error:
            self.news.append(f"{error} Until then DYNAVERA_TOKEN is used.")
            return
        before = await self.session.get(OwnerTokenRow, (instance, "file"))
        if before is not None and (in_file is None or before.digest != _fingerprint(in_file)):
            await self._forget_token(instance, "file")
        if in_file not in (None, token):
            self.news.append(
                f"DYNAVERA_TOKEN is used, and not the token in {token_file(self.settings)}. If that one is an API key, "
                "it stays one until the file is removed."
            )

    async def _use(self, instance: UUID, source: Source, token: SecretStr) -> None:
        before = await self.session.get(OwnerTokenRow, (instance, source))
        earlier = before.digest if before is not None else None
        place = "DYNAVERA_TOKEN" if source == "setting" else f"the file {token_file(self.settings)}"
        await self._ensure_key(place, token, was_used=earlier == _fingerprint(token))
        await self.session.merge(OwnerTokenRow(instance=instance, source=source, digest=_fingerprint(token)))
        await self.session.flush()
        if earlier not in (None, _fingerprint(token)):
            await self._revoke_unused(earlier)

    async def _ensure_key(self, place: str, token: SecretStr, *, was_used: bool) -> None:
        key = await self.session.scalar(select(ApiKeyRow).where(ApiKeyRow.digest == _fingerprint(token)))
        if key is not None and key.user_id != self.owner_id:
            raise TokenTaken(
                "DYNAVERA_TOKEN, or the file 'token' in the data directory, contains another user's API key. "
                "Set it to a separate key, or remove it."
            )
        if key is None:
            self.session.add(key_row(self.owner_id, TOKEN_NAME, token.get_secret_value(), configured=True))
            await self.session.flush()
            again = "again, though it was revoked. To revoke it for good, change it there" if was_used else "now"
            self.news.append(f"The token in {place} is an API key of the owner {again}.")

    async def _forget_token(self, instance: UUID, source: Source) -> bool:
        """Forget the token that this data directory used; whether it used one."""
        used = await self.session.scalar(
            delete(OwnerTokenRow)
            .where(OwnerTokenRow.instance == instance, OwnerTokenRow.source == source)
            .returning(OwnerTokenRow.digest)
        )
        if used is not None:
            await self._revoke_unused(used)
        return used is not None

    async def _revoke_unused(self, fingerprint: str) -> None:
        """Revoke a token and end its sessions, unless another data directory uses it."""
        if await self.session.scalar(select(exists().where(OwnerTokenRow.digest == fingerprint))):
            self.news.append(
                "The owner's earlier token stays valid: another data directory, or the token file, has it."
            )
            return
        made_here = ApiKeyRow.digest == fingerprint, ApiKeyRow.configured
        ended = await self.session.scalar(select(func.count(SessionRow.id)).join(ApiKeyRow).where(*made_here))
        if await self.session.scalar(delete(ApiKeyRow).where(*made_here).returning(ApiKeyRow.id)):
            self.news.append(f"The owner's earlier token is revoked, and {ended} of its sessions have ended.")

    async def _owner_has_a_key(self) -> bool:
        return bool(await self.session.scalar(select(exists().where(ApiKeyRow.user_id == self.owner_id))))


def _fingerprint(token: SecretStr) -> str:
    return digest(token.get_secret_value())
