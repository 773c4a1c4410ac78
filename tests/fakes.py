"""Small honest fakes: what stands in for the parts that a test cannot have for real."""

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

    It streams `words`, joined by spaces, one word a token, `delay` seconds before each, and stops when its client
    leaves, as llama.cpp and vLLM do. A last assistant message that begins its text is continued, unless it
    `answers_anew`, or `refuses_prefix` and answers 400. With `fails_with` it answers that status instead, with
    `retry_after` as its header and what it `says`, `fails_times` times (None: always). With `breaks_after` the
    connection breaks off after as many tokens, with `hangs_after` nothing comes any more. Its status comes at once, or,
    where it `holds_status`, with the first token. It lists `models`.
    """

    words: Sequence[str] = ("Near", "infrared", "light", "passes", "through", "the", "skull.")
    delay: float = 0
    answers_anew: bool = False
    refuses_prefix: bool = False
    fails_with: int | None = None
    fails_times: int | None = None
    retry_after: str | None = None
    says: str = "not now"
    breaks_after: int | None = None
    hangs_after: int | None = None
    holds_status: bool = False
    models: Sequence[str] = ()
    requests: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    authorizations: list[str] = field(default_factory=list[str])
    emitted_at: list[float] = field(default_factory=list[float])
    left_at: list[float] = field(default_factory=list[float])

    @property
    def text(self) -> str:
        """The whole answer."""
        return " ".join(self.words)

    @property
    def emitted(self) -> int:
        """How many tokens it has sent, in all answers."""
        return len(self.emitted_at)

    @property
    def emitted_after_left(self) -> int:
        """How many tokens it sent after its (last) client had left."""
        return sum(moment > self.left_at[-1] for moment in self.emitted_at) if self.left_at else 0

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
        asked = await request.json()
        self.requests.append(asked)
        self.authorizations.append(request.headers.get("authorization", ""))
        if self._fails_now():
            headers = {"retry-after": self.retry_after} if self.retry_after is not None else {}
            await JSONResponse({"error": {"message": self.says}}, self.fails_with or 500, headers)(scope, receive, send)
            return
        if self.refuses_prefix and asked["messages"][-1]["role"] == "assistant":
            refusal = {"error": {"message": "the last message must be the user's"}}
            await JSONResponse(refusal, 400)(scope, receive, send)
            return
        await self._stream(asked, receive, send)

    def _fails_now(self) -> bool:
        if self.fails_with is None:
            return False
        if self.fails_times is None:
            return True
        self.fails_times -= 1
        return self.fails_times >= 0

    async def _stream(self, asked: dict[str, Any], receive: Receive, send: Send) -> None:
        if not self.holds_status:
            await _send_status(send)
        answering = asyncio.create_task(self._answer(asked, send))
        leaving = asyncio.create_task(_left(receive))
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                self.left_at.append(time.monotonic())
        finally:
            for task in (answering, leaving):
                task.cancel()
            done = await asyncio.gather(answering, leaving, return_exceptions=True)
        if isinstance(done[0], ConnectionError):
            raise done[0]

    async def _answer(self, asked: dict[str, Any], send: Send) -> None:
        status_is_sent = not self.holds_status
        async for chunk in self._chunks(asked):
            if not status_is_sent:
                await _send_status(send)
                status_is_sent = True
            data = f"data: {json.dumps(chunk)}\n\n".encode()
            await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})

    async def _chunks(self, asked: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        tokens = self._tokens(asked)
        if not self.holds_status:
            yield _chunk(asked, [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])
        limit = min(asked.get("max_tokens") or len(tokens), len(tokens))
        for count, token in enumerate(tokens[:limit]):
            if count == self.breaks_after:
                raise ConnectionError("The model server broke off, as the test asked it to.")
            if count == self.hangs_after:
                await asyncio.Event().wait()
            await asyncio.sleep(self.delay)
            self.emitted_at.append(time.monotonic())
            yield _chunk(asked, [{"index": 0, "delta": {"content": token}, "finish_reason": None}])
        reason = "length" if limit < len(tokens) else "stop"
        yield _chunk(asked, [{"index": 0, "delta": {}, "finish_reason": reason}])
        if asked.get("stream_options", {}).get("include_usage"):
            prompt = sum(len(message["content"].split()) for message in asked["messages"])
            usage = {"prompt_tokens": prompt, "completion_tokens": limit, "total_tokens": prompt + limit}
            yield _chunk(asked, []) | {"usage": usage}

    def _tokens(self, asked: dict[str, Any]) -> list[str]:
        last = asked["messages"][-1]
        prefix = last["content"] if last["role"] == "assistant" and not self.answers_anew else ""
        rest = self.text.removeprefix(prefix) if self.text.startswith(prefix) else self.text
        return re.findall(r"\s*\S+", rest)


def _chunk(asked: dict[str, Any], choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": "chatcmpl-fake",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": asked["model"],
        "choices": choices,
    }


async def _send_status(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})


async def _left(receive: Receive) -> None:
    message: Message = await receive()
    while message["type"] != "http.disconnect":
        message = await receive()


async def _lifespan(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
