"""Which user a request is made for: its credential decides, and the service token may name a user."""

import secrets
from dataclasses import dataclass
from typing import Any, ClassVar, cast
from uuid import UUID

from mcp.server.context import ServerRequestContext
from pydantic import SecretStr
from starlette.requests import Request

from dynavera.contracts.mcp import USER_META
from dynavera.contracts.users import User
from dynavera.credentials import digest
from dynavera.records.users import UserNotFound, Users
from dynavera.web.errors import Refused


class NotYourself(Refused):
    """A request with a user's own key names another user."""

    code: ClassVar[str] = "not_yourself"
    status: ClassVar[int] = 403


class BadUser(Refused):
    """The named user is not a UUID."""

    code: ClassVar[str] = "bad_user"


@dataclass(frozen=True)
class Caller:
    """Whose credential a request has: a user's, or (None) the service token."""

    user: User | None

    @property
    def name(self) -> str:
        """A unique name for this caller."""
        return "service token" if self.user is None else str(self.user.id)


@dataclass(frozen=True)
class CallerResolver:
    """Resolves credentials to callers, and callers to the users that they act for."""

    users: Users
    token: SecretStr

    async def caller(self, credential: str | None) -> Caller | None:
        """The caller with this API key or service token; None when it is missing or invalid."""
        if credential is None:
            return None
        if secrets.compare_digest(digest(credential), digest(self.token.get_secret_value())):
            return Caller(user=None)
        user = await self.users.by_api_key(credential)
        return None if user is None else Caller(user)

    async def user_for_mcp(self, context: ServerRequestContext[Any, Any]) -> User:
        """The user that an MCP request is made for; with the service token, `_meta` may name one.

        Raises:
            NotYourself, BadUser, UserNotFound: as `user_for`.
        """
        # The request policy has put the caller there.
        request = cast("Request", context.request)
        caller: Caller = request.state.caller
        return await self.user_for(caller, (context.meta or {}).get(USER_META))

    async def user_for(self, caller: Caller, named: object) -> User:
        """The user that `caller` acts for; `named` is the id in the request, or None.

        Raises:
            NotYourself: a user's key names another user.
            BadUser: `named` is not a UUID.
            UserNotFound: there is no such active user.
        """
        user_id = None if named is None else _user_id(named)
        if caller.user is not None:
            if user_id not in (None, caller.user.id):
                raise NotYourself("An API key can only act for its own user.")
            return caller.user
        if user_id is None:
            return await self.users.first()
        user = await self.users.by_id(user_id)
        if user is None:
            raise UserNotFound(f"There is no active user {str(user_id)!r}.")
        return user


def _user_id(named: object) -> UUID:
    try:
        return UUID(str(named))
    except ValueError as error:
        raise BadUser("The user must be given by id, a UUID.") from error
