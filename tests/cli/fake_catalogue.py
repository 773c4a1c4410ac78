"""A fake catalogue of models and the server of its model files."""

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

BLOCK = 8192


@dataclass
class FakeCatalogue:
    """One model. Without `ranges` the server ignores ranges. With `breaks_after` each response breaks off after that
    many bytes, `breaks_times` times (None: always). With `waits_after` a response stalls after that many bytes."""

    content: bytes = bytes(range(256)) * 1000
    file: str = "small.gguf"
    ranges: bool = True
    breaks_after: int | None = None
    breaks_times: int | None = None
    waits_after: int | None = None
    status: int = 200
    entry: dict[str, Any] = field(default_factory=dict[str, Any])
    requested_offsets: list[int] = field(default_factory=list[int])

    def app(self) -> Starlette:
        """The server of the catalogue and of the model file."""
        return Starlette(
            routes=[Route("/models/models3.json", self._catalogue), Route("/models/gguf/{file}", self._model)]
        )

    async def _catalogue(self, _request: Request) -> Response:
        model = {
            "order": "a",
            "name": "Small Model",
            "filename": self.file,
            "filesize": str(len(self.content)),
            "md5sum": hashlib.md5(self.content).hexdigest(),
            "ramrequired": "8",
            **self.entry,
        }
        embedder = {**model, "name": "Embedder", "filename": "embedder.gguf", "embeddingModel": True}
        outside = {**model, "name": "Outside", "filename": "../outside.gguf"}
        return JSONResponse([model, embedder, outside, {"name": "another kind of entry"}])

    async def _model(self, request: Request) -> Response:
        if self.status != 200:
            return PlainTextResponse("no", self.status)
        range_header = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
        first = int(range_header[1]) if range_header and self.ranges else 0
        self.requested_offsets.append(first)
        if range_header and self.ranges:
            headers = {"content-range": f"bytes {first}-{len(self.content) - 1}/{len(self.content)}"}
            return StreamingResponse(self._bytes(first), 206, headers)
        return StreamingResponse(self._bytes(first))

    async def _bytes(self, first: int) -> AsyncGenerator[bytes]:
        for position in range(first, len(self.content), BLOCK):
            if self.breaks_after is not None and position - first >= self.breaks_after and self._should_break():
                raise ConnectionError("Disconnected, as configured by the test.")
            if self.waits_after is not None and position >= self.waits_after:
                await asyncio.Event().wait()
            yield self.content[position : position + BLOCK]

    def _should_break(self) -> bool:
        if self.breaks_times is None:
            return True
        self.breaks_times -= 1
        return self.breaks_times >= 0
