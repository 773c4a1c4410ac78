"""An OpenAI-compatible model server that records its requests, its tokens, and when clients disconnected."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from benchmarks.chaos.answer_text import question_in, rest_after, tokens_of

UNKNOWN = "(unknown)"


def _open_gate() -> asyncio.Event:
    gate = asyncio.Event()
    gate.set()
    return gate


@dataclass
class Plan:
    """The model's behaviour for one question. A closed gate holds it before the first token, or after the last."""

    tokens: int = 60
    rate: float = 40.0
    prompt_delay: float = 0.0
    restarts_answer: bool = False
    may_begin: asyncio.Event = field(default_factory=_open_gate)
    may_end: asyncio.Event = field(default_factory=_open_gate)
    may_answer: asyncio.Event = field(default_factory=_open_gate)
    """While this gate is closed, the model answers 503."""

    def open_all(self) -> None:
        """Release the model."""
        for gate in (self.may_begin, self.may_end, self.may_answer):
            gate.set()


@dataclass
class Call:
    """One request: the tokens that were emitted for it, and how it ended."""

    question: str
    prefix: str
    complete_answer: str = ""
    """The answer at the end of this call, including the prefix that it continues."""
    emitted: list[float] = field(default_factory=list[float])
    ended_at: float | None = None
    disconnected_at: float | None = None


class ModelServer:
    """An ASGI app; `plans` determines its behaviour by question, `calls` has all requests."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.plans: dict[str, Plan] = {}
        self.calls: list[Call] = []
        self.unknown_prefixes: list[str] = []

    def answer(self, question: str) -> str:
        """The complete answer to `question`."""
        return "".join(self.tokens(question))

    def tokens(self, question: str) -> list[str]:
        """The tokens of the complete answer to `question`."""
        return self._tokens(question, 0)

    def calls_of(self, question: str) -> list[Call]:
        """The requests with `question`, oldest first."""
        return [call for call in self.calls if call.question == question]

    def emitted(self, question: str) -> int:
        """The number of tokens emitted for `question`, in all requests."""
        return sum(len(call.emitted) for call in self.calls_of(question))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        if request.url.path != "/v1/chat/completions":
            await JSONResponse({"error": {"message": "unknown path"}}, 404)(scope, receive, send)
            return
        body: dict[str, Any] = await request.json()
        call = self._call(body["messages"])
        plan = self.plans.get(call.question, Plan())
        if not plan.may_answer.is_set():
            await JSONResponse({"error": {"message": "no slot is free"}}, 503)(scope, receive, send)
            return
        await self._stream(call, self._chunks(call, plan, body), receive, send)

    def _call(self, messages: list[dict[str, str]]) -> Call:
        prefix = messages[-1]["content"] if messages[-1]["role"] == "assistant" else ""
        prompts = [message["content"] for message in messages if message["role"] == "user"]
        call = Call(question_in(prompts[-1]) or UNKNOWN, prefix)
        self.calls.append(call)
        return call

    async def _stream(self, call: Call, chunks: AsyncGenerator[dict[str, Any]], receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        answering = asyncio.create_task(_send_all(chunks, send))
        disconnect = asyncio.create_task(_wait_for_disconnect(receive))
        await asyncio.wait({answering, disconnect}, return_when=asyncio.FIRST_COMPLETED)
        if answering.done() and not answering.cancelled() and answering.exception() is None:
            call.ended_at = time.monotonic()
        else:
            call.disconnected_at = time.monotonic()
        for task in (answering, disconnect):
            task.cancel()
        await asyncio.gather(answering, disconnect, return_exceptions=True)

    async def _chunks(self, call: Call, plan: Plan, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        tokens = self._rest(call, plan)
        call.complete_answer = ("" if plan.restarts_answer else call.prefix) + "".join(tokens)
        await asyncio.sleep(plan.prompt_delay)
        await plan.may_begin.wait()
        started = time.monotonic()
        for count, token in enumerate(tokens[: body["max_tokens"]]):
            await asyncio.sleep(started + count / plan.rate - time.monotonic())
            call.emitted.append(time.monotonic())
            yield _chunk([{"index": 0, "delta": {"content": token}, "finish_reason": None}])
        await plan.may_end.wait()
        yield _chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}])
        count = len(call.emitted)
        usage = {"prompt_tokens": 1, "completion_tokens": count, "total_tokens": 1 + count}
        yield _chunk([]) | {"usage": usage}

    def _rest(self, call: Call, plan: Plan) -> list[str]:
        if plan.restarts_answer:
            # A different answer each time, as from a model with a temperature.
            return self._tokens(call.question, len(self.calls_of(call.question)) - 1)
        tokens = self.tokens(call.question)
        rest = rest_after(tokens, call.prefix)
        if rest is None:
            self.unknown_prefixes.append(f"{call.question}: the model was asked to continue {call.prefix[-60:]!r}")
        return tokens if rest is None else rest

    def _tokens(self, question: str, version: int) -> list[str]:
        count = self.plans.get(question, Plan()).tokens
        return tokens_of(self.seed, question if version == 0 else f"{question}#{version}", count)


async def _send_all(chunks: AsyncGenerator[dict[str, Any]], send: Send) -> None:
    async for chunk in chunks:
        data = f"data: {json.dumps(chunk)}\n\n".encode()
        await send({"type": "http.response.body", "body": data, "more_body": True})
    await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _chunk(choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": "chatcmpl-chaos",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "chaos",
        "choices": choices,
    }
