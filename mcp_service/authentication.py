"""Who asks: the credential says it, and the service token may name a user."""

import secrets
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from mcp.server.context import ServerRequestContext
from pydantic import SecretStr
from starlette import status
from starlette.requests import Request

from dynavera.contracts.mcp import USER_META
from dynavera.contracts.users import User
from dynavera.credentials import digest
from dynavera.records.users import UserNotFound, Users
from mcp_service.refusals import Refused

BEARER = "bearer"


class NotYourself(Refused):
    """A user's own key names another user."""

    code = "not_yourself"
    status = status.HTTP_403_FORBIDDEN


class OwnerOnly(Refused):
    """Another user asks for what concerns all."""

    code = "owner_only"
    status = status.HTTP_403_FORBIDDEN


class BadUser(Refused):
    """What names a user is not the id of one."""

    code = "bad_user"


@dataclass(frozen=True)
class Caller:
    """Who showed a credential: a user, or (None) the service token."""

    user: User | None

    @property
    def name(self) -> str:
        """What tells this caller from others."""
        return "service token" if self.user is None else str(self.user.id)


@dataclass(frozen=True)
class Doorkeeper:
    """Recognises callers by their credentials, and says for whom they ask."""

    users: Users
    token: SecretStr

    async def caller(self, authorization: str | None) -> Caller | None:
        """Who shows this `Authorization` header; nobody when it is missing or wrong."""
        kind, _, credential = (authorization or "").partition(" ")
        credential = credential.strip()
        if kind.lower() != BEARER or not credential:
            return None
        if secrets.compare_digest(digest(credential), digest(self.token.get_secret_value())):
            return Caller(user=None)
        user = await self.users.by_api_key(credential)
        return None if user is None else Caller(user)

    async def asker(self, asked: ServerRequestContext[Any, Any]) -> User:
        """For whom an MCP request asks; the service token may name a user in its `_meta`.

        Raises:
            NotYourself, BadUser, UserNotFound: as `user_for`.
        """
        # The door has let the HTTP request in, and has put the caller there.
        request = cast("Request", asked.request)
        caller: Caller = request.state.caller
        return await self.user_for(caller, (asked.meta or {}).get(USER_META))

    async def user_for(self, caller: Caller, named: object) -> User:
        """For whom `caller` asks; `named` is the id it gives, None when it gives none.

        Raises:
            NotYourself: a user's key names another user.
            BadUser: what it gives is not an id.
            UserNotFound: there is no such active user.
        """
        user_id = None if named is None else _id(named)
        if caller.user is not None:
            if user_id not in (None, caller.user.id):
                raise NotYourself("An API key asks for its own user only.")
            return caller.user
        if user_id is None:
            return await self.users.first()
        user = await self.users.by_id(user_id)
        if user is None:
            raise UserNotFound(f"There is no active user {str(user_id)!r}.")
        return user


def _id(named: object) -> UUID:
    try:
        return UUID(str(named))
    except ValueError as error:
        raise BadUser("The user that is named must be given by id, a UUID.") from error
