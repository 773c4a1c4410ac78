"""The HTTP API as the commands see it: typed answers, and a sentence for each refusal."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError

from dynavera.cli.failures import CommandFailed, NotReachable, WrongUse
from dynavera.contracts.pages import Page
from dynavera.contracts.system import Health, Problem
from dynavera.credentials import TOKEN_FILE
from dynavera.settings import Settings

Answer = TypeVar("Answer", bound=BaseModel)
PAGE_SIZE = 100
UPLOAD_SECONDS = 600


class NoToken(WrongUse):
    """There is no API key to show."""


def api_key(settings: Settings) -> SecretStr:
    """The key that the commands show: the setting, or the file that `up` made.

    Raises:
        NoToken: there is neither.
    """
    if settings.token is not None:
        return settings.token
    file = settings.data_dir.absolute() / TOKEN_FILE
    try:
        key = file.read_text().strip()
    except OSError as error:
        raise NoToken(
            f"There is no API key: {file} cannot be read ({error.strerror}). Set DYNAVERA_TOKEN, or run this where "
            "`dynavera up` runs, or set DYNAVERA_DATA_DIR to its data directory. Where several machines share a "
            "database, only the first one to start has made a token: copy it from there."
        ) from error
    if not key:
        raise NoToken(f"There is no API key: {file} is blank. Set DYNAVERA_TOKEN, or write the key into it.")
    return SecretStr(key)


@dataclass(frozen=True)
class Api:
    """The API, as one user."""

    http: httpx.Client

    def get(self, path: str, answer: type[Answer], **parameters: str | int | None) -> Answer:
        """What is at `path`."""
        wanted = {name: value for name, value in parameters.items() if value is not None}
        return _parsed(self._asked("GET", path, params=wanted), answer)

    def post(self, path: str, answer: type[Answer], **request: Any) -> Answer:
        """What `path` answers to this."""
        return _parsed(self._asked("POST", path, **request), answer)

    def delete(self, path: str) -> None:
        """Delete what is at `path`."""
        self._asked("DELETE", path)

    def upload(self, files: list[tuple[str, tuple[str, bytes]]], collection: str) -> httpx.Response:
        """What becomes of these files; a 422 names the refused ones."""
        return self._sent(
            "POST", "/api/documents", files=files, data={"collection": collection}, timeout=UPLOAD_SECONDS
        )

    def list(
        self, path: str, item: type[Answer], *, limit: int | None = None, **filters: str | None
    ) -> Iterator[Answer]:
        """The items at `path`, page after page; at most `limit`."""
        page = Page[item]
        cursor: str | None = None
        left = limit
        while left is None or left > 0:
            size = PAGE_SIZE if left is None else min(PAGE_SIZE, left)
            answer = self.get(path, page, limit=size, cursor=cursor, **filters)
            yield from answer.items
            cursor = answer.next_cursor
            left = None if left is None else left - len(answer.items)
            if cursor is None:
                return

    def _asked(self, method: str, path: str, **request: Any) -> httpx.Response:
        response = self._sent(method, path, **request)
        if not response.is_success:
            raise refusal(response.status_code, response.content)
        return response

    def _sent(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            return self.http.request(method, path, **request)
        except httpx.TransportError as error:
            raise NotReachable(str(self.http.base_url).rstrip("/")) from error


@contextmanager
def api(settings: Settings) -> Generator[Api]:
    """The API at the address of the settings.

    Raises:
        NotReachable: there is no API key to show, and nobody to show it to.
        NoToken: there is no API key to show.
    """
    with httpx.Client(base_url=settings.api_base_url, timeout=30, trust_env=False) as http:
        dynavera = Api(http)
        try:
            key = api_key(settings)
        except NoToken:
            # Before the first start there is neither; to start it is the better advice.
            dynavera.get("/api/health", Health)
            raise
        http.headers["Authorization"] = f"Bearer {key.get_secret_value()}"
        yield dynavera


def refusal(status: int, content: bytes) -> CommandFailed:
    """What the API said, as a sentence."""
    try:
        problem = Problem.model_validate_json(content)
    except ValidationError:
        return CommandFailed(f"Dynavera answered {status}: {content[:200].decode(errors='replace')}")
    if status == HTTPStatus.UNAUTHORIZED:
        return CommandFailed(f"{problem.detail} The key comes from DYNAVERA_TOKEN or the data directory's token file.")
    unsaid = [error for error in problem.errors or [] if error.message not in problem.detail]
    places = "; ".join(f"{error.location} {error.message}" for error in unsaid)
    said = f"{problem.detail} ({places})" if places else problem.detail
    return WrongUse(said) if status == HTTPStatus.UNPROCESSABLE_ENTITY else CommandFailed(said)


def _parsed(response: httpx.Response, answer: type[Answer]) -> Answer:
    try:
        return TypeAdapter(answer).validate_json(response.content)
    except ValidationError as error:
        raise CommandFailed(
            f"Something that is not Dynavera answers at {response.url.copy_with(query=None, path='/')}."
        ) from error
