"""All settings: read once, immutable, and passed to whatever needs them."""

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import AliasChoices, Field, HttpUrl, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from dynavera.addresses import check_database, check_origin, check_proxy, check_root_path, host_and_port
from dynavera.limits import DATABASE_CONNECTIONS

PREFIX = "DYNAVERA_"
ALL_INTERFACES = ("0.0.0.0", "::")  # noqa: S104 -- only compared with

Port = Annotated[int, Field(ge=1, le=65535)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
PositiveDuration = Annotated[timedelta, Field(gt=timedelta(0))]

MIN_SESSION_LIFETIME, MAX_SESSION_LIFETIME = timedelta(minutes=5), timedelta(days=400)
"""A shorter session would end while somebody reads an answer. Browsers limit cookies to the maximum."""


class BadSettings(Exception):
    """An invalid setting; the message names it and says what to do."""


class Settings(BaseSettings):
    """The settings from the environment and `.env`. A variable is `DYNAVERA_` and the field's name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, populate_by_name=True, env_ignore_empty=True, hide_input_in_errors=True
    )

    data_dir: Path = Path(".dynavera")
    host: str = "127.0.0.1"
    port: Port = 8000
    public_url: str | None = None
    root_path: str = ""
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = ()
    forwarded_allow_ips: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("127.0.0.1", "::1"), validation_alias="FORWARDED_ALLOW_IPS"
    )
    max_connections: Count = 5000
    max_streams: Count = 4000
    max_streams_per_user: Count = 2000
    max_requests_per_user: Count = 500
    mcp_host: str = "127.0.0.1"
    mcp_port: Port = 8001
    mcp_allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    mcp_public_url: str | None = None
    mcp_url: HttpUrl | None = Field(default=None, validation_alias=AliasChoices("DYNAVERA_MCP_URL", "MCP_AGENT_URL"))
    mcp_token: SecretStr | None = None
    token: SecretStr | None = None
    session_lifetime: timedelta = timedelta(days=30)
    temporal_port: Port = 7233
    temporal_ui_port: Port = 8233
    temporal_ui_url: HttpUrl | None = None
    temporal_binary: Path | None = None
    temporal_address: str | None = Field(default=None, validation_alias="TEMPORAL_ADDRESS")
    task_queue: str = "agent-executions"
    database_url: SecretStr | None = None
    database_connections: Annotated[int, Field(ge=2, le=1000)] = DATABASE_CONNECTIONS
    generator: str = "extractive"
    generators: Annotated[tuple[str, ...], NoDecode] = ()
    embedder: str = "minilm"
    openai_base_url: HttpUrl | None = Field(default=None, validation_alias="OPENAI_BASE_URL")
    openai_api_key: SecretStr | None = Field(default=None, validation_alias="OPENAI_API_KEY")
    openai_concurrency: Annotated[int, Field(ge=1, le=10_000)] | None = None
    openai_continues: Literal["probe", "yes", "no"] = "probe"
    models_url: HttpUrl = HttpUrl("https://gpt4all.io/models/models3.json")
    model_context: Annotated[int, Field(ge=256, le=1_048_576)] = 4096
    queue_timeout: PositiveDuration = timedelta(hours=1)
    load_timeout: PositiveDuration = timedelta(minutes=5)
    model_idle_timeout: PositiveDuration = timedelta(minutes=30)
    prompt_timeout: PositiveDuration = timedelta(minutes=10)
    token_timeout: PositiveDuration = timedelta(minutes=2)
    execution_time_limit: PositiveDuration = timedelta(hours=24)
    signal_budget: Annotated[int, Field(ge=1, le=10_000)] = 100
    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = "info"

    @field_validator("allowed_origins", "forwarded_allow_ips", "mcp_allowed_hosts", "generators", mode="before")
    @classmethod
    def _split_at_commas(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("data_dir")
    @classmethod
    def _expand_home(cls, folder: Path) -> Path:
        # A shell expands ~, but nothing does in `.env`.
        try:
            return folder.expanduser()
        except RuntimeError as error:
            raise ValueError(f"the home directory in {folder} is unknown") from error

    @field_validator("allowed_origins")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            check_origin(origin)
        return tuple(origin.rstrip("/") for origin in origins)

    @field_validator("public_url", "mcp_public_url")
    @classmethod
    def _check_public_url(cls, url: str | None) -> str | None:
        if url is not None:
            check_origin(url)
        return url and url.rstrip("/")

    @field_validator("root_path")
    @classmethod
    def _check_root_path(cls, path: str) -> str:
        check_root_path(path)
        return path.rstrip("/")

    @field_validator("forwarded_allow_ips")
    @classmethod
    def _check_proxies(cls, addresses: tuple[str, ...]) -> tuple[str, ...]:
        for address in addresses:
            check_proxy(address)
        return addresses

    @field_validator("token", "mcp_token")
    @classmethod
    def _check_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is None:
            return None
        if not secret.get_secret_value().strip():
            raise ValueError("it is blank: set a secret, or remove the setting")
        return SecretStr(secret.get_secret_value().strip())

    @field_validator("session_lifetime")
    @classmethod
    def _check_session_lifetime(cls, lifetime: timedelta) -> timedelta:
        if not MIN_SESSION_LIFETIME <= lifetime <= MAX_SESSION_LIFETIME:
            raise ValueError("write an ISO 8601 duration from PT5M (5 minutes) to P400D (400 days), such as P30D")
        return lifetime

    @field_validator("temporal_address")
    @classmethod
    def _check_temporal_address(cls, address: str | None) -> str | None:
        if address is not None:
            host_and_port(address)
        return address

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            check_database(url.get_secret_value())
        return url

    @field_validator("generators")
    @classmethod
    def _check_generators(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not re.fullmatch(r"extractive|(openai|gpt4all):\S.*", name):
                raise ValueError(
                    f"{name!r} is not a generator: write extractive, openai:<model> or gpt4all:<model file>"
                )
        return names

    @property
    def records_url(self) -> str:
        """The URL of the database. It may contain a password: never log it."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        # A folder's name may contain ? or %. SQLAlchemy could quote them, but takes a second to import.
        return f"sqlite+aiosqlite:///{quote(str(self.data_dir.absolute() / 'records.sqlite3'), safe=' +/')}"

    @property
    def models_dir(self) -> Path:
        """The folder of GPT4All model files."""
        return self.data_dir.absolute() / "models"

    @property
    def mcp_base_url(self) -> str:
        """The MCP service's URL for other processes, without a trailing slash."""
        if self.mcp_url is not None:
            return str(self.mcp_url).rstrip("/")
        return f"http://127.0.0.1:{self.mcp_port}"

    @property
    def mcp_client_url(self) -> str:
        """The MCP service's URL for MCP clients, without a trailing slash."""
        return self.mcp_public_url or self.mcp_base_url

    @property
    def page_origins(self) -> tuple[str, ...]:
        """The origins whose pages may use the API, besides the API's own."""
        return self.allowed_origins if self.public_url is None else (self.public_url, *self.allowed_origins)

    @property
    def page_url(self) -> str:
        """The page's URL for people, without a trailing slash."""
        return (self.public_url or self.api_base_url) + self.root_path

    @property
    def api_base_url(self) -> str:
        """The API's URL on this machine, without a trailing slash."""
        host = "127.0.0.1" if self.host in ALL_INTERFACES else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def temporal_web_url(self) -> str:
        """The URL of Temporal Web, without a trailing slash."""
        if self.temporal_ui_url is not None:
            return str(self.temporal_ui_url).rstrip("/")
        return f"http://127.0.0.1:{self.temporal_ui_port}"

    def temporal_web_executions(self, namespace: str) -> str:
        """The URL of the executions in Temporal Web; append `/` and an execution's id for its page."""
        return f"{self.temporal_web_url}/namespaces/{namespace}/workflows"


def load_settings(env_file: Path = Path(".env")) -> Settings:
    """The settings of this process. The environment takes precedence over `env_file`.

    The file is loaded into the environment, because libraries read its `TEMPORAL_*` and `OPENAI_*` from there.

    Raises:
        BadSettings: an unknown `DYNAVERA_` name, an invalid value, or an unreadable file.
    """
    for name, value in _read_env_file(env_file).items():
        if value is not None:
            os.environ.setdefault(name, value)
    _refuse_unknown(os.environ)
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        setting = str(first["loc"][0])
        name = setting if setting.isupper() else PREFIX + setting.upper()
        raise BadSettings(f"{name} is invalid: {_message(first)}.") from error


def _message(error: ErrorDetails) -> str:
    if error["type"] == "time_delta_parsing":
        return "write an ISO 8601 duration, such as PT10M (10 minutes) or P30D (30 days)"
    return error["msg"].removeprefix("Value error, ")


def _read_env_file(env_file: Path) -> dict[str, str | None]:
    if not env_file.exists():
        return {}
    try:
        with env_file.open(encoding="utf-8") as file:
            for line in parse_stream(file):
                if line.error:
                    raise BadSettings(f"Line {line.original.line} of {env_file} is not a setting: write NAME=value.")
        return dotenv_values(env_file, encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadSettings(f"{env_file} is not UTF-8: save it as UTF-8.") from error
    except OSError as error:
        raise BadSettings(f"{env_file} cannot be read ({error.strerror}).") from error


def environment_names() -> dict[str, str]:
    """The field that each environment variable sets; a field may have several variables."""
    names: dict[str, str] = {}
    for field, info in Settings.model_fields.items():
        match info.validation_alias:
            case str() as alias:
                names[alias] = field
            case AliasChoices(choices=choices):
                names.update({str(choice): field for choice in choices})
            case _:
                names[PREFIX + field.upper()] = field
    return names


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    known = {name for name in environment_names() if name.startswith(PREFIX)}
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in known:
            raise BadSettings(f"{name} is not a setting. The settings are: {', '.join(sorted(known))}.")
