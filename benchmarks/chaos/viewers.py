"""Viewers of one execution: one by server-sent events, and one by a WebSocket that reconnects all the time."""

import asyncio
import json
import random
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from uuid import UUID

import httpx
import websockets
from websockets.asyncio.client import ClientConnection, connect

RECONNECT_SECONDS = 0.2
SILENCE_TIMEOUT = 20
"""A stream that sends nothing for this many seconds, not even a keep-alive, is opened again."""

UNEXPECTED_CLOSE_CODES = frozenset({1011, 4401, 4404, 4408})
"""Codes that the socket of a logged-in user who reads must never be closed with."""

TERMINAL = frozenset({"execution_completed", "execution_error", "execution_stopped"})


@dataclass
class ViewerLog:
    """The events that a viewer received. Each must come once and in order; anything else is a violation."""

    events: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    times: list[float] = field(default_factory=list[float])
    violations: list[str] = field(default_factory=list[str])
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def last(self) -> int:
        """The sequence of the newest event."""
        return self.events[-1]["sequence"] if self.events else 0

    def record(self, event: dict[str, Any]) -> None:
        """Add an event."""
        if event["sequence"] != self.last + 1:
            self.violations.append(f"event {event['sequence']} ({event['type']}) came after {self.last}")
            if event["sequence"] <= self.last:
                return
        if self.ended.is_set():
            self.violations.append(f"{event['type']} came after the terminal event")
        self.events.append(event)
        self.times.append(time.monotonic())
        if event["type"] in TERMINAL:
            self.ended.set()

    def deltas(self) -> list[tuple[float, dict[str, Any]]]:
        """The deltas with their times."""
        return [
            (received_at, event["content"])
            for received_at, event in zip(self.times, self.events, strict=True)
            if event.get("event_type") == "delta"
        ]

    def text(self) -> str:
        """The answer, folded from the deltas."""
        answer = ""
        for _, delta in self.deltas():
            answer = answer[: delta["offset"]] + delta["text"]
        return answer

    def stage(self) -> str | None:
        """The newest stage in the log."""
        stages = [event["content"]["stage"] for event in self.events if event.get("event_type") == "progress"]
        return stages[-1] if stages else None

    def failed_attempts(self) -> int:
        """The number of failed attempts in the log."""
        return sum(1 for event in self.events if "attempt" in event.get("content", {}))


async def follow_by_sse(http: httpx.AsyncClient, url: str, token: str, execution_id: UUID, log: ViewerLog) -> None:
    """Follow the log until the terminal event, reconnecting after every break."""
    address = f"{url}/api/executions/{execution_id}/events/stream"
    timeout = httpx.Timeout(SILENCE_TIMEOUT, connect=5)
    while not log.ended.is_set():
        headers = {"Authorization": f"Bearer {token}", "Last-Event-ID": str(log.last)}
        # The link or the API may be broken on purpose.
        with suppress(httpx.TransportError):
            async with http.stream("GET", address, headers=headers, timeout=timeout) as response:
                if response.is_success:
                    async for line in response.aiter_lines():
                        if line.startswith("data:"):
                            log.record(json.loads(line.removeprefix("data:")))
                elif response.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
                    log.violations.append(f"the stream was refused with {response.status_code}")
        if not log.ended.is_set():
            await asyncio.sleep(RECONNECT_SECONDS)


@dataclass
class ReconnectingSocket:
    """A viewer whose connections last a second or two; each resumes where the last one ended."""

    url: str
    token: str
    agent_id: UUID
    execution_id: UUID
    log: ViewerLog
    rng: random.Random

    async def follow(self) -> None:
        """Follow the log until the terminal event."""
        address = f"{self.url.replace('http', 'ws', 1)}/ws/agents/{self.agent_id}"
        headers = {"Authorization": f"Bearer {self.token}"}
        while not self.log.ended.is_set():
            # Broken on purpose, as above; a TimeoutError ends each connection.
            with suppress(OSError, TimeoutError, websockets.WebSocketException):
                async with connect(
                    address, additional_headers=headers, open_timeout=5, close_timeout=1, proxy=None
                ) as socket:
                    await self._read(socket)
            if not self.log.ended.is_set():
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _read(self, socket: ClientConnection) -> None:
        request = {"action": "subscribe", "execution_id": str(self.execution_id), "after": self.log.last}
        await socket.send(json.dumps(request | {"request_id": "bench"}))
        subscribed = False
        async with asyncio.timeout(self.rng.uniform(0.7, 2.5)):
            while not self.log.ended.is_set():
                try:
                    message = json.loads(await socket.recv())
                except websockets.ConnectionClosed as closed:
                    if closed.rcvd is not None and closed.rcvd.code in UNEXPECTED_CLOSE_CODES:
                        self.log.violations.append(f"the socket was closed with {closed.rcvd.code}")
                    raise
                if message["type"] == "accepted":
                    subscribed = True
                elif message["type"] == "error":
                    self.log.violations.append(f"the socket sent the error {message['code']}: {message['message']}")
                    return
                elif subscribed and message.get("execution_id") == str(self.execution_id):
                    self.log.record(message)
