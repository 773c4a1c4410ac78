"""Who asks: users, their API keys, and how a browser logs in."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, SecretStr, model_validator

from dynavera.contracts.contract import Contract, Name, Request, UtcTime


class User(Contract):
    """A person or a program with agents and documents of its own; the first user is the owner."""

    id: UUID
    name: str
    owner: bool
    active: bool
    created_at: UtcTime


class UserCreate(Request):
    """A new user."""

    name: Name


class UserPatch(Request):
    """Whether the user may come in."""

    active: bool


class NewUser(User):
    """A user just made, with the API key that is shown this once."""

    api_key: str


class ApiKey(Contract):
    """An API key without its secret."""

    id: UUID
    name: str
    created_at: UtcTime


class ApiKeyCreate(Request):
    """A name to know the key by."""

    name: Name


class NewApiKey(ApiKey):
    """A key just made; `api_key` is shown this once."""

    api_key: str


class Login(Request):
    """Either the code of a log-in link or an API key."""

    code: Annotated[SecretStr, Field(max_length=200)] | None = None
    api_key: Annotated[SecretStr, Field(max_length=200)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "Login":
        if (self.code is None) == (self.api_key is None):
            raise ValueError("give either 'code' or 'api_key'")
        return self


class LoginLink(Contract):
    """A link that logs one browser in, once."""

    url: str
    expires_at: UtcTime
