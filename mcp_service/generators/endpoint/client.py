"""The connection to an OpenAI-compatible endpoint."""

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Self, cast

import httpx2
from starlette import status

from dynavera.settings import Settings
from dynavera.web.errors import GeneratorUnavailable
from mcp_service.generators.endpoint.dialect import Dialect
from mcp_service.generators.endpoint.problems import EndpointProblem, Problem, find_problem
from mcp_service.generators.wait_queue import WaitQueue

HOSTED_URL = "https://api.openai.com/v1"
CONNECT_TIMEOUT_SECONDS = 10
LIST_TIMEOUT_SECONDS = 1.5
MAX_LISTED_MODELS = 200
MAX_MODEL_NAME = 190
MAX_ERROR_BYTES = 64 * 1024

_WRONG_ADDRESS = {status.HTTP_200_OK, status.HTTP_404_NOT_FOUND, status.HTTP_405_METHOD_NOT_ALLOWED}

logger = logging.getLogger(__name__)


class ErrorStatus(EndpointProblem):
    """The endpoint answers with an HTTP error status."""

    def __init__(self, problem: Problem, code: int, headers: Mapping[str, str]) -> None:
        super().__init__(problem)
        self.code = code
        self.headers = headers


@dataclass
class Endpoint:
    """An endpoint, with its open connections and what is learnt of it; only the workflow retries requests.

    `continues` is what the settings say about continuing an answer; None: a probe decides for each model.
    """

    url: httpx2.URL
    key: str = field(repr=False)
    continues: bool | None = None
    concurrency: int | None = None
    queue_timeout: timedelta = timedelta(hours=1)
    queue: WaitQueue = field(init=False)
    _dialects: dict[str, Dialect] = field(default_factory=dict[str, Dialect], init=False)
    _paths: list[str] = field(init=False)
    _http: httpx2.AsyncClient = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.queue = WaitQueue(self.concurrency)
        self._paths = _possible_paths(self.url.path)
        self._http = httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {self.key}"} if self.key else {},
            # `SilenceLimits` are the only read timeout.
            timeout=httpx2.Timeout(None, connect=CONNECT_TIMEOUT_SECONDS),
            limits=httpx2.Limits(max_connections=None),
            follow_redirects=True,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def chat(self, body: Mapping[str, Any]) -> httpx2.Response:
        """The response to a request for an answer, still to be read; closing it closes the connection at once.

        Raises:
            ErrorStatus: its status is an error.
            httpx2.HTTPError: the endpoint cannot be reached.
        """
        *others, last = self._paths
        for path in others:
            try:
                response = await self._post(path, body, may_be_page=False)
            except ErrorStatus as error:
                if error.code not in _WRONG_ADDRESS or "model" in error.problem.words.lower():
                    raise
            else:
                self._paths = [path]
                return response
        response = await self._post(last, body, may_be_page=True)
        self._paths = [last]
        return response

    async def _post(self, path: str, body: Mapping[str, Any], *, may_be_page: bool) -> httpx2.Response:
        request = self._http.build_request("POST", self._address(path, "chat/completions"), json=dict(body))
        response = await self._http.send(request, stream=True)
        if response.is_success and (may_be_page or not _is_page(response)):
            return response
        try:
            raise ErrorStatus(await _problem(response), response.status_code, response.headers)
        finally:
            await response.aclose()

    async def models(self) -> list[str]:
        """The models that the endpoint lists, in any shape; none while it does not answer."""
        for path in self._paths:
            try:
                response = await self._http.get(self._address(path, "models"), timeout=LIST_TIMEOUT_SECONDS)
                listed: object = response.raise_for_status().json()
            except (httpx2.HTTPError, ValueError) as error:
                logger.info("The endpoint did not list its models: %s", type(error).__name__)
                continue
            if names := _model_names(listed):
                return names[:MAX_LISTED_MODELS]
        return []

    def dialect(self, model: str) -> Dialect:
        """What is known of the server of a model."""
        return self._dialects.setdefault(model, Dialect(continues=self.continues))

    def _address(self, path: str, call: str) -> httpx2.URL:
        return self.url.copy_with(path=f"{path}/{call}")


def open_endpoint(settings: Settings) -> Endpoint:
    """The endpoint of the settings.

    Raises:
        GeneratorUnavailable: neither an address nor a key is set.
    """
    key = settings.openai_api_key
    if settings.openai_base_url is None and key is None:
        raise GeneratorUnavailable(
            "An 'openai:' generator needs an endpoint: set OPENAI_BASE_URL, or OPENAI_API_KEY for the hosted one."
        )
    url = HOSTED_URL if settings.openai_base_url is None else str(settings.openai_base_url)
    return Endpoint(
        httpx2.URL(url),
        "" if key is None else key.get_secret_value(),
        continues={"probe": None, "yes": True, "no": False}[settings.openai_continues],
        concurrency=settings.openai_concurrency,
        queue_timeout=settings.queue_timeout,
    )


def _possible_paths(path: str) -> list[str]:
    """The paths at which the API may be, most probable first: some forget `/v1`, or write it twice."""
    path = re.sub(r"/(chat/)?completions$|/models$", "", path.rstrip("/"))
    path = re.sub(r"(/v\d+)\1+$", r"\1", path)
    if re.search(r"/v\d+\w*$", path):
        return [path]
    return [f"{path}/v1", path] if not path else [path, f"{path}/v1"]


def _is_page(response: httpx2.Response) -> bool:
    return response.headers.get("content-type", "").startswith("text/html")


async def _problem(response: httpx2.Response) -> Problem:
    """The error in a response's body: JSON or plain text, but not a page."""
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_ERROR_BYTES:
            break
    text = body.decode("utf-8", "replace").strip().removeprefix("data:")
    try:
        value: object = json.loads(text)
    except ValueError:
        value = "" if text.startswith("<") else text
    return find_problem(value, is_error=True) or Problem("")


def _model_names(listed: object) -> list[str]:
    if isinstance(listed, str):
        return [listed] if listed.strip() and listed.isprintable() and len(listed) <= MAX_MODEL_NAME else []
    if isinstance(listed, list):
        return [name for item in cast("list[object]", listed) for name in _model_names(item)]
    if not isinstance(listed, dict):
        return []
    fields = cast("dict[str, object]", listed)
    name = next((fields[key] for key in ("id", "name", "model") if isinstance(fields.get(key), str)), None)
    items = next((fields[key] for key in ("data", "models", "items") if isinstance(fields.get(key), list | dict)), None)
    return _model_names(items) or _model_names(name)
