"""The bench as a client of the API: it tries again as a good client does, and remembers what no client may see."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from uuid import UUID

import httpx

from benchmarks.chaos.product import Product
from dynavera.contracts.executions import Execution
from dynavera.contracts.pages import Page

CALL_SECONDS = 6
AGAIN_SECONDS = 0.2
PASSING = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


class ApiAway(Exception):
    """The API did not answer as it should, for as long as a client waits."""


@dataclass
class ApiClient:
    """Calls of one user; `unfit` collects answers that no input and no fault may give."""

    product: Product
    http: httpx.AsyncClient
    unfit: list[str] = field(default_factory=list[str])

    @property
    def token(self) -> str:
        """The first user's API key, as soon as the instance has made it."""
        return self.product.token

    @property
    def headers(self) -> dict[str, str]:
        """Who asks."""
        return {"Authorization": f"Bearer {self.token}"}

    async def agent(self, name: str, max_tokens: int) -> UUID:
        """A new agent."""
        answer = await self._call("POST", "/api/agents", json={"name": name, "max_tokens": max_tokens, "top_k": 2})
        return UUID(answer["id"])

    async def start(self, agent_id: UUID, question: str, key: str, patience: float = 60) -> UUID:
        """Start an execution, as often as it takes: the same key is the same execution."""
        body = {"input_data": {"query": question}}
        path = f"/api/agents/{agent_id}/executions"
        answer = await self._call("POST", path, patience, json=body, headers={"Idempotency-Key": key})
        return UUID(answer["id"])

    async def stop(self, execution_id: UUID, patience: float = 60) -> None:
        """Stop an execution, as often as it takes."""
        await self._call("POST", f"/api/executions/{execution_id}/stop", patience)

    async def execution(self, execution_id: UUID, patience: float = 60) -> Execution:
        """The execution as it is now."""
        return Execution.model_validate(await self._call("GET", f"/api/executions/{execution_id}", patience))

    async def executions_about(self, question: str) -> list[Execution]:
        """Every execution with this question."""
        return _items(await self._call("GET", "/api/executions", params={"q": question}))

    async def live(self) -> list[Execution]:
        """Every execution that is queued or running."""
        return [
            execution
            for status in ("queued", "running")
            for execution in _items(await self._call("GET", "/api/executions", params={"status": status}))
        ]

    async def log(self, execution_id: UUID) -> list[dict[str, Any]]:
        """The whole log."""
        events: list[dict[str, Any]] = []
        after: int | None = 0
        while after is not None:
            page = await self._call("GET", f"/api/executions/{execution_id}/events", params={"after": str(after)})
            events += page["items"]
            after = page["next_after"]
        return events

    async def _call(
        self, method: str, path: str, patience: float = 60, *, headers: Mapping[str, str] | None = None, **how: Any
    ) -> Any:
        deadline = time.monotonic() + patience
        while True:
            try:
                response = await self.http.request(
                    method,
                    self.product.url + path,
                    timeout=CALL_SECONDS,
                    headers={**self.headers, **(headers or {})},
                    **how,
                )
            except httpx.TransportError as error:
                reason = repr(error)
            else:
                if response.is_success:
                    return response.json()
                reason = f"{method} {path}: {response.status_code} {response.text[:200]}"
                if response.status_code not in PASSING:
                    self.unfit.append(reason)
            if time.monotonic() > deadline:
                raise ApiAway(f"{method} {path} was not answered for {patience:g} s: {reason}")
            await asyncio.sleep(AGAIN_SECONDS)


def _items(answer: Any) -> list[Execution]:
    return Page[Execution].model_validate(answer).items
