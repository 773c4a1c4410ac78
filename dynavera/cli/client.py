"""A client of the HTTP API for the commands: typed responses, and a sentence for each error."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError

from dynavera.cli.errors import CommandFailed, NotReachable, UsageError
from dynavera.contracts.pages import Page
from dynavera.contracts.system import Health, Problem
from dynavera.credentials import TOKEN_FILE
from dynavera.settings import Settings

Model = TypeVar("Model", bound=BaseModel)
PAGE_SIZE = 100
UPLOAD_TIMEOUT_SECONDS = 600


class ApiKeyMissing(UsageError):
    """There is no API key to send."""


def api_key(settings: Settings) -> SecretStr:
    """The key that the commands send: the setting, or the token file that `up` created.

    Raises:
        ApiKeyMissing: there is neither.
    """
    if settings.token is not None:
        return settings.token
    file = settings.data_dir.absolute() / TOKEN_FILE
    try:
        key = file.read_text().strip()
    except OSError as error:
        raise ApiKeyMissing(
            f"There is no API key: {file} cannot be read ({error.strerror}). Set DYNAVERA_TOKEN, or run this where "
            "`dynavera up` runs, or set DYNAVERA_DATA_DIR to its data directory. If several machines share a "
            "database, only the first one to start has created a token: copy it from there."
        ) from error
    if not key:
        raise ApiKeyMissing(f"There is no API key: {file} is blank. Set DYNAVERA_TOKEN, or write it there.")
    return SecretStr(key)


@dataclass(frozen=True)
class ApiClient:
    """The API, used by one user."""

    http: httpx.Client

    def get(self, path: str, model: type[Model], **parameters: str | int | None) -> Model:
        """GET `path`; parameters that are None are not sent."""
        query = {name: value for name, value in parameters.items() if value is not None}
        return _parse(self._request_checked("GET", path, params=query), model)

    def post(self, path: str, model: type[Model], **request: Any) -> Model:
        """POST to `path`."""
        return _parse(self._request_checked("POST", path, **request), model)

    def delete(self, path: str) -> None:
        """DELETE `path`."""
        self._request_checked("DELETE", path)

    def upload(self, files: list[tuple[str, tuple[str, bytes]]], collection: str) -> httpx.Response:
        """Upload files; a response with status 422 names the refused ones."""
        return self._request(
            "POST", "/api/documents", files=files, data={"collection": collection}, timeout=UPLOAD_TIMEOUT_SECONDS
        )

    def list(self, path: str, item: type[Model], *, limit: int | None = None, **filters: str | None) -> Iterator[Model]:
        """The items at `path`, page by page; at most `limit`."""
        page = Page[item]
        cursor: str | None = None
        remaining = limit
        while remaining is None or remaining > 0:
            size = PAGE_SIZE if remaining is None else min(PAGE_SIZE, remaining)
            response = self.get(path, page, limit=size, cursor=cursor, **filters)
            yield from response.items
            cursor = response.next_cursor
            remaining = None if remaining is None else remaining - len(response.items)
            if cursor is None:
                return

    def _request_checked(self, method: str, path: str, **request: Any) -> httpx.Response:
        response = self._request(method, path, **request)
        if not response.is_success:
            raise error_from_response(response.status_code, response.content)
        return response

    def _request(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            return self.http.request(method, path, **request)
        except httpx.TransportError as error:
            raise NotReachable(str(self.http.base_url).rstrip("/")) from error


@contextmanager
def api_client(settings: Settings) -> Generator[ApiClient]:
    """A client of the API at the address of the settings.

    Raises:
        NotReachable: there is no API key, and the API does not answer either.
        ApiKeyMissing: there is no API key.
    """
    with httpx.Client(base_url=settings.api_base_url, timeout=30, trust_env=False) as http:
        client = ApiClient(http)
        try:
            key = api_key(settings)
        except ApiKeyMissing:
            # Before the first start there is neither, and the advice to start is the better one.
            client.get("/api/health", Health)
            raise
        http.headers["Authorization"] = f"Bearer {key.get_secret_value()}"
        yield client


def error_from_response(status: int, content: bytes) -> CommandFailed:
    """The API's error as a sentence."""
    try:
        problem = Problem.model_validate_json(content)
    except ValidationError:
        return CommandFailed(f"Dynavera answered {status}: {content[:200].decode(errors='replace')}")
    if status == HTTPStatus.UNAUTHORIZED:
        return CommandFailed(f"{problem.detail} The key comes from DYNAVERA_TOKEN or the data directory's token file.")
    further = [error for error in problem.errors or [] if error.message not in problem.detail]
    fields = "; ".join(f"{error.location} {error.message}" for error in further)
    message = f"{problem.detail} ({fields})" if fields else problem.detail
    return UsageError(message) if status == HTTPStatus.UNPROCESSABLE_ENTITY else CommandFailed(message)


def _parse(response: httpx.Response, model: type[Model]) -> Model:
    try:
        return TypeAdapter(model).validate_json(response.content)
    except ValidationError as error:
        raise CommandFailed(f"The server at {response.url.copy_with(query=None, path='/')} is not Dynavera.") from error
