"""A client of the API for the bench: it retries as a good client does, and notes responses that must never occur."""

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

REQUEST_TIMEOUT = 6
RETRY_SECONDS = 0.2
CALL_TIMEOUT = 60
TRANSIENT = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


class ApiUnavailable(Exception):
    """A call did not succeed, however often it was retried."""


@dataclass
class ApiClient:
    """Calls of one user; `unexpected` collects responses that neither an input nor a fault may cause."""

    product: Product
    http: httpx.AsyncClient
    unexpected: list[str] = field(default_factory=list[str])

    @property
    def token(self) -> str:
        """The owner's API key, once the instance has created it."""
        return self.product.token

    async def create_agent(self, name: str, max_tokens: int) -> UUID:
        """Create an agent; its id."""
        agent = await self._call("POST", "/api/agents", json={"name": name, "max_tokens": max_tokens, "top_k": 2})
        return UUID(agent["id"])

    async def start(self, agent_id: UUID, question: str, key: str) -> UUID:
        """Start an execution; retries use the same idempotency key."""
        body = {"input_data": {"query": question}}
        path = f"/api/agents/{agent_id}/executions"
        execution = await self._call("POST", path, json=body, headers={"Idempotency-Key": key})
        return UUID(execution["id"])

    async def stop(self, execution_id: UUID) -> None:
        """Stop an execution."""
        await self._call("POST", f"/api/executions/{execution_id}/stop")

    async def execution(self, execution_id: UUID) -> Execution:
        """The execution as it is now."""
        return Execution.model_validate(await self._call("GET", f"/api/executions/{execution_id}"))

    async def executions_about(self, question: str) -> list[Execution]:
        """All executions with this question."""
        return _items(await self._call("GET", "/api/executions", params={"q": question}))

    async def live(self) -> list[Execution]:
        """All executions that are queued or running."""
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

    async def _call(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **request: Any) -> Any:
        deadline = time.monotonic() + CALL_TIMEOUT
        while True:
            try:
                response = await self.http.request(
                    method,
                    self.product.url + path,
                    timeout=REQUEST_TIMEOUT,
                    headers={"Authorization": f"Bearer {self.token}", **(headers or {})},
                    **request,
                )
            except httpx.TransportError as error:
                reason = repr(error)
            else:
                if response.is_success:
                    return response.json()
                reason = f"{method} {path}: {response.status_code} {response.text[:200]}"
                if response.status_code not in TRANSIENT:
                    self.unexpected.append(reason)
            if time.monotonic() > deadline:
                raise ApiUnavailable(f"{method} {path} did not succeed within {CALL_TIMEOUT} s: {reason}")
            await asyncio.sleep(RETRY_SECONDS)


def _items(page: Any) -> list[Execution]:
    return Page[Execution].model_validate(page).items
