"""A fake of an OpenAI-compatible model server."""

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send


@dataclass
class FakeModel:
    """An OpenAI-compatible model server: an ASGI app for `serving`, with `<url>/v1` as its base URL.

    It streams `words`, joined by spaces, one word per token, after a `delay` in seconds, and stops when its client
    disconnects, as llama.cpp and vLLM do. It continues a final assistant message that is a prefix of its text, unless
    it `restarts_answer`, or `refuses_prefix` with status 400. With `fails_with` it responds with that status, the
    header `retry_after` and the message `error_message`, `fails_times` times (None: always). With `breaks_after` it
    disconnects after that many tokens, with `hangs_after` it stalls. The status is sent at once or, if it
    `delays_status`, with the first token. It lists `models`.
    """

    words: Sequence[str] = ("Near", "infrared", "light", "passes", "through", "the", "skull.")
    delay: float = 0
    restarts_answer: bool = False
    refuses_prefix: bool = False
    fails_with: int | None = None
    fails_times: int | None = None
    retry_after: str | None = None
    error_message: str = "not now"
    breaks_after: int | None = None
    hangs_after: int | None = None
    delays_status: bool = False
    models: Sequence[str] = ()
    requests: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    authorizations: list[str] = field(default_factory=list[str])
    emitted_at: list[float] = field(default_factory=list[float])
    disconnected_at: list[float] = field(default_factory=list[float])

    @property
    def text(self) -> str:
        """The whole answer."""
        return " ".join(self.words)

    @property
    def emitted(self) -> int:
        """The number of tokens sent, in all answers."""
        return len(self.emitted_at)

    @property
    def emitted_after_disconnect(self) -> int:
        """The number of tokens sent after the last client disconnected."""
        return sum(moment > self.disconnected_at[-1] for moment in self.emitted_at) if self.disconnected_at else 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        request = Request(scope, receive)
        if request.url.path == "/v1/models":
            data = [{"id": name, "object": "model", "created": 0, "owned_by": "fake"} for name in self.models]
            await JSONResponse({"object": "list", "data": data})(scope, receive, send)
            return
        if request.url.path != "/v1/chat/completions":
            await JSONResponse({"error": {"message": "unknown path"}}, 404)(scope, receive, send)
            return
        completion = await request.json()
        self.requests.append(completion)
        self.authorizations.append(request.headers.get("authorization", ""))
        if self._should_fail():
            headers = {"retry-after": self.retry_after} if self.retry_after is not None else {}
            await JSONResponse({"error": {"message": self.error_message}}, self.fails_with or 500, headers)(
                scope, receive, send
            )
            return
        if self.refuses_prefix and completion["messages"][-1]["role"] == "assistant":
            error = {"error": {"message": "the last message must be the user's"}}
            await JSONResponse(error, 400)(scope, receive, send)
            return
        await self._stream(completion, receive, send)

    def _should_fail(self) -> bool:
        if self.fails_with is None:
            return False
        if self.fails_times is None:
            return True
        self.fails_times -= 1
        return self.fails_times >= 0

    async def _stream(self, completion: dict[str, Any], receive: Receive, send: Send) -> None:
        if not self.delays_status:
            await _send_status(send)
        answer_task = asyncio.create_task(self._answer(completion, send))
        disconnect_task = asyncio.create_task(_wait_for_disconnect(receive))
        try:
            await asyncio.wait({answer_task, disconnect_task}, return_when=asyncio.FIRST_COMPLETED)
            if not answer_task.done():
                self.disconnected_at.append(time.monotonic())
        finally:
            for task in (answer_task, disconnect_task):
                task.cancel()
            results = await asyncio.gather(answer_task, disconnect_task, return_exceptions=True)
        if isinstance(results[0], ConnectionError):
            raise results[0]

    async def _answer(self, completion: dict[str, Any], send: Send) -> None:
        status_is_sent = not self.delays_status
        async for chunk in self._chunks(completion):
            if not status_is_sent:
                await _send_status(send)
                status_is_sent = True
            data = f"data: {json.dumps(chunk)}\n\n".encode()
            await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})

    async def _chunks(self, completion: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        tokens = self._tokens(completion)
        if not self.delays_status:
            yield _chunk(
                completion, [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]
            )
        limit = min(completion.get("max_tokens") or len(tokens), len(tokens))
        for count, token in enumerate(tokens[:limit]):
            if count == self.breaks_after:
                raise ConnectionError("Disconnected, as configured by the test.")
            if count == self.hangs_after:
                await asyncio.Event().wait()
            await asyncio.sleep(self.delay)
            self.emitted_at.append(time.monotonic())
            yield _chunk(completion, [{"index": 0, "delta": {"content": token}, "finish_reason": None}])
        reason = "length" if limit < len(tokens) else "stop"
        yield _chunk(completion, [{"index": 0, "delta": {}, "finish_reason": reason}])
        if completion.get("stream_options", {}).get("include_usage"):
            prompt = sum(len(message["content"].split()) for message in completion["messages"])
            usage = {"prompt_tokens": prompt, "completion_tokens": limit, "total_tokens": prompt + limit}
            yield _chunk(completion, []) | {"usage": usage}

    def _tokens(self, completion: dict[str, Any]) -> list[str]:
        text = self._text_for(completion)
        last = completion["messages"][-1]
        prefix = last["content"] if last["role"] == "assistant" and not self.restarts_answer else ""
        rest = text.removeprefix(prefix) if text.startswith(prefix) else text
        return re.findall(r"\s*\S+", rest)

    def _text_for(self, completion: dict[str, Any]) -> str:
        """Its answer: asked to repeat a line, as the service's probe does, it repeats it."""
        question = next(message["content"] for message in completion["messages"] if message["role"] == "user")
        _, is_probe, line = question.partition("Repeat this line, and write nothing else: ")
        return line if is_probe else self.text


def _chunk(completion: dict[str, Any], choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": "chatcmpl-fake",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": completion["model"],
        "choices": choices,
    }


async def _send_status(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})


async def _wait_for_disconnect(receive: Receive) -> None:
    message: Message = await receive()
    while message["type"] != "http.disconnect":
        message = await receive()


async def _lifespan(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
