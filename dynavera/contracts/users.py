"""Users, API keys, log-in links and sessions."""

from typing import Annotated, cast
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic.config import JsonDict

from dynavera.contracts.contract import NOT_BLANK, Contract, Name, Request, SchemaExtra, UtcTime, not_blank, storable


def _checked(secret: SecretStr) -> SecretStr:
    not_blank(storable(secret.get_secret_value()))
    return secret


def _never_null(schema: JsonDict) -> None:
    # The default means that the field is omitted; null itself is an error.
    schema.update(cast("list[JsonDict]", schema.pop("anyOf"))[0])
    schema.pop("default", None)


Credential = Annotated[
    SecretStr,
    Field(max_length=200),
    AfterValidator(_checked),
    SchemaExtra({"minLength": 1, "pattern": NOT_BLANK}),
]


class User(Contract):
    """A person or a program with its own agents and documents; the first user is the owner."""

    id: UUID = Field(description="The user's id.")
    name: str = Field(description="The user's name.")
    owner: bool = Field(description="Whether this is the first user, who can add others.")
    active: bool = Field(description="Whether the user can log in.")
    created_at: UtcTime = Field(description="When the user was created.")


class UserCreate(Request):
    """A new user."""

    name: Name = Field(description="A name that no other user has.")


class UserPatch(Request):
    """Activates or deactivates a user."""

    active: bool = Field(strict=True, description="Whether the user can log in.")


class NewUser(User):
    """A new user with an API key that is shown only once."""

    api_key: str = Field(description="The user's first API key, shown only once.")


class ApiKey(Contract):
    """An API key without its secret."""

    id: UUID = Field(description="The key's id, which is not the secret.")
    name: str = Field(description="The key's name.")
    created_at: UtcTime = Field(description="When it was created.")
    revocable: bool = Field(
        description="False for the token with which Dynavera was started, which is changed in the settings."
    )


class ApiKeyCreate(Request):
    """A new API key."""

    name: Name = Field(description="The key's name.")


class NewApiKey(ApiKey):
    """A new API key; its secret is shown only once."""

    api_key: str = Field(description="The secret, shown only once.")


class Login(Request):
    """Either the code of a log-in link or an API key."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    code: Credential | None = Field(
        default=None,
        json_schema_extra=_never_null,
        description="The part after `#code=` of a log-in link; it works once.",
    )
    api_key: Credential | None = Field(default=None, json_schema_extra=_never_null, description="An API key.")

    @model_validator(mode="after")
    def _require_exactly_one(self) -> "Login":
        if len(self.model_fields_set) != 1 or self.code is self.api_key:
            raise ValueError("give either 'code' or 'api_key'")
        return self


class LoginLink(Contract):
    """A link that logs one browser in, once."""

    url: str = Field(description="The link.")
    expires_at: UtcTime = Field(description="When the link expires.")


class Session(Contract):
    """A browser that is logged in."""

    id: UUID = Field(description="The session's id, which is not the secret in its cookie.")
    current: bool = Field(description="Whether this request uses the session; false for all if it uses an API key.")
    user_agent: str | None = Field(description="The browser's `User-Agent` when it logged in; null if it sent none.")
    api_key_id: UUID | None = Field(
        description="The API key with which it was created, directly or by a log-in link; null if unknown."
    )
    created_at: UtcTime = Field(description="When the browser logged in.")
    last_used_at: UtcTime = Field(description="When it was last used, accurate to a few minutes.")
    expires_at: UtcTime = Field(description="When it expires.")
