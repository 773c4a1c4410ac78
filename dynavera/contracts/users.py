"""Who asks: users, their API keys, and how a browser logs in."""

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, SecretStr, model_validator

from dynavera.contracts.contract import Contract, Name, Request, UtcTime, storable


def _storable(secret: SecretStr) -> SecretStr:
    storable(secret.get_secret_value())
    return secret


Credential = Annotated[SecretStr, Field(max_length=200), AfterValidator(_storable)]


class User(Contract):
    """A person or a program with agents and documents of its own; the first user is the owner."""

    id: UUID = Field(description="The user's id.")
    name: str = Field(description="The user's name.")
    owner: bool = Field(description="Whether it is the first user, who makes the others.")
    active: bool = Field(description="Whether the user may come in.")
    created_at: UtcTime = Field(description="When the user was made.")


class UserCreate(Request):
    """A new user."""

    name: Name = Field(description="A name that no other user has.")


class UserPatch(Request):
    """Whether the user may come in."""

    active: bool = Field(description="Whether the user may come in.")


class NewUser(User):
    """A user just made, with the API key that is shown this once."""

    api_key: str = Field(description="The user's first API key, shown this once.")


class ApiKey(Contract):
    """An API key without its secret."""

    id: UUID = Field(description="The key's id, which is not the key.")
    name: str = Field(description="What its user knows it by.")
    created_at: UtcTime = Field(description="When it was made.")


class ApiKeyCreate(Request):
    """A name to know the key by."""

    name: Name = Field(description="A name to know the key by.")


class NewApiKey(ApiKey):
    """A key just made; `api_key` is shown this once."""

    api_key: str = Field(description="The key itself, shown this once.")


class Login(Request):
    """Either the code of a log-in link or an API key."""

    code: Credential | None = Field(
        default=None, description="What stands behind `#code=` in a log-in link; good once."
    )
    api_key: Credential | None = Field(default=None, description="An API key.")

    @model_validator(mode="after")
    def _one_of_both(self) -> "Login":
        if (self.code is None) == (self.api_key is None):
            raise ValueError("give either 'code' or 'api_key'")
        return self


class LoginLink(Contract):
    """A link that logs one browser in, once."""

    url: str = Field(description="The link.")
    expires_at: UtcTime = Field(description="Until when it is good.")
