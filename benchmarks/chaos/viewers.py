"""Viewers of one execution: one by server-sent events, one by a WebSocket that leaves and comes back all the time."""

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

AGAIN_SECONDS = 0.2
SILENT_SECONDS = 20
"""A stream that says nothing for so long, not even that it lives, is opened again."""

WRONG = frozenset({1011, 4401, 4404, 4408})
"""Codes with which a socket of a user who is logged in, and reads, may not be closed."""

TERMINAL = frozenset({"execution_completed", "execution_error", "execution_stopped"})


@dataclass
class Seen:
    """What a viewer has seen: each event once and in order, or a complaint."""

    events: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    at: list[float] = field(default_factory=list[float])
    complaints: list[str] = field(default_factory=list[str])
    connections: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def last(self) -> int:
        """The sequence of the newest event."""
        return self.events[-1]["sequence"] if self.events else 0

    def see(self, event: dict[str, Any]) -> None:
        """One more event."""
        if event["sequence"] != self.last + 1:
            self.complaints.append(f"event {event['sequence']} ({event['type']}) came after {self.last}")
            if event["sequence"] <= self.last:
                return
        if self.ended.is_set():
            self.complaints.append(f"{event['type']} came after the terminal event")
        self.events.append(event)
        self.at.append(time.monotonic())
        if event["type"] in TERMINAL:
            self.ended.set()

    def deltas(self) -> list[tuple[float, dict[str, Any]]]:
        """The deltas, and when they were seen."""
        return [
            (at, event["content"])
            for at, event in zip(self.at, self.events, strict=True)
            if event.get("event_type") == "delta"
        ]

    def text(self) -> str:
        """The answer as the deltas tell it."""
        answer = ""
        for _, delta in self.deltas():
            answer = answer[: delta["offset"]] + delta["text"]
        return answer

    def stage(self) -> str | None:
        """The stage as the log tells it."""
        stages = [event["content"]["stage"] for event in self.events if event.get("event_type") == "progress"]
        return stages[-1] if stages else None

    def retries(self) -> int:
        """How many failed attempts the log tells of."""
        return sum(1 for event in self.events if "attempt" in event.get("content", {}))


async def follow_by_sse(http: httpx.AsyncClient, url: str, token: str, execution_id: UUID, seen: Seen) -> None:
    """Watch until the terminal event, and come back after every break."""
    address = f"{url}/api/executions/{execution_id}/events/stream"
    timeout = httpx.Timeout(SILENT_SECONDS, connect=5)
    while not seen.ended.is_set():
        headers = {"Authorization": f"Bearer {token}", "Last-Event-ID": str(seen.last)}
        # The link or the API being away is what the bench is for.
        with suppress(httpx.TransportError):
            async with http.stream("GET", address, headers=headers, timeout=timeout) as response:
                seen.connections += 1
                if response.is_success:
                    async for line in response.aiter_lines():
                        if line.startswith("data:"):
                            seen.see(json.loads(line.removeprefix("data:")))
                elif response.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
                    seen.complaints.append(f"the stream was refused with {response.status_code}")
        if not seen.ended.is_set():
            await asyncio.sleep(AGAIN_SECONDS)


@dataclass
class RestlessSocket:
    """A viewer whose connection lasts a second or two, and who resumes each time where it was."""

    url: str
    token: str
    agent_id: UUID
    execution_id: UUID
    seen: Seen
    chance: random.Random

    async def follow(self) -> None:
        """Watch until the terminal event."""
        address = f"{self.url.replace('http', 'ws', 1)}/ws/agents/{self.agent_id}"
        headers = {"Authorization": f"Bearer {self.token}"}
        while not self.seen.ended.is_set():
            # As above; and leaving in mid-stream is what this viewer does.
            with suppress(OSError, TimeoutError, websockets.WebSocketException):
                async with connect(
                    address, additional_headers=headers, open_timeout=5, close_timeout=1, proxy=None
                ) as socket:
                    self.seen.connections += 1
                    await self._watch(socket)
            if not self.seen.ended.is_set():
                await asyncio.sleep(AGAIN_SECONDS)

    async def _watch(self, socket: ClientConnection) -> None:
        asked = {"action": "subscribe", "execution_id": str(self.execution_id), "after": self.seen.last}
        await socket.send(json.dumps(asked | {"request_id": "bench"}))
        shown = False
        async with asyncio.timeout(self.chance.uniform(0.7, 2.5)):
            while not self.seen.ended.is_set():
                try:
                    message = json.loads(await socket.recv())
                except websockets.ConnectionClosed as closed:
                    if closed.rcvd is not None and closed.rcvd.code in WRONG:
                        self.seen.complaints.append(f"the socket was closed with {closed.rcvd.code}")
                    raise
                if message["type"] == "accepted":
                    shown = True
                elif message["type"] == "error":
                    self.seen.complaints.append(f"the socket says {message['code']}: {message['message']}")
                    return
                elif shown and message.get("execution_id") == str(self.execution_id):
                    self.seen.see(message)
