"""Who asks: users, their API keys, and how a browser logs in."""

from typing import Annotated, cast
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic.config import JsonDict

from dynavera.contracts.contract import NOT_BLANK, Contract, Name, Request, SchemaExtra, UtcTime, not_blank, storable


def _checked(secret: SecretStr) -> SecretStr:
    not_blank(storable(secret.get_secret_value()))
    return secret


def _never_null(schema: JsonDict) -> None:
    # The default stands for a field that is left out; null itself is refused.
    schema.update(cast("list[JsonDict]", schema.pop("anyOf"))[0])
    schema.pop("default", None)


Credential = Annotated[
    SecretStr,
    Field(max_length=200),
    AfterValidator(_checked),
    SchemaExtra({"minLength": 1, "pattern": NOT_BLANK}),
]


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

    active: bool = Field(strict=True, description="Whether the user may come in.")


class NewUser(User):
    """A user just made, with the API key that is shown this once."""

    api_key: str = Field(description="The user's first API key, shown this once.")


class ApiKey(Contract):
    """An API key without its secret."""

    id: UUID = Field(description="The key's id, which is not the key.")
    name: str = Field(description="What its user knows it by.")
    created_at: UtcTime = Field(description="When it was made.")
    revocable: bool = Field(
        description="False for the token that Dynavera was started with: to change that one, change the settings."
    )


class ApiKeyCreate(Request):
    """A name to know the key by."""

    name: Name = Field(description="A name to know the key by.")


class NewApiKey(ApiKey):
    """A key just made; `api_key` is shown this once."""

    api_key: str = Field(description="The key itself, shown this once.")


class Login(Request):
    """Either the code of a log-in link or an API key."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    code: Credential | None = Field(
        default=None,
        json_schema_extra=_never_null,
        description="What stands behind `#code=` in a log-in link; good once.",
    )
    api_key: Credential | None = Field(default=None, json_schema_extra=_never_null, description="An API key.")

    @model_validator(mode="after")
    def _one_of_both(self) -> "Login":
        if len(self.model_fields_set) != 1 or self.code is self.api_key:
            raise ValueError("give either 'code' or 'api_key'")
        return self


class LoginLink(Contract):
    """A link that logs one browser in, once."""

    url: str = Field(description="The link.")
    expires_at: UtcTime = Field(description="Until when it is good.")


class Session(Contract):
    """A browser that is logged in."""

    id: UUID = Field(description="The session's id, which is not what its cookie holds.")
    current: bool = Field(description="Whether it is the one that asks; false for every session when an API key asks.")
    user_agent: str | None = Field(
        description="What the browser called itself when it logged in; null: it said nothing."
    )
    api_key_id: UUID | None = Field(
        description="The API key that it was made with, directly or by a log-in link, and ends with; null: not known."
    )
    created_at: UtcTime = Field(description="When the browser logged in.")
    last_used_at: UtcTime = Field(description="When it was last used, to within some minutes.")
    expires_at: UtcTime = Field(description="When it ends by itself.")
